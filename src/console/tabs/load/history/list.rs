//! The list of all results: filter, order, marks, and what of the one under the cursor fits on three rows.

use super::{Entries, HistoryCommand, moved, rule, words};
use crate::{
    base::{Said, Text},
    bench::history::{Entry, last_comparable},
    console::{
        command::Command,
        results::Listed,
        tab::Explained,
        tabs::load::{
            pen::Pen,
            words::{asked, host, latency, percent},
        },
    },
    said, text,
};
use dcudeck_widgets::{
    Column, Table, figure,
    table::{Cell, row_at},
};
use ratatui::{
    layout::{Position, Rect},
    widgets::Widget as _,
};
use std::{
    cmp::Ordering,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Rows from which the result under the cursor is told in more detail.
const DETAIL_ROWS: u16 = 14;

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum By {
    #[default]
    When,
    Model,
    Ttft,
    Tpot,
    Throughput,
    Goodput,
}

impl By {
    const ALL: [Self; 6] = [Self::When, Self::Model, Self::Ttft, Self::Tpot, Self::Throughput, Self::Goodput];

    fn next(self) -> Self {
        let at = Self::ALL.iter().position(|&by| by == self).unwrap_or(0);
        Self::ALL.get((at + 1) % Self::ALL.len()).copied().unwrap_or_default()
    }

    /// Its column in the table.
    const fn column(self) -> usize {
        match self {
            Self::When => 1,
            Self::Model => 2,
            Self::Ttft => 5,
            Self::Tpot => 6,
            Self::Throughput => 7,
            Self::Goodput => 8,
        }
    }

    const fn key(self) -> Option<&'static str> {
        match self {
            Self::When | Self::Model => None,
            Self::Ttft => Some("p99_ttft_ms"),
            Self::Tpot => Some("median_tpot_ms"),
            Self::Throughput => Some("output_throughput"),
            Self::Goodput => Some("goodput"),
        }
    }
}

/// The list.
#[derive(Debug, Clone, Default)]
pub(super) struct ListView {
    /// `None` until it was read.
    entries: Option<Entries>,
    /// Why it could not be read.
    trouble: Option<Said>,
    filter: String,
    by: By,
    /// Which of the rows shown the cursor is on.
    cursor: usize,
    /// Marked for a comparison, in the order of marking.
    marked: Vec<PathBuf>,
}

impl ListView {
    pub(super) fn count(&self) -> Option<usize> {
        self.entries.as_ref().map(|entries| entries.len())
    }

    /// Takes the list in; false when it is the same. The cursor stays on its result.
    pub(super) fn take(&mut self, entries: &Entries) -> bool {
        if self.trouble.is_none() && self.entries.as_ref() == Some(entries) {
            return false;
        }
        let here = self.here().map(|listed| listed.entry.result_dir.clone());
        self.trouble = None;
        self.entries = Some(Arc::clone(entries));
        self.marked.retain(|dir| entries.iter().any(|listed| listed.entry.result_dir == *dir));
        self.stay_on(here.as_deref());
        true
    }

    pub(super) fn refused(&mut self, why: Said) {
        self.trouble = Some(why);
    }

    /// The result in `dir` is gone.
    pub(super) fn forget(&mut self, dir: &Path) {
        self.marked.retain(|marked| marked != dir);
        if let Some(entries) = &self.entries {
            self.entries = Some(entries.iter().filter(|listed| listed.entry.result_dir != dir).cloned().collect());
        }
        self.cursor = self.cursor.min(self.shown().len().saturating_sub(1));
    }

    fn stay_on(&mut self, dir: Option<&Path>) {
        let shown = self.shown();
        let at = shown.iter().position(|listed| Some(listed.entry.result_dir.as_path()) == dir);
        self.cursor = at.unwrap_or_else(|| self.cursor.min(shown.len().saturating_sub(1)));
    }

    /// The results that pass the filter, in their order.
    fn shown(&self) -> Vec<&Listed> {
        let Some(entries) = &self.entries else { return Vec::new() };
        let words: Vec<String> = self.filter.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let mut shown: Vec<&Listed> = entries
            .iter()
            .filter(|listed| {
                let text = haystack(listed);
                words.iter().all(|word| text.contains(word))
            })
            .collect();
        match (self.by, self.by.key()) {
            (By::Model, _) => shown.sort_by(|a, b| a.entry.model.cmp(&b.entry.model)),
            (_, Some(key)) => shown.sort_by(|a, b| {
                let figure = |listed: &Listed| listed.entry.metrics.get(key).copied();
                match (figure(a), figure(b)) {
                    (Some(a), Some(b)) => b.total_cmp(&a),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => Ordering::Equal,
                }
            }),
            // As the list comes: newest first.
            (_, None) => {}
        }
        shown
    }

