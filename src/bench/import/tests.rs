mod recorded;

use super::*;
use crate::bench::{compare, history};

const VLLM: &str = r#"{"date": "20251123-184031", "backend": "openai-chat", "model_id": "org/m-7b", "tokenizer_id": "org/m-7b",
 "num_prompts": 100, "request_rate": "inf", "burstiness": 1.0, "max_concurrency": 16, "duration": 12.5, "completed": 98,
 "total_input_tokens": 12800, "total_output_tokens": 12544, "request_throughput": 7.84, "request_goodput:": null,
 "output_throughput": 1003.5, "total_token_throughput": 2027.5, "mean_ttft_ms": 101.0, "median_ttft_ms": 99.0, "std_ttft_ms": 8.0,
 "p99_ttft_ms": 150.0, "mean_tpot_ms": 9.9, "median_tpot_ms": 9.8, "std_tpot_ms": 0.2, "p99_tpot_ms": 11.0, "mean_itl_ms": 10.0,
 "median_itl_ms": 9.7, "std_itl_ms": 1.0, "p99_itl_ms": 21.0}"#;

const GUIDELLM: &str = r#"{"metadata": {"version": 1}, "args": {"backend_kwargs": {"model": "org/m"}}, "benchmarks": [
 {"config": {"strategy": {"type_": "concurrent", "streams": 8}}, "start_time": 1763900000.5, "duration": 30.0, "metrics": {
  "request_totals": {"successful": 95, "errored": 5, "incomplete": 2, "total": 102},
  "requests_per_second": {"successful": {"mean": 3.2}}, "output_tokens_per_second": {"successful": {"mean": 410.0}},
  "tokens_per_second": {"successful": {"mean": 800.0}}, "request_concurrency": {"successful": {"mean": 7.9}},
  "request_latency": {"successful": {"mean": 2.5, "median": 2.4, "std_dev": 0.1, "percentiles": {"p50": 2.4, "p90": 2.7, "p95": 2.8, "p99": 2.9, "p999": 3.0}}},
  "time_to_first_token_ms": {"successful": {"mean": 50.0, "median": 48.0, "std_dev": 2.0, "percentiles": {"p90": 60.0, "p95": 65.0, "p99": 70.0, "p999": 80.0}}},
  "time_per_output_token_ms": {"successful": {"mean": 19.5, "median": 19.4, "percentiles": {"p99": 21.0}}},
  "inter_token_latency_ms": {"successful": {"mean": 19.1, "median": 19.0, "percentiles": {"p99": 20.5}}}}},
 {"config": {"strategy": {"type_": "constant", "rate": 4.0}}, "metrics": {"requests_per_second": {"successful": {"mean": 3.9}}}}]}"#;

const AIPERF: &str = r#"{"request_throughput": {"unit": "requests/sec", "avg": 7.9}, "request_count": {"unit": "requests", "avg": 500.0},
 "request_latency": {"unit": "ms", "avg": 1300.0, "min": 900.0, "max": 2000.0, "p50": 1290.0, "p90": 1500.0, "p95": 1600.0, "p99": 1900.0, "std": 90.0},
 "time_to_first_token": {"unit": "ms", "avg": 120.0, "p50": 118.0, "p99": 240.0, "std": 12.0},
 "inter_token_latency": {"unit": "ms", "avg": 10.2, "p50": 10.1, "p99": 11.1, "std": 0.3},
 "inter_chunk_latency": {"unit": "ms", "avg": 10.3, "p50": 10.0, "p99": 60.0, "std": 3.0},
 "output_token_throughput": {"unit": "tokens/sec", "avg": 900.0}, "benchmark_duration": {"unit": "sec", "avg": 63.3},
 "effective_concurrency": {"unit": "requests", "avg": 9.8},
 "start_time": "2025-11-23T10:00:00", "input_config": {"endpoint": {"model_names": ["org/m"]}, "loadgen": {"concurrency": 10}}}"#;

const EVALSCOPE: &str = r#"{"Time taken for tests (s)": 57.1, "Number of concurrency": 50, "Request rate (req/s)": -1, "Total requests": 500,
 "Succeed requests": 499, "Failed requests": 1, "Output token throughput (tok/s)": 8757.5, "Total token throughput (tok/s)": 17507.8,
 "Request throughput (req/s)": 87.575, "Average latency (s)": 0.5539, "Average time to first token (s)": 0.0641,
 "Average time per output token (s)": 0.0049, "Average inter-token latency (s)": 0.005, "Average input tokens per request": 99.918}"#;

fn of(name: &str, text: &str) -> Vec<Imported> {
    let dir = tempfile::tempdir().expect("temporary folder");
    let file = dir.path().join(name);
    fs::write(&file, text).expect("writes");
    read(&file).expect(name)
}

