//! Whole runs against the simulated server and its ground truth.

mod failing;
mod http2;
mod kept;
mod mixed;
mod scripted;
mod steered;
mod tls;
mod truth;

use super::*;
use crate::{
    base::Exit,
    bench::{
        exit_code,
        live::{Fact, Steer},
        record::Record,
        results::{REQUESTS, SUMMARY, Usage, VLLM085, read, recompute},
        spec::SaveTokens,
        tokens,
    },
    embedded::sim::{self, Fault, Options, Sim, Stop},
};
use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::PathBuf,
    sync::{Condvar, Mutex},
    time::{Duration, Instant},
};

/// A sink that keeps everything and can be waited on.
#[derive(Default)]
struct Watched {
    seen: Mutex<(Vec<Snapshot>, Vec<Fact>)>,
    changed: Condvar,
}

impl Sink for Watched {
    fn snapshot(&self, snapshot: &Snapshot) {
        self.seen.lock().expect("lock").0.push(snapshot.clone());
        self.changed.notify_all();
    }

    fn fact(&self, fact: &Fact) {
        self.seen.lock().expect("lock").1.push(fact.clone());
        self.changed.notify_all();
    }
}

impl Watched {
    fn wait_for(&self, what: impl Fn(&Snapshot) -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        let mut seen = self.seen.lock().expect("lock");
        while !seen.0.last().is_some_and(&what) {
            assert!(Instant::now() < until, "never seen: {:?}", seen.0.last());
            seen = self.changed.wait_timeout(seen, Duration::from_millis(100)).expect("lock").0;
        }
    }

    fn last(&self) -> Snapshot {
        self.seen.lock().expect("lock").0.last().cloned().expect("a snapshot")
    }
}

fn spec(url: &str, load: &str, more: &str) -> Spec {
    let text =
        format!(r#"{{"target": {{"url": "{url}"}}, "load": {load}, "prompts": {{"random": {{"input_len": 16}}}}, "output_len": 8{more}}}"#);
    serde_json::from_str(&text).expect(&text)
}

struct Done {
    dir: tempfile::TempDir,
    outcome: Result<Summary, Problem>,
    watched: Arc<Watched>,
}

impl Done {
    fn summary(&self) -> &Summary {
        self.outcome.as_ref().expect("a result")
    }

    fn result_dir(&self) -> PathBuf {
        self.dir.path().join("result-1")
    }

    fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        read(&self.result_dir(), |_, record| records.push(record)).expect("reads");
        records
    }
}

fn go_with(spec: &Spec, during: impl FnOnce(&Watched, &Steering) + Send) -> Done {
    go_on(1, spec, during)
}

fn go_on(threads: u32, spec: &Spec, during: impl FnOnce(&Watched, &Steering) + Send) -> Done {
    let dir = tempfile::tempdir().expect("temporary folder");
    let result_dir = dir.path().join("result-1");
    std::fs::create_dir(&result_dir).expect("mkdir");
    let (watched, steering) = (Arc::new(Watched::default()), Steering::default());
    let sink: Arc<dyn Sink> = Arc::clone(&watched) as Arc<dyn Sink>;
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            let _ends = EndsIfPanicking(&steering);
            during(&watched, &steering);
        });
        run_on(threads, spec, &result_dir, &sink, &steering)
    });
    Done { dir, outcome, watched }
}

/// A run nobody watches any more must not go on for ever.
struct EndsIfPanicking<'a>(&'a Steering);

impl Drop for EndsIfPanicking<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.signal();
        }
    }
}

fn go(spec: &Spec) -> Done {
    go_with(spec, |_, _| {})
}

/// A simulated server on a thread.
struct Served {
    url: String,
    truth: tempfile::NamedTempFile,
    stop: Stop,
    thread: Option<thread::JoinHandle<sim::Summary>>,
}

fn serve(options: Options) -> Served {
    let truth = tempfile::NamedTempFile::new().expect("temporary file");
    let sim = Sim::bind(Options { truth: Some(truth.path().to_path_buf()), ..options }).expect("binds");
    let (url, stop) = (sim.listening().expect("listens").url, sim.stop_handle());
    let thread = Some(thread::spawn(move || sim.run().expect("serves")));
    Served { url, truth, stop, thread }
}

impl Served {
    /// What truly happened, by request id, in `CLOCK_MONOTONIC` µs.
    fn truth(mut self) -> BTreeMap<String, (u64, Vec<(u64, usize)>)> {
        self.stop.stop();
        self.thread.take().map(|t| t.join().expect("ends"));
        let text = std::fs::read_to_string(self.truth.path()).expect("reads");
        let mut lines = text.lines();
        let zero: Epoch = serde_json::from_str(lines.next().expect("a first line")).expect("an epoch");
        let records = lines.filter_map(|line| serde_json::from_str::<sim::Record>(line).ok());
        let at = |us: u64| us + zero.mono_start_us;
        records.map(|r| (r.id, (at(r.arrival.at_us), r.writes.into_iter().map(|(us, n)| (at(us), n)).collect()))).collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.stop();
        self.thread.take().map(|t| t.join().expect("ends"));
    }
}

/// The exit status had the tests had the machine for themselves: under their own load the client is soon the limit.
fn exit_if_idle(summary: &Summary) -> Exit {
    exit_code(&Summary { client_limited: false, ..summary.clone() })
}
