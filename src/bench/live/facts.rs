//! Facts of a run: what happened once, told in order and none of it lost.

use super::Phase;
use serde::{Deserialize, Serialize};

/// What happened once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a fact a second, taken in at once: none is kept")]
pub enum Fact {
    /// Times to first token, and token gaps, that fell in a second: a column of the time × latency strip.
    Heat {
        /// Which second, as in [`Second::second`].
        second: u32,
        /// Times to first token: `(bin, count)` on the grid of [`bin_of`](super::bin_of), ascending.
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
        /// Class, as in [`Snapshot::errors_by_class`](super::Snapshot::errors_by_class).
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
