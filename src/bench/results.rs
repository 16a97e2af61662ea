//! The folder of a result: `requests.jsonl` and the arrivals are the truth, the summary follows from them.
//!
//! | file | what |
//! |---|---|
//! | `requests.jsonl` | one [`Header`] line, one line per finished [`Record`], one [`End`] line |
//! | `arrivals.part`, then `tokens.bin` | when tokens arrived; see [`tokens`](super::tokens) |
//! | `seconds.jsonl` | the [`Header`], then one [`Fact::Second`](super::live::Fact::Second) a second |
//! | `events.jsonl`, `server.jsonl` | a [`LinesHeader`], then one [`Event`](super::live::Event) or [`ServerSample`](super::live::ServerSample) a line |
//! | `histograms.hlog` | an HdrHistogram interval log: every second what ended in it, in µs, by the tags `ttft`, `tpot`, `itl`, `e2el` |
//! | `summary.json`, `vllm085.json` | what was found |
//!
//! A run that was killed has no end line and perhaps a torn last line and frame; [`finish()`] makes the summary of what is there.

pub(super) mod finish;
mod lines;
mod rows;
#[cfg(test)]
mod tests;

pub use lines::{LinesHeader, Records, events, header, seconds, server, server_within};
pub use rows::{RequestRow, records, request, requests};

use super::{distributed, record::Record, spec::Spec, summary::Summary};
use crate::{
    base::{Problem, clock::Epoch},
    said,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

/// Name of the file that holds every finished request.
pub const REQUESTS: &str = "requests.jsonl";
/// Name of the file that holds one line per second of the run: the curves.
pub const SECONDS: &str = "seconds.jsonl";
/// Name of the file with marks on the time axis.
pub const EVENTS: &str = "events.jsonl";
/// Name of the file with what the servers said of themselves.
pub const SERVER: &str = "server.jsonl";
/// Name of the file with one histogram a metric and second.
pub const HISTOGRAMS: &str = "histograms.hlog";
/// Name of the summary's file.
pub const SUMMARY: &str = "summary.json";
/// Name of the file with what vLLM 0.8.5's benchmark would have printed.
pub const VLLM085: &str = "vllm085.json";

/// First line of `requests.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// `dcudeck.bench.requests/1`.
    pub schema: String,
    /// Zero of every time in the file.
    pub epoch: Epoch,
    /// The load test as run.
    pub spec: Spec,
    /// What was found out before the first request.
    pub setup: Setup,
    /// The processes that sent it together; empty when it was one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<WorkerSetup>,
}

/// One of several processes that sent a load together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerSetup {
    /// Its host.
    pub host: String,
    /// Its `CLOCK_MONOTONIC` minus the coordinator's, µs, from the exchange with the least round trip.
    pub clock_offset_us: i64,
    /// Half that round trip: the offset is no further off than this.
    pub clock_uncertainty_us: u64,
    /// How far the offset had moved at the end of the run, µs; null of a lost worker.
    pub clock_drift_us: Option<i64>,
    /// It broke off: only the requests it had finished are in the result.
    pub lost: bool,
}

/// What was found out, or decided, before the first request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Model name sent in requests.
    pub model: String,
    /// Context length the server gives for it, tokens.
    pub max_model_len: Option<u64>,
    /// How the server counts tokens in its stream.
    pub usage: Usage,
    /// Which client sent: `own` or `reqwest`.
    pub client: String,
    /// What it spoke: `HTTP/1.1` or `HTTP/2`; empty in results from before there was a choice.
    #[serde(default)]
    pub protocol: String,
    /// Who took the stamps: `user` (`CLOCK_MONOTONIC` right after each read) or `kernel` (receive stamps of the socket).
    pub stamps: String,
    /// Client threads.
    pub threads: u32,
    /// How prompts got their length: `ids`, `tokenizer`, `server` (its /tokenize), `estimated` (one common word a token) or `file`.
    #[serde(default)]
    pub prompts: String,
    /// What was loaded, by [`Record::route`]: one entry with one route.
    #[serde(default)]
    pub routes: Vec<RouteSetup>,
    /// The servers that are scraped, by `ServerSample::server`.
    #[serde(default)]
    pub servers: Vec<ServerSetup>,
}

/// One route of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSetup {
    /// Its name.
    pub name: String,
    /// Base URL.
    pub url: String,
    /// Model name sent in its requests.
    pub model: String,
}

/// A server that is scraped during a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServerSetup {
    /// Base URL.
    pub url: String,
    /// `vllm-v0`, `vllm-v1`, `dcudeck`; `None`: it has no /metrics, or some unknown one.
    pub engine: Option<String>,
    /// What `/version` says.
    pub version: Option<String>,
}

