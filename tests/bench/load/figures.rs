//! What a run's arrivals say beside the truth.

use crate::server::{Real, Truth};

/// A request as a client saw it: sent and every chunk, µs of `CLOCK_MONOTONIC`.
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) sent: u64,
    pub(crate) chunks: Vec<u64>,
}

pub(crate) fn percentile(sorted: &[f64], p: usize) -> f64 {
    sorted[(sorted.len() * p).div_ceil(100).max(1) - 1]
}

pub(crate) fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    percentile(&sorted(values), 50)
}

/// The figures of one run.
pub(crate) struct Figures {
    pub(crate) error_mean: f64,
    pub(crate) error_p99: f64,
    pub(crate) itl_mean_pct: f64,
    pub(crate) itl_p99_pct: f64,
    pub(crate) gap_p99_off: f64,
    pub(crate) held_pct: f64,
    pub(crate) cpu_per_token: f64,
}

pub(crate) fn figures(seen: &[Seen], truth: &Truth, users: usize, cpu_us: u64) -> Figures {
    let (mut errors, mut itl, mut gaps, mut true_gaps, mut tokens) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), 0);
    for s in seen {
        let real = truth.get(&s.id).expect("known to the server");
        tokens += real.writes.len();
        let (first, last) = (s.chunks[0], *s.chunks.last().expect("chunks"));
        let (true_first, true_last) = (real.writes[0], *real.writes.last().expect("writes"));
        errors.push(((first as f64 - true_first as f64) + (real.arrived as f64 - s.sent as f64)) / 1e3);
        let whole = (true_last - true_first) as f64;
        itl.push(((last - first) as f64 - whole) / whole * 100.0);
        gaps.extend(s.chunks.windows(2).map(|w| (w[1] - w[0]) as f64 / 1e3));
        true_gaps.extend(real.writes.windows(2).map(|w| (w[1] - w[0]) as f64 / 1e3));
    }
    let errors = sorted(errors.into_iter());
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    Figures {
        error_mean: mean(&errors),
        error_p99: percentile(&errors, 99),
        itl_mean_pct: mean(&itl),
        itl_p99_pct: percentile(&sorted(itl.iter().map(|e| e.abs())), 99),
        gap_p99_off: percentile(&sorted(gaps.into_iter()), 99) - percentile(&sorted(true_gaps.into_iter()), 99),
        held_pct: held(truth, seen, users),
        cpu_per_token: cpu_us as f64 / tokens as f64,
    }
}

/// Requests in flight at the server, percent of `users`, from the first moment all are to the last new request.
fn held(truth: &Truth, seen: &[Seen], users: usize) -> f64 {
    let reals: Vec<&Real> = seen.iter().filter_map(|s| truth.get(&s.id)).collect();
    let mut edges: Vec<(u64, i64)> = reals.iter().flat_map(|r| [(r.arrived, 1), (r.ended, -1)]).collect();
    edges.sort_unstable_by_key(|&(at, change)| (at, -change));
    let last_new = reals.iter().map(|r| r.arrived).max().unwrap_or(0);
    let (mut now, mut from, mut at, mut sum) = (0_i64, None, 0, 0.0);
    for (edge, change) in edges {
        if edge > last_new {
            break;
        }
        if from.is_some() {
            sum += now as f64 * (edge - at) as f64;
        }
        (now, at) = (now + change, edge);
        if now >= i64::try_from(users).unwrap_or(i64::MAX) {
            from.get_or_insert(edge);
        }
    }
    let Some(from) = from.filter(|from| at > *from) else { return 100.0 };
    sum / (at - from) as f64 / users as f64 * 100.0
}
