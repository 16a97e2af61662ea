//! The engine's worker: the server of [`super::server`] as a job that faces watch and steer.
//!
//! Deliberately absent: the control socket. Whoever starts the worker joins the two through a [`Link`].

use super::{
    api::Gauges,
    listen::{self, Listening, Reserved},
    metrics::Totals,
    server::{self, App},
};
use crate::{
    base::{Problem, Secret, clock::monotonic_us},
    openai::engine::EngineSpec,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};
use tokio::sync::watch;

/// How often the state is looked at; it is published when it changed.
const TICK: Duration = Duration::from_millis(500);

/// Where the engine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Reading the model.
    #[default]
    Loading,
    /// Answering requests.
    Serving,
    /// Streams under way get their last words.
    Stopping,
    /// It ended; [`Snapshot::failure`] says why when it was not asked to.
    Ended,
}

/// The engine's state, newest wins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// `CLOCK_MONOTONIC`, µs: when this was taken.
    pub mono_us: u64,
    /// Where it stands.
    pub phase: Phase,
    /// Where it listens, once it does.
    pub listening: Option<Listening>,
    /// Sequences holding a slot.
    pub running: usize,
    /// Sequences waiting for one.
    pub waiting: usize,
    /// Share of KV-cache positions in use, 0 to 1.
    pub cache_usage: f64,
    /// Prompt tokens computed since the start.
    pub prompt_tokens: u64,
    /// Tokens generated since the start.
    pub generation_tokens: u64,
    /// Requests that ended by themselves.
    pub finished: u64,
    /// Requests whose client left.
    pub aborted: u64,
    /// Why it ended.
    pub failure: Option<String>,
}

/// What a face may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Steer {
    /// End, giving streams under way two seconds.
    Stop,
}

/// What the worker needs of its job.
pub trait Link: Send + Sync + 'static {
    /// Publishes the newest state.
    fn publish(&self, snapshot: &Snapshot);

    /// The server listens: for those who look for it without watching.
    ///
    /// # Errors
    /// Why it cannot be said.
    fn announce(&self, listening: &Listening) -> Result<(), Problem>;

    /// Faces that watch now.
    fn watchers(&self) -> usize;
}

/// Serves as a worker until a face or a signal says stop, or it has been idle and unwatched for as long as the options say.
/// `commands` are those of all faces, [`Steer`] each.
///
/// # Errors
/// A port in use, a model that cannot be served; the last snapshot carries the reason too.
pub fn run(options: &EngineSpec, api_key: Option<Secret>, link: &Arc<dyn Link>, commands: Receiver<Box<RawValue>>) -> Result<(), Problem> {
    let idle_exit = options.idle_exit_s.map(Duration::from_secs);
    // The port first: a port in use is told before a model is read.
    let reserve = || listen::reserve(&options.host.to_string(), options.port);
    serve(link, commands, idle_exit, || Ok((reserve()?, server::load(options, api_key)?)))
}

fn serve(
    link: &Arc<dyn Link>,
    commands: Receiver<Box<RawValue>>,
    idle_exit: Option<Duration>,
    load: impl FnOnce() -> Result<(Reserved, App), Problem>,
) -> Result<(), Problem> {
    let mut last = Snapshot { mono_us: monotonic_us(), ..Snapshot::default() };
    link.publish(&last);
    let ended = load().and_then(|(reserved, app)| {
        let (stop, stopped) = watch::channel(false);
        let stop = Arc::new(stop);
        obey(commands, Arc::clone(&stop));
        server::block_on(|| watched(Arc::new(app), reserved, link, &mut last, stop, stopped, idle_exit))?
    });
    let failure = ended.as_ref().err().map(ToString::to_string);
    link.publish(&Snapshot { mono_us: monotonic_us(), phase: Phase::Ended, running: 0, waiting: 0, failure, ..last });
    ended
}

