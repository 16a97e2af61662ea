//! When requests are due. An absolute schedule: the moment of every request is fixed before the run by the load and the seed,
//! whatever happened to those before it; one that is sent late is late, the rest keep their moments. Random arrivals are drawn
//! apart from prompts: another prompt length leaves them as they are.

pub(super) mod draw;
pub mod trace;

use super::spec::{Load, Spec, Stage};
use crate::base::Problem;
use draw::{exponential, gamma};
use rand_pcg::Pcg64Mcg;
use std::sync::Arc;
use trace::Trace;

pub(super) use draw::mix;

/// Arrivals beyond this many are not counted beforehand: it takes about 20 ns each.
const COUNTED_AT_MOST: u64 = 5_000_000;

/// Arrivals of one part of a run (warm-up or measured).
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    load: Load,
    /// Of [`Load::Trace`].
    trace: Option<Arc<Trace>>,
    /// When sending ends, µs from the part's start.
    until_us: Option<u64>,
    seed: u64,
}

impl Schedule {
    /// The arrivals of `spec`; a trace is read.
    ///
    /// # Errors
    /// A trace that cannot be read, with its line.
    pub(super) fn open(spec: &Spec) -> Result<Self, Problem> {
        let trace = match &spec.load {
            Load::Trace { path, speed } => Some(Arc::new(Trace::read(path, *speed)?)),
            _ => None,
        };
        Ok(Self { load: spec.load.clone(), trace, until_us: until_us(spec), seed: spec.seed })
    }

    /// Rows of the trace, when there is one: arrival number `i` has row `i`.
    pub(super) fn trace(&self) -> Option<&Trace> {
        self.trace.as_deref()
    }

    /// Time ends it: a duration, or stages.
    pub(super) fn ends(&self) -> bool {
        self.until_us.is_some()
    }

    /// When time ends it, s.
    pub(super) fn end_s(&self) -> Option<f64> {
        self.until_us.map(|us| us as f64 / 1e6)
    }

    /// When each request is due, µs from the part's start, in order; `None` in a closed loop, where it is due when a user is free.
    /// Ends with the stages or the trace, not with the run's duration: a rate that is raised meanwhile needs more of it. The warm-up
    /// draws moments of its own.
    pub(super) fn moments(&self, warmup: bool) -> Moments<'_> {
        let rng = draw::rng(self.seed, ARRIVALS, u64::from(warmup));
        let kind = match &self.load {
            load if load.closed() => Kind::Closed,
            Load::Rate(rate) => Kind::Even { rate: *rate, i: 0 },
            Load::Poisson(rate) => Kind::Gaps { rate: *rate, shape: 1.0, rng, at_s: 0.0 },
            Load::Gamma { rate, burstiness } => Kind::Gaps { rate: *rate, shape: *burstiness, rng, at_s: 0.0 },
            Load::Stages(stages) => Kind::Stages { ramps: ramps(stages), rng, passed: 0.0 },
            Load::Trace { .. } | Load::Concurrency(_) => {
                Kind::Trace(self.trace.as_deref().map(Trace::rows).unwrap_or_default().iter())
            }
        };
        Moments { kind }
    }

    /// How many arrivals the measured part has, when they can be counted beforehand: an open loop with an end.
    pub(super) fn arrivals(&self, at_most: u64) -> Option<u64> {
        if self.load.closed() {
            return None;
        }
        match (&self.load, self.until_us) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a non-negative count")]
            (Load::Rate(rate), Some(until)) => return Some(((until as f64 * rate / 1e6).ceil() as u64).min(at_most)),
            (Load::Rate(_) | Load::Poisson(_) | Load::Gamma { .. }, None) => return (at_most < u64::MAX).then_some(at_most),
            _ => {}
        }
        let about = self.load.rate().zip(self.until_us).map_or(0.0, |(rate, until)| rate * until as f64 / 1e6);
        if about.min(at_most as f64) > COUNTED_AT_MOST as f64 {
            return None;
        }
        let until_us = self.until_us.unwrap_or(u64::MAX);
        let due = self.moments(false).take_while(|due_us| due_us.is_none_or(|due| due < until_us));
        Some(due.zip(0..at_most).count() as u64)
    }
}

