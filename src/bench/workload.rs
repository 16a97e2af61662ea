//! The requests of a run, in order: which prompt goes where and when. The join of [`super::schedule`], `prompts` and
//! `target`; what the client sends, byte for byte.
//!
//! A conversation is one arrival: its first turn has the schedule's moment or a user, each later one follows the answer before it, to
//! the same address (a prefix cache is the server's own). `requests` counts turns; the last conversation may be cut short.
//! In a paired mix of `R` routes arrivals `R·k` to `R·k + R - 1` carry prompt `k`, the order turning by one each time.

use super::{
    client::Prepared,
    prompts::{Prompts, Turn},
    results::RouteSetup,
    schedule::{Moments, Schedule, draw},
    spec::{Load, Mix, Share, Spec},
    target::Target,
};
use crate::base::Problem;
use rand::Rng as _;

mod estimate;

pub use estimate::{Estimate, estimate};

/// Which stream of random numbers routes are drawn from; see [`draw::rng`].
const ROUTES: u64 = 0x0072_6f75_7465;
/// Conversations whose lengths are summed beforehand, where they differ.
const SUMMED_AT_MOST: u64 = 5_000_000;

/// The requests of a run.
#[derive(Debug)]
pub(super) struct Workload {
    target: Target,
    prompts: Prompts,
    schedule: Schedule,
    load: Load,
    mix: Mix,
    /// Share of each route, adding up to their sum.
    weights: Vec<f64>,
    requests: Option<u64>,
    warmup: u64,
    seed: u64,
    exact_output: bool,
    /// Which part of the load this process sends, when there are several.
    share: Option<Share>,
    /// Begins every request's id.
    id: String,
}

impl Workload {
    /// The requests of `spec`, perhaps one of a series, to a target that was found. `nonce` is new in every run: it begins the
    /// requests' ids, and in a cold run it goes into every prompt.
    ///
    /// # Errors
    /// A trace that cannot be read; lengths that do not fit the model.
    pub(super) fn open(spec: &Spec, target: &Target, nonce: &str) -> Result<Self, Problem> {
        target.fits(spec)?;
        Ok(Self {
            prompts: Prompts::new(spec, target.material(), nonce),
            target: target.clone(),
            schedule: Schedule::open(spec)?,
            load: spec.load.clone(),
            mix: spec.mix,
            weights: spec.routes.iter().map(|route| route.weight).collect(),
            requests: spec.requests,
            warmup: spec.warmup,
            seed: spec.seed,
            exact_output: spec.ignore_eos,
            share: spec.share,
            id: nonce.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).collect(),
        })
    }

    /// How prompts got their length; see `results::Setup::prompts`.
    pub(super) fn prompts_by(&self) -> &'static str {
        self.target.material().by()
    }

    /// What is loaded, by `Record::route`.
    pub(super) fn routes(&self) -> Vec<RouteSetup> {
        self.target.routes()
    }

    /// Connections opened before the first request, so that no request pays for its own: one per user, or as many as a second's
    /// worth of requests at a rate (at least 4, at most 256; more are opened when needed).
    pub(super) fn connections(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 4..=256")]
        self.load.users().unwrap_or_else(|| self.load.rate().unwrap_or(1.0).ceil().clamp(4.0, 256.0) as u32)
    }

    /// Requests of a part that are known beforehand, turns counted; `None` where only time or a person ends it, or where a closed loop
    /// has both an end in time and a count.
    pub(super) fn planned(&self, warmup: bool) -> Option<u64> {
        if warmup {
            let rows = self.schedule.trace().map_or(u64::MAX, |trace| self.turns_of(trace.rows().len() as u64).unwrap_or(u64::MAX));
            return Some(self.warmup.min(rows));
        }
        if self.load.closed() {
            return self.requests.filter(|_| !self.schedule.ends());
        }
        let arrivals = self.schedule.arrivals(self.requests.unwrap_or(u64::MAX))?;
        let turns = self.turns_of(arrivals)?;
        Some(self.requests.map_or(turns, |requests| requests.min(turns)))
    }

    /// Requests of the first `arrivals` conversations.
    fn turns_of(&self, arrivals: u64) -> Option<u64> {
        let paired = self.paired();
        match self.prompts.turns_alike() {
            Some(turns) => arrivals.checked_mul(turns),
            None => (arrivals <= SUMMED_AT_MOST).then(|| (0..arrivals).map(|c| self.prompts.turns(c / paired, false)).sum()),
        }
    }

    /// Arrivals that carry the same prompt.
    fn paired(&self) -> u64 {
        if self.mix == Mix::Paired { self.weights.len().max(1) as u64 } else { 1 }
    }

    /// The requests of a part, in the order in which they are sent; without end where nothing but time or a person ends it.
    pub(super) fn part(&self, warmup: bool) -> impl Iterator<Item = Prepared> + Send + '_ {
        Requests {
            workload: self,
            warmup,
            moments: self.schedule.moments(warmup),
            arrival: 0,
            next: 0,
            left: if warmup { self.warmup } else { self.requests.unwrap_or(u64::MAX) },
            sent_to: vec![0; self.weights.len().max(1)],
        }
    }

    /// The route of arrival number `c`, and the number of its prompt.
    fn route(&self, c: u64, warmup: bool) -> (usize, u64) {
        let routes = self.weights.len() as u64;
        if routes < 2 {
            return (0, c);
        }
        if self.mix == Mix::Paired {
            let prompt = c / routes;
            return (usize::try_from((c + prompt) % routes).unwrap_or(0), prompt);
        }
        let mut at = draw::rng(self.seed, ROUTES, c << 1 | u64::from(warmup)).random::<f64>() * self.weights.iter().sum::<f64>();
        for (route, weight) in self.weights.iter().enumerate() {
            at -= weight;
            if at < 0.0 {
                return (route, c);
            }
        }
        // Rounding at the very end of the sum.
        (self.weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0), c)
    }
}

