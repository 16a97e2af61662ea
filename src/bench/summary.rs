//! The summary of a run: the `dcudeck.bench.run/1` document.
//!
//! Keys are those of vLLM 0.8.5's benchmark where it has one; the definitions are ours (`definitions: "dcudeck/1"`):
//! - Times count from the moment before the write that took the request's last byte. A token is an arrival with non-empty
//!   content, reasoning or tool text, or a rise of `completion_tokens`; the role chunk is none. E2EL ends with the last token.
//! - TPOT is `(last - first) / (n - 1)` per request. ITL is the gap between reads that brought tokens, spread evenly over the
//!   tokens they brought, pooled over all requests; `*_itl_chunk_ms` is the gap between chunks as they came.
//! - Percentiles interpolate linearly between exact samples. Only requests that succeeded give samples and tokens.
//! - `duration` runs from the first planned moment to the end of the last request: ramp and drain are in it, warm-up is not.
//!   `output_throughput` counts the tokens of given-up requests too (they were served), totals only those of completed ones.
//! - In an open loop with `max_concurrency`, requests that are due wait for room: that wait is the client queue, part of the response
//!   times and no send lag.
//! - `steady` is the run without its ramp and drain, in equal slices (a 200th of the run, 10 ms to 1 s): in a closed loop the longest
//!   span in which the mean number under way was at least 90 % of the greatest such mean, times shorter than half a request aside; in an
//!   open loop from the first to the last slice with 90 % of the median, until the last request was sent. A request counts there by the share of its time.
//! - `ci95` holds 95 % confidence intervals; [`stats::interval`](super::stats::interval) says how they are made.
//! - Response times (`*_response_ms`) count from the planned moment instead: what a user would have waited.

mod document;
mod figures;
mod latency;
mod limits;
mod part;
mod second;
mod server;
mod steady;

pub(super) use self::{figures::Figures, second::Second};

use super::{
    live::Cache,
    record::Record,
    results::{StoppedBy, Usage, WorkerSetup},
    spec::{Load, Prompts, Slo, Spec},
};
use crate::base::Exit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use self::limits::{
    MAX_CLIENT_CPU_PCT, MAX_LATE_SENDS_PCT, MAX_LOOP_LAG_P99_MS, MAX_SEND_LAG_P99_MS, MAX_USER_STAMPED_PCT, MIN_OF_SCHEDULE_PCT,
};
/// Share of requests that must meet every goal for the goals to count as met, percent.
pub const GOOD_ENOUGH_PCT: f64 = 99.0;