/// Which stream of random numbers arrivals draw from; see [`draw::rng`].
const ARRIVALS: u64 = 0x6172_7269_7661_6c73;

/// When sending ends, µs from the measured part's start: the duration asked for or the end of all stages, whichever is first.
fn until_us(spec: &Spec) -> Option<u64> {
    let stages = match &spec.load {
        Load::Stages(stages) => Some(stages.iter().map(|stage| stage.duration_s).sum::<f64>()),
        _ => None,
    };
    spec.duration_s.into_iter().chain(stages).reduce(f64::min).map(us)
}

/// A stretch of time over which the rate goes evenly from one value to another.
#[derive(Debug, Clone, Copy)]
struct Ramp {
    from_s: f64,
    long_s: f64,
    /// Requests per second at its begin and at its end.
    from: f64,
    to: f64,
}

fn ramps(stages: &[Stage]) -> Vec<Ramp> {
    let (mut from_s, mut before) = (0.0, 0.0);
    stages
        .iter()
        .map(|stage| {
            let to = stage.rate.unwrap_or(0.0);
            let ramp = Ramp { from_s, long_s: stage.duration_s, from: if stage.ramp { before } else { to }, to };
            from_s += stage.duration_s;
            before = to;
            ramp
        })
        .collect()
}

/// When a Poisson process along `ramps` has `passed` expected arrivals behind it, s: the inverse of the cumulative rate. `None`: never.
fn inverse(ramps: &[Ramp], mut passed: f64) -> Option<f64> {
    for ramp in ramps {
        let all = f64::midpoint(ramp.from, ramp.to) * ramp.long_s;
        if passed < all {
            // from·t + (to - from)/(2·long)·t² = passed, in the form that does not cancel when the ramp is almost level.
            let bend = (ramp.to - ramp.from) / (2.0 * ramp.long_s);
            let root = (ramp.from * ramp.from + 4.0 * bend * passed).max(0.0).sqrt();
            let t = if passed > 0.0 { 2.0 * passed / (ramp.from + root) } else { 0.0 };
            return Some(ramp.from_s + t.min(ramp.long_s));
        }
        passed -= all;
    }
    None
}

/// When requests are due: an iterator over offsets.
pub(super) struct Moments<'a> {
    kind: Kind<'a>,
}

enum Kind<'a> {
    Closed,
    /// The first at once, each next a gap later; multiples, so that nothing adds up.
    Even { rate: f64, i: u64 },
    /// Gaps of a gamma distribution of mean `1 / rate`; shape 1 is exponential, a Poisson process.
    Gaps { rate: f64, shape: f64, rng: Pcg64Mcg, at_s: f64 },
    /// A Poisson process whose rate changes: unit exponential steps on the axis of expected arrivals, mapped back to time.
    Stages { ramps: Vec<Ramp>, rng: Pcg64Mcg, passed: f64 },
    Trace(std::slice::Iter<'a, trace::Row>),
}

impl Iterator for Moments<'_> {
    type Item = Option<u64>;

    fn next(&mut self) -> Option<Self::Item> {
        let due_us = match &mut self.kind {
            Kind::Closed => return Some(None),
            Kind::Even { rate, i } => {
                let due = *i as f64 * 1e6 / *rate;
                *i += 1;
                // Downward, so that what is due before an end is sent before it.
                whole(due)
            }
            Kind::Gaps { rate, shape, rng, at_s } => {
                #[expect(clippy::float_cmp, reason = "exactly the shape of a Poisson process")]
                let gap = if *shape == 1.0 { exponential(rng) } else { gamma(rng, *shape) / *shape };
                *at_s += gap / *rate;
                us(*at_s)
            }
            Kind::Stages { ramps, rng, passed } => {
                *passed += exponential(rng);
                us(inverse(ramps, *passed)?)
            }
            Kind::Trace(rows) => rows.next()?.at_us,
        };
        Some(Some(due_us))
    }
}

/// Seconds, not negative, as µs.
pub(super) fn us(seconds: f64) -> u64 {
    whole((seconds * 1e6).round())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates; a schedule beyond 500 000 years never ends")]
pub(super) fn whole(us: f64) -> u64 {
    us as u64
}

#[cfg(test)]
mod tests;
