//! What the servers said of themselves, over the whole run.

use super::{
    super::live::{Cache, ServerSample, ServerTotals},
    ServerSummary,
};
use std::collections::BTreeMap;

/// Hits below this share are a cold cache, above the other a warm one, percent.
const COLD_BELOW_PCT: f64 = 1.0;
const WARM_ABOVE_PCT: f64 = 90.0;

/// One server's samples while measuring.
#[derive(Default)]
struct One {
    /// The counters when measuring began, and at the end.
    base: ServerTotals,
    last: Option<ServerTotals>,
    running: (f64, u32),
}

/// The summary of `samples` between the two moments (µs since the run's start), and the state of the prefix cache. `client_ttft_ms` is the
/// client's own mean.
pub(super) fn summary(
    samples: &[ServerSample],
    from_us: u64,
    until_us: u64,
    client_ttft_ms: Option<f64>,
) -> (Option<ServerSummary>, Cache) {
    let mut servers: BTreeMap<u16, One> = BTreeMap::new();
    let (mut waiting, mut kv): (Option<f64>, Option<f64>) = (None, None);
    let greatest = |most: Option<f64>, value: Option<f64>| most.map_or(value, |most| Some(value.map_or(most, |v| v.max(most))));
    for sample in samples {
        let one = servers.entry(sample.server).or_default();
        if sample.at_us <= from_us {
            one.base = sample.totals.unwrap_or(one.base);
            continue;
        }
        // The last one may be taken just after the last answer: its counters are whole, its gauges those of an idle server.
        one.last = sample.totals.or(one.last);
        if sample.at_us > until_us {
            continue;
        }
        if let Some(running) = sample.running {
            one.running = (one.running.0 + running, one.running.1 + 1);
        }
        waiting = greatest(waiting, sample.waiting);
        kv = greatest(kv, sample.kv_pct);
    }
    if servers.values().all(|one| one.last.is_none() && one.running.1 == 0) {
        return (None, Cache::Unknown);
    }
    // Rises of a counter, summed over servers; unknown where no server has it.
    let rise = |of: fn(&ServerTotals) -> Option<f64>| {
        let rises = servers.values().filter_map(|one| Some((of(one.last.as_ref()?)? - of(&one.base).unwrap_or(0.0)).max(0.0)));
        rises.reduce(|a, b| a + b)
    };
    let share = |part: Option<f64>, of: Option<f64>| part.zip(of).filter(|&(_, of)| of > 0.0).map(|(part, of)| part / of);
    let mean_ms =
        |sum: fn(&ServerTotals) -> Option<f64>, count: fn(&ServerTotals) -> Option<f64>| share(rise(sum), rise(count)).map(|s| s * 1e3);
    let running = servers.values().filter(|one| one.running.1 > 0).map(|one| one.running.0 / f64::from(one.running.1)).reduce(|a, b| a + b);
    let cache_hit_pct = share(rise(|t| t.cache_hits), rise(|t| t.cache_queries)).map(|s| s * 100.0);
    let mean_ttft_ms = mean_ms(|t| t.ttft_sum_s, |t| t.ttft_count);
    let cache = cache_of(cache_hit_pct);
    let summary = ServerSummary {
        mean_ttft_ms,
        mean_queue_ms: mean_ms(|t| t.queue_sum_s, |t| t.queue_count),
        mean_prefill_ms: mean_ms(|t| t.prefill_sum_s, |t| t.prefill_count),
        mean_decode_ms: mean_ms(|t| t.decode_sum_s, |t| t.decode_count),
        running_mean: running,
        waiting_max: waiting,
        kv_pct_max: kv,
        preemptions: rise(|t| t.preemptions),
        cache_hit_pct,
        ttft_beyond_server_ms: client_ttft_ms.zip(mean_ttft_ms).map(|(client, server)| client - server),
    };
    (Some(summary), cache)
}

/// The state of a prefix cache of which such a share was hit.
pub(super) fn cache_of(hit_pct: Option<f64>) -> Cache {
    match hit_pct {
        None => Cache::Unknown,
        Some(pct) if pct < COLD_BELOW_PCT => Cache::Cold,
        Some(pct) if pct > WARM_ABOVE_PCT => Cache::Warm,
        Some(_) => Cache::Mixed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_us: u64, server: u16, ttft: (f64, f64), cache: (f64, f64)) -> ServerSample {
        let totals = ServerTotals {
            ttft_sum_s: Some(ttft.0),
            ttft_count: Some(ttft.1),
            cache_queries: Some(cache.0),
            cache_hits: Some(cache.1),
            ..ServerTotals::default()
        };
        ServerSample { at_us, server, running: Some(4.0), waiting: Some(at_us as f64), totals: Some(totals), ..ServerSample::default() }
    }

    #[test]
    fn warm_up_is_taken_off_and_servers_weigh_by_their_requests() {
        let samples = [
            sample(10, 0, (5.0, 1.0), (100.0, 90.0)),
            sample(20, 0, (6.0, 11.0), (200.0, 140.0)),
            sample(20, 1, (9.0, 30.0), (100.0, 0.0)),
            sample(30, 0, (7.0, 21.0), (300.0, 190.0)),
        ];
        let (summary, cache) = summary(&samples, 10, 25, Some(250.0));
        let summary = summary.expect("scraped");
        // (7 - 5 + 9) s over (21 - 1 + 30) requests; hits (190 - 90) of (300 - 100 + 100).
        assert!((summary.mean_ttft_ms.expect("counted") - 220.0).abs() < 1e-9);
        assert!((summary.ttft_beyond_server_ms.expect("both") - 30.0).abs() < 1e-9);
        assert!((summary.cache_hit_pct.expect("counted") - 100.0 / 3.0).abs() < 1e-9);
        assert_eq!((summary.running_mean, summary.waiting_max, summary.mean_queue_ms), (Some(8.0), Some(20.0), None));
        assert_eq!(cache, Cache::Mixed);
    }

    #[test]
    fn what_no_server_says_is_unknown() {
        assert_eq!(summary(&[], 0, 10, Some(1.0)), (None, Cache::Unknown));
    }
}
