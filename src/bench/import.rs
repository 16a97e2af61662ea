//! Results of other load generators, brought into the history: vLLM's `benchmark_serving.py` and `vllm bench serve`, guidellm, `AIPerf`
//! and evalscope.
//!
//! A result is recognised by its shape, not by its name. Figures that mean what ours mean are listed under our names; those that share
//! a name but not the formula stay under their own (`theirs`), so that nothing is compared that cannot be. Which formulas they follow
//! is said by `definitions`.

mod aiperf;
mod evalscope;
mod guidellm;
mod tools;
mod vllm;

use crate::{
    base::{Problem, clean, clock, ids},
    said,
    workspace::{Workspace, write_whole},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// Name of the file in the folder of an imported result.
pub const IMPORTED: &str = "imported.json";
/// Longest file that is read: results with every request in them are that long.
const MAX_BYTES: u64 = 1 << 30;

/// An imported result: the `dcudeck.bench.imported/1` document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Imported {
    /// `dcudeck.bench.imported/1`.
    pub schema: String,
    /// `vllm`, `guidellm`, `aiperf` or `evalscope`.
    pub source: String,
    /// Whose formulas the figures follow: `vllm/0.8.5`, `vllm/later`, `guidellm`, `aiperf`, `evalscope`.
    pub definitions: String,
    /// Model name.
    pub model: String,
    /// When it began (or, where only that is written, ended), RFC 3339 UTC.
    pub started_at: Option<String>,
    /// When it was imported.
    pub imported_at: String,
    /// Name of the file it came from, without its folder.
    pub file: String,
    /// Which of the file's results, from 0.
    pub number: u32,
    /// What the tool calls its load, one line.
    pub load: String,
    /// Users of a closed loop, or the cap of an open one.
    pub max_concurrency: Option<u32>,
    /// Requests per second asked for.
    pub request_rate: Option<f64>,
    /// Figures under our names: those whose meaning is near enough, in our units.
    pub metrics: BTreeMap<String, f64>,
    /// Figures under the tool's own names and in its own units: the same name there means something else, or nothing here.
    pub theirs: BTreeMap<String, f64>,
    /// How the figures under our names still differ from ours, one English sentence each.
    pub notes: Vec<String>,
}

/// Brings a result file of vLLM, guidellm, `AIPerf` or evalscope into `workspace`; the ids it got.
///
/// # Errors
/// A file that cannot be read or that none of these tools wrote.
pub fn import(workspace: &Workspace, file: &Path) -> Result<Vec<String>, Problem> {
    let found = read(file)?;
    let mut ids = Vec::with_capacity(found.len());
    for imported in &found {
        let failed = |error: &dyn std::fmt::Display| {
            Problem::failed("bench.import_unwritable", said!("the result cannot be written: {error}", "无法写入结果：{error}"))
                .file(workspace.results())
        };
        let name = imported.model.rsplit('/').next().filter(|m| !m.is_empty()).unwrap_or(&imported.source).to_owned();
        let id = ids::make_folder(&workspace.results(), &name).map_err(|e| failed(&e))?;
        let mut text = serde_json::to_vec_pretty(imported).map_err(|e| failed(&e))?;
        text.push(b'\n');
        write_whole(&workspace.results().join(&id).join(IMPORTED), &text).map_err(|e| failed(&e))?;
        ids.push(id);
    }
    Ok(ids)
}

/// The results in `file`, each as `imported.json` will hold it.
///
/// # Errors
/// As [`import`].
pub fn read(file: &Path) -> Result<Vec<Imported>, Problem> {
    let bad = |message: crate::base::Said| Problem::bad_input("bench.import", message).file(file);
    let size = fs::metadata(file).map_err(|e| bad(said!("the file cannot be read: {e}", "无法读取文件：{e}")))?.len();
    if size > MAX_BYTES {
        return Err(bad(said!("the file is longer than 1 GiB: no summary of a benchmark", "文件超过 1 GiB：不是压测汇总")));
    }
    let text = fs::read(file).map_err(|e| bad(said!("the file cannot be read: {e}", "无法读取文件：{e}")))?;
    let documents = documents(&text).map_err(|(line, e)| bad(said!("this is no JSON: {e}", "不是 JSON：{e}")).line(line))?;
    let beside = file.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    for document in &documents {
        found.extend(tools::all(document, beside));
    }
    if found.is_empty() {
        return Err(bad(said!(
            "none of the known tools writes such a file",
            "没有哪个已知工具会写出这样的文件"
        ))
        .fix(said!(
            "give a result of vLLM (benchmark_serving.py, vllm bench serve), guidellm's benchmarks.json, AIPerf's profile_export_aiperf.json \
             or evalscope's benchmark_summary.json",
            "请给出 vLLM（benchmark_serving.py、vllm bench serve）的结果、guidellm 的 benchmarks.json、AIPerf 的 profile_export_aiperf.json \
             或 evalscope 的 benchmark_summary.json"
        )));
    }
    let name = clean(&file.file_name().unwrap_or_default().to_string_lossy()).into_owned();
    let imported_at = clock::now_rfc3339();
    for (number, imported) in found.iter_mut().enumerate() {
        "dcudeck.bench.imported/1".clone_into(&mut imported.schema);
        imported.model = clean(&imported.model).into_owned();
        imported.load = clean(&imported.load).into_owned();
        imported.file.clone_from(&name);
        imported.imported_at.clone_from(&imported_at);
        imported.number = u32::try_from(number).unwrap_or(u32::MAX);
    }
    Ok(found)
}

/// One document, or with vLLM's `--append-result` one a line.
fn documents(text: &[u8]) -> Result<Vec<Value>, (u64, serde_json::Error)> {
    let whole = match serde_json::from_slice(text) {
        Ok(document) => return Ok(vec![document]),
        Err(error) => error,
    };
    let lines: Vec<_> = text.split(|&b| b == b'\n').filter(|l| !l.trim_ascii().is_empty()).collect();
    if lines.len() < 2 {
        return Err((whole.line() as u64, whole));
    }
    let parsed: Result<Vec<Value>, _> = lines.iter().map(|line| serde_json::from_slice(line)).collect();
    parsed.map_err(|_| (whole.line() as u64, whole))
}

#[cfg(test)]
mod tests;