/// The `dcudeck.bench.run/1` document. A figure without samples is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `dcudeck.bench.run/1`.
    pub schema: String,
    /// `dcudeck/1`: the definitions in this module's documentation.
    pub definitions: String,
    /// Wall clock of the run's start, RFC 3339 UTC.
    pub started_at: String,
    /// Folder of the result.
    pub result_dir: String,
    /// Model name sent in requests.
    pub model_id: String,
    /// Requests per second asked for; null in a closed loop.
    pub request_rate: Option<f64>,
    /// Users of a closed loop; null at a rate.
    pub max_concurrency: Option<u32>,
    /// What ended the run.
    pub stopped_by: StoppedBy,
    /// Measured requests: succeeded, failed and given up.
    pub num_prompts: u64,
    /// Requests that succeeded.
    pub completed: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests given up when the run was stopped.
    pub incomplete: u64,
    /// Failures by class.
    pub errors_by_class: BTreeMap<String, u64>,
    /// One example a class.
    pub error_examples: BTreeMap<String, String>,
    /// Failed requests, percent of those that succeeded or failed.
    pub error_rate_pct: Option<f64>,
    /// Warm-up requests sent before, in no other figure.
    pub warmup: u64,
    /// Seconds measured.
    pub duration: f64,
    /// Prompt tokens of completed requests, as the server's `usage` counts them; null when it does not count all of them.
    pub total_input_tokens: Option<u64>,
    /// Prompt tokens that were asked for in completed requests, by the length the profile names; null where lengths differ (a file, a trace,
    /// a range, several turns). Beside the count above it tells what a chat template or an unknown tokenizer made of them.
    #[serde(default)]
    pub asked_input_tokens: Option<u64>,
    /// Prompt tokens of completed requests that came from the server's prefix cache, as its `usage` says
    /// (vLLM: `--enable-prompt-tokens-details`); null when it says nothing.
    #[serde(default)]
    pub cached_input_tokens: Option<u64>,
    /// Output tokens of completed requests.
    pub total_output_tokens: u64,
    /// Completed requests per second.
    pub request_throughput: Option<f64>,
    /// Output tokens per second.
    pub output_throughput: Option<f64>,
    /// Prompt and output tokens per second.
    pub total_token_throughput: Option<f64>,
    /// Completed requests that met every goal, per second; null without goals.
    pub goodput: Option<f64>,
    /// Share of completed and failed requests that met every goal, percent; null without goals.
    pub goodput_pct: Option<f64>,
    /// The goals.
    pub slo: Slo,
    /// At least 99 % of requests met every goal; null without goals.
    pub slo_met: Option<bool>,
    /// Mean of time to first token, ms.
    pub mean_ttft_ms: Option<f64>,
    /// Median of time to first token, ms.
    pub median_ttft_ms: Option<f64>,
    /// Standard deviation (population) of time to first token, ms.
    pub std_ttft_ms: Option<f64>,
    /// 90th percentile of time to first token, ms.
    pub p90_ttft_ms: Option<f64>,
    /// 95th percentile of time to first token, ms.
    pub p95_ttft_ms: Option<f64>,
    /// 99th percentile of time to first token, ms.
    pub p99_ttft_ms: Option<f64>,
    /// Mean of time per output token after the first, one sample a request, ms.
    pub mean_tpot_ms: Option<f64>,
    /// Median of time per output token after the first, one sample a request, ms.
    pub median_tpot_ms: Option<f64>,
    /// Standard deviation (population) of time per output token after the first, one sample a request, ms.
    pub std_tpot_ms: Option<f64>,
    /// 90th percentile of time per output token after the first, one sample a request, ms.
    pub p90_tpot_ms: Option<f64>,
    /// 95th percentile of time per output token after the first, one sample a request, ms.
    pub p95_tpot_ms: Option<f64>,
    /// 99th percentile of time per output token after the first, one sample a request, ms.
    pub p99_tpot_ms: Option<f64>,
    /// Mean of inter-token latency, token-true, pooled over tokens, ms.
    pub mean_itl_ms: Option<f64>,
    /// Median of inter-token latency, token-true, pooled over tokens, ms.
    pub median_itl_ms: Option<f64>,
    /// Standard deviation (population) of inter-token latency, token-true, pooled over tokens, ms.
    pub std_itl_ms: Option<f64>,
    /// 90th percentile of inter-token latency, token-true, pooled over tokens, ms.
    pub p90_itl_ms: Option<f64>,
    /// 95th percentile of inter-token latency, token-true, pooled over tokens, ms.
    pub p95_itl_ms: Option<f64>,
    /// 99th percentile of inter-token latency, token-true, pooled over tokens, ms.
    pub p99_itl_ms: Option<f64>,
    /// Mean of end-to-end latency, ms.
    pub mean_e2el_ms: Option<f64>,
    /// Median of end-to-end latency, ms.
    pub median_e2el_ms: Option<f64>,
    /// Standard deviation (population) of end-to-end latency, ms.
    pub std_e2el_ms: Option<f64>,
    /// 90th percentile of end-to-end latency, ms.
    pub p90_e2el_ms: Option<f64>,
    /// 95th percentile of end-to-end latency, ms.
    pub p95_e2el_ms: Option<f64>,
    /// 99th percentile of end-to-end latency, ms.
    pub p99_e2el_ms: Option<f64>,
    /// Samples of inter-token latency.
    pub itl_samples: u64,
    /// Mean gap between chunks that carried tokens, as they came, pooled, ms.
    pub mean_itl_chunk_ms: Option<f64>,
    /// 99th percentile of the gap between chunks, ms.
    pub p99_itl_chunk_ms: Option<f64>,
    /// 99th percentile over requests of their longest gap between arrivals, ms.
    pub p99_longest_gap_ms: Option<f64>,
    /// Mean time to the first token of the answer, after reasoning, of requests that had one, ms.
    pub mean_ttft_answer_ms: Option<f64>,
    /// 99th percentile of the same, ms.
    pub p99_ttft_answer_ms: Option<f64>,
    /// Mean time to first token from the planned moment, ms.
    pub mean_ttft_response_ms: Option<f64>,
    /// 99th percentile of the same, ms.
    pub p99_ttft_response_ms: Option<f64>,
    /// Mean end-to-end latency from the planned moment, ms.
    pub mean_e2el_response_ms: Option<f64>,
    /// 99th percentile of the same, ms.
    pub p99_e2el_response_ms: Option<f64>,
    /// Mean number of requests under way.
    pub in_flight_mean: Option<f64>,
    /// Mean of sent minus planned, ms; where requests wait for room under `max_concurrency`, of sent minus taken up.
    pub send_lag_mean_ms: Option<f64>,
    /// 99th percentile of the same, ms.
    pub send_lag_p99_ms: Option<f64>,
    /// Requests whose send lag was above 1 ms.
    pub late_sends: u64,
    /// Events that shared their read, and so their stamp, with an earlier one.
    pub coalesced_chunks: u64,
    /// Requests sent again because the server had closed the kept connection.
    pub resent: u64,
    /// CPU of the busiest client thread while measuring, percent of one core; null for a run that was killed.
    pub client_cpu_pct: Option<f64>,
    /// The figures are about this client, not the server: `limited_by` says why.
    pub client_limited: bool,
    /// Why the figures are about the client, one English sentence each; empty when they are not.
    #[serde(default)]
    pub limited_by: Vec<String>,
    /// 99th percentile of the client loop's lag, from the kernel's stamp to the read, ms; null for a run that was killed.
    pub loop_lag_p99_ms: Option<f64>,
    /// Mean wait of due requests for room under `max_concurrency`, ms; null without a cap.
    pub mean_client_queue_ms: Option<f64>,
    /// 99th percentile of the same, ms.
    pub p99_client_queue_ms: Option<f64>,
    /// 95 % confidence intervals, ms, of means, medians and percentiles, by key: `p99_ttft_ms: [480.2, 551.9]`.
    #[serde(default)]
    pub ci95: BTreeMap<String, [f64; 2]>,
    /// Independent samples (requests) behind each metric: `ttft`, `tpot`, `itl`, `e2el`.
    #[serde(default)]
    pub samples: BTreeMap<String, u64>,
    /// The steady part of the run: ramp and drain cut.
    pub steady: Option<Steady>,
    /// The figures by route; empty with one route.
    #[serde(default)]
    pub routes: Vec<RouteSummary>,
    /// State of the server's prefix cache while measuring, by its counters, else by what `usage` says was cached.
    #[serde(default)]
    pub cache: Cache,
    /// What the server said of itself while measuring; null when it was not scraped.
    pub server: Option<ServerSummary>,
    /// Which client sent: `own`, or `reqwest` for https and HTTP/2.
    pub client: String,
    /// What it spoke: `HTTP/1.1` or `HTTP/2`; empty in results from before there was a choice.
    #[serde(default)]
    pub protocol: String,
    /// Who took the stamps: `user` or `kernel`.
    pub stamps: String,
    /// Reads stamped by this process because the kernel gave no stamp; null for a run that was killed.
    pub user_stamped_reads: Option<u64>,
    /// Where tokens per chunk come from: the server's running count, or one token a chunk.
    pub usage: Usage,
    /// The processes that sent it together; empty when it was one.
    #[serde(default)]
    pub workers: Vec<WorkerSetup>,
    /// Which of them broke off, from 0: of these only finished requests are counted.
    #[serde(default)]
    pub lost_workers: Vec<u16>,
    /// The load test as run.
    pub profile: Spec,
}

