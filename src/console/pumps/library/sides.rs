//! One of several results that are compared: its percentile curves and its steps of load.

use crate::{
    bench::{
        history::{Entry, Kind},
        live::CellState,
        series,
    },
    console::results::Side,
};
use std::collections::BTreeMap;

/// Latencies with curves.
const METRICS: [&str; 4] = ["ttft", "tpot", "itl", "e2el"];
/// Percentiles a summary holds: share of samples and key.
const KNOWN: [(f64, &str); 5] = [(0.5, "median"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99"), (0.999, "p99.9")];

/// `entry` as a side of a comparison.
pub(super) fn side(entry: &Entry) -> Side {
    let mut curves = BTreeMap::new();
    for metric in METRICS {
        let point = |(share, word): (f64, &str)| Some((share, *entry.metrics.get(&format!("{word}_{metric}_ms"))?));
        let points: Vec<(f64, f64)> = KNOWN.into_iter().filter_map(point).collect();
        if points.len() >= 2 {
            curves.insert(metric.to_owned(), points);
        }
    }
    let steps = match entry.kind {
        Kind::Run => vec![entry.metrics.clone()],
        Kind::Matrix | Kind::Search => steps(entry),
    };
    Side { listed: super::listed(entry.clone()), curves, steps }
}

/// The measured cells of a series, from the least load to the greatest.
fn steps(entry: &Entry) -> Vec<BTreeMap<String, f64>> {
    let Ok(series) = series::read(&entry.result_dir) else { return Vec::new() };
    let mut done: Vec<_> = series.cells.into_iter().filter(|cell| cell.state == CellState::Done).collect();
    let load = |cell: &crate::bench::live::Cell| cell.concurrency.map(f64::from).or(cell.rate).unwrap_or_default();
    done.sort_by(|a, b| load(a).total_cmp(&load(b)));
    done.into_iter().map(|cell| cell.metrics).collect()
}
