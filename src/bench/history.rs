//! All results of a workspace, as a list that can be filtered, and the last result a new one can be compared with.

use super::spec::Spec;
use crate::{base::Problem, said, workspace::Workspace};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// One result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Name of its folder.
    pub id: String,
    /// Its folder.
    pub result_dir: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Model name sent in requests.
    pub model: String,
    /// When it began, RFC 3339 UTC.
    pub started_at: Option<String>,
    /// `finished`, `stopped`, `failed`, `killed`, `running` or `imported`.
    pub state: String,
    /// Figures by their names in `bench.run`.
    pub metrics: BTreeMap<String, f64>,
    /// Its figures are about the client.
    pub client_limited: bool,
    /// The goals were met by 99 % of requests.
    pub slo_met: Option<bool>,
    /// What was asked; `None` of an imported result.
    pub spec: Option<Spec>,
    /// Cells done and in all, of a matrix or search.
    pub cells: Option<(u32, u32)>,
    /// Tool it came from: `dcudeck`, `vllm`, `guidellm`, `aiperf`, `evalscope`.
    pub source: String,
}

/// Kind of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One load test.
    Run,
    /// A matrix.
    Matrix,
    /// A search.
    Search,
}

/// All results of `workspace`, newest first. A folder that cannot be read is left out and named in the log.
///
/// # Errors
/// When the results folder cannot be read.
pub fn list(workspace: &Workspace) -> Result<Vec<Entry>, Problem> {
    let _ = workspace;
    Err(Problem::failed("bench.history", said!("not built yet", "尚未实现")))
}

/// The newest result before `of` that asked the same: model, endpoint, load, lengths, routes.
#[must_use]
pub fn last_comparable<'a>(entries: &'a [Entry], of: &Entry) -> Option<&'a Entry> {
    let _ = of;
    entries.iter().find(|_| false)
}
