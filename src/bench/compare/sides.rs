//! One side of a comparison: whatever a folder holds.

use super::within::Sampled;
use crate::{
    base::Problem,
    bench::{
        import::{IMPORTED, Imported},
        live::Series,
        report,
        results::{self, Header, REQUESTS},
        series::SERIES,
        spec::Load,
        summary::Summary,
    },
    said,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A result to compare.
pub(super) struct Side {
    pub(super) dir: PathBuf,
    pub(super) what: What,
    /// Figures of a run or an imported result.
    pub(super) metrics: BTreeMap<String, f64>,
}

pub(super) enum What {
    Run(Box<Summary>, Option<Box<Header>>),
    Imported(Box<Imported>),
    Series(Box<Series>),
}

impl Side {
    /// Reads what `dir` holds.
    pub(super) fn open(dir: &Path) -> Result<Self, Problem> {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
        if dir.join(IMPORTED).exists() {
            let imported = report::imported_of(&dir)?;
            let metrics = imported.metrics.clone();
            return Ok(Self { dir, what: What::Imported(Box::new(imported)), metrics });
        }
        if dir.join(SERIES).exists() {
            let series = report::series_of(&dir)?;
            return Ok(Self { dir, what: What::Series(Box::new(series)), metrics: BTreeMap::new() });
        }
        if !dir.join(REQUESTS).exists() && !dir.join(results::SUMMARY).exists() {
            return Err(Problem::bad_input("bench.no_result", said!("this folder holds no result", "该文件夹没有测试结果")).file(dir));
        }
        let summary = report::summary_of(&dir)?;
        let header = results::header(&dir).ok().map(Box::new);
        let metrics = summary.metrics();
        Ok(Self { dir, what: What::Run(Box::new(summary), header), metrics })
    }

    /// Requests came at the same moments in both: at a rate, not in a closed loop, where the answers decide.
    pub(super) fn same_arrivals(&self, other: &Self) -> bool {
        let (What::Run(a, _), What::Run(b, _)) = (&self.what, &other.what) else { return false };
        let (a, b) = (&a.profile, &b.profile);
        let ends = (a.requests, a.duration_s, a.warmup) == (b.requests, b.duration_s, b.warmup);
        !matches!(a.load, Load::Concurrency(_)) && a.load == b.load && a.seed == b.seed && ends
    }

    /// What was measured, request by request; `None` of an imported result and of one whose requests are gone.
    pub(super) fn sampled(&self) -> Result<Option<Sampled>, Problem> {
        match self.what {
            What::Run(..) if self.dir.join(REQUESTS).exists() => Sampled::read(&self.dir).map(Some),
            _ => Ok(None),
        }
    }
}
