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
//! - Response times (`*_response_ms`) count from the planned moment instead: what a user would have waited.

use super::{
    live::Cache,
    record::Record,
    results::{End, Header, StoppedBy, Usage, WorkerSetup},
    spec::{Slo, Spec},
    stats::Samples,
};
use crate::base::Exit;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

/// Send lag above which a run measured its client, ms, at the 99th percentile.
pub const MAX_SEND_LAG_P99_MS: f64 = 10.0;
/// CPU of a client thread above which a run measured its client, percent of one core.
pub const MAX_CLIENT_CPU_PCT: f64 = 90.0;
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
    /// Prompt tokens of completed requests, as the server's `usage` counts them; null when it counts none.
    pub total_input_tokens: Option<u64>,
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
    /// Mean of sent minus planned, ms.
    pub send_lag_mean_ms: Option<f64>,
    /// 99th percentile of sent minus planned, ms.
    pub send_lag_p99_ms: Option<f64>,
    /// Requests sent more than 1 ms after their planned moment.
    pub late_sends: u64,
    /// Events that shared their read, and so their stamp, with an earlier one.
    pub coalesced_chunks: u64,
    /// Requests sent again because the server had closed the kept connection.
    pub resent: u64,
    /// CPU of the busiest client thread while measuring, percent of one core; null for a run that was killed.
    pub client_cpu_pct: Option<f64>,
    /// The figures are about this client, not the server: send lag P99 above 10 ms, or a client thread above 90 % of a core.
    pub client_limited: bool,
    /// Why the figures are about the client, one English sentence each; empty when they are not.
    pub limited_by: Vec<String>,
    /// 99th percentile of the client loop's lag, from the kernel's stamp to the read, ms; null for a run that was killed.
    pub loop_lag_p99_ms: Option<f64>,
    /// Mean wait of due requests for room under `max_concurrency`, ms; null without a cap.
    pub mean_client_queue_ms: Option<f64>,
    /// 99th percentile of the same, ms.
    pub p99_client_queue_ms: Option<f64>,
    /// 95 % confidence intervals, ms, of means, medians and percentiles, by key: `p99_ttft_ms: [480.2, 551.9]`.
    pub ci95: BTreeMap<String, [f64; 2]>,
    /// Independent samples (requests) behind each metric: `ttft`, `tpot`, `itl`, `e2el`.
    pub samples: BTreeMap<String, u64>,
    /// The steady part of the run: ramp and drain cut.
    pub steady: Option<Steady>,
    /// The figures by route; empty with one route.
    pub routes: Vec<RouteSummary>,
    /// State of the server's prefix cache while measuring.
    pub cache: Cache,
    /// What the server said of itself while measuring; null when it was not scraped.
    pub server: Option<ServerSummary>,
    /// Which client sent: `own`, or `reqwest` for https.
    pub client: String,
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

/// The longest span in which at least 90 % of the greatest number of requests were under way.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Steady {
    /// Its begin, seconds since the first planned moment.
    pub from_s: f64,
    /// Its end.
    pub until_s: f64,
    /// Completed requests that ended in it, per second.
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

/// The tally over the records of a run.
#[derive(Debug, Default)]
pub(super) struct Figures {
    ttft: Samples,
    tpot: Samples,
    itl: Samples,
    e2el: Samples,
    chunk: Samples,
    longest: Samples,
    answer: Samples,
    ttft_response: Samples,
    e2el_response: Samples,
    lag: Samples,
    completed: u64,
    failed: u64,
    incomplete: u64,
    warmup: u64,
    good: u64,
    input: Option<u64>,
    output: u64,
    output_incomplete: u64,
    late: u64,
    coalesced: u64,
    resent: u64,
    busy_us: u64,
    from_us: Option<u64>,
    until_us: u64,
    classes: BTreeMap<String, u64>,
    examples: BTreeMap<String, String>,
}

impl Figures {
    /// Takes one record in.
    pub(super) fn take(&mut self, spec: &Spec, record: &Record) {
        if record.warmup {
            self.warmup += 1;
            return;
        }
        self.from_us = Some(self.from_us.map_or(record.planned_us, |t| t.min(record.planned_us)));
        if let Some(sent) = record.sent_us {
            let lag = sent.saturating_sub(record.planned_us);
            self.lag.add(lag as f64, 1);
            self.late += u64::from(lag > 1_000);
            self.busy_us += record.end_us.saturating_sub(sent);
        }
        self.coalesced += u64::from(record.coalesced);
        self.resent += u64::from(record.resent);
        self.until_us = self.until_us.max(record.end_us);
        if record.stopped() {
            self.incomplete += 1;
            self.output_incomplete += record.output_tokens;
            return;
        }
        if let Some(error) = &record.error {
            self.failed += 1;
            *self.classes.entry(error.class.word().to_owned()).or_insert(0) += 1;
            self.examples.entry(error.class.word().to_owned()).or_insert_with(|| error.message.clone());
            return;
        }
        self.completed += 1;
        self.output += record.output_tokens;
        if let Some(tokens) = record.prompt_tokens {
            *self.input.get_or_insert(0) += tokens;
        }
        self.good += u64::from(meets(&spec.slo, record));
        self.latencies(record);
    }

