//! What fell in each second, until the second is told: counts, the columns of the heat strip, and `histograms.hlog`.

use super::lines::Lines;
use crate::{
    base::Problem,
    bench::{
        live::{Fact, Second, bin_of},
        results::{HISTOGRAMS, Header},
    },
};
use hdrhistogram::{
    Histogram,
    serialization::{
        V2DeflateSerializer,
        interval_log::{IntervalLogWriterBuilder, Tag},
    },
};
use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, SystemTime},
};

/// Greatest time told apart, µs: an hour.
const MAX_US: u64 = 3_600_000_000;

/// Metrics with a histogram a second, by their tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Ttft,
    Tpot,
    Itl,
    E2el,
}

impl Metric {
    const ALL: [Self; 4] = [Self::Ttft, Self::Tpot, Self::Itl, Self::E2el];

    const fn tag(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::Tpot => "tpot",
            Self::Itl => "itl",
            Self::E2el => "e2el",
        }
    }
}

/// One second.
#[derive(Default)]
pub(super) struct Open {
    pub(super) row: Second,
    ttft: BTreeMap<u16, u32>,
    itl: BTreeMap<u16, u32>,
    /// By [`Metric`]; each grows with the times it holds.
    histograms: [Option<Histogram<u32>>; 4],
}

impl Open {
    pub(super) fn new(second: u32) -> Self {
        Self { row: Second { second, ..Second::default() }, ..Self::default() }
    }

    /// Counts times.
    pub(super) fn record(&mut self, metric: Metric, us: u64, times: u32) {
        let bins = match metric {
            Metric::Ttft => Some(&mut self.ttft),
            Metric::Itl => Some(&mut self.itl),
            Metric::Tpot | Metric::E2el => None,
        };
        if let Some(bins) = bins {
            *bins.entry(bin_of(us)).or_insert(0) += times;
        }
        if let Some(slot) = self.histograms.get_mut(metric as usize) {
            if slot.is_none() {
                *slot = Histogram::new(3).ok();
            }
            if let Some(histogram) = slot {
                // Within an hour, and it resizes itself: nothing to refuse.
                let _ = histogram.record_n(us.clamp(1, MAX_US), times);
            }
        }
    }

    /// The column of the heat strip, if anything fell in it.
    pub(super) fn heat(&mut self) -> Option<Fact> {
        let take = |bins: &mut BTreeMap<u16, u32>| std::mem::take(bins).into_iter().collect::<Vec<_>>();
        let (ttft, itl) = (take(&mut self.ttft), take(&mut self.itl));
        (!ttft.is_empty() || !itl.is_empty()).then_some(Fact::Heat { second: self.row.second, ttft, itl })
    }
}

/// `histograms.hlog`: an HdrHistogram interval log, V2 deflate, in µs.
pub(super) struct HistogramLog {
    lines: Lines,
    serializer: V2DeflateSerializer,
    text: Vec<u8>,
}

impl HistogramLog {
    pub(super) fn create(dir: &Path, header: &Header) -> Result<Self, Problem> {
        let mut log = Self { lines: Lines::create(dir.join(HISTOGRAMS))?, serializer: V2DeflateSerializer::new(), text: Vec::new() };
        let began = header.epoch.wall_start.parse::<jiff::Timestamp>().ok().and_then(|at| u64::try_from(at.as_microsecond()).ok());
        let began = began.map(|us| SystemTime::UNIX_EPOCH + Duration::from_micros(us));
        let mut builder = IntervalLogWriterBuilder::new();
        builder.add_comment("[Histogram log format version 1.3]").add_comment("[Units: microseconds; tags: ttft tpot itl e2el]");
        if let Some(began) = began {
            builder.with_start_time(began);
            builder.with_base_time(began);
        }
        // Into memory: neither can fail.
        let _ = builder.begin_log_with(&mut log.text, &mut log.serializer);
        log.text.extend_from_slice(b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n");
        log.write()?;
        Ok(log)
    }

    /// Adds a second.
    pub(super) fn second(&mut self, open: &Open) -> Result<(), Problem> {
        let start = Duration::from_secs(u64::from(open.row.second));
        if let Ok(mut writer) = IntervalLogWriterBuilder::new().begin_log_with(&mut self.text, &mut self.serializer) {
            for (metric, histogram) in Metric::ALL.into_iter().zip(&open.histograms) {
                if let Some(histogram) = histogram {
                    let _ = writer.write_histogram(histogram, start, Duration::from_secs(1), Tag::new(metric.tag()));
                }
            }
        }
        self.write()
    }

    fn write(&mut self) -> Result<(), Problem> {
        self.lines.bytes(&self.text)?;
        self.text.clear();
        self.lines.flush()
    }

    pub(super) fn sync(&mut self) -> Result<(), Problem> {
        self.lines.sync()
    }
}
