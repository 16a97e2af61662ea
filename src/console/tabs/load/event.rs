//! What is worth a line in the events list of a run, and what such a line says.

use super::words;
use crate::{
    base::{Said, Text},
    bench::live::{Mark, Phase},
    said, text,
};
use dcudeck_widgets::figure;

/// Something worth a line in the events list.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// A phase began.
    Phase { at_us: u64, phase: Phase },
    /// The first failure of a class.
    Failure { at_us: u64, class: String, example: String },
    /// Somebody steered the run, or a server came and went.
    Mark { at_us: u64, what: Mark },
    /// This console was too slow for some facts: curves may have gaps that the run has not.
    Dropped { at_us: u64, count: u64 },
    /// The run's process is gone without a last word.
    Lost { at_us: u64 },
}

/// How much attention a line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Plain,
    /// A person did it.
    Done,
    Look,
    Act,
}

impl Event {
    /// When, µs since the run's start.
    pub(super) const fn at_us(&self) -> u64 {
        match self {
            Self::Phase { at_us, .. }
            | Self::Failure { at_us, .. }
            | Self::Mark { at_us, .. }
            | Self::Dropped { at_us, .. }
            | Self::Lost { at_us } => *at_us,
        }
    }

    /// Whether it stands on the time axis of curves: what changed the run, not how it went.
    pub(super) const fn is_mark(&self) -> bool {
        matches!(self, Self::Mark { .. })
    }

    pub(super) const fn weight(&self) -> Weight {
        match self {
            Self::Phase { .. } | Self::Mark { what: Mark::Scrape { ok: true, .. }, .. } => Weight::Plain,
            Self::Mark { what: Mark::Scrape { .. }, .. } | Self::Dropped { .. } => Weight::Look,
            Self::Mark { .. } => Weight::Done,
            Self::Failure { .. } | Self::Lost { .. } => Weight::Act,
        }
    }

    /// The line.
    pub(super) fn said(&self) -> Said {
        match self {
            Self::Phase { phase, .. } => words::phase(*phase).into(),
            Self::Failure { class, example, .. } => Said::same(format!("{class}  {example}")),
            Self::Mark { what, .. } => mark(what),
            Self::Dropped { count, .. } => said!("{count} readings missed by this screen", "本屏漏收 {count} 条读数"),
            Self::Lost { .. } => text!("lost", "失联").into(),
        }
    }
}

fn mark(what: &Mark) -> Said {
    const PAUSED: Text = text!("paused: nothing is sent", "已暂停：不再发送");
    match what {
        Mark::Users { from, to } => said!("users {from} > {to}", "用户 {from} > {to}"),
        Mark::Rate { from, to } => {
            let (from, to) = (figure::compact(*from), figure::compact(*to));
            said!("req/s {from} > {to}", "请求/s {from} > {to}")
        }
        Mark::Pause => PAUSED.into(),
        Mark::Resume => said!("goes on", "继续发送"),
        Mark::Drain => said!("drain asked", "要求排空"),
        Mark::Stop => said!("stop asked", "要求停止"),
        Mark::Note { text } => Said::same(crate::base::clean(text)),
        Mark::Scrape { ok: true, .. } => said!("server answers /metrics", "服务器 /metrics 可读"),
        Mark::Scrape { why, .. } => {
            let why = why.as_deref().map(|why| format!(": {}", crate::base::clean(why))).unwrap_or_default();
            said!("no /metrics{why}", "无 /metrics{why}")
        }
    }
}
