mod chance;

use super::*;
use crate::{bench::report::testing, workspace::Workspace};
use std::fs;

const LOAD: &str = r#", "load": {"concurrency": 4}, "slo": {"ttft_ms": 40.0}"#;
const AT: &str = "2026-11-23T18:40:01.000Z";

fn run(root: &Path, id: &str, second: u32, ttft_us: u64, gap_us: u64) -> PathBuf {
    let dir = root.join("results").join(id);
    testing::run(&dir, &format!("2026-11-23T18:40:{second:02}.000Z"), 200, ttft_us, gap_us, LOAD);
    dir
}

fn of<'a>(comparison: &'a Comparison, name: &str) -> &'a Compared {
    comparison.metrics.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("{name}"))
}

#[test]
fn a_slower_server_is_worse_with_an_interval_that_holds_the_change() {
    let root = tempfile::tempdir().expect("temporary folder");
    let (a, b) = (run(root.path(), "a", 1, 20_000, 1_000), run(root.path(), "b", 2, 26_000, 1_000));
    let comparison = compare(&a, &b, &[]).expect("compares");
    let ttft = of(&comparison, "median_ttft_ms");
    assert_eq!(ttft.verdict, Verdict::Worse);
    let (low, high) = (ttft.ci_low_pct.expect("an interval"), ttft.ci_high_pct.expect("an interval"));
    assert!((29.0..31.0).contains(&ttft.change_pct.expect("a change")), "{ttft:?}");
    assert!(low < 30.0 && high > 30.0 && low > 18.0 && high < 43.0, "{ttft:?}");
    // The gaps are the same in both.
    assert_eq!(of(&comparison, "mean_itl_ms").verdict, Verdict::Same);
    assert_eq!(of(&comparison, "median_tpot_ms").verdict, Verdict::Same);
    assert_eq!(of(&comparison, "mean_e2el_ms").verdict, Verdict::Worse);
    assert_eq!(of(&comparison, "request_throughput").verdict, Verdict::Worse);
    // And the other way round it is better.
    let back = compare(&b, &a, &[]).expect("compares");
    assert_eq!(of(&back, "median_ttft_ms").verdict, Verdict::Better);
    assert_eq!(of(&back, "request_throughput").verdict, Verdict::Better);
}

#[test]
fn the_same_two_folders_always_give_the_same_answer() {
    let root = tempfile::tempdir().expect("temporary folder");
    let (a, b) = (run(root.path(), "a", 1, 20_000, 1_000), run(root.path(), "b", 2, 21_000, 1_000));
    assert_eq!(compare(&a, &b, &[]).expect("compares"), compare(&a, &b, &[]).expect("compares"));
}

#[test]
fn a_result_compared_with_itself_is_nowhere_better_or_worse() {
    let root = tempfile::tempdir().expect("temporary folder");
    let a = run(root.path(), "a", 1, 20_000, 1_000);
    let comparison = compare(&a, &a, &[]).expect("compares");
    assert!(comparison.metrics.len() > 15 && comparison.differences.is_empty(), "{comparison:?}");
    for figure in &comparison.metrics {
        assert!(matches!(figure.verdict, Verdict::Same | Verdict::Unclear), "{figure:?}");
        assert!(figure.change_pct.is_none_or(|change| change == 0.0), "{figure:?}");
    }
    assert_eq!(of(&comparison, "error_rate_pct").verdict, Verdict::Same, "no failure in either");
}

#[test]
fn failures_where_there_were_none_are_worse_and_cross_a_threshold() {
    let root = tempfile::tempdir().expect("temporary folder");
    let a = run(root.path(), "a", 1, 20_000, 1_000);
    let b = root.path().join("results/b");
    let spec = testing::spec(LOAD);
    let records: Vec<_> = (0..200)
        .map(|i| testing::record(i, 4, 20_000, 1_000))
        .map(|r| if r.i % 20 == 3 { testing::failed(r, "full") } else { r })
        .collect();
    testing::write(&b, &testing::header(&spec, AT), &records, Some(testing::end(1)));
    let comparison = compare(&a, &b, &["error_rate_pct>1".to_owned()]).expect("compares");
    let errors = of(&comparison, "error_rate_pct");
    assert_eq!((errors.a, errors.b, errors.change_pct, errors.verdict), (Some(0.0), Some(5.0), None, Verdict::Worse));
    assert!(!comparison.ok && comparison.crossed == ["error_rate_pct>1: error_rate_pct is 5"], "{:?}", comparison.crossed);
    assert!(comparison.differences.iter().any(|d| d.contains("10 of 200 requests of the other failed (mostly http_status)")));
    assert!(compare(&a, &a, &["error_rate_pct>1".to_owned()]).expect("compares").ok);
}