    fn latencies(&mut self, record: &Record) {
        let add = |samples: &mut Samples, us: Option<f64>| {
            if let Some(us) = us {
                samples.add(us, 1);
            }
        };
        let since = |at: Option<u64>, from: Option<u64>| Some(at?.saturating_sub(from?) as f64);
        add(&mut self.ttft, record.ttft_us().map(|us| us as f64));
        add(&mut self.tpot, record.tpot_us());
        add(&mut self.e2el, record.e2el_us().map(|us| us as f64));
        add(&mut self.answer, since(record.answer_us, record.sent_us));
        add(&mut self.ttft_response, since(record.first_us, Some(record.planned_us)));
        add(&mut self.e2el_response, since(record.last_us, Some(record.planned_us)));
        let mut longest = None;
        for arrival in record.arrivals().skip(1) {
            self.itl.add(arrival.gap_us as f64 / arrival.tokens as f64, arrival.tokens);
            longest = longest.max(Some(arrival.gap_us));
        }
        add(&mut self.longest, longest.map(|us| us as f64));
        for gap in record.chunk_gaps() {
            self.chunk.add(gap as f64, 1);
        }
    }

    /// The document.
    pub(super) fn summary(&self, header: &Header, end: Option<&End>, dir: &Path) -> Summary {
        let ms = |us: Option<f64>| us.map(|us| us / 1e3);
        let spec = &header.spec;
        let ended = self.completed + self.failed;
        let span_us = self.until_us.saturating_sub(self.from_us.unwrap_or(self.until_us));
        let duration = span_us as f64 / 1e6;
        let per_s = |count: u64| (span_us > 0).then(|| count as f64 / duration);
        let pct = |part: u64| (ended > 0).then(|| part as f64 * 100.0 / ended as f64);
        let goals = spec.slo != Slo::default();
        let lag_p99 = ms(self.lag.percentile(99.0));
        let cpu = end.and_then(|e| e.client_cpu_pct);
        Summary {
            schema: "dcudeck.bench.run/1".to_owned(),
            definitions: "dcudeck/1".to_owned(),
            started_at: header.epoch.wall_start.clone(),
            result_dir: dir.display().to_string(),
            model_id: header.setup.model.clone(),
            request_rate: spec.load.rate(),
            max_concurrency: spec.load.users().or(spec.max_concurrency),
            stopped_by: end.map_or(StoppedBy::Killed, |e| e.stopped_by),
            num_prompts: ended + self.incomplete,
            completed: self.completed,
            failed: self.failed,
            incomplete: self.incomplete,
            errors_by_class: self.classes.clone(),
            error_examples: self.examples.clone(),
            error_rate_pct: pct(self.failed),
            warmup: self.warmup,
            duration,
            total_input_tokens: self.input,
            total_output_tokens: self.output,
            request_throughput: per_s(self.completed),
            output_throughput: per_s(self.output + self.output_incomplete),
            total_token_throughput: self.input.and_then(|input| per_s(input + self.output)),
            goodput: if goals { per_s(self.good) } else { None },
            goodput_pct: if goals { pct(self.good) } else { None },
            slo: spec.slo,
            slo_met: if goals { pct(self.good).map(|share| share >= GOOD_ENOUGH_PCT) } else { None },
            mean_ttft_ms: ms(self.ttft.mean()),
            median_ttft_ms: ms(self.ttft.percentile(50.0)),
            std_ttft_ms: ms(self.ttft.std()),
            p90_ttft_ms: ms(self.ttft.percentile(90.0)),
            p95_ttft_ms: ms(self.ttft.percentile(95.0)),
            p99_ttft_ms: ms(self.ttft.percentile(99.0)),
            mean_tpot_ms: ms(self.tpot.mean()),
            median_tpot_ms: ms(self.tpot.percentile(50.0)),
            std_tpot_ms: ms(self.tpot.std()),
            p90_tpot_ms: ms(self.tpot.percentile(90.0)),
            p95_tpot_ms: ms(self.tpot.percentile(95.0)),
            p99_tpot_ms: ms(self.tpot.percentile(99.0)),
            mean_itl_ms: ms(self.itl.mean()),
            median_itl_ms: ms(self.itl.percentile(50.0)),
            std_itl_ms: ms(self.itl.std()),
            p90_itl_ms: ms(self.itl.percentile(90.0)),
            p95_itl_ms: ms(self.itl.percentile(95.0)),
            p99_itl_ms: ms(self.itl.percentile(99.0)),
            mean_e2el_ms: ms(self.e2el.mean()),
            median_e2el_ms: ms(self.e2el.percentile(50.0)),
            std_e2el_ms: ms(self.e2el.std()),
            p90_e2el_ms: ms(self.e2el.percentile(90.0)),
            p95_e2el_ms: ms(self.e2el.percentile(95.0)),
            p99_e2el_ms: ms(self.e2el.percentile(99.0)),
            itl_samples: self.itl.n(),
            mean_itl_chunk_ms: ms(self.chunk.mean()),
            p99_itl_chunk_ms: ms(self.chunk.percentile(99.0)),
            p99_longest_gap_ms: ms(self.longest.percentile(99.0)),
            mean_ttft_answer_ms: ms(self.answer.mean()),
            p99_ttft_answer_ms: ms(self.answer.percentile(99.0)),
            mean_ttft_response_ms: ms(self.ttft_response.mean()),
            p99_ttft_response_ms: ms(self.ttft_response.percentile(99.0)),
            mean_e2el_response_ms: ms(self.e2el_response.mean()),
            p99_e2el_response_ms: ms(self.e2el_response.percentile(99.0)),
            in_flight_mean: (span_us > 0).then(|| self.busy_us as f64 / span_us as f64),
            send_lag_mean_ms: ms(self.lag.mean()),
            send_lag_p99_ms: lag_p99,
            late_sends: self.late,
            coalesced_chunks: self.coalesced,
            resent: self.resent,
            client_cpu_pct: cpu,
            client_limited: lag_p99.is_some_and(|lag| lag > MAX_SEND_LAG_P99_MS) || cpu.is_some_and(|cpu| cpu > MAX_CLIENT_CPU_PCT),
            limited_by: Vec::new(),
            loop_lag_p99_ms: None,
            mean_client_queue_ms: None,
            p99_client_queue_ms: None,
            ci95: BTreeMap::new(),
            samples: BTreeMap::new(),
            steady: None,
            routes: Vec::new(),
            cache: Cache::Unknown,
            server: None,
            client: header.setup.client.clone(),
            stamps: header.setup.stamps.clone(),
            user_stamped_reads: end.map(|e| e.user_stamped_reads),
            usage: header.setup.usage,
            workers: header.workers.clone(),
            lost_workers: (0..).zip(&header.workers).filter(|(_, worker)| worker.lost).map(|(k, _)| k).collect(),
            profile: spec.clone(),
        }
    }
}

