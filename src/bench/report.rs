//! `report.md` and `report.html` of a result: one file each, no network, charts as SVG.

mod charts;
mod document;
pub mod figures;
mod gather;
mod run;
mod series;
mod svg;
#[cfg(test)]
pub(super) mod testing;
mod versus;

use super::{
    compare, history,
    import::{IMPORTED, Imported},
    live::{CellState, Series},
    results::{self, REQUESTS, StoppedBy, VLLM085},
    series::SERIES,
    summary::Summary,
};
use crate::{
    base::{Lang, Problem},
    said,
    workspace::write_whole,
};
use document::Block;
use gather::Gathered;
use std::{
    fs,
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

/// As [`write()`], in `lang`.
///
/// # Errors
/// As [`write()`].
pub fn write_in(dir: &Path, lang: Lang) -> Result<Written, Problem> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let (title, blocks, complete) = if dir.join(IMPORTED).exists() {
        let imported = imported_of(&dir)?;
        (imported.model.clone(), series::imported(&imported, lang), true)
    } else if dir.join(SERIES).exists() {
        let series = series_of(&dir)?;
        finish_cells(&dir, &series)?;
        (series::title(&series, lang), series::blocks(&series, &findings(&series, lang), lang), series.over)
    } else {
        let run = run_of(&dir)?;
        (run::title(&run, lang), run::blocks(&run, lang), run.complete)
    };
    let files = write_blocks(&dir, &title, &blocks, lang)?;
    Ok(Written { files, complete })
}

/// Writes the report of `comparisons`, which have one base, to `file`: HTML or Markdown by its name's end.
///
/// # Errors
/// A file whose name ends otherwise, or that cannot be written.
pub fn write_comparison(comparisons: &[compare::Comparison], file: &Path, lang: Lang) -> Result<(), Problem> {
    let blocks = versus::blocks(comparisons, lang);
    let text = match file.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("html" | "htm") => document::html(&blocks, &versus::title(comparisons, lang), tag(lang)),
        Some("md") => document::markdown(&blocks),
        _ => {
            return Err(Problem::bad_input("bench.report", said!("a report is .html or .md", "报告须为 .html 或 .md")).file(file));
        }
    };
    write_text(file, &text)
}

const fn tag(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "en",
        Lang::Zh => "zh-CN",
    }
}

fn write_text(path: &Path, text: &str) -> Result<(), Problem> {
    write_whole(path, text.as_bytes()).map_err(|error| {
        Problem::failed("bench.report", said!("the report cannot be written: {error}", "无法写入报告：{error}")).file(path)
    })
}

fn write_blocks(dir: &Path, title: &str, blocks: &[Block], lang: Lang) -> Result<Vec<PathBuf>, Problem> {
    let texts = [("report.md", document::markdown(blocks)), ("report.html", document::html(blocks, title, tag(lang)))];
    let mut files = Vec::with_capacity(texts.len());
    for (name, text) in texts {
        let path = dir.join(name);
        write_text(&path, &text)?;
        files.push(path);
    }
    Ok(files)
}

fn run_of(dir: &Path) -> Result<run::Run, Problem> {
    let summary = summary_of(dir)?;
    let vllm = fs::read(dir.join(VLLM085)).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let before = history::workspace_of(dir).and_then(|workspace| compare::regression(&workspace, dir));
    // An older result that cannot be read any more is no reason to write no report.
    let before = before.and_then(|comparison| Gathered::read(&comparison.base).ok().map(|gathered| (comparison, gathered)));
    let complete = summary.stopped_by != StoppedBy::Killed;
    Ok(run::Run { summary, gathered: Gathered::read(dir)?, vllm, before, complete })
}

/// Cells that were under way when a series was killed get the summary of what they had measured.
fn finish_cells(dir: &Path, series: &Series) -> Result<(), Problem> {
    for cell in series.cells.iter().filter(|cell| !matches!(cell.state, CellState::Waiting | CellState::Skipped)) {
        let cell = dir.join("cells").join(&cell.key);
        if cell.join(REQUESTS).exists() {
            summary_of(&cell)?;
        }
    }
    Ok(())
}

/// What a series shows, in sentences.
fn findings(series: &Series, lang: Lang) -> Vec<String> {
    super::series::findings(series).into_iter().map(|finding| finding.text.get(lang).to_owned()).collect()
}

/// The summary in `dir`; made from its requests where it is missing, or of another version.
pub(super) fn summary_of(dir: &Path) -> Result<Summary, Problem> {
    results::finish(dir).map(|(summary, _)| summary).map_err(|problem| {
        if dir.join(REQUESTS).exists() {
            return problem;
        }
        Problem::bad_input("bench.no_result", said!("this folder holds no result", "该文件夹没有测试结果")).file(dir)
    })
}

/// The series in `dir`.
pub(super) fn series_of(dir: &Path) -> Result<Series, Problem> {
    super::series::read(dir).or_else(|problem| {
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

#[cfg(test)]
mod tests;
