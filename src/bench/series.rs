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
