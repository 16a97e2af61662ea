//! The list as it is drawn: a row a result, and below it what of the one under the cursor fits.

use super::{ListView, rule, words};
use crate::{
    base::{Lang, Said, Text},
    console::{
        look::Look,
        results::Listed,
        tabs::load::{
            pen::{Pen, cells},
            words::{asked, host, latency, percent},
        },
    },
    said, text,
};
use dcudeck_widgets::{Column, Table, figure, table::Cell};
use ratatui::{layout::Rect, widgets::Widget as _};

/// Rows from which the result under the cursor is told in more detail.
const DETAIL_ROWS: u16 = 14;

impl ListView {
    pub(in super::super) fn draw(&self, waiting: Option<Text>, area: Rect, pen: &mut Pen<'_>) {
        let look = pen.look;
        let shown = self.rows.len();
        let all = self.count().unwrap_or(0);
        let lang = look.lang;
        let mut title = text!("history", "历史").get(lang).to_owned();
        if !self.filter.is_empty() {
            title.push_str(&format!("  / {}", self.filter));
        }
        let state = match (waiting, self.marked.len()) {
            (Some(doing), _) => doing.get(lang).to_owned(),
            (None, 0) if shown == all => said!("{all} results · ms", "{all} 个结果 · ms").get(lang).to_owned(),
            (None, 0) => said!("{shown} of {all} results · ms", "{shown} / {all} 个结果 · ms").get(lang).to_owned(),
            (None, marked) => said!("{marked} marked · {all} results · ms", "已标记 {marked} · 共 {all} · ms").get(lang).to_owned(),
        };
        rule(&title, &state, area, 0, pen);
        let (table, detail) = parts(area);
        if shown == 0 {
            self.empty(waiting.is_some(), table, pen);
            return;
        }
        let columns = columns(lang);
        let cell = |row: usize, column: usize| self.get(row).map(|listed| self.cell(listed, row, column, pen.look)).unwrap_or_default();
        let ink = &look.theme;
        Table::new(&columns, shown, self.cursor, cell)
            .title_style(ink.unsure)
            .sorted(Some(self.by.column()), ink.strong)
            .cursor_style(ink.cursor)
            .ascii(look.ascii)
            .render(table, pen.buf);
        if let Some(listed) = self.here().filter(|_| detail.height > 0) {
            foot(listed, detail, pen);
        }
    }

    fn empty(&self, reading: bool, area: Rect, pen: &mut Pen<'_>) {
        let ink = &pen.look.theme;
        let width = area.width.saturating_sub(2);
        let (what, style): (Said, _) = match (&self.trouble, &self.entries) {
            (Some(trouble), _) => (trouble.clone(), ink.act),
            (None, None) if reading => (text!("reading the results …", "正在读取结果……").into(), ink.plain),
            (None, Some(entries)) if !entries.is_empty() => {
                (text!("no result has all of these words", "没有符合条件的结果").into(), ink.plain)
            }
            _ => (
                text!(
                    "every load test ends up here, to be compared with later ones; Esc, then s starts the first",
                    "每次压测的结果都在这里，可与以后的比较；Esc 返回后按 s 开始第一次"
                )
                .into(),
                ink.plain,
            ),
        };
        for (y, line) in (1..).zip(crate::console::wrap::wrap(what.get(pen.look.lang), usize::from(width))) {
            pen.left(area, 1, y, width, &line, style);
        }
    }

    fn cell<'a>(&self, listed: &Listed, row: usize, column: usize, look: &Look) -> Cell<'a> {
        let ink = &look.theme;
        let entry = &listed.entry;
        let figure = |key: &str| entry.metrics.get(key).copied();
        let style = |value: Option<f64>| match value {
            None => ink.unsure,
            Some(_) if entry.client_limited => ink.unsure,
            Some(_) => ink.plain,
        };
        let ms = |key| Cell::new(latency(figure(key)), style(figure(key)));
        let rate = |key| Cell::new(figure(key).map_or_else(|| "n/a".to_owned(), figure::compact), style(figure(key)));
        match column {
            0 => {
                let here = if row == self.cursor { look.sign("▸", ">") } else { " " };
                let mark = if self.marked.contains(&entry.result_dir) { look.sign("●", "*") } else { " " };
                Cell::new(format!("{here}{mark}"), ink.accent)
            }
            1 => Cell::new(words::short_when(&listed.when).to_owned(), ink.plain),
            2 => Cell::new(entry.model.rsplit('/').next().unwrap_or_default().to_owned(), ink.plain),
            3 => Cell::new(words::lengths(entry.spec.as_ref(), look), ink.plain),
            // Of a series how far it is: its loads vary.
            4 => match (entry.cells, words::load(entry).get(look.lang)) {
                (Some((done, all)), kind) => Cell::new(format!("{kind} {done}/{all}"), ink.plain),
                (None, load) => Cell::new(load.to_owned(), ink.plain),
            },
            5 => ms("p99_ttft_ms"),
            6 => ms("median_tpot_ms"),
            7 => rate("output_throughput"),
            8 => match entry.slo_met {
                Some(false) => Cell::new(format!("!{}", figure("goodput").map_or_else(|| "n/a".to_owned(), figure::compact)), ink.act),
                Some(true) => Cell::new(figure("goodput").map_or_else(|| "n/a".to_owned(), figure::compact), ink.good),
                None => rate("goodput"),
            },
            9 => {
                let (sign, _, style) = words::state(&entry.state, look);
                let limited = if entry.client_limited { "~" } else { " " };
                let style = if entry.client_limited { ink.look } else { style };
                Cell::new(format!("{sign}{limited}"), style)
            }
            10 => Cell::new(words::state(&entry.state, look).1.get(look.lang).to_owned(), ink.plain),
            11 => ms("p99_tpot_ms"),
            12 => ms("p99_e2el_ms"),
            13 => rate("request_throughput"),
            14 => Cell::new(percent(figure("error_rate_pct")), if figure("failed").is_some_and(|n| n > 0.0) { ink.act } else { ink.plain }),
            15 => Cell::new(entry.spec.as_ref().map(|spec| spec.name.clone()).unwrap_or_default(), ink.plain),
            16 => Cell::new(entry.source.clone(), ink.plain),
            _ => Cell::new(entry.id.clone(), ink.plain),
        }
    }
}

