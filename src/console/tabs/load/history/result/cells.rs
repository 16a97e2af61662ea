//! The cells of a matrix, the steps of a search: a row each.

use super::{ResultView, figures::cache};
use crate::{
    base::{Lang, Text},
    bench::live::{Cell as Step, CellState},
    console::{
        look::Look,
        tabs::load::{history::rule, pen::Pen, words::latency},
    },
    said, text,
};
use dcudeck_widgets::{Column, Table, figure, table::Cell};
use ratatui::{layout::Rect, widgets::Widget as _};

impl ResultView {
    pub(super) fn cells(&self, steps: &[Step], waiting: Option<Text>, head: Rect, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let lang = look.lang;
        let done = steps.iter().filter(|cell| cell.state == CellState::Done).count();
        let all = steps.len();
        let title = said!("cells", "单元");
        let state = waiting.map_or_else(|| format!("{done}/{all} · ms"), |doing| doing.get(lang).to_owned());
        rule(title.get(lang), &state, head, 0, pen);
        let columns = cell_columns(lang);
        let marks = self.opened.series.as_ref().map(|series| (series.best.clone(), series.knee.clone())).unwrap_or_default();
        let cell = |row: usize, column: usize| {
            steps.get(row).map(|cell| step_cell(cell, column, row == self.cursor, &marks, pen.look)).unwrap_or_default()
        };
        Table::new(&columns, steps.len(), self.cursor, cell)
            .title_style(ink.unsure)
            .cursor_style(ink.cursor)
            .ascii(look.ascii)
            .render(area, pen.buf);
    }
}

fn cell_columns(lang: Lang) -> [Column<'static>; 10] {
    const T: [Text; 10] = [
        text!("", ""),
        text!("cell", "单元"),
        text!("load", "负载"),
        text!("TTFT P99", "TTFT P99"),
        text!("TPOT P50", "TPOT P50"),
        text!("tok/s", "tok/s"),
        text!("goodput", "达标/s"),
        text!("cache", "缓存"),
        text!("state", "状态"),
        text!("", ""),
    ];
    let title = |at: usize| T.get(at).map_or("", |text| text.get(lang));
    [
        Column::new(title(0), 1),
        Column::new(title(1), 16).grows(28),
        Column::new(title(2), 8).drop(1),
        Column::new(title(3), 8).right(),
        Column::new(title(4), 8).right(),
        Column::new(title(5), 7).right(),
        Column::new(title(6), 7).right().drop(2),
        Column::new(title(7), 5).drop(3),
        Column::new(title(8), 9),
        Column::new(title(9), 1).grows(80).drop(4),
    ]
}

fn step_cell<'a>(cell: &Step, column: usize, here: bool, marks: &(Option<String>, Option<String>), look: &Look) -> Cell<'a> {
    let ink = &look.theme;
    let figure_of = |key: &str| cell.metrics.get(key).copied();
    let limited = cell.client_limited == Some(true);
    let style = |value: Option<f64>| if value.is_none() || limited { ink.unsure } else { ink.plain };
    match column {
        0 => Cell::new(if here { look.sign("▸", ">") } else { " " }, ink.accent),
        1 => Cell::new(cell.key.clone(), ink.plain),
        2 => {
            let load = cell.concurrency.map(|users| users.to_string()).or(cell.rate.map(|rate| format!("{rate}/s")));
            Cell::new(load.unwrap_or_else(|| "n/a".to_owned()), ink.plain)
        }
        3 => Cell::new(latency(figure_of("p99_ttft_ms")), style(figure_of("p99_ttft_ms"))),
        4 => Cell::new(latency(figure_of("median_tpot_ms")), style(figure_of("median_tpot_ms"))),
        5 => Cell::new(figure::fixed(figure_of("output_throughput"), 7).trim().to_owned(), style(figure_of("output_throughput"))),
        6 => Cell::new(
            {
                let missed = if cell.slo_met == Some(false) { "!" } else { "" };
                figure_of("goodput").map_or_else(|| "n/a".to_owned(), |v| format!("{missed}{}", figure::compact(v)))
            },
            match cell.slo_met {
                Some(true) => ink.good,
                Some(false) => ink.act,
                None => style(figure_of("goodput")),
            },
        ),
        7 => Cell::new(cache(cell.cache, look.lang), ink.plain),
        8 => {
            let (sign, word, style) = match cell.state {
                CellState::Waiting => (look.sign("·", "."), text!("waiting", "等待"), ink.unsure),
                CellState::Running => (look.sign("◐", "o"), text!("running", "运行"), ink.accent),
                CellState::Done if limited => ("~", text!("limited", "受限"), ink.look),
                CellState::Done => (look.sign("✔", "+"), text!("done", "完成"), ink.good),
                CellState::Failed => (look.sign("✖", "x"), text!("failed", "失败"), ink.act),
                CellState::Skipped => (look.sign("–", "-"), text!("skipped", "跳过"), ink.unsure),
            };
            Cell::new(format!("{sign} {}", word.get(look.lang)), style)
        }
        _ => {
            let (best, knee) = marks;
            let mut what = String::new();
            if best.as_ref() == Some(&cell.key) {
                what.push_str(&format!("{} {}  ", look.sign("★", "*"), text!("best", "最佳").get(look.lang)));
            }
            if knee.as_ref() == Some(&cell.key) {
                what.push_str(&format!("{} {}  ", look.sign("◆", "+"), text!("knee", "拐点").get(look.lang)));
            }
            what.push_str(cell.failure.as_deref().unwrap_or_default());
            Cell::new(what, if cell.failure.is_some() { ink.act } else { ink.accent })
        }
    }
}
