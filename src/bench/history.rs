//! All results of a workspace, as a list that can be filtered, and the last result a new one can be compared with.
//!
//! Only `summary.json`, `series.json` and `imported.json` are read, and the first line of `requests.jsonl` where there is no summary:
//! a list of a thousand results stays within a fraction of a second, so nothing is cached.

use super::{
    import::{IMPORTED, Imported},
    live::{CellState, Series, SeriesKind},
    results::{self, Header, REQUESTS, SUMMARY},
    series::SERIES,
    spec::{Mix, Spec},
    worker,
};
use crate::{
    base::{Problem, Text},
    jobs, said, text,
    workspace::Workspace,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// One result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Name of its folder.
    pub id: String,
    /// Its folder.
    pub result_dir: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Model name sent in requests.
    pub model: String,
    /// When it began, RFC 3339 UTC.
    pub started_at: Option<String>,
    /// `finished`, `stopped`, `failed`, `killed`, `running` or `imported`.
    pub state: String,
    /// Figures by their names in `bench.run`. Of a search its best step's, of a matrix those of the cell with the greatest output
    /// throughput.
    pub metrics: BTreeMap<String, f64>,
    /// Its figures are about the client.
    pub client_limited: bool,
    /// The goals were met by 99 % of requests.
    pub slo_met: Option<bool>,
    /// What was asked; `None` of an imported result.
    pub spec: Option<Spec>,
    /// Cells done and in all, of a matrix or search.
    pub cells: Option<(u32, u32)>,
    /// Tool it came from: `dcudeck`, `vllm`, `guidellm`, `aiperf`, `evalscope`.
    pub source: String,
}

/// Kind of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One load test.
    Run,
    /// A matrix.
    Matrix,
    /// A search.
    Search,
}

/// Why two results are comparable, for those who see them compared.
pub const COMPARABLE: Text = text!(
    "the newest earlier result with the same model, load, prompts, answer length and routes",
    "最近一次模型、负载、提示词、输出长度与路由均相同的结果"
);

/// All results of `workspace`, newest first. A folder that cannot be read is left out and named in the log.
///
/// # Errors
/// When the results folder cannot be read.
pub fn list(workspace: &Workspace) -> Result<Vec<Entry>, Problem> {
    let results = workspace.results();
    let folders = match fs::read_dir(&results) {
        Ok(folders) => folders,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(
                Problem::failed("bench.history", said!("the results cannot be listed: {error}", "无法列出结果：{error}")).file(results)
            );
        }
    };
    let live = Live::of(workspace);
    let mut entries: Vec<Entry> = folders.flatten().filter_map(|folder| read(&folder.path(), &live)).collect();
    entries.sort_by(|a, b| (&b.started_at, &b.id).cmp(&(&a.started_at, &a.id)));
    Ok(entries)
}

/// The result in `dir`, when it lies in a workspace or anywhere else; `None`: it holds none, or none that can be read.
#[must_use]
pub fn entry(dir: &Path) -> Option<Entry> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let live = workspace_of(&dir).map_or_else(|| Live::of(&Workspace::at(&dir)), |workspace| Live::of(&workspace));
    read(&dir, &live)
}

/// The workspace a result folder lies in: `ROOT/results/ID`.
#[must_use]
pub fn workspace_of(dir: &Path) -> Option<Workspace> {
    let results = dir.parent()?;
    (results.file_name()? == "results").then(|| results.parent().map(Workspace::at))?
}

/// The newest result before `of` that asked the same; one whose figures are about the server is preferred to a newer one whose are not.
///
/// The same means equal: kind (run, matrix, search), model, API, load with its cap, prompts, answer length, `ignore_eos`, `cold`, and
/// each route's name, model and weight with their mix. Addresses, seeds, goals, limits and the number of requests may differ: they do
/// not change what a figure stands for, and comparisons name them. [`COMPARABLE`] says so to a reader.
#[must_use]
pub fn last_comparable<'a>(entries: &'a [Entry], of: &Entry) -> Option<&'a Entry> {
    let asked = fingerprint(of)?;
    newest_before(of, entries.iter().filter(|entry| fingerprint(entry).as_ref() == Some(&asked)))
}

