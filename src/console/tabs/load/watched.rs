//! A load test as this console has seen it: newest snapshot, curves, axes, events, and the figures made from them.
//!
//! Figures follow each snapshot; what charts draw is renewed once a second of the run, so that a slow link carries
//! whole columns and not every step in between.

mod figures;

pub(super) use self::figures::unsure;
use super::{
    drawn::{Drawn, Metric},
    event::Event,
    heat::{HeatOf, Strip},
    servers::Servers,
};
use crate::bench::{
    live::{Dist, Fact, Phase, Second, Snapshot},
    spec::{Slo, Spec},
};
use dcudeck_widgets::LinearAxis;
use std::collections::BTreeMap;

/// Seconds of curves kept: a day. A run's later seconds are counted but not drawn.
const MAX_SECONDS: u32 = 86_400;

/// Events kept; the oldest go first.
const MAX_EVENTS: usize = 256;

/// P99 of send lag above which the figures are about the client, µs (the rule of the result's `client_limited`).
pub(super) const MAX_SEND_LAG_US: u64 = 10_000;

/// CPU of the client above which the figures are about the client, percent of one core (likewise).
pub(super) const MAX_CLIENT_CPU_PCT: f32 = 90.0;

/// One watched load test.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    /// Its job's id.
    pub(super) id: String,
    /// What it was asked to do.
    pub(super) spec: Spec,
    /// The newest snapshot.
    pub(super) now: Snapshot,
    /// Output tokens per second, by second of the run; `None` where no second arrived.
    pub(super) tokens: Vec<Option<f64>>,
    /// Mean requests under way, likewise.
    pub(super) in_flight: Vec<Option<f64>>,
    /// Leading seconds that belong to warm-up.
    pub(super) warmup_seconds: usize,
    pub(super) tokens_axis: LinearAxis,
    pub(super) in_flight_axis: LinearAxis,
    pub(super) events: Vec<Event>,
    /// Where latencies lay, second by second.
    ttft_strip: Strip,
    itl_strip: Strip,
    /// What the servers said.
    pub(super) servers: Servers,
    ttft: Drawn,
    tpot: Drawn,
    itl: Drawn,
    /// Phase and second of the run that the histograms show; `None` before the first snapshot.
    drawn_at: Option<(Phase, u64)>,
    /// 95 % confidence intervals of the result's figures, by name; empty until it ended and they were read.
    pub(super) ci95: BTreeMap<String, [f64; 2]>,
    /// The worker went away without a last word: the run was lost, not ended.
    pub(super) lost: bool,
}

impl Watched {
    /// A run nothing is known of yet but what it was asked.
    pub(super) fn new(id: String, spec: Spec) -> Self {
        Self {
            id,
            spec,
            now: Snapshot::default(),
            tokens: Vec::new(),
            in_flight: Vec::new(),
            warmup_seconds: 0,
            tokens_axis: LinearAxis::from_zero(1.0),
            in_flight_axis: LinearAxis::from_zero(1.0),
            events: Vec::new(),
            ttft_strip: Strip::default(),
            itl_strip: Strip::default(),
            servers: Servers::default(),
            ttft: Drawn::default(),
            tpot: Drawn::default(),
            itl: Drawn::default(),
            drawn_at: None,
            ci95: BTreeMap::new(),
            lost: false,
        }
    }

    /// It goes on, and its result lies in `dir`.
    pub(super) fn writes_to(&self, dir: &std::path::Path) -> bool {
        let series = self.now.series.as_ref().map(|series| series.dir.as_path());
        !self.lost && (self.now.result_dir == dir || series == Some(dir))
    }

    /// Takes in a snapshot; true if anything changed.
    pub(super) fn snapshot(&mut self, snapshot: &Snapshot) -> bool {
        if self.now == *snapshot && self.drawn_at.is_some() {
            return false;
        }
        let over = snapshot.series.is_some() && snapshot.phase.ended() && snapshot.done == 0;
        if over && self.now.done > 0 {
            // A series that is over measures nothing any more: the figures of its last cell stay beside the charts.
            self.now.phase = snapshot.phase;
            self.now.series.clone_from(&snapshot.series);
            self.now.result_dir.clone_from(&snapshot.result_dir);
            return true;
        }
        self.now.clone_from(snapshot);
        for sample in &snapshot.server {
            self.servers.now(sample);
        }
        let due = (snapshot.phase, snapshot.at_us / 1_000_000);
        if self.drawn_at != Some(due) {
            self.drawn_at = Some(due);
            let Slo { ttft_ms, tpot_ms, itl_ms, .. } = self.spec.slo;
            self.ttft.take(&snapshot.ttft, ttft_ms);
            self.tpot.take(&snapshot.tpot, tpot_ms);
            self.itl.take(&snapshot.itl, itl_ms);
        }
        true
    }

