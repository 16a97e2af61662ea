//! Jobs: long work in processes of its own that outlives the console, under a shim that logs, reaps and reports.
//!
//! `jobs/ID/` holds `spec.json` (what was asked, 0600), `shim.json` (which processes), `stop.json` (a wish to stop), `log`
//! (all output), `control.sock` (workers, while they live), `problem.json` (why a worker could not do it) and `exit.json` (how it ended, by rename). These files are the
//! truth; `$XDG_STATE_HOME/dcudeck/jobs/ID` names the folders of live jobs of all workspaces.
//!
//! Deliberately absent: what a worker does. Engines bring a [`Worker`] row each, the program's `main` hands the table to [`entry`].

pub mod control;
mod error;
mod folder;
mod job;
mod process;
pub mod shim;
mod spec;
mod start;

pub use error::JobError;
pub use job::{Exit, Job, State, Usage, list, live_everywhere, owners};
pub use process::Identity;
pub use spec::{New, Program, Spec};
pub use start::{start, this_program};

use crate::{base::Problem, workspace::write_whole};
use std::{ffi::OsString, io::Write as _, path::PathBuf, process::ExitCode};

/// Name of the log in the job's folder: everything the job's processes write.
pub const LOG: &str = "log";
const SPEC: &str = "spec.json";
const SHIM: &str = "shim.json";
const STOP: &str = "stop.json";
const EXIT: &str = "exit.json";
/// Why a worker could not do its work, for faces that were not watching when it said so.
const PROBLEM: &str = "problem.json";

/// First argument of the shim, then the job's folder.
const SHIM_ARGUMENT: &str = "__job";
/// First argument of a worker, then its kind and the job's folder.
pub const WORKER_ARGUMENT: &str = "__worker";

/// One kind of worker this program can be.
#[derive(Debug, Clone, Copy)]
pub struct Worker {
    /// The kind in [`Spec::kind`], such as `bench` or `engine`.
    pub kind: &'static str,
    /// Does the work described by the job's payload and returns when it is done. Its stdout and stderr are the job's log;
    /// SIGTERM asks it to stop.
    pub run: fn(Job) -> ExitCode,
}

/// What `main` calls first: when the arguments (without the program's name) are `__job DIR` or `__worker KIND DIR`, does that
/// and returns its exit status; else `None`, and the program is a face.
pub fn entry(arguments: impl IntoIterator<Item = OsString>, workers: &[Worker]) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter();
    match arguments.next()?.to_str()? {
        SHIM_ARGUMENT => Some(match arguments.next() {
            Some(dir) => shim::run(&PathBuf::from(dir)),
            None => complain("__job needs the job's folder"),
        }),
        WORKER_ARGUMENT => {
            let (Some(kind), Some(dir)) = (arguments.next(), arguments.next()) else {
                return Some(complain("__worker needs a kind and the job's folder"));
            };
            let Some(worker) = workers.iter().find(|worker| kind == worker.kind) else {
                return Some(complain(&format!("this program has no worker of kind {}", kind.to_string_lossy())));
            };
            Some(match Job::open(&PathBuf::from(dir)) {
                Ok(job) => (worker.run)(job),
                Err(error) => complain(&error.to_string()),
            })
        }
        _ => None,
    }
}

/// How a worker ends: a problem is told in the job's log and kept in its folder for [`Job::problem`].
pub fn ended(job: &Job, result: Result<(), Problem>) -> ExitCode {
    let Err(problem) = result else { return crate::base::Exit::Done.into() };
    let kept = serde_json::to_vec(&problem).map_err(std::io::Error::from);
    if let Err(error) = kept.and_then(|text| write_whole(&job.dir().join(PROBLEM), &text)) {
        complain(&format!("{PROBLEM} cannot be written: {error}"));
    }
    complain(&problem.to_string());
    problem.exit().into()
}

/// To stderr, which is the job's log.
fn complain(sentence: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "dcudeck: {sentence}");
    crate::base::Exit::BadInput.into()
}
