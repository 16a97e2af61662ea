//! Results on disk as the console sees them: what may be asked of them, and what is told back.
//!
//! Deliberately absent: files. A pump reads them; what comes back here is clean and ready to draw.

pub mod requests;

use crate::{
    base::{Problem, clean},
    bench::{
        compare::Comparison,
        history::Entry,
        live::{Event, Mark, Series, ServerSample},
        spec::SaveTokens,
        summary::Summary,
    },
};
use requests::{Request, Wish};
use std::{borrow::Cow, collections::BTreeMap, path::PathBuf, sync::Arc};

/// What a tab may ask of results.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// All results of the workspace.
    List,
    /// One result: its figures, then its requests.
    Open {
        /// Its folder.
        dir: PathBuf,
        /// It is still being written: nothing of it is finished.
        live: bool,
    },
    /// How the result in this folder stands against the last comparable one.
    Regression(PathBuf),
    /// Its requests in another order.
    Requests {
        /// Its folder.
        dir: PathBuf,
        /// Which, and in which order.
        wish: Wish,
    },
    /// All that is known of one of its requests.
    Autopsy {
        /// Its folder.
        dir: PathBuf,
        /// A warm-up request.
        warmup: bool,
        /// The request's number.
        i: u64,
        /// Which of the run's routes it took.
        route: u16,
    },
    /// Two or more results side by side, the first is the base.
    Compare(Vec<PathBuf>),
    /// Removes the folder of a result.
    Delete(PathBuf),
    /// Watches the run that writes into this folder.
    Watch(PathBuf),
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// All results, newest first; the whole list each time.
    List(Arc<[Listed]>),
    /// A result.
    Opened(Box<Opened>),
    /// How a result stands against the last comparable one; `None`: there is none.
    Regression {
        /// Its folder.
        dir: PathBuf,
        /// The comparison, with the older one as its base.
        against: Option<Box<Against>>,
        /// 95 % confidence intervals of its own figures, by name.
        ci95: BTreeMap<String, [f64; 2]>,
    },
    /// Requests of a result.
    Requests(Requests),
    /// One request.
    Autopsy(Box<Autopsy>),
    /// Results side by side.
    Compared(Box<Compared>),
    /// A result is gone.
    Deleted(PathBuf),
    /// What was asked could not be done.
    Refused {
        /// What was asked.
        wanted: Wanted,
        /// Why.
        problem: Problem,
    },
}

/// A line of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The result.
    pub entry: Entry,
    /// When it began, local time: `2026-11-24 08:12:05`; empty when nobody knows.
    pub when: String,
    /// Folder of the last comparable result, in a list.
    pub base: Option<PathBuf>,
}

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Its folder.
    pub dir: PathBuf,
    /// Its line in the history, when it is in it.
    pub listed: Option<Listed>,
    /// Its figures; `None` of a series, and while it runs.
    pub summary: Option<Box<Summary>>,
    /// The matrix or search it is.
    pub series: Option<Box<Series>>,
}

/// How a result stands against an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct Against {
    /// The earlier one.
    pub base: Listed,
    /// The comparison.
    pub comparison: Comparison,
}

/// Requests of a result in an order; shared, so that a million of them cost nothing to hand on.
#[derive(Debug, Clone, PartialEq)]
pub struct Requests {
    /// Folder of the result.
    pub dir: PathBuf,
    /// Which, and in which order.
    pub wish: Wish,
    /// All requests, as they stand in the file.
    pub rows: Arc<[Request]>,
    /// Those asked for, in the order asked for, by their place in `rows`.
    pub order: Arc<[u32]>,
    /// While the rest is still read: share of the file that was, percent.
    pub read_pct: Option<f64>,
}

impl Requests {
    /// The request at `at` of the order.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&Request> {
        self.rows.get(usize::try_from(*self.order.get(at)?).ok()?)
    }
}

/// All that is known of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Autopsy {
    /// Folder of the result.
    pub dir: PathBuf,
    /// The request.
    pub request: Request,
    /// Arrivals of its tokens; `None`: they were not kept.
    pub arrivals: Option<Vec<Arrived>>,
    /// Whose arrivals the run was to keep; `None` when the result does not say.
    pub save_tokens: Option<SaveTokens>,
    /// What its server said while it ran, and the last word before, in order of time.
    pub server: Vec<ServerSample>,
    /// Base URL of that server, when several were scraped.
    pub of_server: Option<String>,
    /// What happened while it ran.
    pub events: Vec<Event>,
    /// Its `X-Request-Id`: what to look for in the server's log.
    pub id: String,
    /// The run's P99 by key of `bench.run`, ms: what its own figures are held against.
    pub p99_ms: BTreeMap<String, f64>,
}

