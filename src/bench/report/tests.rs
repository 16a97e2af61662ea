use super::*;
use crate::bench::{live::Mark, record::Record, results::SUMMARY};
use std::fs;

const LOAD: &str = r#", "load": {"concurrency": 4}, "slo": {"ttft_ms": 40.0}"#;
const AT: &str = "2026-11-23T18:40:01.000Z";

fn text(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).expect(name)
}

#[test]
fn a_report_says_the_verdict_the_figures_and_what_they_mean_in_both_languages() {
    let root = tempfile::tempdir().expect("temporary folder");
    let dir = root.path().join("r");
    testing::run(&dir, AT, 400, 20_000, 1_000, LOAD);
    let events = [Mark::Note { text: "warm <b>".to_owned() }, Mark::Users { from: 4, to: 8 }];
    let lines = events.map(|what| serde_json::to_string(&crate::bench::live::Event { at_us: 1_500_000, what }).expect("JSON"));
    let head = format!(
        "{{\"schema\":\"dcudeck.bench.events/1\",\"epoch\":{}}}",
        serde_json::to_string(&testing::header(&testing::spec(LOAD), AT).epoch).expect("JSON")
    );
    fs::write(dir.join("events.jsonl"), format!("{head}\n{}\n", lines.join("\n"))).expect("writes");
    let written = write(&dir).expect("writes");
    assert!(written.complete && written.files == [dir.join("report.md"), dir.join("report.html")]);
    let md = text(&dir, "report.md");
    for part in [
        "# chat: m, 2026-11-23",
        "Goals missed (TTFT ≤ 40 ms): met by",
        "| TTFT",
        "| ITL",
        "## As asked",
        "vLLM 0.8.5",
        "n/a: no /metrics was read",
    ] {
        assert!(md.contains(part), "{part} in {md}");
    }
    let html = text(&dir, "report.html");
    assert!(html.matches("<svg").count() >= 8, "{}", html.matches("<svg").count());
    assert!(
        !html.contains("<script") && !html.contains("src=") && !html.contains("href=") && !html.contains("@import"),
        "one file, no network"
    );
    assert!(html.contains("name=\"viewport\"") && html.contains("prefers-color-scheme:dark") && !html.contains("warm <b>"));
    assert!(html.contains("users 4 → 8"));
    write_in(&dir, Lang::Zh).expect("writes");
    let (md, html) = (text(&dir, "report.md"), text(&dir, "report.html"));
    assert!(md.contains("未达标（TTFT ≤ 40 ms）") && html.contains("lang=\"zh-CN\"") && html.contains("用户 4 → 8"));
    for english in ["users", "random tokens", " mean |", "longest gap", " at 1.50 s"] {
        assert!(!md.contains(english) && !html.contains(&format!(">{english}")), "{english} in {md}");
    }
}

#[test]
fn the_same_folder_gives_the_same_report() {
    let root = tempfile::tempdir().expect("temporary folder");
    let dir = root.path().join("r");
    testing::run(&dir, AT, 100, 20_000, 1_000, LOAD);
    let both = [(); 2].map(|()| {
        write(&dir).expect("writes");
        (text(&dir, "report.md"), text(&dir, "report.html"))
    });
    assert_eq!(both[0], both[1]);
}

#[test]
fn a_killed_run_is_finished_and_its_report_says_so() {
    let root = tempfile::tempdir().expect("temporary folder");
    let dir = root.path().join("r");
    let spec = testing::spec(LOAD);
    let hostile = "<img src=x onerror=alert(1)> | full";
    let records: Vec<Record> =
        (0..20).map(|i| testing::record(i, 4, 20_000, 1_000)).map(|r| if r.i == 3 { testing::failed(r, hostile) } else { r }).collect();
    testing::write(&dir, &testing::header(&spec, AT), &records, None);
    let mut torn = fs::read(dir.join(REQUESTS)).expect("reads");
    torn.extend_from_slice(b"{\"i\": 20, \"planned");
    fs::write(dir.join(REQUESTS), torn).expect("writes");
    let written = write(&dir).expect("writes");
    assert!(!written.complete && dir.join(SUMMARY).exists());
    let (md, html) = (text(&dir, "report.md"), text(&dir, "report.html"));
    assert!(md.contains("Killed: this is what it had measured") && md.contains("http_status"), "{md}");
    assert!(!md.contains("<img") && !html.contains("<img") && html.contains("&lt;img"));
}

