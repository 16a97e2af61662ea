//! How a result stands against the last one that asked the same.

use super::words;
use crate::{
    base::Text,
    bench::compare::Verdict,
    console::{
        results::Against,
        tabs::load::pen::{Pen, cells},
    },
    said, text,
};
use ratatui::layout::Rect;

/// Figures that a regression is judged by, the first most.
const CHIEF: [(&str, Text); 6] = [
    ("p99_ttft_ms", text!("TTFT P99", "TTFT P99")),
    ("output_throughput", text!("tok/s", "tok/s")),
    ("median_tpot_ms", text!("TPOT P50", "TPOT P50")),
    ("goodput", text!("goodput", "达标")),
    ("p99_tpot_ms", text!("TPOT P99", "TPOT P99")),
    ("error_rate_pct", text!("failed", "失败")),
];

/// The row that says how a finished run stands against the last comparable one.
pub(in super::super) fn regression_row(against: Option<&Against>, area: Rect, y: u16, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let Some(Against { base, comparison }) = against else {
        let what = text!("no earlier result asked the same: nothing to compare with", "之前没有相同条件的结果可比较");
        pen.left(area, 1, y, area.width.saturating_sub(1), what.get(look.lang), ink.plain);
        return;
    };
    let chief: Vec<_> = CHIEF.iter().filter_map(|(key, name)| Some((comparison.metrics.iter().find(|c| c.name == *key)?, name))).collect();
    let of = |verdict| chief.iter().filter(|(compared, _)| compared.verdict == verdict).count();
    let overall = match (of(Verdict::Worse), of(Verdict::Better)) {
        (1.., _) => Verdict::Worse,
        (0, 1..) => Verdict::Better,
        _ if of(Verdict::Same) > 0 => Verdict::Same,
        _ => Verdict::Unclear,
    };
    let (sign, word, style) = words::verdict(overall, look);
    let x = pen.flow(area, 1, y, &format!("{sign} {}", word.get(look.lang)), style);
    let when = words::short_when(&base.when).to_owned();
    let than = match overall {
        Verdict::Worse | Verdict::Better => said!(" than {when}", "于 {when}"),
        Verdict::Same | Verdict::Unclear => said!(" against {when}", "，对比 {when}"),
    };
    let mut x = pen.flow(area, x, y, than.get(look.lang), ink.plain);
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
