//! A matrix or a search on screen: the cells as a heatmap that fills in, or the steps as a table.

mod grid;
mod metric;

use self::grid::{Grid, load_of};
pub(super) use self::{grid::Step, metric::CellMetric};
use super::{
    panel::Focus,
    pen::{Pen, cells},
    watched::Watched,
    words,
};
use crate::{
    base::Said,
    bench::live::{Cache, Cell, CellState, Series, SeriesKind},
    said, text,
};
use dcudeck_widgets::figure;
use ratatui::{layout::Rect, style::Style};

/// What a cell was asked, in one line.
pub(super) fn asked(cell: &Cell) -> Said {
    let output = cell.output_len;
    let load = match cell.concurrency {
        Some(users) => format!("c {users}"),
        None => load_of(cell),
    };
    match cell.input_len {
        Some(input) => said!("in {input} out {output} {load}", "输入 {input} 输出 {output} {load}"),
        None => said!("out {output} {load}", "输出 {output} {load}"),
    }
}

/// Which cell of how many runs, and what it was asked; `None` when the run is no series.
pub(super) fn now_running(run: &Watched) -> Option<Said> {
    let series = run.now.series.as_ref()?;
    let n = series.cells.len();
    let key = series.current.as_ref()?;
    let at = series.cells.iter().position(|cell| cell.key == *key)?;
    let Said { en, zh } = asked(series.cells.get(at)?);
    let at = at + 1;
    Some(match series.kind {
        SeriesKind::Matrix => said!("cell {at}/{n}  {en}", "单元 {at}/{n}  {zh}"),
        SeriesKind::Search => said!("step {at}  {en}", "第 {at} 步  {zh}"),
    })
}

/// Rows the series would like: heading, cells and legend.
pub(super) fn rows_wanted(series: &Series) -> u16 {
    let rows = match series.kind {
        SeriesKind::Matrix => Grid::of(series).rows.len() + 2,
        SeriesKind::Search => series.cells.len() + 2,
    };
    u16::try_from(rows).unwrap_or(u16::MAX)
}

/// Sign and style of a cell.
fn sign(cell: &Cell, run: &Watched, metric: CellMetric, bounds: Option<[f64; 3]>, pen: &Pen<'_>) -> (&'static str, Style) {
    let ink = &pen.look.theme;
    match cell.state {
        CellState::Waiting => (pen.sign("·", "."), ink.unsure),
        CellState::Skipped => ("-", ink.unsure),
        CellState::Failed => (pen.sign("✖", "x"), ink.act),
        CellState::Running => (pen.sign("◆", "@"), ink.accent),
        CellState::Done => {
            let Some((value, [a, b, c])) = metric.value(cell).zip(bounds) else { return ("?", ink.unsure) };
            let shade = [a, b, c].iter().filter(|bound| value >= **bound).count();
            let shade = [("░", ":"), ("▒", "+"), ("▓", "*"), ("█", "#")].get(shade).copied().unwrap_or(("█", "#"));
            let missed = metric.is_cost() && metric.goal(run).is_some_and(|goal| value > goal);
            (pen.sign(shade.0, shade.1), if missed { ink.look } else { ink.plain })
        }
    }
}

/// The cells, their legend on the last row.
pub(super) fn draw(run: &Watched, focus: &Focus, area: Rect, pen: &mut Pen<'_>) {
    let Some(series) = &run.now.series else { return };
    match series.kind {
        SeriesKind::Matrix => matrix(run, series, focus, area, pen),
        SeriesKind::Search => search(series, focus, area, pen),
    }
}

