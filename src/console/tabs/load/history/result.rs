//! One result: how it stands against the last comparable one, its figures, and below them its requests or its cells.

mod cells;
mod figures;
mod requests;
mod routes;
mod view;

use super::{HistoryCommand, Standing, Step, cell_of, moved};
use crate::{
    base::Said,
    bench::{
        history::COMPARABLE,
        live::{Cell, CellState},
        series,
        spec::Spec,
    },
    console::{
        command::Command,
        look::Look,
        results::{
            Opened, Requests, Wanted,
            requests::{By, Request, Wish},
        },
        tab::{Effect, Explained, Live},
        tabs::load::LoadCommand,
    },
    said, text,
};
use dcudeck_widgets::table::row_at;
use ratatui::layout::{Position, Rect};
use std::path::Path;

/// Samples below which a P99 is uncertain: three beyond it.
const P99_SAMPLES: u64 = 300;

/// One result.
#[derive(Debug, Clone)]
pub(super) struct ResultView {
    opened: Opened,
    /// How it stands against the last comparable one.
    standing: Standing,
    /// What a series shows, a sentence each.
    findings: Vec<Said>,
    /// `None` until they were read.
    requests: Option<Requests>,
    /// What was asked of them last.
    wish: Wish,
    cursor: usize,
}

impl ResultView {
    pub(super) fn new(opened: &Opened, standing: Standing) -> Self {
        Self { opened: opened.clone(), standing, findings: findings(opened), requests: None, wish: Wish::default(), cursor: 0 }
    }

    pub(super) fn renew(&mut self, opened: &Opened) {
        self.opened = opened.clone();
        self.findings = findings(opened);
    }

    /// How it stands against the last comparable one is known now.
    pub(super) fn stands(&mut self, standing: Standing) {
        self.standing = standing;
    }

    pub(super) fn dir(&self) -> &Path {
        &self.opened.dir
    }

    /// Takes requests in, if they are this result's and the last asked for.
    pub(super) fn take(&mut self, requests: &Requests) -> bool {
        if requests.dir != self.opened.dir || (requests.wish != self.wish && self.requests.is_some()) {
            return false;
        }
        // While more are read the cursor stays on its request, once it was moved.
        let here = self.requests.as_ref().filter(|_| self.cursor > 0).and_then(|before| before.get(self.cursor));
        let which = |row: &Request| (row.i, row.warmup, row.route);
        let same = |row: &Request| here.is_some_and(|here| which(here) == which(row));
        let at = here.and_then(|_| (0..requests.order.len()).find(|&at| requests.get(at).is_some_and(same)));
        self.cursor = at.unwrap_or(self.cursor).min(requests.order.len().saturating_sub(1));
        self.requests = Some(requests.clone());
        true
    }

    /// Which of how many requests the cursor is on.
    pub(super) fn place(&self) -> Option<(usize, usize)> {
        self.requests.as_ref().map(|requests| (self.cursor + 1, requests.order.len()))
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
        let no_base = self.standing.base().is_none().then(|| said!("no earlier result asked the same", "之前没有相同条件的结果"));
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
            Live::unless(own(H::Delete), cell_of(self.dir()).map(|_| said!("only whole results are deleted", "只能删除整个结果"))),
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
            Command::History(H::Compare) => match self.standing.base() {
                Some(base) => {
                    let dirs = vec![base.entry.result_dir.clone(), self.opened.dir.clone()];
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

    pub(super) fn click(&mut self, look: &Look, area: Rect, at: Position) -> bool {
        match row_at(self.parts(look.lang, area).list, self.cursor, self.len(), at.y) {
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
        if let Some(base) = self.standing.base() {
            let (id, why) = (&base.entry.id, COMPARABLE);
            rows.push((text!("against", "对比"), Said { en: format!("{id}: {}", why.en), zh: format!("{id}：{}", why.zh) }));
        }
        if let Standing::Against(against) = &self.standing {
            rows.extend(against.comparison.differences.iter().map(|difference| (text!("differs", "不同"), Said::same(difference.clone()))));
        }
        if let Some(summary) = &self.opened.summary {
            rows.extend(summary.limited_by.iter().map(|why| (text!("client-limited", "客户端受限"), Said::same(why.clone()))));
        }
        Explained { title, rows }
    }
}

/// What a series shows, clean.
fn findings(opened: &Opened) -> Vec<Said> {
    opened.series.as_ref().map(|series| series::findings(series)).unwrap_or_default().into_iter().map(|finding| finding.text).collect()
}

fn name(dir: &Path) -> String {
    super::name_of(dir)
}
