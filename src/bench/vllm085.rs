//! The same run by the formulas and under the keys of vLLM 0.8.5's `benchmark_serving.py`, for comparison with its results.
//!
//! Source: `benchmarks/benchmark_serving.py` and `backend_request_func.py` of that release. What differs from our own
//! definitions: the first chunk with a choice is the first token even when its text is empty (the role chunk, in chat);
//! inter-token latency is the gap between chunks; in chat the latency ends with the usage chunk and any answer with status 200
//! counts as success. Two things cannot be the same: an answer without `usage` is tokenized there and counted by chunks here; and
//! prompt tokens in chat are those of the text alone there, the server's count with its template here.

#[cfg(test)]
mod tests;

use super::{
    record::{Class, Record},
    results::Header,
    spec::{Endpoint, Load, Slo, Spec},
    stats::{Samples, Sorted},
    summary::asked_input_len,
};
use serde::Serialize;

/// The tally over the records of a run.
#[derive(Debug, Default)]
pub(super) struct Figures {
    ttft: Vec<f64>,
    tpot: Vec<f64>,
    itl: Samples,
    e2el: Vec<f64>,
    sent: u64,
    completed: u64,
    input: u64,
    output: u64,
    good: u64,
    from_us: Option<u64>,
    until_us: u64,
}

impl Figures {
    /// Takes one record in; warm-up and given-up requests are left out.
    pub(super) fn take(&mut self, spec: &Spec, record: &Record) {
        if record.warmup || record.stopped() {
            return;
        }
        self.sent += 1;
        self.from_us = Some(self.from_us.map_or(record.planned_us, |t| t.min(record.planned_us)));
        self.until_us = self.until_us.max(record.end_us);
        let (Some(sent), Some(200)) = (record.sent_us, record.status) else { return };
        // A transfer that broke raises there, so that the request counts as failed.
        let class = record.error.as_ref().map(|e| e.class);
        if matches!(class, Some(Class::Truncated | Class::TimeoutStall | Class::TimeoutFirstToken | Class::Protocol)) {
            return;
        }
        let chat = spec.target.endpoint == Endpoint::Chat;
        let ttft_us = record.gaps_us.first().map(|&g| f64::from(g));
        if !chat && ttft_us.is_none() {
            return;
        }
        self.completed += 1;
        for &gap in record.gaps_us.iter().skip(1) {
            self.itl.add(f64::from(gap), 1);
        }
        let choice_us: u64 = record.gaps_us.iter().map(|&g| u64::from(g)).sum();
        let event_us = record.event_us.map_or(choice_us, |t| t.saturating_sub(sent));
        let latency_us = if chat { event_us } else { choice_us } as f64;
        let ttft_us = ttft_us.unwrap_or(0.0);
        let mut tpot_us = 0.0;
        if record.output_tokens > 1 {
            tpot_us = (latency_us - ttft_us) / (record.output_tokens - 1) as f64;
            self.tpot.push(tpot_us);
        }
        self.ttft.push(ttft_us);
        self.e2el.push(latency_us);
        // Nominal, as there. Where prompts differ in length, the server's count is the nominal one: they are token ids.
        let nominal = asked_input_len(spec).filter(|_| !chat).map(u64::from);
        self.input += nominal.or(record.prompt_tokens).unwrap_or(0);
        self.output += record.output_tokens;
        self.good += u64::from(meets(&spec.slo, ttft_us, tpot_us, latency_us));
    }

