//! `/metrics` under vLLM 0.8.5's names, buckets and labels (`engine/metrics.py`), as Prometheus text.
//!
//! As there: `time_per_output_token_seconds` has one sample per generated token after the first (an inter-token latency), and the
//! whole-request histograms count requests that ended by themselves. As in vLLM's multi-process mode there are no `_created` samples.

use super::api::{Finish, Gauges, Steps};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

const TTFT_S: &[f64] =
    &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0];
const TPOT_S: &[f64] = &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0];
const LATENCY_S: &[f64] =
    &[0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0];
const TOKENS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0];
const CHOICES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0];

struct Histogram {
    name: &'static str,
    help: &'static str,
    bounds: &'static [f64],
    /// Samples at or below each bound and above the one before; the last is above all.
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    fn new(name: &'static str, help: &'static str, bounds: &'static [f64]) -> Self {
        Self { name, help, bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    fn record(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum += value;
    }

    fn seconds(&mut self, span: Duration) {
        self.record(span.as_secs_f64());
    }
}

/// What the server has counted since its start.
pub struct Metrics {
    /// `model_name` of every sample.
    model: String,
    /// Adapters loaded, for `lora_requests_info`; 0 leaves it out.
    adapters: usize,
    counted: Mutex<Counted>,
}

struct Counted {
    prompt_tokens: u64,
    generation_tokens: u64,
    stop: u64,
    length: u64,
    abort: u64,
    ttft: Histogram,
    tpot: Histogram,
    e2e: Histogram,
    queue: Histogram,
    inference: Histogram,
    prefill: Histogram,
    decode: Histogram,
    request_prompt: Histogram,
    request_generation: Histogram,
    n: Histogram,
    max_generation: Histogram,
    max_tokens: Histogram,
    /// Requests per adapter: waiting, running.
    by_adapter: BTreeMap<Arc<str>, (usize, usize)>,
}

/// Totals since the start, for whoever shows them without reading Prometheus text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Prompt tokens of requests whose first token has come.
    pub prompt_tokens: u64,
    /// Tokens generated.
    pub generation_tokens: u64,
    /// Requests that ended by themselves.
    pub finished: u64,
    /// Requests whose client left.
    pub aborted: u64,
}

impl Metrics {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(model: &str, adapters: usize) -> Self {
        let tokens = |name, help| Histogram::new(name, help, TOKENS);
        let latency = |name, help| Histogram::new(name, help, LATENCY_S);
        let counted = Counted {
            prompt_tokens: 0,
            generation_tokens: 0,
            stop: 0,
            length: 0,
            abort: 0,
            ttft: Histogram::new("time_to_first_token_seconds", "Histogram of time to first token in seconds.", TTFT_S),
            tpot: Histogram::new("time_per_output_token_seconds", "Histogram of time per output token in seconds.", TPOT_S),
            e2e: latency("e2e_request_latency_seconds", "Histogram of end to end request latency in seconds."),
            queue: latency("request_queue_time_seconds", "Histogram of time spent in WAITING phase for request."),
            inference: latency("request_inference_time_seconds", "Histogram of time spent in RUNNING phase for request."),
            prefill: latency("request_prefill_time_seconds", "Histogram of time spent in PREFILL phase for request."),
            decode: latency("request_decode_time_seconds", "Histogram of time spent in DECODE phase for request."),
            request_prompt: tokens("request_prompt_tokens", "Number of prefill tokens processed."),
            request_generation: tokens("request_generation_tokens", "Number of generation tokens processed."),
            n: Histogram::new("request_params_n", "Histogram of the n request parameter.", CHOICES),
            max_generation: tokens("request_max_num_generation_tokens", "Histogram of maximum number of requested generation tokens."),
            max_tokens: tokens("request_params_max_tokens", "Histogram of the max_tokens request parameter."),
            by_adapter: BTreeMap::new(),
        };
        Self { model: model.to_owned(), adapters, counted: Mutex::new(counted) }
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Totals since the start.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let counted = self.lock();
        Totals {
            prompt_tokens: counted.prompt_tokens,
            generation_tokens: counted.generation_tokens,
            finished: counted.stop + counted.length,
            aborted: counted.abort,
        }
    }

