//! The tally over the records of a run and the document made of it.

use super::{
    super::{
        live::ServerSample,
        record::Record,
        results::{End, Header, RequestRow, StoppedBy, finish::Slow},
        spec::Slo,
        stats::{Samples, Sorted, interval::Clusters},
    },
    GOOD_ENOUGH_PCT, RouteSummary, Steady, Summary, limits, server,
    steady::{self, Span},
};
use std::{collections::BTreeMap, path::Path};

/// Shares whose inter-token latency is told.
const SHARES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// First pass: every record once. What it keeps of a request is a row; tokens are only counted.
#[derive(Debug, Default)]
pub(in crate::bench) struct Figures {
    /// Measured requests, in the order they ended.
    rows: Vec<RequestRow>,
    itl: Samples,
    chunk: Samples,
    /// With more than one route: `itl` by route.
    itl_of: Vec<Samples>,
    warmup: u64,
    coalesced: u64,
    resent: u64,
    reads: u64,
    classes: BTreeMap<String, u64>,
    examples: BTreeMap<String, String>,
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

    /// The second pass.
    pub(in crate::bench) fn second(&self) -> Second<'_> {
        let span = self.span().and_then(|(from, until)| steady::longest(&self.rows, from, until));
        Second { rows: &self.rows, next: 0, clusters: Clusters::new(&self.itl, SHARES), span, steady_tokens: 0 }
    }

    fn ok(&self) -> impl Iterator<Item = &RequestRow> {
        self.rows.iter().filter(|row| row.ok())
    }

    /// From the first planned moment to the end of the last request, µs.
    fn span(&self) -> Option<(u64, u64)> {
        let ends = |row: &RequestRow| (row.planned_us, row.end_us);
        self.rows.iter().map(ends).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The document.
    #[expect(clippy::too_many_lines, reason = "one line a figure of the document")]
    pub(in crate::bench) fn summary(
        &self,
        header: &Header,
        end: Option<&End>,
        dir: &Path,
        second: &Second<'_>,
        scraped: &[ServerSample],
    ) -> Summary {
        let spec = &header.spec;
        let capped = !spec.load.closed() && spec.max_concurrency.is_some();
        let (from_us, until_us) = self.span().unwrap_or_default();
        let part = Part::of(self.rows.iter(), until_us - from_us);
        let (mut found, mut ci95) = (BTreeMap::new(), BTreeMap::new());
        let samples = latencies(&self.rows, None, &mut found, &mut ci95);
        spread("itl", &self.itl, &mut found);
        second.intervals(&self.itl, &mut ci95);
        let value = |key: &str| found.get(key).copied();
        let sorted =
            |of: &dyn Fn(&RequestRow) -> Option<u64>| Sorted::from(self.rows.iter().filter_map(of).map(|us| us as f64).collect::<Vec<_>>());
        let lag = sorted(&|row| row.send_lag_us(capped));
        let held = sorted(&|row| if capped { row.sent_us().map(|_| row.started_us.saturating_sub(row.planned_us)) } else { None });
        let goals = spec.slo != Slo::default();
        let mut seen = limits::Seen {
            send_lag_p99_ms: ms(lag.percentile(99.0)),
            loop_lag_p99_ms: end.and_then(|e| e.loop_lag_p99_us).map(|us| us as f64 / 1e3),
            sent: lag.n(),
            late: lag.values().iter().filter(|&&us| us > 1e3).count() as u64,
            reads: self.reads,
            ..limits::Seen::default()
        };
        for row in &self.rows {
            let Some(sent) = row.sent_us() else { continue };
            let widen = |span: &mut Option<(u64, u64)>, us: u64| *span = Some(span.map_or((us, us), |(a, b)| (a.min(us), b.max(us))));
            widen(&mut seen.planned, row.planned_us);
            widen(&mut seen.sending, sent);
        }
        let limited_by = limits::reasons(header, end, &seen);
        let (server, cache) = server::summary(scraped, from_us, until_us, value("mean_ttft_ms"));
        Summary {
            schema: "dcudeck.bench.run/1".to_owned(),
            definitions: "dcudeck/1".to_owned(),
            started_at: header.epoch.wall_start.clone(),
            result_dir: dir.display().to_string(),
            model_id: header.setup.model.clone(),
            request_rate: spec.load.rate(),
            max_concurrency: spec.load.users().or(spec.max_concurrency),
            stopped_by: end.map_or(StoppedBy::Killed, |e| e.stopped_by),
            num_prompts: self.rows.len() as u64,
            completed: part.completed,
            failed: part.failed,
            incomplete: self.rows.len() as u64 - part.completed - part.failed,
            errors_by_class: self.classes.clone(),
            error_examples: self.examples.clone(),
            error_rate_pct: part.pct(part.failed),
            warmup: self.warmup,
            duration: part.seconds,
            total_input_tokens: part.input,
            total_output_tokens: part.output,
            request_throughput: part.per_s(part.completed),
            output_throughput: part.per_s(part.output + part.given_up),
            total_token_throughput: part.input.and_then(|input| part.per_s(input + part.output)),
            goodput: if goals { part.per_s(part.good) } else { None },
            goodput_pct: if goals { part.pct(part.good) } else { None },
            slo: spec.slo,
            slo_met: if goals { part.pct(part.good).map(|share| share >= GOOD_ENOUGH_PCT) } else { None },
            mean_ttft_ms: value("mean_ttft_ms"),
            median_ttft_ms: value("median_ttft_ms"),
            std_ttft_ms: value("std_ttft_ms"),
            p90_ttft_ms: value("p90_ttft_ms"),
            p95_ttft_ms: value("p95_ttft_ms"),
            p99_ttft_ms: value("p99_ttft_ms"),
            mean_tpot_ms: value("mean_tpot_ms"),
            median_tpot_ms: value("median_tpot_ms"),
            std_tpot_ms: value("std_tpot_ms"),
            p90_tpot_ms: value("p90_tpot_ms"),
            p95_tpot_ms: value("p95_tpot_ms"),
            p99_tpot_ms: value("p99_tpot_ms"),
            mean_itl_ms: value("mean_itl_ms"),
            median_itl_ms: value("median_itl_ms"),
            std_itl_ms: value("std_itl_ms"),
            p90_itl_ms: value("p90_itl_ms"),
            p95_itl_ms: value("p95_itl_ms"),
            p99_itl_ms: value("p99_itl_ms"),
            mean_e2el_ms: value("mean_e2el_ms"),
            median_e2el_ms: value("median_e2el_ms"),
            std_e2el_ms: value("std_e2el_ms"),
            p90_e2el_ms: value("p90_e2el_ms"),
            p95_e2el_ms: value("p95_e2el_ms"),
            p99_e2el_ms: value("p99_e2el_ms"),
            itl_samples: self.itl.n(),
            mean_itl_chunk_ms: ms(self.chunk.mean()),
            p99_itl_chunk_ms: ms(self.chunk.percentile(99.0)),
            p99_longest_gap_ms: value("p99_longest_gap_ms"),
            mean_ttft_answer_ms: value("mean_ttft_answer_ms"),
            p99_ttft_answer_ms: value("p99_ttft_answer_ms"),
            mean_ttft_response_ms: value("mean_ttft_response_ms"),
            p99_ttft_response_ms: value("p99_ttft_response_ms"),
            mean_e2el_response_ms: value("mean_e2el_response_ms"),
            p99_e2el_response_ms: value("p99_e2el_response_ms"),
            in_flight_mean: part.in_flight(),
            send_lag_mean_ms: ms(lag.mean()),
            send_lag_p99_ms: seen.send_lag_p99_ms,
            late_sends: seen.late,
            coalesced_chunks: self.coalesced,
            resent: self.resent,
            client_cpu_pct: end.and_then(|e| e.client_cpu_pct),
            client_limited: !limited_by.is_empty(),
            limited_by,
            loop_lag_p99_ms: seen.loop_lag_p99_ms,
            mean_client_queue_ms: ms(held.mean()),
            p99_client_queue_ms: ms(held.percentile(99.0)),
            ci95,
            samples,
            steady: second.steady(from_us, self.arrivals_missing()),
            routes: self.routes(header, until_us - from_us),
            cache,
            server,
            client: header.setup.client.clone(),
            protocol: header.setup.protocol.clone(),
            stamps: header.setup.stamps.clone(),
            user_stamped_reads: end.map(|e| e.user_stamped_reads),
            usage: header.setup.usage,
            workers: header.workers.clone(),
            lost_workers: (0..).zip(&header.workers).filter(|(_, worker)| worker.lost).map(|(k, _)| k).collect(),
            profile: spec.clone(),
        }
    }

    /// The figures by route, over the run's whole time; empty with one.
    fn routes(&self, header: &Header, span_us: u64) -> Vec<RouteSummary> {
        if header.setup.routes.len() < 2 {
            return Vec::new();
        }
        let goals = header.spec.slo != Slo::default();
        let one = |(route, setup): (u16, &super::super::results::RouteSetup)| {
            let part = Part::of(self.rows.iter().filter(|row| row.route == route), span_us);
            let mut metrics = BTreeMap::new();
            latencies(&self.rows, Some(route), &mut metrics, &mut BTreeMap::new());
            if let Some(itl) = self.itl_of.get(usize::from(route)) {
                spread("itl", itl, &mut metrics);
            }
            let more = [
                ("request_throughput", part.per_s(part.completed)),
                ("output_throughput", part.per_s(part.output + part.given_up)),
                ("total_token_throughput", part.input.and_then(|input| part.per_s(input + part.output))),
                ("total_input_tokens", part.input.map(|n| n as f64)),
                ("total_output_tokens", Some(part.output as f64)),
                ("error_rate_pct", part.pct(part.failed)),
                ("goodput", if goals { part.per_s(part.good) } else { None }),
                ("goodput_pct", if goals { part.pct(part.good) } else { None }),
                ("in_flight_mean", part.in_flight()),
            ];
            metrics.extend(more.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
            RouteSummary { name: setup.name.clone(), model: setup.model.clone(), completed: part.completed, failed: part.failed, metrics }
        };
        (0..).zip(&header.setup.routes).map(one).collect()
    }
}

/// Counts over a part of the requests.
#[derive(Default)]
struct Part {
    completed: u64,
    failed: u64,
    good: u64,
    input: Option<u64>,
    output: u64,
    given_up: u64,
    busy_us: u64,
    seconds: f64,
}

impl Part {
    fn of<'a>(rows: impl Iterator<Item = &'a RequestRow>, span_us: u64) -> Self {
        let mut part = Self { seconds: span_us as f64 / 1e6, ..Self::default() };
        for row in rows {
            part.busy_us += row.sent_us().map_or(0, |sent| row.end_us.saturating_sub(sent));
            if row.ok() {
                part.completed += 1;
                part.good += u64::from(row.good);
                part.output += u64::from(row.output_tokens);
                if let Some(tokens) = row.prompt_tokens {
                    *part.input.get_or_insert(0) += u64::from(tokens);
                }
            } else if row.stopped() {
                part.given_up += u64::from(row.output_tokens);
            } else {
                part.failed += 1;
            }
        }
        part
    }

    fn per_s(&self, count: u64) -> Option<f64> {
        (self.seconds > 0.0).then(|| count as f64 / self.seconds)
    }

    /// Percent of the requests that succeeded or failed.
    fn pct(&self, count: u64) -> Option<f64> {
        let ended = self.completed + self.failed;
        (ended > 0).then(|| count as f64 * 100.0 / ended as f64)
    }

    fn in_flight(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.busy_us as f64 / 1e6 / self.seconds)
    }
}

