//! Servers that fail, and runs that cannot begin.

use super::*;

#[test]
fn every_way_a_server_fails_has_its_class_and_an_example() {
    for (fault, class) in [
        (Fault::Status500, "http_status"),
        (Fault::ErrorInStream, "in_stream_error"),
        (Fault::Truncate, "truncated"),
        (Fault::Empty, "empty"),
        (Fault::Stall, "timeout_stall"),
        (Fault::Status429, "http_status"),
        (Fault::Reset, "truncated"),
        (Fault::SlowHeaders, "timeout_first_token"),
        (Fault::Garbage, "protocol"),
        (Fault::Short, "short_output"),
    ] {
        // The try-out is the first request, so every third spares it.
        let fail = Some(sim::Fail { every: 3, kind: fault });
        let served = serve(Options { ttft_ms: 1.0, itl_ms: 1.0, fail, ..Options::default() });
        let limits = r#", "requests": 12, "limits": {"stall_s": 0.15, "first_token_s": 0.5, "max_error_rate_pct": 100.0}"#;
        let done = go(&spec(&served.url, r#"{"concurrency": 4}"#, limits));
        let summary = done.summary();
        assert_eq!((summary.completed, summary.failed), (8, 4), "{fault:?} {:?}", summary.error_examples);
        assert_eq!(summary.errors_by_class, BTreeMap::from([(class.to_owned(), 4)]), "{fault:?}");
        assert!(!summary.error_examples[class].is_empty());
        let facts = done.watched.seen.lock().expect("lock").1.clone();
        assert_eq!(facts.iter().filter(|f| matches!(f, Fact::Failure { class: c, .. } if c == class)).count(), 1);
    }
}

#[test]
fn a_finish_reason_without_done_is_a_proper_end_and_a_reset_before_an_answer_costs_no_request() {
    for fault in [Fault::NoDone, Fault::Refuse] {
        let fail = Some(sim::Fail { every: 3, kind: fault });
        let served = serve(Options { ttft_ms: 1.0, itl_ms: 1.0, fail, ..Options::default() });
        // One user: its connection has carried an answer before it is reset, so that the request may be sent again.
        let done = go(&spec(&served.url, r#"{"concurrency": 1}"#, r#", "requests": 12"#));
        assert_eq!((done.summary().completed, done.summary().failed), (12, 0), "{fault:?} {:?}", done.summary().error_examples);
        let resent = done.records().iter().filter(|r| r.resent).count();
        assert_eq!(resent > 0, fault == Fault::Refuse, "{resent}");
    }
}

#[test]
fn too_many_failures_end_the_run() {
    let fail = Some(sim::Fail { every: 2, kind: Fault::Status500 });
    let served = serve(Options { ttft_ms: 1.0, itl_ms: 1.0, fail, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"concurrency": 2}"#, r#", "requests": 100000"#));
    let summary = done.summary();
    assert_eq!(summary.stopped_by, StoppedBy::ErrorRate);
    assert!((20..40).contains(&(summary.completed + summary.failed)), "{summary:?}");
    let last = done.watched.last();
    assert_eq!(last.phase, Phase::Failed);
    assert!(last.failure.is_some_and(|f| f.contains("more than the 5 % allowed")));
    assert_eq!(exit_code(summary), Exit::Findings);
}

#[test]
fn a_run_that_cannot_begin_says_so_before_any_load() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("bound");
    let served = serve(Options::default());
    let mut unknown = spec(&served.url, r#"{"concurrency": 1}"#, r#", "requests": 1"#);
    unknown.target.model = Some("other".to_owned());
    let long = spec(&served.url, r#"{"concurrency": 1}"#, "");
    let long = Spec { prompts: crate::bench::spec::Prompts::random(200_000), ..long };
    for (spec, kind, words) in [
        (spec(&format!("http://{nobody}"), r#"{"concurrency": 1}"#, ""), "bench.unreachable", "connection refused"),
        (spec("ftp://x", r#"{"concurrency": 1}"#, ""), "bench.url", "http://"),
        (spec(&format!("https://{nobody}"), r#"{"concurrency": 1}"#, ""), "bench.unreachable", "connection refused"),
        (spec("http://u:p@x", r#"{"concurrency": 1}"#, ""), "bench.url", "user name"),
        (unknown, "bench.model_not_served", "it serves: sim"),
        (long, "bench.too_long", "do not fit"),
    ] {
        let done = go(&spec);
        let problem = done.outcome.as_ref().expect_err(kind);
        assert_eq!(problem.kind(), kind, "{problem}");
        assert_eq!(problem.exit(), Exit::BadInput);
        assert!(problem.to_string().to_lowercase().contains(&words.to_lowercase()), "{problem}");
        assert_eq!(done.watched.last().phase, Phase::Failed);
        assert_eq!(std::fs::read_dir(done.result_dir()).expect("lists").count(), 0, "nothing is left in the folder");
    }
}
