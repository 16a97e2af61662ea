//! The embedded engine as a job: its start, and the wait until it listens.

use super::{ENGINE, Listening, listening};
use crate::{
    base::{Problem, Secret},
    jobs::{self, Job, New},
    openai::engine::EngineSpec,
    said,
    workspace::Workspace,
};
use std::time::Duration;

/// Environment variable of the key that clients of the engine must send.
const ENGINE_KEY: &str = "DCUDECK_ENGINE_API_KEY";

/// Starts an embedded engine in `workspace`. It loads its model afterwards: [`until_listening`] waits for it. With a `key`,
/// clients must send it.
///
/// # Errors
/// When the job cannot be started.
pub fn start(workspace: &Workspace, spec: &EngineSpec, key: Option<&Secret>) -> Result<Job, Problem> {
    let payload = serde_json::to_value(spec).map_err(|error| {
        Problem::bad_input("serving.spec", said!("the engine's settings cannot be written: {error}", "无法写出引擎设置：{error}"))
    })?;
    let mut new = New::worker(ENGINE, &spec.name(), payload);
    new.env.extend(key.map(|key| (ENGINE_KEY.to_owned(), key.reveal().to_owned())));
    Ok(jobs::start(workspace, new)?)
}

/// Waits until the engine of `job` listens, at most `timeout`.
///
/// # Errors
/// When it ended before, with its last words, or does not listen in time.
pub fn until_listening(job: &Job, timeout: Duration) -> Result<Listening, Problem> {
    let found = job.until(timeout, |job| {
        let here = listening(job);
        (here.is_some() || job.state().ended()).then_some(here)
    });
    let log = job.log();
    match found {
        Some(Some(listening)) => Ok(listening),
        Some(None) => {
            let state = job.state().text();
            let words = job.last_words().unwrap_or_default();
            let message = said!("the engine ended before it listened ({}): {words}", "引擎在开始监听前已结束（{}）：{words}", state.en);
            Err(Problem::failed("serving.ended", message).fix(said!("its log: {}", "日志：{}", log.display())))
        }
        None => {
            let waited = timeout.as_secs();
            let message = said!("the engine does not listen after {waited} s", "引擎在 {waited} 秒后仍未开始监听");
            Err(Problem::failed("serving.not_listening", message).fix(said!("see its log: {}", "请查看日志：{}", log.display())))
        }
    }
}
