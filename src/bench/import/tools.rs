//! What each tool's result looks like, and which of its figures mean what ours mean.

use super::Imported;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// The results in `document`, whichever tool wrote it; none when no tool is known that writes such a document.
pub(super) fn all(document: &Value, beside: &Path) -> Vec<Imported> {
    if document.get("benchmarks").is_some_and(Value::is_array) {
        return guidellm(document);
    }
    let one = vllm(document).or_else(|| evalscope(document, beside)).or_else(|| aiperf(document));
    one.into_iter().collect()
}

/// vLLM: keys of `benchmark_serving.py` 0.8.5 in result JSON; later releases add `failed`, `request_goodput` without its colon and more.
fn vllm(document: &Value) -> Option<Imported> {
    let object = document.as_object()?;
    let number = |key: &str| object.get(key).and_then(Value::as_f64);
    let output_throughput = number("output_throughput")?;
    let (completed, duration) = (number("completed")?, number("duration")?);
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
    let mut notes = vec!["TTFT counts from before the connection is made and ends with the first chunk that has choices.".to_owned()];
    if chat {
        notes.push("In chat that is the role chunk, and E2EL ends with the usage chunk.".to_owned());
    }
    notes.push("Its ITL, the gap between chunks, is listed as itl_chunk.".to_owned());
    if object.contains_key("request_goodput:") || !later {
        notes.push("Prompt tokens are the nominal length, not counted.".to_owned());
    }
    let _ = (output_throughput, duration);
    Some(Imported {
        source: "vllm".to_owned(),
        definitions: if later { "vllm/later" } else { "vllm/0.8.5" }.to_owned(),
        model: word("model_id"),
        started_at: vllm_date(&word("date")),
        load: match (request_rate, max_concurrency) {
            (Some(rate), Some(cap)) => format!("{rate} req/s, at most {cap} in flight"),
            (Some(rate), None) => format!("{rate} req/s"),
            (None, Some(cap)) => format!("{cap} users"),
            (None, None) => "all at once".to_owned(),
        },
        max_concurrency,
        request_rate,
        metrics,
        theirs,
        notes,
        ..Imported::default()
    })
}

/// `20261123-184031` is written in local time; without its zone it is taken as UTC.
fn vllm_date(date: &str) -> Option<String> {
    let at = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", date).ok()?;
    Some(crate::base::clock::rfc3339(jiff::tz::TimeZone::UTC.to_timestamp(at).ok()?))
}

