//! Two or more results side by side: every figure with its difference, confidence interval and verdict.
//!
//! **Interval.** Both results are drawn again 1,000 times from what was measured (a bootstrap with a fixed seed, so that the same two
//! folders always give the same answer), and the change is computed each time; the interval holds the middle 95 %. What is drawn are
//! blocks: up to 100 groups of requests that were sent one after another, each with all its samples, so that the thousands of token gaps
//! of one request, or the requests of one wave, do not count as independent. Throughput is drawn from 20 equal slices of the measured
//! time, each request's work spread evenly over the time it took.
//! It tells how far chance *within* the two runs reaches; what differs from one start of a server to the next is not in it: repeat runs
//! for that.
//!
//! **Verdict.** `same`: the interval lies within ±3 %. `better` or `worse`: it lies on one side of zero. `unclear`: else, and wherever
//! there is no interval.

mod differ;
mod resample;
mod sides;
mod threshold;

use super::{
    history, live,
    report::figures::{Better, compared, figure},
};
use crate::{base::Problem, said};
use resample::{Change, Sampled};
use serde::{Deserialize, Serialize};
use sides::{Side, What};
use std::path::{Path, PathBuf};

pub use threshold::Threshold;

/// A change whose interval lies within this is none, percent.
pub const SAME_WITHIN_PCT: f64 = 3.0;
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

/// The `dcudeck.bench.compare/1` document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// `dcudeck.bench.compare/1`.
    pub schema: String,
    /// Folder of the result that the others are compared with.
    pub base: PathBuf,
    /// Folder compared with it.
    pub other: PathBuf,
    /// Figures both have; those of a series' cells are named `KEY/FIGURE`.
    pub metrics: Vec<Compared>,
    /// What makes the two not quite comparable (another model, load, prompt length, machine, client-limited, cache state), one sentence each.
    pub differences: Vec<String>,
    /// No threshold of `--fail-on` was crossed.
    pub ok: bool,
    /// The thresholds that were, one sentence each.
    #[serde(default)]
    pub crossed: Vec<String>,
}

/// One figure of two results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// As in `bench.run`: `p99_ttft_ms`.
    pub name: String,
    /// In the base result.
    pub a: Option<f64>,
    /// In the other.
    pub b: Option<f64>,
    /// (b - a) / a, percent.
    pub change_pct: Option<f64>,
    /// Lower end of the 95 % confidence interval of `change_pct`.
    pub ci_low_pct: Option<f64>,
    /// Upper end.
    pub ci_high_pct: Option<f64>,
    /// What it means.
    pub verdict: Verdict,
}

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The interval lies on the good side of zero.
    Better,
    /// On the bad side.
    Worse,
    /// The interval is narrow and around zero.
    Same,
    /// The interval is too wide to tell.
    Unclear,
}

/// Compares `other` with `base`; `fail_on` as the command line gives them: `p99_ttft_ms>+10%`, `output_throughput<-5%`.
///
/// # Errors
/// A result that cannot be read, a threshold that cannot be understood.
pub fn compare(base: &Path, other: &Path, fail_on: &[String]) -> Result<Comparison, Problem> {
    let thresholds: Vec<Threshold> = fail_on.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    between(&Side::open(base)?, &Side::open(other)?, &thresholds)
}

/// Compares every other result with the first of `dirs`.
///
/// # Errors
/// As [`compare`]; also with fewer than two folders.
pub fn compare_many(dirs: &[PathBuf], fail_on: &[String]) -> Result<Vec<Comparison>, Problem> {
    let thresholds: Vec<Threshold> = fail_on.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let (Some((first, others)), true) = (dirs.split_first(), dirs.len() > 1) else {
        return Err(Problem::bad_input("bench.compare", said!("two results are needed", "至少需要两个结果")));
    };
    let base = Side::open(first)?;
    others.iter().map(|other| between(&base, &Side::open(other)?, &thresholds)).collect()
}

/// The result in `dir` against the newest one before it that asked the same; `None`: there is none. What goes wrong is said in the log:
/// a run must not fail for the sake of an old one.
#[must_use]
pub fn regression(workspace: &crate::workspace::Workspace, dir: &Path) -> Option<Comparison> {
    let of = history::entry(dir)?;
    let entries = history::list(workspace).map_err(|problem| tracing::warn!("no comparison: {problem}")).ok()?;
    let before = history::last_comparable(&entries, &of)?;
    compare(&before.result_dir, dir, &[]).map_err(|problem| tracing::warn!("no comparison: {problem}")).ok()
}

