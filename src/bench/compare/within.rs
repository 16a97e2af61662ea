//! How far chance reaches within one run: batch means over time.
//!
//! Requests are cut, in the order they were due, into up to 40 batches of at least as many requests as were in flight, so that the
//! requests of one wave count as one. The scatter of the batches gives the error of a mean or a share; that of a percentile is the error
//! of the share of samples below it, read back off the distribution (Woodruff's interval). The same with batches of two and four: a
//! drift shows in the larger ones, and the widest interval counts. No error is less than that of so many independent requests.

use super::between::{Interval, t95};
use crate::{
    base::Problem,
    bench::{record::Record, results, spec::Slo, summary::meets},
};
use std::{collections::BTreeMap, path::Path};

/// Most batches of requests.
const BATCHES: usize = 40;
/// Fewer batches do not tell their scatter.
const FEWEST: usize = 5;
/// Slices of the measured time for throughputs. The first and the last are ramp and drain, the same in every run.
const SLICES: usize = 22;
/// Batches are also looked at so many at a time.
const SCALES: [usize; 3] = [1, 2, 4];

/// What a run measured, in batches.
pub(super) struct Sampled {
    /// Samples of each latency, µs, by its key, ascending by value.
    latencies: BTreeMap<&'static str, Vec<Sample>>,
    /// Requests that ended, that met every goal, that failed: a count per batch.
    counts: [Vec<f64>; 3],
    /// Requests, output tokens, all tokens, good requests of each slice.
    slices: [Vec<f64>; 4],
}

#[derive(Clone, Copy)]
struct Sample {
    value: f64,
    batch: u32,
    times: u32,
}

impl Sampled {
    /// Reads the requests of `dir`.
    pub(super) fn read(dir: &Path) -> Result<Self, Problem> {
        let mut order: Vec<(u64, u64)> = Vec::new();
        let (mut from, mut until, mut under_way) = (u64::MAX, 0, 0);
        // Twice through the file rather than once into memory: a long run's gaps are millions.
        let (header, _) = results::read(dir, |_, record| {
            if counts(&record) {
                order.push((record.planned_us, record.i));
                from = from.min(record.planned_us);
                until = until.max(record.end_us);
                under_way += record.end_us.saturating_sub(record.started_us);
            }
        })?;
        order.sort_unstable();
        let measured = until.saturating_sub(from).max(1);
        let in_flight = usize::try_from(under_way.div_ceil(measured)).unwrap_or(usize::MAX).max(1);
        let batches = (order.len() / in_flight).clamp(1, BATCHES);
        let batch_of: BTreeMap<(u64, u64), u32> =
            order.iter().enumerate().map(|(k, &request)| (request, u32::try_from(k * batches / order.len()).unwrap_or(u32::MAX))).collect();
        let mut tally = Tally::new(header.spec.slo, batches, from.min(until), until);
        results::read(dir, |_, record| {
            if let Some(&batch) = batch_of.get(&(record.planned_us, record.i)).filter(|_| counts(&record)) {
                tally.take(&record, batch);
            }
        })?;
        Ok(tally.done())
    }

    /// Where `key` lies with 95 % confidence; `None` for a figure there is nothing to tell it from.
    pub(super) fn interval(&self, key: &str) -> Option<Interval> {
        let [_, within, failed] = &self.counts;
        match key {
            "goodput_pct" => self.share(within),
            "error_rate_pct" => self.share(failed),
            _ => match self.rate(key) {
                Some(slices) => rate(slices),
                None => self.latency(key),
            },
        }
    }

    /// The slices of a throughput.
    fn rate(&self, key: &str) -> Option<&[f64]> {
        let at = ["request_throughput", "output_throughput", "total_token_throughput", "goodput"].iter().position(|k| *k == key)?;
        self.slices.get(at).map(Vec::as_slice)
    }

    fn latency(&self, key: &str) -> Option<Interval> {
        let (statistic, metric) = key.strip_suffix("_ms")?.split_once('_')?;
        let metric = if (statistic, metric) == ("mean", "itl") { "itl_mean" } else { metric };
        let samples = self.latencies.get(metric)?;
        match statistic {
            "mean" => self.mean(samples),
            "median" => self.percentile(samples, 0.5),
            "p90" => self.percentile(samples, 0.9),
            "p95" => self.percentile(samples, 0.95),
            "p99" => self.percentile(samples, 0.99),
            _ => None,
        }
    }

    /// Every request gives at most one of `samples`: then they may be independent of each other, and nothing less.
    fn independent(&self, n: f64) -> bool {
        n <= self.counts[0].iter().sum::<f64>()
    }

