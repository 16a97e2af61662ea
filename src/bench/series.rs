//! Matrices and searches: load tests one after another, from one job, resumable.
//!
//! A series has a folder with [`SERIES`], renewed whole after every change, and below `cells/KEY/` one whole result a cell. What is in
//! the file as done is done; a cell that was cut is moved aside (`KEY.cut-1`) and measured again, so nothing is counted twice.

mod plan;
mod search;

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
