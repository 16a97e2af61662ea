//! What is counted and timed, beside what the simulated server did.

use super::*;

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
fn chunks_a_server_sends_together_are_no_lag_of_the_client() {
    let served = serve(Options { ttft_ms: 5.0, itl_ms: 100.0, coalesce: 3, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"concurrency": 2}"#, r#", "requests": 2"#));
    let summary = done.summary();
    assert!(summary.coalesced_chunks >= 2 * 4, "{}", summary.coalesced_chunks);
    // Had they been segments that waited for one another, as evenly as they can have come: 100 and 200 ms.
    assert!(summary.loop_lag_p99_ms.is_some_and(|ms| ms < 90.0), "{:?}", summary.loop_lag_p99_ms);
}