    fn mean(&self, samples: &[Sample]) -> Option<Interval> {
        let n = total(samples);
        let mean = samples.iter().map(|s| s.value * f64::from(s.times)).sum::<f64>() / n;
        let off = |s: &Sample| (s.value - mean) * f64::from(s.times);
        let least = if self.independent(n) {
            t95(n - 1.0) * samples.iter().map(|s| (s.value - mean).powi(2) * f64::from(s.times)).sum::<f64>().sqrt() / n
        } else {
            0.0
        };
        let error = (widest(&self.by_batch(samples, off))? / n).max(least);
        Some(Interval { low: mean - error, at: mean, high: mean + error })
    }

    /// `None` also where too few samples lie beyond it: it is then little more than the greatest value.
    fn percentile(&self, samples: &[Sample], at: f64) -> Option<Interval> {
        const BEYOND: f64 = 3.0;
        let n = total(samples);
        if n * (1.0 - at) + 1e-9 < BEYOND {
            return None;
        }
        let value = quantile(samples, n, at)?;
        let off = |s: &Sample| (f64::from(u8::from(s.value <= value)) - at) * f64::from(s.times);
        let least = if self.independent(n) { t95(n - 1.0) * (at * (1.0 - at) / n).sqrt() } else { 0.0 };
        // Equal values lie on the percentile in a heap: what they are off by together is no scatter.
        let mut by_batch = self.by_batch(samples, off);
        let share = by_batch.iter().sum::<f64>() / n;
        for (sum, batch) in by_batch.iter_mut().zip(self.by_batch(samples, |s| f64::from(s.times))) {
            *sum -= share * batch;
        }
        let error = (widest(&by_batch)? / n).max(least);
        // Beyond the last sample nothing is known.
        let high = at + error;
        (high < 1.0).then_some(())?;
        Some(Interval { low: quantile(samples, n, (at - error).max(0.0))?, at: value, high: quantile(samples, n, high)? })
    }

    fn by_batch(&self, samples: &[Sample], of: impl Fn(&Sample) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.counts[0].len()];
        for sample in samples {
            if let Some(sum) = sums.get_mut(sample.batch as usize) {
                *sum += of(sample);
            }
        }
        sums
    }

    /// `part` of the requests that ended, percent.
    fn share(&self, part: &[f64]) -> Option<Interval> {
        let ended = &self.counts[0];
        let n: f64 = ended.iter().sum();
        let share = part.iter().sum::<f64>() / n;
        let off: Vec<f64> = part.iter().zip(ended).map(|(part, all)| part - share * all).collect();
        let least = t95(n - 1.0) * (share * (1.0 - share) / n).sqrt();
        let error = (widest(&off)? / n).max(least);
        Some(Interval { low: (share - error) * 100.0, at: share * 100.0, high: (share + error) * 100.0 })
    }
}

/// The interval of a sum over all slices; only its ratios mean something.
fn rate(slices: &[f64]) -> Option<Interval> {
    let inner = slices.get(1..slices.len().checked_sub(1)?)?;
    let sum: f64 = inner.iter().sum();
    let mean = sum / inner.len() as f64;
    let off: Vec<f64> = inner.iter().map(|slice| slice - mean).collect();
    let error = widest(&off)?;
    (sum > error).then_some(Interval { low: sum - error, at: sum, high: sum + error })
}

/// Half of the 95 % interval of the sum of `batches`, which scatter about zero: the widest over all [`SCALES`].
fn widest(batches: &[f64]) -> Option<f64> {
    let scales = SCALES.iter().filter(|scale| batches.len() / **scale >= FEWEST);
    let half = scales.map(|scale| {
        let groups = batches.chunks(*scale).map(|chunk| chunk.iter().sum::<f64>());
        let n = batches.len().div_ceil(*scale) as f64;
        t95(n - 1.0) * (n / (n - 1.0) * groups.map(|sum| sum * sum).sum::<f64>()).sqrt()
    });
    half.reduce(f64::max)
}

fn total(samples: &[Sample]) -> f64 {
    samples.iter().map(|sample| f64::from(sample.times)).sum()
}

fn quantile(samples: &[Sample], n: f64, at: f64) -> Option<f64> {
    let rank = (n * at).ceil().max(1.0);
    let mut seen = 0.0;
    samples.iter().find_map(|sample| {
        seen += f64::from(sample.times);
        (seen >= rank).then_some(sample.value)
    })
}

/// Half of the 95 % interval of the change of the throughput `key`, as a share of it, when both runs were sent the same arrivals: what
/// differs is then only how slice by slice they were answered.
pub(super) fn paired_rate(key: &str, a: &Sampled, b: &Sampled) -> Option<f64> {
    let (a, b) = (a.rate(key)?, b.rate(key)?);
    let (a, b) = (a.get(1..a.len().checked_sub(1)?)?, b.get(1..b.len().checked_sub(1)?)?);
    let (sum_a, sum_b) = (a.iter().sum::<f64>(), b.iter().sum::<f64>());
    if sum_a <= 0.0 || sum_b <= 0.0 {
        return None;
    }
    let off: Vec<f64> = a.iter().zip(b).map(|(a, b)| b / sum_b - a / sum_a).collect();
    widest(&off)
}

