//! From page to page: counters become differences, rates and means over the interval, and totals since the run's first page.

use super::page::{Reading, Total};
use crate::bench::live::{ServerSample, ServerTotals};

/// One server, page after page.
#[derive(Debug, Default)]
pub(super) struct Follow {
    server: u16,
    last: Option<(u64, Reading)>,
    totals: ServerTotals,
}

impl Follow {
    pub(super) fn new(server: u16) -> Self {
        Self { server, ..Self::default() }
    }

    /// The sample of a page asked for at `at_us`. The first one has gauges only.
    #[expect(clippy::large_types_passed_by_value, reason = "once a second, and it is kept")]
    pub(super) fn take(&mut self, at_us: u64, now: Reading) -> ServerSample {
        let (seconds, before) = match self.last.replace((at_us, now)) {
            Some((last_us, before)) => (at_us.saturating_sub(last_us) as f64 / 1e6, Some(before)),
            None => (0.0, None),
        };
        let totals = &mut self.totals;
        let counted = |total: &mut Option<f64>, of: fn(&Reading) -> Option<f64>| {
            // The first page is where counting begins.
            let risen = before.as_ref().map_or_else(|| of(&now).map(|_| 0.0), |before| rise(of(before), of(&now)));
            if let Some(risen) = risen {
                *total.get_or_insert(0.0) += risen;
            }
            // Nothing has risen yet at the first page.
            before.and(risen)
        };
        let per_s = |risen: Option<f64>| risen.filter(|_| seconds > 0.0).map(|risen| risen / seconds);
        let mean_ms = |sum: &mut Option<f64>, count: &mut Option<f64>, sum_of, count_of| {
            let (sum, count) = (counted(sum, sum_of), counted(count, count_of));
            Some(sum? * 1e3 / count.filter(|count| *count > 0.0)?)
        };
        let ttft_ms = mean_ms(&mut totals.ttft_sum_s, &mut totals.ttft_count, |r| r.ttft.sum, |r| r.ttft.count);
        let queue_ms = mean_ms(&mut totals.queue_sum_s, &mut totals.queue_count, |r| r.queue.sum, |r| r.queue.count);
        let prefill_ms = mean_ms(&mut totals.prefill_sum_s, &mut totals.prefill_count, |r| r.prefill.sum, |r| r.prefill.count);
        let decode_ms = mean_ms(&mut totals.decode_sum_s, &mut totals.decode_count, |r| r.decode.sum, |r| r.decode.count);
        let queries = counted(&mut totals.cache_queries, |r| r.cache_queries);
        let hits = counted(&mut totals.cache_hits, |r| r.cache_hits);
        ServerSample {
            at_us,
            server: self.server,
            running: now.running,
            waiting: now.waiting,
            kv_pct: now.kv_pct,
            preemptions: counted(&mut totals.preemptions, |r| r.preemptions),
            prompt_tokens_per_s: per_s(counted(&mut totals.prompt_tokens, |r| r.prompt_tokens)),
            output_tokens_per_s: per_s(counted(&mut totals.output_tokens, |r| r.output_tokens)),
            cache_hit_pct: hits.zip(queries.filter(|queries| *queries > 0.0)).map(|(hits, queries)| hits * 100.0 / queries),
            ttft_ms,
            queue_ms,
            prefill_ms,
            decode_ms,
            totals: Some(*totals),
        }
    }
}

/// What a counter rose by; `before` is `None` when the page before did not have it.
/// `prometheus_client` names a labelled counter only once it was counted: one that appears has risen from 0. One that fell belongs to a
/// server that was started again, and has risen from 0 too (as Prometheus' `increase` has it).
fn rise(before: Option<f64>, now: Option<f64>) -> Option<f64> {
    let now = now?;
    Some(before.filter(|before| now >= *before).map_or(now, |before| now - before))
}

/// Whether a server has nothing to do, from two pages.
///
/// Gauges of vLLM are written by its engine loop: one that stands still leaves the last figures there for ever. So a server that says it
/// runs something counts as empty too when it did nothing at all for a while; `false` as long as the two pages differ.
pub(super) fn stands_still(before: &Reading, now: &Reading) -> bool {
    let work = |r: &Reading| (r.running, r.waiting, r.prompt_tokens, r.output_tokens, r.kv_pct);
    let ended = |t: &Total| t.count;
    now.output_tokens.is_some() && work(before) == work(now) && ended(&before.decode) == ended(&now.decode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(tokens: f64, requests: f64, seconds: f64) -> Reading {
        let ttft = Total { sum: Some(seconds), count: Some(requests) };
        Reading { running: Some(2.0), output_tokens: Some(tokens), ttft, ..Reading::default() }
    }

    #[test]
    fn counters_become_rates_over_the_true_interval_and_a_missing_one_stays_missing() {
        let mut follow = Follow::new(3);
        let first = follow.take(1_000_000, reading(100.0, 10.0, 5.0));
        assert_eq!((first.server, first.running, first.output_tokens_per_s, first.ttft_ms), (3, Some(2.0), None, None));
        let second = follow.take(3_500_000, reading(350.0, 14.0, 5.2));
        assert_eq!((second.output_tokens_per_s, second.prompt_tokens_per_s, second.preemptions), (Some(100.0), None, None));
        assert!((second.ttft_ms.expect("4 requests") - 50.0).abs() < 1e-6);
        let idle = follow.take(4_500_000, reading(350.0, 14.0, 5.2));
        assert_eq!((idle.output_tokens_per_s, idle.ttft_ms), (Some(0.0), None), "no request ended: no mean, not 0");
    }

    #[test]
    fn a_restarted_server_counts_from_nothing_and_its_totals_go_on() {
        let mut follow = Follow::new(0);
        follow.take(0, reading(1_000.0, 10.0, 5.0));
        follow.take(1_000_000, reading(1_500.0, 12.0, 6.0));
        let after = follow.take(2_000_000, reading(40.0, 1.0, 0.25));
        assert_eq!(after.output_tokens_per_s, Some(40.0));
        let totals = after.totals.expect("totals");
        assert_eq!((totals.output_tokens, totals.ttft_count, totals.ttft_sum_s), (Some(540.0), Some(3.0), Some(1.25)));
        assert_eq!(totals.preemptions, None);
    }

    #[test]
    fn a_counter_that_appears_has_risen_from_nothing() {
        let mut follow = Follow::new(0);
        follow.take(0, Reading { running: Some(0.0), ..Reading::default() });
        let sample = follow.take(1_000_000, reading(7.0, 1.0, 0.5));
        assert_eq!((sample.output_tokens_per_s, sample.ttft_ms), (Some(7.0), Some(500.0)));
        assert_eq!(sample.totals.and_then(|t| t.ttft_count), Some(1.0));
    }

    #[test]
    fn a_server_whose_gauges_are_stale_stands_still_and_one_that_works_does_not() {
        assert!(stands_still(&reading(5.0, 1.0, 1.0), &reading(5.0, 1.0, 1.0)));
        assert!(!stands_still(&reading(5.0, 1.0, 1.0), &reading(6.0, 1.0, 1.0)));
        assert!(!stands_still(&Reading::default(), &Reading::default()), "what counts nothing says nothing");
    }
}