/// The table's area and the area of what is told of the result under the cursor.
pub(super) fn parts(area: Rect) -> (Rect, Rect) {
    let body = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
    let detail = if area.height >= DETAIL_ROWS { 3 } else { 0 };
    let table = Rect { height: body.height - detail, ..body };
    (table, Rect { y: table.bottom(), height: detail, ..body })
}

fn columns(lang: Lang) -> [Column<'static>; 18] {
    const T: [Text; 18] = [
        text!("", ""),
        text!("when", "时间"),
        text!("model", "模型"),
        text!("in×out", "输入×输出"),
        text!("load", "负载"),
        text!("TTFT P99", "TTFT P99"),
        text!("TPOT P50", "TPOT P50"),
        text!("tok/s", "tok/s"),
        text!("goodput", "达标/s"),
        text!("", ""),
        text!("state", "状态"),
        text!("TPOT P99", "TPOT P99"),
        text!("E2EL P99", "E2EL P99"),
        text!("req/s", "请求/s"),
        text!("failed %", "失败 %"),
        text!("profile", "方案"),
        text!("tool", "工具"),
        text!("id", "编号"),
    ];
    let title = |at: usize| T.get(at).map_or("", |text| text.get(lang));
    [
        Column::new(title(0), 2),
        Column::new(title(1), 11),
        Column::new(title(2), 8).grows(24),
        Column::new(title(3), 9).grows(11).drop(2),
        Column::new(title(4), 10).grows(12),
        Column::new(title(5), 8).right(),
        Column::new(title(6), 8).right().drop(1),
        Column::new(title(7), 6).right(),
        Column::new(title(8), 7).right().drop(3),
        Column::new(title(9), 2),
        Column::new(title(10), 9).drop(4),
        Column::new(title(11), 8).right().drop(5),
        Column::new(title(12), 8).right().drop(6),
        Column::new(title(13), 7).right().drop(7),
        Column::new(title(14), 8).right().drop(8),
        Column::new(title(15), 10).grows(12).drop(9),
        Column::new(title(16), 7).drop(10),
        Column::new(title(17), 32).grows(44).drop(11),
    ]
}

/// What of `listed` fits on three rows.
fn foot(listed: &Listed, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let entry = &listed.entry;
    let (_, word, _) = words::state(&entry.state, look);
    rule(&entry.id, word.get(look.lang), area, 0, pen);
    let figure = |key: &str| entry.metrics.get(key).copied();
    let asked = entry.spec.as_ref().map_or_else(
        || Said::same(entry.source.clone()),
        |spec| {
            let Said { en, zh } = asked(spec);
            let host = host(&spec.target.url);
            Said { en: format!("{host} · {en}"), zh: format!("{host} · {zh}") }
        },
    );
    let mut x = pen.flow(area, 1, 1, asked.get(look.lang), ink.plain) + 3;
    for (label, what) in [
        ("TTFT P50", latency(figure("median_ttft_ms"))),
        ("TPOT P99", latency(figure("p99_tpot_ms"))),
        (text!("done", "完成").get(look.lang), counted(figure("completed"))),
        (text!("failed", "失败").get(look.lang), counted(figure("failed"))),
    ] {
        if x + cells(label) + cells(&what) + 1 > area.width {
            break;
        }
        x = pen.flow(area, x, 1, label, ink.plain) + 1;
        x = pen.flow(area, x, 1, &what, ink.strong) + 3;
    }
    let limited = text!("~ client-limited: its figures are about the load client", "~ 客户端受限：数字反映的是压测客户端");
    let mut x = 1;
    if entry.client_limited {
        x = pen.flow(area, x, 2, limited.get(look.lang), ink.look) + 3;
    }
    let dir = crate::base::clean(&entry.result_dir.display().to_string()).into_owned();
    pen.left(area, x, 2, area.width.saturating_sub(x + 1), &dir, ink.unsure);
}

/// How many, whole: a figure of a result that counts.
fn counted(figure_of: Option<f64>) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    figure_of.map_or_else(|| "n/a".to_owned(), |n| figure::count(n as u64))
}
