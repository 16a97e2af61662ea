//! evalscope: `benchmark_summary.json` with words as keys; beside it `benchmark_percentile.json` (rows of percentiles) and
//! `benchmark_args.json`. As 1.14.1 writes them (recorded in `fixtures/imports`), with the keys of earlier releases.

use super::{
    Imported,
    tools::{Asked, error_rate, first_text, keep, of_tool, whole},
};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// Our key, and what it is multiplied by, for each of theirs: what 1.14 writes comes first.
const FIGURES: [(&str, &str, f64); 27] = [
    ("completed", "Success Requests", 1.0),
    ("completed", "Succeed requests", 1.0),
    ("completed", "Successful requests", 1.0),
    ("failed", "Failed Requests", 1.0),
    ("failed", "Failed requests", 1.0),
    ("num_prompts", "Total Requests", 1.0),
    ("num_prompts", "Total requests", 1.0),
    ("duration", "Test Duration (s)", 1.0),
    ("duration", "Time taken for tests (s)", 1.0),
    ("request_throughput", "Req Throughput (req/s)", 1.0),
    ("request_throughput", "Request throughput (req/s)", 1.0),
    ("request_throughput", "Average QPS", 1.0),
    ("output_throughput", "Output Throughput (tok/s)", 1.0),
    ("output_throughput", "Output token throughput (tok/s)", 1.0),
    ("output_throughput", "Throughput(average tokens/s)", 1.0),
    ("total_token_throughput", "Total Throughput (tok/s)", 1.0),
    ("total_token_throughput", "Total token throughput (tok/s)", 1.0),
    ("mean_e2el_ms", "Avg Latency (s)", 1e3),
    ("mean_e2el_ms", "Average latency (s)", 1e3),
    ("mean_ttft_ms", "Avg TTFT (ms)", 1.0),
    ("mean_ttft_ms", "Average time to first token (s)", 1e3),
    ("mean_tpot_ms", "Avg TPOT (ms)", 1.0),
    ("mean_tpot_ms", "Average time per output token (s)", 1e3),
    ("mean_itl_chunk_ms", "Avg ITL (ms)", 1.0),
    ("mean_itl_chunk_ms", "Average inter-token latency (s)", 1e3),
    ("max_concurrency", "Concurrency", 1.0),
    ("max_concurrency", "Number of concurrency", 1.0),
];
/// Kept under its own name.
const THEIRS: [&str; 5] = [
    "Avg Input Tokens",
    "Avg Output Tokens",
    "Average input tokens per request",
    "Average output tokens per request",
    "Average package per request",
];
/// Columns of the percentiles: latencies in either unit.
const COLUMNS: [(&str, &str, f64); 7] = [
    ("Latency (s)", "e2el", 1e3),
    ("TTFT (ms)", "ttft", 1.0),
    ("TTFT (s)", "ttft", 1e3),
    ("TPOT (ms)", "tpot", 1.0),
    ("TPOT (s)", "tpot", 1e3),
    ("ITL (ms)", "itl_chunk", 1.0),
    ("ITL (s)", "itl_chunk", 1e3),
];

pub(super) fn read(document: &Value, beside: &Path) -> Option<Imported> {
    let number = |key: &str| document.get(key).and_then(Value::as_f64);
    let mut metrics = BTreeMap::new();
    for (ours, key, factor) in FIGURES {
        if !metrics.contains_key(ours) {
            keep(&mut metrics, ours, number(key).map(|v| v * factor));
        }
    }
    metrics.get("completed").and(metrics.get("mean_e2el_ms"))?;
    // -1: no users, but a rate.
    let max_concurrency = metrics.remove("max_concurrency").and_then(whole);
    error_rate(&mut metrics);
    let file = |name: &str| fs::read(beside.join(name)).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    percentiles(file("benchmark_percentile.json").as_ref(), &mut metrics);
    let mut theirs = BTreeMap::new();
    for key in THEIRS {
        keep(&mut theirs, key, number(key));
    }
    let request_rate = number("Request Rate (req/s)").or_else(|| number("Request rate (req/s)")).filter(|&rate| rate > 0.0);
    let asked = Asked { request_rate, max_concurrency, otherwise: "unknown" };
    let notes = [
        "TTFT ends with the first chunk that has choices, in chat the role chunk.",
        "Its inter-token latency, the gap between chunks, is listed as itl_chunk.",
    ];
    let model = first_text(document, &["/Model", "/model"]).or_else(|| first_text(&file("benchmark_args.json")?, &["/model"]));
    Some(Imported { model: model.unwrap_or_default(), ..of_tool("evalscope", asked, metrics, theirs, &notes) })
}

/// Rows `{"Percentiles": "99%", "TTFT (ms)": 200, …}`, or columns of the same names.
fn percentiles(document: Option<&Value>, metrics: &mut BTreeMap<String, f64>) {
    let Some(document) = document else { return };
    let mut put = |percentile: &Value, column: &str, value: Option<f64>| {
        let word = match percentile.as_str().map_or_else(|| percentile.to_string(), str::to_owned).trim_end_matches('%') {
            "50" => "median",
            "90" => "p90",
            "95" => "p95",
            "99" => "p99",
            _ => return,
        };
        keep(metrics, &format!("{word}_{column}_ms"), value);
    };
    if let Some(rows) = document.as_array() {
        for row in rows {
            let Some(percentile) = row.get("Percentiles").or_else(|| row.get("Percentile")) else { continue };
            for (name, column, factor) in COLUMNS {
                put(percentile, column, row.get(name).and_then(Value::as_f64).map(|v| v * factor));
            }
        }
    } else if let Some(percentiles) = document.get("Percentiles").and_then(Value::as_array) {
        for (k, percentile) in percentiles.iter().enumerate() {
            for (name, column, factor) in COLUMNS {
                let value = document.get(name).and_then(|values| values.get(k)).and_then(Value::as_f64);
                put(percentile, column, value.map(|v| v * factor));
            }
        }
    }
}
