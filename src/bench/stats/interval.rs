//! How far a figure can be trusted: 95 % confidence intervals.
//!
//! - Of a mean over requests: the normal approximation.
//! - Of a percentile over requests: order statistics. How many of `n` independent samples lie below a percentile is binomial, whatever
//!   their distribution; two ranks enclose it with the probability of the counts between them (David and Nagaraja, *Order Statistics*,
//!   3rd edition, section 7.1).
//! - Of a percentile or mean over tokens: the tokens of one request are not independent, a slow request has slow tokens. The share of
//!   tokens below the percentile is a ratio of sums over requests, whose variance is that of sampled clusters (Cochran, *Sampling
//!   Techniques*, 3rd edition, section 11.8); its interval, read off the distribution, is the percentile's (Woodruff, *Confidence
//!   intervals for medians and other position measures*, JASA 47, 1952).

use super::Samples;

/// 97.5th percentile of the standard normal distribution.
pub const Z95: f64 = 1.959_963_984_540_054;
/// Fewest requests an interval over tokens is given for: below, the variance between requests is a guess.
pub const MIN_CLUSTERS: u64 = 10;

/// The ranks, from 1, of two of `n` sorted samples that enclose the `p` quantile (0 to 1) with a probability of at least 95 %. As far as
/// possible each side is left out with at most 2.5 %; where the last sample is too likely to lie inside, that side takes what it needs of
/// the 5 %. `None`: `n` samples are too few.
#[must_use]
pub fn ranks(n: u64, p: f64) -> Option<(u64, u64)> {
    if n == 0 || !(p > 0.0 && p < 1.0) {
        return None;
    }
    // Chance that all samples lie on one side of the quantile.
    let (all_below, none_below) = (p.powf(n as f64), (1.0 - p).powf(n as f64));
    let below = Binomial::new(n, p);
    let low_tail = if all_below > 0.025 { 0.05 - all_below } else { 0.025 };
    let high_tail = if none_below > 0.025 { 0.05 - none_below } else { 0.025 };
    // Greatest rank with P(B < low) within the tail; smallest with P(B >= high) within it.
    let low = if none_below > 0.025 { 1 } else { below.last_with_cdf_within(low_tail)? + 1 };
    let high = if all_below > 0.025 { n } else { below.first_with_survival_within(high_tail) };
    // Both sides short of samples: together they must leave no more than 5 % out.
    let enough = all_below.max(none_below) <= 0.05 && (all_below.min(none_below) <= 0.025 || all_below + none_below <= 0.05);
    (enough && low >= 1 && high <= n && low < high).then_some((low, high))
}

/// A binomial distribution, as far as its probabilities differ from 0.
struct Binomial {
    /// The smallest count listed.
    from: u64,
    /// Probabilities of the counts from there on.
    of: Vec<f64>,
}

impl Binomial {
    fn new(n: u64, p: f64) -> Self {
        // From the mode outwards, each from its neighbour; their sum makes them probabilities.
        let odds = p / (1.0 - p);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and n")]
        let mode = (((n + 1) as f64 * p).floor() as u64).min(n);
        let (mut down, mut value, mut k) = (Vec::new(), 1.0, mode);
        while k > 0 && value > 1e-30 {
            value *= k as f64 / ((n - k + 1) as f64 * odds);
            k -= 1;
            down.push(value);
        }
        let from = k;
        down.reverse();
        let mut of = down;
        of.push(1.0);
        (value, k) = (1.0, mode);
        while k < n && value > 1e-30 {
            value *= (n - k) as f64 * odds / (k + 1) as f64;
            k += 1;
            of.push(value);
        }
        let sum: f64 = of.iter().sum();
        for value in &mut of {
            *value /= sum;
        }
        Self { from, of }
    }

    /// The greatest `k` with `P(B <= k) <= tail`; `None` when there is none.
    fn last_with_cdf_within(&self, tail: f64) -> Option<u64> {
        let mut cdf = 0.0;
        let within = self.of.iter().take_while(|&&value| {
            cdf += value;
            cdf <= tail
        });
        (within.count() as u64 + self.from).checked_sub(1)
    }

