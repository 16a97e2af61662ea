//! One load test from beginning to end: look, connect, warm up, measure, write.

mod conduct;
mod steering;

pub use steering::Steering;

use super::{
    client::{Client, Message, Orders, Outcome, Part, Queue, Shared},
    distributed,
    live::{Phase, Snapshot},
    recorder::{Recorder, Sink},
    results::{End, Header, Setup, StoppedBy},
    scrape,
    spec::{Load, Spec},
    summary::Summary,
    target::{Access, Target},
    workload::Workload,
};
use crate::{
    base::{Problem, clock::Epoch},
    said,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
};

/// Most bytes of requests prepared ahead.
const AHEAD_BYTES: usize = 64 << 20;
/// Requests prepared ahead at a rate, before the first is sent and after.
const AHEAD_AT_RATE: usize = 256;
/// Likewise under a cap: what is due and waits is counted among them.
const AHEAD_UNDER_A_CAP: usize = 16_384;
/// From the order to begin to the first planned moment, µs: time for every thread to be waiting for it.
const BEGIN_AFTER_US: u64 = 3_000;
/// Streams one client thread is given before another is started.
const STREAMS_PER_THREAD: u32 = 512;
/// Requests per second likewise.
const RATE_PER_THREAD: f64 = 500.0;

/// Runs `spec`, writes its result into the folder `dir` and tells `sink` how it goes. The folder's `requests.jsonl` must not exist yet.
///
/// # Errors
/// A spec or server that cannot be loaded (nothing was sent, nothing is left in the folder), or a result that could not be written.
/// Requests that fail are no error: they are in the summary.
pub fn run(spec: &Spec, dir: &Path, sink: &Arc<dyn Sink>, steering: &Steering) -> Result<Summary, Problem> {
    if spec.workers.is_some() {
        return distributed::run(spec, dir, sink, steering);
    }
    run_on(threads(&spec.load), spec, dir, sink, steering)
}

/// As [`run`], on this many client threads.
fn run_on(threads: u32, spec: &Spec, dir: &Path, sink: &Arc<dyn Sink>, steering: &Steering) -> Result<Summary, Problem> {
    let epoch = steering.epoch().unwrap_or_else(Epoch::now);
    let mut last = Snapshot {
        phase: Phase::Preparing,
        model: spec.target.model.clone().unwrap_or_default(),
        result_dir: dir.to_path_buf(),
        ..Snapshot::default()
    };
    sink.snapshot(&last);
    let ended = prepare(spec, steering).and_then(|ready| load(spec, threads, dir, &epoch, ready, sink, steering));
    if let Err(problem) = &ended {
        last.at_us = epoch.elapsed_us();
        last.phase = if problem.kind() == "bench.stopped" { Phase::Stopped } else { Phase::Failed };
        last.failure = Some(problem.to_string());
        sink.snapshot(&last);
    }
    ended
}

struct Ready {
    access: Access,
    target: Target,
}

fn prepare(spec: &Spec, steering: &Steering) -> Result<Ready, Problem> {
    spec.check()?;
    let access = Access::of(&spec.target)?;
    let target = Target::find(spec, &access, &steering.stop())?;
    Ok(Ready { access, target })
}

fn load(
    spec: &Spec,
    threads: u32,
    dir: &Path,
    epoch: &Epoch,
    ready: Ready,
    sink: &Arc<dyn Sink>,
    steering: &Steering,
) -> Result<Summary, Problem> {
    let Ready { access, target } = ready;
    // Parts of one load (`RESULT/workers/K`) make the same prompts: their nonce is the whole result's.
    let whole = if spec.share.is_some() { dir.ancestors().nth(2).unwrap_or(dir) } else { dir };
    let id = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let workload = Workload::open(spec, &target, &id)?;
    allow_sockets();
    let broken =
        |error: &io::Error| Problem::failed("bench.client", said!("the load client broke off: {error}", "压测客户端中止：{error}"));
    let orders = Orders::new(threads, spec.load.users(), spec.load.rate()).map_err(|e| broken(&e))?;
    let to = target.addresses().iter().map(|address| address.to).collect();
    let doors = target.doors()?;
    let general = doors.is_some();
    let mut shared = Shared::new(epoch.mono_start_us, to, access.key.clone(), spec.limits, spec.output_len, orders.clone());
    shared.connections = shared.connections.filter(|_| !general);
    let shared = Arc::new(shared);
    let (messages, received) = channel();
    let client = Client::start(&shared, &messages, doors.as_deref()).map_err(|e| broken(&e))?;
    client.connect(workload.connections()).map_err(|e| broken(&e))?;
    let header = Header {
        schema: "dcudeck.bench.requests/1".to_owned(),
        epoch: epoch.clone(),
        spec: spec.clone(),
        setup: Setup {
            model: target.model.clone(),
            max_model_len: target.max_model_len,
            usage: target.usage,
            client: if general { "reqwest" } else { "own" }.to_owned(),
            protocol: target.protocol().to_owned(),
            stamps: if general || shared.unstamped.load(Ordering::Relaxed) { "user" } else { "kernel" }.to_owned(),
            threads,
            prompts: workload.prompts_by().to_owned(),
            routes: workload.routes(),
            servers: target.urls().into_iter().map(|url| scrape::identify(&url, &access)).collect(),
        },
        workers: Vec::new(),
    };
    let recorder = Recorder::start(dir, &header, workload.planned(false), Arc::clone(&shared), received, Arc::clone(sink))?;
    let models = header.setup.routes.iter().map(|route| route.model.clone()).collect();
    let scraper = scrape::start(target.urls(), models, access, epoch.mono_start_us, messages.clone());
    let _ = messages.send(orders.asking());
    steering.attach(&orders, &messages, epoch.mono_start_us);

    let stage = Stage { spec, workload: &workload, client: &client, shared: &shared, messages: &messages, steering };
    if spec.warmup > 0 {
        stage.part(true).map_err(|e| broken(&e))?;
    }
    let outcomes = stage.part(false).map_err(|e| broken(&e))?;
    let end = End {
        at_us: shared.now_us(),
        stopped_by: if shared.too_many_failures.load(Ordering::Relaxed) {
            StoppedBy::ErrorRate
        } else {
            let accounted = shared.sent.load(Ordering::Relaxed) + shared.skipped.load(Ordering::Relaxed);
            let all_sent = spec.requests.is_some_and(|n| accounted >= n) || !outcomes.iter().any(|o| o.by_time);
            steering.by().unwrap_or(if all_sent { StoppedBy::Requests } else { StoppedBy::Duration })
        },
        client_cpu_pct: busiest(&outcomes),
        connections_opened: shared.opened.load(Ordering::Relaxed),
        user_stamped_reads: shared.user_stamps.load(Ordering::Relaxed),
        loop_lag_p99_us: None,
    };
    drop(client);
    scraper.stop();
    steering.detach();
    let _ = messages.send(Message::Over(end));
    recorder.finish()
}

