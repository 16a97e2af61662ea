//! What the charts of a run are made of, read from its folder in one pass.

use crate::{
    base::Problem,
    bench::{
        live::{BINS_PER_OCTAVE, Event, Second, ServerSample, bin_of},
        record::Record,
        results::{self, HISTOGRAMS},
        stats::Samples,
    },
};
use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};
use std::{collections::BTreeMap, fs, path::Path};

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
        let (events, server, seconds) = (results::events(dir)?, results::server(dir)?, results::seconds(dir)?);
        let mut found = Self { events, server, seconds, ..Self::default() };
        let (mut strip, mut all_gaps) = (BTreeMap::new(), true);
        results::read(dir, |_, record| {
            found.take(&record, &mut strip);
            all_gaps &= record.warmup || !record.ok() || record.arrival_count < 2 || !record.gaps_us.is_empty();
        })?;
        if !all_gaps {
            // The gaps that were kept are mostly those of the slowest requests.
            found.itl = logged(dir, "itl");
        }
        found.strip = strip.into_iter().map(|((second, bin), n)| (second, edge_ms(bin, STRIP), n)).collect();
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

/// What the histogram log counted under `tag` of measured requests, ms, to three digits; nothing where there is no log.
fn logged(dir: &Path, tag: &str) -> Samples {
    let mut samples = Samples::default();
    let text = fs::read(dir.join(HISTOGRAMS)).unwrap_or_default();
    // Its column names are none of the reader's business; of a run that was killed the last line may be half one.
    let lines: Vec<u8> =
        text.split_inclusive(|&b| b == b'\n').filter(|l| !l.starts_with(b"\"") && l.ends_with(b"\n")).flatten().copied().collect();
    let mut reader = Deserializer::new();
    for entry in IntervalLogIterator::new(&lines) {
        let Ok(LogEntry::Interval(interval)) = entry else { continue };
        if interval.tag().is_none_or(|t| t.as_str() != tag) {
            continue;
        }
        let bytes = from_base64(interval.encoded_histogram());
        let Ok(histogram) = reader.deserialize::<u64, _>(&mut bytes.as_slice()) else { continue };
        let histogram: Histogram<u64> = histogram;
        for value in histogram.iter_recorded() {
            let us = histogram.median_equivalent(value.value_iterated_to());
            samples.add(us as f64 / 1e3, value.count_at_value());
        }
    }
    samples
}

/// Bytes of a text in base 64 (RFC 4648); what is no digit of it, its padding included, is left out.
fn from_base64(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter_map(|byte| {
        Some(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        })
    });
    let (mut bytes, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0_u32);
    for digit in digits {
        bits = (bits << 6 | u32::from(digit)) & 0xfff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap_or(0));
        }
    }
    bytes
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{report::testing, tokens::TOKENS};
    use hdrhistogram::serialization::{
        V2DeflateSerializer,
        interval_log::{IntervalLogWriterBuilder, Tag},
    };
    use std::time::Duration;

    #[test]
    fn gaps_that_were_not_kept_are_counted_from_the_histogram_log_not_from_the_slowest_requests() {
        let root = tempfile::tempdir().expect("temporary folder");
        let dir = root.path().join("r");
        testing::run(&dir, "2026-11-23T18:40:01.000Z", 40, 20_000, 1_000, r#", "load": {"concurrency": 4}"#);
        let all = Gathered::read(&dir).expect("reads");
        assert_eq!((all.itl.n(), all.ttft.n()), (40 * 31, 40));
        fs::remove_file(dir.join(TOKENS)).expect("removes");
        let (mut text, mut how) = (Vec::new(), V2DeflateSerializer::new());
        let mut log = IntervalLogWriterBuilder::new();
        log.add_comment("[Histogram log format version 1.3]");
        let mut log = log.begin_log_with(&mut text, &mut how).expect("begins");
        for (second, tag, us) in [(0, "itl", 1_500), (0, "ttft", 20_000), (1, "itl", 3_000)] {
            let mut histogram = Histogram::<u32>::new(3).expect("bounds");
            histogram.record_n(us, 620).expect("records");
            log.write_histogram(&histogram, Duration::from_secs(second), Duration::from_secs(1), Tag::new(tag)).expect("writes");
        }
        drop(log);
        text.extend_from_slice(b"Tag=itl,2.0");
        fs::write(dir.join(HISTOGRAMS), text).expect("writes");
        let logged = Gathered::read(&dir).expect("reads");
        assert_eq!((logged.itl.n(), logged.ttft.n()), (1_240, 40));
        let p90 = logged.itl.percentile(90.0).expect("samples");
        assert!((p90 - 3.0).abs() < 0.01, "{p90}");
    }
}
