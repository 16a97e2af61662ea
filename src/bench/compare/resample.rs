//! How far chance reaches: both results are drawn again from what they measured.

use crate::{
    base::Problem,
    bench::{record::Record, results, spec::Slo, summary::meets},
};
use rand::{RngCore as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use std::{collections::BTreeMap, path::Path};

/// Times both results are drawn.
const DRAWS: usize = 1_000;
/// Most blocks of requests.
const BLOCKS: usize = 100;
/// Slices of the measured time for throughputs.
const SLICES: usize = 20;
/// The same two folders give the same interval.
const SEED: u64 = 0x6463_7564_6563_6b31;

/// What a run measured, ready to be drawn from.
pub(super) struct Sampled {
    /// Samples of each latency, µs, by its key, ascending by value.
    latencies: BTreeMap<&'static str, Vec<Sample>>,
    blocks: usize,
    /// Requests that ended, that met every goal, that failed: a count per block.
    counts: [Vec<f64>; 3],
    /// Requests, output tokens, all tokens, good requests of each slice.
    slices: [Vec<f64>; 4],
    /// Measured, seconds.
    seconds: f64,
}

#[derive(Clone, Copy)]
struct Sample {
    value: f64,
    block: u32,
    times: u32,
}

/// Where a change lies with 95 % confidence.
pub(super) struct Change {
    /// (b - a) / a, percent; `None` where a is 0 in too many draws.
    pub(super) pct: Option<(f64, f64)>,
    /// b - a.
    pub(super) difference: (f64, f64),
}

impl Sampled {
    /// Reads the requests of `dir`.
    pub(super) fn read(dir: &Path) -> Result<Self, Problem> {
        let mut order: Vec<(u64, u64)> = Vec::new();
        let (mut from, mut until) = (u64::MAX, 0);
        // Twice through the file rather than once into memory: a long run's gaps are millions.
        let (header, _) = results::read(dir, |_, record| {
            if counts(&record) {
                order.push((record.planned_us, record.i));
                from = from.min(record.planned_us);
                until = until.max(record.end_us);
            }
        })?;
        order.sort_unstable();
        let blocks = order.len().clamp(1, BLOCKS);
        let block_of: BTreeMap<(u64, u64), u32> =
            order.iter().enumerate().map(|(k, &request)| (request, u32::try_from(k * blocks / order.len()).unwrap_or(u32::MAX))).collect();
        let mut tally = Tally::new(header.spec.slo, blocks, from.min(until), until);
        results::read(dir, |_, record| {
            if let Some(&block) = block_of.get(&(record.planned_us, record.i)).filter(|_| counts(&record)) {
                tally.take(&record, block);
            }
        })?;
        Ok(tally.done())
    }
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
    fn new(slo: Slo, blocks: usize, from: u64, until: u64) -> Self {
        let sampled = Sampled {
            latencies: BTreeMap::new(),
            blocks,
            counts: [vec![0.0; blocks], vec![0.0; blocks], vec![0.0; blocks]],
            slices: std::array::from_fn(|_| vec![0.0; SLICES]),
            seconds: (until.saturating_sub(from)).max(1) as f64 / 1e6,
        };
        Self { slo, from, until, latencies: BTreeMap::new(), all_gaps: true, sampled }
    }

    fn take(&mut self, record: &Record, block: u32) {
        let good = record.ok() && meets(&self.slo, record);
        for (counts, yes) in self.sampled.counts.iter_mut().zip([true, good, !record.ok()]) {
            if let Some(count) = counts.get_mut(block as usize) {
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
                self.add(key, value, block, 1);
            }
        }
        // All gaps of a request together last from its first token to its last: their mean needs none of them.
        if let (Some(all), times @ 1..) = (since(record.last_us, record.first_us), record.itl_count) {
            self.add("itl_mean", all / times as f64, block, u32::try_from(times).unwrap_or(u32::MAX));
        }
        self.all_gaps &= record.arrival_count < 2 || !record.gaps_us.is_empty();
        for arrival in record.arrivals().skip(1) {
            self.add("itl", arrival.gap_us as f64 / arrival.tokens as f64, block, u32::try_from(arrival.tokens).unwrap_or(u32::MAX));
        }
        for gap in record.chunk_gaps() {
            self.add("itl_chunk", gap as f64, block, 1);
        }
        let tokens = record.output_tokens as f64;
        let all = record.prompt_tokens.map_or(0.0, |n| n as f64) + tokens;
        let (begin, end) = (record.sent_us.unwrap_or(record.planned_us), record.last_us.unwrap_or(record.end_us));
        self.spread(0, 1.0, begin, end);
        self.spread(1, tokens, record.first_us.unwrap_or(begin), end);
        self.spread(2, all, begin, end);
        self.spread(3, f64::from(u8::from(good)), begin, end);
    }

    /// Values are kept to three significant digits and a half: a million gaps are a few hundred values a block.
    fn add(&mut self, key: &'static str, value: f64, block: u32, times: u32) {
        let digits = 10_f64.powf(2.0 - value.max(1e-3).log10().floor()) * 4.0;
        let value = (value * digits).round() / digits;
        *self.latencies.entry(key).or_default().entry((value.max(0.0).to_bits(), block)).or_default() += times;
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
            let samples = values.into_iter().map(|((bits, block), times)| Sample { value: f64::from_bits(bits), block, times }).collect();
            self.sampled.latencies.insert(key, samples);
        }
        self.sampled
    }
}

