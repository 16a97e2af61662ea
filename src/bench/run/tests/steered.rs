//! Runs that are steered, capped, or made of stages.

use super::*;
use crate::bench::live::Mark;

impl Watched {
    fn marks(&self) -> Vec<Mark> {
        let seen = self.seen.lock().expect("lock");
        seen.1.iter().filter_map(|f| if let Fact::Event(e) = f { Some(e.what.clone()) } else { None }).collect()
    }
}

/// Most requests of `records` under way at once, from `from_us` on.
pub(super) fn most_at_once(records: &[Record], from_us: u64) -> i64 {
    let mut edges: Vec<(u64, i64)> = records.iter().flat_map(|r| [(r.started_us, 1), (r.end_us, -1)]).collect();
    // One that ends makes room for one that begins in the same microsecond.
    edges.sort_unstable();
    let mut now = 0;
    let after = edges.iter().filter_map(|&(at, change)| {
        now += change;
        (at >= from_us).then_some(now)
    });
    after.max().unwrap_or(0)
}

#[test]
fn users_that_are_raised_begin_now_and_those_that_are_lowered_retire_as_their_requests_end() {
    let served = serve(Options { ttft_ms: 10.0, itl_ms: 2.0, ..Options::default() });
    let done = go_with(&spec(&served.url, r#"{"concurrency": 2}"#, ""), |watched, steering| {
        watched.wait_for(|s| s.done >= 2);
        steering.ask(Steer::Users { users: 9 });
        watched.wait_for(|s| s.in_flight == 9);
        steering.ask(Steer::Users { users: 1 });
        watched.wait_for(|s| s.in_flight == 1);
        let before = watched.last().done;
        watched.wait_for(|s| s.done >= before + 5);
        steering.ask(Steer::Note { text: "seen \u{1b}[31m\n enough".to_owned() });
        steering.ask(Steer::Drain);
    });
    assert_eq!((done.summary().failed, done.summary().incomplete), (0, 0));
    let records = done.records();
    assert_eq!(most_at_once(&records, 0), 9);
    let last_end = records.iter().map(|r| r.end_us).max().expect("records");
    let mut started: Vec<u64> = records.iter().map(|r| r.started_us).collect();
    started.sort_unstable();
    // The last five were alone.
    assert_eq!(most_at_once(&records, started[started.len() - 3]), 1, "{last_end}");
    assert_eq!(
        done.watched.marks(),
        [Mark::Users { from: 2, to: 9 }, Mark::Users { from: 9, to: 1 }, Mark::Note { text: "seen enough".to_owned() }, Mark::Drain]
    );
}

#[test]
fn a_raised_rate_squeezes_the_rest_of_the_schedule_and_a_pause_moves_it() {
    let served = serve(Options { ttft_ms: 1.0, itl_ms: 1.0, ..Options::default() });
    let (mut paused_at, mut resumed_at) = (0, 0);
    let done = go_with(&spec(&served.url, r#"{"rate": 20.0}"#, r#", "requests": 60"#), |watched, steering| {
        watched.wait_for(|s| s.done >= 5);
        steering.ask(Steer::Pause);
        watched.wait_for(|s| s.paused && s.in_flight == 0);
        let (at, sent) = (watched.last().at_us, watched.last().sent);
        watched.wait_for(|s| s.at_us > at + 600_000);
        assert_eq!(watched.last().sent, sent, "nothing is sent in a pause");
        steering.ask(Steer::Rate { rate: 200.0 });
        steering.ask(Steer::Resume);
        (paused_at, resumed_at) = (at, watched.last().at_us);
    });
    assert_eq!((done.summary().completed, done.summary().stopped_by), (60, StoppedBy::Requests));
    let mut planned: Vec<u64> = done.records().iter().map(|r| r.planned_us).collect();
    planned.sort_unstable();
    let (mut slow, mut fast, mut between) = (0, 0, 0);
    for gap in planned.windows(2).map(|w| w[1] - w[0]) {
        match gap {
            49_990..=50_010 => slow += 1,
            4_990..=5_010 => fast += 1,
            _ => between += 1,
        }
    }
    assert!(slow >= 4 && fast >= 30 && between == 1, "{slow} {fast} {between}");
    assert!(!planned.iter().any(|at| (paused_at..resumed_at).contains(at)), "nothing was planned in the pause");
    assert!(done.records().iter().all(|r| r.sent_us.expect("sent") < r.planned_us + 200_000), "a pause is no wait of requests");
    assert_eq!(done.watched.marks(), [Mark::Pause, Mark::Rate { from: 20.0, to: 200.0 }, Mark::Resume]);
}