/// Tokens that arrived together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// When, µs since the run's start.
    pub at_us: u64,
    /// Since the arrival before; since sending for the first, µs.
    pub gap_us: u64,
    /// Tokens.
    pub tokens: u32,
}

/// Results side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The results; the first is the base.
    pub sides: Vec<Side>,
    /// Each but the first, compared with the first.
    pub comparisons: Vec<Comparison>,
}

/// One of several results that are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The result.
    pub listed: Listed,
    /// Points of its percentile curves by metric (`ttft`, `tpot`, `itl`, `e2el`): share of samples at or below, ms.
    pub curves: BTreeMap<String, Vec<(f64, f64)>>,
    /// Its cells, or itself: figures by their names in `bench.run`, in the order of the load.
    pub steps: Vec<BTreeMap<String, f64>>,
}

impl Told {
    /// Removes from every text what a terminal could act on.
    #[must_use]
    pub fn cleaned(self) -> Self {
        match self {
            Self::List(list) => Self::List(list.iter().cloned().map(Listed::cleaned).collect()),
            Self::Opened(opened) => Self::Opened(Box::new(opened.cleaned())),
            // Names of figures are looked up, never drawn.
            Self::Regression { dir, against, ci95 } => {
                Self::Regression { dir, against: against.map(|against| Box::new(against.cleaned())), ci95 }
            }
            Self::Requests(requests) => Self::Requests(requests),
            Self::Autopsy(mut autopsy) => {
                owned(&mut autopsy.id);
                if let Some(url) = &mut autopsy.of_server {
                    owned(url);
                }
                for event in &mut autopsy.events {
                    match &mut event.what {
                        Mark::Note { text } => owned(text),
                        Mark::Scrape { why: Some(why), .. } => owned(why),
                        _ => {}
                    }
                }
                Self::Autopsy(autopsy)
            }
            Self::Compared(mut compared) => {
                for side in &mut compared.sides {
                    side.listed = side.listed.clone().cleaned();
                }
                for comparison in &mut compared.comparisons {
                    clean_comparison(comparison);
                }
                Self::Compared(compared)
            }
            // Paths are this program's own; a problem cleans itself when it is told.
            told @ (Self::Deleted(_) | Self::Refused { .. }) => told,
        }
    }
}

impl Listed {
    fn cleaned(mut self) -> Self {
        let Entry { id, model, state, source, started_at, spec, .. } = &mut self.entry;
        for text in [id, model, state, source].into_iter().chain(started_at) {
            owned(text);
        }
        if let Some(spec) = spec {
            owned(&mut spec.name);
            owned(&mut spec.target.url);
            if let Some(model) = &mut spec.target.model {
                owned(model);
            }
            for route in &mut spec.routes {
                owned(&mut route.name);
            }
        }
        self
    }
}

impl Opened {
    fn cleaned(mut self) -> Self {
        self.listed = self.listed.map(Listed::cleaned);
        if let Some(summary) = &mut self.summary {
            owned(&mut summary.model_id);
            summary.limited_by.iter_mut().for_each(owned);
            summary.routes.iter_mut().for_each(|route| owned(&mut route.name));
        }
        if let Some(series) = &mut self.series {
            for cell in &mut series.cells {
                owned(&mut cell.key);
                if let Some(failure) = &mut cell.failure {
                    owned(failure);
                }
            }
        }
        self
    }
}

impl Against {
    fn cleaned(mut self) -> Self {
        self.base = self.base.cleaned();
        clean_comparison(&mut self.comparison);
        self
    }
}

fn clean_comparison(comparison: &mut Comparison) {
    comparison.differences.iter_mut().for_each(owned);
    comparison.metrics.iter_mut().for_each(|compared| owned(&mut compared.name));
}

fn owned(text: &mut String) {
    if let Cow::Owned(clean) = clean(text) {
        *text = clean;
    }
}