#[test]
fn what_was_not_the_same_is_said_in_sentences() {
    let root = tempfile::tempdir().expect("temporary folder");
    let a = run(root.path(), "a", 1, 20_000, 1_000);
    let b = root.path().join("results/b");
    testing::run(&b, AT, 40, 20_000, 1_000, r#", "load": {"poisson": 8.5}, "ignore_eos": false, "warmup": 3"#);
    let told = compare(&a, &b, &[]).expect("compares").differences;
    assert_eq!(
        told,
        [
            "another load: 4 users and 8.50 req/s (Poisson)",
            "another answer length: 32 tokens and 32 tokens at most",
            "another warm-up: 0 and 3"
        ]
    );
}

#[test]
fn a_run_is_compared_with_the_last_one_that_asked_the_same() {
    let root = tempfile::tempdir().expect("temporary folder");
    let workspace = Workspace::at(root.path());
    let first = run(root.path(), "a", 1, 20_000, 1_000);
    assert_eq!(regression(&workspace, &first), None);
    let second = run(root.path(), "b", 2, 30_000, 1_000);
    let found = regression(&workspace, &second).expect("a comparison");
    assert_eq!((&found.base, &found.other), (&first, &second));
    assert_eq!(of(&found, "median_ttft_ms").verdict, Verdict::Worse);
}

#[test]
fn series_are_compared_cell_by_cell() {
    let root = tempfile::tempdir().expect("temporary folder");
    let series = |id: &str, ttft_us: u64, keys: &[&str]| {
        let dir = root.path().join("results").join(id);
        let cells: Vec<_> = keys
            .iter()
            .map(|key| {
                let summary = testing::run(&dir.join("cells").join(key), AT, 100, ttft_us, 1_000, LOAD);
                serde_json::json!({"key": key, "input_len": 128, "output_len": 32, "concurrency": 4, "rate": null, "repeat": 1,
                    "state": "done", "cache": "cold", "client_limited": false, "slo_met": true, "metrics": summary.metrics()})
            })
            .collect();
        let series = serde_json::json!({"kind": "matrix", "dir": dir, "current": null, "cells": cells, "over": true});
        fs::write(dir.join("series.json"), series.to_string()).expect("writes");
        dir
    };
    let a = series("a", 20_000, &["i128-o32-c4-1", "i128-o32-c8-1"]);
    let b = series("b", 30_000, &["i128-o32-c4-1", "i256-o32-c4-1"]);
    let comparison = compare(&a, &b, &["p99_ttft_ms>+10%".to_owned()]).expect("compares");
    assert!(comparison.metrics.iter().all(|c| c.name.starts_with("i128-o32-c4-1/")), "{comparison:?}");
    assert_eq!(of(&comparison, "i128-o32-c4-1/median_ttft_ms").verdict, Verdict::Worse);
    assert!(!comparison.ok);
    assert!(comparison.differences.first().is_some_and(|d| d.contains("1 cells are only in the base and 1 only in the other")));
    let run = run(root.path(), "run", 9, 20_000, 1_000);
    assert!(compare(&a, &run, &[]).is_err(), "a series and a run are not the same kind of thing");
}

#[test]
fn several_results_are_each_compared_with_the_first() {
    let root = tempfile::tempdir().expect("temporary folder");
    let dirs: Vec<_> = [(1, 20_000), (2, 25_000), (3, 30_000)].map(|(k, t)| run(root.path(), &k.to_string(), k, t, 1_000)).into();
    let all = compare_many(&dirs, &[]).expect("compares");
    assert_eq!(all.iter().map(|c| c.base.clone()).collect::<Vec<_>>(), [dirs[0].clone(), dirs[0].clone()]);
    assert!(compare_many(&dirs[..1], &[]).is_err());
    assert!(compare_many(&[dirs[0].clone(), root.path().to_path_buf()], &[]).is_err(), "a folder without a result");
}

#[test]
fn the_recorded_runs_tell_the_slower_server_and_the_recorded_matrix_is_the_same_as_itself() {
    let recorded = |id: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/results").join(id);
    let runs = compare(&recorded("sim-7b_20261124-0900"), &recorded("sim-7b_20261124-0910"), &[]).expect("compares");
    for key in ["median_ttft_ms", "mean_tpot_ms", "median_itl_ms", "mean_e2el_ms", "output_throughput"] {
        assert_eq!(of(&runs, key).verdict, Verdict::Worse, "{:?}", of(&runs, key));
    }
    let matrix = recorded("sim-7b_20261124-0920");
    let same = compare(&matrix, &matrix, &[]).expect("compares");
    assert_eq!((of(&same, "i32-o16-c4/median_ttft_ms").change_pct, same.equal_runs), (Some(0.0), 4));
    assert!(same.metrics.iter().all(|c| matches!(c.verdict, Verdict::Same | Verdict::Unclear)), "{same:?}");
}
