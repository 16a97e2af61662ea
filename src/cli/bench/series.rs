//! `bench matrix` and `bench search`: load tests one after another, from one job.

use super::{consent, no_result, table, tell_regression, to_its_end};
use crate::{
    base::{Exit, Lang, Problem},
    bench::{
        self,
        live::{Cell, CellState, Series},
        series,
        spec::Spec,
    },
    cli::{
        args::{BenchMatrix, BenchSearch, StartFlags},
        columns,
        out::{Ended, Out},
    },
    jobs::Job,
    workspace::Workspace,
};
use std::path::Path;

pub(super) fn matrix(command: &BenchMatrix, workspace: &Workspace, out: Out) -> Result<Exit, Ended> {
    if let Some(dir) = &command.resume {
        for (keys, skip) in [(&command.rerun, false), (&command.skip, true)] {
            if !keys.is_empty() {
                series::mark(workspace, dir, keys, skip)?;
            }
        }
    }
    let Some(series) = run(|| command.spec(workspace), command.resume.as_deref(), &command.start, workspace, out)? else {
        return Ok(Exit::Interrupted);
    };
    if out.json {
        out.document(&series::matrix_document(&series))?;
    } else {
        out.line(&cells(&series, out.lang))?;
        tell_regression(workspace, &series.dir, out)?;
    }
    Ok(exit(&series))
}

pub(super) fn search(command: &BenchSearch, workspace: &Workspace, out: Out) -> Result<Exit, Ended> {
    let Some(series) = run(|| command.spec(workspace), command.resume.as_deref(), &command.start, workspace, out)? else {
        return Ok(Exit::Interrupted);
    };
    if out.json {
        out.document(&series::search_document(&series))?;
    } else {
        let mut text = cells(&series, out.lang);
        for (key, en, zh) in [(&series.best, "best", "最佳"), (&series.knee, "knee", "拐点")] {
            if let Some(key) = key {
                text.push_str(&format!("\n{} {key}", columns::word(out.lang, en, zh)));
            }
        }
        out.line(&text)?;
        tell_regression(workspace, &series.dir, out)?;
    }
    Ok(exit(&series))
}

/// Starts the series, or goes on with the one in `resume`, and watches it to its end; `None`: somebody gave up waiting.
fn run(
    spec: impl FnOnce() -> Result<Spec, Problem>,
    resume: Option<&Path>,
    start: &StartFlags,
    workspace: &Workspace,
    out: Out,
) -> Result<Option<Series>, Problem> {
    let job: Job = if let Some(dir) = resume {
        series::resume(workspace, dir, out.lang)?
    } else {
        let spec = spec()?;
        consent::ask(&spec, workspace, start.yes, out)?;
        bench::start(workspace, &spec, start.out.as_deref(), out.lang)?
    };
    if !to_its_end(&job, out)? {
        return Ok(None);
    }
    let dir = bench::worker::result_dir(&job)?;
    if !dir.join(series::SERIES).exists() {
        return Err(no_result(&job));
    }
    series::read(&dir).map(Some)
}

/// 3 when no cell was measured or it ended before its time; 1 when a cell failed, was client-limited or missed its goals (those of a search
/// are missed on purpose: it fails to find any load that meets them); else 0.
fn exit(series: &Series) -> Exit {
    let done = |cell: &&Cell| cell.state == CellState::Done;
    let limited = |cell: &Cell| cell.client_limited == Some(true);
    let limited = match series.kind {
        bench::live::SeriesKind::Matrix => series.cells.iter().filter(done).any(limited),
        // A step is measured again before it ends the search.
        bench::live::SeriesKind::Search => series.cells.iter().rfind(done).is_some_and(limited),
    };
    let failed = series.cells.iter().any(|cell| cell.state == CellState::Failed);
    let missed = match series.kind {
        bench::live::SeriesKind::Matrix => series.cells.iter().filter(done).any(|cell| cell.slo_met == Some(false)),
        bench::live::SeriesKind::Search => series.best.is_none(),
    };
    let cut = series.cells.iter().any(|cell| matches!(cell.state, CellState::Waiting | CellState::Running));
    if cut || !series.cells.iter().any(|cell| cell.state == CellState::Done) {
        Exit::Failed
    } else if failed || limited || missed {
        Exit::Findings
    } else {
        Exit::Done
    }
}

/// A line a cell.
fn cells(series: &Series, lang: Lang) -> String {
    let word = |en, zh| columns::word(lang, en, zh);
    let mut out = format!(
        "{} {:>10} {:>10} {:>10} {:>10} {}\n",
        columns::left(word("cell", "单元"), 24),
        "TTFT P50",
        "TTFT P99",
        "TPOT P50",
        "tok/s",
        columns::right(word("req/s", "请求/秒"), 10)
    );
    for cell in &series.cells {
        let metric = |key: &str| table::figure(cell.metrics.get(key).copied(), 10);
        let mut remarks = Vec::new();
        match cell.state {
            CellState::Done => {}
            CellState::Waiting | CellState::Running => remarks.push(word("not run", "未运行")),
            CellState::Failed => remarks.push(word("failed", "失败")),
            CellState::Skipped => remarks.push(word("skipped", "已跳过")),
        }
        if cell.client_limited == Some(true) {
            remarks.push(word("client-limited", "客户端受限"));
        }
        if cell.slo_met == Some(false) {
            remarks.push(word("goals missed", "未达目标"));
        }
        match cell.cache {
            bench::live::Cache::Warm => remarks.push(word("warm cache", "缓存已热")),
            bench::live::Cache::Mixed => remarks.push(word("mixed cache", "缓存部分命中")),
            bench::live::Cache::Cold | bench::live::Cache::Unknown => {}
        }
        out.push_str(
            format!(
                "{:<24} {} {} {} {} {}  {}",
                cell.key,
                metric("median_ttft_ms"),
                metric("p99_ttft_ms"),
                metric("median_tpot_ms"),
                metric("output_throughput"),
                metric("request_throughput"),
                remarks.join(", ")
            )
            .trim_end(),
        );
        out.push('\n');
    }
    out.push_str(&format!("{} {}", word("result", "结果"), series.dir.display()));
    out
}
