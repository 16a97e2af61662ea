//! The requests of a result: sorted, filtered, a row each.

use super::ResultView;
use crate::{
    base::{Lang, Text},
    console::{
        look::Look,
        results::{
            Requests,
            requests::{By, Request},
        },
        tabs::load::{history::rule, pen::Pen, words::latency},
    },
    said, text,
};
use dcudeck_widgets::{Column, Table, figure, table::Cell};
use ratatui::{layout::Rect, widgets::Widget as _};

impl ResultView {
    pub(super) fn request_list(&self, waiting: Option<Text>, head: Rect, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let lang = look.lang;
        let by = self.wish.by.word();
        let mut title = said!("requests by {}", "请求，按{}", by.get(lang)).get(lang).to_owned();
        if self.wish.failed_first {
            title.push_str(text!(", failed first", "，失败在前").get(lang));
        }
        if !self.wish.filter.is_empty() {
            title.push_str(&format!("  / {}", self.wish.filter));
        }
        let state = match &self.requests {
            _ if waiting.is_some() => waiting.map(|doing| doing.get(lang).to_owned()).unwrap_or_default(),
            None => text!("reading …", "读取中……").get(lang).to_owned(),
            Some(Requests { read_pct: Some(pct), rows, .. }) => {
                let first = figure::count(count(rows.len()));
                said!("the first {first}, reading {pct:.0} %", "前 {first} 个，已读 {pct:.0} %").get(lang).to_owned()
            }
            Some(requests) if requests.order.len() == requests.rows.len() => format!("{} · ms", figure::count(count(requests.rows.len()))),
            Some(requests) => {
                format!("{} / {} · ms", figure::count(count(requests.order.len())), figure::count(count(requests.rows.len())))
            }
        };
        rule(&title, &state, head, 0, pen);
        let Some(requests) = &self.requests else { return };
        if requests.order.is_empty() && requests.read_pct.is_some() {
            return;
        }
        if requests.order.is_empty() {
            let what = if requests.rows.is_empty() {
                text!("the run kept no requests", "结果中没有请求")
            } else {
                text!("no request is like that", "没有符合条件的请求")
            };
            pen.left(area, 1, 1, area.width.saturating_sub(2), what.get(lang), ink.plain);
            return;
        }
        let failures = self.opened.summary.as_ref().is_some_and(|summary| summary.failed > 0);
        let routes = self.opened.summary.as_ref().is_some_and(|summary| !summary.routes.is_empty());
        let all = request_columns(lang, failures);
        let columns = if routes { &all[..] } else { all.split_last().map_or(&all[..], |(_, most)| most) };
        let cell = |row: usize, column: usize| {
            requests.get(row).map(|request| self.request_cell(request, column, row == self.cursor, pen.look)).unwrap_or_default()
        };
        let sorted = match self.wish.by {
            By::Time => 2,
            By::Ttft => 3,
            By::Tpot => 4,
            By::E2el => 5,
            By::LongestGap => 6,
            By::Queue => 7,
            By::Tokens => 8,
        };
        Table::new(columns, requests.order.len(), self.cursor, cell)
            .title_style(ink.unsure)
            .sorted(Some(sorted), ink.strong)
            .cursor_style(ink.cursor)
            .ascii(look.ascii)
            .render(area, pen.buf);
    }

    fn request_cell<'a>(&self, request: &Request, column: usize, here: bool, look: &Look) -> Cell<'a> {
        let ink = &look.theme;
        let ms = |by| {
            let value = request.figure(by);
            Cell::new(latency(value), if value.is_some() { ink.plain } else { ink.unsure })
        };
        match column {
            0 => Cell::new(if here { look.sign("▸", ">") } else { " " }, ink.accent),
            1 => Cell::new(format!("{}{}", if request.warmup { "w" } else { "" }, request.i), ink.plain),
            2 => Cell::new(format!("{:.2}", request.planned_us as f64 / 1e6), ink.plain),
            3 => ms(By::Ttft),
            4 => ms(By::Tpot),
            5 => ms(By::E2el),
            6 => ms(By::LongestGap),
            7 => ms(By::Queue),
            8 => Cell::new(figure::count(request.output_tokens), ink.plain),
            9 => match &request.error {
                Some(error) => Cell::new(format!("! {}  {}", error.0, error.1), ink.act),
                None => Cell::default(),
            },
            _ => {
                let routes = self.opened.summary.as_ref().map(|summary| summary.routes.as_slice()).unwrap_or_default();
                let name = routes.get(usize::from(request.route)).map_or_else(|| request.route.to_string(), |route| route.name.clone());
                Cell::new(name, ink.plain)
            }
        }
    }
}

/// With `failures` what went wrong gets room before other figures do.
fn request_columns(lang: Lang, failures: bool) -> [Column<'static>; 11] {
    const T: [Text; 11] = [
        text!("", ""),
        text!("#", "#"),
        text!("at s", "时刻 s"),
        text!("TTFT", "TTFT"),
        text!("TPOT", "TPOT"),
        text!("E2EL", "E2EL"),
        text!("gap", "间隔"),
        text!("queue", "排队"),
        text!("tokens", "token"),
        text!("", ""),
        text!("route", "路由"),
    ];
    let title = |at: usize| T.get(at).map_or("", |text| text.get(lang));
    [
        Column::new(title(0), 1),
        Column::new(title(1), 7).right(),
        Column::new(title(2), 7).right().drop(3),
        Column::new(title(3), 7).right(),
        Column::new(title(4), 7).right(),
        Column::new(title(5), 7).right().drop(1),
        Column::new(title(6), 7).right(),
        Column::new(title(7), 6).right().drop(2),
        Column::new(title(8), 6).right().drop(1),
        Column::new(title(9), if failures { 22 } else { 1 }).grows(120),
        Column::new(title(10), 8).grows(20).drop(4),
    ]
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
