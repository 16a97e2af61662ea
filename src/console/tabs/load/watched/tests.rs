//! What a watched run keeps of its news, and the figures made from it.

use super::{
    super::made_up::{self, spec},
    *,
};

fn watched() -> Watched {
    Watched::new("load-1".to_owned(), spec())
}

#[test]
fn a_missing_second_stays_a_gap() {
    let mut run = watched();
    for second in [0, 1, 3] {
        assert!(run.fact(&Fact::Second(Second { second, output_tokens: 10, ..Second::default() })));
    }
    assert_eq!(run.tokens, [Some(10.0), Some(10.0), None, Some(10.0)]);
}

#[test]
fn the_same_news_twice_changes_nothing() {
    let mut run = watched();
    let snapshot = made_up::running();
    assert!(run.snapshot(&snapshot));
    assert!(!run.snapshot(&snapshot));
    for fact in made_up::facts(40) {
        assert!(run.fact(&fact));
    }
    for fact in made_up::facts(40) {
        assert!(!run.fact(&fact), "{fact:?}");
    }
}

#[test]
fn axes_only_widen() {
    let mut run = watched();
    run.snapshot(&made_up::running());
    let before = run.drawn(Metric::Ttft).axis.unwrap();
    let mut narrow = made_up::running();
    narrow.at_us += 1_000_000;
    narrow.ttft.bins = vec![(280, 5)];
    run.snapshot(&narrow);
    let after = run.drawn(Metric::Ttft).axis.unwrap();
    assert!(after.lo() <= before.lo() && after.hi() >= before.hi());
}

#[test]
fn histograms_are_renewed_once_a_second_and_at_a_new_phase() {
    let mut run = watched();
    let mut snapshot = made_up::running();
    run.snapshot(&snapshot);
    let before = run.drawn(Metric::Itl).counts.clone();
    snapshot.at_us += 250_000;
    snapshot.itl.bins = vec![(200, 1)];
    assert_eq!(snapshot.at_us / 1_000_000, made_up::running().at_us / 1_000_000, "the made-up time leaves room in its second");
    run.snapshot(&snapshot);
    assert_eq!(run.drawn(Metric::Itl).counts, before);
    snapshot.phase = Phase::Finished;
    run.snapshot(&snapshot);
    assert_eq!(run.drawn(Metric::Itl).counts, [1]);
}

#[test]
fn rates_are_unknown_before_measuring_and_count_measured_time_only() {
    let mut run = watched();
    assert_eq!((run.output_rate(), run.goodput(), run.failed_pct(), run.client_limited()), (None, None, None, None));
    let snapshot = Snapshot {
        at_us: 12_000_000,
        measured_from_us: Some(2_000_000),
        output_tokens: 1_000,
        input_tokens: 500,
        done: 20,
        failed: 5,
        good: Some(10),
        ..Snapshot::default()
    };
    run.snapshot(&snapshot);
    assert_eq!((run.output_rate(), run.total_rate()), (Some(100.0), Some(150.0)));
    assert_eq!((run.request_rate(), run.goodput(), run.failed_pct()), (Some(2.0), Some(1.0), Some(20.0)));
}

#[test]
fn a_p99_of_fewer_than_300_samples_is_unsure() {
    assert!(unsure(299, 99.0) && !unsure(300, 99.0));
    assert!(unsure(29, 90.0) && !unsure(30, 90.0));
}

#[test]
fn a_second_from_beyond_the_bound_takes_no_memory() {
    let mut run = watched();
    assert!(!run.fact(&Fact::Second(Second { second: u32::MAX, ..Second::default() })));
    assert!(run.tokens.is_empty());
}