    /// The result under the cursor.
    pub(super) fn here(&self) -> Option<&Listed> {
        self.shown().get(self.cursor).copied()
    }

    pub(super) fn filter(&self) -> &str {
        &self.filter
    }

    pub(super) fn set_filter(&mut self, filter: &str) {
        let here = self.here().map(|listed| listed.entry.result_dir.clone());
        filter.clone_into(&mut self.filter);
        self.stay_on(here.as_deref());
    }

    fn last_comparable(&self) -> Option<&Entry> {
        let entries: Vec<Entry> = self.entries.as_ref()?.iter().map(|listed| listed.entry.clone()).collect();
        let dir = last_comparable(&entries, &self.here()?.entry)?.result_dir.clone();
        self.entries.as_ref()?.iter().map(|listed| &listed.entry).find(|entry| entry.result_dir == dir)
    }

    /// The marked results, the oldest first; with one mark that and the one under the cursor; with none the one under the cursor
    /// and its last comparable.
    pub(super) fn to_compare(&self) -> Option<Vec<PathBuf>> {
        let here = self.here()?.entry.result_dir.clone();
        let mut dirs = self.marked.clone();
        match dirs.as_slice() {
            [] => dirs = vec![self.last_comparable()?.result_dir.clone(), here],
            [one] if *one == here => dirs.insert(0, self.last_comparable()?.result_dir.clone()),
            [_] => dirs.push(here),
            _ => {}
        }
        if self.marked.len() > 1 {
            let begun = |dir: &PathBuf| {
                let entries = self.entries.iter().flat_map(|entries| entries.iter());
                entries.map(|listed| &listed.entry).find(|entry| entry.result_dir == *dir).and_then(|entry| entry.started_at.clone())
            };
            dirs.sort_by_key(begun);
        }
        Some(dirs)
    }

    pub(super) fn why_no_comparison(&self) -> Option<Said> {
        let none = || said!("no earlier result asked the same: mark two with space", "之前没有相同条件的结果：按空格标记两个");
        (self.marked.len() < 2 && self.to_compare().is_none()).then(none)
    }

    pub(super) fn why_no_form(&self) -> Option<Said> {
        let none = self.here().is_some_and(|listed| listed.entry.spec.is_none());
        none.then(|| said!("an imported result does not say what was asked", "导入的结果没有压测配置"))
    }

    pub(super) fn why_no_delete(&self) -> Option<Said> {
        let running = self.here().is_some_and(|listed| listed.entry.state == "running");
        running.then(|| said!("it is still running: stop it first", "仍在运行：请先停止"))
    }

    pub(super) fn command(&mut self, command: Command) {
        let len = self.shown().len();
        if let Some(to) = moved(command, self.cursor, len) {
            self.cursor = to;
            return;
        }
        match command {
            Command::History(HistoryCommand::Mark) => {
                let Some(dir) = self.here().map(|listed| listed.entry.result_dir.clone()) else { return };
                match self.marked.iter().position(|marked| *marked == dir) {
                    Some(at) => {
                        self.marked.remove(at);
                    }
                    None => self.marked.push(dir),
                }
                self.cursor = (self.cursor + 1).min(len.saturating_sub(1));
            }
            Command::History(HistoryCommand::Sort) => {
                let here = self.here().map(|listed| listed.entry.result_dir.clone());
                self.by = self.by.next();
                self.stay_on(here.as_deref());
            }
            _ => {}
        }
    }

    pub(super) fn click(&mut self, area: Rect, at: Position) -> bool {
        let len = self.shown().len();
        match row_at(parts(area).0, self.cursor, len, at.y) {
            Some(row) if row != self.cursor => {
                self.cursor = row;
                true
            }
            _ => false,
        }
    }

    /// The result under the cursor as a line of text.
    pub(super) fn row_text(&self) -> Option<String> {
        self.here().map(line)
    }

