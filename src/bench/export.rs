//! A result in other tools' formats.

use super::{
    record::Record,
    results::{self, HISTOGRAMS, VLLM085},
};
use crate::{base::Problem, said, workspace::write_whole};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// Formats of `bench export`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One line a request.
    Csv,
    /// vLLM 0.8.5's benchmark JSON.
    Vllm,
    /// `HdrHistogram` interval log.
    Hlog,
}

/// Writes the result in `dir` as `format` to `out` (else beside it) and says where.
///
/// # Errors
/// A result that cannot be read, a file that cannot be written.
pub fn export(dir: &Path, format: Format, out: Option<&Path>) -> Result<Vec<PathBuf>, Problem> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    if !dir.join(results::REQUESTS).exists() {
        let problem = Problem::bad_input("bench.export", said!("this folder holds no requests to export", "该文件夹没有可导出的请求"));
        return Err(problem.file(dir).fix(said!("of a series give a cell: DIR/cells/KEY", "若为一组压测，请给出单元：DIR/cells/KEY")));
    }
    let (name, text) = match format {
        Format::Csv => ("requests.csv", csv(&dir)?.into_bytes()),
        Format::Vllm => (VLLM085, from_folder(&dir, VLLM085)?),
        Format::Hlog => (HISTOGRAMS, from_folder(&dir, HISTOGRAMS)?),
    };
    let path = match out {
        Some(out) if out.is_dir() => out.join(name),
        Some(out) => out.to_path_buf(),
        None => dir.join(name),
    };
    // What already lies there is not written over itself.
    if path != dir.join(name) || format == Format::Csv {
        write_whole(&path, &text).map_err(|error| {
            Problem::failed("bench.export_unwritable", said!("the export cannot be written: {error}", "无法写入导出文件：{error}"))
                .file(&path)
        })?;
    }
    Ok(vec![path])
}

/// A file that follows from the requests: as it is, or made again where it is missing.
fn from_folder(dir: &Path, name: &str) -> Result<Vec<u8>, Problem> {
    let path = dir.join(name);
    if !path.exists() {
        results::recompute(dir)?;
    }
    fs::read(&path).map_err(|error| {
        Problem::failed("bench.export", said!("{name} cannot be made of this result: {error}", "无法从该结果生成 {name}：{error}"))
            .file(path)
    })
}

/// The columns, times in µs since the run's start. `ttft_ms` and what follows it are durations from `sent_us`.
const COLUMNS: &str = "number,warmup,route,turn,planned_us,started_us,sent_us,first_us,answer_us,last_us,end_us,status,prompt_tokens,\
                       output_tokens,arrivals,ttft_ms,tpot_ms,e2el_ms,longest_gap_ms,send_lag_ms,finish,error_class,error";

/// One line a request, as RFC 4180 has it: lines end with CRLF, a field with a comma, a quote or a line end is quoted.
fn csv(dir: &Path) -> Result<String, Problem> {
    let mut text = format!("{COLUMNS}\r\n");
    results::read(dir, |header, record| {
        let route = header.setup.routes.get(usize::from(record.route)).map_or_else(|| record.route.to_string(), |r| r.name.clone());
        line(&mut text, &record, &route);
    })?;
    Ok(text)
}

fn line(text: &mut String, record: &Record, route: &str) {
    let whole = |value: Option<u64>| value.map(|v| v.to_string()).unwrap_or_default();
    let ms = |us: Option<f64>| us.map(|us| format!("{:.3}", us / 1e3)).unwrap_or_default();
    let lag = record.sent_us.map(|sent| sent.saturating_sub(record.planned_us) as f64);
    let (class, error) = record.error.as_ref().map_or(("", ""), |e| (e.class.word(), e.message.as_str()));
    let fields = [
        record.i.to_string(),
        record.warmup.to_string(),
        quoted(route),
        record.turn.to_string(),
        record.planned_us.to_string(),
        record.started_us.to_string(),
        whole(record.sent_us),
        whole(record.first_us),
        whole(record.answer_us),
        whole(record.last_us),
        record.end_us.to_string(),
        record.status.map(|s| s.to_string()).unwrap_or_default(),
        whole(record.prompt_tokens),
        record.output_tokens.to_string(),
        record.arrival_count.to_string(),
        ms(record.ttft_us().map(|us| us as f64)),
        ms(record.tpot_us()),
        ms(record.e2el_us().map(|us| us as f64)),
        ms(record.longest_gap_us.map(|us| us as f64)),
        ms(lag),
        quoted(record.finish.as_deref().unwrap_or_default()),
        class.to_owned(),
        quoted(error),
    ];
    let _ = write!(text, "{}\r\n", fields.join(","));
}

/// Quoted where it must be. A field that a spreadsheet would take for a formula gets an apostrophe before it: the text came from a server.
fn quoted(field: &str) -> String {
    let field = if field.starts_with(['=', '+', '-', '@']) { format!("'{field}") } else { field.to_owned() };
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

#[cfg(test)]
mod tests;