fn between(a: &Side, b: &Side, thresholds: &[Threshold]) -> Result<Comparison, Problem> {
    let metrics = match (&a.what, &b.what) {
        (What::Series(of), What::Series(with)) => cells(a, b, of, with)?,
        (What::Series(_), _) | (_, What::Series(_)) => {
            return Err(Problem::bad_input(
                "bench.compare",
                said!("a series of load tests can only be compared with another series", "一组压测只能与另一组压测比较"),
            )
            .file(if matches!(a.what, What::Series(_)) { &b.dir } else { &a.dir })
            .fix(said!("compare one of its cells: DIR/cells/KEY", "请比较其中一个单元：DIR/cells/KEY")));
        }
        _ => {
            let samples = a.sampled()?.zip(b.sampled()?);
            let samples = samples.as_ref().map(|(a, b)| (a, b));
            compared().iter().filter_map(|key| one(key, key, (&a.metrics, &b.metrics), samples)).collect()
        }
    };
    let crossed: Vec<String> = thresholds.iter().flat_map(|threshold| threshold.crossed(&metrics)).collect();
    Ok(Comparison {
        schema: "dcudeck.bench.compare/1".to_owned(),
        base: a.dir.clone(),
        other: b.dir.clone(),
        metrics,
        differences: differ::differences(a, b).into_iter().map(|said| said.en).collect(),
        ok: crossed.is_empty(),
        crossed,
    })
}

type Metrics = std::collections::BTreeMap<String, f64>;

fn cells(a: &Side, b: &Side, of: &live::Series, with: &live::Series) -> Result<Vec<Compared>, Problem> {
    let mut metrics = Vec::new();
    for cell in of.cells.iter().filter(|c| c.state == live::CellState::Done) {
        let Some(other) = with.cells.iter().find(|c| c.key == cell.key && c.state == live::CellState::Done) else { continue };
        // A cell whose requests are gone is compared without intervals.
        let samples = |side: &Side| Sampled::read(&side.dir.join("cells").join(&cell.key)).ok();
        let samples = samples(a).zip(samples(b));
        let samples = samples.as_ref().map(|(a, b)| (a, b));
        for key in CELL_FIGURES {
            metrics.extend(one(&format!("{}/{key}", cell.key), key, (&cell.metrics, &other.metrics), samples));
        }
    }
    if metrics.is_empty() {
        return Err(Problem::bad_input(
            "bench.compare",
            said!("the two series have no finished cell in common", "两组压测没有共同的已完成单元"),
        )
        .file(&b.dir));
    }
    Ok(metrics)
}

/// One figure; `None` when neither result has it.
fn one(name: &str, key: &str, (a, b): (&Metrics, &Metrics), samples: Option<(&Sampled, &Sampled)>) -> Option<Compared> {
    let (a, b) = (a.get(key).copied(), b.get(key).copied());
    a.or(b)?;
    let better = figure(key).map_or(Better::Neither, |figure| figure.better);
    let change_pct = a.zip(b).filter(|(a, _)| *a != 0.0).map(|(a, b)| (b - a) * 100.0 / a);
    let drawn = samples.filter(|_| a.is_some() && b.is_some()).and_then(|(a, b)| resample::change(key, a, b));
    let interval = drawn.as_ref().and_then(|drawn| drawn.pct).zip(change_pct).map(|((low, high), at)| (low.min(at), high.max(at)));
    Some(Compared {
        name: name.to_owned(),
        a,
        b,
        change_pct,
        ci_low_pct: interval.map(|i| i.0),
        ci_high_pct: interval.map(|i| i.1),
        verdict: verdict(better, a.zip(b), interval, drawn.as_ref()),
    })
}

fn verdict(better: Better, values: Option<(f64, f64)>, interval: Option<(f64, f64)>, drawn: Option<&Change>) -> Verdict {
    let Some((a, b)) = values else { return Verdict::Unclear };
    let judged = |low: f64, high: f64| match better {
        _ if low <= 0.0 && high >= 0.0 => Verdict::Unclear,
        Better::Neither => Verdict::Unclear,
        Better::Higher if low > 0.0 => Verdict::Better,
        Better::Lower if high < 0.0 => Verdict::Better,
        Better::Higher | Better::Lower => Verdict::Worse,
    };
    match (interval, drawn) {
        (Some((low, high)), _) if low >= -SAME_WITHIN_PCT && high <= SAME_WITHIN_PCT => Verdict::Same,
        (Some((low, high)), _) => judged(low, high),
        // Nothing, or no failure, in the base: there is no percentage, but the difference has a sign.
        (None, Some(_)) if a.total_cmp(&b).is_eq() => Verdict::Same,
        (None, Some(drawn)) => judged(drawn.difference.0, drawn.difference.1),
        (None, None) => Verdict::Unclear,
    }
}

#[cfg(test)]
mod tests;