/// The same for every one of `entries` at once, by its place.
#[must_use]
pub fn all_comparable(entries: &[Entry]) -> Vec<Option<&Entry>> {
    let asked: Vec<Option<String>> = entries.iter().map(fingerprint).collect();
    let mut alike: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for (asked, entry) in asked.iter().zip(entries) {
        if let Some(asked) = asked {
            alike.entry(asked).or_default().push(entry);
        }
    }
    let group = |asked: &Option<String>| asked.as_deref().and_then(|asked| alike.get(asked));
    asked.iter().zip(entries).map(|(asked, of)| newest_before(of, group(asked)?.iter().copied())).collect()
}

/// Of results that asked the same as `of`, the newest before it with a figure to compare.
fn newest_before<'a>(of: &Entry, alike: impl Iterator<Item = &'a Entry>) -> Option<&'a Entry> {
    alike
        .filter(|e| e.id != of.id && e.started_at < of.started_at && e.started_at.is_some())
        .filter(|e| e.state != "running" && (e.metrics.get("completed").is_some_and(|&n| n > 0.0) || e.kind != Kind::Run))
        .min_by(|a, b| (a.client_limited, &b.started_at, &b.id).cmp(&(b.client_limited, &a.started_at, &a.id)))
}

/// What was asked, as text that is equal when it was the same; `None` of an imported result.
fn fingerprint(entry: &Entry) -> Option<String> {
    let spec = entry.spec.as_ref()?;
    let routes: Vec<_> = spec.routes.iter().map(|r| (&r.name, &r.model, (spec.mix == Mix::Weighted).then_some(r.weight))).collect();
    let asked = (
        entry.kind,
        &entry.model,
        spec.target.endpoint,
        (&spec.load, spec.max_concurrency),
        &spec.prompts,
        (spec.output_len, spec.ignore_eos, spec.cold),
        (spec.mix, routes),
        (&spec.matrix, &spec.search),
    );
    serde_json::to_string(&asked).ok()
}

/// Result folders that live jobs write to; looked for when the first unfinished folder is met.
struct Live<'a> {
    workspace: std::borrow::Cow<'a, Workspace>,
    folders: OnceCell<BTreeSet<PathBuf>>,
}

impl Live<'_> {
    fn of(workspace: &Workspace) -> Self {
        Self { workspace: std::borrow::Cow::Owned(workspace.clone()), folders: OnceCell::new() }
    }

    fn writes_to(&self, dir: &Path) -> bool {
        let folders = self.folders.get_or_init(|| {
            let jobs = jobs::list(&self.workspace).into_iter().filter(|job| job.spec().kind == worker::KIND && !job.state().ended());
            jobs.filter_map(|job| worker::result_dir(&job).ok()).collect()
        });
        folders.contains(dir)
    }
}

fn read(dir: &Path, live: &Live<'_>) -> Option<Entry> {
    let found = if dir.join(IMPORTED).exists() {
        imported(dir)
    } else if dir.join(SERIES).exists() {
        series(dir, live)
    } else if dir.join(SUMMARY).exists() {
        run(dir)
    } else if dir.join(REQUESTS).exists() {
        unfinished(dir, live)
    } else {
        return None;
    };
    found.map_err(|why| tracing::warn!(folder = %dir.display(), "this result is left out of the list: {why}")).ok()
}

fn blank(dir: &Path, kind: Kind) -> Entry {
    Entry {
        id: dir.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        result_dir: dir.to_path_buf(),
        kind,
        model: String::new(),
        started_at: None,
        state: String::new(),
        metrics: BTreeMap::new(),
        client_limited: false,
        slo_met: None,
        spec: None,
        cells: None,
        source: "dcudeck".to_owned(),
    }
}

