//! Recorded arrivals: JSON lines as Mooncake publishes them, or `BurstGPT`'s CSV.
//!
//! A JSON line has `timestamp` (ms) and may have `input_length`, `output_length` (tokens) and `hash_ids`: one id per block of
//! [`BLOCK`] prompt tokens; prompts with equal ids share these blocks (Mooncake's `FAST25` traces). The CSV is known by its heading:
//! `Timestamp` (s), and may have `Request tokens` and `Response tokens`. Other fields are ignored. Time zero is the first arrival.

use crate::{base::Problem, said};
use serde::Deserialize;
use std::{fs, path::Path};

/// Prompt tokens that one of a trace's hash ids stands for.
pub const BLOCK: u32 = 512;

/// One recorded arrival.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// When, µs from the first, at the speed asked for.
    pub at_us: u64,
    /// Prompt tokens.
    pub input_len: Option<u32>,
    /// Output tokens.
    pub output_len: Option<u32>,
    /// One id per block of [`BLOCK`] prompt tokens.
    pub blocks: Box<[u64]>,
}

/// A recorded trace, in order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Line {
    timestamp: f64,
    input_length: Option<u32>,
    output_length: Option<u32>,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

impl Trace {
    /// Reads a trace to be played `speed` times as fast.
    ///
    /// # Errors
    /// When it cannot be read, has no arrival, or has a row that is none: with its line.
    pub fn read(path: &Path, speed: f64) -> Result<Self, Problem> {
        let text = fs::read_to_string(path).map_err(|error| {
            Problem::bad_input("bench.trace_unreadable", said!("the trace cannot be read: {error}", "无法读取轨迹文件：{error}"))
                .file(path)
                .field("load.trace.path")
        })?;
        let text = text.trim_start_matches('\u{feff}');
        let bad = |line: u64, why: crate::base::Said| {
            Problem::bad_input("bench.trace_row", why).file(path).line(line).fix(said!(
                "a row is JSON with timestamp (ms), or CSV under a heading with Timestamp (s)",
                "每行应为含 timestamp（毫秒）的 JSON，或表头含 Timestamp（秒）的 CSV"
            ))
        };
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).peekable();
        let json = lines.peek().is_none_or(|(_, line)| line.trim_start().starts_with('{'));
        // Time in seconds with the row it belongs to.
        let mut rows = Vec::new();
        if json {
            for (number, line) in lines {
                let line: Line = serde_json::from_str(line)
                    .map_err(|error| bad(number, said!("no arrival can be read here: {error}", "无法读取到达记录：{error}")))?;
                let (input_len, output_len) = (line.input_length, line.output_length);
                let row = Row { at_us: 0, input_len, output_len, blocks: line.hash_ids.into_boxed_slice() };
                rows.push((number, line.timestamp / 1e3, row));
            }
        } else if let Some((number, heading)) = lines.next() {
            let columns: Vec<&str> = heading.split(',').map(|name| name.trim().trim_matches('"')).collect();
            let column = |name: &str| columns.iter().position(|c| c.eq_ignore_ascii_case(name));
            let (Some(at), input, output) = (column("Timestamp"), column("Request tokens"), column("Response tokens")) else {
                return Err(bad(number, said!("the heading has no column Timestamp", "表头没有 Timestamp 列")));
            };
            for (number, line) in lines {
                let fields: Vec<&str> = line.split(',').map(|field| field.trim().trim_matches('"')).collect();
                let number_in = |column: usize, name: &str| {
                    let text = fields.get(column).copied().unwrap_or_default();
                    text.parse::<f64>().map_err(|_| bad(number, said!("{name} is no number: {text:?}", "{name} 不是数字：{text:?}")))
                };
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates; bounds are looked at below")]
                let tokens = |column: Option<usize>, name: &str| {
                    column.map(|column| number_in(column, name).map(|tokens| tokens as u32)).transpose()
                };
                let (input_len, output_len) = (tokens(input, "Request tokens")?, tokens(output, "Response tokens")?);
                rows.push((number, number_in(at, "Timestamp")?, Row { input_len, output_len, ..Row::default() }));
            }
        }
        for (number, at_s, row) in &rows {
            if !at_s.is_finite() {
                return Err(bad(*number, said!("the time is not finite", "时间不是有限数")));
            }
            if row.input_len.into_iter().chain(row.output_len).any(|tokens| tokens > 4_000_000) {
                return Err(bad(*number, said!("a length beyond 4000000 tokens", "长度超过 4000000 个词元")));
            }
        }
        let Some(first) = rows.iter().map(|(_, at_s, _)| *at_s).reduce(f64::min) else {
            return Err(Problem::bad_input("bench.trace_empty", said!("the trace holds no arrival", "轨迹文件中没有到达记录")).file(path));
        };
        let mut rows: Vec<Row> = rows.into_iter().map(|(_, at_s, row)| Row { at_us: super::us((at_s - first) / speed), ..row }).collect();
        // Some traces are written as requests ended.
        rows.sort_by_key(|row| row.at_us);
        Ok(Self { rows })
    }

    /// The arrivals, in order.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
}
