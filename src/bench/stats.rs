//! Exact statistics over samples, as numpy computes them: mean, population standard deviation, linear percentiles; and how far each
//! can be trusted ([`interval`]).

pub mod interval;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// Fewest samples a 99th percentile means something with: with 299 independent ones the greatest lies above it with a probability of
/// 95 % (`1 - 0.99^299`); with fewer it may be no more than a name for the greatest.
pub const MIN_FOR_P99: u64 = 300;

/// Whether a 99th percentile of `n` independent samples means something; faces grey it where not.
#[must_use]
pub const fn p99_means(n: u64) -> bool {
    n >= MIN_FOR_P99
}

/// Whole samples below this are counted in a plain list: gaps between tokens are, in µs.
const DENSE: u64 = 1 << 17;

/// A multiset of samples. Equal values are counted, not repeated: the gaps of a million tokens, in whole microseconds, are a
/// few thousand distinct values. For samples that are nearly all different, [`Sorted`] is the smaller one.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    /// How often each whole number occurred, as far as the greatest below [`DENSE`].
    dense: Vec<u64>,
    /// Bits of any other non-negative `f64` (which sort as the numbers do) to how often it occurred.
    sparse: BTreeMap<u64, u64>,
    n: u64,
}

impl Samples {
    /// Adds `value` as many times as `times` says. Negative and not-a-number values count as 0: a time is neither.
    pub fn add(&mut self, value: f64, times: u64) {
        if times == 0 {
            return;
        }
        self.n += times;
        let value = value.max(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "compared with the value below")]
        let whole = value as u64;
        #[expect(clippy::float_cmp, reason = "whether it is that whole number exactly")]
        if whole < DENSE && whole as f64 == value {
            let slot = usize::try_from(whole).unwrap_or(0);
            if self.dense.len() <= slot {
                self.dense.resize(slot + 1, 0);
            }
            if let Some(count) = self.dense.get_mut(slot) {
                *count += times;
            }
        } else {
            *self.sparse.entry(value.to_bits()).or_insert(0) += times;
        }
    }

    /// How many samples there are.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Values and their counts, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut dense = self.dense.iter().enumerate().filter(|&(_, &count)| count > 0).map(|(k, &count)| (k as f64, count)).peekable();
        let mut sparse = self.sparse.iter().map(|(&bits, &count)| (f64::from_bits(bits), count)).peekable();
        std::iter::from_fn(move || match (dense.peek(), sparse.peek()) {
            (Some(a), Some(b)) if a.0 < b.0 => dense.next(),
            (Some(_), None) => dense.next(),
            _ => sparse.next(),
        })
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
        let (below, t) = rank(last, p);
        let (a, b) = self.pair(below);
        Some(lerp(a, b, t))
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

/// Samples in ascending order: eight bytes each, whatever they are.
#[derive(Debug, Clone, Default)]
pub struct Sorted(Vec<f64>);

impl From<Vec<f64>> for Sorted {
    /// Sorts. Negative and not-a-number values count as 0, as in [`Samples::add`].
    fn from(mut values: Vec<f64>) -> Self {
        for value in &mut values {
            *value = value.max(0.0);
        }
        values.sort_unstable_by(f64::total_cmp);
        Self(values)
    }
}

impl Sorted {
    /// How many samples there are.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.0.len() as u64
    }

    /// The samples, ascending.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// Arithmetic mean; `None` without samples.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.iter().sum::<f64>() / self.0.len() as f64)
    }

    /// Standard deviation of the population (numpy's `std`); `None` without samples.
    #[must_use]
    pub fn std(&self) -> Option<f64> {
        let mean = self.mean()?;
        Some((self.0.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / self.0.len() as f64).sqrt())
    }

    /// The `p`-th percentile (0 to 100) with linear interpolation between ranks, numpy's default; `None` without samples.
    #[must_use]
    pub fn percentile(&self, p: f64) -> Option<f64> {
        let last = self.n().checked_sub(1)?;
        let (below, t) = rank(last, p);
        let a = self.of_rank(below)?;
        Some(lerp(a, self.of_rank(below + 1).unwrap_or(a), t))
    }

    /// The sample of a rank, from 0.
    fn of_rank(&self, rank: u64) -> Option<f64> {
        self.0.get(usize::try_from(rank).ok()?).copied()
    }

    /// 95 % confidence interval of the mean: 1.96 standard errors either side. `None` with fewer than two samples.
    #[must_use]
    pub fn mean_ci95(&self) -> Option<[f64; 2]> {
        let (mean, std, n) = (self.mean()?, self.std()?, self.0.len() as f64);
        let half = interval::Z95 * std / (n - 1.0).sqrt();
        half.is_finite().then_some([mean - half, mean + half])
    }

    /// 95 % confidence interval of the `p`-th percentile: two of the samples, by [`interval::ranks`]. `None` with too few samples.
    #[must_use]
    pub fn percentile_ci95(&self, p: f64) -> Option<[f64; 2]> {
        let (low, high) = interval::ranks(self.n(), p / 100.0)?;
        Some([self.of_rank(low - 1)?, self.of_rank(high - 1)?])
    }
}

/// The rank, from 0, below the `p`-th percentile of `last + 1` samples, and how far it lies from there to the next.
fn rank(last: u64, p: f64) -> (u64, f64) {
    let rank = (last as f64 * p / 100.0).clamp(0.0, last as f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=n-1 above")]
    let below = rank.floor() as u64;
    (below, rank - below as f64)
}

/// numpy's `_lerp`: from the nearer end, so that t = 1 gives b exactly.
fn lerp(a: f64, b: f64, t: f64) -> f64 {
    if t >= 0.5 { (b - a).mul_add(-(1.0 - t), b) } else { (b - a).mul_add(t, a) }
}