/// The run without its ramp and drain; see the definitions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Steady {
    /// Its begin, seconds since the first planned moment.
    pub from_s: f64,
    /// Its end.
    pub until_s: f64,
    /// Completed requests per second, each counted by the share of its time that lies in it.
    pub request_throughput: Option<f64>,
    /// Output tokens that arrived in it, per second.
    pub output_throughput: Option<f64>,
    /// Mean number of requests under way.
    pub in_flight_mean: Option<f64>,
    /// Median time to first token of requests sent in it, ms.
    pub median_ttft_ms: Option<f64>,
    /// 99th percentile of the same, ms.
    pub p99_ttft_ms: Option<f64>,
    /// Median time per output token of requests sent in it, ms.
    pub median_tpot_ms: Option<f64>,
    /// 99th percentile of the same, ms.
    pub p99_tpot_ms: Option<f64>,
}

/// The figures of one route.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RouteSummary {
    /// Its name.
    pub name: String,
    /// Model name sent in its requests.
    pub model: String,
    /// Requests that succeeded.
    pub completed: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Every other figure, by its key in `bench.run`: `request_throughput`, `output_throughput`, `goodput`, `mean_ttft_ms`, `p99_tpot_ms`, …
    pub metrics: BTreeMap<String, f64>,
}

/// What the server said of itself while measuring: means weighted by requests, from the counters' first and last values.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ServerSummary {
    /// Mean time to first token as the server sees it, ms.
    pub mean_ttft_ms: Option<f64>,
    /// Mean time in its queue, ms.
    pub mean_queue_ms: Option<f64>,
    /// Mean time of prefill, ms.
    pub mean_prefill_ms: Option<f64>,
    /// Mean time of decoding, ms.
    pub mean_decode_ms: Option<f64>,
    /// Mean of requests running.
    pub running_mean: Option<f64>,
    /// Most requests waiting.
    pub waiting_max: Option<f64>,
    /// Greatest share of the KV cache in use, percent.
    pub kv_pct_max: Option<f64>,
    /// Preemptions.
    pub preemptions: Option<f64>,
    /// Share of prefix cache lookups that hit, percent.
    pub cache_hit_pct: Option<f64>,
    /// Mean client TTFT minus mean server TTFT, ms: network, HTTP and what the server does before its own clock starts.
    pub ttft_beyond_server_ms: Option<f64>,
}