/// What both parts of a run need.
struct Stage<'a> {
    spec: &'a Spec,
    workload: &'a Workload,
    client: &'a Client,
    shared: &'a Shared,
    messages: &'a Sender<Message>,
    steering: &'a Steering,
}

impl Stage<'_> {
    /// Runs one part while another thread prepares its requests.
    fn part(&self, warmup: bool) -> io::Result<Vec<Outcome>> {
        let cap = self.spec.max_concurrency.filter(|_| !self.spec.load.closed());
        let at_first = self.spec.load.users().map_or(AHEAD_AT_RATE, |users| users as usize + 16);
        let queue = Arc::new(Queue::new(if cap.is_some() { AHEAD_UNDER_A_CAP } else { at_first }, AHEAD_BYTES));
        let stages = if let Load::Stages(stages) = &self.spec.load { stages.as_slice() } else { &[] };
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let until_us = if warmup { None } else { until_us(self.spec) };
            let requests = self.workload.part(warmup);
            let filled = &*queue;
            let writer = thread::Builder::new().name("prompts".to_owned()).spawn_scoped(scope, move || {
                for request in requests {
                    if !filled.put(request) {
                        return;
                    }
                }
                filled.close();
            })?;
            queue.primed(at_first);
            if let Some(users) = conduct::first_users(stages).filter(|_| !warmup) {
                self.shared.orders.set_users(users);
            }
            let phase = if warmup { Phase::Warmup } else { Phase::Running };
            let from_us = self.steering.begin(phase, self.shared) + BEGIN_AFTER_US;
            let _ = self.messages.send(Message::Phase { at_us: from_us, phase });
            self.shared.orders.begin(from_us);
            if !stages.is_empty() && !warmup {
                let (shared, messages, over) = (self.shared, self.messages.clone(), &over);
                let conductor = move || conduct::conduct(stages, shared, &messages, over);
                thread::Builder::new().name("stages".to_owned()).spawn_scoped(scope, conductor).inspect_err(|_| queue.close())?;
            }
            let part = Part { closed: self.spec.load.closed(), cap, queue: Arc::clone(&queue), from_us, until_us, warmup };
            let outcomes = self.client.part(&part);
            over.store(true, Ordering::Relaxed);
            self.shared.orders.nudge();
            queue.close();
            let _ = writer.join();
            outcomes
        })
    }
}

/// When sending ends: after the duration asked for, or with the last stage.
fn until_us(spec: &Spec) -> Option<u64> {
    let stages = if let Load::Stages(stages) = &spec.load { Some(conduct::length_us(stages)) } else { None };
    spec.duration_s.map(us).into_iter().chain(stages).min()
}

/// CPU of the busiest thread, percent of one core.
fn busiest(outcomes: &[Outcome]) -> Option<f64> {
    let pct = |o: &Outcome| if o.wall_us > 0 { o.cpu_us as f64 * 100.0 / o.wall_us as f64 } else { 0.0 };
    outcomes.iter().map(pct).reduce(f64::max)
}

/// One thread serves many streams; beyond, as many more as half the machine's cores allow.
fn threads(load: &Load) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a checked rate")]
    let by_rate = || load.rate().map_or(1, |rate| (rate / RATE_PER_THREAD).ceil() as u32);
    let wanted = load.users().map_or_else(by_rate, |users| users.div_ceil(STREAMS_PER_THREAD));
    let cores = thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1));
    wanted.clamp(1, (cores / 2).max(1))
}

/// Raises the soft limit of open files to the hard one: a socket per stream.
fn allow_sockets() {
    let limit = getrlimit(Resource::Nofile);
    // A lower limit shows as failures to connect, which say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a checked duration")]
fn us(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}

#[cfg(test)]
mod tests;
