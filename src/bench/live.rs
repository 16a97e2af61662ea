//! What a running load test tells whoever watches: snapshots (newest wins, 4 a second) and facts (in order, none lost).
//! The worker publishes them on its control socket; the Load tab and `bench run` read the same types.

mod facts;
mod series;
mod steer;

pub use self::{
    facts::{Event, Fact, Mark, Second, ServerSample, ServerTotals},
    series::{Cache, Cell, CellState, Series, SeriesKind},
    steer::Steer,
};

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// Where the run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Asking the server for its models, making prompts.
    #[default]
    Preparing,
    /// Warm-up requests, not measured.
    Warmup,
    /// Measuring.
    Running,
    /// No new requests; those under way are awaited.
    Draining,
    /// Ended as asked; the result is written.
    Finished,
    /// Ended by a person or a signal; the result holds what was measured.
    Stopped,
    /// Ended by an error; [`Snapshot::failure`] says which.
    Failed,
}

impl Phase {
    /// Nothing more will be measured.
    #[must_use]
    pub const fn ended(self) -> bool {
        matches!(self, Self::Finished | Self::Stopped | Self::Failed)
    }
}

/// The run so far. Times in µs since the run's start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// When this was taken.
    pub at_us: u64,
    /// Where the run stands.
    pub phase: Phase,
    /// When measuring began (after warm-up), if it has.
    pub measured_from_us: Option<u64>,
    /// When the last measured request ended, once the run has.
    pub measured_until_us: Option<u64>,
    /// Model name sent in requests.
    pub model: String,
    /// Requests to be sent in all, when the spec says so.
    pub planned: Option<u64>,
    /// Measured requests sent.
    pub sent: u64,
    /// Measured requests that succeeded.
    pub done: u64,
    /// Measured requests that failed.
    pub failed: u64,
    /// Failures by class: `connect`, `http_status`, `in_stream_error`, `empty`, `truncated`, `timeout_first_token`, `timeout_stall`, …
    pub errors_by_class: BTreeMap<String, u64>,
    /// Requests under way now.
    pub in_flight: u32,
    /// Output tokens of measured requests so far, those under way included.
    pub output_tokens: u64,
    /// Prompt tokens of requests that ended, as the server's `usage` counts them.
    pub input_tokens: u64,
    /// Requests that met every goal; `None` without goals.
    pub good: Option<u64>,
    /// Time to first token.
    pub ttft: Dist,
    /// Time per output token, one sample a request.
    pub tpot: Dist,
    /// Inter-token latency, token-true: the gap between chunks spread over the tokens they carried, pooled over requests.
    pub itl: Dist,
    /// End-to-end latency.
    pub e2el: Dist,
    /// Users asked for now; `None` at a rate.
    pub users: Option<u32>,
    /// Requests per second asked for now; `None` in a closed loop.
    pub rate: Option<f64>,
    /// Sending is paused.
    pub paused: bool,
    /// Requests that are due and wait for room under `max_concurrency`.
    pub held: u32,
    /// Time to first token and counts by route; empty with one route.
    pub routes: Vec<RouteNow>,
    /// The server's own newest figures, one a scraped server.
    pub server: Vec<ServerSample>,
    /// The matrix or search this run is a step of.
    pub series: Option<Series>,
    /// The client's own state.
    pub client: Client,
    /// Folder of the result.
    pub result_dir: PathBuf,
    /// Why the run failed, one English sentence.
    pub failure: Option<String>,
}

/// One route of the run so far.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteNow {
    /// Its name.
    pub name: String,
    /// Requests that succeeded.
    pub done: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Output tokens of those that ended.
    pub output_tokens: u64,
    /// Time to first token.
    pub ttft: Dist,
    /// Time per output token.
    pub tpot: Dist,
}

/// A latency distribution.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Dist {
    /// Samples.
    pub n: u64,
    /// Mean, µs.
    pub mean_us: Option<f64>,
    /// Least, µs.
    pub min_us: Option<u64>,
    /// Median, µs (nearest rank, within 0.1 %).
    pub p50_us: Option<u64>,
    /// 90th percentile, µs.
    pub p90_us: Option<u64>,
    /// 99th percentile, µs.
    pub p99_us: Option<u64>,
    /// Greatest, µs.
    pub max_us: Option<u64>,
    /// Counts on the log grid of [`bin_of`]: `(bin, count)`, ascending, empty bins left out.
    pub bins: Vec<(u16, u64)>,
}

/// Bins per factor of two on the grid of [`Dist::bins`].
pub const BINS_PER_OCTAVE: u32 = 16;

/// The grid bin of a time in µs: bin `i` covers `[2^(i/16), 2^((i+1)/16))` µs; 0 µs falls in bin 0.
#[must_use]
pub fn bin_of(us: u64) -> u16 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "log2 of a u64 is below 64, times 16 below 1,024"
    )]
    let bin = ((us.max(1) as f64).log2() * f64::from(BINS_PER_OCTAVE) + 1e-9) as u16;
    bin
}

/// The client's own state: whether the figures are about the server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Client {
    /// P99 of (sent - planned), µs; in a closed loop planned is the moment the user became free.
    pub send_lag_p99_us: Option<u64>,
    /// CPU of the client's process since the last snapshot, percent of one core.
    pub cpu_pct: Option<f32>,
    /// TCP connections open; null with the general client, which does not know when one ends.
    #[serde(default)]
    pub connections: Option<u32>,
    /// Events a read returned beyond its first: arrivals that share one stamp.
    pub coalesced_chunks: u64,
    /// Requests sent more than 1 ms after their planned moment.
    pub late_sends: u64,
    /// P99 of the client loop's lag: from the moment the kernel had something to read until it was read, µs.
    pub loop_lag_p99_us: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_a_sixteenth_of_an_octave() {
        assert_eq!(bin_of(0), 0);
        assert_eq!(bin_of(1), 0);
        assert_eq!(bin_of(2), 16);
        assert_eq!(bin_of(1024), 160);
        assert!(bin_of(u64::MAX) <= 1024);
    }
}
