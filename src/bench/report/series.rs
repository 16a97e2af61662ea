//! The report of a matrix or search, and of an imported result.

use super::{
    charts,
    document::{Block, Table, Tone},
    figures::{self, number, or_na},
};
use crate::{
    base::{Lang, Said},
    bench::{
        import::Imported,
        live::{Cache, CellState, Series, SeriesKind},
    },
    said,
};

pub(super) fn title(series: &Series, lang: Lang) -> String {
    let name = series.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let title = match series.kind {
        SeriesKind::Matrix => said!("Matrix {name}", "矩阵 {name}"),
        SeriesKind::Search => said!("Search {name}", "搜索 {name}"),
    };
    title.get(lang).to_owned()
}

pub(super) fn blocks(series: &Series, findings: &[String], lang: Lang) -> Vec<Block> {
    let t = |said: Said| said.get(lang).to_owned();
    let mut out = vec![Block::Heading(1, title(series, lang))];
    let count = |state| series.cells.iter().filter(|c| c.state == state).count();
    let (done, all, failed) = (count(CellState::Done), series.cells.len(), count(CellState::Failed));
    let limited = series.cells.iter().filter(|c| c.client_limited == Some(true)).count();
    let tone = if done == all { Tone::Good } else { Tone::Look };
    out.push(Block::Verdict(
        tone,
        t(said!("{done} of {all} cells measured, {failed} failed.", "{all} 个单元已测 {done} 个，失败 {failed} 个。")),
    ));
    if limited > 0 {
        out.push(Block::Verdict(
            Tone::Bad,
            t(said!(
                "CLIENT-LIMITED: the figures of {limited} cells are about the client.",
                "客户端受限：{limited} 个单元的指标反映的是客户端。"
            )),
        ));
    }
    if let Some(best) = &series.best {
        out.push(Block::Verdict(Tone::Good, t(said!("Greatest load that meets the goals: {best}.", "满足目标的最大负载：{best}。"))));
    } else if series.kind == SeriesKind::Search && series.over {
        out.push(Block::Verdict(Tone::Bad, t(said!("No step met the goals.", "没有任何一步满足目标。"))));
    }
    if let Some(knee) = &series.knee {
        out.push(Block::Paragraph(t(said!(
            "The knee is at {knee}: beyond it throughput hardly rises.",
            "拐点在 {knee}：之后吞吐几乎不再上升。"
        ))));
    }
    if !findings.is_empty() {
        out.push(Block::Heading(2, t(said!("What it shows", "结论"))));
        out.push(Block::List(findings.to_vec()));
    }
    out.extend(charts::of_series(series, lang));
    out.push(Block::Heading(2, t(said!("Cells", "单元"))));
    let keys = [
        "output_throughput",
        "request_throughput",
        "median_ttft_ms",
        "p99_ttft_ms",
        "median_tpot_ms",
        "p99_tpot_ms",
        "p99_e2el_ms",
        "goodput_pct",
    ];
    let rows = series.cells.iter().map(|cell| {
        let state = match cell.state {
            CellState::Done if cell.client_limited == Some(true) => said!("! client-limited", "! 客户端受限"),
            CellState::Done => said!("done", "完成"),
            CellState::Waiting => said!("not begun", "未开始"),
            CellState::Running => said!("under way", "进行中"),
            CellState::Failed => said!("✖ failed", "✖ 失败"),
            CellState::Skipped => said!("skipped", "跳过"),
        };
        let cache = match cell.cache {
            Cache::Cold => said!("cold", "冷"),
            Cache::Warm => said!("warm", "热"),
            Cache::Mixed => said!("mixed", "混合"),
            Cache::Unknown => said!("n/a", "n/a"),
        };
        let slo = match cell.slo_met {
            Some(true) => "✔",
            Some(false) => "✖",
            None => "–",
        };
        let figures = keys.iter().map(|key| or_na(cell.metrics.get(*key).copied()));
        [cell.key.clone(), t(state), t(cache), slo.to_owned()].into_iter().chain(figures).collect()
    });
    let rows = rows.collect();
    let named = keys.iter().map(|key| figures::figure(key).map_or_else(String::new, |f| format!("{} {}", t(f.name), f.unit.word())));
    let fixed = [said!("cell", "单元"), said!("state", "状态"), said!("cache", "缓存"), said!("SLO", "SLO")].map(t);
    out.push(Block::Table(Table { head: fixed.into_iter().chain(named).collect(), rows, text_columns: vec![1, 2, 3] }));
    let failures: Vec<String> = series.cells.iter().filter_map(|c| Some(format!("{}: {}", c.key, c.failure.as_ref()?))).collect();
    if !failures.is_empty() {
        out.push(Block::List(failures));
    }
    out
}

pub(super) fn imported(imported: &Imported, lang: Lang) -> Vec<Block> {
    let t = |said: Said| said.get(lang).to_owned();
    let Imported { source, model, load, file, definitions, .. } = imported;
    let at = imported.started_at.as_deref().unwrap_or("n/a");
    let mut out = vec![
        Block::Heading(1, format!("{source}: {model}, {at}")),
        Block::Verdict(
            Tone::Look,
            t(said!(
                "Imported from {file}; its figures follow the formulas of {definitions}, not ours.",
                "导入自 {file}；指标按 {definitions} 的公式计算，与本工具不同。"
            )),
        ),
        Block::Paragraph(t(said!("Load: {load}", "负载：{load}"))),
    ];
    let rows = imported.metrics.iter().map(|(key, value)| vec![key.clone(), number(*value)]).collect();
    let head = || vec![t(said!("figure", "指标")), t(said!("value", "值"))];
    out.push(Block::Table(Table { head: head(), rows, text_columns: vec![] }));
    out.push(Block::List(imported.notes.clone()));
    if !imported.theirs.is_empty() {
        out.push(Block::Heading(2, t(said!("Under its own names", "其自有名称"))));
        let rows = imported.theirs.iter().map(|(key, value)| vec![key.clone(), number(*value)]).collect();
        out.push(Block::Table(Table { head: head(), rows, text_columns: vec![] }));
    }
    out
}