fn matrix(run: &Watched, series: &Series, focus: &Focus, area: Rect, pen: &mut Pen<'_>) {
    // Label of a row: lengths; cells in columns of equal width, figures beside the shades where there is room.
    const LABEL: u16 = 15;
    let (look, ink) = (pen.look, &pen.look.theme);
    let grid = Grid::of(series);
    let bounds = focus.cell_metric.bounds(run, &grid);
    let (row, column) = Step::place(series, focus.cell);
    let columns = u16::try_from(grid.columns.len()).unwrap_or(u16::MAX).max(1);
    let width = (area.width.saturating_sub(LABEL) / columns).clamp(4, 12);
    let shown = usize::from((area.width.saturating_sub(LABEL) / width).max(1));
    let first_column = (column + 1).saturating_sub(shown);
    let height = usize::from(area.height.saturating_sub(2)).max(1);
    let first_row = (row + 1).saturating_sub(height);
    pen.left(area, 1, 0, 6, text!("in", "输入").get(look.lang), ink.plain);
    let here = pen.left(area, 7, 0, LABEL - 7, text!("out   c", "输出  c").get(look.lang), ink.plain);
    for (x, at) in (0_u16..).zip(first_column..grid.columns.len()).take(shown) {
        let head = grid.cell(row, at).map(load_of).unwrap_or_default();
        pen.right(area, here + x * width, 0, width - 1, &head, ink.plain);
    }
    for (y, at) in (1_u16..).zip(first_row..grid.rows.len()).take(height) {
        let Some(&(input, output)) = grid.rows.get(at) else { continue };
        let input = input.map_or_else(|| "-".to_owned(), |input| input.to_string());
        pen.left(area, 1, y, LABEL - 1, &format!("{input:<6}{output}"), ink.plain);
        for (x, to) in (0_u16..).zip(first_column..grid.columns.len()).take(shown) {
            let Some(cell) = grid.cell(at, to) else { continue };
            let (sign, style) = sign(cell, run, focus.cell_metric, bounds, pen);
            let limited = if cell.client_limited == Some(true) { "~" } else { "" };
            // A cell that is measured is a field of its shade, with the figure in it where there is room.
            let what = match focus.cell_metric.value(cell) {
                Some(value) if width >= 9 => {
                    let figure = format!(" {limited}{}", figure::compact(value));
                    sign.repeat(usize::from(width - 1).saturating_sub(cells(&figure).into())) + &figure
                }
                Some(_) => limited.to_owned() + &sign.repeat(usize::from(width - 1) - limited.len()),
                None => sign.to_owned(),
            };
            let chosen = (at, to) == (row, column) && focus.panel == super::Panel::Series;
            let style = if chosen { style.patch(ink.cursor) } else { style };
            pen.right(area, LABEL + x * width, y, width - 1, &what, style);
            if chosen {
                // Mono and a lone sign: the cursor has a sign of its own.
                pen.flow(area, (LABEL + x * width).saturating_sub(1), y, pen.sign("▸", ">"), ink.accent);
            }
        }
    }
    legend(focus.cell_metric, bounds, area, pen);
}

fn legend(metric: CellMetric, bounds: Option<[f64; 3]>, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let Some(y) = area.height.checked_sub(1).filter(|y| *y > 0) else { return };
    let mut what = metric.title().get(look.lang).to_owned();
    if let Some([a, b, c]) = bounds {
        let [a, b, c] = [a, b, c].map(figure::compact);
        let shades = [("░", ":"), ("▒", "+"), ("▓", "*"), ("█", "#")].map(|(unicode, ascii)| pen.sign(unicode, ascii));
        let over = text!("over", "以上").get(look.lang);
        what += &format!("  {} <{a} {} <{b} {} <{c} {} {over}", shades[0], shades[1], shades[2], shades[3]);
    }
    pen.left(area, 1, y, area.width.saturating_sub(1), &what, ink.plain);
}

fn search(series: &Series, focus: &Focus, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let heads = [text!("P99 TTFT", "P99 TTFT"), text!("P99 TPOT", "P99 TPOT"), text!("tok/s", "tok/s")];
    pen.left(area, 3, 0, 8, text!("load", "负载").get(look.lang), ink.plain);
    pen.left(area, 10, 0, 8, text!("goals", "目标").get(look.lang), ink.plain);
    for (x, head) in [17, 26, 35].into_iter().zip(heads) {
        pen.right(area, x, 0, 9, head.get(look.lang), ink.plain);
    }
    let (row, _) = Step::place(series, focus.cell);
    let height = usize::from(area.height.saturating_sub(1)).max(1);
    let first = (row + 1).saturating_sub(height);
    for (y, (at, cell)) in (1_u16..).zip(series.cells.iter().enumerate().skip(first)).take(height) {
        if at == row && focus.panel == super::Panel::Series {
            pen.flow(area, 0, y, pen.sign("▸", ">"), ink.accent);
        }
        let best = series.best.as_ref() == Some(&cell.key);
        let x = if best { pen.flow(area, 1, y, pen.sign("★", "*"), ink.good) } else { 2 };
        pen.left(area, x + 1, y, 6, &load_of(cell), if best { ink.strong } else { ink.plain });
        let (word, style) = match (cell.state, cell.slo_met) {
            (CellState::Running, _) => (pen.sign("◆", "@"), ink.accent),
            (CellState::Waiting, _) => (pen.sign("·", "."), ink.unsure),
            (CellState::Failed, _) => (pen.sign("✖", "x"), ink.act),
            (CellState::Skipped, _) => ("-", ink.unsure),
            (CellState::Done, Some(true)) => (text!("met", "达标").get(look.lang), ink.good),
            (CellState::Done, Some(false)) => (text!("!missed", "!未达").get(look.lang), ink.look),
            (CellState::Done, None) => ("n/a", ink.unsure),
        };
        pen.left(area, 10, y, 8, word, style);
        for (x, key) in [17, 26, 35].into_iter().zip(["p99_ttft_ms", "p99_tpot_ms", "output_throughput"]) {
            let value = cell.metrics.get(key).copied();
            if cell.state == CellState::Done {
                let limited = if cell.client_limited == Some(true) && x == 17 { "~" } else { "" };
                let style = if value.is_some() { ink.strong } else { ink.unsure };
                pen.right(area, x, y, 9, &format!("{limited}{}", value.map_or_else(|| "n/a".to_owned(), figure::compact)), style);
            }
        }
        if series.knee.as_ref() == Some(&cell.key) {
            pen.flow(area, 45, y, text!("knee", "拐点").get(look.lang), ink.look);
        }
    }
}

