//! The recorder: a thread of its own that writes what the client tells and publishes how the run stands.
//!
//! It looks at its channel by itself, 20 times a second, so that a request that ends wakes nobody on the client's core. Finished
//! requests are on disk within a quarter of a second: a run that is killed loses no more.

mod dist;

use self::dist::{Hdr, Lag};
use super::{
    client::{Message, Order, Shared},
    live::{Client, Fact, Phase, Second, Snapshot},
    record::Record,
    results::{self, End, EndLine, Header, REQUESTS, SECONDS, StoppedBy},
    spec::Slo,
    summary::{Summary, meets},
};
use crate::{base::Problem, said};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
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
        let requests = Lines::create(dir.join(REQUESTS))?;
        let seconds = Lines::create(dir.join(SECONDS))?;
        let mut book = Book {
            requests,
            seconds,
            slo: header.spec.slo,
            snapshot: Snapshot {
                model: header.setup.model.clone(),
                planned,
                result_dir: dir.to_path_buf(),
                good: (header.spec.slo != Slo::default()).then_some(0),
                ..Snapshot::default()
            },
            ttft: Hdr::new(),
            tpot: Hdr::new(),
            itl: Hdr::new(),
            e2el: Hdr::new(),
            lag: Lag::new(),
            late: 0,
            open_seconds: BTreeMap::new(),
            next_second: None,
            cpu: (cpu_us(), shared.now_us()),
            shared,
            sink,
            failed: None,
        };
        book.requests.line(header)?;
        book.seconds.line(header)?;
        book.requests.flush()?;
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
    requests: Lines,
    seconds: Lines,
    slo: Slo,
    snapshot: Snapshot,
    ttft: Hdr,
    tpot: Hdr,
    itl: Hdr,
    e2el: Hdr,
    lag: Lag,
    late: u64,
    open_seconds: BTreeMap<u32, Second>,
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
                let flushed = self.requests.flush().and_then(|()| self.seconds.flush());
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
            Message::Finished(record) => {
                let written = self.requests.line(&record);
                self.note(written);
                self.count(&record);
            }
            Message::Live { ttft_us, itl_us, .. } => {
                for us in ttft_us {
                    self.ttft.record(us, 1);
                }
                for (us, n) in itl_us {
                    self.itl.record(u64::from(us), u64::from(n));
                }
            }
            Message::Second { second, tokens, busy_us, .. } => {
                let row = self.second(second);
                row.output_tokens += tokens;
                row.in_flight_mean += busy_us as f32 / 1e6;
            }
            Message::Phase { at_us, phase } => {
                self.snapshot.phase = phase;
                if phase == Phase::Running {
                    self.snapshot.measured_from_us = Some(at_us);
                }
                if matches!(phase, Phase::Warmup | Phase::Running) {
                    self.next_second.get_or_insert(u32::try_from(at_us / 1_000_000).unwrap_or(u32::MAX));
                }
                self.sink.fact(&Fact::Phase { at_us, phase });
                self.publish(at_us);
            }
            Message::Event(event) => self.sink.fact(&Fact::Event(event)),
            Message::Asking { users, rate, paused, held } => {
                let snapshot = &mut self.snapshot;
                (snapshot.users, snapshot.rate, snapshot.paused, snapshot.held) = (users, rate, paused, held);
            }
            Message::Over(_) | Message::Server(_) => {}
        }
    }

    fn count(&mut self, record: &Record) {
        let row = self.second(u32::try_from(record.end_us / 1_000_000).unwrap_or(u32::MAX));
        match &record.error {
            None => row.done += 1,
            Some(_) if record.stopped() => {}
            Some(_) => row.failed += 1,
        }
        if record.warmup {
            return;
        }
        if let Some(sent) = record.sent_us {
            let lag = sent.saturating_sub(record.planned_us);
            self.lag.record(lag);
            self.late += u64::from(lag > 1_000);
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
        if let Some(us) = record.e2el_us() {
            self.e2el.record(us, 1);
        }
        if let Some(us) = record.tpot_us() {
            self.tpot.record_f64(us);
        }
    }

    fn second(&mut self, second: u32) -> &mut Second {
        self.open_seconds.entry(second).or_insert_with(|| Second { second, ..Second::default() })
    }

    /// Tells every second that has settled; all of them at the end.
    fn tell_seconds(&mut self, now_us: u64, over: bool) {
        let settled = now_us.saturating_sub(if over { 0 } else { SECOND_SETTLES_US }) / 1_000_000;
        let Some(mut next) = self.next_second else { return };
        while u64::from(next) < settled || (over && self.open_seconds.last_key_value().is_some_and(|(&last, _)| next <= last)) {
            let mut row = self.open_seconds.remove(&next).unwrap_or(Second { second: next, ..Second::default() });
            row.warmup = self.snapshot.measured_from_us.is_none_or(|from| u64::from(next + 1) * 1_000_000 <= from);
            let fact = Fact::Second(row);
            let written = self.seconds.line(&fact);
            self.note(written);
            self.sink.fact(&fact);
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
            connections: shared.connections.load(Ordering::Relaxed),
            coalesced_chunks: shared.coalesced.load(Ordering::Relaxed),
            late_sends: self.late,
            loop_lag_p99_us: None,
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
    fn close(mut self, end: End) -> Result<Summary, Problem> {
        let (at_us, stopped_by) = (end.at_us, end.stopped_by);
        let written = self.requests.line(&EndLine { end });
        self.note(written);
        let synced = self.requests.sync().and_then(|()| self.seconds.sync());
        self.note(synced);
        let summary = match self.failed.take() {
            Some(problem) => Err(problem),
            None => results::recompute(&self.snapshot.result_dir),
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

/// A file of JSON lines.
struct Lines {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Lines {
    fn create(path: PathBuf) -> Result<Self, Problem> {
        match File::options().write(true).create_new(true).open(&path) {
            Ok(file) => Ok(Self { out: BufWriter::with_capacity(1 << 18, file), path }),
            Err(error) => Err(unwritable(&path, &error)),
        }
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), Problem> {
        let written = serde_json::to_writer(&mut self.out, value).map_err(io::Error::from).and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|e| unwritable(&self.path, &e))
    }

    fn flush(&mut self) -> Result<(), Problem> {
        self.out.flush().map_err(|e| unwritable(&self.path, &e))
    }

    fn sync(&mut self) -> Result<(), Problem> {
        self.flush()?;
        self.out.get_ref().sync_data().map_err(|e| unwritable(&self.path, &e))
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::failed("bench.result_unwritable", said!("the result cannot be written: {error}", "无法写入结果：{error}"))
        .file(path)
        .fix(said!("check space and permissions of the folder", "请检查文件夹的空间与权限"))
}
