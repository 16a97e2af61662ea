//! The load test as a job: the process that runs it, and what faces call to start one and to find its result.

use super::{
    live::{Fact, Snapshot, Steer},
    recorder::Sink,
    report,
    results::{self, REQUESTS, SUMMARY},
    run::{self, Steering},
    series::{self, SERIES, Wheel},
    spec::Spec,
    summary::Summary,
    target::Url,
};
use crate::{
    base::{Lang, Problem},
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
    /// Of the report at its end.
    #[serde(default)]
    lang: Lang,
}

/// Starts a load test as a job of `workspace` and returns once its worker runs; with a matrix or a search in `spec`, a series of them.
/// The result goes into a new folder of the workspace, or into `out`; its report is in `lang`.
///
/// # Errors
/// A spec that cannot be run, a URL that is none, a folder that cannot be made or already holds a result, a job that cannot be
/// started. An unreachable server is found by the worker: its last snapshot says so.
pub fn start(workspace: &Workspace, spec: &Spec, out: Option<&Path>, lang: Lang) -> Result<Job, Problem> {
    spec.check()?;
    for url in spec.urls() {
        Url::parse(url)?;
    }
    let name = spec.target.model.as_deref().map_or(spec.name.as_str(), |model| model.rsplit('/').next().unwrap_or(model));
    let result_dir = results::folder(&workspace.results(), name, out)?;
    if is_series(spec) {
        if result_dir.join(SERIES).exists() {
            return Err(Problem::bad_input("bench.result_exists", said!("this folder already holds a series", "该文件夹已有系列结果"))
                .file(result_dir)
                .fix(said!("resume it, or give another folder with --out", "请继续该系列，或用 --out 指定其他文件夹")));
        }
        series::begin(&result_dir, spec)?;
    }
    job(workspace, spec, &result_dir, lang).inspect_err(|_| {
        // Only while there is no result: a folder that was given may hold more.
        let _ = fs::remove_file(result_dir.join(SERIES));
        let _ = fs::remove_dir(&result_dir);
    })
}

/// Goes on with the series in `dir`.
pub(super) fn resume(workspace: &Workspace, spec: &Spec, dir: &Path, lang: Lang) -> Result<Job, Problem> {
    job(workspace, spec, dir, lang)
}

fn is_series(spec: &Spec) -> bool {
    spec.matrix.is_some() || spec.search.is_some()
}

fn job(workspace: &Workspace, spec: &Spec, result_dir: &Path, lang: Lang) -> Result<Job, Problem> {
    let payload = serde_json::to_value(Payload { spec: spec.clone(), result_dir: result_dir.to_path_buf(), lang });
    let payload = payload
        .map_err(|e| Problem::failed("bench.payload", said!("the load test cannot be written down: {e}", "无法记录压测配置：{e}")))?;
    Ok(jobs::start(workspace, jobs::New::worker(KIND, &spec.name, payload))?)
}

/// The result of a load test job: `None` as long as nothing was measured, and of a series ([`document_of`] has both). A run that was
/// killed gives what it had written.
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

/// The document of a load test job, whatever it is: `dcudeck.bench.run/1`, `.matrix/1` or `.search/1`; `None` as long as there is none.
///
/// # Errors
/// When the job is no load test, or its result cannot be read.
pub fn document_of(job: &Job) -> Result<Option<serde_json::Value>, Problem> {
    let dir = payload(job)?.result_dir;
    if dir.join(SERIES).exists() {
        return series::read(&dir).map(|series| Some(series::document_of(&series)));
    }
    let unreadable = |e: serde_json::Error| Problem::failed("bench.result_unreadable", said!("{e}", "结果无法读取：{e}"));
    result_of(job)?.map(|summary| serde_json::to_value(summary).map_err(unreadable)).transpose()
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
    let Payload { spec, result_dir, lang } = payload(&job)?;
    let helm = Arc::new(if is_series(&spec) { Helm::Series(Wheel::default()) } else { Helm::Run(Steering::default()) });
    let broken =
        |error: &io::Error| Problem::failed("bench.worker", said!("the load worker cannot start: {error}", "压测进程无法启动：{error}"));
    let signalled = Arc::clone(&helm);
    watch_signals(move || signalled.signal()).map_err(|e| broken(&e))?;
    let (publisher, commands) = Publisher::bind(job_dir, KIND, job.id()).map_err(|e| broken(&e))?;
    let steered = Arc::clone(&helm);
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
    let ended = match &*helm {
        Helm::Series(wheel) => series::run(&spec, &result_dir, &sink, wheel, lang),
        Helm::Run(steering) => single(&spec, &result_dir, &sink, steering, lang),
    };
    publisher.bye();
    ended
}

/// One load test, and its report.
fn single(spec: &Spec, result_dir: &Path, sink: &Arc<dyn Sink>, steering: &Steering, lang: Lang) -> Result<(), Problem> {
    if let Err(problem) = run::run(spec, result_dir, sink, steering) {
        // Nothing was measured; a folder that is not empty stays.
        let _ = fs::remove_dir(result_dir);
        return Err(problem);
    }
    // A report that cannot be written is made again from the files at any time.
    if let Err(problem) = report::write_in(result_dir, lang) {
        tracing::warn!(%problem, "no report of the run");
    }
    Ok(())
}

/// What commands and signals turn.
enum Helm {
    Run(Steering),
    Series(Wheel),
}