/// Whether a request that succeeded met every goal asked for.
#[must_use]
pub fn meets(slo: &Slo, record: &Record) -> bool {
    let within = |goal: Option<f64>, us: Option<f64>| goal.is_none_or(|ms| us.is_none_or(|us| us / 1e3 <= ms));
    let longest_itl = || {
        record.arrivals().skip(1).map(|a| a.gap_us as f64 / a.tokens as f64).fold(None, |m: Option<f64>, v| Some(m.map_or(v, |m| m.max(v))))
    };
    within(slo.ttft_ms, record.ttft_us().map(|us| us as f64))
        && within(slo.tpot_ms, record.tpot_us())
        && within(slo.e2el_ms, record.e2el_us().map(|us| us as f64))
        && (slo.itl_ms.is_none() || within(slo.itl_ms, longest_itl()))
}

/// Exit status of `bench run`: 3 when no request succeeded or the run was cut short by a stop, a signal or a kill; 1 when goals were
/// missed, failures exceeded the limit, or the client was the limit; else 0.
#[must_use]
pub fn exit_code(summary: &Summary) -> Exit {
    let cut = matches!(summary.stopped_by, StoppedBy::Stop | StoppedBy::Signal | StoppedBy::Killed);
    let failures = summary.error_rate_pct.is_some_and(|pct| pct > summary.profile.limits.max_error_rate_pct);
    if summary.completed == 0 || cut {
        Exit::Failed
    } else if summary.slo_met == Some(false) || failures || summary.stopped_by == StoppedBy::ErrorRate || summary.client_limited || !summary.lost_workers.is_empty() {
        Exit::Findings
    } else {
        Exit::Done
    }
}
