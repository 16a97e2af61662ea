use super::*;
use crate::bench::report::testing;
use std::time::{Duration, Instant};

const LOAD: &str = r#", "load": {"concurrency": 4}"#;

fn at(second: u32) -> String {
    format!("2026-11-23T18:40:{second:02}.000Z")
}

fn workspace() -> (tempfile::TempDir, Workspace) {
    let root = tempfile::tempdir().expect("temporary folder");
    let workspace = Workspace::at(root.path());
    (root, workspace)
}

#[test]
fn results_are_listed_newest_first_with_their_state() {
    let (_root, workspace) = workspace();
    assert_eq!(list(&workspace).expect("an empty list"), []);
    let results = workspace.results();
    testing::run(&results.join("a"), &at(1), 8, 20_000, 1_000, LOAD);
    testing::run(&results.join("b"), &at(3), 8, 20_000, 1_000, LOAD);
    let spec = testing::spec(LOAD);
    testing::write(&results.join("c"), &testing::header(&spec, &at(2)), &[testing::record(0, 4, 5_000, 100)], None);
    fs::create_dir(results.join("empty")).expect("mkdir");
    fs::create_dir(results.join("damaged")).expect("mkdir");
    fs::write(results.join("damaged").join(SUMMARY), "{").expect("writes");
    let entries = list(&workspace).expect("a list");
    let told: Vec<_> = entries.iter().map(|e| (e.id.as_str(), e.state.as_str(), e.model.as_str())).collect();
    assert_eq!(told, [("b", "finished", "m"), ("c", "killed", "m"), ("a", "finished", "m")]);
    assert_eq!(entries.first().and_then(|e| e.metrics.get("completed")), Some(&8.0));
    assert_eq!(entries.first().and_then(|e| e.spec.clone()), Some(spec));
}

#[test]
fn a_summary_of_another_version_is_listed_all_the_same() {
    let (_root, workspace) = workspace();
    let dir = workspace.results().join("old");
    fs::create_dir_all(&dir).expect("mkdir");
    let text = r#"{"model_id": "m", "started_at": "2026-01-01T00:00:00.000Z", "stopped_by": "stop", "completed": 3, "new_thing": [1], "profile": {"gone": 1}}"#;
    fs::write(dir.join(SUMMARY), text).expect("writes");
    let entries = list(&workspace).expect("a list");
    assert_eq!(entries.iter().map(|e| (e.state.as_str(), &e.spec)).collect::<Vec<_>>(), [("stopped", &None)]);
}

#[test]
fn a_thousand_results_are_listed_in_half_a_second() {
    let (_root, workspace) = workspace();
    let results = workspace.results();
    testing::run(&results.join("r-0000"), &at(1), 8, 20_000, 1_000, LOAD);
    let text = fs::read(results.join("r-0000").join(SUMMARY)).expect("reads");
    for k in 1..1_000 {
        let dir = results.join(format!("r-{k:04}"));
        fs::create_dir(&dir).expect("mkdir");
        fs::write(dir.join(SUMMARY), &text).expect("writes");
    }
    let began = Instant::now();
    assert_eq!(list(&workspace).expect("a list").len(), 1_000);
    let took = began.elapsed();
    println!("1,000 results listed in {took:?}");
    // The limit is for the release build; a debug build on a busy machine is given its factor.
    let limit = if cfg!(debug_assertions) { Duration::from_secs(4) } else { Duration::from_millis(500) };
    assert!(took < limit, "{took:?}");
}

#[test]
fn the_last_comparable_asked_the_same_and_was_not_limited_by_its_client() {
    let (_root, workspace) = workspace();
    let results = workspace.results();
    let run = |id: &str, second, more: &str| testing::run(&results.join(id), &at(second), 8, 20_000, 1_000, more);
    run("same", 1, LOAD);
    run("limited", 2, LOAD);
    run("other-load", 3, r#", "load": {"concurrency": 8}"#);
    run("other-seed", 4, r#", "load": {"concurrency": 4}, "cold": true"#);
    run("new", 5, LOAD);
    run("later", 6, LOAD);
    let limited = results.join("limited").join(SUMMARY);
    let text = fs::read_to_string(&limited).expect("reads").replace("\"client_limited\": false", "\"client_limited\": true");
    fs::write(&limited, text).expect("writes");
    let entries = list(&workspace).expect("a list");
    let of = |id: &str| entries.iter().find(|e| e.id == id).expect("an entry");
    assert_eq!(last_comparable(&entries, of("new")).map(|e| e.id.as_str()), Some("same"));
    assert_eq!(last_comparable(&entries, of("later")).map(|e| e.id.as_str()), Some("new"));
    assert_eq!(last_comparable(&entries, of("same")), None);
    assert_eq!(last_comparable(&entries, of("other-load")), None);
    let at_once: Vec<_> = all_comparable(&entries).into_iter().map(|found| found.map(|e| &e.id)).collect();
    let one_by_one: Vec<_> = entries.iter().map(|of| last_comparable(&entries, of).map(|e| &e.id)).collect();
    assert_eq!(at_once, one_by_one);
    // Rather one that was limited than none.
    fs::remove_dir_all(results.join("same")).expect("removes");
    let entries = list(&workspace).expect("a list");
    let new = entries.iter().find(|e| e.id == "new").expect("an entry");
    assert_eq!(last_comparable(&entries, new).map(|e| e.id.as_str()), Some("limited"));
}

#[test]
fn a_series_is_listed_with_its_cells_and_the_figures_of_its_best() {
    let (_root, workspace) = workspace();
    let dir = workspace.results().join("m");
    let cell = |key: &str, throughput: f64| {
        serde_json::json!({"key": key, "input_len": 128, "output_len": 32, "concurrency": 4, "rate": null, "repeat": 1, "state": "done",
            "cache": "cold", "client_limited": false, "slo_met": true, "metrics": {"output_throughput": throughput}})
    };
    let cells = [cell("i128-o32-c4-1", 10.0), cell("i128-o32-c8-1", 30.0), cell("i128-o32-c16-1", 20.0)];
    let series = serde_json::json!({"kind": "matrix", "dir": dir, "current": null, "cells": cells, "over": true});
    testing::run(&dir.join("cells/i128-o32-c4-1"), &at(1), 8, 20_000, 1_000, LOAD);
    fs::write(dir.join(SERIES), series.to_string()).expect("writes");
    let entries = list(&workspace).expect("a list");
    let told: Vec<_> = entries.iter().map(|e| (e.kind, e.state.as_str(), e.cells, e.metrics.get("output_throughput"))).collect();
    assert_eq!(told, [(Kind::Matrix, "finished", Some((3, 3)), Some(&30.0))]);
    assert_eq!(entries.first().and_then(|e| e.started_at.clone()), Some(at(1)));
}