    /// The exposition text.
    #[must_use]
    pub fn text(&self, gauges: &Gauges) -> String {
        let counted = self.lock();
        let mut out = Page { out: String::with_capacity(24 << 10), model: escaped(&self.model) };
        out.one("num_requests_running", "Number of requests currently running on GPU.", "gauge", gauges.running as f64);
        out.one("num_requests_waiting", "Number of requests waiting to be processed.", "gauge", gauges.waiting as f64);
        out.one("gpu_cache_usage_perc", "GPU KV-cache usage. 1 means 100 percent usage.", "gauge", gauges.cache_usage);
        out.head("cache_config_info", "Information of the LLMEngine CacheConfig", "gauge");
        let (blocks, size) = (gauges.num_blocks, gauges.block_size);
        let _ = writeln!(
            out.out,
            "vllm:cache_config_info{{block_size=\"{size}\",cache_dtype=\"auto\",calculate_kv_scales=\"False\",cpu_kvcache_space_bytes=\"None\",\
             cpu_offload_gb=\"0\",enable_prefix_caching=\"False\",gpu_memory_utilization=\"0.9\",is_attention_free=\"False\",num_cpu_blocks=\"0\",\
             num_gpu_blocks=\"{blocks}\",num_gpu_blocks_override=\"None\",prefix_caching_hash_algo=\"builtin\",sliding_window=\"None\",\
             swap_space=\"0\",swap_space_bytes=\"0\"}} 1.0"
        );
        out.one("num_preemptions_total", "Cumulative number of preemption from the engine.", "counter", gauges.preemptions as f64);
        out.one("prompt_tokens_total", "Number of prefill tokens processed.", "counter", counted.prompt_tokens as f64);
        out.one("generation_tokens_total", "Number of generation tokens processed.", "counter", counted.generation_tokens as f64);
        out.head("request_success_total", "Count of successfully processed requests.", "counter");
        for (reason, count) in [("abort", counted.abort), ("length", counted.length), ("stop", counted.stop)] {
            let _ = writeln!(out.out, "vllm:request_success_total{{finished_reason=\"{reason}\",model_name=\"{}\"}} {count}.0", out.model);
        }
        if self.adapters > 0 {
            out.adapters(self.adapters, &counted.by_adapter);
        }
        let steps = gauges.steps;
        out.histogram(
            "iteration_tokens_total",
            "Histogram of number of tokens per engine_step.",
            &Steps::BOUNDS,
            &steps.counts,
            steps.tokens as f64,
        );
        for h in counted.histograms() {
            out.histogram(h.name, h.help, h.bounds, &h.counts, h.sum);
        }
        out.out
    }

    /// Follows one request; dropped before its end it counts as aborted.
    #[must_use]
    pub fn follow(self: &Arc<Self>, arrived: Instant, prompt_tokens: usize, max_tokens: usize, adapter: Option<Arc<str>>) -> Meter {
        if let Some(adapter) = &adapter {
            self.lock().by_adapter.entry(Arc::clone(adapter)).or_default().0 += 1;
        }
        Meter {
            metrics: Arc::clone(self),
            arrived,
            prompt_tokens,
            max_tokens,
            adapter,
            scheduled: None,
            first: None,
            last: None,
            tokens: 0,
            ended: false,
        }
    }
}

impl Counted {
    fn histograms(&self) -> [&Histogram; 12] {
        [
            &self.ttft,
            &self.tpot,
            &self.e2e,
            &self.queue,
            &self.inference,
            &self.prefill,
            &self.decode,
            &self.request_prompt,
            &self.request_generation,
            &self.n,
            &self.max_generation,
            &self.max_tokens,
        ]
    }

    fn leave(&mut self, meter: &Meter) {
        let Some(adapter) = &meter.adapter else { return };
        if let Some((waiting, running)) = self.by_adapter.get_mut(adapter) {
            let place = if meter.scheduled.is_some() { running } else { waiting };
            *place = place.saturating_sub(1);
        }
    }
}

/// One request's figures on the way.
pub struct Meter {
    metrics: Arc<Metrics>,
    arrived: Instant,
    prompt_tokens: usize,
    max_tokens: usize,
    adapter: Option<Arc<str>>,
    scheduled: Option<Instant>,
    first: Option<Instant>,
    last: Option<Instant>,
    tokens: usize,
    ended: bool,
}

impl Meter {
    /// It got a slot.
    pub fn scheduled(&mut self, at: Instant) {
        self.scheduled = Some(at);
        if let Some(adapter) = &self.adapter
            && let Some((waiting, running)) = self.metrics.lock().by_adapter.get_mut(adapter)
        {
            *waiting = waiting.saturating_sub(1);
            *running += 1;
        }
    }

