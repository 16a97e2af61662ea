//! `AIPerf`: a record a tag, `{unit, avg, min, max, p50 … p99, std}`, at the top or (earlier) under `records`. As 0.13.0 writes it
//! (recorded in `fixtures/imports`), with the places of earlier releases.

use super::{
    Imported,
    tools::{Asked, error_rate, first_text, keep, of_tool, whole},
};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn read(document: &Value) -> Option<Imported> {
    let records = document.get("records").filter(|r| r.is_object()).unwrap_or(document);
    let find = |tags: &[&str]| tags.iter().find_map(|tag| records.get(*tag)).filter(|r| r.get("avg").is_some());
    let value = |tags: &[&str]| find(tags)?.get("avg")?.as_f64();
    let latency = find(&["request_latency"])?;
    find(&["request_throughput", "request_count"])?;
    let mut metrics = BTreeMap::new();
    let (ttft, itl) = (find(&["time_to_first_token", "ttft"]), find(&["inter_token_latency"]));
    // Its inter-token latency is one sample a request: our TPOT. Its inter-chunk latency pools the gaps between chunks.
    for (record, ours) in [
        (ttft, "ttft"),
        (itl, "tpot"),
        (Some(latency), "e2el"),
        (find(&["inter_chunk_latency"]), "itl_chunk"),
        (find(&["time_to_first_output_token"]), "ttft_answer"),
    ] {
        let Some(record) = record else { continue };
        let factor = match record.get("unit").and_then(Value::as_str).unwrap_or("ms") {
            "ms" => 1.0,
            "s" | "sec" | "seconds" => 1e3,
            "us" => 1e-3,
            "ns" => 1e-6,
            _ => continue,
        };
        for (key, word) in [("avg", "mean"), ("p50", "median"), ("std", "std"), ("p90", "p90"), ("p95", "p95"), ("p99", "p99")] {
            keep(&mut metrics, &format!("{word}_{ours}_ms"), record.get(key).and_then(Value::as_f64).map(|v| v * factor));
        }
    }
    keep(&mut metrics, "request_throughput", value(&["request_throughput"]));
    keep(&mut metrics, "output_throughput", value(&["output_token_throughput"]));
    keep(&mut metrics, "total_token_throughput", value(&["total_token_throughput"]));
    keep(&mut metrics, "goodput", value(&["goodput"]));
    keep(&mut metrics, "completed", value(&["request_count"]));
    keep(&mut metrics, "failed", value(&["error_request_count"]));
    error_rate(&mut metrics);
    keep(&mut metrics, "error_rate_pct", value(&["request_error_rate"]));
    keep(&mut metrics, "duration", value(&["benchmark_duration"]));
    keep(&mut metrics, "in_flight_mean", value(&["effective_concurrency"]));
    keep(&mut metrics, "total_input_tokens", value(&["total_isl"]));
    keep(&mut metrics, "total_output_tokens", value(&["total_output_tokens", "total_osl"]));
    let mut theirs = BTreeMap::new();
    for tag in ["time_to_second_token", "ttst", "output_token_throughput_per_user", "output_sequence_length", "input_sequence_length"] {
        keep(&mut theirs, &format!("{tag}.avg"), value(&[tag]));
    }
    // The phase that counts; a warm-up is one of its own.
    let phases = document.pointer("/input_config/phases").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let phase = phases.iter().find(|phase| phase.get("kind").and_then(Value::as_str) == Some("profiling"));
    let asked = |key: &str| {
        let earlier =
            || document.pointer(&format!("/input_config/loadgen/{key}")).or_else(|| document.pointer(&format!("/input_config/{key}")));
        phase.and_then(|phase| phase.get(key.trim_start_matches("request_"))).or_else(earlier)?.as_f64()
    };
    let (max_concurrency, request_rate) = (asked("concurrency").and_then(whole), asked("request_rate"));
    let asked = Asked { request_rate, max_concurrency, otherwise: "unknown" };
    let models = [
        "/input_config/models/items/0/name",
        "/input_config/endpoint/model_names/0",
        "/input_config/endpoint/model_name",
        "/input_config/models/0",
    ];
    let notes = [
        "Its inter_token_latency is one sample a request, (latency - TTFT) / (n - 1): listed as TPOT.",
        "Its inter_chunk_latency, the gap between chunks, is listed as itl_chunk.",
    ];
    Some(Imported {
        model: first_text(document, &models).unwrap_or_default(),
        started_at: first_text(document, &["/start_time"]).and_then(|at| time(&at)),
        ..of_tool("aiperf", asked, metrics, theirs, &notes)
    })
}

/// ISO 8601, with an offset or in local time without one; that is taken as UTC.
fn time(text: &str) -> Option<String> {
    let at = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let at: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(at).ok()
    })?;
    Some(crate::base::clock::rfc3339(at))
}