fn one(name: &str, text: &str) -> Imported {
    let mut found = of(name, text);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn figure(imported: &Imported, key: &str) -> f64 {
    *imported.metrics.get(key).unwrap_or_else(|| panic!("{key} in {:?}", imported.metrics))
}

#[test]
fn vllms_chunk_gaps_are_not_taken_for_token_gaps() {
    let vllm = one("r.json", VLLM);
    assert_eq!((vllm.source.as_str(), vllm.definitions.as_str(), vllm.model.as_str()), ("vllm", "vllm/0.8.5", "org/m-7b"));
    assert_eq!((vllm.max_concurrency, vllm.request_rate, vllm.load.as_str()), (Some(16), None, "16 users"));
    assert_eq!(vllm.started_at.as_deref(), Some("2025-11-23T18:40:31.000Z"));
    assert!((figure(&vllm, "p99_ttft_ms") - 150.0).abs() < 1e-9 && (figure(&vllm, "failed") - 2.0).abs() < 1e-9);
    assert!((figure(&vllm, "p99_itl_chunk_ms") - 21.0).abs() < 1e-9 && !vllm.metrics.contains_key("p99_itl_ms"));
    assert!(vllm.notes.iter().any(|n| n.contains("role chunk")));
    let later = one("r.json", &VLLM.replace("\"request_goodput:\"", "\"failed\": 2, \"request_goodput\""));
    assert_eq!(later.definitions, "vllm/later");
}

#[test]
fn appended_results_are_one_a_line() {
    let line = VLLM.replace('\n', " ");
    assert_eq!(of("r.json", &format!("{line}\n{line}\n")).iter().map(|i| i.number).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn guidellms_time_per_output_token_stays_under_its_own_name() {
    let found = of("benchmarks.json", GUIDELLM);
    assert_eq!(found.iter().map(|i| i.load.as_str()).collect::<Vec<_>>(), ["concurrent, 8 users", "constant, 4 req/s"]);
    let first = found.first().expect("two");
    assert_eq!(first.model, "org/m");
    assert!((figure(first, "median_tpot_ms") - 19.0).abs() < 1e-9, "its inter-token latency is our TPOT");
    assert!((figure(first, "p99_e2el_ms") - 2900.0).abs() < 1e-9, "seconds");
    assert!((figure(first, "error_rate_pct") - 5.0).abs() < 1e-9);
    assert_eq!(first.theirs.get("time_per_output_token_ms.mean"), Some(&19.5));
    assert_eq!(first.started_at.as_deref(), Some("2025-11-23T12:13:20.500Z"));
}

#[test]
fn aiperfs_records_are_read_at_the_top_and_under_records() {
    let flat = one("profile_export_aiperf.json", AIPERF);
    assert_eq!((flat.model.as_str(), flat.max_concurrency), ("org/m", Some(10)));
    assert!((figure(&flat, "p99_tpot_ms") - 11.1).abs() < 1e-9 && (figure(&flat, "p99_itl_chunk_ms") - 60.0).abs() < 1e-9);
    assert!((figure(&flat, "in_flight_mean") - 9.8).abs() < 1e-9);
    let nested = one(
        "x.json",
        r#"{"records": {"ttft": {"unit": "ms", "avg": 18.26}, "request_latency": {"unit": "s", "avg": 0.5}, "request_count": {"avg": 3}}}"#,
    );
    assert!((figure(&nested, "mean_ttft_ms") - 18.26).abs() < 1e-9 && (figure(&nested, "mean_e2el_ms") - 500.0).abs() < 1e-9);
}

#[test]
fn evalscopes_percentiles_are_read_from_the_file_beside() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let file = dir.path().join("benchmark_summary.json");
    fs::write(&file, EVALSCOPE).expect("writes");
    let rows =
        r#"[{"Percentiles": "50%", "TTFT (s)": 0.06}, {"Percentiles": "99%", "TTFT (s)": 0.2, "ITL (s)": 0.012, "Latency (s)": 0.9}]"#;
    fs::write(dir.path().join("benchmark_percentile.json"), rows).expect("writes");
    let found = read(&file).expect("reads").remove(0);
    assert_eq!((found.source.as_str(), found.max_concurrency, found.request_rate), ("evalscope", Some(50), None));
    assert!((figure(&found, "p99_ttft_ms") - 200.0).abs() < 1e-9 && (figure(&found, "p99_itl_chunk_ms") - 12.0).abs() < 1e-9);
    assert!((figure(&found, "mean_e2el_ms") - 553.9).abs() < 1e-9);
}

#[test]
fn an_imported_result_is_in_the_history_and_can_be_compared() {
    let root = tempfile::tempdir().expect("temporary folder");
    let workspace = Workspace::at(root.path());
    let file = root.path().join("v.json");
    fs::write(&file, VLLM).expect("writes");
    let first = import(&workspace, &file).expect("imports");
    fs::write(&file, VLLM.replace("\"p99_ttft_ms\": 150.0", "\"p99_ttft_ms\": 300.0")).expect("writes");
    let second = import(&workspace, &file).expect("imports");
    let entries = history::list(&workspace).expect("a list");
    assert!(entries.iter().all(|e| e.state == "imported" && e.source == "vllm" && e.spec.is_none()) && entries.len() == 2);
    let dir = |ids: &[String]| workspace.results().join(&ids[0]);
    let told = compare::compare(&dir(&first), &dir(&second), &["p99_ttft_ms>+50%".to_owned()]).expect("compares");
    assert!(!told.ok, "{told:?}");
    let ttft = told.metrics.iter().find(|c| c.name == "p99_ttft_ms").expect("a figure");
    assert_eq!((ttft.change_pct, ttft.ci_low_pct, ttft.verdict), (Some(100.0), None, compare::Verdict::Unclear));
}

#[test]
fn what_no_tool_wrote_is_refused_in_a_sentence() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let file = dir.path().join("x.json");
    for text in [
        "{}",
        "[]",
        "3",
        "{\"benchmarks\": []}",
        "{\"schema\": \"dcudeck.bench.run/1\", \"output_throughput\": 1, \"completed\": 1, \"duration\": 1}",
    ] {
        fs::write(&file, text).expect("writes");
        let problem = read(&file).expect_err(text).to_string();
        assert!(problem.contains("none of the known tools"), "{problem}");
    }
    fs::write(&file, "{\n\"a\": nope}").expect("writes");
    let problem = read(&file).expect_err("no JSON");
    assert!(problem.to_string().contains("no JSON"), "{problem}");
    assert!(read(&dir.path().join("none.json")).is_err());
}
