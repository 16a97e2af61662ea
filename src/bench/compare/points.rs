//! What is compared with what: two runs, or the cells that two series have in common, each measured once or more often.

use super::{
    Compared, Verdict,
    between::{self, Runs},
    sides::Side,
    verdict,
    within::{Sampled, paired_rate},
};
use crate::{
    base::Problem,
    bench::{
        history, live,
        report::figures::{Better, compared, figure},
        summary::{MAX_CLIENT_CPU_PCT, MAX_LOOP_LAG_P99_MS, MAX_SEND_LAG_P99_MS},
    },
    said,
};
use std::collections::BTreeMap;

/// Figures of a series' cells that are compared: all of them, times every cell, would be read by nobody.
const CELL_FIGURES: &[&str] = &[
    "output_throughput",
    "request_throughput",
    "goodput_pct",
    "error_rate_pct",
    "median_ttft_ms",
    "p99_ttft_ms",
    "median_tpot_ms",
    "p99_tpot_ms",
    "p99_itl_ms",
    "p99_e2el_ms",
];

type Metrics = BTreeMap<String, f64>;

/// The client lagged so far behind (the limits of `client_limited`, but for the strict share of requests a millisecond late) that the
/// figures tell of the client more than of the server.
fn lagged(metrics: &Metrics) -> bool {
    let over = |key: &str, limit: f64| metrics.get(key).is_some_and(|value| *value > limit);
    over("send_lag_p99_ms", MAX_SEND_LAG_P99_MS)
        || over("loop_lag_p99_ms", MAX_LOOP_LAG_P99_MS)
        || over("client_cpu_pct", MAX_CLIENT_CPU_PCT)
}

/// One measurement of one side: its figures, and its requests where they are there.
struct Run<'a> {
    metrics: &'a Metrics,
    sampled: Option<Sampled>,
}

/// The figures of two runs, and how many equal ones tell how far such runs differ.
pub(super) fn runs(a: &Side, b: &Side) -> Result<(Vec<Compared>, u32), Problem> {
    let equal = equal_runs(a, b);
    let point = Point {
        a: vec![Run { metrics: &a.metrics, sampled: a.sampled()? }],
        b: vec![Run { metrics: &b.metrics, sampled: b.sampled()? }],
        equal: &equal,
        same_arrivals: a.same_arrivals(b),
    };
    let metrics = compared().iter().filter_map(|key| point.figure(key, key)).collect();
    let told = if equal.len() < between::FEWEST_RUNS { 0 } else { equal.len() };
    Ok((metrics, u32::try_from(told).unwrap_or(u32::MAX)))
}

/// Figures of the runs of the base's workspace that asked what it asked, in order of time, without the two that are compared.
fn equal_runs(a: &Side, b: &Side) -> Vec<Metrics> {
    /// More tell of times long past.
    const MOST: usize = 20;
    let found = || {
        let workspace = history::workspace_of(&a.dir)?;
        let of = history::entry(&a.dir)?;
        let entries = history::list(&workspace).ok()?;
        let equal = history::equal(&entries, &of).into_iter().filter(|e| e.result_dir != b.dir);
        Some(equal.map(|e| e.metrics.clone()).collect::<Vec<_>>())
    };
    let mut found = found().unwrap_or_default();
    found.split_off(found.len().saturating_sub(MOST))
}

/// Finished cells by what they measured, whichever repeat: input length, output length and load, as their key begins.
fn points(series: &live::Series) -> BTreeMap<&str, Vec<&live::Cell>> {
    let mut points: BTreeMap<&str, Vec<&live::Cell>> = BTreeMap::new();
    for cell in series.cells.iter().filter(|c| c.state == live::CellState::Done) {
        points.entry(point_of(&cell.key)).or_default().push(cell);
    }
    points
}

/// A cell's key without the number of its repeat.
pub(super) fn point_of(key: &str) -> &str {
    key.rsplit_once('-').map_or(key, |(point, _)| point)
}

