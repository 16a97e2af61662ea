//! Matrices and searches: load tests one after another, from one job, resumable.
//!
//! A series has a folder with [`SERIES`], renewed whole after every change, and below `cells/KEY/` one whole result a cell. What is in
//! the file as done is done; a cell that was cut is moved aside (`KEY.cut-1`) and measured again, so nothing is counted twice.

mod cells;
mod findings;
mod plan;
mod run;
mod search;
mod state;
#[cfg(test)]
mod tests;

pub use findings::{Finding, findings};
pub(super) use run::run;
pub(super) use state::Wheel;

use super::{
    live::{Cell, Series, SeriesKind},
    spec::Spec,
    worker,
};
use crate::{
    base::{Lang, Problem, clock},
    jobs::{self, Job},
    said,
    workspace::{Workspace, write_whole},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// File with the state of a series, renewed whole after every step.
pub const SERIES: &str = "series.json";
/// Folder of a series that holds the cells' results, each in a folder named by its key.
pub const CELLS: &str = "cells";

/// What [`SERIES`] holds: a [`Series`] and what is needed to go on with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// `dcudeck.bench.series/1`.
    pub schema: String,
    /// When it was begun, RFC 3339 UTC.
    pub started_at: String,
    /// Model name sent in requests, once it is known.
    #[serde(default)]
    pub model: Option<String>,
    /// The load test with its matrix or search, as asked.
    pub spec: Spec,
    /// How far it is.
    #[serde(flatten)]
    pub series: Series,
}

impl Saved {
    /// A series that has not begun.
    fn new(dir: &Path, spec: &Spec) -> Self {
        let (kind, cells) = match &spec.matrix {
            Some(matrix) => (SeriesKind::Matrix, plan::cells(spec, matrix)),
            None => (SeriesKind::Search, Vec::new()),
        };
        let dir = dir.to_path_buf();
        let series = Series { kind, dir, current: None, waiting_for: String::new(), cells, best: None, knee: None, over: false };
        let (schema, started_at) = ("dcudeck.bench.series/1".to_owned(), clock::now_rfc3339());
        Self { schema, started_at, model: spec.target.model.clone(), spec: spec.clone(), series }
    }

    fn write(&self) -> Result<(), Problem> {
        let path = self.series.dir.join(SERIES);
        let failed = |error: &dyn std::fmt::Display| {
            Problem::failed("bench.result_unwritable", said!("the series cannot be written: {error}", "无法写入系列结果：{error}"))
                .file(&path)
                .fix(said!("check space and permissions of the folder", "请检查文件夹的空间与权限"))
        };
        let mut text = serde_json::to_vec_pretty(self).map_err(|e| failed(&e))?;
        text.push(b'\n');
        write_whole(&path, &text).map_err(|e| failed(&e))
    }
}

/// Writes the plan of a series into its folder.
pub(super) fn begin(dir: &Path, spec: &Spec) -> Result<(), Problem> {
    Saved::new(dir, spec).write()
}

/// The series in `dir` as it was written last.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn read(dir: &Path) -> Result<Series, Problem> {
    saved(dir).map(|saved| saved.series)
}

/// As [`read`], with what was asked.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn saved(dir: &Path) -> Result<Saved, Problem> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let path = dir.join(SERIES);
    let text = fs::read(&path).map_err(|error| {
        Problem::bad_input("bench.no_series", said!("there is no matrix or search: {error}", "此处没有矩阵或搜索：{error}"))
            .file(&path)
            .fix(said!("give the folder of one", "请给出其结果文件夹"))
    })?;
    let mut saved: Saved = serde_json::from_slice(&text).map_err(|error| {
        Problem::bad_input("bench.series_unreadable", said!("the series cannot be read: {error}", "无法读取系列结果：{error}")).file(&path)
    })?;
    // The folder may have been moved.
    saved.series.dir = dir;
    Ok(saved)
}

/// The load tests a matrix will run, one a cell, in their order; of a search, whose steps follow from one another, nothing.
#[must_use]
pub fn planned(spec: &Spec) -> Vec<Spec> {
    let cells = spec.matrix.as_ref().map(|matrix| plan::cells(spec, matrix)).unwrap_or_default();
    cells.iter().map(|cell| plan::spec_of(spec, cell, 0, None)).collect()
}

