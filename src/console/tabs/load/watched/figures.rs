//! The figures that a watched run's snapshots come to.

use super::{MAX_CLIENT_CPU_PCT, MAX_SEND_LAG_US, Watched};
use crate::bench::live::{CellState, SeriesKind};

impl Watched {
    /// Seconds measured so far; `None` before measuring began.
    pub(in crate::console::tabs::load) fn measured_s(&self) -> Option<f64> {
        let from = self.now.measured_from_us?;
        let until = self.now.measured_until_us.unwrap_or(self.now.at_us);
        (until > from).then(|| (until - from) as f64 / 1e6)
    }

    fn per_second(&self, n: u64) -> Option<f64> {
        self.measured_s().map(|seconds| n as f64 / seconds)
    }

    /// Output tokens per second of measured time.
    pub(in crate::console::tabs::load) fn output_rate(&self) -> Option<f64> {
        self.per_second(self.now.output_tokens)
    }

    /// Prompt and output tokens per second of measured time.
    pub(in crate::console::tabs::load) fn total_rate(&self) -> Option<f64> {
        self.per_second(self.now.output_tokens.saturating_add(self.now.input_tokens))
    }

    /// Requests that succeeded, per second of measured time.
    pub(in crate::console::tabs::load) fn request_rate(&self) -> Option<f64> {
        self.per_second(self.now.done)
    }

    /// Requests that met every goal, per second of measured time; `None` without goals.
    pub(in crate::console::tabs::load) fn goodput(&self) -> Option<f64> {
        self.per_second(self.now.good?)
    }

    /// Failed requests, percent of those that ended; `None` while none has.
    pub(in crate::console::tabs::load) fn failed_pct(&self) -> Option<f64> {
        let ended = self.now.done + self.now.failed;
        (ended > 0).then(|| self.now.failed as f64 * 100.0 / ended as f64)
    }

    /// How much of what was asked is done, 0 to 1; `None` when it cannot be known.
    pub(in crate::console::tabs::load) fn progress(&self) -> Option<f64> {
        if let Some(series) = self.now.series.as_ref().filter(|series| !series.cells.is_empty() && series.kind == SeriesKind::Matrix) {
            let over = series.cells.iter().filter(|cell| !matches!(cell.state, CellState::Waiting | CellState::Running)).count();
            return Some(over as f64 / series.cells.len() as f64);
        }
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
    pub(in crate::console::tabs::load) fn client_limited(&self) -> Option<bool> {
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
pub(in crate::console::tabs::load) fn unsure(n: u64, percentile: f64) -> bool {
    (n as f64) * (100.0 - percentile) / 100.0 < 3.0 - 1e-9
}
