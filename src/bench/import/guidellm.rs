//! guidellm: `benchmarks[]` with `metrics.NAME.successful{mean, median, std_dev, percentiles{p90, p99, …}}`; one result a benchmark.
//! As 0.8.1 writes it (recorded in `fixtures/imports`), with the places of earlier releases.

use super::{
    Imported,
    tools::{Asked, error_rate, first_text, keep, of_tool, whole},
};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn read(document: &Value) -> Vec<Imported> {
    let benchmarks = document.get("benchmarks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let places = ["/config/spec/backend/model", "/args/model", "/args/backend_kwargs/model", "/metadata/model"];
    let model = first_text(document, &places);
    benchmarks.iter().filter_map(|benchmark| one(benchmark, model.clone())).collect()
}

fn one(benchmark: &Value, model: Option<String>) -> Option<Imported> {
    let all = benchmark.get("metrics")?;
    all.get("time_to_first_token_ms").or_else(|| all.get("requests_per_second"))?;
    let (mut metrics, mut theirs) = (BTreeMap::new(), BTreeMap::new());
    // Its inter-token latency is (last - first) / (n - 1) a request: our TPOT. Its time per output token holds TTFT: kept apart.
    for (name, ours, factor) in
        [("time_to_first_token_ms", "ttft", 1.0), ("inter_token_latency_ms", "tpot", 1.0), ("request_latency", "e2el", 1e3)]
    {
        for (statistic, value) in spread(all.get(name)) {
            metrics.insert(format!("{statistic}_{ours}_ms"), value * factor);
        }
    }
    for (statistic, value) in spread(all.get("time_per_output_token_ms")) {
        theirs.insert(format!("time_per_output_token_ms.{statistic}"), value);
    }
    for (statistic, value) in spread(all.get("time_to_first_output_token_ms")) {
        if matches!(statistic, "mean" | "p99") {
            metrics.insert(format!("{statistic}_ttft_answer_ms"), value);
        }
    }
    let mean = |name: &str| spread(all.get(name)).into_iter().find(|(s, _)| *s == "mean").map(|(_, v)| v);
    keep(&mut metrics, "request_throughput", mean("requests_per_second"));
    keep(&mut metrics, "output_throughput", mean("output_tokens_per_second"));
    keep(&mut metrics, "total_token_throughput", mean("tokens_per_second"));
    keep(&mut metrics, "in_flight_mean", mean("request_concurrency"));
    let sum = |name: &str| all.get(name)?.pointer("/successful/total_sum")?.as_f64();
    let number = |pointer: &str| benchmark.pointer(pointer).and_then(Value::as_f64);
    let total =
        |kind: &str| number(&format!("/metrics/request_totals/{kind}")).or_else(|| number(&format!("/run_stats/requests_made/{kind}")));
    keep(&mut metrics, "completed", total("successful"));
    keep(&mut metrics, "failed", total("errored"));
    keep(&mut metrics, "incomplete", total("incomplete"));
    keep(&mut metrics, "duration", number("/duration"));
    error_rate(&mut metrics);
    keep(&mut metrics, "total_input_tokens", sum("prompt_token_count"));
    keep(&mut metrics, "total_output_tokens", sum("output_token_count"));
    let strategy = benchmark.pointer("/config/strategy").or_else(|| benchmark.pointer("/args/strategy"));
    let strategy_number = |keys: &[&str]| keys.iter().find_map(|key| strategy?.get(*key)?.as_f64());
    let kind = strategy.and_then(|s| s.get("type_")).and_then(Value::as_str).unwrap_or("unknown");
    let request_rate = strategy_number(&["rate", "initial_rate"]);
    // At a rate its strategy has a cap that nobody asked for (10,240); one that was asked for is in the profile.
    let asked_cap = number("/config/profile/max_concurrency");
    let streams = if request_rate.is_some() { asked_cap } else { strategy_number(&["streams", "max_concurrency"]) };
    let streams = streams.and_then(whole).or((kind == "synchronous").then_some(1));
    let started = number("/start_time").or_else(|| number("/scheduler_metrics/start_time")).filter(|&at| at > 0.0);
    let asked = Asked { request_rate, max_concurrency: streams, otherwise: "" };
    let notes = [
        "Its inter_token_latency_ms is (last - first) / (n - 1) of a request, counted once a token: listed as TPOT.",
        "Its time_per_output_token_ms is E2EL / n and includes TTFT: kept under its own name.",
        "Throughputs are over successful requests; the tables it prints count the failed ones too.",
    ];
    let of_tool = of_tool("guidellm", asked, metrics, theirs, &notes);
    let models = ["/config/backend/model", "/config/model", "/request_loader/model", "/worker/backend_model"];
    Some(Imported {
        model: first_text(benchmark, &models).or(model).unwrap_or_default(),
        started_at: started
            .and_then(|at| jiff::Timestamp::from_duration(jiff::SignedDuration::try_from_secs_f64(at).ok()?).ok())
            .map(crate::base::clock::rfc3339),
        load: if of_tool.load.is_empty() { kind.to_owned() } else { format!("{kind}, {}", of_tool.load) },
        ..of_tool
    })
}

/// Mean, median, standard deviation and percentiles of one of guidellm's distributions, by the words of our keys.
fn spread(metric: Option<&Value>) -> Vec<(&'static str, f64)> {
    let Some(of) = metric.map(|m| m.get("successful").unwrap_or(m)) else { return Vec::new() };
    let number = |key: &str| of.get(key).and_then(Value::as_f64);
    let percentile = |key: &str| of.pointer(&format!("/percentiles/{key}")).and_then(Value::as_f64).or_else(|| number(key));
    let found = [
        ("mean", number("mean")),
        ("median", number("median").or_else(|| percentile("p50"))),
        ("std", number("std_dev").or_else(|| number("std"))),
        ("p90", percentile("p90")),
        ("p95", percentile("p95")),
        ("p99", percentile("p99")),
        ("p99.9", percentile("p999")),
    ];
    found.into_iter().filter_map(|(word, value)| Some((word, value?))).collect()
}