/// As values: a summary of an older version lacks fields and is listed all the same.
fn run(dir: &Path) -> Result<Entry, String> {
    let document: serde_json::Map<String, Value> = json(&dir.join(SUMMARY))?;
    let word = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
    let metrics: BTreeMap<String, f64> = document.iter().filter_map(|(key, value)| Some((key.clone(), value.as_f64()?))).collect();
    let state = match word("stopped_by") {
        _ if metrics.get("completed").is_none_or(|&n| n == 0.0) => "failed",
        "requests" | "duration" => "finished",
        "error_rate" => "failed",
        "killed" => "killed",
        _ => "stopped",
    };
    Ok(Entry {
        model: word("model_id").to_owned(),
        started_at: Some(word("started_at").to_owned()).filter(|at| !at.is_empty()),
        state: state.to_owned(),
        client_limited: document.get("client_limited").and_then(Value::as_bool).unwrap_or_default(),
        slo_met: document.get("slo_met").and_then(Value::as_bool),
        spec: document.get("profile").and_then(|spec| Spec::deserialize(spec).ok()),
        metrics,
        ..blank(dir, Kind::Run)
    })
}

fn unfinished(dir: &Path, live: &Live<'_>) -> Result<Entry, String> {
    let header = header(dir)?;
    Ok(Entry {
        model: header.setup.model,
        started_at: Some(header.epoch.wall_start),
        state: if live.writes_to(dir) { "running" } else { "killed" }.to_owned(),
        spec: Some(header.spec),
        ..blank(dir, Kind::Run)
    })
}

fn header(dir: &Path) -> Result<Header, String> {
    results::header(dir).map_err(|problem| problem.to_string())
}

fn imported(dir: &Path) -> Result<Entry, String> {
    let imported: Imported = json(&dir.join(IMPORTED))?;
    Ok(Entry {
        model: imported.model,
        started_at: imported.started_at.or(Some(imported.imported_at)),
        state: "imported".to_owned(),
        metrics: imported.metrics,
        source: imported.source,
        ..blank(dir, Kind::Run)
    })
}

fn series(dir: &Path, live: &Live<'_>) -> Result<Entry, String> {
    let document: Value = json(&dir.join(SERIES))?;
    let series = super::report::series_of(dir).map_err(|problem| problem.to_string())?;
    let done = series.cells.iter().filter(|c| c.state == CellState::Done).count();
    let state = if series.over {
        let open = |state| matches!(state, CellState::Waiting | CellState::Running);
        match () {
            () if done == 0 => "failed",
            () if series.kind == SeriesKind::Matrix && series.cells.iter().any(|c| open(c.state)) => "stopped",
            () => "finished",
        }
    } else if live.writes_to(dir) {
        "running"
    } else {
        "killed"
    };
    // What all cells share is told by the series, else by its first cell.
    let first = series.cells.iter().find_map(|cell| header(&dir.join("cells").join(&cell.key)).ok());
    let spec = ["spec", "profile"].iter().find_map(|key| Spec::deserialize(document.get(key)?).ok());
    let word = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
    let started_at = word("started_at").or_else(|| first.as_ref().map(|h| h.epoch.wall_start.clone()));
    let model = word("model").or_else(|| first.as_ref().map(|h| h.setup.model.clone())).unwrap_or_default();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let best = best(&series);
    Ok(Entry {
        model,
        started_at,
        state: state.to_owned(),
        metrics: best.map(|cell| cell.metrics.clone()).unwrap_or_default(),
        client_limited: best.is_some_and(|cell| cell.client_limited == Some(true)),
        slo_met: best.and_then(|cell| cell.slo_met),
        spec: spec.or_else(|| first.map(|h| h.spec)),
        cells: Some((count(done), count(series.cells.len()))),
        ..blank(dir, if series.kind == SeriesKind::Matrix { Kind::Matrix } else { Kind::Search })
    })
}

/// The cell a series is listed with.
fn best(series: &Series) -> Option<&super::live::Cell> {
    if let Some(best) = &series.best {
        return series.cells.iter().find(|cell| cell.key == *best);
    }
    let throughput = |cell: &&super::live::Cell| cell.metrics.get("output_throughput").copied().unwrap_or(f64::MIN);
    let done = series.cells.iter().filter(|cell| cell.state == CellState::Done);
    done.max_by(|a, b| throughput(a).total_cmp(&throughput(b)))
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
