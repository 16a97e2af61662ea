//! What the console is told: news by topic, already free of control sequences, for every tab and the header.

use super::results::Told;
use crate::{
    base::{Problem, clean},
    bench::{
        live::{Fact, Snapshot},
        spec::Spec,
    },
    jobs,
};
use std::{path::PathBuf, sync::Arc};

/// News by topic. Text in it has passed [`News::cleaned`]: it may be drawn as it is.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a few a second, moved once: a box each would cost more")]
pub enum News {
    /// The servers this workspace knows now, in a stable order; the whole list each time.
    Servers(Arc<[Server]>),
    /// The jobs of this workspace, oldest first; the whole list each time.
    Jobs(Arc<[JobRow]>),
    /// A load test.
    Bench(Bench),
    /// Results on disk.
    Results(Box<Told>),
}

/// A model server that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Name on screen, such as `embedded/eye-tiny`.
    pub name: String,
    /// Base URL without `/v1`; `None` while it has none yet.
    pub url: Option<String>,
    /// First model it serves, once it answered.
    pub model: Option<String>,
    /// Where it stands.
    pub state: ServerState,
    /// The job it runs as, when it is one of ours.
    pub job: Option<String>,
    /// It is the engine in this binary.
    pub embedded: bool,
}

/// Where a server stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerState {
    /// Asked to start, or not yet asked whether it answers.
    Starting,
    /// It answers.
    Ready,
    /// It does not, for this reason.
    Failed(Problem),
}

impl ServerState {
    /// It answers.
    #[must_use]
    pub const fn ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}

/// A job as its folder shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// Its id.
    pub id: String,
    /// `bench`, `engine`, …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: jobs::State,
    /// Its log file.
    pub log: PathBuf,
}

/// News of a load test; `job` is the job's id.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a few a second, moved once: a box each would cost more")]
pub enum Bench {
    /// This run is watched from now on, it replaces one watched before; all its facts follow from the beginning.
    Watching {
        /// The run.
        job: Arc<str>,
        /// What it was asked to do.
        spec: Box<Spec>,
    },
    /// Its newest state.
    Snapshot {
        /// The run.
        job: Arc<str>,
        /// The state.
        snapshot: Box<Snapshot>,
    },
    /// Something that happened once, in order.
    Fact {
        /// The run.
        job: Arc<str>,
        /// What.
        fact: Fact,
    },
    /// So many facts were missed.
    Dropped {
        /// The run.
        job: Arc<str>,
        /// How many.
        count: u64,
    },
    /// The run's process is gone: after an ended phase that is as it should be, else it was killed.
    Gone {
        /// The run.
        job: Arc<str>,
        /// How its job ended.
        state: jobs::State,
    },
    /// What was asked (start, steer, watch) could not be done.
    Refused(Problem),
}

impl News {
    /// Removes from every text what a terminal could act on. The event loop passes all news through here, once, before anybody sees them.
    #[must_use]
    pub fn cleaned(self) -> Self {
        match self {
            Self::Servers(servers) => Self::Servers(servers.iter().cloned().map(Server::cleaned).collect()),
            Self::Jobs(jobs) => Self::Jobs(jobs.iter().cloned().map(JobRow::cleaned).collect()),
            Self::Bench(news) => Self::Bench(news.cleaned()),
            Self::Results(told) => Self::Results(Box::new(told.cleaned())),
        }
    }
}

impl Server {
    fn cleaned(self) -> Self {
        Self { name: owned(self.name), url: self.url.map(owned), model: self.model.map(owned), ..self }
    }
}

impl JobRow {
    fn cleaned(self) -> Self {
        let log = match self.log.to_str() {
            Some(path) if matches!(clean(path), std::borrow::Cow::Borrowed(_)) => self.log,
            _ => PathBuf::from(clean(&self.log.to_string_lossy()).into_owned()),
        };
        Self { id: owned(self.id), kind: owned(self.kind), name: owned(self.name), log, ..self }
    }
}

impl Bench {
    fn cleaned(self) -> Self {
        match self {
            Self::Watching { job, mut spec } => {
                spec.name = owned(spec.name);
                spec.target.url = owned(spec.target.url);
                spec.target.model = spec.target.model.map(owned);
                Self::Watching { job, spec }
            }
            Self::Snapshot { job, mut snapshot } => {
                snapshot.model = owned(snapshot.model);
                snapshot.failure = snapshot.failure.map(owned);
                if snapshot.errors_by_class.keys().any(|class| is_dirty(class)) {
                    snapshot.errors_by_class = snapshot.errors_by_class.into_iter().map(|(class, n)| (owned(class), n)).collect();
                }
                let dir = snapshot.result_dir.to_string_lossy();
                if is_dirty(&dir) {
                    snapshot.result_dir = PathBuf::from(clean(&dir).into_owned());
                }
                Self::Snapshot { job, snapshot }
            }
            Self::Fact { job, fact: Fact::Failure { at_us, class, example } } => {
                Self::Fact { job, fact: Fact::Failure { at_us, class: owned(class), example: owned(example) } }
            }
            // A job's id is a slug we made; figures are figures; a problem cleans itself when it is told.
            news @ (Self::Fact { .. } | Self::Dropped { .. } | Self::Gone { .. } | Self::Refused(_)) => news,
        }
    }
}

fn is_dirty(text: &str) -> bool {
    matches!(clean(text), std::borrow::Cow::Owned(_))
}

fn owned(text: String) -> String {
    match clean(&text) {
        std::borrow::Cow::Owned(clean) => clean,
        std::borrow::Cow::Borrowed(_) => text,
    }
}
