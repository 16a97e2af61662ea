//! What the charts of a run are made of, read from its folder in one pass.

use crate::{
    base::Problem,
    bench::{
        live::{BINS_PER_OCTAVE, Event, Fact, Second, ServerSample, bin_of},
        record::Record,
        results::{self, SECONDS},
        stats::Samples,
    },
};
use serde::de::DeserializeOwned;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

/// Bins of the strip over time: four an octave.
const STRIP: u32 = 4;

/// What a run measured, for its charts. Times in ms, moments in seconds since the run's start.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) ttft: Samples,
    pub(super) tpot: Samples,
    pub(super) itl: Samples,
    pub(super) e2el: Samples,
    /// Second, lower edge of the bin, first tokens that fell there.
    pub(super) strip: Vec<(u32, f64, u64)>,
    pub(super) seconds: Vec<Second>,
    pub(super) events: Vec<Event>,
    pub(super) server: Vec<ServerSample>,
}

impl Gathered {
    pub(super) fn read(dir: &Path) -> Result<Self, Problem> {
        let mut found = Self { events: lines(&dir.join("events.jsonl")), server: lines(&dir.join("server.jsonl")), ..Self::default() };
        let mut strip = BTreeMap::new();
        results::read(dir, |_, record| found.take(&record, &mut strip))?;
        found.strip = strip.into_iter().map(|((second, bin), n)| (second, edge_ms(bin, STRIP), n)).collect();
        let path = dir.join(SECONDS);
        found.seconds = lines::<Fact>(&path).into_iter().filter_map(|f| if let Fact::Second(s) = f { Some(s) } else { None }).collect();
        if found.seconds.is_empty() {
            found.seconds = lines(&path);
        }
        Ok(found)
    }

    fn take(&mut self, record: &Record, strip: &mut BTreeMap<(u32, u16), u64>) {
        if record.warmup || !record.ok() {
            return;
        }
        if let (Some(us), Some(first)) = (record.ttft_us(), record.first_us) {
            self.ttft.add(us as f64 / 1e3, 1);
            let bin = bin_of(us) / u16::try_from(BINS_PER_OCTAVE / STRIP).unwrap_or(1);
            *strip.entry((u32::try_from(first / 1_000_000).unwrap_or(u32::MAX), bin)).or_default() += 1;
        }
        if let Some(us) = record.tpot_us() {
            self.tpot.add(us / 1e3, 1);
        }
        if let Some(us) = record.e2el_us() {
            self.e2el.add(us as f64 / 1e3, 1);
        }
        for arrival in record.arrivals().skip(1) {
            self.itl.add(arrival.gap_us as f64 / arrival.tokens as f64 / 1e3, arrival.tokens);
        }
    }
}

/// Lines of JSON that can be understood; headers, and the half line a kill leaves, are none.
fn lines<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    BufReader::new(file).lines().map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()).collect()
}

/// Counts by the lower edge, ms, of the log grid's bins.
pub(super) fn bins(samples: &Samples) -> Vec<(f64, u64)> {
    let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
    for (ms, n) in samples.iter() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a latency: not negative, far below 2^64 µs")]
        let us = (ms * 1e3).round() as u64;
        *counts.entry(bin_of(us)).or_default() += n;
    }
    counts.into_iter().map(|(bin, n)| (edge_ms(bin, BINS_PER_OCTAVE), n)).collect()
}

fn edge_ms(bin: u16, per_octave: u32) -> f64 {
    2_f64.powf(f64::from(bin) / f64::from(per_octave)) / 1e3
}

/// Latency at each percentile, for a curve from the median to where single samples begin.
pub(super) fn curve(samples: &Samples) -> Vec<(f64, f64)> {
    const AT: [f64; 16] = [0.0, 25.0, 50.0, 60.0, 70.0, 80.0, 90.0, 93.0, 95.0, 97.0, 98.0, 99.0, 99.5, 99.8, 99.9, 99.99];
    // Beyond one sample in n the curve would show the greatest sample again and again.
    let most = 100.0 - 100.0 / samples.n().max(2) as f64;
    AT.into_iter().filter(|p| *p <= most).filter_map(|p| Some((p, samples.percentile(p)?))).collect()
}
