//! The first pass: every record once.

use super::super::{
    record::Record,
    results::{Header, RequestRow, finish::Slow},
    stats::Samples,
};
use std::collections::BTreeMap;

/// The tally over the records of a run. What it keeps of a request is a row; tokens are only counted.
#[derive(Debug, Default)]
pub(in crate::bench) struct Figures {
    /// Measured requests, in the order they ended.
    pub(super) rows: Vec<RequestRow>,
    pub(super) itl: Samples,
    pub(super) chunk: Samples,
    /// With more than one route: `itl` by route.
    pub(super) itl_of: Vec<Samples>,
    pub(super) warmup: u64,
    pub(super) coalesced: u64,
    pub(super) resent: u64,
    pub(super) reads: u64,
    /// Prompt tokens of requests that succeeded, and how many of them the server took from its prefix cache, where it says.
    pub(super) prompt: (u64, Option<u64>),
    pub(super) classes: BTreeMap<String, u64>,
    pub(super) examples: BTreeMap<String, String>,
    /// Records whose arrivals are not there.
    missing: u64,
}

impl Figures {
    /// Takes one record in.
    pub(in crate::bench) fn take(&mut self, header: &Header, record: &Record) {
        self.reads += u64::from(record.arrival_count);
        if record.warmup {
            self.warmup += 1;
            return;
        }
        self.rows.push(RequestRow::new(record, &header.spec.slo));
        self.coalesced += u64::from(record.coalesced);
        self.resent += u64::from(record.resent);
        self.missing += u64::from(record.arrival_count > 0 && record.gaps_us.is_empty());
        if record.stopped() {
            return;
        }
        if let Some(error) = &record.error {
            let class = error.class.word();
            *self.classes.entry(class.to_owned()).or_insert(0) += 1;
            self.examples.entry(class.to_owned()).or_insert_with(|| error.message.clone());
            return;
        }
        self.prompt.0 += record.prompt_tokens.unwrap_or(0);
        if let Some(cached) = record.cached_tokens {
            *self.prompt.1.get_or_insert(0) += cached;
        }
        if header.setup.routes.len() > 1 && self.itl_of.is_empty() {
            self.itl_of.resize_with(header.setup.routes.len(), Samples::default);
        }
        let mut of_route = self.itl_of.get_mut(usize::from(record.route));
        for arrival in record.arrivals().skip(1) {
            let itl = arrival.gap_us as f64 / arrival.tokens as f64;
            self.itl.add(itl, arrival.tokens);
            if let Some(samples) = &mut of_route {
                samples.add(itl, arrival.tokens);
            }
        }
        for gap in record.chunk_gaps() {
            self.chunk.add(gap as f64, 1);
        }
    }

    /// Some arrivals are not there.
    pub(in crate::bench) const fn arrivals_missing(&self) -> bool {
        self.missing > 0
    }

    /// Measured requests, in the order they ended.
    pub(in crate::bench) fn rows(&self) -> &[RequestRow] {
        &self.rows
    }

    /// From where on a request is one of the slowest 1 %, by either latency.
    pub(in crate::bench) fn slow(&self) -> Slow {
        let least = |of: fn(&RequestRow) -> Option<u64>| {
            let mut all: Vec<u64> = self.ok().filter_map(of).collect();
            let rank = all.len() - all.len().div_ceil(100).min(all.len());
            if all.is_empty() { u64::MAX } else { *all.select_nth_unstable(rank).1 }
        };
        Slow { ttft_us: least(RequestRow::ttft_us), e2el_us: least(RequestRow::e2el_us) }
    }

    fn ok(&self) -> impl Iterator<Item = &RequestRow> {
        self.rows.iter().filter(|row| row.ok())
    }

    /// From the first planned moment to the end of the last request, µs.
    pub(super) fn span(&self) -> Option<(u64, u64)> {
        let ends = |row: &RequestRow| (row.planned_us, row.end_us);
        self.rows.iter().map(ends).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }
}