    /// Takes in a fact; true if anything changed. A fact may come again when a console attaches anew.
    pub(super) fn fact(&mut self, fact: &Fact) -> bool {
        match fact {
            Fact::Second(second) => self.second(*second),
            Fact::Phase { at_us, phase } => {
                // Each cell has a clock of its own: time that runs back is another cell's.
                if self.now.series.is_some() && !phase.ended() && self.events.last().is_some_and(|last| last.at_us() > *at_us) {
                    self.next_cell();
                }
                // The end of a series is told on its own clock, which is not that of its last cell.
                let last = self.events.last().filter(|_| self.now.series.is_some() && phase.ended()).map_or(0, Event::at_us);
                self.event(Event::Phase { at_us: last.max(*at_us), phase: *phase })
            }
            Fact::Failure { at_us, class, example } => {
                self.event(Event::Failure { at_us: *at_us, class: class.clone(), example: example.clone() })
            }
            Fact::Event(event) => self.event(Event::Mark { at_us: event.at_us, what: event.what.clone() }),
            Fact::Server(sample) => self.servers.fact(sample),
            Fact::Heat { second, .. } if *second >= MAX_SECONDS => false,
            Fact::Heat { second, ttft, itl } => self.ttft_strip.take(*second, ttft) | self.itl_strip.take(*second, itl),
        }
    }

    /// Forgets what was on the clock of the cell before.
    fn next_cell(&mut self) {
        self.tokens.clear();
        self.in_flight.clear();
        self.warmup_seconds = 0;
        self.events.clear();
        (self.ttft_strip, self.itl_strip) = (Strip::default(), Strip::default());
        (self.ttft, self.tpot, self.itl) = (Drawn::default(), Drawn::default(), Drawn::default());
        (self.tokens_axis, self.in_flight_axis) = (LinearAxis::from_zero(1.0), LinearAxis::from_zero(1.0));
        self.drawn_at = None;
    }

    fn second(&mut self, second: Second) -> bool {
        if second.second >= MAX_SECONDS {
            return false;
        }
        let at = second.second as usize;
        if self.tokens.len() <= at {
            self.tokens.resize(at + 1, None);
            self.in_flight.resize(at + 1, None);
        }
        let (Some(tokens), Some(in_flight)) = (self.tokens.get_mut(at), self.in_flight.get_mut(at)) else {
            return false;
        };
        let new = (Some(second.output_tokens as f64), Some(f64::from(second.in_flight_mean)));
        if (*tokens, *in_flight) == new {
            return false;
        }
        (*tokens, *in_flight) = new;
        if second.warmup {
            self.warmup_seconds = self.warmup_seconds.max(at + 1);
        }
        self.tokens_axis.widen_to(&[new.0]);
        self.in_flight_axis.widen_to(&[new.1]);
        true
    }

    fn event(&mut self, event: Event) -> bool {
        if self.events.contains(&event) {
            return false;
        }
        let at = self.events.partition_point(|known| known.at_us() <= event.at_us());
        self.events.insert(at, event);
        if self.events.len() > MAX_EVENTS {
            self.events.remove(0);
        }
        true
    }

    /// Facts were missed; true: that is worth a line.
    pub(super) fn dropped(&mut self, count: u64) -> bool {
        self.event(Event::Dropped { at_us: self.now.at_us, count })
    }

    /// The run's process is gone; true if nobody said that it would end.
    pub(super) fn gone(&mut self) -> bool {
        if self.ended() {
            return false;
        }
        self.lost = true;
        self.event(Event::Lost { at_us: self.now.at_us })
    }

    /// Nothing more will come.
    pub(super) const fn ended(&self) -> bool {
        self.lost || self.now.phase.ended()
    }

    /// The distribution of `metric`, as of the newest snapshot.
    pub(super) const fn dist(&self, metric: Metric) -> &Dist {
        match metric {
            Metric::Ttft => &self.now.ttft,
            Metric::Tpot => &self.now.tpot,
            Metric::Itl => &self.now.itl,
        }
    }

    /// What the histogram of `metric` draws.
    pub(super) const fn drawn(&self, metric: Metric) -> &Drawn {
        match metric {
            Metric::Ttft => &self.ttft,
            Metric::Tpot => &self.tpot,
            Metric::Itl => &self.itl,
        }
    }

    /// What the strip of `which` draws.
    pub(super) const fn strip(&self, which: HeatOf) -> &Strip {
        match which {
            HeatOf::Ttft => &self.ttft_strip,
            HeatOf::Itl => &self.itl_strip,
        }
    }

    /// Seconds of the run at which somebody steered it, for the time axes.
    pub(super) fn marks(&self) -> Vec<u64> {
        self.events.iter().filter(|event| event.is_mark()).map(|event| event.at_us() / 1_000_000).collect()
    }

    /// The goal for `metric`, ms.
    pub(super) const fn goal_ms(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Ttft => self.spec.slo.ttft_ms,
            Metric::Tpot => self.spec.slo.tpot_ms,
            Metric::Itl => self.spec.slo.itl_ms,
        }
    }
}

#[cfg(test)]
mod tests;
