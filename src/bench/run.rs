//! One load test from beginning to end: look, connect, warm up, measure, write.

use super::{
    client::{Client, Message, Order, Orders, Outcome, Part, Prepared, Queue, Shared},
    live::{Phase, Snapshot, Steer},
    prompts::Prompts,
    recorder::{Recorder, Sink},
    results::{End, Header, Setup, StoppedBy},
    schedule::Schedule,
    spec::{Load, Spec},
    summary::Summary,
    target::{self, Target},
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
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
};

/// Most bytes of requests prepared ahead.
const AHEAD_BYTES: usize = 64 << 20;
/// Requests prepared ahead at a rate.
const AHEAD_AT_RATE: usize = 256;
/// From the order to begin to the first planned moment, µs: time for every thread to be waiting for it.
const BEGIN_AFTER_US: u64 = 3_000;
/// Streams one client thread is given before another is started.
const STREAMS_PER_THREAD: u32 = 512;
/// Requests per second likewise.
const RATE_PER_THREAD: f64 = 500.0;

/// Steers a run from elsewhere: the control socket, a signal.
#[derive(Debug, Default)]
pub struct Steering {
    asked: Mutex<Asked>,
    /// Looked at before the client exists.
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct Asked {
    by: Option<StoppedBy>,
    orders: Option<Orders>,
}

impl Steering {
    /// Carries a wish out. The first reason to end is the one the result names, but a stop outranks a drain.
    pub fn ask(&self, steer: Steer) {
        match steer {
            Steer::Stop => self.give(Order::Stop, StoppedBy::Stop),
            Steer::Drain => self.give(Order::Drain, StoppedBy::Drain),
            _ => {}
        }
    }

    /// As a stop, by a signal.
    pub fn signal(&self) {
        self.give(Order::Stop, StoppedBy::Signal);
    }

    fn give(&self, order: Order, by: StoppedBy) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.by.is_none_or(|earlier| earlier == StoppedBy::Drain) {
            asked.by = Some(by);
        }
        if order == Order::Stop || asked.orders.is_none() {
            self.stop.store(true, Ordering::Relaxed);
        }
        if let Some(orders) = &asked.orders {
            orders.give(order);
        }
    }

    fn attach(&self, orders: &Orders) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stop.load(Ordering::Relaxed) {
            orders.give(Order::Stop);
        }
        asked.orders = Some(orders.clone());
    }

    fn by(&self) -> Option<StoppedBy> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).by
    }
}

/// Runs `spec`, writes its result into the folder `dir` and tells `sink` how it goes. The folder's `requests.jsonl` must not exist yet.
///
/// # Errors
/// A spec or server that cannot be loaded (nothing was sent, nothing is left in the folder), or a result that could not be written.
/// Requests that fail are no error: they are in the summary.
pub fn run(spec: &Spec, dir: &Path, sink: &Arc<dyn Sink>, steering: &Steering) -> Result<Summary, Problem> {
    run_on(threads(&spec.load), spec, dir, sink, steering)
}

/// As [`run`], on this many client threads.
fn run_on(threads: u32, spec: &Spec, dir: &Path, sink: &Arc<dyn Sink>, steering: &Steering) -> Result<Summary, Problem> {
    let epoch = Epoch::now();
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
    key: Option<crate::base::Secret>,
    prompts: Prompts,
    target: Target,
}

