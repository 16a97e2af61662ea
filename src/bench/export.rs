//! A result in other tools' formats.

use crate::{base::Problem, said};
use std::path::{Path, PathBuf};

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
    let _ = (dir, format, out);
    Err(Problem::failed("bench.export", said!("not built yet", "尚未实现")))
}
