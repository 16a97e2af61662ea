//! What a run leaves in its folder.

use super::*;

#[test]
fn a_summary_made_again_is_the_same_bytes_and_a_killed_run_still_has_one() {
    let served = serve(Options { ttft_ms: 2.0, itl_ms: 1.0, jitter_ms: 0.5, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"concurrency": 4}"#, r#", "requests": 40, "slo": {"ttft_ms": 1000.0}"#));
    let dir = done.result_dir();
    let files = || [SUMMARY, VLLM085].map(|name| std::fs::read(dir.join(name)).expect("written"));
    let before = files();
    let again = recompute(&dir).expect("recomputes");
    assert_eq!(&again, done.summary());
    assert_eq!(files(), before);
    assert_eq!(serde_json::from_slice::<Summary>(&before[0]).expect("reads back").completed, 40);
    assert_eq!((again.slo_met, exit_if_idle(&again)), (Some(true), Exit::Done));

    // As if killed while the 31st line was being written.
    let text = std::fs::read_to_string(dir.join(REQUESTS)).expect("reads");
    let whole: usize = text.split_inclusive('\n').take(31).map(str::len).sum();
    std::fs::write(dir.join(REQUESTS), &text[..whole + 25]).expect("writes");
    let cut = recompute(&dir).expect("a torn last line is no damage");
    assert_eq!((cut.completed, cut.stopped_by), (30, StoppedBy::Killed));
    std::fs::write(dir.join(REQUESTS), text.replacen("\"i\":", "\"i\":x", 1)).expect("writes");
    let damaged = recompute(&dir).expect_err("damage inside is told").to_string();
    assert!(damaged.contains("requests.jsonl:2"), "{damaged}");
}

#[test]
fn the_second_file_holds_what_vllm_0_8_5_would_have_written() {
    let served = serve(Options { ttft_ms: 10.0, itl_ms: 2.0, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"concurrency": 2}"#, r#", "requests": 6, "slo": {"e2el_ms": 5000.0}"#));
    let theirs: serde_json::Value =
        serde_json::from_slice(&std::fs::read(done.result_dir().join(VLLM085)).expect("written")).expect("JSON");
    let ours = done.summary();
    assert_eq!(theirs["completed"], 6);
    assert_eq!(theirs["total_input_tokens"], 96);
    assert_eq!(theirs["request_goodput:"], theirs["request_throughput"]);
    // One token a chunk on /v1/completions: both definitions agree.
    for key in ["mean_ttft_ms", "p99_ttft_ms", "mean_tpot_ms", "p99_tpot_ms", "mean_e2el_ms"] {
        let ours = serde_json::to_value(ours).expect("JSON")[key].as_f64().expect(key);
        assert!((theirs[key].as_f64().expect(key) - ours).abs() < 1e-9, "{key}");
    }
}

#[test]
fn the_size_of_the_arrivals_is_foretold_within_thirty_percent() {
    let served = serve(Options { ttft_ms: 10.0, itl_ms: 4.0, jitter_ms: 1.0, ..Options::default() });
    let mut spec = spec(&served.url, r#"{"concurrency": 128}"#, r#", "requests": 500"#);
    spec.output_len = 32;
    let done = go(&spec);
    assert_eq!(done.summary().completed, 500);
    let real = std::fs::metadata(done.result_dir().join(tokens::TOKENS)).expect("kept").len() as f64;
    let told = tokens::estimate_bytes(500, 32, spec.save_tokens) as f64;
    assert!((told / real - 1.0).abs() < 0.3, "{told} of {real}");
    assert_eq!(tokens::estimate_bytes(500, 32, SaveTokens::None), 0);
}

#[test]
fn prompt_tokens_are_the_servers_count_and_stand_beside_what_was_asked_for() {
    let served = serve(Options { ttft_ms: 1.0, itl_ms: 1.0, ..Options::default() });
    // Ids are counted as they are; the chat template of the server adds tokens of its own.
    for (endpoint, differs) in [("completions", false), ("chat", true)] {
        let mut spec = spec(&served.url, r#"{"concurrency": 2}"#, r#", "requests": 4"#);
        spec.prompts = crate::bench::spec::Prompts::random(20);
        spec.target.endpoint = serde_json::from_value(endpoint.into()).expect("an endpoint");
        let done = go(&spec);
        let counted: u64 = done.records().iter().filter_map(|r| r.prompt_tokens).sum();
        let summary = done.summary();
        assert_eq!((summary.total_input_tokens, summary.asked_input_tokens), (Some(counted), Some(80)), "{endpoint}");
        assert_eq!(counted != 80, differs, "{endpoint}: {counted}");
        let both = summary.total_token_throughput.expect("counted") - (counted + summary.total_output_tokens) as f64 / summary.duration;
        assert!(both.abs() < 1e-6, "{endpoint}");
        let files = crate::bench::report::write(&done.result_dir()).expect("a report").files;
        let report = std::fs::read_to_string(files.iter().find(|f| f.ends_with("report.md")).expect("written")).expect("reads");
        assert_eq!(report.contains("as the server counts"), differs, "{report}");
    }
}
