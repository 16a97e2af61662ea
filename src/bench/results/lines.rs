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
}

impl Lines {
    pub(super) fn open(path: PathBuf) -> Result<Self, Problem> {
        match File::open(&path) {
            Ok(file) => Ok(Self { input: BufReader::with_capacity(1 << 18, file), path, text: Vec::new(), number: 0 }),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// The next line and whether it is whole; `None` at the end.
    fn next(&mut self) -> Result<Option<(&[u8], bool)>, Problem> {
        self.text.clear();
        if self.input.read_until(b'\n', &mut self.text).map_err(|e| unreadable(&self.path, &e))? == 0 {
            return Ok(None);
        }
        self.number += 1;
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

/// Reads `requests.jsonl`: header, each record weighed, end.
pub(super) fn records(lines: &mut Lines, mut each: impl FnMut(&Header, Record)) -> Result<(Header, Option<End>), Problem> {
    let header: Option<Header> = lines.parse()?;
    let header = header.ok_or_else(|| {
        Problem::bad_input("bench.result_empty", said!("the result has no first line: the run never began", "结果没有首行：测试未曾开始"))
            .file(&lines.path)
    })?;
    let mut end = None;
    while let Some((text, whole)) = lines.next()? {
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
                each(&header, *record);
            }
            Ok(Line::End(found)) => end = Some(found),
            Err(_) if !whole => break,
            Err(error) => return Err(lines.damaged(&error)),
        }
    }
    Ok((header, end))
}

/// The first line of the result in `dir`: what was asked and found out.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn header(dir: &Path) -> Result<Header, Problem> {
    let mut lines = Lines::open(dir.join(REQUESTS))?;
    let parsed = lines.parse()?;
    parsed.ok_or_else(|| {
        Problem::bad_input("bench.result_empty", said!("the result has no first line: the run never began", "结果没有首行：测试未曾开始"))
            .file(dir.join(REQUESTS))
    })
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