/// Samples beyond a percentile below which it is little more than the greatest value, and drawing again never shows how far chance
/// reaches: no interval, no verdict.
const BEYOND: f64 = 3.0;

fn percentile(samples: &[Sample], at: f64) -> Option<Statistic<'_>> {
    let n: f64 = samples.iter().map(|sample| f64::from(sample.times)).sum();
    (n * (1.0 - at) + 1e-9 >= BEYOND).then_some(Statistic::Percentile(samples, at))
}

/// What is computed in each draw.
enum Statistic<'a> {
    Mean(&'a [Sample]),
    Percentile(&'a [Sample], f64),
    /// Sum over slices, per second.
    Rate(&'a [f64], f64),
    /// First over second, percent.
    Share(&'a [f64], &'a [f64]),
}

impl Sampled {
    fn statistic(&self, key: &str) -> Option<Statistic<'_>> {
        let [requests, output, all, good] = &self.slices;
        let [ended, within, failed] = &self.counts;
        let rate = |slices| Statistic::Rate(slices, self.seconds);
        Some(match key {
            "request_throughput" => rate(requests),
            "output_throughput" => rate(output),
            "total_token_throughput" => rate(all),
            "goodput" => rate(good),
            "goodput_pct" => Statistic::Share(within, ended),
            "error_rate_pct" => Statistic::Share(failed, ended),
            _ => {
                let (statistic, metric) = key.strip_suffix("_ms")?.split_once('_')?;
                let metric = if (statistic, metric) == ("mean", "itl") { "itl_mean" } else { metric };
                let samples = self.latencies.get(metric)?;
                match statistic {
                    "mean" => Statistic::Mean(samples),
                    "median" => percentile(samples, 0.5)?,
                    "p90" => percentile(samples, 0.9)?,
                    "p95" => percentile(samples, 0.95)?,
                    "p99" => percentile(samples, 0.99)?,
                    _ => return None,
                }
            }
        })
    }

    /// The statistic of [`DRAWS`] draws.
    fn draws(&self, key: &str, seed: u64) -> Option<Vec<f64>> {
        let statistic = self.statistic(key)?;
        let n = if matches!(statistic, Statistic::Rate(..)) { SLICES } else { self.blocks };
        // One block says nothing of chance.
        if n < 2 {
            return None;
        }
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut times = vec![0_u32; n];
        let draws = (0..DRAWS).filter_map(|_| {
            times.fill(0);
            for _ in 0..n {
                let at = (u128::from(random.next_u64()) * n as u128) >> 64;
                if let Some(count) = usize::try_from(at).ok().and_then(|at| times.get_mut(at)) {
                    *count += 1;
                }
            }
            statistic.of(&times)
        });
        Some(draws.collect::<Vec<f64>>()).filter(|draws| draws.len() > DRAWS / 2)
    }
}

impl Statistic<'_> {
    /// Its value when block `k` was drawn `times[k]` times.
    fn of(&self, times: &[u32]) -> Option<f64> {
        let sum = |counts: &[f64]| counts.iter().zip(times).map(|(count, &times)| count * f64::from(times)).sum::<f64>();
        let weight = |sample: &Sample| u64::from(sample.times) * u64::from(times.get(sample.block as usize).copied().unwrap_or(0));
        match self {
            Self::Rate(slices, seconds) => Some(sum(slices) / seconds),
            Self::Share(part, whole) => {
                let whole = sum(whole);
                (whole > 0.0).then(|| sum(part) * 100.0 / whole)
            }
            Self::Mean(samples) => {
                let (mut total, mut n) = (0.0, 0);
                for sample in *samples {
                    let weight = weight(sample);
                    total += sample.value * weight as f64;
                    n += weight;
                }
                (n > 0).then(|| total / n as f64)
            }
            Self::Percentile(samples, p) => {
                let n: u64 = samples.iter().map(weight).sum();
                let rank = (n as f64 * p).ceil().max(1.0);
                let mut seen = 0;
                samples.iter().find_map(|sample| {
                    seen += weight(sample);
                    (seen as f64 >= rank).then_some(sample.value)
                })
            }
        }
    }
}

/// The change of `key` from `a` to `b` over all draws; `None` for a figure that is not drawn.
pub(super) fn change(key: &str, a: &Sampled, b: &Sampled) -> Option<Change> {
    let (a, b) = (a.draws(key, SEED)?, b.draws(key, !SEED)?);
    let pairs = || a.iter().zip(&b);
    let pct: Vec<f64> = pairs().filter(|(a, _)| **a > 0.0).map(|(a, b)| (b - a) * 100.0 / a).collect();
    let difference = middle(pairs().map(|(a, b)| b - a).collect())?;
    let pct = if pct.len() * 20 >= a.len().min(b.len()) * 19 { middle(pct) } else { None };
    Some(Change { pct, difference })
}

/// The middle 95 %.
fn middle(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_unstable_by(f64::total_cmp);
    let cut = values.len() / 40;
    Some((*values.get(cut)?, *values.get(values.len().checked_sub(cut + 1)?)?))
}
