//! `dcudeck bench …`: starts load tests and tells their progress on stderr and their result on stdout; finishes, compares, lists, imports
//! and exports results.
//!
//! A run, a matrix and a search are jobs like any other: when this command is killed they go on, and a console finds them. Ctrl-C stops
//! them, and they still write their result; a second ctrl-C gives up waiting.

mod consent;
mod flags;
mod follow;
mod results;
mod series;
mod table;

use super::{
    args::{Bench, BenchRun},
    out::{Ended, Out},
};
use crate::{
    base::{Exit, Problem},
    bench::{self, compare},
    jobs::Job,
    said,
    workspace::Workspace,
};
use follow::{Followed, follow, watch};
use std::{path::Path, time::Duration};

/// How long a worker that said goodbye, or that could not be watched, may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

pub(super) fn run(command: Bench, workspace: &Workspace, read_only: bool, out: Out) -> Result<Exit, Ended> {
    if read_only && matches!(command, Bench::Run(_) | Bench::Matrix(_) | Bench::Search(_) | Bench::Import { .. }) {
        return Err(Problem::bad_input("read_only", said!("nothing is started with --read-only", "只读模式下不启动任何任务")).into());
    }
    match command {
        Bench::Run(command) => one(&command, workspace, out),
        Bench::Matrix(command) => series::matrix(&command, workspace, out),
        Bench::Search(command) => series::search(&command, workspace, out),
        Bench::Report { dirs, .. } => results::report(&dirs, out),
        Bench::Compare(command) => results::compare(&command, out),
        Bench::List { .. } => results::list(workspace, out),
        Bench::Import { file, .. } => results::import(&file, workspace, out),
        Bench::Export(command) => results::export(&command, out),
    }
}

fn one(command: &BenchRun, workspace: &Workspace, out: Out) -> Result<Exit, Ended> {
    let spec = command.spec(workspace)?;
    consent::ask(&spec, workspace, command.start.yes, out)?;
    let job = bench::start(workspace, &spec, command.start.out.as_deref())?;
    if !to_its_end(&job, out)? {
        return Ok(Exit::Interrupted);
    }
    let Some(summary) = bench::result_of(&job)? else { return Err(no_result(&job).into()) };
    if out.json {
        out.document(&serde_json::to_value(&summary).unwrap_or_default())?;
    } else {
        out.line(&table::run(&summary, out.lang))?;
        if let Some(comparison) = compare::regression(workspace, Path::new(&summary.result_dir)) {
            out.line(results::regressed(&comparison, out.lang).trim_end())?;
        }
    }
    Ok(bench::exit_code(&summary))
}

/// Watches `job` until it is over; false: somebody gave up waiting.
fn to_its_end(job: &Job, out: Out) -> Result<bool, Problem> {
    let watched = watch(job);
    if let Ok((events, link)) = &watched
        && let Followed::GaveUp = follow(events, link, out)
    {
        return Ok(false);
    }
    let state = job.wait(ENDS_WITHIN);
    // A worker that met bad input may be gone before anybody watched.
    if let Some(problem) = job.problem().filter(|_| state.ended()) {
        return Err(problem);
    }
    watched.map(|_| true)
}

fn no_result(job: &Job) -> Problem {
    let (state, log) = (job.state().word(), job.log());
    Problem::failed("bench.no_result", said!("the load worker ended ({state}) without a result", "压测进程已结束（{state}），没有结果"))
        .fix(said!("its log says why: {}", "原因见日志：{}", log.display()))
}
