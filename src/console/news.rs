//! What the console is told: news by topic, already free of control sequences, for every tab and the header.

use super::results::Told;
use crate::{
    base::{Problem, clean},
    bench::{
        live::{Fact, Mark, Series, Snapshot},
        spec::{Load, Prompts, Spec},
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
                clean_spec(&mut spec);
                Self::Watching { job, spec }
            }
            Self::Snapshot { job, mut snapshot } => {
                snapshot.model = owned(snapshot.model);
                snapshot.failure = snapshot.failure.map(owned);
                if snapshot.errors_by_class.keys().any(|class| is_dirty(class)) {
                    snapshot.errors_by_class = snapshot.errors_by_class.into_iter().map(|(class, n)| (owned(class), n)).collect();
                }
                clean_path(&mut snapshot.result_dir);
                for route in &mut snapshot.routes {
                    make_clean(&mut route.name);
                }
                if let Some(series) = &mut snapshot.series {
                    clean_series(series);
                }
                Self::Snapshot { job, snapshot }
            }
            Self::Fact { job, fact: Fact::Failure { at_us, class, example } } => {
                Self::Fact { job, fact: Fact::Failure { at_us, class: owned(class), example: owned(example) } }
            }
            Self::Fact { job, fact: Fact::Event(mut event) } => {
                match &mut event.what {
                    Mark::Note { text } => make_clean(text),
                    Mark::Scrape { why: Some(why), .. } => make_clean(why),
                    _ => {}
                }
                Self::Fact { job, fact: Fact::Event(event) }
            }
            // A job's id is a slug we made; figures are figures; a problem cleans itself when it is told.
            news @ (Self::Fact { .. } | Self::Dropped { .. } | Self::Gone { .. } | Self::Refused(_)) => news,
        }
    }
}

/// What of a spec is drawn: names, addresses, paths.
fn clean_spec(spec: &mut Spec) {
    make_clean(&mut spec.name);
    make_clean(&mut spec.target.url);
    spec.target.more_urls.iter_mut().for_each(make_clean);
    spec.target.model.iter_mut().for_each(make_clean);
    for route in &mut spec.routes {
        make_clean(&mut route.name);
        route.url.iter_mut().chain(&mut route.model).for_each(make_clean);
    }
    if let Prompts::File { path, .. } = &mut spec.prompts {
        clean_path(path);
    }
    if let Load::Trace { path, .. } = &mut spec.load {
        clean_path(path);
    }
}

fn clean_series(series: &mut Series) {
    let Series { dir, current, waiting_for, cells, best, knee, kind: _, over: _ } = series;
    clean_path(dir);
    make_clean(waiting_for);
    current.iter_mut().chain(best).chain(knee).for_each(make_clean);
    for cell in cells {
        make_clean(&mut cell.key);
        cell.failure.iter_mut().for_each(make_clean);
        if cell.metrics.keys().any(|name| is_dirty(name)) {
            cell.metrics = std::mem::take(&mut cell.metrics).into_iter().map(|(name, value)| (owned(name), value)).collect();
        }
    }
}

fn clean_path(path: &mut PathBuf) {
    let text = path.to_string_lossy();
    if is_dirty(&text) {
        *path = PathBuf::from(clean(&text).into_owned());
    }
}

fn make_clean(text: &mut String) {
    if let std::borrow::Cow::Owned(clean) = clean(text) {
        *text = clean;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        live::{Cache, Cell, CellState, Event, RouteNow, SeriesKind},
        spec::Route,
    };

    /// What a terminal would act on.
    const BAD: &str = "a\u{1b}]0;x\u{7}b";

    fn no_escape(news: Bench) {
        let told = format!("{:?}", News::Bench(news).cleaned());
        assert!(!told.contains("\\u{1b}") && !told.contains("\\u{7}"), "{told}");
    }

    #[test]
    fn no_text_of_a_run_reaches_the_screen_with_control_sequences() {
        let bad = || BAD.to_owned();
        let job: Arc<str> = "bench-1".into();
        let route = Route { name: bad(), url: Some(bad()), model: Some(bad()), weight: 1.0 };
        let mut spec = Spec { name: bad(), routes: vec![route], ..Spec::default() };
        spec.target.url = bad();
        spec.target.more_urls = vec![bad()];
        spec.load = Load::Trace { path: BAD.into(), speed: 1.0 };
        spec.prompts = Prompts::File { path: BAD.into(), multi_turn: false };
        no_escape(Bench::Watching { job: Arc::clone(&job), spec: Box::new(spec) });
        let cell = Cell {
            key: bad(),
            input_len: None,
            output_len: 1,
            concurrency: Some(1),
            rate: None,
            repeat: 1,
            state: CellState::Failed,
            cache: Cache::Unknown,
            client_limited: None,
            slo_met: None,
            failure: Some(bad()),
            metrics: [(bad(), 1.0)].into(),
        };
        let series = Series {
            kind: SeriesKind::Matrix,
            dir: BAD.into(),
            current: Some(bad()),
            waiting_for: bad(),
            cells: vec![cell],
            best: Some(bad()),
            knee: Some(bad()),
            over: false,
        };
        let snapshot = Snapshot {
            model: bad(),
            failure: Some(bad()),
            errors_by_class: [(bad(), 1)].into(),
            routes: vec![RouteNow { name: bad(), ..RouteNow::default() }],
            series: Some(series),
            result_dir: BAD.into(),
            ..Snapshot::default()
        };
        no_escape(Bench::Snapshot { job: Arc::clone(&job), snapshot: Box::new(snapshot) });
        for what in [Mark::Note { text: bad() }, Mark::Scrape { ok: false, why: Some(bad()) }] {
            no_escape(Bench::Fact { job: Arc::clone(&job), fact: Fact::Event(Event { at_us: 1, what }) });
        }
    }
}