fn prepare(spec: &Spec, steering: &Steering) -> Result<Ready, Problem> {
    spec.check()?;
    let key = target::api_key(&spec.target)?;
    let prompts = Prompts::open(&spec.prompts, spec.target.endpoint, spec.seed)?;
    let target = Target::find(spec, key.as_ref(), &prompts, &steering.stop)?;
    Ok(Ready { key, prompts, target })
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
    let Ready { key, prompts, target } = ready;
    allow_sockets();
    let broken =
        |error: &io::Error| Problem::failed("bench.client", said!("the load client broke off: {error}", "压测客户端中止：{error}"));
    let orders = Orders::new(threads).map_err(|e| broken(&e))?;
    let shared = Arc::new(Shared::new(epoch.mono_start_us, target.to, key, spec.limits, spec.output_len, orders.clone()));
    let (messages, received) = channel();
    let client = Client::start(&shared, &messages).map_err(|e| broken(&e))?;
    let measured = Schedule { load: spec.load.clone(), requests: spec.requests, until_us: spec.duration_s.map(us) };
    client.connect(measured.connections()).map_err(|e| broken(&e))?;
    let header = Header {
        schema: "dcudeck.bench.requests/1".to_owned(),
        epoch: epoch.clone(),
        spec: spec.clone(),
        setup: Setup {
            model: target.model.clone(),
            max_model_len: target.max_model_len,
            usage: target.usage,
            client: "own".to_owned(),
            stamps: if shared.unstamped.load(Ordering::Relaxed) { "user" } else { "kernel" }.to_owned(),
            threads,
            prompts: String::new(),
            routes: Vec::new(),
            servers: Vec::new(),
        },
    };
    let recorder = Recorder::start(dir, &header, measured.planned(), Arc::clone(&shared), received, Arc::clone(sink))?;
    steering.attach(&orders);

    let id = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stage = Stage { spec, prompts: &prompts, target: &target, id: &id, client: &client, shared: &shared, messages: &messages };
    if spec.warmup > 0 {
        let warmup = Schedule { load: spec.load.clone(), requests: Some(spec.warmup), until_us: None };
        stage.part(warmup, true).map_err(|e| broken(&e))?;
    }
    let outcomes = stage.part(measured.clone(), false).map_err(|e| broken(&e))?;
    let end = End {
        at_us: shared.now_us(),
        stopped_by: if shared.too_many_failures.load(Ordering::Relaxed) {
            StoppedBy::ErrorRate
        } else {
            let all_sent = measured.requests.is_some_and(|n| shared.sent.load(Ordering::Relaxed) >= n);
            steering.by().unwrap_or(if all_sent { StoppedBy::Requests } else { StoppedBy::Duration })
        },
        client_cpu_pct: busiest(&outcomes),
        connections_opened: shared.opened.load(Ordering::Relaxed),
        user_stamped_reads: shared.user_stamps.load(Ordering::Relaxed),
        loop_lag_p99_us: None,
    };
    drop(client);
    let _ = messages.send(Message::Over(end));
    recorder.finish()
}

/// What both parts of a run need.
struct Stage<'a> {
    spec: &'a Spec,
    prompts: &'a Prompts,
    target: &'a Target,
    id: &'a str,
    client: &'a Client,
    shared: &'a Shared,
    messages: &'a Sender<Message>,
}

impl Stage<'_> {
    /// Runs one part while another thread prepares its requests.
    fn part(&self, schedule: Schedule, warmup: bool) -> io::Result<Vec<Outcome>> {
        let ahead = self.spec.load.users().map_or(AHEAD_AT_RATE, |users| users as usize + 16);
        let shared_queue = Arc::new(Queue::new(ahead, AHEAD_BYTES));
        let queue = &shared_queue;
        thread::scope(|scope| {
            let (prompts, target, id, queue) = (self.prompts, self.target, self.id, &**queue);
            let until_us = schedule.until_us;
            let writer = thread::Builder::new().name("prompts".to_owned()).spawn_scoped(scope, move || {
                let requests = schedule.planned().or(schedule.requests).unwrap_or(u64::MAX);
                for i in 0..requests {
                    let id = format!("{id}-{}{i}", if warmup { "w" } else { "" });
                    let bytes = target.request(&prompts.get(i, warmup), &id);
                    if !queue.put(Prepared { i, due_us: schedule.due_us(i), bytes, ..Prepared::default() }) {
                        return;
                    }
                }
                queue.close();
            })?;
            queue.primed();
            let from_us = self.shared.now_us() + BEGIN_AFTER_US;
            let phase = if warmup { Phase::Warmup } else { Phase::Running };
            let _ = self.messages.send(Message::Phase { at_us: from_us, phase });
            let part = Part { load: self.spec.load.clone(), queue: Arc::clone(&shared_queue), from_us, until_us, warmup };
            let outcomes = self.client.part(&part);
            queue.close();
            let _ = writer.join();
            outcomes
        })
    }
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
