//! The workers' snapshots and seconds as those of one run.

use crate::bench::live::{BINS_PER_OCTAVE, Dist, Fact, Phase, Second, Snapshot};
use std::collections::BTreeMap;

/// One snapshot of all: counts summed, distributions pooled (percentiles from the grid, within its 4.4 %), lags the worst of all.
pub(super) fn snapshot<'a>(all: impl Iterator<Item = &'a Snapshot>) -> Option<Snapshot> {
    all.cloned().reduce(|mut one, other| {
        one.at_us = one.at_us.max(other.at_us);
        if other.phase == Phase::Running || one.phase.ended() {
            one.phase = other.phase;
        }
        one.measured_from_us = one.measured_from_us.into_iter().chain(other.measured_from_us).min();
        one.measured_until_us = one.measured_until_us.max(other.measured_until_us);
        one.sent += other.sent;
        one.done += other.done;
        one.failed += other.failed;
        for (class, count) in other.errors_by_class {
            *one.errors_by_class.entry(class).or_insert(0) += count;
        }
        one.in_flight += other.in_flight;
        one.output_tokens += other.output_tokens;
        one.input_tokens += other.input_tokens;
        one.good = one.good.zip(other.good).map(|(a, b)| a + b);
        for (mine, theirs) in
            [(&mut one.ttft, &other.ttft), (&mut one.tpot, &other.tpot), (&mut one.itl, &other.itl), (&mut one.e2el, &other.e2el)]
        {
            pool(mine, theirs);
        }
        one.users = one.users.zip(other.users).map(|(a, b)| a + b);
        one.held += other.held;
        for (mine, theirs) in one.routes.iter_mut().zip(&other.routes) {
            mine.done += theirs.done;
            mine.failed += theirs.failed;
            mine.output_tokens += theirs.output_tokens;
            pool(&mut mine.ttft, &theirs.ttft);
            pool(&mut mine.tpot, &theirs.tpot);
        }
        let (mine, theirs) = (&mut one.client, other.client);
        mine.send_lag_p99_us = mine.send_lag_p99_us.max(theirs.send_lag_p99_us);
        mine.loop_lag_p99_us = mine.loop_lag_p99_us.max(theirs.loop_lag_p99_us);
        mine.cpu_pct = mine.cpu_pct.into_iter().chain(theirs.cpu_pct).reduce(f32::max);
        mine.connections = mine.connections.zip(theirs.connections).map(|(a, b)| a + b);
        mine.coalesced_chunks += theirs.coalesced_chunks;
        mine.late_sends += theirs.late_sends;
        one
    })
}

fn pool(mine: &mut Dist, theirs: &Dist) {
    let mean = |d: &Dist| d.mean_us.map_or(0.0, |mean| mean * d.n as f64);
    let n = mine.n + theirs.n;
    mine.mean_us = (n > 0).then(|| (mean(mine) + mean(theirs)) / n as f64);
    mine.n = n;
    mine.min_us = mine.min_us.into_iter().chain(theirs.min_us).min();
    mine.max_us = mine.max_us.max(theirs.max_us);
    let mut bins: BTreeMap<u16, u64> = mine.bins.drain(..).collect();
    for (bin, count) in &theirs.bins {
        *bins.entry(*bin).or_insert(0) += count;
    }
    mine.bins = bins.into_iter().collect();
    (mine.p50_us, mine.p90_us, mine.p99_us) = (at(mine, 0.5), at(mine, 0.9), at(mine, 0.99));
}

/// Nearest rank on the grid: the middle of the bin, within the extremes.
fn at(dist: &Dist, share: f64) -> Option<u64> {
    let all: u64 = dist.bins.iter().map(|(_, count)| count).sum();
    let mut passed = 0;
    let (bin, _) = dist.bins.iter().find(|(_, count)| {
        passed += count;
        passed as f64 >= share * all as f64
    })?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bins end below 2^64 µs; `as` saturates")]
    let us = ((f64::from(*bin) + 0.5) / f64::from(BINS_PER_OCTAVE)).exp2().round() as u64;
    Some(us.clamp(dist.min_us.unwrap_or(0), dist.max_us.unwrap_or(u64::MAX)))
}

/// Seconds of all workers, each told once all that still run have told it.
#[derive(Default)]
pub(super) struct Seconds {
    open: BTreeMap<u32, Second>,
    /// The last second that each worker told.
    told: BTreeMap<u16, u32>,
}

impl Seconds {
    pub(super) fn take(&mut self, worker: u16, second: Second) {
        self.told.insert(worker, second.second);
        add(&mut self.open, second);
    }

    /// The seconds that all of `running` have told; with nobody running, all.
    pub(super) fn settled(&mut self, running: &[u16]) -> Vec<Fact> {
        let until = running.iter().map(|worker| self.told.get(worker).map_or(0, |second| second + 1)).min().unwrap_or(u32::MAX);
        let later = self.open.split_off(&until);
        std::mem::replace(&mut self.open, later).into_values().map(Fact::Second).collect()
    }
}

/// Adds a worker's second to that of all.
pub(super) fn add(seconds: &mut BTreeMap<u32, Second>, second: Second) {
    let row = seconds.entry(second.second).or_insert(Second { second: second.second, warmup: second.warmup, ..Second::default() });
    row.output_tokens += second.output_tokens;
    row.done += second.done;
    row.failed += second.failed;
    row.in_flight_mean += second.in_flight_mean;
    row.warmup &= second.warmup;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::live::bin_of;

    #[test]
    fn pooled_counts_are_sums_and_a_percentile_is_of_all_samples() {
        let of = |us: u64, n: u64| Dist {
            n,
            mean_us: Some(us as f64),
            min_us: Some(us),
            max_us: Some(us),
            bins: vec![(bin_of(us), n)],
            ..Dist::default()
        };
        let one = Snapshot { done: 90, users: Some(3), ttft: of(1_000, 90), ..Snapshot::default() };
        let other = Snapshot { done: 10, users: Some(2), ttft: of(8_000, 10), ..Snapshot::default() };
        let all = snapshot([&one, &other].into_iter()).expect("two");
        assert_eq!((all.done, all.users, all.ttft.n), (100, Some(5), 100));
        assert_eq!((all.ttft.mean_us, all.ttft.min_us, all.ttft.max_us), (Some(1_700.0), Some(1_000), Some(8_000)));
        let p99 = all.ttft.p99_us.expect("a percentile");
        assert!((7_600..=8_400).contains(&p99), "{p99}");
        assert!(all.ttft.p50_us.expect("a median").abs_diff(1_000) < 50);
    }

    #[test]
    fn a_second_is_told_when_all_that_run_have_told_it() {
        let mut seconds = Seconds::default();
        let second = |second, output_tokens| Second { second, output_tokens, ..Second::default() };
        seconds.take(0, second(3, 5));
        assert!(seconds.settled(&[0, 1]).is_empty());
        seconds.take(1, second(3, 7));
        seconds.take(0, second(4, 1));
        assert_eq!(seconds.settled(&[0, 1]), [Fact::Second(second(3, 12))]);
        assert_eq!(seconds.settled(&[]), [Fact::Second(second(4, 1))]);
    }
}