    /// The document.
    pub(super) fn document(self, header: &Header) -> Document {
        let spec = &header.spec;
        let chat = spec.target.endpoint == Endpoint::Chat;
        let duration = self.until_us.saturating_sub(self.from_us.unwrap_or(0)) as f64 / 1e6;
        let per_s = |count: u64| if duration > 0.0 { count as f64 / duration } else { 0.0 };
        let goals = spec.slo.ttft_ms.is_some() || spec.slo.tpot_ms.is_some() || spec.slo.e2el_ms.is_some();
        let good = goals.then(|| per_s(self.good));
        let itl = &self.itl;
        let itl = Ms::new(itl.mean(), itl.std(), |p| itl.percentile(p));
        let [ttft, tpot, e2el] = [self.ttft, self.tpot, self.e2el].map(|values| {
            let sorted = Sorted::from(values);
            Ms::new(sorted.mean(), sorted.std(), |p| sorted.percentile(p))
        });
        Document {
            date: date(&header.epoch.wall_start),
            backend: if chat { "openai-chat" } else { "openai" },
            model_id: header.setup.model.clone(),
            tokenizer_id: header.setup.model.clone(),
            num_prompts: self.sent,
            request_rate: spec.load.rate().map_or_else(|| serde_json::json!("inf"), |rate| serde_json::json!(rate)),
            burstiness: match spec.load {
                // Constant spacing is the limit of its gamma process.
                Load::Rate(_) => serde_json::json!("inf"),
                Load::Gamma { burstiness, .. } => serde_json::json!(burstiness),
                _ => serde_json::json!(1.0),
            },
            max_concurrency: spec.load.users().or(spec.max_concurrency),
            duration,
            completed: self.completed,
            total_input_tokens: self.input,
            total_output_tokens: self.output,
            request_throughput: per_s(self.completed),
            request_goodput_colon: good,
            request_goodput: good,
            output_throughput: per_s(self.output),
            total_token_throughput: per_s(self.input + self.output),
            mean_ttft_ms: ttft.mean,
            median_ttft_ms: ttft.median,
            std_ttft_ms: ttft.std,
            p99_ttft_ms: ttft.p99,
            mean_tpot_ms: tpot.mean,
            median_tpot_ms: tpot.median,
            std_tpot_ms: tpot.std,
            p99_tpot_ms: tpot.p99,
            mean_itl_ms: itl.mean,
            median_itl_ms: itl.median,
            std_itl_ms: itl.std,
            p99_itl_ms: itl.p99,
            mean_e2el_ms: e2el.mean,
            median_e2el_ms: e2el.median,
            std_e2el_ms: e2el.std,
            p99_e2el_ms: e2el.p99,
        }
    }
}

fn meets(slo: &Slo, ttft_us: f64, tpot_us: f64, e2el_us: f64) -> bool {
    [(slo.ttft_ms, ttft_us), (slo.tpot_ms, tpot_us), (slo.e2el_ms, e2el_us)].iter().all(|&(goal, us)| goal.is_none_or(|ms| us / 1e3 <= ms))
}

/// `YYYYmmdd-HHMMSS` of an RFC 3339 time.
fn date(wall: &str) -> String {
    let digits: String = wall.chars().take_while(|&c| c != '.').filter(char::is_ascii_digit).collect();
    match digits.split_at_checked(8) {
        Some((day, time)) => format!("{day}-{time}"),
        None => digits,
    }
}

struct Ms {
    mean: f64,
    median: f64,
    std: f64,
    p99: f64,
}

impl Ms {
    /// Without samples that benchmark prints 0 (`np.mean(ttfts or 0)`).
    fn new(mean: Option<f64>, std: Option<f64>, percentile: impl Fn(f64) -> Option<f64>) -> Self {
        let ms = |us: Option<f64>| us.unwrap_or(0.0) / 1e3;
        Self { mean: ms(mean), median: ms(percentile(50.0)), std: ms(std), p99: ms(percentile(99.0)) }
    }
}

/// The keys that release writes without `--save-detailed`, in its order and one of later ones, for `--percentile-metrics ttft,tpot,itl,e2el`.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    date: String,
    backend: &'static str,
    model_id: String,
    tokenizer_id: String,
    num_prompts: u64,
    request_rate: serde_json::Value,
    burstiness: serde_json::Value,
    max_concurrency: Option<u32>,
    duration: f64,
    completed: u64,
    total_input_tokens: u64,
    total_output_tokens: u64,
    request_throughput: f64,
    /// The colon is that release's own.
    #[serde(rename = "request_goodput:")]
    request_goodput_colon: Option<f64>,
    /// As later releases write it, for tools made for those.
    request_goodput: Option<f64>,
    output_throughput: f64,
    total_token_throughput: f64,
    mean_ttft_ms: f64,
    median_ttft_ms: f64,
    std_ttft_ms: f64,
    p99_ttft_ms: f64,
    mean_tpot_ms: f64,
    median_tpot_ms: f64,
    std_tpot_ms: f64,
    p99_tpot_ms: f64,
    mean_itl_ms: f64,
    median_itl_ms: f64,
    std_itl_ms: f64,
    p99_itl_ms: f64,
    mean_e2el_ms: f64,
    median_e2el_ms: f64,
    std_e2el_ms: f64,
    p99_e2el_ms: f64,
}