impl Summary {
    /// Every figure that is a number and known, by its key: what lists, cells and comparisons work with.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let Ok(serde_json::Value::Object(document)) = serde_json::to_value(self) else { return BTreeMap::new() };
        document.into_iter().filter_map(|(key, value)| Some((key, value.as_f64()?))).collect()
    }
}

/// Length of every prompt of the load test, tokens, as it was asked for; `None` where they differ.
pub(super) fn asked_input_len(spec: &Spec) -> Option<u32> {
    match &spec.prompts {
        Prompts::Random(random) if random.range_ratio <= 0.0 && random.turns == 1 && !matches!(spec.load, Load::Trace { .. }) => {
            Some(random.input_len)
        }
        _ => None,
    }
}

/// Whether a request that succeeded met every goal asked for. The record has been [weighed](Record::weigh).
#[must_use]
pub fn meets(slo: &Slo, record: &Record) -> bool {
    let within = |goal: Option<f64>, us: Option<f64>| goal.is_none_or(|ms| us.is_none_or(|us| us / 1e3 <= ms));
    within(slo.ttft_ms, record.ttft_us().map(|us| us as f64))
        && within(slo.tpot_ms, record.tpot_us())
        && within(slo.e2el_ms, record.e2el_us().map(|us| us as f64))
        && within(slo.itl_ms, record.worst_itl_us)
}

/// Exit status of `bench run`: 3 when no request succeeded or the run was cut short by a stop, a signal or a kill; 1 when goals were
/// missed, failures exceeded the limit, or the client was the limit; else 0.
#[must_use]
pub fn exit_code(summary: &Summary) -> Exit {
    let cut = matches!(summary.stopped_by, StoppedBy::Stop | StoppedBy::Signal | StoppedBy::Killed);
    let failures = summary.error_rate_pct.is_some_and(|pct| pct > summary.profile.limits.max_error_rate_pct);
    if summary.completed == 0 || cut {
        Exit::Failed
    } else if summary.slo_met == Some(false)
        || failures
        || summary.stopped_by == StoppedBy::ErrorRate
        || summary.client_limited
        || !summary.lost_workers.is_empty()
    {
        Exit::Findings
    } else {
        Exit::Done
    }
}
