//! `report.md` and `report.html` of a result: one file each, no network, charts as SVG.

pub mod figures;
#[cfg(test)]
pub(super) mod testing;

use super::{
    import::{IMPORTED, Imported},
    live::Series,
    results::{self, Header, REQUESTS, SUMMARY},
    series::{self, SERIES},
    summary::Summary,
};
use crate::{
    base::{Lang, Problem},
    said,
};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
};

/// What `bench report` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Files written.
    pub files: Vec<PathBuf>,
    /// The run had ended; false: it was killed, and the report holds what it had measured.
    pub complete: bool,
}

/// Finishes the folder of a run or series that was killed, and writes its reports, in English.
///
/// # Errors
/// A folder that holds no result, files that cannot be written.
pub fn write(dir: &Path) -> Result<Written, Problem> {
    write_in(dir, Lang::En)
}

/// As [`write`], in `lang`.
///
/// # Errors
/// As [`write`].
pub fn write_in(dir: &Path, lang: Lang) -> Result<Written, Problem> {
    let _ = (dir, lang);
    Err(Problem::failed("bench.report", said!("not built yet", "尚未实现")))
}

/// Makes everything in `dir` that follows from its requests.
pub(super) fn finish(dir: &Path) -> Result<Summary, Problem> {
    results::recompute(dir)
}

/// The summary in `dir`; made from its requests where it is missing, or of another version.
pub(super) fn summary_of(dir: &Path) -> Result<Summary, Problem> {
    let written = fs::read(dir.join(SUMMARY)).ok().and_then(|text| serde_json::from_slice(&text).ok());
    written.map_or_else(|| finish(dir), Ok)
}

/// The first line of its requests.
pub(super) fn header_of(dir: &Path) -> Result<Header, Problem> {
    let path = dir.join(REQUESTS);
    let mut line = String::new();
    let read = fs::File::open(&path).and_then(|file| BufReader::new(file).read_line(&mut line)).map_err(|e| e.to_string());
    read.and_then(|_| serde_json::from_str(&line).map_err(|e| e.to_string())).map_err(|error| {
        Problem::bad_input("bench.result_unreadable", said!("the result cannot be read: {error}", "无法读取结果：{error}")).file(path)
    })
}

/// The series in `dir`.
pub(super) fn series_of(dir: &Path) -> Result<Series, Problem> {
    series::read(dir).or_else(|problem| {
        let text = fs::read(dir.join(SERIES)).map_err(|_| problem.clone())?;
        serde_json::from_slice(&text).map_err(|_| problem)
    })
}

/// The imported result in `dir`.
pub(super) fn imported_of(dir: &Path) -> Result<Imported, Problem> {
    let path = dir.join(IMPORTED);
    let text = fs::read(&path).map_err(|e| e.to_string());
    text.and_then(|text| serde_json::from_slice(&text).map_err(|e| e.to_string())).map_err(|error| {
        Problem::bad_input("bench.result_unreadable", said!("the result cannot be read: {error}", "无法读取结果：{error}")).file(path)
    })
}
