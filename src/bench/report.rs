//! `report.md` and `report.html` of a result: one file each, no network, charts as SVG.

use crate::{base::Problem, said};
use std::path::{Path, PathBuf};

/// What `bench report` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Files written.
    pub files: Vec<PathBuf>,
    /// The run had ended; false: it was killed, and the report holds what it had measured.
    pub complete: bool,
}

/// Finishes the folder of a run or series that was killed, and writes its reports.
///
/// # Errors
/// A folder that holds no result, files that cannot be written.
pub fn write(dir: &Path) -> Result<Written, Problem> {
    let _ = dir;
    Err(Problem::failed("bench.report", said!("not built yet", "尚未实现")))
}
