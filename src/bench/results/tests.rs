//! What is left of a run that was killed, and what is kept of one that ended.

use super::*;
use crate::bench::{
    record::Record,
    report::testing,
    spec::SaveTokens,
    tokens::{self, ARRIVALS, Encoder, Head, TOKENS},
};
use proptest::prelude::*;
use std::{collections::BTreeSet, fs};

/// The folder of a run as its recorder leaves it before the summary is made: `n` requests, every 17th failed, one to warm up. Gives
/// the records.
fn recorded(dir: &Path, n: u64, save: &str) -> Vec<Record> {
    let header =
        testing::header(&testing::spec(&format!(r#", "load": {{"concurrency": 4}}, "save_tokens": "{save}""#)), "2026-03-01T10:00:00Z");
    let mut records = vec![Record { warmup: true, ..testing::record(0, 4, 30_000, 9_000) }];
    records.extend((0..n).map(|i| testing::record(i, 4, 30_000, 9_000)).map(|r| if r.i % 17 == 3 { broken(r) } else { r }));
    let end = records.iter().map(|r| r.end_us).max().unwrap_or(0);
    testing::write(dir, &header, &records, Some(testing::end(end)));
    records
}

/// A stream that broke after three tokens, or one without any.
fn broken(mut record: Record) -> Record {
    if record.i.is_multiple_of(2) {
        return testing::failed(record, "no");
    }
    record.gaps_us.truncate(3);
    (record.output_tokens, record.finish) = (3, None);
    record.error = Some(crate::bench::record::Failure { class: crate::bench::record::Class::Truncated, message: "cut".to_owned() });
    record
}

/// Leaves the first `share` (per 10 000) of a file; gives what is left.
fn cut(path: &Path, share: u64) -> Vec<u8> {
    let mut bytes = fs::read(path).expect("reads");
    bytes.truncate(usize::try_from(bytes.len() as u64 * share / 10_000).expect("fits"));
    fs::write(path, &bytes).expect("writes");
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_killed_run_is_finished_from_what_it_had_written_and_counts_nothing_twice(
        lines in 0_u64..9_999, arrivals in 0_u64..=10_000, save in prop::sample::select(vec!["all", "sample", "none"]),
    ) {
        let dir = tempfile::tempdir().expect("temporary folder");
        let records = recorded(dir.path(), 60, save);
        let left = cut(&dir.path().join(REQUESTS), lines);
        cut(&dir.path().join(ARRIVALS), arrivals);
        // Whole lines after the header; a last one may be whole but for its line's end.
        let whole = left.split(|&byte| byte == b'\n').count() - 1;
        match finish(dir.path()) {
            Err(problem) => prop_assert!(whole == 0, "{problem}"),
            Ok((summary, complete)) => {
                prop_assert!(!complete);
                prop_assert_eq!(summary.stopped_by, StoppedBy::Killed);
                let counted = usize::try_from(summary.num_prompts + summary.warmup).expect("few");
                prop_assert!(counted + 1 == whole.max(1) || counted == whole, "{} of {} lines", counted, whole);
                let there = records.iter().take(counted);
                prop_assert_eq!(summary.completed, there.clone().filter(|r| r.ok() && !r.warmup).count() as u64);
                prop_assert_eq!(summary.total_output_tokens, there.filter(|r| r.ok() && !r.warmup).map(|r| r.output_tokens).sum::<u64>());
                let rows = requests(dir.path()).expect("reads");
                let numbers: BTreeSet<_> = rows.iter().map(|row| (row.warmup, row.i)).collect();
                prop_assert_eq!((rows.len(), numbers.len()), (counted, counted));
                prop_assert!(!dir.path().join(ARRIVALS).exists());
                let again = finish(dir.path()).expect("finishes again");
                prop_assert_eq!(&again, &(summary.clone(), false));
                prop_assert_eq!(recompute(dir.path()).expect("is made again"), summary);
            }
        }
    }
}

#[test]
fn a_run_that_goes_on_is_not_finished() {
    let dir = tempfile::tempdir().expect("temporary folder");
    recorded(dir.path(), 20, "all");
    let writes = File::options().append(true).open(dir.path().join(REQUESTS)).expect("opens");
    writes.try_lock().expect("locks");
    assert_eq!(finish(dir.path()).expect_err("it goes on").kind(), "bench.result_running");
    assert!(dir.path().join(ARRIVALS).exists() && !dir.path().join(SUMMARY).exists(), "and nothing is touched");
    drop(writes);
    let (summary, complete) = finish(dir.path()).expect("it is over");
    assert!(complete && summary.num_prompts == 20);
}

#[test]
fn a_summary_read_back_is_the_one_written_to_the_last_bit() {
    let dir = tempfile::tempdir().expect("temporary folder");
    recorded(dir.path(), 60, "all");
    let mut written = recompute(dir.path()).expect("is made");
    assert_eq!(finish::made(dir.path()).as_ref(), Some(&written));
    // Figures of every magnitude, far more than a run has: a reader that is off by a bit in one of a thousand is caught.
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    let mut figure = || {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from_bits(bits >> 12 | 0x3ff0_0000_0000_0000) * 10_f64.powi(i32::try_from(bits % 11).expect("small") - 4)
    };
    written.ci95 = (0..20_000).map(|k| (k.to_string(), [figure(), figure()])).collect();
    fs::write(dir.path().join(SUMMARY), serde_json::to_vec_pretty(&written).expect("writes")).expect("writes");
    let read = finish::made(dir.path()).expect("reads");
    for (key, figures) in &written.ci95 {
        assert_eq!(read.ci95[key].map(f64::to_bits), figures.map(f64::to_bits), "{figures:?}");
    }
    assert_eq!(read, written);
}

fn kept(dir: &Path) -> BTreeSet<(bool, u64)> {
    let found = tokens::open(dir).expect("opens");
    let all = requests(dir).expect("reads").into_iter().map(|row| (row.warmup, row.i));
    let kept: BTreeSet<_> = all.filter(|&(warmup, i)| found.arrivals(warmup, i).is_some()).collect();
    assert_eq!(found.len(), kept.len() as u64);
    kept
}

#[test]
fn every_arrival_is_read_back_as_it_was_written() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let records = recorded(dir.path(), 200, "all");
    finish(dir.path()).expect("finishes");
    let found = tokens::open(dir.path()).expect("opens");
    for record in &records {
        let mut at_us = record.sent_us.expect("sent");
        let want: Vec<_> = record
            .arrivals()
            .map(|arrival| {
                at_us += arrival.gap_us;
                (at_us, arrival.gap_us, arrival.tokens)
            })
            .collect();
        let got = found.arrivals(record.warmup, record.i).map(|all| all.iter().map(|a| (a.at_us, a.gap_us, a.tokens)).collect::<Vec<_>>());
        assert_eq!(got, (!want.is_empty()).then_some(want), "{}", record.i);
    }
    assert!(found.arrivals(false, 200).is_none() && found.arrivals(true, 1).is_none() && found.arrivals_of(false, 1, 1).is_none());
}

#[test]
fn the_arrivals_of_a_request_are_found_before_and_after_the_run_is_finished_and_not_where_none_were_kept() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let records = recorded(dir.path(), 60, "all");
    let found = |i: u64| tokens::find(dir.path(), false, i, 0).expect("reads").map(|all| all.iter().map(|a| a.gap_us).collect::<Vec<_>>());
    let want = |i: u64| {
        let record = records.iter().find(|r| !r.warmup && r.i == i).expect("a record");
        let gaps: Vec<u64> = record.gaps_us.iter().map(|&gap| u64::from(gap)).collect();
        (!gaps.is_empty()).then_some(gaps)
    };
    for i in [0, 7, 20, 59] {
        assert_eq!(found(i), want(i), "{i}, while the run goes");
    }
    finish(dir.path()).expect("finishes");
    for i in [0, 7, 20, 59] {
        assert_eq!(found(i), want(i), "{i}, of the finished run");
    }
    assert_eq!(found(60), None);
    fs::remove_file(dir.path().join(TOKENS)).expect("removes");
    assert_eq!(found(7), None, "not kept is no error");
}

#[test]
fn requests_are_read_one_after_another_and_how_far_is_told() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let records = recorded(dir.path(), 100, "all");
    let mut reading = Records::open(dir.path()).expect("opens");
    let mut before = reading.read_pct();
    for record in &records {
        let read = reading.next_record().expect("reads").expect("one more");
        assert_eq!((read.i, read.warmup, read.output_tokens), (record.i, record.warmup, record.output_tokens));
        assert!(reading.read_pct() > before, "{before}");
        before = reading.read_pct();
    }
    assert!(before < 100.0 && reading.next_record().expect("reads").is_none() && reading.read_pct() >= 100.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_frame_reads_back_as_written(
        i in 0_u64..1 << 46, warmup: bool, route: u16, sent_us: u32,
        chunks in prop::collection::vec((any::<u32>(), prop_oneof![Just(1_u32), Just(0), any::<u32>()]), 1..40),
    ) {
        let dir = tempfile::tempdir().expect("temporary folder");
        let (gaps_us, tokens) = chunks.into_iter().unzip();
        let record = Record { i, warmup, route, sent_us: Some(u64::from(sent_us)), gaps_us, tokens, ..Record::default() };
        let header = testing::header(&testing::spec(r#", "load": {"concurrency": 4}"#), "2026-03-01T10:00:00Z");
        let mut bytes = Head::new(&header.epoch, SaveTokens::All, 1).bytes().expect("a head");
        Encoder::default().frame(&record, &mut bytes);
        let path = dir.path().join(ARRIVALS);
        fs::write(&path, bytes).expect("writes");
        let mut frames = tokens::Frames::open(&path).expect("opens");
        let mut found = Record::default();
        prop_assert!(frames.next_into(&mut found).expect("reads").is_some());
        prop_assert_eq!(found.chunks().collect::<Vec<_>>(), record.chunks().collect::<Vec<_>>());
        prop_assert_eq!((found.i, found.warmup, found.route, found.sent_us), (i, warmup, route, record.sent_us));
        prop_assert!(frames.next_into(&mut found).expect("reads").is_none());
    }
}

#[test]
fn a_sample_keeps_the_slowest_and_the_failed_and_some_of_the_rest() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let records = recorded(dir.path(), 400, "sample");
    // Room for a tenth.
    let bytes = fs::metadata(dir.path().join(ARRIVALS)).expect("there").len();
    let summary = finish::make_within(dir.path(), bytes / 10).expect("makes");
    let kept = kept(dir.path());
    for record in records.iter().filter(|r| !r.ok() && !r.gaps_us.is_empty()) {
        assert!(kept.contains(&(false, record.i)), "failed request {}", record.i);
    }
    for of in [Record::ttft_us, Record::e2el_us] {
        let mut slowest: Vec<_> = records.iter().filter(|r| r.ok() && !r.warmup).map(|r| (of(r), r.i)).collect();
        slowest.sort_unstable();
        for (_, i) in slowest.iter().rev().take(slowest.len().div_ceil(100)) {
            assert!(kept.contains(&(false, *i)), "slow request {i}");
        }
    }
    let every = tokens::open(dir.path()).expect("opens").head().every;
    assert!(every > 1 && (25..120).contains(&kept.len()), "one in {every}: {} kept", kept.len());
    // Figures are of all, sampled or not, also when asked for again.
    let all = tempfile::tempdir().expect("temporary folder");
    recorded(all.path(), 400, "all");
    let (whole, _) = finish(all.path()).expect("finishes");
    assert_eq!((summary.p99_itl_ms, summary.mean_itl_ms, &summary.ci95), (whole.p99_itl_ms, whole.mean_itl_ms, &whole.ci95));
    assert_eq!(recompute(dir.path()).expect("again"), summary);
}

#[test]
fn none_keeps_no_arrivals_and_the_figures_of_all() {
    let dir = tempfile::tempdir().expect("temporary folder");
    recorded(dir.path(), 60, "none");
    let (summary, _) = finish(dir.path()).expect("finishes");
    assert!(!dir.path().join(TOKENS).exists() && !dir.path().join(ARRIVALS).exists());
    assert!(summary.p99_itl_ms.is_some());
    assert_eq!(recompute(dir.path()).expect("again"), summary);
}
