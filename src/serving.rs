//! Model servers: starting one, asking one what it serves, finding those that run.
//!
//! Deliberately absent: the embedded engine itself. It runs as a job of kind [`ENGINE`]; its worker reads the [`EngineSpec`](crate::openai::engine::EngineSpec)
//! and says with [`listening`] where it listens.

pub mod embedded;
mod probe;

pub use probe::{Server, probe};

use crate::{
    jobs::{self, Job},
    workspace::{Workspace, write_whole},
};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

/// Kind of the jobs that are embedded engines.
pub const ENGINE: &str = "engine";

/// In the job's folder: where the server listens, written once it does.
pub const LISTENING: &str = "listening.json";

/// Where a server of ours listens: the document `dcudeck.engine.listening/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// Base URL without a path.
    pub url: String,
    /// Model name that requests give.
    pub model: String,
}

/// A live server of a workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// Its job.
    pub job: Job,
    /// Where it listens; `None` while it loads.
    pub listening: Option<Listening>,
}

/// Says where the server of the job in `job_dir` listens; `document` is at least a [`Listening`]. Called by its worker.
///
/// # Errors
/// What the file system says.
pub fn announce(job_dir: &Path, document: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(document)?;
    text.push(b'\n');
    write_whole(&job_dir.join(LISTENING), &text)
}

/// Where the server of `job` listens; `None` before it does and after it ended.
pub fn listening(job: &Job) -> Option<Listening> {
    let text = fs::read(job.dir().join(LISTENING)).ok()?;
    serde_json::from_slice(&text).ok().filter(|_| !job.state().ended())
}

/// URL of the server of `job`, as [`listening`] finds it.
pub fn url_of(job: &Job) -> Option<String> {
    listening(job).map(|listening| listening.url)
}

/// Live servers of `workspace`, oldest first, those still loading among them.
pub fn servers(workspace: &Workspace) -> Vec<Running> {
    let live = jobs::list(workspace).into_iter().filter(|job| job.spec().kind == ENGINE && !job.state().ended());
    live.map(|job| Running { listening: listening(&job), job }).collect()
}
