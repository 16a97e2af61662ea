//! What chance may do, and what is beyond it.

use super::*;
use crate::bench::{compare::between::t95, record::Record, results};
use std::collections::{BTreeMap, BTreeSet};

/// What a figure is about: `ttft` of `p99_ttft_ms`.
fn family(name: &str) -> &str {
    name.strip_suffix("_ms").and_then(|n| n.split_once('_')).map_or("throughput", |(_, family)| family)
}

/// The promise of the verdicts: of pairs of runs that differ by chance alone, few are told apart by any figure of a family.
#[test]
fn chance_alone_is_called_a_difference_in_few_of_many_comparisons() {
    let root = tempfile::tempdir().expect("temporary folder");
    let spec = testing::spec(LOAD);
    let sides: Vec<Side> = (0..40)
        .map(|k| {
            let dir = root.path().join(k.to_string());
            let records: Vec<_> = (k * 300..k * 300 + 300).map(|i| testing::record(i, 4, 20_000, 1_000)).collect();
            testing::write(&dir, &testing::header(&spec, AT), &records, Some(testing::end(1)));
            crate::bench::results::recompute(&dir).expect("a summary");
            Side::open(&dir).expect("opens")
        })
        .collect();
    let (mut told, mut with_interval) = (BTreeMap::new(), 0);
    for pair in sides.chunks(2) {
        let comparison = between(&pair[0], &pair[1], &[]).expect("compares");
        with_interval += comparison.metrics.iter().filter(|c| c.ci_low_pct.is_some()).count();
        let apart = comparison.metrics.iter().filter(|c| matches!(c.verdict, Verdict::Better | Verdict::Worse)).map(|c| family(&c.name));
        for family in apart.collect::<BTreeSet<_>>() {
            *told.entry(family.to_owned()).or_insert(0) += 1;
        }
    }
    assert!(with_interval > 20 * 20, "{with_interval} intervals");
    assert!(told.values().all(|&pairs| pairs <= 1), "of 20 pairs: {told:?}");
}

/// A run whose requests are each `changed`.
fn changed(root: &Path, id: &str, more: &str, n: u64, change: impl Fn(&mut Record)) -> PathBuf {
    let dir = root.join("results").join(id);
    let records: Vec<_> = (0..n)
        .map(|i| {
            let mut record = testing::record(i, 4, 20_000, 1_000);
            change(&mut record);
            record
        })
        .collect();
    let end = testing::end(records.iter().map(|r| r.end_us).max().unwrap_or(0));
    testing::write(&dir, &testing::header(&testing::spec(more), AT), &records, Some(end));
    results::recompute(&dir).expect("a summary");
    dir
}

/// The first token comes so many µs later, and all after it.
fn later(record: &mut Record, us: u64) {
    for moment in [&mut record.first_us, &mut record.last_us, &mut record.event_us].into_iter().flatten() {
        *moment += us;
    }
    record.end_us += us;
    if let Some(first) = record.gaps_us.first_mut() {
        *first += u32::try_from(us).expect("small");
    }
}

fn width(figure: &Compared) -> f64 {
    figure.ci_high_pct.expect("an interval") - figure.ci_low_pct.expect("an interval")
}

#[test]
fn a_server_slower_by_a_tenth_is_found() {
    let root = tempfile::tempdir().expect("temporary folder");
    let (a, b) = (run(root.path(), "a", 1, 20_000, 1_000), run(root.path(), "b", 2, 22_000, 1_100));
    let comparison = compare(&a, &b, &[]).expect("compares");
    for key in ["median_ttft_ms", "mean_tpot_ms", "median_tpot_ms", "mean_itl_ms", "median_itl_ms", "median_e2el_ms"] {
        assert_eq!(of(&comparison, key).verdict, Verdict::Worse, "{:?}", of(&comparison, key));
    }
}

