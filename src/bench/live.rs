//! What a running load test tells whoever watches: snapshots (newest wins, 4 a second) and facts (in order, none lost).
//! The worker publishes them on its control socket; the Load tab and `bench run` read the same types.

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

/// What happened once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a fact a second, taken in at once: none is kept")]
pub enum Fact {
    /// Times to first token, and token gaps, that fell in a second: a column of the time × latency strip.
    Heat {
        /// Which second, as in [`Second::second`].
        second: u32,
        /// Times to first token: `(bin, count)` on the grid of [`bin_of`], ascending.
        ttft: Vec<(u16, u32)>,
        /// Token-true inter-token latencies likewise.
        itl: Vec<(u16, u32)>,
    },
    /// What a server said of itself.
    Server(ServerSample),
    /// Somebody steered the run, or something worth a mark on the time axis happened.
    Event(Event),
    /// One second of the run is over. Seconds are counted from the run's start, warm-up included; one that is missing is a gap.
    Second(Second),
    /// A phase began.
    Phase {
        /// When.
        at_us: u64,
        /// Which.
        phase: Phase,
    },
    /// The first failure of a class, with an example.
    Failure {
        /// When.
        at_us: u64,
        /// Class, as in [`Snapshot::errors_by_class`].
        class: String,
        /// What was seen, secrets and control sequences removed.
        example: String,
    },
}

/// One second of the run, for the curves.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Second {
    /// Which second, from 0.
    pub second: u32,
    /// Output tokens that arrived in it.
    pub output_tokens: u64,
    /// Requests that ended well in it.
    pub done: u64,
    /// Requests that failed in it.
    pub failed: u64,
    /// Mean number of requests under way.
    pub in_flight_mean: f32,
    /// Warm-up second: drawn, not measured.
    pub warmup: bool,
}

/// A mark on the time axis: a line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at_us: u64,
    /// What.
    #[serde(flatten)]
    pub what: Mark,
}

/// What happened at an [`Event`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Mark {
    /// The number of users was changed.
    Users {
        /// Before.
        from: u32,
        /// Now.
        to: u32,
    },
    /// The rate was changed, requests per second.
    Rate {
        /// Before.
        from: f64,
        /// Now.
        to: f64,
    },
    /// Sending was paused: the schedule stands still.
    Pause,
    /// Sending goes on.
    Resume,
    /// Somebody asked for the end of sending.
    Drain,
    /// Somebody asked for the end.
    Stop,
    /// A person's note.
    Note {
        /// One line, control sequences removed.
        text: String,
    },
    /// The server stopped answering its /metrics, or answers again.
    Scrape {
        /// It answers.
        ok: bool,
        /// Why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

/// What one server said of itself at one moment: a line of `server.jsonl`. Gauges as they are; rates, shares and times over the interval
/// since the sample before, from counter differences. What the server does not say is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerSample {
    /// When it was asked, µs since the run's start.
    pub at_us: u64,
    /// Which of the scraped servers, from 0.
    pub server: u16,
    /// Requests in the running batch.
    pub running: Option<f64>,
    /// Requests that wait to run.
    pub waiting: Option<f64>,
    /// Share of the KV cache in use, percent.
    pub kv_pct: Option<f64>,
    /// Preemptions in the interval.
    pub preemptions: Option<f64>,
    /// Prompt tokens per second.
    pub prompt_tokens_per_s: Option<f64>,
    /// Generated tokens per second.
    pub output_tokens_per_s: Option<f64>,
    /// Share of looked-up prefix cache blocks (or tokens) that were found, percent of the interval's.
    pub cache_hit_pct: Option<f64>,
    /// Mean time to first token as the server sees it, ms, of requests whose first token fell in the interval.
    pub ttft_ms: Option<f64>,
    /// Mean time in its queue, ms, of requests that ended in the interval; so the two below.
    pub queue_ms: Option<f64>,
    /// Mean time of prefill, ms.
    pub prefill_ms: Option<f64>,
    /// Mean time of decoding, ms.
    pub decode_ms: Option<f64>,
    /// What the counters rose by since the run began: whole-run means are made of these, never of means of intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<ServerTotals>,
}