/// Folder of a cell's result.
#[must_use]
pub fn cell_dir(dir: &Path, key: &str) -> PathBuf {
    dir.join(CELLS).join(key)
}

/// Goes on with the series in `dir` as a new job of `workspace`: cells that are done or were left out stay, one that was cut or failed is
/// measured again, its folder moved aside.
///
/// # Errors
/// When there is no series in it, when a job still works on it, or no job can be started.
pub fn resume(workspace: &Workspace, dir: &Path) -> Result<Job, Problem> {
    let saved = saved(dir)?;
    free(workspace, &saved.series.dir)?;
    worker::resume(workspace, &saved.spec, &saved.series.dir)
}

/// Sets cells of a series that no job works on to be measured again, or (`skip`) to be left out, by the next [`resume`].
///
/// # Errors
/// When a key is none of its cells', or as [`resume`].
pub fn mark(workspace: &Workspace, dir: &Path, keys: &[String], skip: bool) -> Result<(), Problem> {
    let mut saved = saved(dir)?;
    free(workspace, &saved.series.dir)?;
    if let Some(key) = keys.iter().find(|key| !saved.series.cells.iter().any(|cell| cell.key == **key)) {
        let near = saved.series.cells.iter().take(3).map(|cell| cell.key.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Problem::bad_input("bench.no_cell", said!("the series has no cell {key}", "该系列没有单元 {key}"))
            .file(saved.series.dir.join(SERIES))
            .field(key.clone())
            .fix(said!("keys are such as {near}", "单元键形如 {near}")));
    }
    // Nothing is touched before every key is known.
    for cell in saved.series.cells.iter_mut().filter(|cell| keys.contains(&cell.key)) {
        state::reset(cell, skip);
        if !skip {
            cells::aside(&cell_dir(&saved.series.dir, &cell.key), "old")?;
        }
    }
    saved.series.over = false;
    saved.write()
}

/// Nobody works on the series in `dir`.
fn free(workspace: &Workspace, dir: &Path) -> Result<(), Problem> {
    let works = |job: &Job| !job.state().ended() && worker::result_dir(job).is_ok_and(|of| of == dir);
    if let Some(job) = jobs::list(workspace).into_iter().find(works) {
        let id = job.id();
        return Err(Problem::bad_input("bench.series_runs", said!("the job {id} still works on it", "任务 {id} 仍在运行该系列"))
            .file(dir)
            .fix(said!("watch it, or stop it first", "请查看该任务，或先停止它")));
    }
    Ok(())
}

/// The `dcudeck.bench.matrix/1` document.
#[must_use]
pub fn matrix_document(series: &Series) -> Value {
    json!({
        "schema": "dcudeck.bench.matrix/1",
        "result_dir": series.dir,
        "over": series.over,
        "cells": series.cells.iter().map(document).collect::<Vec<_>>(),
        "findings": told(series),
    })
}

/// The `dcudeck.bench.search/1` document. `slo` is read from the folder of the series; without one it is null.
#[must_use]
pub fn search_document(series: &Series) -> Value {
    let named = |key: &Option<String>| series.cells.iter().find(|cell| Some(&cell.key) == key.as_ref()).map(document);
    json!({
        "schema": "dcudeck.bench.search/1",
        "result_dir": series.dir,
        "over": series.over,
        "best": named(&series.best),
        "knee": named(&series.knee),
        "steps": series.cells.iter().map(document).collect::<Vec<_>>(),
        "slo": saved(&series.dir).ok().map(|saved| saved.spec.slo),
        "findings": told(series),
    })
}

/// The document of a series, whichever of the two it is.
#[must_use]
pub fn document_of(series: &Series) -> Value {
    match series.kind {
        SeriesKind::Matrix => matrix_document(series),
        SeriesKind::Search => search_document(series),
    }
}

/// A cell in a document: of `concurrency` and `rate` only the one it has.
fn document(cell: &Cell) -> Value {
    let mut out = serde_json::to_value(cell).unwrap_or_default();
    if let Some(fields) = out.as_object_mut() {
        fields.retain(|name, value| !(value.is_null() && matches!(name.as_str(), "concurrency" | "rate")));
    }
    out
}

fn told(series: &Series) -> Vec<Value> {
    findings(series).iter().map(|finding| json!({"text": finding.text.get(Lang::En), "cell": finding.cell})).collect()
}
