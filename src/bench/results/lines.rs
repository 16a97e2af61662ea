//! Files of JSON lines: a header, then one thing a line; a torn last line is left out.

use super::{EVENTS, End, EndLine, Header, REQUESTS, SECONDS, SERVER};
use crate::{
    base::{Problem, clock::Epoch},
    bench::{
        live::{Event, Fact, Second, ServerSample},
        record::Record,
    },
    said,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
};

/// First line of `events.jsonl` and `server.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesHeader {
    /// `dcudeck.bench.events/1`, `dcudeck.bench.server/1`.
    pub schema: String,
    /// Zero of every time in the file.
    pub epoch: Epoch,
}

/// Lines of a file, one after another.
pub(super) struct Lines {
    path: PathBuf,
    input: BufReader<File>,
    text: Vec<u8>,
    number: u64,
    read: u64,
}

impl Lines {
    pub(super) fn open(path: PathBuf) -> Result<Self, Problem> {
        match File::open(&path) {
            Ok(file) => Ok(Self { input: BufReader::with_capacity(1 << 18, file), path, text: Vec::new(), number: 0, read: 0 }),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// The next line and whether it is whole; `None` at the end.
    fn next(&mut self) -> Result<Option<(&[u8], bool)>, Problem> {
        self.text.clear();
        let bytes = self.input.read_until(b'\n', &mut self.text).map_err(|e| unreadable(&self.path, &e))?;
        if bytes == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.read += bytes as u64;
        Ok(Some((&self.text, self.text.last() == Some(&b'\n'))))
    }

    /// The next line as what it holds; `None` at the end, and at half a line: a process killed while writing leaves one, and nothing
    /// after it.
    fn parse<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Problem> {
        let Some((text, whole)) = self.next()? else { return Ok(None) };
        match serde_json::from_slice(text) {
            Ok(value) => Ok(Some(value)),
            Err(_) if !whole => Ok(None),
            Err(error) => Err(self.damaged(&error)),
        }
    }

    fn damaged(&self, error: &serde_json::Error) -> Problem {
        Problem::bad_input(
            "bench.result_damaged",
            said!("this line of the result cannot be understood: {error}", "结果中的这一行无法解析：{error}"),
        )
        .file(&self.path)
        .line(self.number)
    }
}

/// What a line of `requests.jsonl` after the first is.
enum Line {
    Record(Box<Record>),
    End(End),
}

/// The finished requests of a result, one after another: the first can be shown while the last are still read.
pub struct Records {
    lines: Lines,
    header: Header,
    end: Option<End>,
    bytes: u64,
}

impl Records {
    /// Those of the result in `dir`.
    ///
    /// # Errors
    /// When there is no first line, or it cannot be read.
    pub fn open(dir: &Path) -> Result<Self, Problem> {
        let mut lines = Lines::open(dir.join(REQUESTS))?;
        let header = first(&mut lines)?;
        let bytes = lines.input.get_ref().metadata().map_or(0, |meta| meta.len());
        Ok(Self { lines, header, end: None, bytes })
    }

    /// The first line: what was asked and found out.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Share of the file that was read, percent.
    #[must_use]
    pub fn read_pct(&self) -> f64 {
        if self.bytes == 0 { 100.0 } else { (self.lines.read as f64 * 100.0 / self.bytes as f64).min(100.0) }
    }

    /// The next one, weighed, without arrivals that are kept elsewhere; `None` after the last.
    ///
    /// # Errors
    /// When the file cannot be read, or a line other than a torn last one is not what it should be.
    pub fn next_record(&mut self) -> Result<Option<Record>, Problem> {
        while let Some((text, whole)) = self.lines.next()? {
            let parsed = if text.starts_with(b"{\"end\":") {
                serde_json::from_slice(text).map(|line: EndLine| Line::End(line.end))
            } else {
                serde_json::from_slice(text).map(Line::Record)
            };
            match parsed {
                Ok(Line::Record(mut record)) => {
                    if !record.gaps_us.is_empty() {
                        record.weigh();
                    }
                    return Ok(Some(*record));
                }
                Ok(Line::End(found)) => self.end = Some(found),
                Err(_) if !whole => break,
                Err(error) => return Err(self.lines.damaged(&error)),
            }
        }
        Ok(None)
    }
}

/// Reads `requests.jsonl`: header, each record weighed, end.
pub(super) fn records(dir: &Path, mut each: impl FnMut(&Header, Record)) -> Result<(Header, Option<End>), Problem> {
    let mut records = Records::open(dir)?;
    while let Some(record) = records.next_record()? {
        each(&records.header, record);
    }
    Ok((records.header, records.end))
}

fn first(lines: &mut Lines) -> Result<Header, Problem> {
    lines.parse()?.ok_or_else(|| {
        Problem::bad_input("bench.result_empty", said!("the result has no first line: the run never began", "结果没有首行：测试未曾开始"))
            .file(&lines.path)
    })
}

/// The first line of the result in `dir`: what was asked and found out.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn header(dir: &Path) -> Result<Header, Problem> {
    first(&mut Lines::open(dir.join(REQUESTS))?)
}

/// Everything after the first line of a file; nothing when there is no such file.
fn rest<T: DeserializeOwned>(path: PathBuf, mut each: impl FnMut(T)) -> Result<(), Problem> {
    if !path.exists() {
        return Ok(());
    }
    let mut lines = Lines::open(path)?;
    if lines.next()?.is_none() {
        return Ok(());
    }
    while let Some(value) = lines.parse()? {
        each(value);
    }
    Ok(())
}

/// The marks on the time axis; none when the result has no such file.
///
/// # Errors
/// When the file cannot be read.
pub fn events(dir: &Path) -> Result<Vec<Event>, Problem> {
    let mut all = Vec::new();
    rest(dir.join(EVENTS), |event| all.push(event))?;
    Ok(all)
}

/// What the servers said of themselves; none when they were not scraped.
///
/// # Errors
/// When the file cannot be read.
pub fn server(dir: &Path) -> Result<Vec<ServerSample>, Problem> {
    let mut all = Vec::new();
    rest(dir.join(SERVER), |sample| all.push(sample))?;
    Ok(all)
}

/// What one server, by its place in [`Setup::servers`](super::Setup::servers), said of itself from one moment to another, µs since the
/// run's start; a long run's other hours are read past.
///
/// # Errors
/// When the file cannot be read.
pub fn server_within(dir: &Path, server: u16, from_us: u64, until_us: u64) -> Result<Vec<ServerSample>, Problem> {
    let mut kept = Vec::new();
    rest(dir.join(SERVER), |sample: ServerSample| {
        if sample.server == server && (from_us..=until_us).contains(&sample.at_us) {
            kept.push(sample);
        }
    })?;
    Ok(kept)
}

/// The seconds of the run, warm-up included.
///
/// # Errors
/// When the file cannot be read.
pub fn seconds(dir: &Path) -> Result<Vec<Second>, Problem> {
    let mut all = Vec::new();
    rest(dir.join(SECONDS), |fact| {
        if let Fact::Second(second) = fact {
            all.push(second);
        }
    })?;
    Ok(all)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::bad_input("bench.result_unreadable", said!("the result cannot be read: {error}", "无法读取结果：{error}")).file(path)
}
