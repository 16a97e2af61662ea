//! A load test as this console has seen it: newest snapshot, curves, axes, events, and the figures made from them.
//!
//! Figures follow each snapshot; what charts draw is renewed once a second of the run, so that a slow link carries
//! whole columns and not every step in between.

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

    /// Takes in a snapshot; true if anything changed.
    pub(super) fn snapshot(&mut self, snapshot: &Snapshot) -> bool {
        if self.now == *snapshot && self.drawn_at.is_some() {
            return false;
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
            Fact::Phase { at_us, phase } => self.event(Event::Phase { at_us: *at_us, phase: *phase }),
            Fact::Failure { at_us, class, example } => {
                self.event(Event::Failure { at_us: *at_us, class: class.clone(), example: example.clone() })
            }
            Fact::Event(event) => self.event(Event::Mark { at_us: event.at_us, what: event.what.clone() }),
            Fact::Server(sample) => self.servers.fact(sample),
            Fact::Heat { second, .. } if *second >= MAX_SECONDS => false,
            Fact::Heat { second, ttft, itl } => self.ttft_strip.take(*second, ttft) | self.itl_strip.take(*second, itl),
        }
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

    /// Seconds measured so far; `None` before measuring began.
    pub(super) fn measured_s(&self) -> Option<f64> {
        let from = self.now.measured_from_us?;
        let until = self.now.measured_until_us.unwrap_or(self.now.at_us);
        (until > from).then(|| (until - from) as f64 / 1e6)
    }

    fn per_second(&self, n: u64) -> Option<f64> {
        self.measured_s().map(|seconds| n as f64 / seconds)
    }

    /// Output tokens per second of measured time.
    pub(super) fn output_rate(&self) -> Option<f64> {
        self.per_second(self.now.output_tokens)
    }

    /// Prompt and output tokens per second of measured time.
    pub(super) fn total_rate(&self) -> Option<f64> {
        self.per_second(self.now.output_tokens.saturating_add(self.now.input_tokens))
    }

    /// Requests that succeeded, per second of measured time.
    pub(super) fn request_rate(&self) -> Option<f64> {
        self.per_second(self.now.done)
    }

    /// Requests that met every goal, per second of measured time; `None` without goals.
    pub(super) fn goodput(&self) -> Option<f64> {
        self.per_second(self.now.good?)
    }

    /// Failed requests, percent of those that ended; `None` while none has.
    pub(super) fn failed_pct(&self) -> Option<f64> {
        let ended = self.now.done + self.now.failed;
        (ended > 0).then(|| self.now.failed as f64 * 100.0 / ended as f64)
    }

    /// How much of what was asked is done, 0 to 1; `None` when it cannot be known.
    pub(super) fn progress(&self) -> Option<f64> {
        let by_count =
            self.now.planned.or(self.spec.requests).filter(|&n| n > 0).map(|n| (self.now.done + self.now.failed) as f64 / n as f64);
        let by_time = self.spec.duration_s.filter(|&s| s > 0.0).and_then(|s| Some(self.measured_s()? / s));
        let share = match (by_count, by_time) {
            (Some(a), Some(b)) => a.max(b),
            (one, other) => one.or(other)?,
        };
        Some(share.clamp(0.0, 1.0))
    }

    /// Whether the client, not the server, may be what was measured; `None` while nothing is known of it.
    pub(super) fn client_limited(&self) -> Option<bool> {
        let lag = self.now.client.send_lag_p99_us.map(|us| us > MAX_SEND_LAG_US);
        let cpu = self.now.client.cpu_pct.map(|pct| pct > MAX_CLIENT_CPU_PCT);
        match (lag, cpu) {
            (None, None) => None,
            (lag, cpu) => Some(lag == Some(true) || cpu == Some(true)),
        }
    }
}

/// Whether a percentile of `n` samples is little more than a guess: fewer than three samples lie beyond it
/// (for a P99 that is fewer than 300 samples).
pub(super) fn unsure(n: u64, percentile: f64) -> bool {
    (n as f64) * (100.0 - percentile) / 100.0 < 3.0 - 1e-9
}

#[cfg(test)]
mod tests {
    use super::{
        super::made_up::{self, spec},
        *,
    };

    fn watched() -> Watched {
        Watched::new("load-1".to_owned(), spec())
    }

    #[test]
    fn a_missing_second_stays_a_gap() {
        let mut run = watched();
        for second in [0, 1, 3] {
            assert!(run.fact(&Fact::Second(Second { second, output_tokens: 10, ..Second::default() })));
        }
        assert_eq!(run.tokens, [Some(10.0), Some(10.0), None, Some(10.0)]);
    }

    #[test]
    fn the_same_news_twice_changes_nothing() {
        let mut run = watched();
        let snapshot = made_up::running();
        assert!(run.snapshot(&snapshot));
        assert!(!run.snapshot(&snapshot));
        for fact in made_up::facts(40) {
            assert!(run.fact(&fact));
        }
        for fact in made_up::facts(40) {
            assert!(!run.fact(&fact), "{fact:?}");
        }
    }

    #[test]
    fn axes_only_widen() {
        let mut run = watched();
        run.snapshot(&made_up::running());
        let before = run.drawn(Metric::Ttft).axis.unwrap();
        let mut narrow = made_up::running();
        narrow.at_us += 1_000_000;
        narrow.ttft.bins = vec![(280, 5)];
        run.snapshot(&narrow);
        let after = run.drawn(Metric::Ttft).axis.unwrap();
        assert!(after.lo() <= before.lo() && after.hi() >= before.hi());
    }

    #[test]
    fn histograms_are_renewed_once_a_second_and_at_a_new_phase() {
        let mut run = watched();
        let mut snapshot = made_up::running();
        run.snapshot(&snapshot);
        let before = run.drawn(Metric::Itl).counts.clone();
        snapshot.at_us += 250_000;
        snapshot.itl.bins = vec![(200, 1)];
        assert_eq!(snapshot.at_us / 1_000_000, made_up::running().at_us / 1_000_000, "the made-up time leaves room in its second");
        run.snapshot(&snapshot);
        assert_eq!(run.drawn(Metric::Itl).counts, before);
        snapshot.phase = Phase::Finished;
        run.snapshot(&snapshot);
        assert_eq!(run.drawn(Metric::Itl).counts, [1]);
    }

    #[test]
    fn rates_are_unknown_before_measuring_and_count_measured_time_only() {
        let mut run = watched();
        assert_eq!((run.output_rate(), run.goodput(), run.failed_pct(), run.client_limited()), (None, None, None, None));
        let snapshot = Snapshot {
            at_us: 12_000_000,
            measured_from_us: Some(2_000_000),
            output_tokens: 1_000,
            input_tokens: 500,
            done: 20,
            failed: 5,
            good: Some(10),
            ..Snapshot::default()
        };
        run.snapshot(&snapshot);
        assert_eq!((run.output_rate(), run.total_rate()), (Some(100.0), Some(150.0)));
        assert_eq!((run.request_rate(), run.goodput(), run.failed_pct()), (Some(2.0), Some(1.0), Some(20.0)));
    }

    #[test]
    fn a_p99_of_fewer_than_300_samples_is_unsure() {
        assert!(unsure(299, 99.0) && !unsure(300, 99.0));
        assert!(unsure(29, 90.0) && !unsure(30, 90.0));
    }

    #[test]
    fn a_second_from_beyond_the_bound_takes_no_memory() {
        let mut run = watched();
        assert!(!run.fact(&Fact::Second(Second { second: u32::MAX, ..Second::default() })));
        assert!(run.tokens.is_empty());
    }
}
