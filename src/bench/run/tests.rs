//! Whole runs against the simulated server and its ground truth.

mod http2;
mod mixed;
mod scripted;
mod steered;
mod tls;

use super::*;
use crate::{
    base::Exit,
    bench::{
        exit_code,
        live::{Fact, Steer},
        record::Record,
        results::{REQUESTS, SUMMARY, Usage, VLLM085, read, recompute},
        spec::SaveTokens,
        tokens,
    },
    embedded::sim::{self, Fault, Options, Sim, Stop},
};
use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::PathBuf,
    sync::{Condvar, Mutex},
    time::{Duration, Instant},
};

/// A sink that keeps everything and can be waited on.
#[derive(Default)]
struct Watched {
    seen: Mutex<(Vec<Snapshot>, Vec<Fact>)>,
    changed: Condvar,
}

impl Sink for Watched {
    fn snapshot(&self, snapshot: &Snapshot) {
        self.seen.lock().expect("lock").0.push(snapshot.clone());
        self.changed.notify_all();
    }

    fn fact(&self, fact: &Fact) {
        self.seen.lock().expect("lock").1.push(fact.clone());
        self.changed.notify_all();
    }
}

impl Watched {
    fn wait_for(&self, what: impl Fn(&Snapshot) -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        let mut seen = self.seen.lock().expect("lock");
        while !seen.0.last().is_some_and(&what) {
            assert!(Instant::now() < until, "never seen: {:?}", seen.0.last());
            seen = self.changed.wait_timeout(seen, Duration::from_millis(100)).expect("lock").0;
        }
    }

    fn last(&self) -> Snapshot {
        self.seen.lock().expect("lock").0.last().cloned().expect("a snapshot")
    }
}

fn spec(url: &str, load: &str, more: &str) -> Spec {
    let text =
        format!(r#"{{"target": {{"url": "{url}"}}, "load": {load}, "prompts": {{"random": {{"input_len": 16}}}}, "output_len": 8{more}}}"#);
    serde_json::from_str(&text).expect(&text)
}

struct Done {
    dir: tempfile::TempDir,
    outcome: Result<Summary, Problem>,
    watched: Arc<Watched>,
}

impl Done {
    fn summary(&self) -> &Summary {
        self.outcome.as_ref().expect("a result")
    }

    fn result_dir(&self) -> PathBuf {
        self.dir.path().join("result-1")
    }

    fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        read(&self.result_dir(), |_, record| records.push(record)).expect("reads");
        records
    }
}

fn go_with(spec: &Spec, during: impl FnOnce(&Watched, &Steering) + Send) -> Done {
    go_on(1, spec, during)
}

fn go_on(threads: u32, spec: &Spec, during: impl FnOnce(&Watched, &Steering) + Send) -> Done {
    let dir = tempfile::tempdir().expect("temporary folder");
    let result_dir = dir.path().join("result-1");
    std::fs::create_dir(&result_dir).expect("mkdir");
    let (watched, steering) = (Arc::new(Watched::default()), Steering::default());
    let sink: Arc<dyn Sink> = Arc::clone(&watched) as Arc<dyn Sink>;
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            let _ends = EndsIfPanicking(&steering);
            during(&watched, &steering);
        });
        run_on(threads, spec, &result_dir, &sink, &steering)
    });
    Done { dir, outcome, watched }
}

/// A run nobody watches any more must not go on for ever.
struct EndsIfPanicking<'a>(&'a Steering);

impl Drop for EndsIfPanicking<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.signal();
        }
    }
}

fn go(spec: &Spec) -> Done {
    go_with(spec, |_, _| {})
}

/// A simulated server on a thread.
struct Served {
    url: String,
    truth: tempfile::NamedTempFile,
    stop: Stop,
    thread: Option<thread::JoinHandle<sim::Summary>>,
}

fn serve(options: Options) -> Served {
    let truth = tempfile::NamedTempFile::new().expect("temporary file");
    let sim = Sim::bind(Options { truth: Some(truth.path().to_path_buf()), ..options }).expect("binds");
    let (url, stop) = (sim.listening().expect("listens").url, sim.stop_handle());
    let thread = Some(thread::spawn(move || sim.run().expect("serves")));
    Served { url, truth, stop, thread }
}

