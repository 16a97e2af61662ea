//! One result: how it stands against the last comparable one, its figures, and below them its requests or its cells.

use super::{HistoryCommand, Step, moved, regression_row, rule, words};
use crate::{
    base::{Lang, Said, Text},
    bench::{
        live::{Cache, Cell as Step1, CellState},
        series,
        summary::Summary,
    },
    console::{
        command::Command,
        look::Look,
        results::{
            Opened, Requests, Wanted,
            requests::{By, Request, Wish},
        },
        tab::{Effect, Explained, Live},
        tabs::load::{
            LoadCommand,
            pen::Pen,
            words::{asked, latency, percent},
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
use std::path::Path;

/// Rows of the figures: headings and four latencies.
const FIGURES: u16 = 5;
/// First column of what stands beside the latencies.
const BESIDE_X: u16 = 52;
/// Samples below which a P99 is uncertain: three beyond it.
const P99_SAMPLES: u64 = 300;

/// One result.
#[derive(Debug, Clone)]
pub(super) struct ResultView {
    opened: Opened,
    /// What a series shows, a sentence each.
    findings: Vec<Said>,
    /// `None` until they were read.
    requests: Option<Requests>,
    /// What was asked of them last.
    wish: Wish,
    cursor: usize,
}

impl ResultView {
    pub(super) fn new(opened: &Opened) -> Self {
        Self { opened: opened.clone(), findings: findings(opened), requests: None, wish: Wish::default(), cursor: 0 }
    }

    pub(super) fn renew(&mut self, opened: &Opened) {
        self.opened = opened.clone();
        self.findings = findings(opened);
    }

    pub(super) fn dir(&self) -> &Path {
        &self.opened.dir
    }

    /// Takes requests in, if they are this result's and the last asked for.
    pub(super) fn take(&mut self, requests: &Requests) -> bool {
        if requests.dir != self.opened.dir || (requests.wish != self.wish && self.requests.is_some()) {
            return false;
        }
        self.cursor = self.cursor.min(requests.order.len().saturating_sub(1));
        self.requests = Some(requests.clone());
        true
    }

    fn series(&self) -> Option<&[Step1]> {
        self.opened.series.as_ref().map(|series| series.cells.as_slice())
    }

    /// Rows of the list.
    fn len(&self) -> usize {
        match (self.series(), &self.requests) {
            (Some(cells), _) => cells.len(),
            (None, Some(requests)) => requests.order.len(),
            (None, None) => 0,
        }
    }

    pub(super) fn filter(&self) -> &str {
        &self.wish.filter
    }

    pub(super) fn set_filter(&mut self, filter: &str) -> Vec<Effect> {
        if self.wish.filter == filter {
            return Vec::new();
        }
        self.wish(Wish { filter: filter.to_owned(), ..self.wish.clone() })
    }

    fn wish(&mut self, wish: Wish) -> Vec<Effect> {
        self.wish = wish.clone();
        self.cursor = 0;
        vec![Effect::Results(Wanted::Requests { dir: self.opened.dir.clone(), wish }), Effect::Redraw]
    }

    pub(super) fn commands(&self) -> Vec<Live> {
        use Command as C;
        use HistoryCommand as H;
        let own = |command| C::History(command);
        let no_spec = self.spec().is_none().then(|| said!("the result does not say what was asked", "结果中没有压测配置"));
        let no_base = self.opened.against.is_none().then(|| said!("no earlier result asked the same", "之前没有相同条件的结果"));
        let empty = (self.len() == 0).then(|| said!("nothing is listed", "列表为空"));
        let mut live = vec![Live::unless(C::Open, empty)];
        if self.series().is_none() {
            live.extend([Live::ready(own(H::Sort)), Live::ready(own(H::FailedFirst)), Live::ready(C::Search)]);
        }
        live.extend([
            Live::unless(own(H::Compare), no_base),
            Live::unless(C::Load(LoadCommand::Edit), no_spec.clone()),
            Live::ready(C::Back),
            Live::ready(C::CopyRow),
            Live::ready(C::CopyPanel),
            Live::unless(C::CopyCommand, no_spec),
            Live::ready(own(H::Show)),
            Live::ready(own(H::Delete)),
        ]);
        live
    }

    fn spec(&self) -> Option<&crate::bench::spec::Spec> {
        let listed = self.opened.listed.as_ref().and_then(|listed| listed.entry.spec.as_ref());
        self.opened.summary.as_ref().map(|summary| &summary.profile).or(listed)
    }

    pub(super) fn command(&mut self, command: Command) -> Step {
        use HistoryCommand as H;
        if let Some(to) = moved(command, self.cursor, self.len()) {
            self.cursor = to;
            return Step::redraw();
        }
        match command {
            Command::Open => self.open(),
            Command::History(H::Sort) => Step::of(self.wish(Wish { by: self.wish.by.next(), ..self.wish.clone() })),
            Command::History(H::FailedFirst) => Step::of(self.wish(Wish { failed_first: !self.wish.failed_first, ..self.wish.clone() })),
            Command::History(H::Compare) => match &self.opened.against {
                Some(against) => {
                    let dirs = vec![against.base.entry.result_dir.clone(), self.opened.dir.clone()];
                    Step::of(vec![Effect::Results(Wanted::Compare(dirs)), Effect::Redraw])
                }
                None => Step::default(),
            },
            Command::History(H::Delete) => self.opened.listed.as_ref().map(|listed| Step::of(super::delete(listed))).unwrap_or_default(),
            Command::Load(LoadCommand::Edit) => match self.spec() {
                Some(spec) => Step { effects: vec![Effect::Redraw], leave: Some(super::Leave::Form(Box::new(spec.clone()))) },
                None => Step::default(),
            },
            Command::CopyRow => Step::of(self.row_text().map(Effect::Copy).into_iter().collect()),
            Command::CopyPanel => Step::of(vec![Effect::Copy(self.figures_text())]),
            Command::CopyCommand => Step::of(self.spec().map(|spec| Effect::Copy(super::super::as_command(spec))).into_iter().collect()),
            _ => Step::default(),
        }
    }

    /// Opens the request or the cell under the cursor.
    fn open(&self) -> Step {
        let wanted = match (self.series(), &self.requests) {
            (Some(cells), _) => cells
                .get(self.cursor)
                .filter(|cell| !matches!(cell.state, CellState::Waiting | CellState::Skipped))
                .map(|cell| Wanted::Open { dir: self.opened.dir.join("cells").join(&cell.key), live: cell.state == CellState::Running }),
            (None, Some(requests)) => {
                requests.get(self.cursor).map(|row| Wanted::Autopsy {
                    dir: self.opened.dir.clone(),
                    warmup: row.warmup,
                    i: row.i,
                    route: row.route,
                })
            }
            (None, None) => None,
        };
        match wanted {
            Some(wanted) => Step::of(vec![Effect::Results(wanted), Effect::Redraw]),
            None => Step::default(),
        }
    }

    /// Moves the cursor by `by` and opens the request there.
    pub(super) fn open_neighbour(&mut self, by: isize) -> Step {
        let to = self.cursor.saturating_add_signed(by).min(self.len().saturating_sub(1));
        if to == self.cursor {
            return Step::default();
        }
        self.cursor = to;
        self.open()
    }

    pub(super) fn click(&mut self, area: Rect, at: Position) -> bool {
        match row_at(self.parts(area).2, self.cursor, self.len(), at.y) {
            Some(row) if row != self.cursor => {
                self.cursor = row;
                true
            }
            _ => false,
        }
    }

    fn row_text(&self) -> Option<String> {
        if let Some(cells) = self.series() {
            let cell = cells.get(self.cursor)?;
            let mut line = cell.key.clone();
            for (key, value) in &cell.metrics {
                line.push_str(&format!("\t{key}={value:.3}"));
            }
            return Some(line);
        }
        let row = self.requests.as_ref()?.get(self.cursor)?;
        let ms = |by| row.figure(by).map_or_else(|| "n/a".to_owned(), |v| format!("{v:.3}"));
        let error = row.error.as_ref().map(|error| format!("\terror={}: {}", error.0, error.1)).unwrap_or_default();
        Some(format!(
            "request {}\tplanned_ms={}\tttft_ms={}\ttpot_ms={}\te2el_ms={}\tlongest_gap_ms={}\tqueue_ms={}\ttokens={}{error}",
            row.i,
            ms(By::Time),
            ms(By::Ttft),
            ms(By::Tpot),
            ms(By::E2el),
            ms(By::LongestGap),
            ms(By::Queue),
            row.output_tokens
        ))
    }

    /// Every figure of the summary, a line each.
    fn figures_text(&self) -> String {
        let metrics = self.opened.summary.as_ref().map(|summary| summary.metrics()).unwrap_or_default();
        let mut out = self.opened.dir.display().to_string();
        for (key, value) in metrics {
            out.push_str(&format!("\n{key}\t{value}"));
        }
        out
    }

    pub(super) fn explain(&self) -> Explained {
        let title = Said::same(name(&self.opened.dir));
        let mut rows = vec![
            (
                text!("figures", "数字"),
                said!(
                    "over requests that succeeded, warm-up left out; percentiles interpolate between exact samples; ~ marks a P99 of fewer than {P99_SAMPLES}",
                    "仅计成功请求，不含预热；百分位在精确样本间线性插值；~ 表示样本少于 {P99_SAMPLES} 的 P99"
                ),
            ),
            (
                text!("± of P99", "P99 的 ±"),
                said!("half of its 95 % confidence interval, resampled by request", "95 % 置信区间的一半，按请求重采样"),
            ),
            (
                text!("filter", "过滤"),
                said!(
                    "failed, ok, warmup, ttft>500, tpot<20, e2el, gap, queue (ms), tokens>100, route=1, a request's number, a part of an error",
                    "failed、ok、warmup、ttft>500、tpot<20、e2el、gap、queue（ms）、tokens>100、route=1、请求编号、错误文字"
                ),
            ),
        ];
        // A row above the cells may have been too narrow for a sentence.
        rows.extend(self.findings.iter().map(|finding| (text!("finding", "发现"), finding.clone())));
        if let Some(against) = &self.opened.against {
            let id = &against.base.entry.id;
            rows.push((text!("against", "对比"), said!("{id}: the last result that asked the same", "{id}：上一个相同条件的结果")));
        }
        Explained { title, rows }
    }

    /// Rows of the regression, of the figures, of the list.
    fn parts(&self, area: Rect) -> (u16, u16, Rect) {
        let regression = u16::from(self.series().is_none() && area.height >= 8);
        let figures = match self.series() {
            // What it shows stands above the cells, which keep at least half of the screen.
            Some(_) => u16::try_from(self.findings.len()).unwrap_or(u16::MAX).min(area.height.saturating_sub(4) / 2),
            None if area.height >= 14 => FIGURES,
            None => 0,
        };
        let y = (1 + regression + figures + 1).min(area.height);
        (regression, figures, Rect { y: area.y + y, height: area.height - y, ..area })
    }

    pub(super) fn draw(&self, reading: bool, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let lang = look.lang;
        let listed = self.opened.listed.as_ref();
        let when = listed.map(|listed| words::short_when(&listed.when)).unwrap_or_default();
        let model = self.opened.summary.as_ref().map(|summary| summary.model_id.as_str());
        let model = model.or(listed.map(|listed| listed.entry.model.as_str())).unwrap_or_default();
        let asked = self.spec().map(|spec| asked(spec).get(lang).to_owned()).unwrap_or_default();
        let title = [when, model, &asked].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ");
        let title = if title.is_empty() { name(&self.opened.dir) } else { title };
        let state = listed.map(|listed| words::state(&listed.entry.state, look));
        let state = state.map(|(sign, word, _)| format!("{sign} {}", word.get(lang))).unwrap_or_default();
        rule(&title, &state, area, 0, pen);
        let (regression, figures, list) = self.parts(area);
        if regression > 0 {
            regression_row(self.opened.against.as_deref(), area, 1, pen);
        }
        if figures > 0 {
            let part = Rect { y: area.y + 1 + regression, height: figures, ..area };
            match &self.opened.summary {
                _ if self.series().is_some() => {
                    for (y, finding) in (0..figures).zip(&self.findings) {
                        let x = pen.left(part, 1, y, 2, look.sign("·", "-"), ink.accent);
                        pen.left(part, x, y, part.width.saturating_sub(x + 1), finding.get(lang), ink.plain);
                    }
                }
                Some(summary) => summary_figures(summary, part, pen),
                None => {
                    pen.left(part, 1, 1, part.width, text!("n/a: no summary yet", "n/a：尚无汇总").get(lang), ink.unsure);
                }
            }
        }
        let head = Rect { y: list.y.saturating_sub(1).max(area.y), height: u16::from(area.height > 1), ..area };
        match self.series() {
            Some(cells) => self.cells(cells, head, list, pen),
            None => self.request_list(reading, head, list, pen),
        }
    }

    fn request_list(&self, reading: bool, head: Rect, area: Rect, pen: &mut Pen<'_>) {
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
            _ if reading => text!("reading", "读取中").get(lang).to_owned(),
            None => String::new(),
            Some(requests) if requests.order.len() == requests.rows.len() => format!("{} · ms", figure::count(count(requests.rows.len()))),
            Some(requests) => {
                format!("{} / {} · ms", figure::count(count(requests.order.len())), figure::count(count(requests.rows.len())))
            }
        };
        rule(&title, &state, head, 0, pen);
        let Some(requests) = &self.requests else { return };
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
            requests.get(row).map(|request| request_cell(request, column, row == self.cursor, pen.look)).unwrap_or_default()
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

    fn cells(&self, steps: &[Step1], head: Rect, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let lang = look.lang;
        let done = steps.iter().filter(|cell| cell.state == CellState::Done).count();
        let all = steps.len();
        let title = said!("cells", "单元");
        rule(title.get(lang), &format!("{done}/{all} · ms"), head, 0, pen);
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

/// What a series shows, clean.
fn findings(opened: &Opened) -> Vec<Said> {
    opened.series.as_ref().map(|series| series::findings(series)).unwrap_or_default().into_iter().map(|finding| finding.text).collect()
}

fn name(dir: &Path) -> String {
    super::name_of(dir)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Latencies as a small table, and beside it what the whole run did.
fn summary_figures(summary: &Summary, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let lang = look.lang;
    let metrics = summary.metrics();
    let heads = [
        text!("P50", "P50"),
        text!("P90", "P90"),
        text!("P95", "P95"),
        text!("P99", "P99"),
        text!("± P99", "± P99"),
        text!("mean", "均值"),
    ];
    let keys = ["median", "p90", "p95", "p99", "", "mean"];
    pen.left(area, 1, 0, 6, "ms", ink.unsure);
    for (x, head) in (0..).map(|at| 6 + at * 7).zip(heads) {
        pen.right(area, x, 0, 7, head.get(lang), ink.unsure);
    }
    for (y, (label, metric)) in (1..).zip([("TTFT", "ttft"), ("TPOT", "tpot"), ("ITL", "itl"), ("E2EL", "e2el")]) {
        pen.left(area, 1, y, 6, label, ink.plain);
        let few = summary.samples.get(metric).is_some_and(|&n| n < P99_SAMPLES);
        for (x, which) in (0..).map(|at| 6 + at * 7).zip(keys) {
            let key = if which.is_empty() { format!("p99_{metric}_ms") } else { format!("{which}_{metric}_ms") };
            let value =
                if which.is_empty() { summary.ci95.get(&key).map(|[low, high]| (high - low) / 2.0) } else { metrics.get(&key).copied() };
            let unsure = value.is_none() || (few && (which == "p99" || which.is_empty()));
            let sign = if which == "p99" && few && value.is_some() { "~" } else { "" };
            let style = match (unsure, which) {
                (true, _) => ink.unsure,
                (false, "median" | "p99") => ink.strong,
                _ => ink.plain,
            };
            pen.right(area, x, y, 7, &format!("{sign}{}", latency(value)), style);
        }
    }
    let rate = |v: Option<f64>| v.map_or_else(|| "n/a".to_owned(), figure::compact);
    let plain = |v: Option<f64>| (rate(v), if v.is_some() { ink.strong } else { ink.unsure });
    let failed = if summary.failed > 0 {
        (format!("!{} ({} %)", figure::count(summary.failed), percent(summary.error_rate_pct)), ink.act)
    } else {
        ("0".to_owned(), ink.strong)
    };
    let goodput = match summary.slo_met {
        Some(false) => (format!("!{}", rate(summary.goodput)), ink.act),
        Some(true) => (rate(summary.goodput), ink.good),
        None => (text!("no goals", "未设目标").get(lang).to_owned(), ink.unsure),
    };
    let client = if summary.client_limited {
        (text!("~ limited", "~ 受限").get(lang).to_owned(), ink.look)
    } else {
        (text!("ok", "正常").get(lang).to_owned(), ink.good)
    };
    let rows = [
        (text!("out tok/s", "输出 tok/s"), plain(summary.output_throughput)),
        (text!("req/s", "请求/s"), plain(summary.request_throughput)),
        (text!("goodput", "达标/s"), goodput),
        (text!("done", "完成"), (figure::count(summary.completed), ink.strong)),
        (text!("failed", "失败"), failed),
    ];
    for (y, (label, (what, style))) in (0..).zip(rows) {
        let x = pen.left(area, BESIDE_X, y, 11, label.get(lang), ink.plain);
        pen.right(area, x, y, 14, &what, style);
    }
    // Wide screens have room for the rest.
    let x = BESIDE_X + 11 + 14 + 4;
    let server = summary.server.as_ref();
    let more = [
        (text!("client", "客户端"), client),
        (text!("send lag P99", "发送滞后 P99"), (latency(summary.send_lag_p99_ms), ink.plain)),
        (text!("duration s", "时长 s"), (figure::compact(summary.duration), ink.plain)),
        (text!("cache", "缓存"), (cache(summary.cache, lang).to_owned(), ink.plain)),
        (text!("server TTFT", "服务端 TTFT"), (latency(server.and_then(|server| server.mean_ttft_ms)), ink.plain)),
    ];
    if area.width >= x + 24 {
        for (y, (label, (what, style))) in (0..).zip(more) {
            let x = pen.left(area, x, y, 14, label.get(lang), ink.plain);
            pen.right(area, x, y, 10, &what, style);
        }
    }
}

fn cache(cache: Cache, lang: Lang) -> &'static str {
    match cache {
        Cache::Cold => text!("cold", "冷").get(lang),
        Cache::Warm => text!("warm", "热").get(lang),
        Cache::Mixed => text!("mixed", "混合").get(lang),
        Cache::Unknown => "n/a",
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
        Column::new(title(10), 5).right().drop(4),
    ]
}

fn request_cell<'a>(request: &Request, column: usize, here: bool, look: &Look) -> Cell<'a> {
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
        _ => Cell::new(request.route.to_string(), ink.plain),
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
        Column::new(title(8), 8),
        Column::new(title(9), 1).grows(80).drop(4),
    ]
}

fn step_cell<'a>(cell: &Step1, column: usize, here: bool, marks: &(Option<String>, Option<String>), look: &Look) -> Cell<'a> {
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
            figure_of("goodput").map_or_else(|| "n/a".to_owned(), figure::compact),
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
