//! What the servers said of themselves, as one line needs it: sums over servers, and curves by second.

use crate::bench::live::ServerSample;
use dcudeck_widgets::LinearAxis;

/// Seconds of curves kept: a day, as of the client's own.
const MAX_SECONDS: u64 = 86_400;

/// A reading older than this says nothing of now, µs: three periods of the usual scrape.
const FRESH_US: u64 = 3_500_000;

/// All scraped servers of a run.
#[derive(Debug, Clone)]
pub(super) struct Servers {
    /// Newest sample of each, by number.
    newest: Vec<ServerSample>,
    /// When the newest fact of each was taken.
    told_us: Vec<Option<u64>>,
    /// Preemptions of the run so far, where a server counts them.
    preemptions: Option<f64>,
    /// Requests that wait, by second, all servers together.
    pub(super) waiting: Vec<Option<f64>>,
    /// Requests in the running batch likewise.
    pub(super) running: Vec<Option<f64>>,
    pub(super) axis: LinearAxis,
}

impl Default for Servers {
    fn default() -> Self {
        Self {
            newest: Vec::new(),
            told_us: Vec::new(),
            preemptions: None,
            waiting: Vec::new(),
            running: Vec::new(),
            axis: LinearAxis::from_zero(1.0),
        }
    }
}

/// The line's figures: sums of counts, the fullest cache, means of times over servers that say so.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Figures {
    pub(super) running: Option<f64>,
    pub(super) waiting: Option<f64>,
    pub(super) kv_pct: Option<f64>,
    pub(super) preemptions: Option<f64>,
    pub(super) cache_hit_pct: Option<f64>,
    pub(super) ttft_ms: Option<f64>,
    pub(super) queue_ms: Option<f64>,
    pub(super) prefill_ms: Option<f64>,
    pub(super) decode_ms: Option<f64>,
}

impl Servers {
    /// Takes in a sample of a snapshot: the newest figures, no history. True if it is newer than what is known of that server.
    pub(super) fn now(&mut self, sample: &ServerSample) -> bool {
        let at = usize::from(sample.server);
        if self.newest.len() <= at {
            self.newest.resize(at + 1, ServerSample::default());
        }
        match self.newest.get_mut(at) {
            Some(known) if known.at_us < sample.at_us => {
                known.clone_from(sample);
                true
            }
            _ => false,
        }
    }

    /// Takes in a fact, which comes in order and may come again; true if it is new.
    pub(super) fn fact(&mut self, sample: &ServerSample) -> bool {
        let at = usize::from(sample.server);
        if self.told_us.len() <= at {
            self.told_us.resize(at + 1, None);
        }
        let Some(told) = self.told_us.get_mut(at).filter(|told| told.is_none_or(|us| us < sample.at_us)) else { return false };
        *told = Some(sample.at_us);
        self.now(sample);
        if let Some(more) = sample.preemptions {
            *self.preemptions.get_or_insert(0.0) += more;
        }
        let second = sample.at_us / 1_000_000;
        if second < MAX_SECONDS {
            let second = usize::try_from(second).unwrap_or(0);
            for (curve, value) in [(&mut self.waiting, sample.waiting), (&mut self.running, sample.running)] {
                if curve.len() <= second {
                    curve.resize(second + 1, None);
                }
                if let (Some(slot), Some(value)) = (curve.get_mut(second), value) {
                    *slot = Some(slot.unwrap_or(0.0) + value);
                    self.axis.widen_to(&[*slot]);
                }
            }
        }
        true
    }

    /// How many were ever heard of.
    pub(super) const fn count(&self) -> usize {
        self.newest.len()
    }

    /// The figures at `now_us`; all missing when no server spoke lately.
    pub(super) fn figures(&self, now_us: u64, ended: bool) -> Figures {
        let fresh: Vec<&ServerSample> =
            self.newest.iter().filter(|s| s.at_us > 0 && (ended || s.at_us.saturating_add(FRESH_US) >= now_us)).collect();
        let sum = |of: fn(&ServerSample) -> Option<f64>| fresh.iter().filter_map(|s| of(s)).reduce(|a, b| a + b);
        let most = |of: fn(&ServerSample) -> Option<f64>| fresh.iter().filter_map(|s| of(s)).reduce(f64::max);
        let mean = |of: fn(&ServerSample) -> Option<f64>| {
            let n = fresh.iter().filter(|s| of(s).is_some()).count();
            sum(of).map(|total| total / n as f64)
        };
        Figures {
            running: sum(|s| s.running),
            waiting: sum(|s| s.waiting),
            kv_pct: most(|s| s.kv_pct),
            preemptions: self.preemptions.filter(|_| !fresh.is_empty()),
            cache_hit_pct: mean(|s| s.cache_hit_pct),
            ttft_ms: mean(|s| s.ttft_ms),
            queue_ms: mean(|s| s.queue_ms),
            prefill_ms: mean(|s| s.prefill_ms),
            decode_ms: mean(|s| s.decode_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(server: u16, at_s: u64, waiting: f64) -> ServerSample {
        ServerSample { at_us: at_s * 1_000_000, server, waiting: Some(waiting), preemptions: Some(1.0), ..ServerSample::default() }
    }

    #[test]
    fn a_sample_that_comes_again_counts_once() {
        let mut servers = Servers::default();
        assert!(servers.fact(&sample(0, 1, 3.0)) && !servers.fact(&sample(0, 1, 3.0)));
        assert!(servers.fact(&sample(0, 2, 5.0)));
        assert_eq!(servers.figures(2_000_000, false).preemptions, Some(2.0));
        assert_eq!(servers.waiting, [None, Some(3.0), Some(5.0)]);
    }

    #[test]
    fn a_server_that_fell_silent_says_nothing_of_now() {
        let mut servers = Servers::default();
        servers.fact(&sample(0, 1, 3.0));
        servers.fact(&sample(1, 1, 4.0));
        assert_eq!(servers.figures(2_000_000, false).waiting, Some(7.0));
        assert_eq!(servers.figures(60_000_000, false), Figures::default());
        assert_eq!(Servers::default().figures(0, false), Figures::default());
    }
}