/// The cell under the cursor with its figures, below the cells when the panel fills the body.
pub(super) fn drilled(run: &Watched, focus: &Focus, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let Some(series) = &run.now.series else { return };
    let Some(cell) = Step::cell(series, focus.cell) else { return };
    pen.rule(area, 0);
    let head = format!(" {}  ({}) ", asked(cell).get(look.lang), cell.key);
    pen.flow(area, 1, 0, &head, ink.strong);
    let cache = match cell.cache {
        Cache::Cold => text!("cache cold", "缓存冷"),
        Cache::Warm => text!("cache warm", "缓存热"),
        Cache::Mixed => text!("cache mixed", "缓存混合"),
        Cache::Unknown => text!("cache n/a", "缓存 n/a"),
    };
    let state = match cell.state {
        CellState::Waiting => text!("waiting", "等待"),
        CellState::Running => text!("running", "运行中"),
        CellState::Done => text!("done", "完成"),
        CellState::Failed => text!("failed", "失败"),
        CellState::Skipped => text!("skipped", "已跳过"),
    };
    let repeat = cell.repeat;
    let mut words = vec![
        state.get(look.lang).to_owned(),
        cache.get(look.lang).to_owned(),
        said!("repeat {repeat}", "第 {repeat} 次").get(look.lang).to_owned(),
    ];
    match cell.slo_met {
        Some(true) => words.push(text!("goals met", "目标达成").get(look.lang).to_owned()),
        Some(false) => words.push(text!("! goals missed", "! 未达目标").get(look.lang).to_owned()),
        None => {}
    }
    if cell.client_limited == Some(true) {
        words.push(text!("~ client-limited", "~ 客户端受限").get(look.lang).to_owned());
    }
    words.extend(cell.failure.clone());
    pen.left(area, 1, 1, area.width.saturating_sub(1), &words.join("  "), ink.plain);
    let latencies = ["ttft", "tpot", "itl", "e2el"];
    for (x, head) in [10, 20, 30, 40].into_iter().zip(["mean", "P50", "P90", "P99"]) {
        pen.right(area, x, 2, 9, head, ink.plain);
    }
    for (y, name) in (3_u16..).zip(latencies) {
        pen.left(area, 1, y, 9, &name.to_uppercase(), ink.plain);
        for (x, statistic) in [10, 20, 30, 40].into_iter().zip(["mean", "median", "p90", "p99"]) {
            let value = cell.metrics.get(&format!("{statistic}_{name}_ms")).copied();
            pen.right(area, x, y, 9, &words::latency(value), if value.is_some() { ink.strong } else { ink.unsure });
        }
    }
    let rest = [
        (text!("req/s", "请求/s"), "request_throughput"),
        (text!("out tok/s", "输出 tok/s"), "output_throughput"),
        (text!("goodput", "达标"), "goodput"),
        (text!("failed %", "失败 %"), "error_rate_pct"),
        (text!("requests", "请求"), "completed"),
    ];
    for (y, (label, key)) in (2_u16..).zip(rest) {
        let value = cell.metrics.get(key).copied();
        let x = pen.left(area, 53, y, 12, label.get(look.lang), ink.plain);
        pen.right(area, x, y, 8, figure::fixed(value, 6).trim_start(), if value.is_some() { ink.strong } else { ink.unsure });
    }
}
