//! Reads results for the console, on a thread of its own: a million requests are read and sorted while keys are answered.

mod sides;

use crate::{
    base::{Problem, clock::local},
    bench::{
        compare,
        history::{self, Entry, Kind},
        record::Record,
        results::{self, REQUESTS, SUMMARY},
        series::{self, SERIES},
        summary::Summary,
        tokens::{self, TOKENS},
        worker,
    },
    console::{
        events::Msg,
        news::News,
        results::{
            Against, Arrived, Autopsy, Compared, Listed, Opened, Requests, Told, Wanted,
            requests::{Request, Wish, arrange},
        },
    },
    jobs, said,
    workspace::Workspace,
};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread,
};

/// Most bytes of a summary or a line that is read for the screen: files of results may have been brought from anywhere.
const MAX_DOCUMENT: u64 = 64 << 20;
/// How long before a request a server's word about itself still counts as its state, µs.
const STALE_US: u64 = 5_000_000;

/// The way to the thread that reads.
pub(super) struct Library {
    asks: Sender<Wanted>,
}

impl Library {
    /// Starts the thread; it ends with the last handle.
    pub(super) fn start(workspace: Workspace, to: SyncSender<Msg>) -> io::Result<Self> {
        let (asks, inbox) = mpsc::channel();
        let mut reader = Reader { workspace, held: None };
        thread::Builder::new().name("results".to_owned()).spawn(move || reader.run(&inbox, &to))?;
        Ok(Self { asks })
    }

    pub(super) fn ask(&self, wanted: Wanted) {
        let _ = self.asks.send(wanted);
    }
}

/// Requests of the result that is looked at, so that another order does not read the file again.
struct Held {
    dir: PathBuf,
    rows: Arc<[Request]>,
    /// The run's P99 by key of `bench.run`, ms.
    p99_ms: BTreeMap<String, f64>,
}

struct Reader {
    workspace: Workspace,
    held: Option<Held>,
}

