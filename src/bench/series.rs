//! Matrices and searches: load tests one after another, from one job, resumable.

use super::live::Series;
use crate::{base::Problem, said};
use std::path::Path;

/// File with the state of a series, renewed whole after every step.
pub const SERIES: &str = "series.json";

/// The series in `dir` as it was written last.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn read(dir: &Path) -> Result<Series, Problem> {
    let _ = dir;
    Err(Problem::failed("bench.series", said!("not built yet", "尚未实现")))
}

/// Goes on with the series in `dir`, as a job of `workspace`.
///
/// # Errors
/// When there is no series in it.
pub fn resume(workspace: &crate::workspace::Workspace, dir: &Path) -> Result<crate::jobs::Job, Problem> {
    let _ = (workspace, dir);
    Err(Problem::failed("bench.series", said!("not built yet", "尚未实现")))
}

/// The `dcudeck.bench.matrix/1` document.
#[must_use]
pub fn matrix_document(series: &Series) -> serde_json::Value {
    serde_json::json!({ "schema": "dcudeck.bench.matrix/1", "result_dir": series.dir, "cells": series.cells })
}

/// The `dcudeck.bench.search/1` document.
#[must_use]
pub fn search_document(series: &Series) -> serde_json::Value {
    serde_json::json!({ "schema": "dcudeck.bench.search/1", "result_dir": series.dir, "steps": series.cells, "best": series.best })
}
