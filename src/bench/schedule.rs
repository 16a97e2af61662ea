//! When requests are due. An absolute schedule: request `i` is due at a moment fixed before the run, whatever happened to
//! those before it; one that is sent late is late, the rest keep their moments.

use super::spec::Load;

/// Arrivals of one part of a run (warm-up or measured).
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// How requests arrive.
    pub load: Load,
    /// Requests to send; `None`: until the duration is over or somebody stops it.
    pub requests: Option<u64>,
    /// Nothing planned at or after this offset is sent, µs from the part's start.
    pub until_us: Option<u64>,
}

impl Schedule {
    /// When request `i` (from 0) is due, µs from the part's start; `None` in a closed loop, where it is due when a user is free.
    #[must_use]
    pub fn due_us(&self, i: u64) -> Option<u64> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a non-negative count of µs below 2^52")]
        self.load.rate().map(|rate| (i as f64 * 1e6 / rate) as u64)
    }

    /// How many requests the schedule holds, when that is known beforehand.
    #[must_use]
    pub fn planned(&self) -> Option<u64> {
        let by_time = match (self.load.rate(), self.until_us) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a non-negative count")]
            (Some(rate), Some(until)) => Some((until as f64 * rate / 1e6).ceil() as u64),
            _ => None,
        };
        match (self.requests, by_time, self.load.closed()) {
            (Some(a), Some(b), _) => Some(a.min(b)),
            // In a closed loop the clock may end the run before the count does.
            (Some(_), None, true) if self.until_us.is_some() => None,
            (a, b, _) => a.or(b),
        }
    }

    /// Connections opened before the first request, so that no request pays for its own: one per user, or as many as a second's
    /// worth of requests at a rate (at least 4, at most 256; more are opened when needed).
    #[must_use]
    pub fn connections(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 4..=256")]
        self.load.users().unwrap_or_else(|| self.load.rate().unwrap_or(1.0).ceil().clamp(4.0, 256.0) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_a_rate_moments_are_multiples_of_the_spacing_and_never_drift() {
        let schedule = Schedule { load: Load::Rate(40.0), requests: None, until_us: Some(1_000_000) };
        for i in [0, 1, 7, 1_000_003] {
            assert_eq!(schedule.due_us(i), Some(i * 25_000));
        }
        let thirds = Schedule { load: Load::Rate(3.0), ..schedule.clone() };
        assert_eq!(thirds.due_us(3_000_000), Some(1_000_000_000_000));
        assert_eq!(schedule.planned(), Some(40));
        assert_eq!(Schedule { requests: Some(8), ..schedule.clone() }.planned(), Some(8));
    }

    #[test]
    fn a_closed_loop_has_no_moments_of_its_own() {
        let schedule = Schedule { load: Load::Concurrency(3), requests: Some(9), until_us: None };
        assert_eq!((schedule.due_us(4), schedule.planned(), schedule.connections()), (None, Some(9), 3));
        assert_eq!(Schedule { until_us: Some(5), ..schedule }.planned(), None);
    }
}