impl Reader {
    fn run(&mut self, inbox: &Receiver<Wanted>, to: &SyncSender<Msg>) {
        while let Ok(first) = inbox.recv() {
            let mut waiting: Vec<Wanted> = [first].into_iter().chain(inbox.try_iter()).collect();
            // Of lists and orders that wait only the last is still wanted.
            for index in (0..waiting.len().saturating_sub(1)).rev() {
                let (here, later) = waiting.split_at(index + 1);
                let again = here.last().is_some_and(|wanted| match wanted {
                    Wanted::List => later.contains(&Wanted::List),
                    Wanted::Requests { dir, .. } => later.iter().any(|w| matches!(w, Wanted::Requests { dir: other, .. } if other == dir)),
                    _ => false,
                });
                if again {
                    waiting.remove(index);
                }
            }
            for wanted in waiting {
                let opens = match &wanted {
                    Wanted::Open { dir, .. } => Some(dir.clone()),
                    _ => None,
                };
                let told = self.answer(wanted.clone()).unwrap_or_else(|problem| Told::Refused { wanted, problem });
                let found = matches!(told, Told::Opened(_));
                if to.send(Msg::News(News::Results(Box::new(told)))).is_err() {
                    return;
                }
                // The figures are on screen while the requests are still read.
                if let Some(dir) = opens.filter(|_| found).filter(|dir| dir.join(REQUESTS).exists()) {
                    let wanted = Wanted::Requests { dir, wish: Wish::default() };
                    let told = self.answer(wanted.clone()).unwrap_or_else(|problem| Told::Refused { wanted, problem });
                    if to.send(Msg::News(News::Results(Box::new(told)))).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn answer(&mut self, wanted: Wanted) -> Result<Told, Problem> {
        Ok(match wanted {
            Wanted::List => Told::List(self.list()?.into_iter().map(listed).collect()),
            Wanted::Open { dir, live } => {
                self.held = None;
                Told::Opened(Box::new(self.open(dir, live)?))
            }
            Wanted::Regression(dir) => {
                let against = self.against(&dir)?.map(Box::new);
                let ci95 = summary(&dir).map(|summary| summary.ci95).unwrap_or_default();
                Told::Regression { dir, against, ci95 }
            }
            Wanted::Requests { dir, wish } => {
                let rows = self.rows(&dir)?;
                let order = arrange(&rows, &wish).into();
                Told::Requests(Requests { dir, wish, rows, order })
            }
            Wanted::Autopsy { dir, warmup, i, route } => Told::Autopsy(Box::new(self.autopsy(dir, warmup, i, route)?)),
            Wanted::Compare(dirs) => Told::Compared(Box::new(self.compare(&dirs)?)),
            Wanted::Watch(dir) => {
                // Who watches jobs answers this one.
                return Err(Problem::failed("console.watch", said!("this run cannot be watched", "无法观察该压测")).file(dir));
            }
            Wanted::Delete(dir) => {
                self.delete(&dir)?;
                Told::Deleted(dir)
            }
        })
    }

    fn list(&self) -> Result<Vec<Entry>, Problem> {
        history::list(&self.workspace)
    }

    fn open(&self, dir: PathBuf, live: bool) -> Result<Opened, Problem> {
        let entries = self.list().unwrap_or_default();
        let entry = entries.iter().find(|entry| entry.result_dir == dir);
        let series = dir.join(SERIES).exists().then(|| series::read(&dir)).transpose()?;
        let summary = if series.is_some() || live { None } else { Some(summary(&dir)?) };
        let against = match entry {
            Some(entry) if entry.kind == Kind::Run && !live => against(&entries, entry),
            _ => None,
        };
        Ok(Opened {
            listed: entry.cloned().map(listed),
            dir,
            summary: summary.map(Box::new),
            series: series.map(Box::new),
            against: against.map(Box::new),
        })
    }

    fn against(&self, dir: &Path) -> Result<Option<Against>, Problem> {
        let entries = self.list()?;
        Ok(entries.iter().find(|entry| entry.result_dir == dir).and_then(|entry| against(&entries, entry)))
    }

    fn rows(&mut self, dir: &Path) -> Result<Arc<[Request]>, Problem> {
        if let Some(held) = self.held.as_ref().filter(|held| held.dir == dir) {
            return Ok(Arc::clone(&held.rows));
        }
        let mut rows = Vec::new();
        results::records(dir, |_, record| rows.push(Request::of(&record)))?;
        let rows: Arc<[Request]> = rows.into();
        let p99_ms = summary(dir).map(|summary| summary.metrics()).unwrap_or_default();
        let p99_ms = p99_ms.into_iter().filter(|(key, _)| key.starts_with("p99_")).collect();
        self.held = Some(Held { dir: dir.to_path_buf(), rows: Arc::clone(&rows), p99_ms });
        Ok(rows)
    }

    fn autopsy(&mut self, dir: PathBuf, warmup: bool, i: u64, route: u16) -> Result<Autopsy, Problem> {
        let rows = self.rows(&dir)?;
        let Some(request) = rows.iter().find(|row| row.i == i && row.warmup == warmup && row.route == route).cloned() else {
            return Err(Problem::bad_input("console.request", said!("the result has no request {i}", "结果中没有请求 {i}")).file(dir));
        };
        let arrivals = arrivals(&dir, &request);
        let (from, until) = (request.planned_us.saturating_sub(STALE_US), request.end_us);
        let (server, of_server) = own_server(&dir, route);
        let server = results::server(&dir)
            .unwrap_or_default()
            .into_iter()
            .filter(|sample| sample.server == server && (from..=until).contains(&sample.at_us))
            .collect();
        let events = results::events(&dir).unwrap_or_default();
        let events = events.into_iter().filter(|event| (request.planned_us..=until).contains(&event.at_us)).collect();
        let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let id = format!("{name}-{}{i}", if warmup { "w" } else { "" });
        let p99_ms = match &self.held {
            Some(held) if held.dir == dir => held.p99_ms.clone(),
            _ => BTreeMap::new(),
        };
        Ok(Autopsy { dir, request, arrivals, server, of_server, events, id, p99_ms })
    }

    fn compare(&self, dirs: &[PathBuf]) -> Result<Compared, Problem> {
        let Some((base, others)) = dirs.split_first() else {
            return Err(Problem::bad_input("console.compare", said!("nothing to compare", "没有可比较的结果")));
        };
        let comparisons = others.iter().map(|other| compare::compare(base, other, &[])).collect::<Result<_, _>>()?;
        let entries = self.list()?;
        let sides = dirs.iter().filter_map(|dir| entries.iter().find(|entry| entry.result_dir == *dir)).map(sides::side).collect();
        Ok(Compared { sides, comparisons })
    }

    /// Removes the folder of a result, and nothing else: it must lie in the workspace, hold a result, and nobody may write to it.
    fn delete(&mut self, dir: &Path) -> Result<(), Problem> {
        let refuse = |said| Err(Problem::bad_input("console.delete", said).file(dir));
        let ours = dir.parent() == Some(self.workspace.results().as_path()) && fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir());
        if !ours {
            return refuse(said!("only results of this workspace are deleted", "只能删除本工作区的结果"));
        }
        if ![REQUESTS, SUMMARY, SERIES].iter().any(|name| dir.join(name).exists()) {
            return refuse(said!("this folder holds no result", "该文件夹不是测试结果"));
        }
        let written = |job: &jobs::Job| !job.state().ended() && worker::result_dir(job).is_ok_and(|of| of == dir);
        if jobs::list(&self.workspace).iter().any(written) {
            return refuse(said!("the run still writes to it: stop it first", "压测仍在写入：请先停止"));
        }
        self.held = None;
        fs::remove_dir_all(dir).map_err(|error| {
            Problem::failed("console.delete", said!("the result cannot be deleted: {error}", "无法删除结果：{error}")).file(dir)
        })
    }
}

/// How `entry` stands against the last comparable one. That it cannot be told is no reason to hide the result; the log says why.
fn against(entries: &[Entry], entry: &Entry) -> Option<Against> {
    let base = history::last_comparable(entries, entry)?;
    match compare::compare(&base.result_dir, &entry.result_dir, &[]) {
        Ok(comparison) => Some(Against { base: listed(base.clone()), comparison }),
        Err(problem) => {
            tracing::warn!("{problem}");
            None
        }
    }
}

/// The summary of a result that nobody writes any more.
fn summary(dir: &Path) -> Result<Summary, Problem> {
    let path = dir.join(SUMMARY);
    let small = fs::metadata(&path).is_ok_and(|meta| meta.len() <= MAX_DOCUMENT);
    match fs::read(&path).ok().filter(|_| small).and_then(|text| serde_json::from_slice(&text).ok()) {
        Some(summary) => Ok(summary),
        None => results::recompute(dir),
    }
}

/// When the tokens of `request` arrived; `None`: not kept.
fn arrivals(dir: &Path, request: &Request) -> Option<Vec<Arrived>> {
    let small = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
    if dir.join(TOKENS).exists() {
        let kept = tokens::open(dir).inspect_err(|problem| tracing::warn!("{problem}")).ok()?;
        let arrivals = kept.arrivals_of(request.warmup, request.i, request.route)?;
        return Some(
            arrivals.iter().map(|one| Arrived { at_us: one.at_us, gap_us: one.gap_us, tokens: small(one.tokens) }).collect(),
        );
    }
    // A run that goes on or was killed, or a result of an earlier version: they lie beside each other in the order they ended.
    let mut found = None;
    let same = |record: &Record| record.i == request.i && record.warmup == request.warmup && record.route == request.route;
    results::read(dir, |_, record| {
        if same(&record) {
            let mut at_us = record.sent_us.unwrap_or(record.planned_us);
            let arrivals = record.arrivals().map(|one| {
                at_us += one.gap_us;
                Arrived { at_us, gap_us: one.gap_us, tokens: small(one.tokens) }
            });
            found = Some(arrivals.collect::<Vec<_>>());
        }
    })
    .inspect_err(|problem| tracing::warn!("{problem}"))
    .ok()?;
    found.filter(|arrivals| !arrivals.is_empty())
}

/// Which of the scraped servers `route` was sent to, by its place, and its URL when there are several.
fn own_server(dir: &Path, route: u16) -> (u16, Option<String>) {
    let Ok(header) = results::header(dir) else { return (0, None) };
    let servers = &header.setup.servers;
    let route = header.setup.routes.get(usize::from(route)).map(|route| route.url.trim_end_matches('/'));
    let own = (0_u16..).zip(servers).find(|(_, server)| Some(server.url.trim_end_matches('/')) == route);
    match own.or_else(|| (0_u16..).zip(servers).next()) {
        Some((at, server)) if servers.len() > 1 => (at, Some(server.url.clone())),
        Some((at, _)) => (at, None),
        None => (0, None),
    }
}

fn listed(entry: Entry) -> Listed {
    let when = entry.started_at.as_deref().and_then(|at| at.parse().ok()).map(local).unwrap_or_default();
    Listed { entry, when }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_result_of_this_workspace_is_ever_deleted() {
        let root = tempfile::tempdir().expect("temporary folder");
        let workspace = Workspace::at(root.path());
        let mut reader = Reader { workspace: workspace.clone(), held: None };
        let make = |dir: &Path| {
            fs::create_dir_all(dir).expect("mkdir");
            fs::write(dir.join(REQUESTS), b"").expect("writes");
        };
        let (ours, plain, elsewhere) = (workspace.results().join("r-1"), workspace.results().join("notes"), root.path().join("r-2"));
        make(&ours);
        make(&elsewhere);
        fs::create_dir_all(&plain).expect("mkdir");
        let link = workspace.results().join("link");
        std::os::unix::fs::symlink(&elsewhere, &link).expect("links");
        for dir in [&elsewhere, &plain, &link, &workspace.results(), &workspace.results().join("..")] {
            assert!(reader.delete(dir).is_err() && dir.exists(), "{}", dir.display());
        }
        reader.delete(&ours).expect("deletes");
        assert!(!ours.exists() && elsewhere.join(REQUESTS).exists());
    }
}
