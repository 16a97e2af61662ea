//! Live distributions: HDR histograms of µs.

use crate::bench::live::{BINS_PER_OCTAVE, Dist, bin_of};
use hdrhistogram::Histogram;

/// Greatest time told apart, µs: an hour.
const MAX_US: u64 = 3_600_000_000;

/// A histogram of times, 1 µs to 1 h, three significant digits.
pub(super) struct Hdr {
    /// `None` only if the bounds were refused, which they are not.
    histogram: Option<Histogram<u64>>,
    /// Sum of what was recorded, exact.
    sum_us: f64,
}

impl Hdr {
    pub(super) fn new() -> Self {
        Self { histogram: Histogram::new_with_bounds(1, MAX_US, 3).ok(), sum_us: 0.0 }
    }

    pub(super) fn record(&mut self, us: u64, times: u64) {
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record_n(us.clamp(1, MAX_US), times);
            self.sum_us += us as f64 * times as f64;
        }
    }

    pub(super) fn record_f64(&mut self, us: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a non-negative time below an hour")]
        self.record(us.round() as u64, 1);
    }

    /// Writes the distribution as it is published.
    pub(super) fn write(&self, dist: &mut Dist) {
        let Some(histogram) = self.histogram.as_ref().filter(|h| !h.is_empty()) else {
            *dist = Dist::default();
            return;
        };
        if dist.n == histogram.len() {
            return;
        }
        let quantile = |q| Some(histogram.value_at_quantile(q));
        let mut bins: Vec<(u16, u64)> = Vec::new();
        for value in histogram.iter_recorded() {
            let bin = bin_of(histogram.median_equivalent(value.value_iterated_to()));
            match bins.last_mut() {
                Some((last, count)) if *last == bin => *count += value.count_at_value(),
                _ => bins.push((bin, value.count_at_value())),
            }
        }
        *dist = Dist {
            n: histogram.len(),
            mean_us: Some(self.sum_us / histogram.len() as f64),
            min_us: Some(histogram.min()),
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            max_us: Some(histogram.max()),
            bins,
        };
    }
}

/// A histogram of send lags: zero is a value of its own.
pub(super) struct Lag(Hdr);

impl Lag {
    pub(super) fn new() -> Self {
        Self(Hdr::new())
    }

    pub(super) fn record(&mut self, us: u64) {
        self.0.record(us, 1);
    }

    pub(super) fn p99_us(&self) -> Option<u64> {
        self.0.histogram.as_ref().filter(|h| !h.is_empty()).map(|h| h.value_at_quantile(0.99))
    }
}

/// Counts on the grid of [`bin_of`].
#[derive(Default)]
pub(super) struct Bins(Vec<u64>);

impl Bins {
    pub(super) fn add(&mut self, counts: &[(u16, u32)]) {
        for &(bin, count) in counts {
            let bin = usize::from(bin);
            if self.0.len() <= bin {
                self.0.resize(bin + 1, 0);
            }
            if let Some(to) = self.0.get_mut(bin) {
                *to += u64::from(count);
            }
        }
    }

    /// The P99, as the middle of its bin: within 2.2 %.
    pub(super) fn p99_us(&self) -> Option<u64> {
        let all: u64 = self.0.iter().sum();
        let rank = (all > 0).then(|| all - all / 100)?;
        let mut below = 0;
        let bin = self.0.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "2 to the power of at most 64, saturating")]
        let us = ((bin as f64 + 0.5) / f64::from(BINS_PER_OCTAVE)).exp2() as u64;
        Some(us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_distribution_counts_every_sample_once() {
        let mut hdr = Hdr::new();
        for us in 1..=10_000 {
            hdr.record(us, 1);
        }
        hdr.record(50_000, 5);
        let mut dist = Dist::default();
        hdr.write(&mut dist);
        assert_eq!(dist.n, 10_005);
        assert_eq!(dist.bins.iter().map(|(_, n)| n).sum::<u64>(), 10_005);
        assert!(dist.bins.windows(2).all(|w| w[0].0 < w[1].0));
        let p50 = dist.p50_us.expect("samples");
        assert!(p50.abs_diff(5_003) <= 5, "{p50}");
        assert!((dist.mean_us.expect("samples") - (50_005_000.0 + 250_000.0) / 10_005.0).abs() < 1e-6);
    }
}