impl Helm {
    fn ask(&self, steer: Steer) {
        match self {
            Self::Run(steering) => steering.ask(steer),
            Self::Series(wheel) => wheel.ask(steer),
        }
    }

    fn signal(&self) {
        match self {
            Self::Run(steering) => steering.signal(),
            Self::Series(wheel) => wheel.signal(),
        }
    }
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
pub(super) fn watch_signals(stop: impl Fn() + Send + 'static) -> io::Result<()> {
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
                    _ = terminate.recv() => stop(),
                    _ = interrupt.recv() => stop(),
                    _ = hangup.recv() => {}
                }
            }
        });
    })?;
    watching.recv().map_err(|_| io::Error::other("signals cannot be watched"))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock,
        bench::{live::Phase, results::StoppedBy},
        embedded::sim::{Options, Sim},
        jobs::{
            Program, Spec as JobSpec,
            control::{News, attach_when_ready},
        },
    };
    use std::time::Duration;

    /// A job's folder as `jobs::start` makes it, for a worker run in this process.
    fn job(root: &Path, spec: &Spec) -> PathBuf {
        let (dir, result_dir) = (root.join("jobs/load-1"), root.join("results/r-1"));
        fs::create_dir_all(&dir).expect("mkdir");
        fs::create_dir_all(&result_dir).expect("mkdir");
        let payload = serde_json::to_value(Payload { spec: spec.clone(), result_dir, lang: Lang::Zh }).expect("JSON");
        let spec = JobSpec {
            id: "load-1".to_owned(),
            kind: KIND.to_owned(),
            name: "load".to_owned(),
            program: Program::Worker,
            payload,
            env: Vec::new(),
            cwd: root.to_path_buf(),
            workspace: root.to_path_buf(),
            created_at: clock::now_rfc3339(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        fs::write(dir.join("spec.json"), serde_json::to_vec(&spec).expect("JSON")).expect("writes");
        dir
    }

    fn spec(url: &str) -> Spec {
        serde_json::from_value(serde_json::json!({"target": {"url": url}, "load": {"concurrency": 2}, "output_len": 4})).expect("a spec")
    }

    #[test]
    fn a_face_watches_a_load_test_drains_it_and_finds_its_result() {
        let sim = Sim::bind(Options { ttft_ms: 2.0, itl_ms: 1.0, ..Options::default() }).expect("binds");
        let (url, stop) = (sim.listening().expect("listens").url, sim.stop_handle());
        let server = thread::spawn(move || sim.run().expect("serves"));
        let root = tempfile::tempdir().expect("temporary folder");
        let dir = job(root.path(), &spec(&url));
        let (send, news) = mpsc::channel();
        let (worked, last) = thread::scope(|scope| {
            let worker = scope.spawn(|| run(&dir));
            let link = attach_when_ready(&dir, Duration::from_secs(20), move |n| drop(send.send(n))).expect("attaches");
            let (mut last, mut asked) = (None, false);
            loop {
                match news.recv_timeout(Duration::from_secs(20)).expect("news") {
                    News::Snapshot(body) => {
                        let snapshot: Snapshot = serde_json::from_str(body.get()).expect("a snapshot");
                        if snapshot.done > 0 && !std::mem::replace(&mut asked, true) {
                            link.command(&Steer::Drain).expect("takes commands");
                        }
                        last = Some(snapshot);
                    }
                    News::Gone => break,
                    _ => {}
                }
            }
            (worker.join().expect("ends"), last.expect("a snapshot"))
        });
        worked.expect("a result");
        assert_eq!(last.phase, Phase::Finished);
        let summary = result_of(&Job::open(&dir).expect("a job")).expect("reads").expect("a result");
        assert_eq!((summary.stopped_by, summary.completed, summary.failed), (StoppedBy::Drain, last.done, 0));
        let report = fs::read_to_string(Path::new(&summary.result_dir).join("report.md")).expect("a report");
        assert!(report.contains("## 指标"), "in the language the order asked for: {report}");
        stop.stop();
        server.join().expect("ends");
    }

    #[test]
    fn a_load_test_that_cannot_begin_leaves_no_result_folder() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("bound");
        let root = tempfile::tempdir().expect("temporary folder");
        let dir = job(root.path(), &spec(&format!("http://{nobody}")));
        assert_eq!(run(&dir).expect_err("nobody there").kind(), "bench.unreachable");
        assert!(!root.path().join("results/r-1").exists());
        let job = Job::open(&dir).expect("a job");
        assert_eq!(result_of(&job).expect("no error"), None);
    }

    #[test]
    fn what_cannot_run_is_refused_before_a_job_is_made() {
        let root = tempfile::tempdir().expect("temporary folder");
        let workspace = Workspace::at(root.path());
        for url in ["", "ftp://h", "h:1"] {
            assert!(start(&workspace, &spec(url), None, Lang::En).is_err(), "{url}");
        }
        let taken = root.path().join("taken");
        fs::create_dir(&taken).expect("mkdir");
        fs::write(taken.join(REQUESTS), b"").expect("writes");
        let problem = start(&workspace, &spec("http://127.0.0.1:1"), Some(&taken), Lang::En).expect_err("holds a result");
        assert_eq!(problem.kind(), "bench.result_exists");
        assert!(!workspace.jobs().exists() && !workspace.results().exists(), "nothing was made");
    }
}