#[test]
fn a_paused_closed_loop_plans_nothing_before_it_goes_on() {
    let served = serve(Options { ttft_ms: 1.0, itl_ms: 1.0, ..Options::default() });
    let mut resumed_at = (0, 0);
    let done = go_with(&spec(&served.url, r#"{"concurrency": 3}"#, ""), |watched, steering| {
        watched.wait_for(|s| s.done >= 3);
        steering.ask(Steer::Pause);
        watched.wait_for(|s| s.paused && s.in_flight == 0);
        let at = watched.last().at_us;
        watched.wait_for(|s| s.at_us > at + 500_000);
        resumed_at = (at, watched.last().at_us);
        steering.ask(Steer::Resume);
        watched.wait_for(|s| !s.paused && s.done >= 20);
        steering.ask(Steer::Drain);
    });
    let records = done.records();
    assert!(records.iter().all(|r| !(resumed_at.0..resumed_at.1).contains(&r.planned_us)));
    assert!(records.iter().any(|r| r.planned_us >= resumed_at.1));
}

#[test]
fn under_a_cap_what_is_due_waits_in_the_client_and_keeps_its_moment() {
    let served = serve(Options { ttft_ms: 30.0, itl_ms: 1.0, ..Options::default() });
    for threads in [1, 2] {
        // 100 a second against 3 at a time of 37 ms: the queue grows.
        let mut held = 0;
        let done = go_on(threads, &spec(&served.url, r#"{"rate": 100.0}"#, r#", "max_concurrency": 3, "requests": 80"#), |watched, _| {
            watched.wait_for(|s| s.held >= 2);
            held = watched.last().held;
        });
        assert_eq!((done.summary().completed, done.summary().failed), (80, 0));
        let mut records = done.records();
        records.sort_by_key(|r| r.i);
        assert_eq!(most_at_once(&records, 0), 3, "{threads} threads");
        let zero = records[0].planned_us;
        assert!(records.iter().all(|r| r.planned_us == zero + r.i * 10_000), "planned stays the due moment");
        let waited = |r: &Record| r.started_us - r.planned_us;
        assert!(waited(&records[79]) > 50_000 && waited(&records[79]) > waited(&records[20]), "the wait is told: {}", waited(&records[79]));
        assert!(records.windows(2).all(|w| w[0].started_us <= w[1].started_us + 10_000), "first due, first sent");
        assert!(held >= 2);
    }
}

#[test]
fn a_stalled_server_shows_in_response_time_and_not_in_service_time() {
    // One connection at a time: while one answer takes its time, the next is due and cannot be sent.
    let served = serve(Options { ttft_ms: 80.0, itl_ms: 1.0, ..Options::default() });
    let done = go(&spec(&served.url, r#"{"rate": 50.0}"#, r#", "max_concurrency": 1, "requests": 10"#));
    let mut records = done.records();
    records.sort_by_key(|r| r.i);
    let last = records.last().expect("records");
    let (service, response) = (last.ttft_us().expect("a token"), last.first_us.expect("a token") - last.planned_us);
    // Each took about 87 ms and was due every 20: the tenth waited for nine, less what it was due later.
    assert!((75_000..300_000).contains(&service), "{service}");
    assert!(response > service + 400_000, "{response} {service}");
}

#[test]
fn stages_of_users_are_carried_out_at_their_moments() {
    let served = serve(Options { ttft_ms: 4.0, itl_ms: 1.0, ..Options::default() });
    let load = r#"{"stages": [{"concurrency": 2, "duration_s": 0.5}, {"concurrency": 6, "duration_s": 0.6, "ramp": true},
        {"concurrency": 1, "duration_s": 0.5}]}"#;
    let done = go_with(&spec(&served.url, load, ""), |_, _| {});
    assert_eq!((done.summary().stopped_by, done.summary().failed), (StoppedBy::Duration, 0));
    let records = done.records();
    let zero = records.iter().map(|r| r.planned_us).min().expect("records");
    let within = |from: u64, to: u64| {
        let some: Vec<Record> = records.iter().filter(|r| r.started_us >= zero + from && r.end_us < zero + to).cloned().collect();
        most_at_once(&some, 0)
    };
    assert_eq!((within(0, 500_000), within(560_000, 1_100_000), within(1_200_000, 1_700_000)), (2, 6, 1));
    assert!(records.iter().all(|r| r.planned_us < zero + 1_600_000));
    assert_eq!(done.watched.marks(), [Mark::Users { from: 2, to: 6 }, Mark::Users { from: 6, to: 1 }]);
}

#[test]
fn a_stop_gives_up_what_is_under_way_and_keeps_what_was_measured() {
    // Jitter keeps the users from being between two requests all at once.
    let served = serve(Options { ttft_ms: 2.0, itl_ms: 2.0, jitter_ms: 1.0, ..Options::default() });
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
