//! The coordinator: starts the workers, lets them begin together, tells how all stand, puts their results together.

use super::{
    CLOCKS, KIND, Plan, WORKERS, check,
    clock::Offset,
    launch, merge, pool,
    wire::{self, Down, Up},
};
use crate::{
    base::{
        Problem,
        clock::{self, Epoch, monotonic_us},
    },
    bench::{
        live::{Fact, Phase, Snapshot, Steer},
        recorder::Sink,
        results::{StoppedBy, WorkerSetup},
        run::Steering,
        spec::{Launcher, Share, Spec, Workers},
        summary::Summary,
    },
    jobs, said,
    workspace::write_whole,
};
use std::{
    fs,
    io::{self, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// How long workers on this machine may take to come; those of Slurm may have to wait for nodes.
const COME_WITHIN: Duration = Duration::from_mins(1);
const SLURM_WITHIN: Duration = Duration::from_hours(1);
/// From the word to begin to the moment, µs: it must have reached every worker.
const BEGIN_AFTER_US: u64 = 300_000;
/// How often the state of all is published.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(250);

/// Runs `spec` on its `workers`, into the folder `dir`.
///
/// # Errors
/// A load that cannot be shared, workers that cannot be started or lost before measuring began, or what one of them failed with.
pub fn run(spec: &Spec, dir: &Path, sink: &Arc<dyn Sink>, steering: &Steering) -> Result<Summary, Problem> {
    spec.check()?;
    let Some(workers) = &spec.workers else {
        return Err(Problem::bad_input("bench.workers", said!("no workers are asked for", "未要求多个进程")).field("--workers"));
    };
    check(spec, workers.count)?;
    let failed = |error: io::Error| {
        Problem::failed("bench.coordinator", said!("the workers cannot be coordinated: {error}", "无法协调各进程：{error}")).file(dir)
    };
    let count = u16::try_from(workers.count).unwrap_or(u16::MAX);
    let at = if workers.launcher == Launcher::Local { "127.0.0.1:0" } else { "0.0.0.0:0" };
    let listener = TcpListener::bind(at).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let plan = Plan {
        spec: spec.clone(),
        count,
        addresses: vec![format!("{}:{port}", clock::host())],
        token: format!("{:032x}", rand::random::<u128>()),
        epoch: Epoch::now(),
    };
    let folder = dir.join(WORKERS);
    write_plan(&folder, &plan, dir).map_err(failed)?;
    let (told, news) = channel();
    let (steer, steers) = channel();
    steering.tell_to(steer);
    let token = plan.token.clone();
    let accept = move || {
        for stream in listener.incoming().flatten() {
            let (told, token) = (told.clone(), token.clone());
            let _ =
                thread::Builder::new().name("worker".to_owned()).stack_size(256 << 10).spawn(move || hear(stream, &token, count, &told));
        }
    };
    thread::Builder::new().name("workers".to_owned()).spawn(accept).map_err(failed)?;
    let launched = launch::start(&folder, workers)?;
    let mut all = All {
        spec,
        workers,
        dir,
        sink,
        epoch: plan.epoch.clone(),
        members: (0..count).map(|_| Member::default()).collect(),
        seconds: pool::Seconds::default(),
        begun: None,
        launched,
    };
    let conducted = all.conduct(&news, &steers, steering);
    let clocks = all.clocks();
    let _ = serde_json::to_vec(&clocks).map_err(io::Error::from).and_then(|text| write_whole(&folder.join(CLOCKS), &text));
    all.launched.end();
    // The address and the token are of no more use; a worker that comes late finds nobody.
    conducted.and_then(|by| merge::merge(dir, &plan, &clocks, by))
}

/// The plan as the job file of the workers: 0600, its token lets them in.
fn write_plan(folder: &Path, plan: &Plan, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let spec = jobs::Spec {
        id: dir.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        kind: KIND.to_owned(),
        name: plan.spec.name.clone(),
        program: jobs::Program::Worker,
        payload: serde_json::to_value(plan)?,
        env: Vec::new(),
        cwd: dir.to_path_buf(),
        workspace: dir.to_path_buf(),
        created_at: clock::now_rfc3339(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join("spec.json"))?;
    file.write_all(&serde_json::to_vec_pretty(&spec)?)?;
    file.sync_all()
}

/// What came from a worker.
enum News {
    Came {
        stream: TcpStream,
        host: String,
    },
    Said(Up),
    /// Its connection ended.
    Gone,
}

/// Hears one worker until its connection ends; clock questions are answered here, at once.
fn hear(stream: TcpStream, token: &str, count: u16, told: &Sender<(u16, News)>) {
    let (Ok(()), Ok(mut answers), Ok(kept)) = (stream.set_nodelay(true), stream.try_clone(), stream.try_clone()) else { return };
    let mut reader = BufReader::new(stream);
    let Ok(Some(Up::Hello { token: theirs, index, host })) = wire::read(&mut reader) else { return };
    if theirs != token || index >= count || told.send((index, News::Came { stream: kept, host })).is_err() {
        return;
    }
    while let Ok(Some(line)) = wire::read(&mut reader) {
        let heard = match line {
            Up::Ping => wire::write(&mut answers, &Down::Pong(monotonic_us())).is_ok(),
            other => told.send((index, News::Said(other))).is_ok(),
        };
        if !heard {
            break;
        }
    }
    let _ = told.send((index, News::Gone));
}

/// One worker as the coordinator sees it.
#[derive(Default)]
struct Member {
    stream: Option<TcpStream>,
    host: String,
    clock: Offset,
    after: Option<Offset>,
    ready: Option<Phase>,
    snapshot: Option<Snapshot>,
    problem: Option<Problem>,
    /// It said that it ended.
    ended: bool,
    /// Its connection ended without that.
    lost: bool,
}

impl Member {
    fn over(&self) -> bool {
        self.ended || self.lost
    }

    fn tell(&mut self, what: &Down) {
        if let Some(stream) = &mut self.stream {
            // One that cannot be told is about to be found lost.
            let _ = wire::write(stream, what);
        }
    }
}

struct All<'a> {
    spec: &'a Spec,
    workers: &'a Workers,
    dir: &'a Path,
    sink: &'a Arc<dyn Sink>,
    epoch: Epoch,
    members: Vec<Member>,
    seconds: pool::Seconds,
    /// The part that was begun last.
    begun: Option<Phase>,
    launched: launch::Launched,
}

impl All<'_> {
    /// Until all are over; why the run ended, if that is not the workers' to say.
    fn conduct(
        &mut self,
        news: &Receiver<(u16, News)>,
        steers: &Receiver<Steer>,
        steering: &Steering,
    ) -> Result<Option<StoppedBy>, Problem> {
        let patience = if self.workers.launcher == Launcher::Local { COME_WITHIN } else { SLURM_WITHIN };
        let (start, mut published) = (Instant::now(), Instant::now());
        let mut by = None;
        self.publish(Phase::Preparing);
        loop {
            match news.recv_timeout(Duration::from_millis(50)) {
                Ok((index, news)) => self.take(index, news),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(by),
            }
            while let Ok(steer) = steers.try_recv() {
                self.steer(&steer);
            }
            self.begin();
            let running: Vec<u16> = (0..).zip(&self.members).filter(|(_, m)| !m.over()).map(|(k, _)| k).collect();
            for fact in self.seconds.settled(&running) {
                self.sink.fact(&fact);
            }
            if published.elapsed() >= SNAPSHOT_EVERY {
                published = Instant::now();
                self.publish(self.begun.unwrap_or(Phase::Preparing));
            }
            if self.members.iter().all(Member::over) {
                break;
            }
            if self.begun != Some(Phase::Running) {
                self.still_possible(start, patience, steering)?;
            } else if by.is_none() && self.too_many_failures() {
                by = Some(StoppedBy::ErrorRate);
                self.steer(&Steer::Stop);
            }
            // A worker killed before it came, or together with its machine's last packets.
            if self.launched.over() && news_is_idle(&self.members) {
                self.members.iter_mut().filter(|m| !m.over() && m.stream.is_none()).for_each(|m| m.lost = true);
            }
        }
        if self.begun != Some(Phase::Running)
            && let Some(problem) = self.members.iter().find_map(|m| m.problem.clone())
        {
            return Err(problem);
        }
        Ok(by.or(steering.by()))
    }

    /// Before measuring begins, the load is either sent by all or not at all.
    fn still_possible(&mut self, start: Instant, patience: Duration, steering: &Steering) -> Result<(), Problem> {
        if steering.by().is_some() && self.begun.is_none() {
            self.steer(&Steer::Stop);
            return Err(Problem::failed("bench.stopped", said!("stopped before the first request", "在首个请求前已停止")));
        }
        let broken = (0..).zip(&self.members).find(|(_, m)| m.lost || m.problem.is_some()).map(|(k, m): (u16, _)| (k, m.problem.clone()));
        let log = self.dir.join(WORKERS);
        let problem = match broken {
            Some((_, Some(problem))) => problem,
            Some((k, None)) => {
                Problem::failed("bench.worker_lost", said!("worker {k} broke off before the load began", "进程 {k} 在压测开始前中断"))
                    .file(super::folder(&log, k).join("log"))
            }
            None if self.launched.over() && self.members.iter().any(|m| m.stream.is_none()) => {
                Problem::failed("bench.launch", said!("workers ended before they came", "进程未连接即已退出"))
                    .file(log)
                    .fix(said!("its log files say why", "原因见其中的日志文件"))
            }
            None if start.elapsed() > patience && self.members.iter().any(|m| m.stream.is_none()) => {
                Problem::failed("bench.launch", said!("not all workers came in {} s", "{} 秒内未等到全部进程", patience.as_secs()))
                    .file(log)
            }
            None => return Ok(()),
        };
        self.steer(&Steer::Stop);
        Err(problem)
    }

    fn take(&mut self, index: u16, news: News) {
        let Some(member) = self.members.get_mut(usize::from(index)) else { return };
        match news {
            News::Came { stream, host } => (member.stream, member.host) = (Some(stream), host),
            News::Gone => member.lost |= !member.ended,
            News::Said(Up::Clock(clock)) => {
                member.clock = clock;
                let text = serde_json::to_vec(&self.clocks());
                let _ = text.map_err(io::Error::from).and_then(|text| write_whole(&self.dir.join(WORKERS).join(CLOCKS), &text));
            }
            News::Said(Up::Ready(phase)) => member.ready = Some(phase),
            News::Said(Up::Snapshot(snapshot)) => member.snapshot = Some(*snapshot),
            News::Said(Up::Fact(fact)) => match *fact {
                Fact::Second(second) => self.seconds.take(index, second),
                // Every worker sees the same servers and gets the same wishes: the first tells of them; phases are the coordinator's.
                Fact::Server(_) | Fact::Event(_) if index > 0 => {}
                Fact::Phase { .. } => {}
                other => self.sink.fact(&other),
            },
            News::Said(Up::Ended { problem, clock }) => (member.ended, member.problem, member.after) = (true, problem, clock),
            News::Said(Up::Hello { .. } | Up::Ping) => {}
        }
    }

    /// Gives the word when all are ready for the same part.
    fn begin(&mut self) {
        let waiting = |m: &&Member| !m.over();
        let Some(phase) = self.members.iter().find(waiting).and_then(|m| m.ready) else { return };
        if self.begun == Some(phase) || !self.members.iter().filter(waiting).all(|m| m.ready == Some(phase)) {
            return;
        }
        let unsure = self.members.iter().map(|m| m.clock.uncertainty_us).max().unwrap_or(0);
        let at_us = self.epoch.elapsed_us() + BEGIN_AFTER_US + 2 * unsure;
        for member in &mut self.members {
            member.tell(&Down::Begin { phase, at_us });
        }
        self.begun = Some(phase);
        self.sink.fact(&Fact::Phase { at_us, phase });
    }

    fn steer(&mut self, steer: &Steer) {
        let of = u16::try_from(self.members.len()).unwrap_or(u16::MAX);
        for (index, member) in (0..).zip(&mut self.members) {
            let own = match steer {
                Steer::Users { users } => Steer::Users { users: Share { index, of }.of(*users).max(1) },
                other => other.clone(),
            };
            member.tell(&Down::Steer(own));
        }
    }

    /// As one process looks at its own share, from the 20th request on.
    fn too_many_failures(&self) -> bool {
        let sum = |of: fn(&Snapshot) -> u64| self.members.iter().filter_map(|m| m.snapshot.as_ref()).map(of).sum::<u64>();
        let (done, failed) = (sum(|s| s.done), sum(|s| s.failed));
        done + failed >= 20 && failed as f64 * 100.0 > self.spec.limits.max_error_rate_pct * (done + failed) as f64
    }

    fn publish(&self, phase: Phase) {
        let pooled = pool::snapshot(self.members.iter().filter_map(|m| m.snapshot.as_ref()));
        let mut snapshot = pooled.unwrap_or_default();
        snapshot.at_us = self.epoch.elapsed_us();
        snapshot.planned = self.spec.requests.filter(|_| self.spec.duration_s.is_none());
        if !snapshot.phase.ended() || !self.members.iter().all(Member::over) {
            snapshot.phase = phase;
        }
        snapshot.result_dir = self.dir.to_path_buf();
        self.sink.snapshot(&snapshot);
    }

    fn clocks(&self) -> Vec<WorkerSetup> {
        self.members
            .iter()
            .map(|m| WorkerSetup {
                host: crate::base::clean(&m.host).into_owned(),
                clock_offset_us: m.clock.offset_us,
                clock_uncertainty_us: m.clock.uncertainty_us,
                clock_drift_us: m.after.map(|after| after.offset_us - m.clock.offset_us),
                lost: !m.ended,
            })
            .collect()
    }
}

/// Everybody who came is over.
fn news_is_idle(members: &[Member]) -> bool {
    members.iter().filter(|m| m.stream.is_some()).all(Member::over)
}
