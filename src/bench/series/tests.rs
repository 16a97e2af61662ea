//! Series against the simulated server, in this process.

use super::*;
use crate::{
    bench::{
        live::{CellState, Fact, Phase, Snapshot, Steer},
        recorder::Sink,
        results::REQUESTS,
    },
    embedded::sim::{Fail, Fault, Options, Sim, Stop},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

struct Server {
    url: String,
    stop: Stop,
    thread: Option<JoinHandle<u64>>,
}

impl Server {
    fn start(options: Options) -> Self {
        let sim = Sim::bind(options).expect("binds");
        let (url, stop) = (sim.listening().expect("listens").url, sim.stop_handle());
        Self { url, stop, thread: Some(thread::spawn(move || sim.run().expect("serves").requests)) }
    }

    fn fast() -> Self {
        Self::start(Options { ttft_ms: 1.0, itl_ms: 0.5, ..Options::default() })
    }

    /// Requests it has answered, once it is stopped.
    fn requests(mut self) -> u64 {
        self.stop.stop();
        self.thread.take().map_or(0, |thread| thread.join().expect("ends"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// Keeps what it is told, and asks for something when a snapshot says so.
#[derive(Default)]
struct Seen {
    snapshots: Mutex<Vec<Snapshot>>,
    facts: Mutex<Vec<Fact>>,
    wheel: Wheel,
    ask: Option<fn(&Snapshot) -> Option<Steer>>,
}

impl Sink for Seen {
    fn snapshot(&self, snapshot: &Snapshot) {
        if let Some(steer) = self.ask.and_then(|ask| ask(snapshot)) {
            self.wheel.ask(steer);
        }
        self.snapshots.lock().expect("lock").push(snapshot.clone());
    }

    fn fact(&self, fact: &Fact) {
        self.facts.lock().expect("lock").push(fact.clone());
    }
}

fn spec(url: &str, series: &str) -> Spec {
    let text = format!(
        r#"{{"target": {{"url": "{url}"}}, "load": {{"concurrency": 1}}, "prompts": {{"random": {{"input_len": 16}}}}, "output_len": 4, {series}}}"#
    );
    serde_json::from_str(&text).expect("a spec")
}

const SMALL: &str =
    r#""matrix": {"input_len": [16, 32], "output_len": [4], "concurrency": [1, 2], "repeats": 2, "requests_per_user": 3, "drain_s": 20}"#;

fn go(spec: &Spec, dir: &Path, ask: Option<fn(&Snapshot) -> Option<Steer>>) -> (Result<(), Problem>, Arc<Seen>) {
    let seen = Arc::new(Seen { ask, ..Seen::default() });
    let sink: Arc<dyn Sink> = Arc::<Seen>::clone(&seen);
    (run(spec, dir, &sink, &seen.wheel), seen)
}

/// Measured requests of every cell's own file, by key.
fn records(dir: &Path) -> Vec<(String, u64)> {
    let mut out = Vec::new();
    for cell in read(dir).expect("a series").cells {
        let mut count = 0;
        let of = cell_dir(dir, &cell.key);
        if of.join(REQUESTS).exists() {
            crate::bench::results::read(&of, |_, record| count += u64::from(!record.warmup)).expect("reads");
        }
        out.push((cell.key, count));
    }
    out
}

fn states(series: &Series) -> Vec<CellState> {
    series.cells.iter().map(|cell| cell.state).collect()
}

#[test]
fn a_matrix_measures_every_cell_once_in_its_order_and_tells_how_it_goes() {
    let server = Server::fast();
    let dir = tempfile::tempdir().expect("temporary folder");
    let (ended, seen) = go(&spec(&server.url, SMALL), dir.path(), None);
    ended.expect("a series");
    let series = read(dir.path()).expect("a series");
    assert!(series.over && series.cells.iter().all(|cell| cell.state == CellState::Done), "{:?}", states(&series));
    assert!(series.cells.iter().all(|cell| cell.metrics.contains_key("p99_ttft_ms") && cell.client_limited.is_some()));
    // Three a user; warm-up one a user; and one try before each cell.
    assert_eq!(records(dir.path()).iter().map(|(_, n)| n).sum::<u64>(), 2 * 2 * (3 + 6));
    assert_eq!(server.requests(), 2 * 2 * (3 + 6 + 1 + 2) + 8);

    let snapshots = seen.snapshots.lock().expect("lock");
    let ended: Vec<usize> = (0..snapshots.len()).filter(|k| snapshots[*k].phase.ended()).collect();
    assert_eq!(ended, [snapshots.len() - 1], "only the last snapshot is an end");
    assert!(snapshots.iter().all(|s| s.series.is_some()));
    let mut order: Vec<String> = snapshots.iter().filter_map(|s| s.series.as_ref()?.current.clone()).collect();
    order.dedup();
    assert_eq!(order, series.cells.iter().map(|cell| cell.key.clone()).collect::<Vec<_>>());
    let phases = seen.facts.lock().expect("lock");
    let preparing = phases.iter().filter(|f| matches!(f, Fact::Phase { at_us: 0, phase: Phase::Preparing })).count();
    assert_eq!(preparing, 8, "times begin again at each cell");
    let document = matrix_document(&series);
    assert_eq!((document["cells"][1]["concurrency"].as_u64(), document["cells"][1].get("rate")), (Some(2), None));
}

#[test]
fn a_stopped_matrix_goes_on_where_it_was_and_counts_nothing_twice() {
    let server = Server::fast();
    let dir = tempfile::tempdir().expect("temporary folder");
    let third = |s: &Snapshot| {
        let running = s.series.as_ref()?.current.as_deref()? == "i32-o4-c1-1" && s.phase == Phase::Running;
        running.then_some(Steer::Stop)
    };
    let spec = spec(&server.url, SMALL);
    let (ended, seen) = go(&spec, dir.path(), Some(third));
    ended.expect("stopped");
    assert_eq!(seen.snapshots.lock().expect("lock").last().map(|s| s.phase), Some(Phase::Stopped));
    let cut = read(dir.path()).expect("a series");
    assert_eq!(states(&cut)[..2], [CellState::Done, CellState::Done]);
    let done: Vec<Cell> = cut.cells.iter().filter(|cell| cell.state == CellState::Done).cloned().collect();
    assert!(done.len() < 8 && cut.over);
    let (ended, _) = go(&spec, dir.path(), None);
    ended.expect("goes on");
    let series = read(dir.path()).expect("a series");
    assert!(series.cells.iter().all(|cell| cell.state == CellState::Done), "{:?}", states(&series));
    for cell in done {
        assert!(series.cells.contains(&cell), "{} is as it was", cell.key);
    }
    assert_eq!(records(dir.path()).iter().map(|(_, n)| n).sum::<u64>(), 2 * 2 * (3 + 6));
}

#[test]
fn a_cell_measured_whole_by_a_worker_that_died_before_writing_it_down_is_not_measured_again() {
    let server = Server::fast();
    let dir = tempfile::tempdir().expect("temporary folder");
    let spec = spec(&server.url, SMALL);
    go(&spec, dir.path(), None).0.expect("a series");
    let mut kept = saved(dir.path()).expect("a series");
    // As they stand on disk when the process dies right after the run, and in the midst of one.
    for (at, key) in [(2, "i32-o4-c1-1"), (5, "i16-o4-c2-2")] {
        assert_eq!(kept.series.cells[at].key, key);
        state::reset(&mut kept.series.cells[at], false);
        kept.series.cells[at].state = CellState::Running;
    }
    kept.write().expect("writes");
    let half = cell_dir(dir.path(), "i16-o4-c2-2");
    let lines = fs::read_to_string(half.join(REQUESTS)).expect("reads");
    fs::write(half.join(REQUESTS), &lines[..lines.len() / 2]).expect("writes");
    fs::remove_file(half.join("summary.json")).expect("removes");
    let before = fs::metadata(cell_dir(dir.path(), "i32-o4-c1-1").join(REQUESTS)).and_then(|m| m.modified()).expect("a time");

    go(&spec, dir.path(), None).0.expect("goes on");
    let series = read(dir.path()).expect("a series");
    assert!(series.cells.iter().all(|cell| cell.state == CellState::Done), "{:?}", states(&series));
    let after = fs::metadata(cell_dir(dir.path(), "i32-o4-c1-1").join(REQUESTS)).and_then(|m| m.modified()).expect("a time");
    assert_eq!(before, after, "the whole one is kept");
    assert!(cell_dir(dir.path(), "i16-o4-c2-2.cut-1").is_dir(), "the half one is moved aside");
    assert_eq!(records(dir.path()).iter().map(|(_, n)| n).sum::<u64>(), 2 * 2 * (3 + 6));
}

#[test]
fn three_cells_that_fail_one_after_another_end_the_series_and_a_later_one_measures_them() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("bound");
    let dir = tempfile::tempdir().expect("temporary folder");
    let (ended, seen) = go(&spec(&format!("http://{nobody}"), SMALL), dir.path(), None);
    ended.expect("told in its cells");
    let series = read(dir.path()).expect("a series");
    assert_eq!(states(&series)[..4], [CellState::Failed, CellState::Failed, CellState::Failed, CellState::Waiting]);
    assert!(series.cells[0].failure.as_deref().is_some_and(|why| why.contains("cannot be reached")), "{:?}", series.cells[0].failure);
    let last = seen.snapshots.lock().expect("lock").last().cloned().expect("a snapshot");
    assert!(last.phase == Phase::Failed && last.failure.is_some_and(|why| why.starts_with("3 cells failed")));

    let server = Server::fast();
    let mut kept = saved(dir.path()).expect("a series");
    kept.spec.target.url.clone_from(&server.url);
    kept.write().expect("writes");
    go(&kept.spec, dir.path(), None).0.expect("goes on");
    assert!(read(dir.path()).expect("a series").cells.iter().all(|cell| cell.state == CellState::Done));
}

#[test]
fn cells_are_left_out_and_measured_again_as_asked() {
    fn ask(s: &Snapshot) -> Option<Steer> {
        let series = s.series.as_ref()?;
        let state = |key: &str| series.cells.iter().find(|c| c.key == key).map(|c| c.state);
        let current = series.current.as_deref()?;
        match current {
            "i16-o4-c1-1" => Some(Steer::SkipCell { key: Some("i32-o4-c1-1".to_owned()) }),
            "i16-o4-c2-1" if s.phase == Phase::Running => Some(Steer::SkipCell { key: None }),
            "i16-o4-c1-2" if state("i32-o4-c2-1") == Some(CellState::Done) => Some(Steer::RerunCell { key: "i32-o4-c2-1".to_owned() }),
            _ => None,
        }
    }
    let server = Server::fast();
    let dir = tempfile::tempdir().expect("temporary folder");
    // Asked as often as snapshots come: only the first of a kind may count.
    let (ended, seen) = go(&spec(&server.url, SMALL), dir.path(), Some(ask));
    ended.expect("a series");
    let series = read(dir.path()).expect("a series");
    let state = |key: &str| series.cells.iter().find(|c| c.key == key).expect("a cell").state;
    assert_eq!(state("i32-o4-c1-1"), CellState::Skipped);
    let again = cell_dir(dir.path(), "i32-o4-c2-1.old-1");
    assert!(again.is_dir() && state("i32-o4-c2-1") == CellState::Done);
    let keys: BTreeSet<&str> = series.cells.iter().map(|c| c.key.as_str()).collect();
    assert_eq!(keys.len(), 8);
    assert_eq!(seen.snapshots.lock().expect("lock").last().map(|s| s.phase), Some(Phase::Finished));
}

#[test]
fn a_search_finds_the_load_a_server_can_take_and_confirms_it() {
    // Every request takes 2 + 4 × 2 ms: met by 12 ms, whatever the load is.
    let server = Server::start(Options { ttft_ms: 2.0, itl_ms: 2.0, ..Options::default() });
    let dir = tempfile::tempdir().expect("temporary folder");
    let search = r#""slo": {"e2el_ms": 2000}, "search": {"over": "concurrency", "from": 1, "to": 4, "step_s": 0.1, "drain_s": 20}"#;
    go(&spec(&server.url, search), dir.path(), None).0.expect("a search");
    let series = read(dir.path()).expect("a series");
    let limited: Vec<&str> = series.cells.iter().filter(|c| c.client_limited == Some(true)).map(|c| c.key.as_str()).collect();
    if limited.is_empty() {
        let keys: Vec<&str> = series.cells.iter().map(|c| c.key.as_str()).collect();
        assert_eq!(keys, ["i16-o4-c1-1", "i16-o4-c2-1", "i16-o4-c4-1", "i16-o4-c4-2"]);
        assert_eq!(series.best.as_deref(), Some("i16-o4-c4-2"));
    } else {
        // A starved machine: such a step is never the best one.
        assert!(series.best.as_deref().is_none_or(|best| !limited.contains(&best)), "{limited:?}");
    }
    let document = search_document(&series);
    assert_eq!(document["slo"]["e2el_ms"], 2000.0);
    assert_eq!(document["steps"].as_array().map(Vec::len), Some(series.cells.len()));
}

#[test]
fn a_search_of_a_server_that_answers_nothing_is_given_up() {
    let fail = Fail { every: 1, kind: Fault::Status500 };
    let server = Server::start(Options { ttft_ms: 1.0, itl_ms: 0.5, fail: Some(fail), ..Options::default() });
    let dir = tempfile::tempdir().expect("temporary folder");
    let search = r#""slo": {"e2el_ms": 2000}, "search": {"over": "rate", "from": 40, "to": 80, "step_s": 0.1, "drain_s": 1}"#;
    go(&spec(&server.url, search), dir.path(), None).0.expect("a search");
    let series = read(dir.path()).expect("a series");
    assert_eq!((series.best, series.cells.len()), (None, 3));
    assert!(series.cells.iter().all(|cell| cell.state == CellState::Failed));
}

#[test]
fn two_workers_never_work_on_one_series() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let file = fs::File::create(dir.path().join("series.lock")).expect("creates");
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).expect("locks");
    let (ended, _) = go(&spec("http://127.0.0.1:1", SMALL), dir.path(), None);
    assert_eq!(ended.expect_err("locked").kind(), "bench.series_runs");
}

#[test]
fn a_folder_without_a_series_is_told_and_marks_of_unknown_cells_are_refused() {
    let root = tempfile::tempdir().expect("temporary folder");
    let workspace = Workspace::at(root.path());
    assert_eq!(resume(&workspace, root.path()).expect_err("none").kind(), "bench.no_series");
    begin(root.path(), &spec("http://127.0.0.1:1", SMALL)).expect("writes");
    assert_eq!(mark(&workspace, root.path(), &["i1-o1-c1-1".to_owned()], true).expect_err("unknown").kind(), "bench.no_cell");
    mark(&workspace, root.path(), &["i16-o4-c1-1".to_owned()], true).expect("marks");
    assert_eq!(read(root.path()).expect("a series").cells[0].state, CellState::Skipped);
    let measured = cell_dir(root.path(), "i16-o4-c1-1");
    fs::create_dir_all(&measured).expect("mkdir");
    fs::write(measured.join("requests.jsonl"), b"").expect("writes");
    let keys = |keys: [&str; 2]| keys.map(str::to_owned);
    let problem = mark(&workspace, root.path(), &keys(["i16-o4-c1-1", "i1-o1-c1-1"]), false).expect_err("one is unknown");
    assert_eq!((problem.kind(), measured.exists()), ("bench.no_cell", true), "and nothing is touched");
    mark(&workspace, root.path(), &keys(["i16-o4-c1-1", "i16-o4-c2-1"]), false).expect("marks");
    assert!(!measured.exists() && cell_dir(root.path(), "i16-o4-c1-1.old-1").exists(), "moved aside, not lost");
    assert_eq!(read(root.path()).expect("a series").cells[0].state, CellState::Waiting);
}
