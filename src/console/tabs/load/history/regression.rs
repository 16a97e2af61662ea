//! How a result stands against the last one that asked the same.

use super::words;
use crate::{
    base::Text,
    bench::compare::Verdict,
    console::{
        results::{Against, Listed},
        tabs::load::pen::{Pen, cells},
    },
    said, text,
};
use ratatui::layout::Rect;
use std::collections::BTreeMap;

/// Figures that a regression is judged by, the first most.
const CHIEF: [(&str, Text); 6] = [
    ("p99_ttft_ms", text!("TTFT P99", "TTFT P99")),
    ("output_throughput", text!("tok/s", "tok/s")),
    ("median_tpot_ms", text!("TPOT P50", "TPOT P50")),
    ("goodput", text!("goodput", "达标")),
    ("p99_tpot_ms", text!("TPOT P99", "TPOT P99")),
    ("error_rate_pct", text!("failed", "失败")),
];

/// Rows from which the earlier result is named, and why the two are comparable is said.
const NAMED_ROWS: u16 = 20;

/// How a result stands against the last comparable one.
#[derive(Debug, Clone, Default)]
pub(in super::super) enum Standing {
    /// There is no earlier one that asked the same.
    #[default]
    First,
    /// It is a cell of the series of this name: the series are compared.
    Cell(String),
    /// It is being compared with this one.
    Awaited(Box<Listed>),
    /// It was.
    Against(Box<Against>),
}

impl Standing {
    /// What was found.
    pub(super) fn found(against: Option<&Against>) -> Self {
        against.map_or(Self::First, |against| Self::Against(Box::new(against.clone())))
    }

    /// The earlier one.
    pub(super) fn base(&self) -> Option<&Listed> {
        match self {
            Self::First | Self::Cell(_) => None,
            Self::Awaited(base) => Some(base),
            Self::Against(against) => Some(&against.base),
        }
    }

    /// Rows that it is told on, on a screen of `height`.
    pub(in super::super) fn rows(&self, height: u16) -> u16 {
        match (self.base(), height) {
            (_, ..8) => 0,
            (Some(_), NAMED_ROWS..) => 2,
            _ => 1,
        }
    }

    /// Draws it from row `y` of `area` on.
    pub(in super::super) fn draw(&self, area: Rect, y: u16, rows: u16, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let width = area.width.saturating_sub(1);
        match self {
            _ if rows == 0 => return,
            Self::First => {
                let what = text!("no earlier result asked the same: nothing to compare with", "之前没有相同条件的结果可比较");
                pen.left(area, 1, y, width, what.get(look.lang), ink.plain);
            }
            Self::Cell(series) => {
                let what = said!("a cell of {series}: compare the series", "{series} 的一个单元：请比较整组");
                pen.left(area, 1, y, width, what.get(look.lang), ink.plain);
            }
            Self::Awaited(base) => {
                let when = words::short_when(&base.when);
                let what = said!("being compared with {when} …", "正在与 {when} 比较……");
                pen.left(area, 1, y, width, what.get(look.lang), ink.unsure);
            }
            Self::Against(against) => verdicts(against, area, y, pen),
        }
        if let (Some(base), 2..) = (self.base(), rows) {
            let id = &base.entry.id;
            let differences = if let Self::Against(against) = self { against.comparison.differences.len() } else { 0 };
            let but = match differences {
                0 => said!("", ""),
                1 => said!(" · 1 difference", " · 1 处不同"),
                n => said!(" · {n} differences", " · {n} 处不同"),
            };
            let why = said!("{id}: same model, load, prompts, lengths", "{id}：模型、负载、提示词、长度相同");
            let x = pen.flow(area, 1, y + 1, why.get(look.lang), ink.unsure);
            pen.flow(area, x, y + 1, but.get(look.lang), ink.look);
        }
    }
}

/// The overall verdict, and the change of the chief figures.
fn verdicts(against: &Against, area: Rect, y: u16, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let Against { base, comparison } = against;
    let chief: Vec<_> = CHIEF.iter().filter_map(|(key, name)| Some((comparison.metrics.iter().find(|c| c.name == *key)?, name))).collect();
    if chief.is_empty() {
        return cells_of(against, area, y, pen);
    }
    let of = |verdict| chief.iter().filter(|(compared, _)| compared.verdict == verdict).count();
    let overall = match (of(Verdict::Worse), of(Verdict::Better)) {
        (1.., _) => Verdict::Worse,
        (0, 1..) => Verdict::Better,
        _ if of(Verdict::Same) > 0 => Verdict::Same,
        _ => Verdict::Unclear,
    };
    let (sign, word, style) = words::verdict(overall, look);
    let when = words::short_when(&base.when);
    let (en, zh) = (word.en, word.zh);
    let head = match overall {
        Verdict::Worse | Verdict::Better => said!("{sign} {en} than {when}", "{sign} 比 {when} {zh}"),
        Verdict::Same | Verdict::Unclear => said!("{sign} {en} against {when}", "{sign} 与 {when} {zh}"),
    };
    let mut x = pen.flow(area, 1, y, head.get(look.lang), style);
    for (compared, name) in chief {
        let Some(change) = compared.change_pct else { continue };
        let (_, _, style) = words::verdict(compared.verdict, look);
        let what = format!("  {} ", name.get(look.lang));
        let figure = format!("{} %", words::signed(change));
        if x + cells(&what) + cells(&figure) > area.width {
            break;
        }
        x = pen.flow(area, x, y, &what, ink.plain);
        x = pen.flow(area, x, y, &figure, style);
    }
}

/// Of a series: how many cells are worse and better, by the figures that a run is judged by.
fn cells_of(against: &Against, area: Rect, y: u16, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let mut by_cell: BTreeMap<&str, Vec<Verdict>> = BTreeMap::new();
    for compared in &against.comparison.metrics {
        if let Some((cell, figure)) = compared.name.rsplit_once('/')
            && CHIEF.iter().any(|(key, _)| *key == figure)
        {
            by_cell.entry(cell).or_default().push(compared.verdict);
        }
    }
    let all = by_cell.len();
    let worse = by_cell.values().filter(|of| of.contains(&Verdict::Worse)).count();
    let better = by_cell.values().filter(|of| !of.contains(&Verdict::Worse) && of.contains(&Verdict::Better)).count();
    let (sign, style) = match (worse, better) {
        (1.., _) => ("!", ink.act),
        (0, 1..) => (look.sign("✔", "+"), ink.good),
        _ => ("=", ink.plain),
    };
    let when = words::short_when(&against.base.when);
    let what = said!(
        "{sign} of {all} cells {worse} are worse and {better} better than {when}",
        "{sign} 与 {when} 相比，{all} 个单元中 {worse} 个更差、{better} 个更好"
    );
    pen.left(area, 1, y, area.width.saturating_sub(1), what.get(look.lang), style);
}
