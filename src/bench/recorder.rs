//! The recorder: a thread of its own that writes what the client tells and publishes how the run stands.
//!
//! It looks at its channel by itself, 20 times a second, so that a request that ends wakes nobody on the client's core. Finished
//! requests are on disk within a quarter of a second: a run that is killed loses no more.

mod dist;
mod files;
mod lines;
mod seconds;

use self::{
    dist::{Bins, Hdr, Lag},
    files::Files,
    seconds::{HistogramLog, Metric, Open},
};
use super::{
    client::{Message, Order, Shared},
    live::{Client, Fact, Phase, RouteNow, ServerSample, Snapshot},
    record::Record,
    results::{End, EndLine, Header, StoppedBy, finish},
    spec::Slo,
    summary::{Summary, meets},
};
use crate::{base::Problem, said};
use rustix::time::{ClockId, clock_gettime};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::Ordering,
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

/// One route of several.
struct Route {
    now: RouteNow,
    ttft: Hdr,
    tpot: Hdr,
}

impl Route {
    fn new(name: &str) -> Self {
        Self { now: RouteNow { name: name.to_owned(), ..RouteNow::default() }, ttft: Hdr::new(), tpot: Hdr::new() }
    }

    fn count(&mut self, record: &Record) {
        self.now.output_tokens += record.output_tokens;
        if !record.ok() {
            self.now.failed += u64::from(!record.stopped());
            return;
        }
        self.now.done += 1;
        if let Some(us) = record.ttft_us() {
            self.ttft.record(us, 1);
        }
        if let Some(us) = record.tpot_us() {
            self.tpot.record_f64(us);
        }
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

    fn take(&mut self, message: Message) {
        match message {
            Message::Finished(mut record) => {
                record.weigh();
                let written = self.files.record(&record);
                self.note(written);
                self.count(&record);
            }
            Message::Live { at_us, ttft_us, itl_us } => {
                for &us in &ttft_us {
                    self.ttft.record(us, 1);
                }
                for &(us, n) in &itl_us {
                    self.itl.record(u64::from(us), u64::from(n));
                }
                let open = self.second(second_of(at_us));
                for us in ttft_us {
                    open.record(Metric::Ttft, us, 1);
                }
                for (us, n) in itl_us {
                    open.record(Metric::Itl, u64::from(us), n);
                }
            }
            Message::Second { second, tokens, busy_us, lag } => {
                if self.measured(second) {
                    self.loop_lag.add(&lag);
                }
                let row = &mut self.second(second).row;
                row.output_tokens += tokens;
                row.in_flight_mean += busy_us as f32 / 1e6;
            }
            Message::Event(event) => {
                let written = self.files.event(&event);
                self.note(written);
                self.sink.fact(&Fact::Event(event));
            }
            Message::Server(sample) => {
                let written = self.files.server(&sample);
                self.note(written);
                self.sink.fact(&Fact::Server(sample.clone()));
                let newest = &mut self.snapshot.server;
                match newest.binary_search_by_key(&sample.server, |s: &ServerSample| s.server) {
                    Ok(at) => {
                        if let Some(place) = newest.get_mut(at) {
                            *place = sample;
                        }
                    }
                    Err(at) => newest.insert(at, sample),
                }
            }
            Message::Asking { users, rate, paused, held } => {
                let now = &mut self.snapshot;
                (now.users, now.rate, now.paused, now.held) = (users, rate, paused, held);
            }
            Message::Phase { at_us, phase } => {
                self.snapshot.phase = phase;
                if phase == Phase::Running {
                    self.snapshot.measured_from_us = Some(at_us);
                }
                if matches!(phase, Phase::Warmup | Phase::Running) {
                    self.next_second.get_or_insert(second_of(at_us));
                }
                self.sink.fact(&Fact::Phase { at_us, phase });
                self.publish(at_us);
            }
            Message::Over(_) => {}
        }
    }

    fn count(&mut self, record: &Record) {
        let row = &mut self.second(second_of(record.end_us)).row;
        match &record.error {
            None => row.done += 1,
            Some(_) if record.stopped() => {}
            Some(_) => row.failed += 1,
        }
        if record.warmup {
            return;
        }
        if let Some(sent) = record.sent_us {
            let lag = sent.saturating_sub(if self.capped { record.started_us } else { record.planned_us });
            self.lag.record(lag);
            self.late += u64::from(lag > 1_000);
        }
        if let Some(route) = self.routes.get_mut(usize::from(record.route)) {
            route.count(record);
        }
        if record.stopped() {
            return;
        }
        self.snapshot.measured_until_us = self.snapshot.measured_until_us.max(Some(record.end_us));
        self.snapshot.input_tokens += record.prompt_tokens.unwrap_or(0);
        if let Some(error) = &record.error {
            self.snapshot.failed += 1;
            let count = self.snapshot.errors_by_class.entry(error.class.word().to_owned()).or_insert(0);
            *count += 1;
            if *count == 1 {
                let (class, example) = (error.class.word().to_owned(), error.message.clone());
                self.sink.fact(&Fact::Failure { at_us: record.end_us, class, example });
            }
            return;
        }
        self.snapshot.done += 1;
        if let Some(good) = &mut self.snapshot.good {
            *good += u64::from(meets(&self.slo, record));
        }
        let (e2el, tpot) = (record.e2el_us(), record.tpot_us());
        if let Some(us) = e2el {
            self.e2el.record(us, 1);
        }
        if let Some(us) = tpot {
            self.tpot.record_f64(us);
        }
        let open = self.second(second_of(record.end_us));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a non-negative time below an hour")]
        let times = [(Metric::E2el, e2el), (Metric::Tpot, tpot.map(|us| us.round() as u64))];
        for (metric, us) in times {
            if let Some(us) = us {
                open.record(metric, us, 1);
            }
        }
    }

    /// What falls in a second. One that was told already is over: what comes later counts in the next.
    fn second(&mut self, second: u32) -> &mut Open {
        let second = second.max(self.next_second.unwrap_or(0));
        self.open_seconds.entry(second).or_insert_with(|| Open::new(second))
    }

    /// Part of a second, at least, is measured.
    fn measured(&self, second: u32) -> bool {
        self.snapshot.measured_from_us.is_some_and(|from| from < u64::from(second + 1) * 1_000_000)
    }

    /// Tells every second that has settled; all of them at the end.
    fn tell_seconds(&mut self, now_us: u64, over: bool) {
        let settled = now_us.saturating_sub(if over { 0 } else { SECOND_SETTLES_US }) / 1_000_000;
        let Some(mut next) = self.next_second else { return };
        while u64::from(next) < settled || (over && self.open_seconds.last_key_value().is_some_and(|(&last, _)| next <= last)) {
            let mut open = self.open_seconds.remove(&next).unwrap_or_default();
            (open.row.second, open.row.warmup) = (next, !self.measured(next));
            let fact = Fact::Second(open.row);
            let written = self.files.second(&fact).and_then(|()| self.histograms.second(&open));
            self.note(written);
            self.sink.fact(&fact);
            if let Some(heat) = open.heat() {
                self.sink.fact(&heat);
            }
            next += 1;
        }
        self.next_second = Some(next);
    }

    fn publish(&mut self, now_us: u64) {
        let shared = &self.shared;
        let cpu = (cpu_us(), now_us);
        let wall_us = now_us.saturating_sub(self.cpu.1);
        let snapshot = &mut self.snapshot;
        snapshot.at_us = now_us;
        snapshot.sent = shared.sent.load(Ordering::Relaxed);
        snapshot.in_flight = shared.in_flight.load(Ordering::Relaxed);
        snapshot.output_tokens = shared.tokens.load(Ordering::Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "a share of a few cores, shown with no more than a digit")]
        let cpu_pct = (wall_us > 0).then(|| (cpu.0.saturating_sub(self.cpu.0) as f64 * 100.0 / wall_us as f64) as f32);
        snapshot.client = Client {
            send_lag_p99_us: self.lag.p99_us(),
            cpu_pct: cpu_pct.or(snapshot.client.cpu_pct),
            connections: shared.connections.as_ref().map(|connections| connections.load(Ordering::Relaxed)),
            coalesced_chunks: shared.coalesced.load(Ordering::Relaxed),
            late_sends: self.late,
            loop_lag_p99_us: self.loop_lag.p99_us(),
        };
        if wall_us > 0 {
            self.cpu = cpu;
        }
        for (dist, hdr) in [
            (&mut snapshot.ttft, &self.ttft),
            (&mut snapshot.tpot, &self.tpot),
            (&mut snapshot.itl, &self.itl),
            (&mut snapshot.e2el, &self.e2el),
        ] {
            hdr.write(dist);
        }
        snapshot.routes.resize_with(self.routes.len(), RouteNow::default);
        for (now, route) in snapshot.routes.iter_mut().zip(&mut self.routes) {
            route.ttft.write(&mut route.now.ttft);
            route.tpot.write(&mut route.now.tpot);
            now.clone_from(&route.now);
        }
        self.sink.snapshot(snapshot);
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

/// CPU time of this process, µs.
fn cpu_us() -> u64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1_000
}

fn second_of(at_us: u64) -> u32 {
    u32::try_from(at_us / 1_000_000).unwrap_or(u32::MAX - 1)
}
