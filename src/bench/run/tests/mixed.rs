//! Runs of more than one address, route or turn.

use super::{steered::most_at_once, *};
use crate::bench::spec::{Prompts, Random};

fn with_prompts(mut spec: Spec, random: Random) -> Spec {
    spec.prompts = Prompts::Random(random);
    spec
}

fn in_order(done: &Done) -> Vec<Record> {
    let mut records = done.records();
    records.sort_by_key(|r| r.i);
    records
}

/// By request id: when it came, and what was written when.
type Truth = BTreeMap<String, (u64, Vec<(u64, usize)>)>;

/// Measured requests a server truly had.
fn measured(truth: &Truth) -> Vec<u64> {
    let mut numbers: Vec<u64> = truth.keys().filter_map(|id| id.split("result-1-").nth(1)?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn several_addresses_take_requests_in_turn() {
    let quick = || Options { ttft_ms: 2.0, itl_ms: 1.0, ..Options::default() };
    let (one, two) = (serve(quick()), serve(quick()));
    let mut spec = spec(&one.url, r#"{"concurrency": 4}"#, r#", "requests": 40"#);
    spec.target.more_urls = vec![two.url.clone()];
    let done = go(&spec);
    assert_eq!((done.summary().completed, done.summary().failed), (40, 0), "{:?}", done.summary().error_examples);
    let every_other = |from: u64| (from..40).step_by(2).collect::<Vec<u64>>();
    assert_eq!((measured(&one.truth()), measured(&two.truth())), (every_other(0), every_other(1)));
}

#[test]
fn weighted_routes_get_their_share_and_a_report_each() {
    let served = serve(Options { ttft_ms: 1.0, itl_ms: 0.5, ..Options::default() });
    let routes = r#", "requests": 400, "routes": [{"name": "much", "weight": 3.0}, {"name": "little", "weight": 1.0}]"#;
    let done = go(&spec(&served.url, r#"{"concurrency": 8}"#, routes));
    let summary = done.summary();
    let reported: Vec<(&str, u64, u64)> = summary.routes.iter().map(|r| (r.name.as_str(), r.completed, r.failed)).collect();
    let sent = |route: u16| done.records().iter().filter(|r| r.route == route).count() as u64;
    assert_eq!(reported, [("much", sent(0), 0), ("little", sent(1), 0)]);
    // 300 of 400 expected, standard deviation 8.7.
    assert!((265..335).contains(&sent(0)) && sent(0) + sent(1) == 400, "{}", sent(0));
}

#[test]
fn paired_routes_are_asked_the_same_prompts_equally_often() {
    let quick = || Options { ttft_ms: 2.0, itl_ms: 0.5, ..Options::default() };
    let (one, two) = (serve(quick()), serve(quick()));
    let routes = format!(r#", "requests": 80, "mix": "paired", "routes": [{{"name": "a"}}, {{"name": "b", "url": "{}"}}]"#, two.url);
    let spec = with_prompts(spec(&one.url, r#"{"concurrency": 4}"#, &routes), Random { range_ratio: 0.9, ..Random::of(200) });
    let done = go(&spec);
    assert_eq!((done.summary().completed, done.summary().failed), (80, 0), "{:?}", done.summary().error_examples);
    let records = in_order(&done);
    for pair in records.chunks(2) {
        assert_ne!(pair[0].route, pair[1].route);
        assert_eq!(pair[0].prompt_tokens, pair[1].prompt_tokens, "lengths differ from pair to pair, not within one");
    }
    assert!(records.iter().any(|r| r.prompt_tokens != records[0].prompt_tokens));
    assert!(records.iter().step_by(2).any(|r| r.route == 0) && records.iter().step_by(2).any(|r| r.route == 1), "the order turns");
    let of = |route: u16| records.iter().filter(|r| r.route == route).map(|r| r.i).collect::<Vec<u64>>();
    assert_eq!((of(0).len(), of(1).len()), (40, 40));
    assert_eq!((measured(&one.truth()), measured(&two.truth())), (of(0), of(1)));
}

#[test]
fn a_turn_follows_the_answer_before_it_and_a_failed_turn_ends_its_conversation() {
    let fail = Some(sim::Fail { every: 7, kind: Fault::Empty });
    let served = serve(Options { ttft_ms: 3.0, itl_ms: 0.5, fail, ..Options::default() });
    let more = r#", "requests": 60, "limits": {"max_error_rate_pct": 100.0}"#;
    let spec = with_prompts(spec(&served.url, r#"{"concurrency": 4}"#, more), Random { turns: 3, ..Random::of(16) });
    let done = go(&spec);
    let records: BTreeMap<u64, Record> = done.records().into_iter().map(|r| (r.i, r)).collect();
    assert_eq!(done.summary().stopped_by, StoppedBy::Requests);
    let mut skipped = 0;
    for record in records.values() {
        assert_eq!(u64::from(record.turn), record.i % 3);
        if record.turn > 0 {
            let before = &records[&(record.i - 1)];
            assert!(before.error.is_none(), "turn {} of {} follows a failure", record.turn, record.i);
            assert!(record.sent_us.expect("sent") >= before.end_us && record.planned_us == before.end_us);
            assert!(record.error.is_some() || record.prompt_tokens > before.prompt_tokens, "the history is part of the prompt");
        }
        if record.error.is_some() {
            skipped += 2 - u64::from(record.turn);
            assert!((record.i + 1..record.i + 3 - u64::from(record.turn)).all(|next| !records.contains_key(&next)));
        }
    }
    assert!(skipped > 0 && done.summary().failed > 0);
    assert_eq!(records.len() as u64 + skipped, 60, "{skipped} turns were left out");
    let all: Vec<Record> = records.values().cloned().collect();
    assert!(most_at_once(&all, 0) <= 4, "a user has one conversation at a time");
}

#[test]
fn a_rate_in_stages_is_the_rate_of_each() {
    let served = serve(Options { ttft_ms: 2.0, itl_ms: 0.5, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"stages": [{"rate": 60.0, "duration_s": 0.6}, {"rate": 300.0, "duration_s": 0.6}]}"#, ""));
    assert_eq!(done.summary().failed, 0);
    let facts = done.watched.seen.lock().expect("lock").1.clone();
    let began = facts.iter().find_map(|f| if let Fact::Phase { phase: Phase::Running, at_us, .. } = f { Some(*at_us) } else { None });
    let edge = began.expect("a phase") + 600_000;
    let (slow, fast): (Vec<Record>, Vec<Record>) = done.records().into_iter().partition(|r| r.planned_us < edge);
    // Poisson: 36 and 180 expected, standard deviations 6 and 13.
    assert!((15..60).contains(&slow.len()) && (130..235).contains(&fast.len()), "{} {}", slow.len(), fast.len());
    assert!(fast.iter().all(|r| r.planned_us < edge + 600_000));
}

#[test]
fn poisson_arrivals_beyond_the_cap_wait_and_keep_their_moments() {
    let served = serve(Options { ttft_ms: 20.0, itl_ms: 1.0, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"poisson": 300.0}"#, r#", "max_concurrency": 4, "requests": 120"#));
    assert_eq!((done.summary().completed, done.summary().failed), (120, 0));
    let records = in_order(&done);
    assert_eq!(most_at_once(&records, 0), 4);
    let gaps: Vec<u64> = records.windows(2).map(|w| w[1].planned_us - w[0].planned_us).collect();
    let mean = gaps.iter().sum::<u64>() as f64 / gaps.len() as f64;
    let deviation = (gaps.iter().map(|&g| (g as f64 - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
    // Exponential gaps: mean 3.33 ms, and a standard deviation like the mean; waiting shows in neither.
    assert!((2_300.0..4_800.0).contains(&mean) && (0.6..1.5).contains(&(deviation / mean)), "{mean} {deviation}");
    assert!(records[119].started_us - records[119].planned_us > 100_000, "the queue is the client's");
}

#[test]
fn requests_leave_at_their_moments_and_not_at_the_next_whole_millisecond() {
    let served = serve(Options { ttft_ms: 1.0, ..Options::default() });
    let spec = spec(&served.url, r#"{"poisson": 100.0}"#, r#", "requests": 40"#);
    let median_us = || {
        let late = |record: &Record| record.sent_us.unwrap_or(u64::MAX).saturating_sub(record.planned_us);
        let mut lags: Vec<u64> = go(&spec).records().iter().map(late).collect();
        lags.sort_unstable();
        lags[20]
    };
    // Timers that go by the ms make it half a ms, however quiet the machine; a busy one may need another look.
    assert!((0..8).any(|_| median_us() < 300));
}
