//! A worker: prepares, waits for the others, runs its part into its folder.

use super::{
    Plan, Together,
    clock::{EXCHANGES, Exchange, Offset, offset},
    folder, of_worker,
    wire::{self, Down, Up},
};
use crate::{
    base::{
        Problem,
        clock::{Epoch, boot_id, host, monotonic_us},
    },
    bench::{
        live::{Fact, Phase, Snapshot, Steer},
        recorder::Sink,
        run::{self, Steering},
        spec::Share,
        worker,
    },
    jobs::Job,
    said,
};
use std::{
    fs,
    io::{self, BufReader},
    net::TcpStream,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// How long the coordinator is tried to be reached.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);

/// Environment that tells a worker its number: ours, else Slurm's.
pub(super) const PART: &str = "DCUDECK_PART";
const SLURM_PART: &str = "SLURM_PROCID";

/// Sends the part of the load in `dir` (the `workers` folder of a result) whose number the environment gives.
///
/// # Errors
/// No number, no plan, no coordinator, or whatever a run can fail with; the coordinator is told too.
pub fn part(dir: &Path) -> Result<(), Problem> {
    let failed = |message| Problem::failed("bench.part", message);
    let number = [PART, SLURM_PART].iter().find_map(|name| std::env::var(name).ok()?.parse::<u16>().ok());
    let index = number
        .ok_or_else(|| failed(said!("neither {PART} nor {SLURM_PART} says which part this is", "{PART} 与 {SLURM_PART} 均未指明编号")))?;
    let job = Job::open(dir)?;
    let plan: Plan = serde_json::from_value(job.spec().payload.clone())
        .map_err(|error| failed(said!("the plan makes no sense: {error}", "计划无法解析：{error}")).file(dir))?;
    let lost = |error: io::Error| failed(said!("the coordinator cannot be reached: {error}", "无法连接协调进程：{error}"));
    let stream = connect(&plan).map_err(lost)?;
    let mut reader = BufReader::new(stream.try_clone().map_err(lost)?);
    let mut writer = stream;
    wire::write(&mut writer, &Up::Hello { token: plan.token.clone(), index, host: host() }).map_err(lost)?;
    let clock = exchange(|| {
        wire::write(&mut writer, &Up::Ping)?;
        loop {
            if let Down::Pong(at) = wire::read(&mut reader)?.ok_or(io::ErrorKind::UnexpectedEof)? {
                return Ok((at, monotonic_us()));
            }
        }
    })
    .map_err(lost)?;
    wire::write(&mut writer, &Up::Clock(clock)).map_err(lost)?;

    let (up, lines) = channel();
    let (pong, pongs) = channel();
    let (begin, begins) = channel();
    let steering = Arc::new(Steering::default());
    let signalled = Arc::clone(&steering);
    worker::watch_signals(move || signalled.signal()).map_err(lost)?;
    steering.join(Box::new(Others { plan: plan.clone(), clock, up: up.clone(), begins: Mutex::new(begins) }));
    let asked = Arc::clone(&steering);
    let reading = move || {
        while let Ok(Some(line)) = wire::read(&mut reader) {
            match line {
                Down::Pong(at) => drop(pong.send((at, monotonic_us()))),
                Down::Begin { phase, at_us } => drop(begin.send((phase, at_us))),
                Down::Steer(steer) => {
                    if matches!(steer, Steer::Stop | Steer::Drain) {
                        // Nobody will begin any more.
                        let _ = begin.send((Phase::Stopped, 0));
                    }
                    asked.ask(steer);
                }
            }
        }
        // Without a coordinator nobody watches this load: it ends, and what was measured stays.
        drop(begin);
        asked.ask(Steer::Stop);
    };
    let (done, told) = channel::<()>();
    let writing = move || {
        // Dropped with the last line.
        let _done = done;
        while let Ok(line) = lines.recv() {
            let over = matches!(line, Up::Ended { .. });
            if wire::write(&mut writer, &line).is_err() || over {
                break;
            }
        }
    };
    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| thread::Builder::new().name(name.to_owned()).spawn(work).map_err(lost);
    spawn("coordinator", Box::new(reading))?;
    spawn("tell", Box::new(writing))?;

    let into = folder(dir, index);
    let spec = of_worker(&plan.spec, Share { index, of: plan.count });
    let sink: Arc<dyn Sink> = Arc::new(Told(Mutex::new(up.clone())));
    let ended = fs::create_dir_all(&into).map_err(lost).and_then(|()| run::run(&spec, &into, &sink, &steering).map(|_| ()));
    let after = exchange(|| {
        up.send(Up::Ping).map_err(|_| io::ErrorKind::BrokenPipe)?;
        pongs.recv_timeout(Duration::from_secs(2)).map_err(|_| io::ErrorKind::TimedOut.into())
    });
    let _ = up.send(Up::Ended { problem: ended.as_ref().err().cloned(), clock: after.ok() });
    let _ = told.recv_timeout(Duration::from_secs(5));
    ended
}

/// The first address that takes a connection; again until there is one.
fn connect(plan: &Plan) -> io::Result<TcpStream> {
    let until = Instant::now() + CONNECT_WITHIN;
    let port = plan.addresses.first().and_then(|address| address.rsplit_once(':')).map_or("0", |(_, port)| port);
    let here = (boot_id() == plan.epoch.boot_id).then(|| format!("127.0.0.1:{port}"));
    loop {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in here.iter().chain(&plan.addresses) {
            match TcpStream::connect(address.as_str()) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
            }
        }
        if Instant::now() > until {
            return Err(last);
        }
        // Nobody tells when it listens; it is asked again after a while.
        thread::park_timeout(Duration::from_millis(100));
    }
}

/// Asks for the coordinator's clock several times.
fn exchange(mut ask: impl FnMut() -> io::Result<(u64, u64)>) -> io::Result<Offset> {
    let mut exchanges = Vec::new();
    for _ in 0..EXCHANGES {
        let before_us = monotonic_us();
        let (there_us, after_us) = ask()?;
        exchanges.push(Exchange { before_us, there_us, after_us });
    }
    offset(&exchanges).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The other workers, behind the coordinator.
#[derive(Debug)]
struct Others {
    plan: Plan,
    clock: Offset,
    up: Sender<Up>,
    begins: Mutex<Receiver<(Phase, u64)>>,
}

impl Together for Others {
    fn epoch(&self) -> Epoch {
        let there = &self.plan.epoch;
        let mono_start_us = there.mono_start_us.saturating_add_signed(self.clock.offset_us);
        Epoch { wall_start: there.wall_start.clone(), boot_id: boot_id(), host: host(), mono_start_us }
    }

    fn begin(&self, phase: Phase) -> Option<u64> {
        self.up.send(Up::Ready(phase)).ok()?;
        let begins = self.begins.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let (of, at_us) = begins.recv().ok()?;
            if of == phase {
                return Some(at_us);
            }
            if of == Phase::Stopped {
                return None;
            }
        }
    }
}

struct Told(Mutex<Sender<Up>>);

impl Told {
    fn tell(&self, line: Up) {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).send(line);
    }
}

impl Sink for Told {
    fn snapshot(&self, snapshot: &Snapshot) {
        self.tell(Up::Snapshot(Box::new(snapshot.clone())));
    }

    fn fact(&self, fact: &Fact) {
        self.tell(Up::Fact(Box::new(fact.clone())));
    }
}