    /// A token came.
    pub fn token(&mut self, at: Instant) {
        self.tokens += 1;
        let mut counted = self.metrics.lock();
        counted.generation_tokens += 1;
        if let Some(last) = self.last {
            counted.tpot.seconds(at.saturating_duration_since(last));
        } else {
            counted.prompt_tokens += self.prompt_tokens as u64;
            counted.ttft.seconds(at.saturating_duration_since(self.arrived));
            self.first = Some(at);
        }
        self.last = Some(at);
    }

    /// It ended by itself.
    pub fn ended(&mut self, finish: Finish) {
        self.ended = true;
        let mut counted = self.metrics.lock();
        match finish {
            Finish::Stop => counted.stop += 1,
            Finish::Length => counted.length += 1,
        }
        if let (Some(first), Some(last)) = (self.first, self.last) {
            counted.e2e.seconds(last.saturating_duration_since(self.arrived));
            counted.decode.seconds(last.saturating_duration_since(first));
            if let Some(scheduled) = self.scheduled {
                counted.queue.seconds(scheduled.saturating_duration_since(self.arrived));
                counted.prefill.seconds(first.saturating_duration_since(scheduled));
                counted.inference.seconds(last.saturating_duration_since(scheduled));
            }
        }
        let (prompt, tokens) = (self.prompt_tokens as f64, self.tokens as f64);
        counted.request_prompt.record(prompt);
        counted.request_generation.record(tokens);
        counted.max_generation.record(tokens);
        counted.max_tokens.record(self.max_tokens as f64);
        counted.n.record(1.0);
        counted.leave(self);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if !self.ended {
            let metrics = Arc::clone(&self.metrics);
            let mut counted = metrics.lock();
            counted.abort += 1;
            counted.leave(self);
        }
    }
}

struct Page {
    out: String,
    model: String,
}

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.out, "# HELP vllm:{name} {help}\n# TYPE vllm:{name} {kind}");
    }

    fn one(&mut self, name: &str, help: &str, kind: &str, value: f64) {
        self.head(name, help, kind);
        let _ = writeln!(self.out, "vllm:{name}{{model_name=\"{}\"}} {value:?}", self.model);
    }

    fn histogram(&mut self, name: &str, help: &str, bounds: &[f64], counts: &[u64], sum: f64) {
        self.head(name, help, "histogram");
        let model = &self.model;
        let _ = writeln!(self.out, "vllm:{name}_sum{{model_name=\"{model}\"}} {sum:?}");
        let mut total = 0;
        let bounds = bounds.iter().map(|bound| format!("{bound:?}")).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(counts) {
            total += count;
            let _ = writeln!(self.out, "vllm:{name}_bucket{{le=\"{bound}\",model_name=\"{model}\"}} {total}.0");
        }
        let _ = writeln!(self.out, "vllm:{name}_count{{model_name=\"{model}\"}} {total}.0");
    }

    fn adapters(&mut self, loaded: usize, requests: &BTreeMap<Arc<str>, (usize, usize)>) {
        self.head("lora_requests_info", "Running stats on lora requests.", "gauge");
        let names = |which: fn(&(usize, usize)) -> usize| {
            let names: Vec<&str> = requests.iter().filter(|(_, counts)| which(counts) > 0).map(|(name, _)| &**name).collect();
            escaped(&names.join(","))
        };
        let (waiting, running) = (names(|counts| counts.0), names(|counts| counts.1));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
        let _ = writeln!(
            self.out,
            "vllm:lora_requests_info{{max_lora=\"{loaded}\",running_lora_adapters=\"{running}\",waiting_lora_adapters=\"{waiting}\"}} {now:?}"
        );
    }
}

/// A label value: backslash, quote and line end escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