/// How the server counts tokens in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Usage {
    /// In every chunk: tokens per chunk are known.
    Continuous,
    /// Once at the end: a chunk counts as one token.
    Final,
    /// Not at all: a chunk counts as one token, prompt tokens are unknown.
    None,
}

/// Last line of `requests.jsonl`, under the key `end`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// When the run was over, µs since its start.
    pub at_us: u64,
    /// What ended it.
    pub stopped_by: StoppedBy,
    /// CPU time of the busiest client thread while measuring, percent of one core.
    pub client_cpu_pct: Option<f64>,
    /// TCP connections opened in all.
    pub connections_opened: u64,
    /// Reads that had no kernel stamp and got this process's; all of them with `stamps: "user"`.
    pub user_stamped_reads: u64,
    /// P99 of the client loop's lag while measuring, from the kernel's stamp to the read, µs; the recorder fills it in.
    #[serde(default)]
    pub loop_lag_p99_us: Option<u64>,
}

/// What ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    /// All requests asked for were sent and answered.
    Requests,
    /// The duration asked for was over.
    Duration,
    /// A person asked it to end now.
    Stop,
    /// A person asked it to send nothing more.
    Drain,
    /// More failures than `max_error_rate_pct` allows.
    ErrorRate,
    /// SIGTERM or SIGINT.
    Signal,
    /// Nobody: the file has no end, its process was killed.
    Killed,
}

#[derive(Serialize, Deserialize)]
pub(super) struct EndLine {
    pub(super) end: End,
}

/// Reads `requests.jsonl` of `dir` line by line, giving each record to `each`, with its arrivals as far as they are kept.
///
/// # Errors
/// When a file cannot be read, or a line other than a torn last one is not what it should be.
pub fn read(dir: &Path, mut each: impl FnMut(&Header, Record)) -> Result<(Header, Option<End>), Problem> {
    finish::scan(dir, |header, record| each(header, std::mem::take(record)))
}

/// The result in `dir`, made now if it was not: of a run that was killed, from what it had written. `true`: the run came to an end of
/// its own; `false`: it was killed, and the last requests may be missing. A finished result is given as it is.
///
/// # Errors
/// When the run goes on, or as [`recompute`].
pub fn finish(dir: &Path) -> Result<(Summary, bool), Problem> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let summary = match finish::made(&dir) {
        Some(summary) => summary,
        None => recompute(&dir)?,
    };
    let complete = summary.stopped_by != StoppedBy::Killed;
    Ok((summary, complete))
}

/// The summary of `dir`, from `requests.jsonl`, the arrivals and `server.jsonl`; `summary.json`, `vllm085.json` and `tokens.bin` are
/// written beside it. Where only a sample of the arrivals is left, the summary made earlier from all of them is given unchanged.
///
/// # Errors
/// When the run goes on, as [`read`], and when the files cannot be written.
pub fn recompute(dir: &Path) -> Result<Summary, Problem> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    // A load of several workers whose coordinator was killed: their files are put together first.
    distributed::finish(&dir)?;
    let path = dir.join(REQUESTS);
    // The recorder holds the lock as long as it writes; the kernel takes it back from a process that died. A file system without
    // locks is no reason to refuse.
    let lines = File::open(&path).ok();
    if lines.as_ref().is_some_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))) {
        return Err(Problem::failed("bench.result_running", said!("this run is still going on", "该测试仍在进行"))
            .file(&dir)
            .fix(said!("wait for its end, or stop it", "请等待其结束，或将其停止")));
    }
    finish::make(&dir)
}

/// A new folder for a result: `out` itself when given (made when missing; it must hold no result yet), else
/// `results/MODEL-TIME-xxxx` of the workspace.
///
/// # Errors
/// When the folder cannot be made, or `out` already holds a result.
pub fn folder(results: &Path, name: &str, out: Option<&Path>) -> Result<PathBuf, Problem> {
    let failed = |path: &Path, error: &std::io::Error| {
        Problem::bad_input("bench.result_folder", said!("the folder for the result cannot be made: {error}", "无法创建结果文件夹：{error}"))
            .file(path)
            .fix(said!("give another folder with --out", "请用 --out 指定其他文件夹"))
    };
    let Some(out) = out else {
        let id = crate::base::ids::make_folder(results, name).map_err(|e| failed(results, &e))?;
        return Ok(results.join(id));
    };
    std::fs::create_dir_all(out).map_err(|e| failed(out, &e))?;
    let out = std::path::absolute(out).map_err(|e| failed(out, &e))?;
    if out.join(REQUESTS).exists() {
        return Err(Problem::bad_input("bench.result_exists", said!("this folder already holds a result", "该文件夹已有测试结果"))
            .file(out)
            .fix(said!("give another folder with --out", "请用 --out 指定其他文件夹")));
    }
    Ok(out)
}
