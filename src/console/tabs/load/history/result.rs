//! One result: how it stands against the last comparable one, its figures, and below them its requests or its cells.

mod cells;
mod figures;
mod requests;

use super::{HistoryCommand, Step, moved, regression_row, rule, words};
use crate::{
    base::Said,
    bench::{
        live::{Cell, CellState},
        series,
        spec::Spec,
    },
    console::{
        command::Command,
        results::{
            Opened, Requests, Wanted,
            requests::{By, Wish},
        },
        tab::{Effect, Explained, Live},
        tabs::load::{LoadCommand, pen::Pen, words::asked},
    },
    said, text,
};
use dcudeck_widgets::table::row_at;
use ratatui::layout::{Position, Rect};
use std::path::Path;

/// Rows of the figures: headings and four latencies.
const FIGURES: u16 = 5;
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

    fn series(&self) -> Option<&[Cell]> {
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

    fn spec(&self) -> Option<&Spec> {
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
            (None, Some(requests)) => requests.get(self.cursor).map(|row| Wanted::Autopsy {
                dir: self.opened.dir.clone(),
                warmup: row.warmup,
                i: row.i,
                route: row.route,
            }),
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
                Some(summary) => figures::summary_figures(summary, part, pen),
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
}

/// What a series shows, clean.
fn findings(opened: &Opened) -> Vec<Said> {
    opened.series.as_ref().map(|series| series::findings(series)).unwrap_or_default().into_iter().map(|finding| finding.text).collect()
}

fn name(dir: &Path) -> String {
    super::name_of(dir)
}
