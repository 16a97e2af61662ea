//! Exact statistics over samples, as numpy computes them: mean, population standard deviation, linear percentiles.

use std::collections::BTreeMap;

/// A multiset of samples. Equal values are counted, not repeated: the gaps of a million tokens, in whole microseconds, are a
/// few thousand distinct values.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    /// Bits of a non-negative `f64` (which sort as the numbers do) to how often it occurred.
    counts: BTreeMap<u64, u64>,
    n: u64,
}

impl Samples {
    /// Adds `value` as many times as `times` says. Negative and not-a-number values count as 0: a time is neither.
    pub fn add(&mut self, value: f64, times: u64) {
        if times > 0 {
            *self.counts.entry(value.max(0.0).to_bits()).or_insert(0) += times;
            self.n += times;
        }
    }

    /// How many samples there are.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Values and their counts, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.counts.iter().map(|(&bits, &count)| (f64::from_bits(bits), count))
    }

    /// Arithmetic mean; `None` without samples.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.iter().map(|(v, c)| v * c as f64).sum::<f64>() / self.n as f64)
    }

    /// Standard deviation of the population (numpy's `std`); `None` without samples.
    #[must_use]
    pub fn std(&self) -> Option<f64> {
        let mean = self.mean()?;
        Some((self.iter().map(|(v, c)| (v - mean).powi(2) * c as f64).sum::<f64>() / self.n as f64).sqrt())
    }

    /// The `p`-th percentile (0 to 100) with linear interpolation between ranks, numpy's default; `None` without samples.
    #[must_use]
    pub fn percentile(&self, p: f64) -> Option<f64> {
        let last = self.n.checked_sub(1)?;
        let rank = (last as f64 * p / 100.0).clamp(0.0, last as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=n-1 above")]
        let below = rank.floor() as u64;
        let (a, b) = self.pair(below);
        let t = rank - below as f64;
        // numpy's _lerp: from the nearer end, so that t = 1 gives b exactly.
        Some(if t >= 0.5 { (b - a).mul_add(-(1.0 - t), b) } else { (b - a).mul_add(t, a) })
    }

    /// The samples of rank `rank` and `rank + 1` (from 0, ascending); the last one twice at the end.
    fn pair(&self, rank: u64) -> (f64, f64) {
        let mut seen = 0;
        let mut found = None;
        for (value, count) in self.iter() {
            seen += count;
            match found {
                None if seen > rank + 1 => return (value, value),
                None if seen > rank => found = Some(value),
                None => {}
                Some(a) => return (a, value),
            }
        }
        let a = found.unwrap_or(0.0);
        (a, a)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Samples {
        let mut samples = Samples::default();
        for &value in values {
            samples.add(value, 1);
        }
        samples
    }

    /// Expected values by the definitions of `numpy.mean`, `numpy.std` and `numpy.percentile` (linear).
    #[test]
    fn figures_are_those_numpy_gives() {
        let s = of(&[12.5, 3.25, 99.0, 3.25, 47.75, 8.0, 1.5]);
        let near = |got: Option<f64>, want: f64| assert!((got.expect("samples") - want).abs() < 1e-9, "{got:?} {want}");
        near(s.mean(), 25.035_714_285_714_285);
        near(s.std(), 33.673_174_086_522_12);
        near(s.percentile(50.0), 8.0);
        near(s.percentile(90.0), 68.25);
        near(s.percentile(95.0), 83.625);
        near(s.percentile(99.0), 95.925);
        near(s.percentile(0.0), 1.5);
        near(s.percentile(100.0), 99.0);
        near(s.percentile(25.0), 3.25);
    }

    #[test]
    fn a_count_is_as_many_samples() {
        let mut counted = Samples::default();
        counted.add(5.0, 3);
        counted.add(9.0, 2);
        let plain = of(&[5.0, 9.0, 5.0, 9.0, 5.0]);
        for p in [0.0, 10.0, 50.0, 62.5, 70.0, 75.0, 90.0, 99.0, 100.0] {
            assert_eq!(counted.percentile(p), plain.percentile(p), "{p}");
        }
        assert_eq!(counted.std(), plain.std());
    }

    #[test]
    fn without_samples_there_is_no_figure() {
        let none = Samples::default();
        assert_eq!((none.mean(), none.std(), none.percentile(99.0)), (None, None, None));
    }
}
