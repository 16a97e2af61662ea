//! Cells that break the trend of their neighbours.

use super::{Finding, load_key, median, metric};
use crate::{
    base::Said,
    bench::{
        live::{Cache, Cell},
        series::plan,
    },
    said,
};

/// What is looked at, and how it is called. Throughput is not: it bends at the knee, which a line between neighbours takes for a break.
const LOOKED_AT: [(&str, &str); 2] = [("median_ttft_ms", "TTFT"), ("median_tpot_ms", "TPOT")];
/// Residuals beyond this many median absolute deviations break the trend (1.4826 MAD are a standard deviation of a normal distribution).
const MADS: f64 = 3.0 * 1.4826;
/// And none below this share: a very even matrix has a MAD near nothing.
const LEAST: f64 = 1.25;
/// Fewest residuals that make a MAD.
const FEWEST: usize = 6;
/// Below this many requests a median or a mean is easily off.
const FEW_SAMPLES: f64 = 30.0;

/// Names the cells whose figure lies off the line between its neighbours (next smaller and larger input, output or load, both axes
/// logarithmic). The worst is named first and left out of the next look, so that it does not make its neighbours look wrong.
pub(super) fn breaks(done: &[&Cell], out: &mut Vec<Finding>) {
    let mut named: Vec<&str> = Vec::new();
    for (name, word) in LOOKED_AT {
        let mut cells: Vec<&Cell> = done.iter().copied().filter(|cell| metric(cell, name).is_some_and(|v| v > 0.0)).collect();
        while let Some((at, residual)) = worst(&cells, name) {
            let cell = cells.remove(at);
            if named.contains(&cell.key.as_str()) {
                continue;
            }
            named.push(&cell.key);
            let (key, times, why) = (&cell.key, residual.exp(), cause(cell));
            let text = Said {
                en: format!("{key} breaks the trend: its {word} is {times:.2} times what its neighbours suggest; {}", why.en),
                zh: format!("{key} 偏离趋势：其 {word} 为相邻单元所示的 {times:.2} 倍；{}", why.zh),
            };
            out.push(Finding { text, cell: Some(key.clone()) });
        }
    }
}

/// The cell farthest off, and by how much (logarithm), if that is far.
fn worst(cells: &[&Cell], name: &str) -> Option<(usize, f64)> {
    let residuals: Vec<(usize, f64)> =
        cells.iter().enumerate().filter_map(|(at, cell)| Some((at, metric(cell, name)?.ln() - expected(cells, cell, name)?))).collect();
    let mut off: Vec<f64> = residuals.iter().map(|(_, residual)| residual.abs()).collect();
    let limit = (median(&mut off).filter(|_| residuals.len() >= FEWEST)? * MADS).max(LEAST.ln());
    residuals.into_iter().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).filter(|(_, residual)| residual.abs() > limit)
}

/// What the neighbours suggest: the median over the axes of the line between the two neighbours on each.
fn expected(cells: &[&Cell], cell: &Cell, name: &str) -> Option<f64> {
    let place = |c: &Cell| [f64::from(c.input_len.unwrap_or(1)), f64::from(c.output_len), plan::load_of(c)];
    let same_but = |other: &Cell, axis: usize| {
        let same = [other.input_len == cell.input_len, other.output_len == cell.output_len, load_key(other) == load_key(cell)];
        same.iter().enumerate().all(|(at, same)| at == axis || *same) && other.concurrency.is_some() == cell.concurrency.is_some()
    };
    let mut lines = Vec::new();
    for axis in 0..3 {
        let x = |c: &Cell| place(c).get(axis).copied().unwrap_or(1.0).ln();
        let own = x(cell);
        let others = || cells.iter().copied().filter(|other| same_but(other, axis));
        let below = others().filter(|other| x(other) < own).max_by(|a, b| x(a).total_cmp(&x(b)));
        let above = others().filter(|other| x(other) > own).min_by(|a, b| x(a).total_cmp(&x(b)));
        if let (Some(a), Some(b)) = (below, above) {
            let (ya, yb) = (metric(a, name)?.ln(), metric(b, name)?.ln());
            lines.push(ya + (yb - ya) * (own - x(a)) / (x(b) - x(a)));
        }
    }
    median(&mut lines)
}

/// The likely cause, from what else is known of the cell.
fn cause(cell: &Cell) -> Said {
    let count = |name: &str| metric(cell, name).filter(|n| *n > 0.0);
    if cell.client_limited == Some(true) {
        said!("the client was the limit", "受限于客户端")
    } else if matches!(cell.cache, Cache::Warm | Cache::Mixed) {
        said!("its prefix cache was not cold", "其前缀缓存并非冷态")
    } else if let Some(n) = count("server_preemptions") {
        said!("the server made {n} preemptions for lack of KV cache", "服务器因 KV 缓存不足发生 {n} 次抢占")
    } else if let Some(n) = count("failed") {
        said!("{n} of its requests failed", "其中 {n} 个请求失败")
    } else if let Some(n) = count("completed").filter(|n| *n < FEW_SAMPLES) {
        said!("it has only {n} requests", "仅有 {n} 个请求")
    } else {
        said!("no cause is seen: measure it again", "未见原因：建议重测")
    }
}
