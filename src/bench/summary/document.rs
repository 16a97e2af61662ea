//! The document made of the tally: one line a figure.

use super::{
    super::{
        live::{Cache, ServerSample},
        results::{End, Header, RequestRow, StoppedBy},
        spec::Slo,
        stats::Sorted,
    },
    Figures, GOOD_ENOUGH_PCT, RouteSummary, Second, Summary, asked_input_len,
    latency::{latencies, ms, spread},
    limits,
    part::Part,
    server,
};
use std::{collections::BTreeMap, path::Path};

impl Figures {
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
        // vLLM's V0 engine counts no prefix cache hits by default, but tells of each prompt what it had, if anything.
        let (prompt, cached) = self.prompt;
        let told = cached.filter(|_| prompt > 0).map(|cached| cached as f64 * 100.0 / prompt as f64);
        let cache = if cache == Cache::Unknown { server::cache_of(told) } else { cache };
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
            asked_input_tokens: asked_input_len(spec).map(|len| u64::from(len) * part.completed),
            cached_input_tokens: cached,
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