    /// The smallest `k` with `P(B >= k) <= tail`.
    fn first_with_survival_within(&self, tail: f64) -> u64 {
        let mut survival = 0.0;
        let within = self.of.iter().rev().take_while(|&&value| {
            survival += value;
            survival <= tail
        });
        self.from + self.of.len() as u64 - within.count() as u64
    }
}

/// Sums over requests from which the intervals of figures pooled over their tokens are made. Filled in a second pass: the cuts are the
/// pooled figures themselves.
#[derive(Debug, Clone)]
pub struct Clusters<const P: usize> {
    /// Shares (0 to 1) and the pooled quantile of each.
    cuts: [(f64, f64); P],
    mean: f64,
    /// Tokens of the request under way, their sum, and how many lie at or below each cut.
    open: (f64, f64, [f64; P]),
    requests: u64,
    tokens: f64,
    /// Of each cut, and last of the mean: sum and sum of squares over requests of what it deviates by.
    deviations: [(f64, f64); P],
    deviation: (f64, f64),
}

impl<const P: usize> Clusters<P> {
    /// For the quantiles at `shares` (0 to 1) of `pooled`; `None` without samples.
    #[must_use]
    pub fn new(pooled: &Samples, shares: [f64; P]) -> Option<Self> {
        let mean = pooled.mean()?;
        let cuts = shares.map(|share| (share, pooled.percentile(share * 100.0).unwrap_or(mean)));
        let none = (0.0, 0.0);
        Some(Self { cuts, mean, open: (0.0, 0.0, [0.0; P]), requests: 0, tokens: 0.0, deviations: [none; P], deviation: none })
    }

    /// Adds samples of the request under way.
    pub fn add(&mut self, value: f64, times: u64) {
        let times = times as f64;
        self.open.0 += times;
        self.open.1 += value * times;
        for (count, (_, cut)) in self.open.2.iter_mut().zip(&self.cuts) {
            if value <= *cut {
                *count += times;
            }
        }
    }

    /// The request under way is over.
    pub fn next(&mut self) {
        let (tokens, sum, below) = std::mem::replace(&mut self.open, (0.0, 0.0, [0.0; P]));
        if tokens <= 0.0 {
            return;
        }
        self.requests += 1;
        self.tokens += tokens;
        let add = |to: &mut (f64, f64), z: f64| *to = (to.0 + z, z.mul_add(z, to.1));
        for ((to, count), (share, _)) in self.deviations.iter_mut().zip(below).zip(&self.cuts) {
            add(to, count - share * tokens);
        }
        add(&mut self.deviation, sum - self.mean * tokens);
    }

    /// Requests that had samples.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// Standard error of a ratio of sums over requests.
    fn error(&self, (sum, squares): (f64, f64)) -> Option<f64> {
        if self.requests < MIN_CLUSTERS {
            return None;
        }
        let n = self.requests as f64;
        let variance = n / (n - 1.0) * (squares - sum * sum / n).max(0.0) / (self.tokens * self.tokens);
        Some(variance.sqrt())
    }

    /// 95 % confidence interval of the mean over tokens. `None` with fewer than [`MIN_CLUSTERS`] requests.
    #[must_use]
    pub fn mean_ci95(&self) -> Option<[f64; 2]> {
        let half = Z95 * self.error(self.deviation)?;
        Some([self.mean - half, self.mean + half])
    }

    /// 95 % confidence intervals of the quantiles, read off `pooled`; `None` where the interval of the share leaves 0 to 1: nothing then
    /// bounds the quantile.
    #[must_use]
    pub fn quantile_ci95(&self, pooled: &Samples) -> [Option<[f64; 2]>; P] {
        let mut intervals = [None; P];
        for ((to, deviation), (share, _)) in intervals.iter_mut().zip(self.deviations).zip(&self.cuts) {
            let Some(half) = self.error(deviation).map(|error| Z95 * error) else { continue };
            let (low, high) = (share - half, share + half);
            if low > 0.0 && high < 1.0 {
                *to = pooled.percentile(low * 100.0).zip(pooled.percentile(high * 100.0)).map(|(low, high)| [low, high]);
            }
        }
        intervals
    }
}