/// Measured and not given up.
fn counts(record: &Record) -> bool {
    !record.warmup && !record.stopped()
}

struct Tally {
    slo: Slo,
    from: u64,
    until: u64,
    latencies: BTreeMap<&'static str, BTreeMap<(u64, u32), u32>>,
    /// The gaps of every request were there, not only of those whose arrivals were kept: mostly the slowest.
    all_gaps: bool,
    sampled: Sampled,
}

impl Tally {
    fn new(slo: Slo, batches: usize, from: u64, until: u64) -> Self {
        let sampled = Sampled {
            latencies: BTreeMap::new(),
            counts: [vec![0.0; batches], vec![0.0; batches], vec![0.0; batches]],
            slices: std::array::from_fn(|_| vec![0.0; SLICES]),
        };
        Self { slo, from, until, latencies: BTreeMap::new(), all_gaps: true, sampled }
    }

    fn take(&mut self, record: &Record, batch: u32) {
        let good = record.ok() && meets(&self.slo, record);
        for (counts, yes) in self.sampled.counts.iter_mut().zip([true, good, !record.ok()]) {
            if let Some(count) = counts.get_mut(batch as usize) {
                *count += f64::from(u8::from(yes));
            }
        }
        if !record.ok() {
            return;
        }
        let since = |at: Option<u64>, from: Option<u64>| Some(at?.saturating_sub(from?) as f64);
        for (key, value) in [
            ("ttft", record.ttft_us().map(|us| us as f64)),
            ("tpot", record.tpot_us()),
            ("e2el", record.e2el_us().map(|us| us as f64)),
            ("ttft_answer", since(record.answer_us, record.sent_us)),
            ("ttft_response", since(record.first_us, Some(record.planned_us))),
            ("e2el_response", since(record.last_us, Some(record.planned_us))),
            ("longest_gap", record.longest_gap_us.map(|us| us as f64)),
        ] {
            if let Some(value) = value {
                self.add(key, value, batch, 1);
            }
        }
        // All gaps of a request together last from its first token to its last: their mean needs none of them.
        if let (Some(all), times @ 1..) = (since(record.last_us, record.first_us), record.itl_count) {
            self.add("itl_mean", all / times as f64, batch, u32::try_from(times).unwrap_or(u32::MAX));
        }
        self.all_gaps &= record.arrival_count < 2 || !record.gaps_us.is_empty();
        for arrival in record.arrivals().skip(1) {
            self.add("itl", arrival.gap_us as f64 / arrival.tokens as f64, batch, u32::try_from(arrival.tokens).unwrap_or(u32::MAX));
        }
        for gap in record.chunk_gaps() {
            self.add("itl_chunk", gap as f64, batch, 1);
        }
        let tokens = record.output_tokens as f64;
        let all = record.prompt_tokens.map_or(0.0, |n| n as f64) + tokens;
        let (begin, end) = (record.sent_us.unwrap_or(record.planned_us), record.last_us.unwrap_or(record.end_us));
        self.spread(0, 1.0, begin, end);
        self.spread(1, tokens, record.first_us.unwrap_or(begin), end);
        self.spread(2, all, begin, end);
        self.spread(3, f64::from(u8::from(good)), begin, end);
    }

    /// Values are kept to three significant digits and a half: a million gaps are a few hundred values a batch.
    fn add(&mut self, key: &'static str, value: f64, batch: u32, times: u32) {
        let digits = 10_f64.powf(2.0 - value.max(1e-3).log10().floor()) * 4.0;
        let value = (value * digits).round() / digits;
        *self.latencies.entry(key).or_default().entry((value.max(0.0).to_bits(), batch)).or_default() += times;
    }

    /// Spreads `amount` evenly over the slices from `begin` to `end`.
    fn spread(&mut self, what: usize, amount: f64, begin: u64, end: u64) {
        let Some(slices) = self.sampled.slices.get_mut(what) else { return };
        let width = (self.until - self.from).max(1) as f64 / SLICES as f64;
        let at = |us: u64| us.saturating_sub(self.from) as f64 / width;
        let (begin, end) = (at(begin), at(end).max(at(begin) + 1e-9));
        for (k, slice) in slices.iter_mut().enumerate() {
            let overlap = end.min((k + 1) as f64) - begin.max(k as f64);
            if overlap > 0.0 {
                *slice += amount * overlap / (end - begin);
            }
        }
    }

    fn done(mut self) -> Sampled {
        for (key, values) in self.latencies {
            if !self.all_gaps && matches!(key, "itl" | "itl_chunk") {
                continue;
            }
            let samples = values.into_iter().map(|((bits, batch), times)| Sample { value: f64::from_bits(bits), batch, times }).collect();
            self.sampled.latencies.insert(key, samples);
        }
        self.sampled
    }
}