/// Passes commands on, on a thread of its own: their channel blocks.
fn obey(commands: Receiver<Box<RawValue>>, stop: Arc<watch::Sender<bool>>) {
    let obey = move || {
        for command in commands {
            match serde_json::from_str(command.get()) {
                Ok(Steer::Stop) => {
                    stop.send_replace(true);
                }
                Err(error) => tracing::warn!("a command was not understood: {error}"),
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("commands".to_owned()).spawn(obey) {
        tracing::error!("commands will not be obeyed, signals will: {error}");
    }
}

async fn watched(
    app: Arc<App>,
    reserved: Reserved,
    link: &Arc<dyn Link>,
    last: &mut Snapshot,
    stop: Arc<watch::Sender<bool>>,
    mut stopped: watch::Receiver<bool>,
    idle_exit: Option<Duration>,
) -> Result<(), Problem> {
    let listener = reserved.listen(server::BACKLOG)?;
    let listening = server::listening(&listener, app.name())?;
    let mut stopping = stopped.clone();
    let asked = async move {
        // An error means that nobody can ask any more; a signal still can.
        if stopping.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let serving = server::serve_http(Arc::clone(&app), listener, async move {
        tokio::select! {
            () = asked => {}
            () = server::signalled() => {}
        }
    });
    tokio::pin!(serving);
    link.announce(&listening)?;
    let mut tick = tokio::time::interval(TICK);
    loop {
        let phase = if *stopped.borrow() { Phase::Stopping } else { Phase::Serving };
        let (gauges, totals) = app.figures();
        let now = snapshot(phase, &listening, gauges, totals);
        if (Snapshot { mono_us: last.mono_us, ..now.clone() }) != *last {
            link.publish(&now);
            *last = now;
        }
        tokio::select! {
            ended = &mut serving => return ended,
            _ = tick.tick() => {}
            Ok(()) = stopped.changed() => {}
        }
        if idle_exit.is_some_and(|limit| app.idle() >= limit) && link.watchers() == 0 {
            tracing::info!("nobody asked and nobody watched: ending");
            stop.send_replace(true);
        }
    }
}

fn snapshot(phase: Phase, listening: &Listening, gauges: Gauges, totals: Totals) -> Snapshot {
    Snapshot {
        mono_us: monotonic_us(),
        phase,
        listening: Some(listening.clone()),
        running: gauges.running,
        waiting: gauges.waiting,
        cache_usage: gauges.cache_usage,
        prompt_tokens: totals.prompt_tokens,
        generation_tokens: totals.generation_tokens,
        finished: totals.finished,
        aborted: totals.aborted,
        failure: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::{
        raw::{Raw, get, post},
        server::tests::{Scripted, presented, until},
    };
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Sender, channel},
    };

    #[derive(Default)]
    struct Recorded {
        snapshots: Mutex<Vec<Snapshot>>,
        announced: Mutex<Option<Listening>>,
        watchers: AtomicUsize,
    }

    impl Link for Recorded {
        fn publish(&self, snapshot: &Snapshot) {
            self.snapshots.lock().expect("lock").push(snapshot.clone());
        }

        fn announce(&self, listening: &Listening) -> Result<(), Problem> {
            *self.announced.lock().expect("lock") = Some(listening.clone());
            Ok(())
        }

        fn watchers(&self) -> usize {
            self.watchers.load(Ordering::Relaxed)
        }
    }

    impl Recorded {
        fn last(&self) -> Snapshot {
            self.snapshots.lock().expect("lock").last().cloned().expect("a snapshot")
        }

        fn address(&self) -> String {
            until("it listens", || self.announced.lock().expect("lock").is_some());
            let listening = self.announced.lock().expect("lock").clone().expect("announced");
            listening.url.trim_start_matches("http://").to_owned()
        }
    }

    struct Worker {
        link: Arc<Recorded>,
        commands: Sender<Box<RawValue>>,
        thread: std::thread::JoinHandle<Result<(), Problem>>,
    }

    fn start(idle_exit: Option<Duration>, watchers: usize) -> Worker {
        let link = Arc::new(Recorded::default());
        link.watchers.store(watchers, Ordering::Relaxed);
        let (commands, received) = channel();
        let seen: Arc<dyn Link> = Arc::<Recorded>::clone(&link);
        let load = || Ok((listen::reserve("127.0.0.1", 0)?, App::new(Scripted::saying("a few words"), presented())?));
        let thread = std::thread::spawn(move || serve(&seen, received, idle_exit, load));
        Worker { link, commands, thread }
    }

    #[test]
    fn a_worker_tells_where_it_stands_and_obeys_a_stop() {
        let worker = start(None, 0);
        let address = worker.link.address();
        assert_eq!(worker.link.snapshots.lock().expect("lock")[0].phase, Phase::Loading);
        let mut connection = Raw::connect(&address);
        assert_eq!(connection.ask(&post("/v1/completions", r#"{"prompt":"hi"}"#)).status, 200);
        until("the request shows", || worker.link.last().finished == 1);
        let last = worker.link.last();
        assert_eq!((last.phase, last.listening.map(|l| l.model)), (Phase::Serving, Some("tiny-qwen2".to_owned())));
        assert!(last.generation_tokens > 0 && last.prompt_tokens > 0);
        for command in [r#"{"command":"dance"}"#, r#"{"command":"stop"}"#] {
            worker.commands.send(RawValue::from_string(command.to_owned()).expect("JSON")).expect("taken");
        }
        worker.thread.join().expect("ends").expect("as asked");
        let last = worker.link.last();
        assert_eq!((last.phase, last.failure), (Phase::Ended, None));
    }

    #[test]
    fn an_idle_worker_ends_when_nobody_watches_and_not_before() {
        let idle = Duration::from_millis(20);
        let worker = start(Some(idle), 1);
        let mut connection = Raw::connect(&worker.link.address());
        // Long idle, and watched: still there.
        let begun = std::time::Instant::now();
        until("it has been idle for longer", || begun.elapsed() > TICK + idle * 2);
        assert_eq!(connection.ask(&get("/health")).status, 200);
        drop(connection);
        worker.link.watchers.store(0, Ordering::Relaxed);
        worker.thread.join().expect("ends").expect("by itself");
        assert_eq!(worker.link.last().phase, Phase::Ended);
    }

    #[test]
    fn what_went_wrong_is_in_the_last_snapshot() {
        let link = Arc::new(Recorded::default());
        let seen: Arc<dyn Link> = Arc::<Recorded>::clone(&link);
        let taken = listen::open("127.0.0.1", 0, 1).expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        let options = EngineSpec { port, model: "/nonexistent".into(), ..EngineSpec::default() };
        let problem = run(&options, None, &seen, channel().1).expect_err("in use");
        assert_eq!(problem.kind(), "engine.port_in_use");
        assert!(link.last().failure.expect("told").contains(&port.to_string()));
    }
}