fn ms(us: Option<f64>) -> Option<f64> {
    us.map(|us| us / 1e3)
}

/// The percentiles told, by the beginning of their key.
const PERCENTILES: [(&str, f64); 4] = [("median", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0)];

/// Every latency that is one sample a request, in ms by its key, with its intervals; gives the samples of the chief ones.
fn latencies(
    rows: &[RequestRow],
    route: Option<u16>,
    found: &mut BTreeMap<String, f64>,
    ci95: &mut BTreeMap<String, [f64; 2]>,
) -> BTreeMap<String, u64> {
    let ok = || rows.iter().filter(|row| row.ok() && route.is_none_or(|route| route == row.route));
    let since = |at: Option<u64>, from: Option<u64>| Some(at?.saturating_sub(from?) as f64);
    let mut counts = BTreeMap::new();
    let mut one = |name: &str, of: &dyn Fn(&RequestRow) -> Option<f64>| {
        // One at a time: a copy of a figure of every request is all that is held beside the rows.
        let sorted = Sorted::from(ok().filter_map(of).collect::<Vec<_>>());
        counts.insert(name.to_owned(), sorted.n());
        let mut put = |figure: &str, us: Option<f64>, ci: Option<[f64; 2]>| {
            let key = format!("{figure}_{name}_ms");
            if let Some(ci) = ci {
                ci95.insert(key.clone(), ci.map(|us| us / 1e3));
            }
            if let Some(us) = us {
                found.insert(key, us / 1e3);
            }
        };
        put("mean", sorted.mean(), sorted.mean_ci95());
        put("std", sorted.std(), None);
        for (figure, p) in PERCENTILES {
            put(figure, sorted.percentile(p), sorted.percentile_ci95(p));
        }
    };
    one("ttft", &|row| row.ttft_us().map(|us| us as f64));
    one("tpot", &RequestRow::tpot_us);
    one("e2el", &|row| row.e2el_us().map(|us| us as f64));
    one("longest_gap", &|row| row.longest_gap_us().map(|us| us as f64));
    one("ttft_answer", &|row| since(row.answer_us(), row.sent_us()));
    one("ttft_response", &|row| since(row.first_us(), Some(row.planned_us)));
    one("e2el_response", &|row| since(row.last_us(), Some(row.planned_us)));
    counts.insert("itl".to_owned(), ok().filter(|row| row.itl_count > 0).count() as u64);
    counts.retain(|name, _| ["ttft", "tpot", "itl", "e2el"].contains(&name.as_str()));
    // Not told in the document: the figures beyond mean and P99 of the lesser ones.
    ci95.retain(|key, _| !is_lesser(key));
    found.retain(|key, _| !is_lesser(key));
    counts
}

