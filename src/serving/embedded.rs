//! The embedded engine as a job: what it is asked to serve, its start, and the wait until it listens.

use super::{ENGINE, Listening, listening};
use crate::{
    base::{Problem, Secret},
    jobs::{self, Job, New},
    said,
    workspace::Workspace,
};
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, path::PathBuf, time::Duration};

/// What an embedded engine is asked to serve: the payload of its job. Keys left out have these defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSpec {
    /// Hugging Face folder, or `eye-tiny` for the bundled model. Given as an absolute path: the worker may run elsewhere.
    pub model: PathBuf,
    /// Name that requests give; `None` is the folder's name.
    pub served_model_name: Option<String>,
    /// Address to listen on.
    pub host: IpAddr,
    /// TCP port; 0 takes a free one.
    pub port: u16,
    /// Threads that compute.
    pub threads: usize,
    /// Most sequences in one batch.
    pub max_num_seqs: usize,
    /// Context length, tokens; `None` is the model's.
    pub max_model_len: Option<usize>,
    /// Adapters served beside the model, `NAME=PATH`.
    pub loras: Vec<String>,
    /// `deepseek_r1` takes `<think>` … `</think>` out of the content.
    pub reasoning_parser: Option<String>,
    /// Ends by itself after so many seconds without a request; `None` never.
    pub idle_exit_s: Option<u64>,
}

impl Default for EngineSpec {
    /// The bundled model on a free port of the loopback, two threads at most, for ever.
    fn default() -> Self {
        Self {
            model: PathBuf::from(BUNDLED),
            served_model_name: None,
            host: IpAddr::from([127, 0, 0, 1]),
            port: 0,
            threads: 2,
            max_num_seqs: 16,
            max_model_len: None,
            loras: Vec::new(),
            reasoning_parser: None,
            idle_exit_s: None,
        }
    }
}

/// Name of the bundled model.
pub const BUNDLED: &str = "eye-tiny";

/// Environment variable of the key that clients of the engine must send.
const ENGINE_KEY: &str = "DCUDECK_ENGINE_API_KEY";

/// Starts an embedded engine in `workspace`. It loads its model afterwards: [`until_listening`] waits for it. With a `key`,
/// clients must send it.
///
/// # Errors
/// When the job cannot be started.
pub fn start(workspace: &Workspace, spec: &EngineSpec, key: Option<&Secret>) -> Result<Job, Problem> {
    let name = spec.model.file_name().map_or_else(|| BUNDLED.to_owned(), |name| name.to_string_lossy().into_owned());
    let payload = serde_json::to_value(spec).map_err(|error| {
        Problem::bad_input("serving.spec", said!("the engine's settings cannot be written: {error}", "无法写出引擎设置：{error}"))
    })?;
    let mut new = New::worker(ENGINE, &name, payload);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_names_only_what_differs_from_the_defaults_and_no_key_it_does_not_know() {
        let spec: EngineSpec = serde_json::from_str(r#"{"model": "/m", "port": 8001}"#).expect("parses");
        assert_eq!(spec, EngineSpec { model: PathBuf::from("/m"), port: 8001, ..EngineSpec::default() });
        let error = serde_json::from_str::<EngineSpec>(r#"{"prot": 8001}"#).expect_err("unknown");
        assert!(error.to_string().contains("prot"));
    }
}
