//! A result as it is drawn, from the object's name down to its requests or cells.

use super::{ResultView, figures, name, routes};
use crate::{
    base::{Lang, Said, Text},
    bench::{history::Kind, summary::Summary},
    console::{
        look::Look,
        tabs::load::{
            history::{cell_of, rule, words},
            pen::Pen,
            words::{asked, latency, percent},
        },
        wrap::wrap,
    },
    said, text,
};
use ratatui::layout::Rect;

/// Rows of the figures: headings and four latencies.
const FIGURES: u16 = 5;
/// Rows that the requests keep before routes get theirs.
const LIST_ROWS: u16 = 6;

/// Rows of each part, and where the list is.
pub(super) struct Parts {
    /// What makes its figures the client's.
    limited: u16,
    /// How it stands against the last comparable one.
    standing: u16,
    /// Its figures, or what a series shows.
    figures: u16,
    /// Figures by route.
    routes: u16,
    /// Requests or cells.
    pub(super) list: Rect,
}

impl ResultView {
    pub(super) fn parts(&self, lang: Lang, area: Rect) -> Parts {
        let series = self.series().is_some();
        let limited = u16::from(self.limited().is_some() && area.height >= 14);
        let standing = self.standing.rows(area.height);
        let figures = match series {
            // What it shows stands above the cells, which keep at least half of the screen.
            true => rows(self.shown(lang, area.width).len()).min(area.height.saturating_sub(4 + standing) / 2),
            false if area.height >= 14 => FIGURES,
            false => 0,
        };
        let above = 2 + limited + standing + figures;
        let named = self.opened.summary.as_ref().map_or(0, |summary| rows(summary.routes.len()));
        let routes = if named > 0 { (named + 1).min(area.height.saturating_sub(above + LIST_ROWS)) } else { 0 };
        // One alone would be the headings.
        let routes = if routes > 1 { routes } else { 0 };
        let y = (above + routes).min(area.height);
        Parts { limited, standing, figures, routes, list: Rect { y: area.y + y, height: area.height - y, ..area } }
    }

    /// The summary of a run that measured its client.
    fn limited(&self) -> Option<&Summary> {
        self.opened.summary.as_deref().filter(|summary| summary.client_limited)
    }

    /// What a series shows, as lines, and whether one begins a sentence.
    fn shown(&self, lang: Lang, width: u16) -> Vec<(bool, String)> {
        let width = usize::from(width.saturating_sub(4)).max(8);
        let lines =
            |finding: &Said| wrap(finding.get(lang), width).into_iter().enumerate().map(|(at, line)| (at == 0, line)).collect::<Vec<_>>();
        self.findings.iter().flat_map(lines).collect()
    }

    /// What is on screen: when, what, of whom.
    fn title(&self, lang: Lang) -> String {
        let listed = self.opened.listed.as_ref();
        let when = match cell_of(self.dir()) {
            Some(_) => said!("cell {}", "单元 {}", name(self.dir())).get(lang).to_owned(),
            None => listed.map(|listed| words::short_when(&listed.when).to_owned()).unwrap_or_default(),
        };
        let model = self.opened.summary.as_ref().map(|summary| summary.model_id.as_str());
        let model = model.or(listed.map(|listed| listed.entry.model.as_str())).unwrap_or_default();
        let kind = listed.map_or(Kind::Run, |listed| listed.entry.kind);
        // What a series asked is known from itself, not from one of its cells.
        let asked = match self.spec() {
            Some(spec) if kind == Kind::Run || spec.matrix.is_some() || spec.search.is_some() => asked(spec).get(lang).to_owned(),
            _ => listed.filter(|_| kind != Kind::Run).map(|listed| words::load(&listed.entry).get(lang).to_owned()).unwrap_or_default(),
        };
        let parts = [when.as_str(), model, &asked].into_iter().filter(|part| !part.is_empty());
        let title = parts.collect::<Vec<_>>().join(" · ");
        if title.is_empty() { name(self.dir()) } else { title }
    }

    pub(in super::super) fn draw(&self, waiting: Option<Text>, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let lang = look.lang;
        let state = self.opened.listed.as_ref().map(|listed| words::state(&listed.entry.state, look));
        let state = state.map(|(sign, word, _)| format!("{sign} {}", word.get(lang))).unwrap_or_default();
        rule(&self.title(lang), &state, area, 0, pen);
        let parts = self.parts(lang, area);
        let mut y = 1;
        if let (Some(summary), 1..) = (self.limited(), parts.limited) {
            pen.left(area, 1, y, area.width.saturating_sub(2), &why_limited(summary, look), ink.look);
            y += 1;
        }
        self.standing.draw(area, y, parts.standing, pen);
        y += parts.standing;
        let part = Rect { y: area.y + y, height: parts.figures, ..area };
        match &self.opened.summary {
            _ if parts.figures == 0 => {}
            _ if self.series().is_some() => self.findings(part, pen),
            Some(summary) => figures::summary_figures(summary, part, pen),
            None => {
                pen.left(part, 1, 1, part.width, text!("n/a: no summary yet", "n/a：尚无汇总").get(lang), ink.unsure);
            }
        }
        y += parts.figures;
        if let (Some(summary), 1..) = (&self.opened.summary, parts.routes) {
            routes::draw(summary, Rect { y: area.y + y, height: parts.routes, ..area }, pen);
        }
        let head = Rect { y: parts.list.y.saturating_sub(1).max(area.y), height: u16::from(area.height > 1), ..area };
        match self.series() {
            Some(cells) => self.cells(cells, waiting, head, parts.list, pen),
            None => self.request_list(waiting, head, parts.list, pen),
        }
    }

    fn findings(&self, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let lines = self.shown(look.lang, area.width);
        let hidden = lines.len().saturating_sub(usize::from(area.height));
        for (y, (begins, line)) in (0..area.height).zip(&lines) {
            if hidden > 0 && y + 1 == area.height {
                let left = hidden + 1;
                let more = said!("{left} more lines: i", "还有 {left} 行：按 i");
                pen.left(area, 3, y, area.width.saturating_sub(4), more.get(look.lang), ink.unsure);
                return;
            }
            let x = pen.left(area, 1, y, 2, if *begins { look.sign("·", "-") } else { " " }, ink.accent);
            pen.left(area, x, y, area.width.saturating_sub(x + 1), line, ink.plain);
        }
    }
}

fn rows(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// Why its figures are about the client: in English as the result says it, in Chinese by the figures that may be over their limits.
fn why_limited(summary: &Summary, look: &Look) -> String {
    let head = text!("~ client-limited: ", "~ 客户端受限：").get(look.lang);
    let why = match look.lang {
        Lang::En => summary.limited_by.join("; "),
        Lang::Zh => {
            let of = [
                ("发送滞后 P99", latency(summary.send_lag_p99_ms), " ms"),
                ("循环滞后 P99", latency(summary.loop_lag_p99_ms), " ms"),
                ("客户端 CPU", percent(summary.client_cpu_pct), " %"),
            ];
            let known = of.into_iter().filter(|(_, value, _)| value != "n/a");
            known.map(|(label, value, unit)| format!("{label} {value}{unit}")).collect::<Vec<_>>().join(" · ")
        }
    };
    format!("{head}{why}")
}