impl Served {
    /// What truly happened, by request id, in `CLOCK_MONOTONIC` µs.
    fn truth(mut self) -> BTreeMap<String, (u64, Vec<(u64, usize)>)> {
        self.stop.stop();
        self.thread.take().map(|t| t.join().expect("ends"));
        let text = std::fs::read_to_string(self.truth.path()).expect("reads");
        let mut lines = text.lines();
        let zero: Epoch = serde_json::from_str(lines.next().expect("a first line")).expect("an epoch");
        let records = lines.filter_map(|line| serde_json::from_str::<sim::Record>(line).ok());
        let at = |us: u64| us + zero.mono_start_us;
        records.map(|r| (r.id, (at(r.arrival.at_us), r.writes.into_iter().map(|(us, n)| (at(us), n)).collect()))).collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.stop();
        self.thread.take().map(|t| t.join().expect("ends"));
    }
}

/// The exit status had the tests had the machine for themselves: under their own load the client is soon the limit.
fn exit_if_idle(summary: &Summary) -> Exit {
    exit_code(&Summary { client_limited: false, ..summary.clone() })
}

/// Mean and greatest difference, ms.
fn spread(differences: &[f64]) -> (f64, f64) {
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    (mean, differences.iter().fold(0.0, |m: f64, d| m.max(d.abs())))
}

