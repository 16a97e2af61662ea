//! Between the console and the work: finds jobs, attaches to load tests, starts what is asked for, and tells the news.
//!
//! A thread of its own keeps the overview; whatever may take long (starting, attaching, asking a server) runs on a thread
//! for itself, so that neither the screen nor the overview waits.

mod engine;
mod library;
mod overview;

use super::{
    app::Order,
    events::Msg,
    news::{Bench, News, Server, ServerState},
    results::Wanted,
};
use crate::{
    base::{Lang, Problem, Secret},
    bench::{
        self,
        live::{Fact, Snapshot},
    },
    jobs::{
        self, Job,
        control::{self, Link},
    },
    serving,
    workspace::Workspace,
};
use engine::Engine;
use library::Library;
use overview::Overview;
use serde::de::DeserializeOwned;
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender},
    },
    thread,
    time::Duration,
};

/// How often the job folders are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a worker that was just started may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a server may take to say what it serves.
const PROBE_WITHIN: Duration = Duration::from_secs(5);
/// How long a job may take to be seen to end after its worker said goodbye.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// How long leaving waits for the thread that knows whether the engine is still wanted.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// The way to the work.
#[derive(Debug)]
pub struct Pumps {
    inbox: Sender<Inbox>,
}

enum Inbox {
    Order(Order),
    /// A load test runs: watch it.
    Started(Job),
    /// Watching it began.
    Linked(Arc<str>, Link),
    /// The load test that was watched is over.
    Over(Arc<str>),
    /// A server answered, or did not.
    Probed(String, Result<serving::Server, Problem>),
    /// The console is being left; what is to be stopped with it was, once this is answered.
    Leave(Sender<()>),
}

impl Pumps {
    /// Starts looking. With `read_only` nothing is started, the embedded engine neither. Reports of what is started are in `lang`.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(workspace: Workspace, read_only: bool, lang: Lang, to: SyncSender<Msg>) -> io::Result<Self> {
        let (inbox, orders) = mpsc::channel();
        let desk = Desk {
            overview: Overview::new(workspace.clone()),
            engine: Engine::new(workspace.clone(), !read_only),
            library: Library::start(workspace.clone(), to.clone())?,
            workspace,
            lang,
            inbox: inbox.clone(),
            to,
            probed: BTreeMap::new(),
            servers: Vec::new(),
            watched: None,
        };
        thread::Builder::new().name("pumps".to_owned()).spawn(move || desk.run(&orders))?;
        Ok(Self { inbox })
    }

    /// Has work done; false when nobody is left to do it.
    #[must_use]
    pub fn order(&self, order: Order) -> bool {
        self.inbox.send(Inbox::Order(order)).is_ok()
    }

    /// The console is left: stops the engine this console started, unless somebody still needs it.
    pub fn leave(&self) {
        let (done, wait) = mpsc::channel();
        if self.inbox.send(Inbox::Leave(done)).is_ok() {
            let _ = wait.recv_timeout(LEAVE_WITHIN);
        }
    }
}

/// The load test that is watched.
struct Watched {
    job: Arc<str>,
    /// There once watching began.
    link: Option<Link>,
    over: bool,
}

struct Desk {
    workspace: Workspace,
    lang: Lang,
    overview: Overview,
    engine: Engine,
    library: Library,
    inbox: Sender<Inbox>,
    to: SyncSender<Msg>,
    /// Servers somebody named, with what they said.
    probed: BTreeMap<String, Probed>,
    /// What was told last.
    servers: Vec<Server>,
    watched: Option<Watched>,
}

/// The console is gone: the thread ends.
struct Gone;

