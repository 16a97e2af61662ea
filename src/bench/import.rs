//! Results of other load generators, brought into the history.

use crate::{base::Problem, said, workspace::Workspace};
use std::path::Path;

/// Brings a result file of vLLM, guidellm, `AIPerf` or evalscope into `workspace`; the ids it got.
///
/// # Errors
/// A file that cannot be read or that none of these tools wrote.
pub fn import(workspace: &Workspace, file: &Path) -> Result<Vec<String>, Problem> {
    let _ = (workspace, file);
    Err(Problem::failed("bench.import", said!("not built yet", "尚未实现")))
}
