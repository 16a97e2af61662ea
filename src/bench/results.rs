//! The folder of a result: `requests.jsonl` is the truth, everything else follows from it.
//!
//! `requests.jsonl`: one [`Header`] line, one line per finished [`Record`], one [`End`] line. A run that was killed has no
//! end line and perhaps a torn last line; [`recompute`] makes the same summary of what is there.

use super::{
    record::Record,
    spec::Spec,
    summary::{self, Summary},
    vllm085,
};
use crate::{
    base::{Problem, clock::Epoch},
    said,
    workspace::write_whole,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

/// Name of the file that holds every finished request.
pub const REQUESTS: &str = "requests.jsonl";
/// Name of the file that holds one line per second of the run: the curves.
pub const SECONDS: &str = "seconds.jsonl";
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

/// Reads `requests.jsonl` of `dir` line by line, giving each record to `each`.
///
/// # Errors
/// When the file cannot be read, or a line other than a torn last one is not what it should be.
pub fn read(dir: &Path, mut each: impl FnMut(&Header, Record)) -> Result<(Header, Option<End>), Problem> {
    let path = dir.join(REQUESTS);
    let unreadable = |error: &std::io::Error| {
        Problem::bad_input("bench.result_unreadable", said!("the result cannot be read: {error}", "无法读取结果：{error}")).file(&path)
    };
    let mut lines = BufReader::with_capacity(1 << 18, File::open(&path).map_err(|e| unreadable(&e))?);
    let (mut text, mut number, mut header, mut end) = (Vec::new(), 0_u64, None, None);
    loop {
        text.clear();
        if lines.read_until(b'\n', &mut text).map_err(|e| unreadable(&e))? == 0 {
            break;
        }
        number += 1;
        let whole = text.last() == Some(&b'\n');
        let parsed = match &header {
            None => serde_json::from_slice(&text).map(|h: Header| header = Some(h)),
            Some(_) if text.starts_with(b"{\"end\":") => serde_json::from_slice(&text).map(|e: EndLine| end = Some(e.end)),
            Some(header) => serde_json::from_slice(&text).map(|record| each(header, record)),
        };
        match parsed {
            Ok(()) => {}
            // A process killed while writing leaves half a line, and nothing after it.
            Err(_) if !whole && header.is_some() => break,
            Err(error) => {
                return Err(Problem::bad_input(
                    "bench.result_damaged",
                    said!("this line of the result cannot be understood: {error}", "结果中的这一行无法解析：{error}"),
                )
                .file(&path)
                .line(number));
            }
        }
    }
    let header = header.ok_or_else(|| {
        Problem::bad_input("bench.result_empty", said!("the result has no first line: the run never began", "结果没有首行：测试未曾开始"))
            .file(&path)
    })?;
    Ok((header, end))
}

/// The summary of `dir`, from `requests.jsonl` alone; `summary.json` and `vllm085.json` are written beside it.
///
/// # Errors
/// As [`read`]; also when the files cannot be written.
pub fn recompute(dir: &Path) -> Result<Summary, Problem> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let mut figures = summary::Figures::default();
    let mut theirs = vllm085::Figures::default();
    let (header, end) = read(&dir, |header, record| {
        figures.take(&header.spec, &record);
        theirs.take(&header.spec, &record);
    })?;
    let summary = figures.summary(&header, end.as_ref(), &dir);
    let vllm = theirs.document(&header);
    write(&dir.join(SUMMARY), &summary)?;
    write(&dir.join(VLLM085), &vllm)?;
    Ok(summary)
}

fn write(path: &Path, document: &impl Serialize) -> Result<(), Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        Problem::failed("bench.result_unwritable", said!("the result cannot be written: {error}", "无法写入结果：{error}")).file(path)
    };
    let mut text = serde_json::to_vec_pretty(document).map_err(|e| failed(&e))?;
    text.push(b'\n');
    write_whole(path, &text).map_err(|e| failed(&e))
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
