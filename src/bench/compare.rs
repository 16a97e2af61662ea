//! Two or more results side by side: every figure with its difference, confidence interval and verdict.
//!
//! **Interval.** The 95 % interval of a change holds three kinds of chance.
//! - Within a run: the scatter of batches of requests over time, at three sizes of batch, the widest counting (`within`). Throughput: the
//!   scatter of slices of the measured time; where both runs were sent the same arrivals at a rate, of the differences slice by slice.
//! - Between runs, when a point was measured more than once: Student's interval over the repeats of both sides together.
//! - Between runs otherwise, an assumed standard deviation between equal runs: 1 % of means, medians and throughputs, 2 % of P90 and P95,
//!   8 % of P99, half a point of shares; more by the root of 10 s over its length for a shorter run. Where the workspace has four or more
//!   other runs that asked exactly the same, and they differ more than that, so much wider is the interval.
//!
//! Next to what was seen of several runs the assumption counts like two of them.
//!
//! `Comparison::equal_runs` says which: how many runs it was taken from, 0 for the assumption. Repeat runs to learn what is beyond chance.
//!
//! **Verdict.** `same`: the interval lies within ±5 %. `better` or `worse`: it lies on one side of zero. `unclear`: else, and wherever
//! there is no interval: too few requests to cut into batches, fewer than three samples beyond the percentile, an imported result.
//! So is every figure, but for the share of failures, where the client of either run lagged by more than `client_limited` allows.
//!
//! Seen of twice 21 pairs of equal runs each of a closed loop and at a rate, on a machine that built programs meanwhile: no family of
//! figures was called better or worse in more than one pair of 21. Of forty pairs with a server slower by a tenth, the clients of twenty
//! had not lagged: all of these told it by the medians of TTFT, TPOT and ITL.

mod between;
mod differ;
mod points;
mod sides;
mod threshold;
mod within;

use super::{history, report::figures::Better};
use crate::{
    base::{Problem, Said},
    said,
};
use between::Change;
use serde::{Deserialize, Serialize};
use sides::{Side, What};
use std::path::{Path, PathBuf};

pub(super) use differ::{load, prompts};
pub use threshold::Threshold;

/// A change whose interval lies within this is none, percent.
pub const SAME_WITHIN_PCT: f64 = 5.0;
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
    /// The same in both languages, for faces and reports.
    #[serde(skip)]
    pub told: Vec<Said>,
    /// Runs that the spread between equal runs was taken from: repeats, or others of the workspace; 0: it was assumed.
    #[serde(default)]
    pub equal_runs: u32,
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
    let (metrics, equal_runs) = match (&a.what, &b.what) {
        (What::Series(of), What::Series(with)) => points::cells(a, b, of, with)?,
        (What::Series(_), _) | (_, What::Series(_)) => {
            return Err(Problem::bad_input(
                "bench.compare",
                said!("a series of load tests can only be compared with another series", "一组压测只能与另一组压测比较"),
            )
            .file(if matches!(a.what, What::Series(_)) { &b.dir } else { &a.dir })
            .fix(said!("compare one of its cells: DIR/cells/KEY", "请比较其中一个单元：DIR/cells/KEY")));
        }
        _ => points::runs(a, b)?,
    };
    let crossed: Vec<String> = thresholds.iter().flat_map(|threshold| threshold.crossed(&metrics)).collect();
    let told = differ::differences(a, b);
    Ok(Comparison {
        schema: "dcudeck.bench.compare/1".to_owned(),
        base: a.dir.clone(),
        other: b.dir.clone(),
        metrics,
        differences: told.iter().map(|said| said.en.clone()).collect(),
        told,
        equal_runs,
        ok: crossed.is_empty(),
        crossed,
    })
}

/// What the intervals of `comparison` rest on besides its own requests, one sentence.
#[must_use]
pub fn basis(comparison: &Comparison) -> Said {
    match comparison.equal_runs {
        0 => said!(
            "how far equal runs differ was assumed, not measured: repeat runs to know",
            "相同测试之间的差异为假定值，并非实测：重复测试可得实测值"
        ),
        n => said!("how far equal runs differ was taken from {n} runs", "相同测试之间的差异取自 {n} 次测试"),
    }
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