#[test]
fn a_drift_within_a_run_widens_the_interval() {
    let root = tempfile::tempdir().expect("temporary folder");
    let a = changed(root.path(), "a", LOAD, 200, |_| {});
    // The same mean, but slower in the second half: batches of one wave each would not tell, larger ones do.
    let b = changed(root.path(), "b", LOAD, 200, |r| later(r, if r.i >= 100 { 12_000 } else { 0 }));
    let c = changed(root.path(), "c", LOAD, 200, |r| later(r, if r.i % 2 == 1 { 12_000 } else { 0 }));
    let (drift, mixed) = (compare(&a, &b, &[]).expect("compares"), compare(&a, &c, &[]).expect("compares"));
    let (drift, mixed) = (of(&drift, "mean_ttft_ms"), of(&mixed, "mean_ttft_ms"));
    assert!(width(drift) > width(mixed) * 1.3, "{drift:?} {mixed:?}");
}

#[test]
fn equal_runs_that_differ_widen_the_interval_and_are_counted() {
    let root = tempfile::tempdir().expect("temporary folder");
    let (a, b) = (run(root.path(), "a", 1, 20_000, 1_000), run(root.path(), "b", 2, 23_000, 1_000));
    let before = compare(&a, &b, &[]).expect("compares");
    assert_eq!((of(&before, "median_ttft_ms").verdict, before.equal_runs), (Verdict::Worse, 0));
    for (k, ttft_us) in [(3, 17_000), (4, 24_000), (5, 18_000), (6, 25_000), (7, 20_000)] {
        run(root.path(), &k.to_string(), k, ttft_us, 1_000);
    }
    // One that asked for something else tells nothing.
    testing::run(&root.path().join("results/other"), AT, 50, 90_000, 1_000, LOAD.replace('4', "8").as_str());
    let after = compare(&a, &b, &[]).expect("compares");
    assert_eq!((of(&after, "median_ttft_ms").verdict, after.equal_runs), (Verdict::Unclear, 5), "{:?}", of(&after, "median_ttft_ms"));
    assert!(width(of(&after, "median_ttft_ms")) > width(of(&before, "median_ttft_ms")) * 2.0);
}

#[test]
fn the_same_arrivals_at_a_rate_give_the_same_throughput() {
    let root = tempfile::tempdir().expect("temporary folder");
    // In bursts: the slices of one run scatter widely, but so do those of the other.
    let bursts = |r: &mut Record| {
        let shift = (r.i / 40) * 300_000;
        for moment in [&mut r.sent_us, &mut r.first_us, &mut r.last_us, &mut r.event_us].into_iter().flatten() {
            *moment += shift;
        }
        (r.planned_us, r.started_us, r.end_us) = (r.planned_us + shift, r.started_us + shift, r.end_us + shift);
    };
    let rate = r#", "load": {"rate": 40.0}"#;
    let a = changed(root.path(), "a", rate, 400, bursts);
    let b = changed(root.path(), "b", rate, 400, |r| {
        bursts(r);
        later(r, 500);
    });
    let other = changed(root.path(), "c", rate, 400, bursts);
    assert_eq!(of(&compare(&a, &b, &[]).expect("compares"), "request_throughput").verdict, Verdict::Same);
    let closed = changed(root.path(), "d", LOAD, 400, bursts);
    let (paired, apart) = (compare(&a, &other, &[]).expect("compares"), compare(&closed, &other, &[]).expect("compares"));
    assert!(width(of(&paired, "output_throughput")) * 2.0 < width(of(&apart, "output_throughput")));
}

