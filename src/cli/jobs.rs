//! `dcudeck jobs`: what runs, also after its console is gone, and stopping it.

use super::{
    args::{Jobs, JobsCommand},
    out::{Ended, Out},
};
use crate::{
    base::{Exit, Lang, Problem},
    jobs::{self, Job},
    said, serving,
    workspace::Workspace,
};
use serde_json::{Value, json};
use std::time::Duration;

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

pub(super) fn run(command: Jobs, workspace: &Workspace, read_only: bool, out: Out) -> Result<Exit, Ended> {
    match command.command {
        None | Some(JobsCommand::List) => list(workspace, out),
        Some(JobsCommand::Stop { id }) => stop(workspace, &id, read_only, out),
    }
}

fn list(workspace: &Workspace, out: Out) -> Result<Exit, Ended> {
    let mut all = jobs::list(workspace);
    // Live ones first, then the newest.
    all.sort_by_cached_key(|job| (job.state().ended(), std::cmp::Reverse(job.spec().created_at.clone())));
    if out.json {
        let items: Vec<Value> = all.iter().map(item).collect();
        out.document(&json!({ "schema": "dcudeck.jobs.list/1", "items": items }))?;
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        out.note(
            &crate::text!("no jobs in this workspace", "此工作区没有任务")
                .get(out.lang)
                .replace("this workspace", &workspace.root().display().to_string()),
        );
    }
    for job in &all {
        let state = job.state();
        let url = serving::url_of(job).unwrap_or_default();
        let pid = job.pid().map_or_else(|| "n/a".to_owned(), |pid| pid.to_string());
        let line = match out.lang {
            Lang::En => {
                format!("{:<9} {:<8} {:<44} {:>8}  {}  {url}", state.text().en, job.spec().kind, job.id(), pid, job.spec().created_at)
            }
            Lang::Zh => format!("{}\t{}\t{}\t{}\t{}\t{url}", state.text().zh, job.spec().kind, job.id(), pid, job.spec().created_at),
        };
        out.line(line.trim_end())?;
    }
    Ok(Exit::Done)
}

fn item(job: &Job) -> Value {
    json!({
        "id": job.id(),
        "name": job.spec().name,
        "kind": job.spec().kind,
        "launcher": "local",
        "state": job.state().word(),
        "pid": job.pid(),
        "container": null,
        "slurm_id": null,
        "url": serving::url_of(job),
        "started_at": job.started_at(),
        "exit_code": job.exit().and_then(|exit| exit.code),
    })
}

fn stop(workspace: &Workspace, id: &str, read_only: bool, out: Out) -> Result<Exit, Ended> {
    if read_only {
        return Err(Problem::bad_input("read_only", said!("nothing is stopped with --read-only", "只读模式下不能停止任务")).into());
    }
    let job = jobs::list(workspace).into_iter().find(|job| job.id() == id).ok_or_else(|| {
        Problem::bad_input("jobs.unknown", said!("no job {id} in {}", "{} 中没有任务 {id}", workspace.root().display()))
            .fix(said!("see dcudeck jobs", "见 dcudeck jobs"))
    })?;
    job.stop(GRACE).map_err(Problem::from)?;
    let state = job.wait(GRACE + Duration::from_secs(5));
    let exit = job.exit();
    let mut left: Vec<Value> =
        exit.iter().flat_map(|exit| &exit.left).map(|pid| json!({ "kind": "process", "pid": pid, "bytes": null })).collect();
    if !state.ended() {
        left.push(json!({ "kind": "process", "pid": job.pid(), "bytes": null }));
    }
    if out.json {
        let code = exit.and_then(|exit| exit.code);
        out.document(&json!({ "schema": "dcudeck.jobs.stop/1", "id": id, "state": state.word(), "exit_code": code, "left": left }))?;
    } else {
        out.line(&format!("{id}: {}", state.text().get(out.lang)))?;
    }
    Ok(if left.is_empty() { Exit::Done } else { Exit::Findings })
}