/// What a server's counters rose by between the first time they were read and this one. A counter the server does not have is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerTotals {
    /// Sum of times to first token, s.
    pub ttft_sum_s: Option<f64>,
    /// How many times that sum is of.
    pub ttft_count: Option<f64>,
    /// Sum of times in its queue, s.
    pub queue_sum_s: Option<f64>,
    /// How many.
    pub queue_count: Option<f64>,
    /// Sum of times of prefill, s.
    pub prefill_sum_s: Option<f64>,
    /// How many.
    pub prefill_count: Option<f64>,
    /// Sum of times of decoding, s.
    pub decode_sum_s: Option<f64>,
    /// How many.
    pub decode_count: Option<f64>,
    /// Prompt tokens.
    pub prompt_tokens: Option<f64>,
    /// Generated tokens.
    pub output_tokens: Option<f64>,
    /// Preemptions.
    pub preemptions: Option<f64>,
    /// Blocks (or tokens) looked up in the prefix cache.
    pub cache_queries: Option<f64>,
    /// Blocks (or tokens) found there.
    pub cache_hits: Option<f64>,
}

/// A matrix or a search as far as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Which of the two.
    pub kind: SeriesKind,
    /// Folder of the series.
    pub dir: PathBuf,
    /// Key of the cell that runs.
    pub current: Option<String>,
    /// What it waits for, in the server's words: `draining`, empty when it does not.
    #[serde(default)]
    pub waiting_for: String,
    /// All cells, in the order they run; a search adds them as it goes.
    pub cells: Vec<Cell>,
    /// Key of the best step of a search so far.
    #[serde(default)]
    pub best: Option<String>,
    /// Key of the step at the knee, once it is known.
    #[serde(default)]
    pub knee: Option<String>,
    /// No cell will run any more.
    #[serde(default)]
    pub over: bool,
}

/// Kind of a [`Series`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeriesKind {
    /// Every combination.
    Matrix,
    /// Step by step to a limit.
    Search,
}

/// One cell of a matrix or step of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Its key, also its folder under `cells/`: `i2048-o512-c64-1`, `i128-o128-r8.5-1`.
    pub key: String,
    /// Prompt length asked for, tokens; `None` of prompts from a file.
    pub input_len: Option<u32>,
    /// Answer length asked for, tokens.
    pub output_len: u32,
    /// Users; or `rate`.
    pub concurrency: Option<u32>,
    /// Requests per second; or `concurrency`.
    pub rate: Option<f64>,
    /// Which repeat, from 1.
    pub repeat: u32,
    /// Where it stands.
    pub state: CellState,
    /// State of the server's prefix cache while it ran.
    pub cache: Cache,
    /// Its figures are about the client.
    pub client_limited: Option<bool>,
    /// Every goal was met by 99 % of its requests; `None` without goals.
    pub slo_met: Option<bool>,
    /// Why it failed.
    #[serde(default)]
    pub failure: Option<String>,
    /// Its figures, once it is done: names and units of `bench.run` (`p99_ttft_ms`, `output_throughput`, …).
    pub metrics: BTreeMap<String, f64>,
}

/// Where a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellState {
    /// Not begun.
    #[default]
    Waiting,
    /// Under way.
    Running,
    /// Measured.
    Done,
    /// Ended by an error, or by too many failed requests.
    Failed,
    /// Left out by a person.
    Skipped,
}

/// State of the server's prefix cache during a run, from the server's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cache {
    /// Under 1 % of lookups hit (beyond what prompts share on purpose).
    Cold,
    /// Over 90 %.
    Warm,
    /// In between.
    Mixed,
    /// The server does not say.
    #[default]
    Unknown,
}

/// What a watcher may ask of a running load test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Steer {
    /// End now: requests under way are given up, the result is written. Ends a series too.
    Stop,
    /// Send nothing more; await what is under way, then end. Ends a series too.
    Drain,
    /// So many users from now on (closed loop).
    Users {
        /// How many.
        users: u32,
    },
    /// So many requests per second from now on (open loop): the rest of the schedule is stretched.
    Rate {
        /// Mean requests per second.
        rate: f64,
    },
    /// Send nothing until [`Steer::Resume`]: the schedule stands still.
    Pause,
    /// Go on.
    Resume,
    /// Put a note on the time axis.
    Note {
        /// One line.
        text: String,
    },
    /// Of a series: end the running cell (`None`) or leave out a waiting one.
    SkipCell {
        /// Its key.
        key: Option<String>,
    },
    /// Of a series: measure this cell again, after the one that runs.
    RerunCell {
        /// Its key.
        key: String,
    },
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