#[test]
fn too_few_waves_or_samples_tell_nothing() {
    let root = tempfile::tempdir().expect("temporary folder");
    let (a, b) = (changed(root.path(), "a", LOAD, 16, |_| {}), changed(root.path(), "b", LOAD, 16, |r| later(r, 9_000)));
    let comparison = compare(&a, &b, &[]).expect("compares");
    assert!(comparison.metrics.iter().all(|c| c.verdict == Verdict::Unclear || c.name.ends_with("_pct")), "{comparison:?}");
    // A P99 of 200 requests has two beyond it.
    let (a, b) = (run(root.path(), "c", 1, 20_000, 1_000), run(root.path(), "d", 2, 60_000, 1_000));
    assert_eq!(of(&compare(&a, &b, &[]).expect("compares"), "p99_ttft_ms").verdict, Verdict::Unclear);
}

#[test]
fn a_client_that_lagged_tells_nothing_of_the_server() {
    let root = tempfile::tempdir().expect("temporary folder");
    let a = run(root.path(), "a", 1, 20_000, 1_000);
    let b = changed(root.path(), "b", LOAD, 200, |r| {
        later(r, 30_000);
        r.planned_us = r.planned_us.saturating_sub(40_000);
    });
    let comparison = compare(&a, &b, &[]).expect("compares");
    let ttft = of(&comparison, "median_ttft_ms");
    assert!(ttft.ci_low_pct.is_some_and(|low| low > 50.0) && ttft.verdict == Verdict::Unclear, "{ttft:?}");
}

/// A series of one point measured `ttfts_us` times.
fn series(root: &Path, id: &str, ttfts_us: &[u64]) -> PathBuf {
    let dir = root.join("results").join(id);
    let cells: Vec<_> = (1..)
        .zip(ttfts_us)
        .map(|(repeat, &ttft_us)| {
            let key = format!("i128-o32-c4-{repeat}");
            let summary = testing::run(&dir.join("cells").join(&key), AT, 100, ttft_us, 1_000, LOAD);
            serde_json::json!({"key": key, "input_len": 128, "output_len": 32, "concurrency": 4, "rate": null, "repeat": repeat,
                "state": "done", "cache": "cold", "client_limited": false, "slo_met": true, "metrics": summary.metrics()})
        })
        .collect();
    let series = serde_json::json!({"kind": "matrix", "dir": dir, "current": null, "cells": cells, "over": true});
    fs::write(dir.join("series.json"), series.to_string()).expect("writes");
    dir
}

#[test]
fn repeats_of_a_cell_are_one_point_and_their_spread_decides() {
    let root = tempfile::tempdir().expect("temporary folder");
    let steady = series(root.path(), "a", &[20_000, 20_100, 19_900]);
    let slower = series(root.path(), "b", &[22_000, 22_100, 21_900]);
    let restless = series(root.path(), "c", &[26_000, 18_000, 22_000]);
    let point = "i128-o32-c4/median_ttft_ms";
    let found = compare(&steady, &slower, &["i128-o32-c4-2/median_ttft_ms>+5%".to_owned()]).expect("compares");
    assert_eq!((of(&found, point).verdict, found.equal_runs, found.ok), (Verdict::Worse, 6, false), "{:?}", of(&found, point));
    let lost = compare(&steady, &restless, &[]).expect("compares");
    assert_eq!(of(&lost, point).verdict, Verdict::Unclear, "{:?}", of(&lost, point));
    assert!(width(of(&lost, point)) > width(of(&found, point)) * 2.0);
    // Measured once it keeps its key.
    let (x, y) = (series(root.path(), "x", &[20_000]), series(root.path(), "y", &[20_000]));
    let once = compare(&x, &y, &[]).expect("compares");
    assert_eq!((of(&once, "i128-o32-c4-1/median_ttft_ms").change_pct, once.equal_runs), (Some(0.0), 0));
}

#[test]
fn the_quantiles_of_student_are_those_of_tables() {
    for (free, table) in [(4.0, 2.776), (5.0, 2.571), (9.0, 2.262), (19.0, 2.093), (39.0, 2.023), (1e6, 1.960)] {
        let found: f64 = t95(free);
        assert!((found - table).abs() < 0.004 * table, "{free}: {found}, {table} in tables");
    }
}
