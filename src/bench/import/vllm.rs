//! vLLM: `benchmark_serving.py`, and `vllm bench serve` of 0.8.5 as recorded in `fixtures/imports`; later releases add `failed`,
//! `request_goodput` without its colon and more.

use super::{
    Imported,
    tools::{Asked, keep, of_tool, whole},
};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn read(document: &Value) -> Option<Imported> {
    let object = document.as_object()?;
    let number = |key: &str| object.get(key).and_then(Value::as_f64);
    let completed = number("completed")?;
    number("output_throughput").and(number("duration"))?;
    // Our own documents have these keys too.
    if object.contains_key("definitions") || object.contains_key("schema") {
        return None;
    }
    let word = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let later = object.contains_key("failed") || object.contains_key("request_goodput") || object.contains_key("max_concurrent_requests");
    let mut metrics = BTreeMap::new();
    for key in [
        "duration",
        "completed",
        "failed",
        "num_prompts",
        "request_throughput",
        "output_throughput",
        "total_token_throughput",
        "total_input_tokens",
        "total_output_tokens",
    ] {
        keep(&mut metrics, key, number(key));
    }
    if let Some(failed) = number("num_prompts").map(|n| n - completed).filter(|_| !object.contains_key("failed")) {
        metrics.insert("failed".to_owned(), failed);
    }
    keep(&mut metrics, "goodput", number("request_goodput").or_else(|| number("request_goodput:")));
    let mut theirs = BTreeMap::new();
    for (key, value) in object.iter().filter_map(|(k, v)| Some((k, v.as_f64()?))) {
        let Some((_, metric)) = key.strip_suffix("_ms").and_then(|k| k.split_once('_')) else { continue };
        match metric {
            "ttft" | "tpot" | "e2el" => drop(metrics.insert(key.clone(), value)),
            // Its gap is between chunks.
            "itl" => drop(metrics.insert(key.replace("_itl_ms", "_itl_chunk_ms"), value)),
            _ => drop(theirs.insert(key.clone(), value)),
        }
    }
    for key in ["max_output_tokens_per_s", "max_concurrent_requests", "rtfx"] {
        keep(&mut theirs, key, number(key));
    }
    let request_rate = number("request_rate").filter(|r| r.is_finite());
    let max_concurrency = number("max_concurrency").and_then(whole);
    let chat = word("backend").contains("chat") || word("endpoint_type").contains("chat");
    let notes = [
        (true, "TTFT counts from before the connection is made and ends with the first chunk that has choices."),
        (chat, "In chat that is the role chunk, and E2EL ends with the usage chunk."),
        (true, "Its ITL, the gap between chunks, is listed as itl_chunk."),
        (object.contains_key("request_goodput:") || !later, "Prompt tokens are the nominal length, not counted."),
    ];
    let notes: Vec<&str> = notes.into_iter().filter_map(|(holds, note)| holds.then_some(note)).collect();
    let asked = Asked { request_rate, max_concurrency, otherwise: "all at once" };
    Some(Imported {
        definitions: if later { "vllm/later" } else { "vllm/0.8.5" }.to_owned(),
        model: word("model_id"),
        started_at: vllm_date(&word("date")),
        ..of_tool("vllm", asked, metrics, theirs, &notes)
    })
}

/// `20261123-184031` is written in local time; without its zone it is taken as UTC.
fn vllm_date(date: &str) -> Option<String> {
    let at = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", date).ok()?;
    Some(crate::base::clock::rfc3339(jiff::tz::TimeZone::UTC.to_timestamp(at).ok()?))
}