#[test]
fn what_is_reported_is_what_the_server_did() {
    for (users, requests, mean_ms) in [(1, 4, 1.0), (64, 192, 3.0)] {
        let served = serve(Options { ttft_ms: 30.0, itl_ms: 5.0, jitter_ms: 1.0, ..Options::default() });
        let done = go(&spec(&served.url, &format!(r#"{{"concurrency": {users}}}"#), &format!(r#", "requests": {requests}"#)));
        let summary = done.summary();
        assert_eq!((summary.completed, summary.failed, summary.stopped_by), (requests, 0, StoppedBy::Requests), "{summary:?}");
        assert_eq!((summary.total_output_tokens, summary.usage), (requests * 8, Usage::Continuous));
        let mut zero = 0;
        read(&done.result_dir(), |header, _| zero = header.epoch.mono_start_us).expect("reads");
        let truth = served.truth();
        let (mut ttft, mut itl, mut tpot) = (Vec::new(), Vec::new(), Vec::new());
        for record in done.records() {
            let (id, (arrived, writes)) =
                truth.iter().find(|(id, _)| id.ends_with(&format!("result-1-{}", record.i))).expect("known to the server");
            let sent = zero + record.sent_us.expect("sent");
            let first = writes.iter().find(|(_, n)| *n > 0).expect("a token").0;
            let true_ttft = first as f64 - *arrived as f64;
            ttft.push((record.ttft_us().expect("a token") as f64 - true_ttft) / 1e3);
            assert!(sent <= arrived + 1_000, "{id}: sent {sent}, arrived {arrived}");
            let written: Vec<u64> = writes.iter().filter(|(_, n)| *n > 0).map(|(at, _)| *at).collect();
            let seen: Vec<u64> = record
                .gaps_us
                .iter()
                .scan(sent, |at, &gap| {
                    *at += u64::from(gap);
                    Some(*at)
                })
                .collect();
            assert_eq!(seen.len(), written.len(), "{id}");
            // A read that came too late for one of them carries the stamp of the last only: that is counted, and told apart here.
            if record.gaps_us.contains(&0) {
                continue;
            }
            let true_tpot = (written[7] - written[0]) as f64 / 7.0;
            tpot.push((record.tpot_us().expect("tokens") - true_tpot) / 1e3);
            itl.extend(seen.windows(2).zip(written.windows(2)).map(|(s, w)| ((s[1] - s[0]) as f64 - (w[1] - w[0]) as f64) / 1e3));
        }
        assert!(!tpot.is_empty(), "no stream had a read to each token");
        let (ttft, itl, tpot) = (spread(&ttft), spread(&itl), spread(&tpot));
        assert!(ttft.0.abs() < mean_ms, "TTFT error at {users}: mean {:.3} ms, most {:.3} ms", ttft.0, ttft.1);
        assert!(itl.0.abs() < 0.05, "ITL error at {users}: mean {:.4} ms, most {:.3} ms", itl.0, itl.1);
        assert!(tpot.0.abs() < 0.05, "TPOT error at {users}: mean {:.4} ms, most {:.3} ms", tpot.0, tpot.1);
        assert!(summary.in_flight_mean.expect("requests") <= f64::from(users));
        let last = done.watched.last();
        assert_eq!((last.phase, last.done, last.sent, last.output_tokens), (Phase::Finished, requests, requests, requests * 8));
        assert_eq!((last.ttft.n, last.tpot.n, last.e2el.n, last.itl.n), (requests, requests, requests, summary.itl_samples));
    }
}

#[test]
fn at_a_rate_every_planned_moment_is_a_multiple_of_the_spacing() {
    let served = serve(Options { ttft_ms: 5.0, itl_ms: 1.0, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"rate": 160.0}"#, r#", "duration_s": 0.5"#));
    let summary = done.summary();
    assert_eq!((summary.completed, summary.stopped_by), (80, StoppedBy::Duration));
    let mut records = done.records();
    records.sort_by_key(|r| r.i);
    let zero = records[0].planned_us;
    for record in &records {
        assert_eq!(record.planned_us - zero, record.i * 6_250);
        assert!(record.sent_us.expect("sent") >= record.planned_us, "nothing is sent before its moment");
    }
}

#[test]
fn several_tokens_a_chunk_are_counted_and_share_its_gap() {
    let served = serve(Options { ttft_ms: 5.0, itl_ms: 4.0, tokens_per_chunk: 4, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"concurrency": 2}"#, r#", "requests": 6"#));
    let summary = done.summary();
    assert_eq!((summary.completed, summary.total_output_tokens), (6, 48));
    let (token, chunk) = (summary.mean_itl_ms.expect("itl"), summary.mean_itl_chunk_ms.expect("gaps"));
    assert!((chunk / token - 4.0).abs() < 1e-6, "{token} {chunk}");
    assert!(done.records().iter().all(|r| r.tokens == [4, 4]));
}

#[test]
fn warm_up_is_sent_first_with_other_prompts_and_counts_nowhere() {
    let served = serve(Options { ttft_ms: 2.0, itl_ms: 1.0, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"concurrency": 4}"#, r#", "requests": 8, "warmup": 5"#));
    let summary = done.summary();
    assert_eq!((summary.completed, summary.warmup, summary.num_prompts), (8, 5, 8));
    let records = done.records();
    let warm = records.iter().filter(|r| r.warmup).map(|r| r.end_us).max().expect("warm-up");
    assert!(records.iter().filter(|r| !r.warmup).all(|r| r.planned_us >= warm));
    let facts = done.watched.seen.lock().expect("lock").1.clone();
    let phases: Vec<Phase> = facts.iter().filter_map(|f| if let Fact::Phase { phase, .. } = f { Some(*phase) } else { None }).collect();
    assert_eq!(phases, [Phase::Warmup, Phase::Running, Phase::Finished]);
}

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
fn coalesced_chunks_share_a_stamp_and_lose_no_token() {
    let served = serve(Options { ttft_ms: 5.0, itl_ms: 2.0, coalesce: 3, jitter_ms: 1.0, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"concurrency": 4}"#, r#", "requests": 12"#));
    let summary = done.summary();
    assert_eq!((summary.completed, summary.total_output_tokens), (12, 96));
    // Written as 1, 3, 3, 1 events (the last with usage and the end): two arrivals in each three share a stamp.
    assert!(summary.coalesced_chunks >= 12 * 4, "{}", summary.coalesced_chunks);
    assert!(done.records().iter().all(|r| r.arrivals().map(|a| a.tokens).sum::<u64>() == 8 && r.arrivals().count() <= 4));
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
fn a_stop_gives_up_what_is_under_way_and_keeps_what_was_measured() {
    let served = serve(Options { ttft_ms: 2.0, itl_ms: 2.0, ..Options::default() });
    let done = go_with(&spec(&served.url, r#"{"concurrency": 3}"#, ""), |watched, steering| {
        watched.wait_for(|s| s.done >= 5);
        steering.ask(Steer::Stop);
    });
    let summary = done.summary();
    assert_eq!((summary.stopped_by, summary.failed), (StoppedBy::Stop, 0));
    // A user may just have been between two requests.
    assert!(summary.completed >= 5 && (1..=3).contains(&summary.incomplete), "{summary:?}");
    assert_eq!(done.watched.last().phase, Phase::Stopped);
    assert_eq!(exit_code(summary), Exit::Failed);
}

#[test]
fn a_drain_sends_nothing_more_and_awaits_what_is_under_way() {
    let served = serve(Options { ttft_ms: 2.0, itl_ms: 2.0, ..Options::default() });
    let done = go_with(&spec(&served.url, r#"{"concurrency": 3}"#, ""), |watched, steering| {
        watched.wait_for(|s| s.done >= 5);
        steering.ask(Steer::Drain);
    });
    let summary = done.summary();
    assert_eq!((summary.stopped_by, summary.failed, summary.incomplete), (StoppedBy::Drain, 0, 0));
    assert_eq!(done.watched.last().phase, Phase::Finished);
    assert_eq!(exit_if_idle(summary), Exit::Done);
}

#[test]
fn the_seconds_add_up_to_the_whole() {
    let served = serve(Options { ttft_ms: 20.0, itl_ms: 20.0, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"concurrency": 4}"#, r#", "duration_s": 1.3"#));
    let facts = done.watched.seen.lock().expect("lock").1.clone();
    let rows: Vec<_> = facts.iter().filter_map(|f| if let Fact::Second(s) = f { Some(*s) } else { None }).collect();
    assert!(rows.windows(2).all(|w| w[1].second == w[0].second + 1), "{rows:?}");
    let summary = done.summary();
    assert_eq!(rows.iter().map(|r| r.output_tokens).sum::<u64>(), summary.total_output_tokens);
    assert_eq!(rows.iter().map(|r| r.done).sum::<u64>(), summary.completed);
    let busy: f64 = rows.iter().map(|r| f64::from(r.in_flight_mean)).sum();
    let whole = summary.in_flight_mean.expect("requests") * summary.duration;
    assert!((busy - whole).abs() < 0.15, "{busy} {whole}");
}

#[test]
fn several_client_threads_share_users_and_requests_without_losing_or_doubling_any() {
    let served = serve(Options { ttft_ms: 3.0, itl_ms: 1.0, ..Options::default() });
    for load in [r#"{"concurrency": 10}"#, r#"{"rate": 200.0}"#] {
        let done = go_on(3, &spec(&served.url, load, r#", "requests": 60, "warmup": 7"#), |_, _| {});
        let summary = done.summary();
        assert_eq!((summary.completed, summary.warmup, summary.failed), (60, 7, 0), "{load}");
        let mut numbers: Vec<u64> = done.records().iter().filter(|r| !r.warmup).map(|r| r.i).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..60).collect::<Vec<_>>());
        assert!(summary.in_flight_mean.expect("requests") <= 10.0);
        assert_eq!(done.watched.last().client.connections, Some(0), "every connection is closed at the end");
    }
}

#[test]
fn a_request_larger_than_the_sockets_buffers_is_sent_whole() {
    let served = serve(Options { ttft_ms: 1.0, itl_ms: 1.0, max_model_len: 4_000_000, ..Options::default() });
    let mut spec = spec(&served.url, r#"{"concurrency": 2}"#, r#", "requests": 4"#);
    spec.prompts = crate::bench::spec::Prompts::random(1_500_000);
    let done = go(&spec);
    assert_eq!((done.summary().completed, done.summary().total_input_tokens), (4, Some(6_000_000)), "{:?}", done.summary().error_examples);
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