    /// All that are shown, a line each.
    pub(super) fn all_text(&self) -> String {
        self.shown().into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn explain(&self) -> Option<Explained> {
        let Listed { entry, when } = self.here()?;
        let dir = entry.result_dir.display().to_string();
        let limited = if entry.client_limited {
            said!(
                "yes: its figures are about the load client, not the server; compare it with nothing",
                "是：数字反映的是压测客户端而非服务器；不宜比较"
            )
        } else {
            said!("no: the client kept up", "否：客户端跟得上")
        };
        let source = &entry.source;
        let state = &entry.state;
        let rows = vec![
            (text!("when", "时间"), said!("{when}, local time", "{when}，本地时间")),
            (text!("asked", "条件"), entry.spec.as_ref().map_or_else(|| Said::same("n/a"), asked)),
            (text!("state", "状态"), said!("{state}; made by {source}", "{state}；由 {source} 生成")),
            (text!("client-limited", "客户端受限"), limited),
            (
                text!("columns", "列"),
                said!(
                    "P99 of TTFT and P50 of TPOT over requests that succeeded, ms; output tokens and requests that met every goal, per second",
                    "成功请求的 TTFT P99 与 TPOT P50，ms；每秒输出 token 与每秒达标请求"
                ),
            ),
            (text!("folder", "文件夹"), Said::same(crate::base::clean(&dir))),
        ];
        Some(Explained { title: Said::same(entry.id.clone()), rows })
    }

    pub(super) fn draw(&self, reading: bool, area: Rect, pen: &mut Pen<'_>) {
        let look = pen.look;
        let shown = self.shown();
        let all = self.count().unwrap_or(0);
        let lang = look.lang;
        let mut title = text!("history", "历史").get(lang).to_owned();
        if !self.filter.is_empty() {
            title.push_str(&format!("  / {}", self.filter));
        }
        let state = match (reading && self.entries.is_none(), self.marked.len()) {
            (true, _) => text!("reading", "读取中").get(lang).to_owned(),
            (false, 0) if shown.len() == all => said!("{all} results · ms", "{all} 个结果 · ms").get(lang).to_owned(),
            (false, 0) => said!("{} of {all} results · ms", "{} / {all} 个结果 · ms", shown.len()).get(lang).to_owned(),
            (false, marked) => said!("{marked} marked · {all} results · ms", "已标记 {marked} · 共 {all} · ms").get(lang).to_owned(),
        };
        rule(&title, &state, area, 0, pen);
        let (table, detail) = parts(area);
        if shown.is_empty() {
            self.empty(reading, table, pen);
            return;
        }
        let columns = columns(lang);
        let cell = |row: usize, column: usize| shown.get(row).map(|listed| self.cell(listed, row, column, pen.look)).unwrap_or_default();
        let ink = &look.theme;
        Table::new(&columns, shown.len(), self.cursor, cell)
            .title_style(ink.unsure)
            .sorted(Some(self.by.column()), ink.strong)
            .cursor_style(ink.cursor)
            .ascii(look.ascii)
            .render(table, pen.buf);
        if let Some(listed) = shown.get(self.cursor).filter(|_| detail.height > 0) {
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

    fn cell<'a>(&self, listed: &Listed, row: usize, column: usize, look: &crate::console::look::Look) -> Cell<'a> {
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
            // Of a series the lengths vary: how far it is says more.
            3 => match entry.cells {
                Some((done, all)) => Cell::new(format!("{done}/{all}"), ink.plain),
                None => Cell::new(words::lengths(entry.spec.as_ref(), look), ink.plain),
            },
            4 => Cell::new(words::load(entry).get(look.lang).to_owned(), ink.plain),
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
fn parts(area: Rect) -> (Rect, Rect) {
    let body = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
    let detail = if area.height >= DETAIL_ROWS { 3 } else { 0 };
    let table = Rect { height: body.height - detail, ..body };
    (table, Rect { y: table.bottom(), height: detail, ..body })
}

fn columns(lang: crate::base::Lang) -> [Column<'static>; 18] {
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
        Column::new(title(2), 9).grows(24),
        Column::new(title(3), 9).grows(14).drop(2),
        Column::new(title(4), 9).grows(13),
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
        Column::new(title(15), 10).grows(18).drop(9),
        Column::new(title(16), 8).grows(10).drop(10),
        Column::new(title(17), 24).grows(44).drop(11),
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
        if x + super::super::pen::cells(label) + super::super::pen::cells(&what) + 1 > area.width {
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

/// A result as tab-separated `name=value`, English and full precision.
fn line(listed: &Listed) -> String {
    let entry = &listed.entry;
    let mut line = format!("{}\t{}\t{}\t{}", entry.id, listed.when, entry.model, entry.state);
    for key in ["p99_ttft_ms", "median_tpot_ms", "output_throughput", "goodput", "request_throughput", "error_rate_pct"] {
        let value = entry.metrics.get(key).map_or_else(|| "n/a".to_owned(), |v| format!("{v:.3}"));
        line.push_str(&format!("\t{key}={value}"));
    }
    line
}

/// Everything of a result that a filter may name.
fn haystack(listed: &Listed) -> String {
    let entry = &listed.entry;
    let spec = entry.spec.as_ref().map(|spec| format!("{} {} {}", spec.name, spec.target.url, asked(spec).en)).unwrap_or_default();
    let load = words::load(entry);
    let (word, limited) = (&entry.state, if entry.client_limited { "limited" } else { "" });
    format!("{} {} {} {word} {} {spec} {} {} {limited}", entry.id, listed.when, entry.model, entry.source, load.en, load.zh).to_lowercase()
}

/// How many, whole: a figure of a result that counts.
fn counted(figure_of: Option<f64>) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    figure_of.map_or_else(|| "n/a".to_owned(), |n| figure::count(n as u64))
}
