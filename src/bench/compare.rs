//! Two or more results side by side: every figure with its difference, confidence interval and verdict.

use crate::{base::Problem, said};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The `dcudeck.bench.compare/1` document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// `dcudeck.bench.compare/1`.
    pub schema: String,
    /// Folder of the result that the others are compared with.
    pub base: PathBuf,
    /// Folder compared with it.
    pub other: PathBuf,
    /// Figures both have.
    pub metrics: Vec<Compared>,
    /// What makes the two not quite comparable (another model, load, prompt length, machine, client-limited, cache state), one sentence each.
    pub differences: Vec<String>,
    /// No threshold of `--fail-on` was crossed.
    pub ok: bool,
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
pub fn compare(base: &std::path::Path, other: &std::path::Path, fail_on: &[String]) -> Result<Comparison, Problem> {
    let _ = (base, other, fail_on);
    Err(Problem::failed("bench.compare", said!("not built yet", "尚未实现")))
}