fn is_lesser(key: &str) -> bool {
    let lesser = ["_longest_gap_", "_answer_", "_response_"].iter().any(|part| key.contains(part));
    lesser && !(key.starts_with("p99_") || (key.starts_with("mean_") && !key.contains("_longest_gap_")))
}

/// Mean, deviation and percentiles of pooled samples, in ms by their keys.
fn spread(name: &str, samples: &Samples, found: &mut BTreeMap<String, f64>) {
    let mut put = |figure: &str, us: Option<f64>| {
        if let Some(us) = us {
            found.insert(format!("{figure}_{name}_ms"), us / 1e3);
        }
    };
    put("mean", samples.mean());
    put("std", samples.std());
    for (figure, p) in PERCENTILES {
        put(figure, samples.percentile(p));
    }
}

/// Second pass: what needs the figures of the first, over the arrivals alone.
pub(in crate::bench) struct Second<'a> {
    rows: &'a [RequestRow],
    next: usize,
    clusters: Option<Clusters<4>>,
    span: Option<Span>,
    steady_tokens: u64,
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

    fn intervals(&self, itl: &Samples, ci95: &mut BTreeMap<String, [f64; 2]>) {
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

    fn steady(&self, zero_us: u64, tokens_unknown: bool) -> Option<Steady> {
        let span = self.span?;
        let seconds = span.seconds();
        let ok = || self.rows.iter().filter(|row| row.ok());
        let within = || ok().filter(|row| row.sent_us().is_some_and(|sent| span.holds(sent)));
        let ended = ok().filter(|row| span.holds(row.end_us)).count();
        let ttft = Sorted::from(within().filter_map(RequestRow::ttft_us).map(|us| us as f64).collect::<Vec<_>>());
        let tpot = Sorted::from(within().filter_map(RequestRow::tpot_us).collect::<Vec<_>>());
        Some(Steady {
            from_s: (span.from_us - zero_us) as f64 / 1e6,
            until_s: (span.until_us - zero_us) as f64 / 1e6,
            request_throughput: Some(ended as f64 / seconds),
            output_throughput: (!tokens_unknown).then(|| self.steady_tokens as f64 / seconds),
            in_flight_mean: Some(span.in_flight_mean),
            median_ttft_ms: ms(ttft.percentile(50.0)),
            p99_ttft_ms: ms(ttft.percentile(99.0)),
            median_tpot_ms: ms(tpot.percentile(50.0)),
            p99_tpot_ms: ms(tpot.percentile(99.0)),
        })
    }
}
