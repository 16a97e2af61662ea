//! The second pass: what needs the figures of the first.

use super::{
    super::{
        record::Record,
        results::{Header, RequestRow},
        stats::{Samples, Sorted, interval::Clusters},
    },
    Figures, Steady,
    latency::{PERCENTILES, ms},
    steady::{self, Span},
};
use std::collections::BTreeMap;

/// Shares whose inter-token latency is told.
const SHARES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// Second pass: what needs the figures of the first, over the arrivals alone.
pub(in crate::bench) struct Second<'a> {
    rows: &'a [RequestRow],
    next: usize,
    clusters: Option<Clusters<4>>,
    span: Option<Span>,
    steady_tokens: u64,
}

impl Figures {
    /// The second pass.
    pub(in crate::bench) fn second(&self, header: &Header) -> Second<'_> {
        let closed = header.spec.load.closed();
        let span = self.span().and_then(|(from, until)| steady::longest(&self.rows, from, until, closed));
        Second { rows: &self.rows, next: 0, clusters: Clusters::new(&self.itl, SHARES), span, steady_tokens: 0 }
    }
}

impl<'a> Second<'a> {
    /// Takes the arrivals of a frame in; gives the row of its request. Frames come in the order of rows, and may be fewer.
    pub(in crate::bench) fn frame(&mut self, frame: &Record) -> Option<&'a RequestRow> {
        if frame.warmup {
            return None;
        }
        let ahead = self.rows.get(self.next..)?.iter().position(|row| row.i == frame.i && row.route == frame.route)?;
        let row = self.rows.get(self.next + ahead)?;
        self.next += ahead + 1;
        self.arrivals(row.ok(), row.failed(), frame);
        Some(row)
    }

    /// As [`frame`](Self::frame), from a whole record.
    pub(in crate::bench) fn record(&mut self, record: &Record) {
        if !record.warmup {
            self.arrivals(record.ok(), !record.ok() && !record.stopped(), record);
        }
    }

    fn arrivals(&mut self, ok: bool, failed: bool, of: &Record) {
        let mut at_us = of.sent_us.unwrap_or(of.started_us);
        for (k, arrival) in of.arrivals().enumerate() {
            at_us += arrival.gap_us;
            if !failed && self.span.is_some_and(|span| span.holds(at_us)) {
                self.steady_tokens += arrival.tokens;
            }
            if let Some(clusters) = self.clusters.as_mut().filter(|_| ok && k > 0) {
                clusters.add(arrival.gap_us as f64 / arrival.tokens as f64, arrival.tokens);
            }
        }
        if let Some(clusters) = &mut self.clusters {
            clusters.next();
        }
    }

    pub(super) fn intervals(&self, itl: &Samples, ci95: &mut BTreeMap<String, [f64; 2]>) {
        let Some(clusters) = &self.clusters else { return };
        let mut put = |figure: &str, ci: Option<[f64; 2]>| {
            if let Some(ci) = ci {
                ci95.insert(format!("{figure}_itl_ms"), ci.map(|us| us / 1e3));
            }
        };
        put("mean", clusters.mean_ci95());
        for ((figure, _), ci) in PERCENTILES.into_iter().zip(clusters.quantile_ci95(itl)) {
            put(figure, ci);
        }
    }

    pub(super) fn steady(&self, zero_us: u64, tokens_unknown: bool) -> Option<Steady> {
        let span = self.span?;
        let seconds = span.seconds();
        let ok = || self.rows.iter().filter(|row| row.ok());
        let within = || ok().filter(|row| row.sent_us().is_some_and(|sent| span.holds(sent)));
        // By the share of its time: users whose requests end together would else count a round more or less.
        let requests: f64 = ok().filter_map(|row| Some(span.share(row.sent_us()?, row.end_us))).sum();
        let ttft = Sorted::from(within().filter_map(RequestRow::ttft_us).map(|us| us as f64).collect::<Vec<_>>());
        let tpot = Sorted::from(within().filter_map(RequestRow::tpot_us).collect::<Vec<_>>());
        Some(Steady {
            from_s: (span.from_us - zero_us) as f64 / 1e6,
            until_s: (span.until_us - zero_us) as f64 / 1e6,
            request_throughput: Some(requests / seconds),
            output_throughput: (!tokens_unknown).then(|| self.steady_tokens as f64 / seconds),
            in_flight_mean: Some(span.in_flight_mean),
            median_ttft_ms: ms(ttft.percentile(50.0)),
            p99_ttft_ms: ms(ttft.percentile(99.0)),
            median_tpot_ms: ms(tpot.percentile(50.0)),
            p99_tpot_ms: ms(tpot.percentile(99.0)),
        })
    }
}
