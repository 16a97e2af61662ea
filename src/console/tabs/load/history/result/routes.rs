//! The figures of a run by route: what adapters, models or servers did under one load.

use crate::{
    base::Text,
    bench::summary::Summary,
    console::tabs::load::{history::words::signed, pen::Pen, words::latency},
    text,
};
use dcudeck_widgets::{Column, Table, figure, table::Cell};
use ratatui::{layout::Rect, widgets::Widget as _};

/// Columns with figures: heading, key in `bench.run`, whether it is a latency.
const FIGURES: [(Text, &str, bool); 7] = [
    (text!("TTFT P50", "TTFT P50"), "median_ttft_ms", true),
    (text!("TTFT P99", "TTFT P99"), "p99_ttft_ms", true),
    (text!("TPOT P50", "TPOT P50"), "median_tpot_ms", true),
    (text!("TPOT P99", "TPOT P99"), "p99_tpot_ms", true),
    (text!("tok/s", "tok/s"), "output_throughput", false),
    (text!("E2EL P99", "E2EL P99"), "p99_e2el_ms", true),
    (text!("req/s", "请求/s"), "request_throughput", false),
];

/// A row a route; the difference is of P50 TTFT to the first.
pub(super) fn draw(summary: &Summary, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let title = |text: Text| text.get(look.lang);
    let mut columns = vec![
        Column::new(title(text!(" route", " 路由")), 12).grows(30),
        Column::new(title(text!("done", "完成")), 6).right(),
        Column::new(title(text!("failed", "失败")), 6).right(),
        Column::new(look.sign("Δ TTFT", "diff"), 7).right().drop(3),
    ];
    for ((head, ..), drop) in FIGURES.into_iter().zip([0, 0, 0, 2, 1, 4, 5]) {
        columns.push(Column::new(title(head), 8).right().drop(drop));
    }
    let first = summary.routes.first().and_then(|route| route.metrics.get("median_ttft_ms")).copied();
    let cell = |row: usize, column: usize| {
        let Some(route) = summary.routes.get(row) else { return Cell::default() };
        let figure_of = |key: &str| route.metrics.get(key).copied();
        match column {
            0 => Cell::new(format!(" {}", route.name), ink.plain),
            1 => Cell::new(figure::count(route.completed), ink.strong),
            2 if route.failed > 0 => Cell::new(format!("!{}", figure::count(route.failed)), ink.act),
            2 => Cell::new("0", ink.plain),
            3 => {
                let change = figure_of("median_ttft_ms").zip(first).filter(|&(_, first)| row > 0 && first > 0.0);
                Cell::new(change.map(|(ms, first)| format!("{} %", signed(ms * 100.0 / first - 100.0))).unwrap_or_default(), ink.plain)
            }
            _ => {
                let Some((_, key, ms)) = column.checked_sub(4).and_then(|at| FIGURES.get(at)) else { return Cell::default() };
                let value = figure_of(key);
                let text = if *ms { latency(value) } else { value.map_or_else(|| "n/a".to_owned(), figure::compact) };
                Cell::new(text, if value.is_some() { ink.plain } else { ink.unsure })
            }
        }
    };
    // No row of it is under the cursor.
    Table::new(&columns, summary.routes.len().min(usize::from(area.height.saturating_sub(1))), usize::MAX, cell)
        .title_style(ink.unsure)
        .ascii(look.ascii)
        .render(area, pen.buf);
}
