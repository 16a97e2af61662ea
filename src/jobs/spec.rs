//! What a job was asked to be, as `spec.json` keeps it.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A job to be started.
#[derive(Clone)]
pub struct New {
    /// Kind, such as `bench` or `engine`; for a worker the one that runs it.
    pub kind: String,
    /// Name, used in the job's id.
    pub name: String,
    /// What runs.
    pub program: Program,
    /// What the worker is asked to do; written to `spec.json`, so never a secret.
    pub payload: serde_json::Value,
    /// Environment beside the inherited one: the only way for secrets. Only the names are written down.
    pub env: Vec<(String, String)>,
    /// Folder it runs in; `None` is the caller's own.
    pub cwd: Option<PathBuf>,
}

impl New {
    /// A worker of this program.
    pub fn worker(kind: &str, name: &str, payload: serde_json::Value) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned(), program: Program::Worker, payload, env: Vec::new(), cwd: None }
    }

    /// A foreign program, given as its argument list, program first. No secret belongs there: every user sees it.
    pub fn foreign(kind: &str, name: &str, argv: Vec<String>) -> Self {
        let payload = serde_json::Value::Null;
        Self { kind: kind.to_owned(), name: name.to_owned(), program: Program::Foreign(argv), payload, env: Vec::new(), cwd: None }
    }
}

/// What a job runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// This program as a worker of the job's kind.
    Worker,
    /// Another program: its argument list, program first.
    Foreign(Vec<String>),
}

/// `spec.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The job's id, also its folder's name.
    pub id: String,
    /// Kind.
    pub kind: String,
    /// Name as given.
    pub name: String,
    /// What runs.
    pub program: Program,
    /// What the worker is asked to do.
    pub payload: serde_json::Value,
    /// Names of environment variables given to it; their values are not kept.
    pub env: Vec<String>,
    /// Folder it runs in.
    pub cwd: PathBuf,
    /// Root of the workspace it belongs to.
    pub workspace: PathBuf,
    /// When it was asked for, RFC 3339 UTC.
    pub created_at: String,
    /// Version of the program that started it.
    pub version: String,
}