impl Desk {
    fn run(mut self, orders: &Receiver<Inbox>) {
        loop {
            if self.look().is_err() {
                return;
            }
            match orders.recv_timeout(LOOK_EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Ok(message) => {
                    if self.take(message).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn tell(&self, news: News) -> Result<(), Gone> {
        self.to.send(Msg::News(news)).map_err(|_| Gone)
    }

    fn refuse(&self, problem: Problem) -> Result<(), Gone> {
        tracing::error!("{problem}");
        self.tell(News::Bench(Bench::Refused(problem)))
    }

    /// Looks at jobs and servers and tells what changed.
    fn look(&mut self) -> Result<(), Gone> {
        if let Some(rows) = self.overview.look() {
            self.tell(News::Jobs(rows))?;
        }
        self.engine.look(&self.overview);
        let mut servers = self.engine.servers(&self.overview);
        servers.extend(self.probed.iter().map(|(url, probed)| named(url, probed)));
        if servers != self.servers || self.overview.is_first() {
            self.servers.clone_from(&servers);
            self.tell(News::Servers(servers.into()))?;
        }
        // A run that goes on is shown, whoever started it; one that is being watched is left only for an order.
        if self.watched.as_ref().is_none_or(|watched| watched.over)
            && let Some(job) = self.overview.newest_live(bench::worker::KIND)
            && self.watched.as_ref().is_none_or(|watched| *watched.job != *job.id())
        {
            self.watch(job)?;
        }
        Ok(())
    }

    fn take(&mut self, message: Inbox) -> Result<(), Gone> {
        match message {
            Inbox::Order(Order::Start(spec)) => {
                let (workspace, inbox, to, lang) = (self.workspace.clone(), self.inbox.clone(), self.to.clone(), self.lang);
                aside("start", move || match bench::start(&workspace, &spec, None, lang) {
                    Ok(job) => {
                        tracing::info!("started the load test {}", job.id());
                        let _ = inbox.send(Inbox::Started(job));
                    }
                    Err(problem) => {
                        tracing::error!("{problem}");
                        let _ = to.send(Msg::News(News::Bench(Bench::Refused(problem))));
                    }
                });
                Ok(())
            }
            Inbox::Order(Order::Steer(steer)) => {
                let Some(link) = self.watched.as_ref().and_then(|watched| watched.link.as_ref()) else { return Ok(()) };
                match link.command(&steer) {
                    Ok(()) => Ok(()),
                    Err(error) => self.refuse(Problem::failed(
                        "console.steer",
                        crate::said!("the load test takes no command: {error}", "压测不接受命令：{error}"),
                    )),
                }
            }
            Inbox::Order(Order::Watch(id)) => match Job::open(&self.workspace.jobs().join(&id)) {
                Ok(job) => self.watch(job),
                Err(error) => self.refuse(error.into()),
            },
            Inbox::Order(Order::Probe(url)) => {
                let inbox = self.inbox.clone();
                self.probed.entry(url.clone()).or_insert(Probed { state: ServerState::Starting, model: None });
                aside("probe", move || {
                    let key = Secret::from_env(&["DCUDECK_API_KEY", "OPENAI_API_KEY"]);
                    let found = serving::probe(&url, key, PROBE_WITHIN);
                    let _ = inbox.send(Inbox::Probed(url, found));
                });
                Ok(())
            }
            Inbox::Order(Order::Results(Wanted::Watch(dir))) => {
                let writes =
                    |(job, state): &(&Job, _)| !jobs::State::ended(*state) && bench::worker::result_dir(job).is_ok_and(|of| of == dir);
                let job = self.overview.of_kind(bench::worker::KIND).find(writes).map(|(job, _)| job.clone());
                match job {
                    Some(job) => self.watch(job),
                    None => self.refuse(Problem::failed(
                        "console.watch",
                        crate::said!("no load test writes to this folder any more", "已没有压测在写入该文件夹"),
                    )),
                }
            }
            Inbox::Order(Order::Results(wanted)) => {
                self.library.ask(wanted);
                Ok(())
            }
            Inbox::Started(job) => self.watch(job),
            Inbox::Linked(job, link) => {
                if let Some(watched) = self.watched.as_mut().filter(|watched| watched.job == job) {
                    watched.link = Some(link);
                }
                Ok(())
            }
            Inbox::Over(job) => {
                if let Some(watched) = self.watched.as_mut().filter(|watched| watched.job == job) {
                    watched.over = true;
                    watched.link = None;
                }
                Ok(())
            }
            Inbox::Probed(url, found) => {
                let probed = match found {
                    Ok(server) => Probed { state: ServerState::Ready, model: server.model().map(|model| model.id.clone()) },
                    Err(problem) => Probed { state: ServerState::Failed(problem), model: None },
                };
                self.probed.insert(url, probed);
                Ok(())
            }
            Inbox::Leave(done) => {
                self.overview.look();
                self.engine.leave(&self.overview);
                let _ = done.send(());
                Err(Gone)
            }
        }
    }

    /// Watches `job` from now on, instead of what was watched.
    fn watch(&mut self, job: Job) -> Result<(), Gone> {
        // The overview may have found it before its starter said so.
        if self.watched.as_ref().is_some_and(|watched| *watched.job == *job.id() && !watched.over) {
            return Ok(());
        }
        let spec = match bench::worker::spec_of(&job) {
            Ok(spec) => spec,
            Err(problem) => return self.refuse(problem),
        };
        let id: Arc<str> = job.id().into();
        self.watched = Some(Watched { job: Arc::clone(&id), link: None, over: false });
        self.tell(News::Bench(Bench::Watching { job: Arc::clone(&id), spec: Box::new(spec) }))?;
        let (inbox, to) = (self.inbox.clone(), self.to.clone());
        aside("attach", move || {
            let (dir, gone) = (job.dir().to_path_buf(), job.clone());
            let (news_id, over, news_to) = (Arc::clone(&id), inbox.clone(), to.clone());
            let attached = control::attach_when_ready(&dir, READY_WITHIN, move |news| {
                let Some(news) = translated(&news_id, news, &gone) else { return };
                let ended = matches!(news, Bench::Gone { .. });
                if let Bench::Gone { state, .. } = &news {
                    tracing::info!("the load test {news_id} has ended: {}", state.word());
                }
                let _ = news_to.send(Msg::News(News::Bench(news)));
                if ended {
                    let _ = over.send(Inbox::Over(Arc::clone(&news_id)));
                }
            });
            match attached {
                Ok(link) => {
                    let _ = inbox.send(Inbox::Linked(id, link));
                }
                Err(error) => {
                    let problem = Problem::from(error);
                    tracing::error!("{problem}");
                    let _ = to.send(Msg::News(News::Bench(Bench::Refused(problem))));
                    let _ = to.send(Msg::News(News::Bench(Bench::Gone { job: Arc::clone(&id), state: job.state() })));
                    let _ = inbox.send(Inbox::Over(id));
                }
            }
        });
        Ok(())
    }
}

/// What a worker tells, as the console's news; `None` for what cannot be read, which the log names.
fn translated(id: &Arc<str>, news: control::News, job: &Job) -> Option<Bench> {
    let job_id = Arc::clone(id);
    Some(match news {
        control::News::Snapshot(body) => Bench::Snapshot { job: job_id, snapshot: Box::new(read::<Snapshot>(body.get())?) },
        control::News::Fact { body, .. } => Bench::Fact { job: job_id, fact: read::<Fact>(body.get())? },
        control::News::Dropped(count) => Bench::Dropped { job: job_id, count },
        control::News::Gone => Bench::Gone { job: job_id, state: job.wait(ENDS_WITHIN) },
    })
}

fn read<T: DeserializeOwned>(body: &str) -> Option<T> {
    serde_json::from_str(body).inspect_err(|error| tracing::warn!("the load test tells something this version cannot read: {error}")).ok()
}

/// Does `work` on a thread of its own.
fn aside(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(work) {
        tracing::error!("no thread to {name} on: {error}");
    }
}

/// A server somebody named by its URL, and what it said.
struct Probed {
    state: ServerState,
    model: Option<String>,
}

fn named(url: &str, probed: &Probed) -> Server {
    let name = url.split_once("://").map_or(url, |(_, rest)| rest).to_owned();
    Server { name, url: Some(url.to_owned()), model: probed.model.clone(), state: probed.state.clone(), job: None, embedded: false }
}
