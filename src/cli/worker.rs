//! The kinds of worker this program can be: one row each. Engines do the work; here they are joined with the control socket.

use crate::{
    base::{Exit, Lang, Problem},
    bench,
    jobs::{self, Job, Worker},
};
use std::{ffi::OsString, process::ExitCode};

const WORKERS: &[Worker] = &[
    Worker { kind: "bench", run: load },
    #[cfg(feature = "embedded")]
    Worker { kind: "engine", run: engine },
];

/// Does what `__job` and `__worker` ask for; `None` when the program is a face.
pub fn entry(arguments: &[OsString]) -> Option<ExitCode> {
    jobs::entry(arguments.iter().skip(1).cloned(), WORKERS)
}

fn load(job: Job) -> ExitCode {
    ended(bench::worker::run(job.dir()))
}

/// What went wrong goes to the job's log.
fn ended(result: Result<(), Problem>) -> ExitCode {
    match result {
        Ok(()) => Exit::Done.into(),
        Err(problem) => super::out::Out { lang: Lang::En, json: false }.problem(&problem).into(),
    }
}
