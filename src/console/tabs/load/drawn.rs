//! What a histogram draws.

use crate::bench::live::{BINS_PER_OCTAVE, Dist};
use dcudeck_widgets::{LogAxis, LogBins};

/// The three latencies with a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Ttft,
    Tpot,
    Itl,
}

/// An axis begins at this fraction of the median at the lowest; what lies below is counted in its first column.
const LEAST_OF_MEDIAN: f64 = 20.0;

/// What a histogram draws: counts of one second ago at most, and an axis that only widens.
#[derive(Debug, Clone, Default)]
pub(super) struct Drawn {
    /// Lower edge of the first bucket, ms.
    first_ms: f64,
    pub(super) counts: Vec<u64>,
    /// `None` until there is a sample.
    pub(super) axis: Option<LogAxis>,
    /// Percentiles as they were when the counts were taken, ms: marks must sit on the bars they belong to.
    pub(super) marks_ms: [Option<f64>; 3],
}

impl Drawn {
    /// The counts on their grid, ms.
    pub(super) fn bins(&self) -> LogBins<'_> {
        LogBins { first: self.first_ms, ratio: 2_f64.powf(1.0 / f64::from(BINS_PER_OCTAVE)), counts: &self.counts }
    }

    pub(super) fn take(&mut self, dist: &Dist, slo_ms: Option<f64>) {
        let Some((first, last)) = dist.bins.first().zip(dist.bins.last()).map(|(a, b)| (a.0, b.0)) else {
            return;
        };
        self.first_ms = 2_f64.powf(f64::from(first) / f64::from(BINS_PER_OCTAVE)) / 1_000.0;
        self.counts.clear();
        self.counts.resize(usize::from(last.saturating_sub(first)) + 1, 0);
        for &(bin, count) in &dist.bins {
            if let Some(slot) = self.counts.get_mut(usize::from(bin.saturating_sub(first))) {
                *slot = slot.saturating_add(count);
            }
        }
        self.marks_ms = [dist.p50_us, dist.p90_us, dist.p99_us].map(|us| us.map(ms));
        let Some((lo, hi)) = self.bins().span() else { return };
        // Chunks that one read returned are 0 µs apart; an axis down there would squeeze all others. They stand in its first column.
        let lo = dist.p50_us.map_or(lo, |median| lo.max(ms(median) / LEAST_OF_MEDIAN).min(hi));
        let mut axis = self.axis.unwrap_or_else(|| LogAxis::new(lo, hi));
        axis.widen(lo, hi);
        // A goal within reach of the samples is worth seeing as a line; a distant one is named at the edge instead.
        if let Some(goal) = slo_ms.filter(|goal| (lo / 2.0..=hi * 4.0).contains(goal)) {
            axis.widen(goal, goal);
        }
        self.axis = Some(axis);
    }
}

/// µs as ms.
pub(super) fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}
