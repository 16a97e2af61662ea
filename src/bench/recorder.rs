//! The recorder: a thread of its own that writes what the client tells and publishes how the run stands.
//!
//! It looks at its channel by itself, 20 times a second, so that a request that ends wakes nobody on the client's core. Finished
//! requests are on disk within a quarter of a second: a run that is killed loses no more.

mod count;
mod dist;
mod files;
mod lines;
mod publish;
mod seconds;

use self::{
    dist::{Bins, Hdr, Lag},
    files::Files,
    publish::{Route, cpu_us},
    seconds::{HistogramLog, Open},
};
use super::{
    client::{Message, Order, Shared},
    live::{Fact, Phase, Snapshot},
    results::{End, EndLine, Header, StoppedBy, finish},
    spec::Slo,
    summary::Summary,
};
use crate::{base::Problem, said};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often a snapshot is published, µs.
const SNAPSHOT_EVERY_US: u64 = 250_000;
/// Longest time a line stays in memory, µs.
const FLUSH_EVERY_US: u64 = 200_000;
/// How long after its end a second is told: every thread has reported by then.
const SECOND_SETTLES_US: u64 = 350_000;

/// Whoever watches a run: the control socket in a worker, a list in tests. Must not block.
pub trait Sink: Send + Sync {
    /// The newest state.
    fn snapshot(&self, snapshot: &Snapshot);
    /// Something that happened once.
    fn fact(&self, fact: &Fact);
}

/// The running recorder.
pub(super) struct Recorder(JoinHandle<Result<Summary, Problem>>);

impl Recorder {
    /// Creates the files of `dir` and starts the thread. It ends with [`Message::Over`].
    pub(super) fn start(
        dir: &Path,
        header: &Header,
        planned: Option<u64>,
        shared: Arc<Shared>,
        messages: Receiver<Message>,
        sink: Arc<dyn Sink>,
    ) -> Result<Self, Problem> {
        let routes = match header.setup.routes.as_slice() {
            routes @ [_, _, ..] => routes.iter().map(|route| Route::new(&route.name)).collect(),
            _ => Vec::new(),
        };
        let book = Book {
            files: Files::create(dir, header)?,
            histograms: HistogramLog::create(dir, header)?,
            slo: header.spec.slo,
            capped: !header.spec.load.closed() && header.spec.max_concurrency.is_some(),
            snapshot: Snapshot {
                model: header.setup.model.clone(),
                planned,
                result_dir: dir.to_path_buf(),
                users: header.spec.load.users(),
                rate: header.spec.load.rate(),
                good: (header.spec.slo != Slo::default()).then_some(0),
                ..Snapshot::default()
            },
            ttft: Hdr::new(),
            tpot: Hdr::new(),
            itl: Hdr::new(),
            e2el: Hdr::new(),
            routes,
            lag: Lag::new(),
            loop_lag: Bins::default(),
            late: 0,
            open_seconds: BTreeMap::new(),
            next_second: None,
            cpu: (cpu_us(), shared.now_us()),
            shared,
            sink,
            failed: None,
        };
        let thread = thread::Builder::new().name("recorder".to_owned()).spawn(move || book.keep(&messages));
        thread
            .map(Self)
            .map_err(|error| Problem::failed("bench.thread", said!("no thread could be started: {error}", "无法启动线程：{error}")))
    }

    /// Waits until everything told is on disk and its summary made.
    pub(super) fn finish(self) -> Result<Summary, Problem> {
        self.0.thread().unpark();
        self.0.join().unwrap_or_else(|_| Err(Problem::failed("bench.recorder", said!("the recorder broke off", "记录线程意外中止"))))
    }
}

struct Book {
    files: Files,
    histograms: HistogramLog,
    slo: Slo,
    /// Requests wait for room under a cap: their wait is no send lag.
    capped: bool,
    snapshot: Snapshot,
    ttft: Hdr,
    tpot: Hdr,
    itl: Hdr,
    e2el: Hdr,
    /// Empty with one.
    routes: Vec<Route>,
    lag: Lag,
    loop_lag: Bins,
    late: u64,
    open_seconds: BTreeMap<u32, Open>,
    /// The next second to be told, once the load has begun.
    next_second: Option<u32>,
    /// CPU of the process and when it was read, µs.
    cpu: (u64, u64),
    shared: Arc<Shared>,
    sink: Arc<dyn Sink>,
    failed: Option<Problem>,
}

impl Book {
    fn keep(mut self, messages: &Receiver<Message>) -> Result<Summary, Problem> {
        let (mut snapshot_us, mut flushed_us) = (0, 0);
        loop {
            thread::park_timeout(LOOK_EVERY);
            let over = loop {
                match messages.try_recv() {
                    Ok(Message::Over(end)) => break Some(end),
                    Ok(message) => self.take(message),
                    Err(TryRecvError::Empty) => break None,
                    Err(TryRecvError::Disconnected) => {
                        let broken = || Problem::failed("bench.client", said!("the load client ended early", "压测客户端提前结束"));
                        return Err(self.failed.unwrap_or_else(broken));
                    }
                }
            };
            let now_us = self.shared.now_us();
            self.tell_seconds(now_us, over.is_some());
            if let Some(end) = over {
                return self.close(end);
            }
            if now_us >= flushed_us + FLUSH_EVERY_US {
                flushed_us = now_us;
                let flushed = self.files.flush();
                self.note(flushed);
            }
            if now_us >= snapshot_us + SNAPSHOT_EVERY_US {
                snapshot_us = now_us;
                self.publish(now_us);
            }
        }
    }

    /// A file that cannot be written ends the run: figures nobody can check are worth nothing.
    fn note(&mut self, result: Result<(), Problem>) {
        if let Err(problem) = result
            && self.failed.is_none()
        {
            self.snapshot.failure = Some(problem.to_string());
            self.failed = Some(problem);
            self.shared.orders.give(Order::Stop);
        }
    }

    /// Writes the end, makes the summary of what was written, and tells that it is there.
    fn close(mut self, mut end: End) -> Result<Summary, Problem> {
        let (at_us, stopped_by) = (end.at_us, end.stopped_by);
        end.loop_lag_p99_us = self.loop_lag.p99_us();
        let written = self.files.end(&EndLine { end });
        self.note(written);
        let synced = self.files.sync().and_then(|()| self.histograms.sync());
        self.note(synced);
        let summary = match self.failed.take() {
            Some(problem) => Err(problem),
            None => finish::make(&self.snapshot.result_dir),
        };
        self.snapshot.phase = match (&summary, stopped_by) {
            (Err(problem), _) => {
                self.snapshot.failure = Some(problem.to_string());
                Phase::Failed
            }
            (Ok(summary), StoppedBy::ErrorRate) => {
                let (pct, limit) = (summary.error_rate_pct.unwrap_or(100.0), summary.profile.limits.max_error_rate_pct);
                let example = summary.error_examples.values().next().map(|e| format!(", for example: {e}")).unwrap_or_default();
                self.snapshot.failure = Some(format!("{pct:.1} % of requests failed, more than the {limit} % allowed{example}"));
                Phase::Failed
            }
            (Ok(_), StoppedBy::Requests | StoppedBy::Duration | StoppedBy::Drain) => Phase::Finished,
            (Ok(_), _) => Phase::Stopped,
        };
        self.sink.fact(&Fact::Phase { at_us, phase: self.snapshot.phase });
        self.publish(at_us);
        summary
    }
}
