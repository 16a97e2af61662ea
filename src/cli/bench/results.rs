//! What is done with results: reports, comparison, the list of them, import and export.

use super::table::figure;
use crate::{
    base::{Exit, Lang, Problem, clean},
    bench::{
        compare::{self, Comparison, Verdict},
        export::{self, Format},
        history, import, report,
    },
    cli::{
        args::{BenchCompare, BenchExport},
        columns::{left, right, word},
        out::{Ended, Out},
    },
    said,
    workspace::Workspace,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(super) fn report(dirs: &[PathBuf], out: Out) -> Result<Exit, Ended> {
    let (mut files, mut complete) = (Vec::new(), true);
    for dir in dirs {
        let written = report::write_in(dir, out.lang)?;
        complete &= written.complete;
        files.extend(written.files);
    }
    if out.json {
        out.document(&json!({ "schema": "dcudeck.bench.report/1", "files": files, "complete": complete }))?;
    } else {
        for file in &files {
            out.line(&file.display().to_string())?;
        }
        if !complete {
            out.note(word(out.lang, "a run was cut: its report holds what it had measured", "有测试被中断：报告包含其已测得的数据"));
        }
    }
    Ok(Exit::Done)
}

pub(super) fn compare(command: &BenchCompare, out: Out) -> Result<Exit, Ended> {
    let dirs: Vec<PathBuf> = std::iter::once(&command.base).chain(&command.others).cloned().collect();
    let comparisons = compare::compare_many(&dirs, &command.fail_on)?;
    if let Some(file) = &command.report {
        report::write_comparison(&comparisons, file, out.lang)?;
    }
    for comparison in &comparisons {
        if out.json {
            out.document(&serde_json::to_value(comparison).unwrap_or_default())?;
        } else {
            out.line(&compared(comparison, out))?;
        }
    }
    let ok = comparisons.iter().all(|comparison| comparison.ok);
    Ok(if ok { Exit::Done } else { Exit::Findings })
}

/// Two results side by side.
pub(super) fn compared(c: &Comparison, out: Out) -> String {
    let lang = out.lang;
    let mut text = format!("A {}\nB {}\n", c.base.display(), c.other.display());
    text.push_str(&format!(
        "{} {:>12} {:>12} {}  {:<20} {}\n",
        left(word(lang, "figure", "指标"), 26),
        "A",
        "B",
        right(word(lang, "change", "变化"), 9),
        "95 %",
        word(lang, "verdict", "结论")
    ));
    for m in &c.metrics {
        let change = m.change_pct.map_or_else(|| "n/a".to_owned(), |pct| format!("{pct:+.1} %"));
        let interval = match (m.ci_low_pct, m.ci_high_pct) {
            (Some(low), Some(high)) => format!("{low:+.1} … {high:+.1} %"),
            _ => String::new(),
        };
        let verdict = match m.verdict {
            Verdict::Better => word(lang, "better", "更好"),
            Verdict::Worse => word(lang, "worse", "更差"),
            Verdict::Same => word(lang, "same", "相同"),
            Verdict::Unclear => word(lang, "unclear", "不明"),
        };
        text.push_str(&format!("{:<26} {} {} {change:>9}  {interval:<20} {verdict}\n", m.name, figure(m.a, 12), figure(m.b, 12)));
    }
    for difference in &c.told {
        text.push_str(&format!("! {}\n", clean(difference.get(lang))));
    }
    text.push_str(&format!("  {}\n", compare::basis(c).get(lang)));
    if !c.ok {
        text.push_str(word(lang, "! a threshold of --fail-on was crossed\n", "! 超出 --fail-on 的阈值\n"));
    }
    text.trim_end().to_owned()
}

/// Figures the line about a regression is made of: others follow from these, or are in `bench compare`.
const TOLD: [&str; 11] = [
    "output_throughput",
    "request_throughput",
    "error_rate_pct",
    "goodput",
    "mean_ttft_ms",
    "median_ttft_ms",
    "p99_ttft_ms",
    "mean_tpot_ms",
    "p99_tpot_ms",
    "mean_e2el_ms",
    "p99_e2el_ms",
];

/// Most lines of changes after a series; a run has no more figures than that.
const MOST_TOLD: usize = 20;

/// What changed since the last comparable run: only figures whose difference is beyond chance.
pub(super) fn regressed(c: &Comparison, lang: Lang) -> String {
    // Of a series the figures of its cells: KEY/FIGURE.
    let figure_of = |name: &str| name.rsplit_once('/').map_or_else(|| name.to_owned(), |(_, figure)| figure.to_owned());
    let told =
        |m: &&compare::Compared| matches!(m.verdict, Verdict::Better | Verdict::Worse) && TOLD.contains(&figure_of(&m.name).as_str());
    let mut changes: Vec<String> = c
        .metrics
        .iter()
        .filter(told)
        .map(|m| {
            let change = m.change_pct.map_or_else(|| "n/a".to_owned(), |pct| format!("{pct:+.1} %"));
            let sign = if m.verdict == Verdict::Worse { "!" } else { " " };
            format!("{sign} {} {} → {} ({change})", m.name, figure(m.a, 0), figure(m.b, 0))
        })
        .collect();
    let more = changes.len().saturating_sub(MOST_TOLD);
    if more > 0 {
        changes.truncate(MOST_TOLD);
        changes.push(match lang {
            Lang::En => format!("  … {more} more: bench compare"),
            Lang::Zh => format!("  … 另有 {more} 项：bench compare"),
        });
    }
    let than = c.base.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let why = history::COMPARABLE.get(lang);
    let head = match (lang, changes.is_empty()) {
        (Lang::En, true) => format!("no difference beyond chance from {than} ({why})"),
        (Lang::En, false) => format!("against {than} ({why}):"),
        (Lang::Zh, true) => format!("与 {than}（{why}）相比无显著差异"),
        (Lang::Zh, false) => format!("与 {than}（{why}）相比："),
    };
    let but = c.differences.iter().map(|difference| format!("! {}", clean(difference))).collect();
    [vec![head], changes, but].concat().join("\n")
}

/// Columns of a result's name in the list.
const ID: usize = 44;

pub(super) fn list(workspace: &Workspace, out: Out) -> Result<Exit, Ended> {
    let entries = history::list(workspace)?;
    if out.json {
        let results: Vec<Value> = entries.iter().map(|entry| serde_json::to_value(entry).unwrap_or_default()).collect();
        out.document(&json!({ "schema": "dcudeck.bench.list/1", "results": results }))?;
        return Ok(Exit::Done);
    }
    if entries.is_empty() {
        let root = workspace.root().display();
        out.note(said!("no results in {root}", "{root} 中没有结果").get(out.lang));
    }
    if !entries.is_empty() {
        let head = format!(
            "{} {} {} {} {} {} {}",
            left(word(out.lang, "result", "结果"), ID),
            left(word(out.lang, "kind", "类型"), 6),
            left(word(out.lang, "state", "状态"), 9),
            left(word(out.lang, "model", "模型"), 24),
            right("tok/s", 10),
            right("TTFT P50", 10),
            right("TTFT P99", 10),
        );
        out.line(&head)?;
    }
    for entry in &entries {
        let kind = match entry.kind {
            history::Kind::Run => "run",
            history::Kind::Matrix => "matrix",
            history::Kind::Search => "search",
        };
        let metric = |key: &str| figure(entry.metrics.get(key).copied(), 10);
        let line = format!(
            "{:<ID$} {kind:<6} {:<9} {} {} {} {}",
            entry.id,
            entry.state,
            left(&clean(&entry.model), 24),
            metric("output_throughput"),
            metric("median_ttft_ms"),
            metric("p99_ttft_ms"),
        );
        out.line(line.trim_end())?;
    }
    Ok(Exit::Done)
}

pub(super) fn import(file: &Path, workspace: &Workspace, out: Out) -> Result<Exit, Ended> {
    let imported = import::import(workspace, file)?;
    if out.json {
        out.document(&json!({ "schema": "dcudeck.bench.import/1", "imported": imported }))?;
    } else {
        for id in &imported {
            out.line(id)?;
        }
    }
    Ok(Exit::Done)
}

pub(super) fn export(command: &BenchExport, out: Out) -> Result<Exit, Ended> {
    let format = match command.format.as_str() {
        "csv" => Format::Csv,
        "vllm" => Format::Vllm,
        "hlog" => Format::Hlog,
        other => {
            return Err(Problem::bad_input("bench.format", said!("{other} is no format", "{other} 不是可用格式")).field("--format").into());
        }
    };
    let files = export::export(&command.dir, format, command.out.as_deref())?;
    if out.json {
        out.document(&json!({ "schema": "dcudeck.bench.export/1", "files": files, "complete": true }))?;
    } else {
        for file in &files {
            out.line(&file.display().to_string())?;
        }
    }
    Ok(Exit::Done)
}