/// guidellm: `benchmarks[]` with `metrics.NAME.successful{mean, median, std_dev, percentiles{p90, p99, …}}`; one result a benchmark.
fn guidellm(document: &Value) -> Vec<Imported> {
    let benchmarks = document.get("benchmarks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let model = first_text(document, &["/args/model", "/args/backend_kwargs/model", "/config/spec/model", "/metadata/model"]);
    benchmarks.iter().filter_map(|benchmark| guidellm_one(benchmark, model.clone())).collect()
}

fn guidellm_one(benchmark: &Value, model: Option<String>) -> Option<Imported> {
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
    let number = |pointer: &str| benchmark.pointer(pointer).and_then(Value::as_f64);
    let total =
        |kind: &str| number(&format!("/metrics/request_totals/{kind}")).or_else(|| number(&format!("/run_stats/requests_made/{kind}")));
    keep(&mut metrics, "completed", total("successful"));
    keep(&mut metrics, "failed", total("errored"));
    keep(&mut metrics, "incomplete", total("incomplete"));
    keep(&mut metrics, "duration", number("/duration"));
    if let (Some(done), Some(failed)) = (total("successful"), total("errored"))
        && done + failed > 0.0
    {
        metrics.insert("error_rate_pct".to_owned(), failed * 100.0 / (done + failed));
    }
    let strategy = benchmark.pointer("/config/strategy").or_else(|| benchmark.pointer("/args/strategy"));
    let strategy_number = |keys: &[&str]| keys.iter().find_map(|key| strategy?.get(*key)?.as_f64());
    let kind = strategy.and_then(|s| s.get("type_")).and_then(Value::as_str).unwrap_or("unknown");
    let streams = strategy_number(&["streams", "max_concurrency"]).and_then(whole).or((kind == "synchronous").then_some(1));
    let request_rate = strategy_number(&["rate", "initial_rate"]);
    let started = number("/start_time").or_else(|| number("/scheduler_metrics/start_time")).filter(|&at| at > 0.0);
    Some(Imported {
        source: "guidellm".to_owned(),
        definitions: "guidellm".to_owned(),
        model: first_text(benchmark, &["/config/backend/model", "/config/model", "/request_loader/model", "/worker/backend_model"])
            .or(model)
            .unwrap_or_default(),
        started_at: started
            .and_then(|at| jiff::Timestamp::from_duration(jiff::SignedDuration::try_from_secs_f64(at).ok()?).ok())
            .map(crate::base::clock::rfc3339),
        load: match (streams, request_rate) {
            (_, Some(rate)) => format!("{kind}, {rate} req/s"),
            (Some(streams), None) => format!("{kind}, {streams} users"),
            (None, None) => kind.to_owned(),
        },
        max_concurrency: streams,
        request_rate,
        metrics,
        theirs,
        notes: vec![
            "Its inter_token_latency_ms is one sample a request, (last - first) / (n - 1): listed as TPOT.".to_owned(),
            "Its time_per_output_token_ms is E2EL / n and includes TTFT: kept under its own name.".to_owned(),
            "Throughputs are means of its own distributions over successful requests.".to_owned(),
        ],
        ..Imported::default()
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

/// `AIPerf`: a record a tag, `{unit, avg, min, max, p50 … p99, std}`, at the top or (earlier) under `records`.
fn aiperf(document: &Value) -> Option<Imported> {
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
    keep(&mut metrics, "duration", value(&["benchmark_duration"]));
    keep(&mut metrics, "total_output_tokens", value(&["total_output_tokens", "total_osl"]));
    let mut theirs = BTreeMap::new();
    for tag in [
        "time_to_second_token",
        "ttst",
        "output_token_throughput_per_user",
        "effective_concurrency",
        "output_sequence_length",
        "input_sequence_length",
    ] {
        keep(&mut theirs, &format!("{tag}.avg"), value(&[tag]));
    }
    let number = |pointers: &[&str]| pointers.iter().find_map(|p| document.pointer(p)?.as_f64());
    let max_concurrency = number(&["/input_config/loadgen/concurrency", "/input_config/concurrency"]).and_then(whole);
    let request_rate = number(&["/input_config/loadgen/request_rate", "/input_config/request_rate"]);
    Some(Imported {
        source: "aiperf".to_owned(),
        definitions: "aiperf".to_owned(),
        model: first_text(
            document,
            &["/input_config/endpoint/model_names/0", "/input_config/endpoint/model_name", "/input_config/models/0"],
        )
        .unwrap_or_default(),
        started_at: first_text(document, &["/start_time"]).and_then(|at| aiperf_time(&at)),
        load: match (request_rate, max_concurrency) {
            (Some(rate), _) => format!("{rate} req/s"),
            (None, Some(users)) => format!("{users} users"),
            (None, None) => "unknown".to_owned(),
        },
        max_concurrency,
        request_rate,
        metrics,
        theirs,
        notes: vec![
            "Its inter_token_latency is one sample a request, (latency - TTFT) / (n - 1): listed as TPOT.".to_owned(),
            "Its inter_chunk_latency, the gap between chunks, is listed as itl_chunk.".to_owned(),
        ],
        ..Imported::default()
    })
}

/// ISO 8601, with an offset or in local time without one; that is taken as UTC.
fn aiperf_time(text: &str) -> Option<String> {
    let at = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let at: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(at).ok()
    })?;
    Some(crate::base::clock::rfc3339(at))
}

/// evalscope: `benchmark_summary.json` with sentences as keys, and `benchmark_percentile.json` beside it (rows of percentiles).
fn evalscope(document: &Value, beside: &Path) -> Option<Imported> {
    let number = |keys: &[&str]| keys.iter().find_map(|key| document.get(*key)?.as_f64());
    let succeeded = number(&["Succeed requests", "Successful requests"])?;
    number(&["Average latency (s)"])?;
    let mut metrics = BTreeMap::new();
    keep(&mut metrics, "completed", Some(succeeded));
    keep(&mut metrics, "failed", number(&["Failed requests"]));
    keep(&mut metrics, "num_prompts", number(&["Total requests"]));
    keep(&mut metrics, "duration", number(&["Time taken for tests (s)"]));
    keep(&mut metrics, "request_throughput", number(&["Request throughput (req/s)", "Average QPS"]));
    keep(&mut metrics, "output_throughput", number(&["Output token throughput (tok/s)", "Throughput(average tokens/s)"]));
    keep(&mut metrics, "total_token_throughput", number(&["Total token throughput (tok/s)"]));
    let ms = |keys: &[&str]| number(keys).map(|s| s * 1e3);
    keep(&mut metrics, "mean_ttft_ms", ms(&["Average time to first token (s)"]));
    keep(&mut metrics, "mean_tpot_ms", ms(&["Average time per output token (s)"]));
    keep(&mut metrics, "mean_itl_chunk_ms", ms(&["Average inter-token latency (s)"]));
    keep(&mut metrics, "mean_e2el_ms", ms(&["Average latency (s)"]));
    if let Some(rate) = number(&["Failed requests"]).filter(|f| f + succeeded > 0.0) {
        metrics.insert("error_rate_pct".to_owned(), rate * 100.0 / (rate + succeeded));
    }
    let rows = fs::read(beside.join("benchmark_percentile.json")).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    evalscope_percentiles(rows.as_ref(), &mut metrics);
    let mut theirs = BTreeMap::new();
    for key in ["Average input tokens per request", "Average output tokens per request", "Average package per request"] {
        keep(&mut theirs, key, number(&[key]));
    }
    let max_concurrency = number(&["Number of concurrency"]).and_then(whole);
    let request_rate = number(&["Request rate (req/s)"]).filter(|&rate| rate > 0.0);
    let arguments = fs::read(beside.join("benchmark_args.json")).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    Some(Imported {
        source: "evalscope".to_owned(),
        definitions: "evalscope".to_owned(),
        model: first_text(document, &["/Model", "/model"]).or_else(|| first_text(arguments.as_ref()?, &["/model"])).unwrap_or_default(),
        load: match (request_rate, max_concurrency) {
            (Some(rate), _) => format!("{rate} req/s"),
            (None, Some(users)) => format!("{users} users"),
            (None, None) => "unknown".to_owned(),
        },
        max_concurrency,
        request_rate,
        metrics,
        theirs,
        notes: vec![
            "TTFT ends with the first chunk that has choices, in chat the role chunk.".to_owned(),
            "Its inter-token latency, the gap between chunks, is listed as itl_chunk.".to_owned(),
        ],
        ..Imported::default()
    })
}

/// Rows `{"Percentiles": "99%", "TTFT (s)": 0.2, …}`, or columns of the same names.
fn evalscope_percentiles(document: Option<&Value>, metrics: &mut BTreeMap<String, f64>) {
    const COLUMNS: [(&str, &str); 4] = [("TTFT (s)", "ttft"), ("TPOT (s)", "tpot"), ("ITL (s)", "itl_chunk"), ("Latency (s)", "e2el")];
    let Some(document) = document else { return };
    let mut put = |percentile: &Value, column: &str, value: Option<f64>| {
        let word = match percentile.as_str().map_or_else(|| percentile.to_string(), str::to_owned).trim_end_matches('%') {
            "50" => "median",
            "90" => "p90",
            "95" => "p95",
            "99" => "p99",
            _ => return,
        };
        keep(metrics, &format!("{word}_{column}_ms"), value.map(|s| s * 1e3));
    };
    if let Some(rows) = document.as_array() {
        for row in rows {
            let Some(percentile) = row.get("Percentiles").or_else(|| row.get("Percentile")) else { continue };
            for (name, column) in COLUMNS {
                put(percentile, column, row.get(name).and_then(Value::as_f64));
            }
        }
    } else if let Some(percentiles) = document.get("Percentiles").and_then(Value::as_array) {
        for (k, percentile) in percentiles.iter().enumerate() {
            for (name, column) in COLUMNS {
                put(percentile, column, document.get(name).and_then(|values| values.get(k)).and_then(Value::as_f64));
            }
        }
    }
}

fn keep(into: &mut BTreeMap<String, f64>, key: &str, value: Option<f64>) {
    if let Some(value) = value.filter(|v| v.is_finite()) {
        into.insert(key.to_owned(), value);
    }
}

fn first_text(document: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| document.pointer(pointer)?.as_str()).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole number within u32")]
fn whole(value: f64) -> Option<u32> {
    (value >= 1.0 && value <= f64::from(u32::MAX)).then_some(value.round() as u32)
}
