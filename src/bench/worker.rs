//! The load test as a job: the process that runs it, and what faces call to start one and to find its result.

use super::{
    live::{Fact, Snapshot, Steer},
    recorder::Sink,
    results::{self, REQUESTS, SUMMARY},
    run::{self, Steering},
    spec::Spec,
    summary::Summary,
    target::Url,
};
use crate::{
    base::Problem,
    jobs::{self, Job, control::Publisher},
    said,
    workspace::Workspace,
};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
};
use tokio::signal::unix::{SignalKind, signal};

/// Kind of the job and of its worker.
pub const KIND: &str = "bench";

/// What the job's payload holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Payload {
    spec: Spec,
    result_dir: PathBuf,
}

/// Starts a load test as a job of `workspace` and returns once its worker runs. The result goes into a new folder of the workspace, or
/// into `out`.
///
/// # Errors
/// A spec that cannot be run, a URL that is none, a folder that cannot be made or already holds a result, a job that cannot be
/// started. An unreachable server is found by the worker: its last snapshot says so.
pub fn start(workspace: &Workspace, spec: &Spec, out: Option<&Path>) -> Result<Job, Problem> {
    spec.check()?;
    Url::parse(&spec.target.url)?;
    let name = spec.target.model.as_deref().map_or(spec.name.as_str(), |model| model.rsplit('/').next().unwrap_or(model));
    let result_dir = results::folder(&workspace.results(), name, out)?;
    let payload = serde_json::to_value(Payload { spec: spec.clone(), result_dir: result_dir.clone() });
    let payload = payload
        .map_err(|e| Problem::failed("bench.payload", said!("the load test cannot be written down: {e}", "无法记录压测配置：{e}")))?;
    jobs::start(workspace, jobs::New::worker(KIND, &spec.name, payload)).map_err(|error| {
        // Only while empty: a folder that was given may hold more.
        let _ = fs::remove_dir(&result_dir);
        error.into()
    })
}

/// The result of a load test job: `None` as long as nothing was measured. A run that was killed gives what it had written.
///
/// # Errors
/// When the job is no load test, or its result cannot be read.
pub fn result_of(job: &Job) -> Result<Option<Summary>, Problem> {
    let dir = payload(job)?.result_dir;
    if !dir.join(REQUESTS).exists() {
        return Ok(None);
    }
    match fs::read(dir.join(SUMMARY)) {
        Ok(text) => serde_json::from_slice(&text).map(Some).or_else(|_| results::recompute(&dir).map(Some)),
        Err(_) if !job.state().ended() => Ok(None),
        Err(_) => results::recompute(&dir).map(Some),
    }
}

/// The folder of a load test job's result.
///
/// # Errors
/// When the job is no load test.
pub fn result_dir(job: &Job) -> Result<PathBuf, Problem> {
    payload(job).map(|p| p.result_dir)
}

/// What a load test job was asked to do.
///
/// # Errors
/// When the job is no load test.
pub fn spec_of(job: &Job) -> Result<Spec, Problem> {
    payload(job).map(|p| p.spec)
}

fn payload(job: &Job) -> Result<Payload, Problem> {
    serde_json::from_value(job.spec().payload.clone()).map_err(|error| {
        Problem::bad_input(
            "bench.not_a_load_test",
            said!("this job is no load test of this version: {error}", "该任务不是本版本的压测：{error}"),
        )
        .file(job.dir())
    })
}

/// Does the load test of the job in `job_dir`: publishes on its control socket, obeys [`Steer`], takes SIGTERM and SIGINT as a stop, and
/// always writes the result of what was measured.
///
/// # Errors
/// As [`run::run`]; also when the control socket cannot be opened.
pub fn run(job_dir: &Path) -> Result<(), Problem> {
    let job = Job::open(job_dir)?;
    let Payload { spec, result_dir } = payload(&job)?;
    let steering = Arc::new(Steering::default());
    let broken =
        |error: &io::Error| Problem::failed("bench.worker", said!("the load worker cannot start: {error}", "压测进程无法启动：{error}"));
    watch_signals(&steering).map_err(|e| broken(&e))?;
    let (publisher, commands) = Publisher::bind(job_dir, KIND, job.id()).map_err(|e| broken(&e))?;
    let steered = Arc::clone(&steering);
    let commands = thread::Builder::new().name("commands".to_owned()).spawn(move || {
        while let Ok(command) = commands.recv() {
            // A command of a newer face is not obeyed halfway.
            if let Ok(steer) = serde_json::from_str::<Steer>(command.get()) {
                steered.ask(steer);
            }
        }
    });
    commands.map_err(|e| broken(&e))?;
    let sink: Arc<dyn Sink> = Arc::new(Published(publisher.clone()));
    let ended = run::run(&spec, &result_dir, &sink, &steering);
    if ended.is_err() {
        // Nothing was measured; a folder that is not empty stays.
        let _ = fs::remove_dir(&result_dir);
    }
    publisher.bye();
    ended.map(|_| ())
}

struct Published(Publisher);

impl Sink for Published {
    fn snapshot(&self, snapshot: &Snapshot) {
        self.0.snapshot(snapshot);
    }

    fn fact(&self, fact: &Fact) {
        self.0.fact(fact);
    }
}

/// SIGTERM and SIGINT stop the run; SIGHUP means nothing to a worker.
fn watch_signals(steering: &Arc<Steering>) -> io::Result<()> {
    let steering = Arc::clone(steering);
    let (ready, watching) = mpsc::channel();
    thread::Builder::new().name("signals".to_owned()).stack_size(128 << 10).spawn(move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_io().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        runtime.block_on(async {
            let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()));
            let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = signals else {
                let _ = ready.send(Err(io::Error::other("signals cannot be watched")));
                return;
            };
            let _ = ready.send(Ok(()));
            loop {
                tokio::select! {
                    _ = terminate.recv() => steering.signal(),
                    _ = interrupt.recv() => steering.signal(),
                    _ = hangup.recv() => {}
                }
            }
        });
    })?;
    watching.recv().map_err(|_| io::Error::other("signals cannot be watched"))?
}