/// The figures of the cells that two series have in common, and the fewest runs of one point of both together (0: each once).
pub(super) fn cells(a: &Side, b: &Side, of: &live::Series, with: &live::Series) -> Result<(Vec<Compared>, u32), Problem> {
    let (mut metrics, mut equal_runs) = (Vec::new(), u32::MAX);
    let (base, other) = (points(of), points(with));
    let mut told: Vec<&str> = Vec::new();
    for cell in &of.cells {
        let point = point_of(&cell.key);
        let (Some(in_a), Some(in_b)) = (base.get(point), other.get(point)) else { continue };
        if told.contains(&point) {
            continue;
        }
        told.push(point);
        let of_point = Point { a: repeats(a, in_a), b: repeats(b, in_b), equal: &[], same_arrivals: false };
        // Measured once it goes by its key; several repeats together by what they have in common.
        let (name, seen) = match in_a.len() + in_b.len() {
            2 => (cell.key.as_str(), 0),
            n => (point, u32::try_from(n).unwrap_or(u32::MAX)),
        };
        equal_runs = equal_runs.min(seen);
        metrics.extend(CELL_FIGURES.iter().filter_map(|key| of_point.figure(&format!("{name}/{key}"), key)));
    }
    if metrics.is_empty() {
        return Err(Problem::bad_input(
            "bench.compare",
            said!("the two series have no finished cell in common", "两组压测没有共同的已完成单元"),
        )
        .file(&b.dir));
    }
    Ok((metrics, equal_runs))
}

/// The requests of cells that are gone are missing, and with them what they would tell.
fn repeats<'a>(side: &Side, cells: &[&'a live::Cell]) -> Vec<Run<'a>> {
    let sampled = |cell: &live::Cell| Sampled::read(&side.dir.join("cells").join(&cell.key)).ok();
    cells.iter().map(|cell| Run { metrics: &cell.metrics, sampled: sampled(cell) }).collect()
}

/// What both sides measured of one and the same load, each once or more often.
struct Point<'a> {
    a: Vec<Run<'a>>,
    b: Vec<Run<'a>>,
    /// Of other runs that asked the same, in order of time.
    equal: &'a [Metrics],
    /// Requests came at the same moments in both.
    same_arrivals: bool,
}

impl Point<'_> {
    /// One figure; `None` when neither side has it.
    fn figure(&self, name: &str, key: &str) -> Option<Compared> {
        let side = |runs: &[Run<'_>]| {
            let each = runs.iter().filter_map(|run| Some((*run.metrics.get(key)?, run.sampled.as_ref().and_then(|s| s.interval(key)))));
            let (values, within) = each.unzip();
            let seconds = runs.iter().filter_map(|run| run.metrics.get("duration").copied()).fold(f64::INFINITY, f64::min);
            Runs { values, within, seconds }
        };
        let (of_a, of_b) = (side(&self.a), side(&self.b));
        let (a, b) = (between::mean(&of_a.values), between::mean(&of_b.values));
        a.or(b)?;
        let better = figure(key).map_or(Better::Neither, |figure| figure.better);
        let change_pct = a.zip(b).filter(|(a, _)| *a != 0.0).map(|(a, b)| (b - a) * 100.0 / a);
        let equal: Vec<f64> = self.equal.iter().filter_map(|metrics| metrics.get(key).copied()).filter(|v| *v > 0.0).collect();
        let paired = || paired_rate(key, self.a.first()?.sampled.as_ref()?, self.b.first()?.sampled.as_ref()?);
        let paired = self.same_arrivals.then(paired).flatten();
        let drawn = a.zip(b).and_then(|_| between::change(key, &of_a, &of_b, &equal, paired));
        let interval = drawn.and_then(|drawn| drawn.pct).zip(change_pct).map(|((low, high), at)| (low.min(at), high.max(at)));
        Some(Compared {
            name: name.to_owned(),
            a,
            b,
            change_pct,
            ci_low_pct: interval.map(|i| i.0),
            ci_high_pct: interval.map(|i| i.1),
            verdict: if key != "error_rate_pct" && self.a.iter().chain(&self.b).any(|run| lagged(run.metrics)) {
                Verdict::Unclear
            } else {
                verdict(better, a.zip(b), interval, drawn.as_ref())
            },
        })
    }
}