/// The requests of one part.
struct Requests<'a> {
    workload: &'a Workload,
    warmup: bool,
    moments: Moments<'a>,
    arrival: u64,
    /// Number of the next request.
    next: u64,
    left: u64,
    /// Conversations of each route so far.
    sent_to: Vec<u64>,
}

impl Iterator for Requests<'_> {
    type Item = Prepared;

    fn next(&mut self) -> Option<Prepared> {
        let workload = self.workload;
        let (due_us, route, prompt) = loop {
            if self.left == 0 {
                return None;
            }
            let due_us = self.moments.next()?;
            let (route, prompt) = workload.route(self.arrival, self.warmup);
            if workload.share.is_none_or(|share| share.has(self.arrival / workload.paired())) {
                break (due_us, route, prompt);
            }
            // Another part of the load sends this one: it keeps its number and its moment.
            let turns = workload.prompts.turns(prompt, self.warmup).min(self.left);
            self.arrival += 1;
            self.next += turns;
            self.left -= turns;
        };
        let row = usize::try_from(self.arrival).ok().and_then(|at| workload.schedule.trace()?.rows().get(at));
        let n = self.sent_to.get_mut(route).map_or(0, |n| std::mem::replace(n, *n + 1));
        let at = workload.target.address_of(route, n);
        self.arrival += 1;
        let mut turns = workload.prompts.get(prompt, self.warmup, row);
        turns.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        let (first, count) = (self.next, turns.len() as u64);
        self.next += count;
        self.left = self.left.saturating_sub(count);
        // From the last turn to the first: each holds the one that follows it.
        let mut then = None;
        for (turn, Turn { prompt, output_len }) in turns.into_iter().enumerate().rev() {
            let i = first + turn as u64;
            let id = format!("{}-{}{i}", workload.id, if self.warmup { "w" } else { "" });
            then = Some(Box::new(Prepared {
                i,
                due_us: due_us.filter(|_| turn == 0),
                to: at,
                route: u16::try_from(route).unwrap_or(u16::MAX),
                turn: u16::try_from(turn).unwrap_or(u16::MAX),
                asked: if workload.exact_output { output_len } else { 0 },
                then,
                bytes: workload.target.request(&prompt, (route, at), &id, output_len),
            }));
        }
        then.map(|first| *first)
    }
}

#[cfg(test)]
mod tests;
