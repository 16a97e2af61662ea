//! The report of a comparison alone: what changed, the table of figures, and the curves of both over each other.

use super::{
    charts,
    document::{Block, Tone},
    figures::{self, percent},
    gather::Gathered,
    run,
};
use crate::{
    base::{Lang, Said},
    bench::compare::{self, Compared, Comparison, Verdict},
    said,
};
use std::path::Path;

/// Figures the sentences name before there are too many.
const NAMED: usize = 8;

pub(super) fn title(comparisons: &[Comparison], lang: Lang) -> String {
    let base = comparisons.first().map_or_else(String::new, |c| name(&c.base));
    let others = comparisons.iter().map(|c| name(&c.other)).collect::<Vec<_>>().join(", ");
    said!("{others} against {base}", "{others} 与 {base} 比较").get(lang).to_owned()
}

pub(super) fn blocks(comparisons: &[Comparison], lang: Lang) -> Vec<Block> {
    let mut out = vec![Block::Heading(1, title(comparisons, lang))];
    for comparison in comparisons {
        if comparisons.len() > 1 {
            out.push(Block::Heading(2, name(&comparison.other)));
        }
        one(comparison, lang, &mut out);
    }
    out
}

fn one(comparison: &Comparison, lang: Lang, out: &mut Vec<Block>) {
    let t = |said: Said| said.get(lang).to_owned();
    let (worse, better) = (of(comparison, Verdict::Worse, lang), of(comparison, Verdict::Better, lang));
    if let Some(worse) = &worse {
        out.push(Block::Verdict(Tone::Bad, t(said!("Worse: {worse}.", "更差：{worse}。"))));
    }
    if let Some(better) = &better {
        out.push(Block::Verdict(Tone::Good, t(said!("Better: {better}.", "更好：{better}。"))));
    }
    if worse.is_none() && better.is_none() {
        out.push(Block::Verdict(Tone::Plain, t(said!("No difference beyond chance.", "无超出随机性的差异。"))));
    }
    for crossed in &comparison.crossed {
        out.push(Block::Verdict(Tone::Bad, crossed.clone()));
    }
    let (base, other) = (comparison.base.display(), comparison.other.display());
    out.push(Block::Paragraph(t(said!("Base: {base}. This: {other}.", "基准：{base}。本次：{other}。"))));
    out.extend(run::compared(comparison, &t));
    out.push(Block::Paragraph(t(said!(
        "{} The interval is that of the change, with 95 % confidence; same: it lies within ±{} %; better or worse: on one side of zero; \
         unclear: too wide to tell, or none.",
        "{}区间为变化的 95 % 置信区间；相同：在 ±{} % 之内；更好或更差：在零的一侧；不确定：太宽或没有区间。",
        basis(comparison, lang),
        compare::SAME_WITHIN_PCT
    ))));
    // A series has no requests of its own, an imported result none at all.
    if let (Ok(a), Ok(b)) = (Gathered::read(&comparison.base), Gathered::read(&comparison.other)) {
        out.extend(charts::of_both(&a, &b, lang));
    }
}

/// What the intervals rest on, as a sentence that ends.
pub(super) fn basis(comparison: &Comparison, lang: Lang) -> String {
    let said = compare::basis(comparison);
    let mut letters = said.get(lang).chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}{}", letters.as_str(), if lang == Lang::Zh { "。" } else { "." })
}

fn of(comparison: &Comparison, verdict: Verdict, lang: Lang) -> Option<String> {
    let found: Vec<&Compared> = comparison.metrics.iter().filter(|c| c.verdict == verdict).collect();
    let told = found.iter().take(NAMED).map(|c| {
        let (cell, key) = c.name.rsplit_once('/').map_or(("", c.name.as_str()), |(cell, key)| (cell, key));
        let figure = figures::figure(key).map_or_else(|| key.to_owned(), |f| f.name.get(lang).to_owned());
        let change = c.change_pct.map(|pct| format!(" {}", percent(pct))).unwrap_or_default();
        format!("{cell} {figure}{change}").trim_start().to_owned()
    });
    let text = told.collect::<Vec<_>>().join(if lang == Lang::Zh { "，" } else { ", " });
    Some(match found.len() {
        0 => return None,
        n if n > NAMED => {
            let more = n - NAMED;
            said!("{text} and {more} more", "{text} 等 {n} 项").get(lang).to_owned()
        }
        _ => text,
    })
}

fn name(dir: &Path) -> String {
    dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