#[test]
fn a_report_compares_with_the_last_comparable_result_of_its_workspace() {
    let root = tempfile::tempdir().expect("temporary folder");
    let results = root.path().join("results");
    testing::run(&results.join("old"), AT, 100, 20_000, 1_000, LOAD);
    testing::run(&results.join("new"), "2026-11-23T19:00:00.000Z", 100, 30_000, 1_000, LOAD);
    write(&results.join("old")).expect("writes");
    assert!(!text(&results.join("old"), "report.md").contains("last comparable"));
    write(&results.join("new")).expect("writes");
    let md = text(&results.join("new"), "report.md");
    assert!(md.contains("Against the last comparable result") && md.contains("The base is old.") && md.contains("✖ worse"), "{md}");
    assert!(text(&results.join("new"), "report.html").contains("l s1 dash"), "the base's curve beside");
}

#[test]
fn a_comparison_has_a_report_of_its_own_as_html_or_markdown() {
    let root = tempfile::tempdir().expect("temporary folder");
    let (a, b) = (root.path().join("a"), root.path().join("b"));
    testing::run(&a, AT, 200, 20_000, 1_000, LOAD);
    testing::run(&b, AT, 200, 26_000, 1_000, r#", "load": {"concurrency": 4}, "warmup": 3"#);
    let comparisons = compare::compare_many(&[a, b], &["median_ttft_ms>+10%".to_owned()]).expect("compares");
    let write = |name: &str, lang| write_comparison(&comparisons, &root.path().join(name), lang).map(|()| text(root.path(), name));
    let html = write("c.html", Lang::En).expect("writes");
    assert!(html.contains("<h1>b against a</h1>") && html.contains("Worse: ") && html.matches("<svg").count() == 3, "{html}");
    assert!(html.contains("median_ttft_ms&gt;+10%: ") && html.contains("How far equal runs differ was assumed"));
    let md = write("c.md", Lang::Zh).expect("writes");
    assert!(md.contains("# b 与 a 比较") && md.contains("✖ 更差") && md.contains("预热不同：0 与 3"), "{md}");
    assert!(write("c.txt", Lang::En).is_err_and(|problem| problem.to_string().contains(".html or .md")));
}

#[test]
fn a_series_and_an_imported_result_have_reports_too() {
    let root = tempfile::tempdir().expect("temporary folder");
    let dir = root.path().join("m");
    let cells: Vec<_> = [(128, 4, 10.0, 50.0), (128, 8, 18.0, 70.0), (512, 4, 8.0, 90.0)]
        .map(|(input, users, throughput, ttft)| {
            serde_json::json!({"key": format!("i{input}-o32-c{users}-1"), "input_len": input, "output_len": 32, "concurrency": users, "rate": null,
                "repeat": 1, "state": "done", "cache": "cold", "client_limited": false, "slo_met": true,
                "metrics": {"output_throughput": throughput, "p99_ttft_ms": ttft, "p99_tpot_ms": 9.0}})
        })
        .into();
    fs::create_dir_all(&dir).expect("mkdir");
    fs::write(
        dir.join(SERIES),
        serde_json::json!({"kind": "matrix", "dir": dir, "current": null, "cells": cells, "over": true}).to_string(),
    )
    .expect("writes");
    assert!(write(&dir).expect("writes").complete);
    let (md, html) = (text(&dir, "report.md"), text(&dir, "report.html"));
    assert!(md.contains("3 of 3 cells measured") && md.contains("i512-o32-c4-1"), "{md}");
    assert!(html.contains("P99 TTFT, ms: answers of 32") && html.contains(">–</text>"), "a cell that was not measured is a dash");
    let imported =
        Imported { source: "vllm".into(), model: "m".into(), metrics: [("p99_ttft_ms".to_owned(), 5.0)].into(), ..Imported::default() };
    let dir = root.path().join("i");
    fs::create_dir(&dir).expect("mkdir");
    fs::write(dir.join(IMPORTED), serde_json::to_vec(&imported).expect("JSON")).expect("writes");
    write(&dir).expect("writes");
    assert!(text(&dir, "report.md").contains("p99_ttft_ms"));
    assert!(write(root.path()).is_err(), "a folder without a result");
}
