//! The embedded engine: started when the workspace has no other server, stopped with the console that started it unless
//! somebody still needs it.

use super::overview::Overview;
use crate::{
    base::Problem,
    bench,
    console::news::{Server, ServerState},
    jobs::{Job, State},
    openai::engine::{BUNDLED, EngineSpec},
    serving,
    workspace::Workspace,
};
use rustix::fs::{FlockOperation, flock};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    thread,
    time::Duration,
};

/// An engine nobody asks anything ends by itself after this: the console that started it may have been killed.
const IDLE_EXIT_S: u64 = 1800;
/// How long the engine may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// In the job's folder; each console that shows the engine holds a shared lock on it.
const WATCHED: &str = "watched.lock";

/// The engines of the workspace, the one of this console among them.
pub(super) struct Engine {
    workspace: Workspace,
    may_start: bool,
    /// The one this console started.
    own: Option<Own>,
    /// Shared locks by job, held while this console lives.
    watched: BTreeMap<String, File>,
}

enum Own {
    Started(Box<Job>),
    Failed(Problem),
}

impl Engine {
    pub(super) fn new(workspace: Workspace, may_start: bool) -> Self {
        let may_start = may_start && cfg!(feature = "embedded");
        Self { workspace, may_start, own: None, watched: BTreeMap::new() }
    }

    /// Starts an engine if there is none, and notes those there are.
    pub(super) fn look(&mut self, overview: &Overview) {
        let live: Vec<_> = overview.of_kind(serving::ENGINE).filter(|(_, state)| !state.ended()).map(|(job, _)| job.clone()).collect();
        for job in &live {
            if !self.watched.contains_key(job.id())
                && let Some(lock) = hold(job)
            {
                self.watched.insert(job.id().to_owned(), lock);
            }
        }
        if let Some(Own::Started(job)) = &self.own
            && let Some((_, state)) = overview.of_kind(serving::ENGINE).find(|(known, _)| known.id() == job.id())
        {
            match state {
                // It was idle and ended; whoever looks at the console may want it again.
                State::Exited => self.own = None,
                State::Failed | State::Lost => {
                    let problem = match serving::embedded::until_listening(job, Duration::ZERO) {
                        Err(problem) => problem,
                        Ok(_) => Problem::failed("console.engine", crate::said!("the engine ended", "引擎已结束")),
                    };
                    tracing::error!("{problem}");
                    self.own = Some(Own::Failed(problem));
                }
                State::Starting | State::Running | State::Stopping => {}
            }
        }
        if self.may_start && live.is_empty() && self.own.is_none() {
            self.start();
        }
    }

    fn start(&mut self) {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(2);
        let spec = EngineSpec {
            idle_exit_s: Some(IDLE_EXIT_S),
            threads,
            reasoning_parser: Some("deepseek_r1".to_owned()),
            ..EngineSpec::default()
        };
        self.own = Some(match serving::embedded::start(&self.workspace, &spec, None) {
            Ok(job) => {
                tracing::info!("started the embedded engine as job {}", job.id());
                Own::Started(Box::new(job))
            }
            Err(problem) => {
                tracing::error!("{problem}");
                Own::Failed(problem)
            }
        });
    }

    /// The engines as servers.
    pub(super) fn servers(&self, overview: &Overview) -> Vec<Server> {
        let live = overview.of_kind(serving::ENGINE).filter(|(_, state)| !state.ended());
        let mut servers: Vec<Server> = live
            .map(|(job, _)| {
                let listening = serving::listening(job);
                Server {
                    name: format!("embedded/{}", job.spec().name),
                    state: if listening.is_some() { ServerState::Ready } else { ServerState::Starting },
                    model: listening.as_ref().map(|listening| listening.model.clone()),
                    url: listening.map(|listening| listening.url),
                    job: Some(job.id().to_owned()),
                    embedded: true,
                }
            })
            .collect();
        if let Some(Own::Failed(problem)) = &self.own {
            servers.push(Server {
                name: format!("embedded/{BUNDLED}"),
                url: None,
                model: None,
                state: ServerState::Failed(problem.clone()),
                job: None,
                embedded: true,
            });
        }
        servers
    }

    /// Stops the engine this console started, unless a load test runs or another console shows it: then it ends by itself
    /// once nobody asks it anything.
    pub(super) fn leave(&mut self, overview: &Overview) {
        let Some(Own::Started(job)) = &self.own else { return };
        let needed = overview.newest_live(bench::worker::KIND).is_some();
        let alone = self.watched.remove(job.id()).is_none_or(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok());
        if needed || !alone {
            tracing::info!("the embedded engine goes on: {}", if needed { "a load test runs" } else { "another console shows it" });
        } else if let Err(error) = job.stop(STOP_WITHIN) {
            tracing::error!("{error}");
        }
    }
}

fn hold(job: &Job) -> Option<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(job.dir().join(WATCHED)).ok()?;
    flock(&file, FlockOperation::NonBlockingLockShared).ok()?;
    Some(file)
}
