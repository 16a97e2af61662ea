//! The decisions of a search: which load to measure next, from what was measured so far. No state beside it, so a search that was cut
//! goes on where it was.
//!
//! Doubling (or halving, when the first load already misses the goals) until the limit lies between a load that meets them and one
//! that does not; then halving the interval; then the best one once more. With `to_saturation` the doubling goes on past the goals
//! until throughput stops to rise.

use crate::bench::spec::{Over, Search};

/// Rise of throughput over two doublings below which a server counts as saturated, percent.
const SATURATED_BELOW_PCT: f64 = 3.0;
/// Steps after which nothing is confirmed or refined any more.
pub(super) const MOST_STEPS: usize = 48;
/// Halvings below the first load before a search for one that meets the goals is given up.
const MOST_HALVINGS: i32 = 10;

/// What a step found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Users or requests per second.
    pub(super) load: f64,
    /// It met the goals, and its failures stayed within their limit; `None`: it could not be measured.
    pub(super) passed: Option<bool>,
    /// Output tokens per second.
    pub(super) throughput: Option<f64>,
    /// Its figures are about the client: what is beyond cannot be known from here.
    pub(super) client_limited: bool,
}

/// All steps at one load.
#[derive(Debug, Clone, Copy)]
struct Rung {
    load: f64,
    runs: usize,
    /// Every one of them passed.
    passed: bool,
    throughput: Option<f64>,
}

/// The load to measure next; `None`: the search is over. `goals`: there are some; without, only saturation can be looked for.
pub(super) fn next(search: &Search, goals: bool, steps: &[Step]) -> Option<f64> {
    if steps.len() >= MOST_STEPS {
        return None;
    }
    // A machine that was busy for a moment is no limit of the client: such a step is measured once more.
    if let Some(last) = steps.last().filter(|step| step.client_limited) {
        let times = steps.iter().filter(|step| step.client_limited && same(step.load, last.load)).count();
        return (times < 2).then_some(last.load);
    }
    let rungs = rungs(&of_the_server(steps));
    if let Some(load) = doubled(search, goals, &rungs) {
        return Some(load);
    }
    if !goals {
        return None;
    }
    let (met, missed) = limits(&rungs);
    let halved = match (met, missed) {
        (Some(met), Some(missed)) => between(search, met.load, missed.load),
        (None, Some(missed)) => below(search, missed.load),
        _ => None,
    };
    halved.or_else(|| met.filter(|met| met.runs < 2).map(|met| met.load))
}

/// The greatest load that met the goals every time, and below every load that missed them.
pub(super) fn best(steps: &[Step]) -> Option<f64> {
    limits(&rungs(&of_the_server(steps))).0.map(|rung| rung.load)
}

/// The steps whose figures are about the server.
fn of_the_server(steps: &[Step]) -> Vec<Step> {
    steps.iter().copied().filter(|step| !step.client_limited).collect()
}

/// The next rung of the ladder of doublings, as long as it has to be climbed.
fn doubled(search: &Search, goals: bool, rungs: &[Rung]) -> Option<f64> {
    let mut throughputs = Vec::new();
    let mut load = rounded(search, search.from.min(search.to));
    loop {
        let Some(rung) = rungs.iter().find(|rung| same(rung.load, load)) else { return Some(load) };
        if search.to_saturation || !goals {
            // A load that gave no answers at all is past saturation.
            throughputs.push(rung.throughput?);
            if let [.., before, _, now] = throughputs.as_slice()
                && *now < *before * (1.0 + SATURATED_BELOW_PCT / 100.0)
            {
                return None;
            }
        } else if !rung.passed {
            return None;
        }
        if load >= search.to {
            return None;
        }
        load = rounded(search, (load * 2.0).min(search.to));
    }
}

/// The greatest rung that passed below every one that did not, and the least one that did not.
fn limits(rungs: &[Rung]) -> (Option<Rung>, Option<Rung>) {
    let missed = rungs.iter().find(|rung| !rung.passed).copied();
    let met = rungs.iter().rev().find(|rung| rung.passed && missed.is_none_or(|missed| rung.load < missed.load)).copied();
    (met, missed)
}

/// The middle of an interval that is still too wide.
fn between(search: &Search, met: f64, missed: f64) -> Option<f64> {
    let least = match search.over {
        Over::Concurrency => 1.0,
        Over::Rate => 0.0,
    };
    if missed - met <= (missed * search.within_pct / 100.0).max(least) {
        return None;
    }
    let middle = rounded(search, f64::midpoint(met, missed));
    (middle > met && middle < missed).then_some(middle)
}

/// Half of a load that is still too much.
fn below(search: &Search, missed: f64) -> Option<f64> {
    let half = match search.over {
        Over::Concurrency => (missed / 2.0).floor(),
        Over::Rate => rounded(search, missed / 2.0),
    };
    let least = match search.over {
        Over::Concurrency => 1.0,
        Over::Rate => (search.from * 0.5_f64.powi(MOST_HALVINGS)).max(0.001),
    };
    (half >= least && half < missed).then_some(half)
}

/// Whole users; three digits of a rate, so that keys stay short.
fn rounded(search: &Search, load: f64) -> f64 {
    match search.over {
        Over::Concurrency => load.round().max(1.0),
        Over::Rate if load > 0.0 => {
            let digits = 10_f64.powf(2.0 - load.log10().floor());
            (load * digits).round() / digits
        }
        Over::Rate => load,
    }
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= a.abs().max(b.abs()) * 1e-9
}

/// Steps by load, ascending; those that could not be measured left out.
fn rungs(steps: &[Step]) -> Vec<Rung> {
    let mut rungs: Vec<Rung> = Vec::new();
    for step in steps {
        let Some(passed) = step.passed else { continue };
        match rungs.iter_mut().find(|rung| same(rung.load, step.load)) {
            Some(rung) => {
                rung.runs += 1;
                rung.passed &= passed;
                rung.throughput = rung.throughput.zip(step.throughput).map(|(a, b)| a.max(b)).or(rung.throughput).or(step.throughput);
            }
            None => rungs.push(Rung { load: step.load, runs: 1, passed, throughput: step.throughput }),
        }
    }
    rungs.sort_by(|a, b| a.load.total_cmp(&b.load));
    rungs
}

/// Which of `points` (load, throughput) is the knee: the one farthest above the chord from the first to the last, both axes scaled to
/// 0…1. Satopää et al., "Finding a 'Kneedle' in a Haystack", ICDCSW 2011, section III, without its smoothing: there are few points and
/// each is a mean of a run. `None` of fewer than three loads, and where no point stands out by a tenth: a line has no knee.
pub(super) fn knee(points: &[(f64, f64)]) -> Option<usize> {
    const STANDS_OUT: f64 = 0.1;
    let range = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = points.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        (low, high - low)
    };
    let ((x0, width), (y0, height)) = (range(|p| p.0), range(|p| p.1));
    if points.len() < 3 || !(width > 0.0 && height > 0.0) {
        return None;
    }
    let above = |p: &(f64, f64)| (p.1 - y0) / height - (p.0 - x0) / width;
    let (at, farthest) = points.iter().map(above).enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (farthest >= STANDS_OUT).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(over: Over, from: f64, to: f64) -> Search {
        Search { over, from, to, within_pct: 5.0, step_s: 1.0, to_saturation: false, drain_s: 1.0 }
    }

    /// A server that meets the goals up to `limit` and serves `most` tokens per second, ten a user.
    fn found(search: &Search, limit: f64, most: f64) -> (Vec<Step>, Option<f64>) {
        let mut steps = Vec::new();
        while let Some(load) = next(search, true, &steps) {
            assert!(steps.len() < MOST_STEPS && load <= search.to, "{steps:?}");
            steps.push(Step { load, passed: Some(load <= limit), throughput: Some((load * 10.0).min(most)), client_limited: false });
        }
        let best = best(&steps);
        (steps, best)
    }

    #[test]
    fn the_limit_is_found_within_the_width_asked_for_wherever_it_lies() {
        for from in [1.0, 3.0, 50.0, 400.0] {
            for limit in [1.0, 2.0, 5.0, 17.0, 64.0, 100.0, 333.0, 1_000.0] {
                let (steps, best) = found(&search(Over::Concurrency, from, 1_024.0), limit, 1e9);
                let best = best.expect("a load that meets the goals");
                assert!(best <= limit && limit - best <= (limit * 0.06).max(1.0), "from {from}: {best} of {limit}");
                assert!(steps.len() <= 18, "from {from} to {limit}: {} steps", steps.len());
                assert_eq!(steps.iter().filter(|step| same(step.load, best)).count(), 2, "the best is confirmed");
            }
            for limit in [0.037, 0.5, 7.3, 91.2] {
                let (_, best) = found(&search(Over::Rate, from.min(10.0), 1_024.0), limit, 1e9);
                let best = best.expect("a rate that meets the goals");
                assert!(best <= limit && limit - best <= limit * 0.06, "from {from}: {best} of {limit}");
            }
        }
    }

    #[test]
    fn a_server_nothing_is_too_much_for_is_measured_at_the_end_of_the_range_and_not_beyond() {
        let (steps, best) = found(&search(Over::Concurrency, 3.0, 40.0), 1e9, 1e9);
        assert_eq!(steps.iter().map(|s| s.load).collect::<Vec<_>>(), [3.0, 6.0, 12.0, 24.0, 40.0, 40.0]);
        assert_eq!(best, Some(40.0));
    }

    #[test]
    fn a_server_that_meets_the_goals_nowhere_has_no_best() {
        let (steps, best) = found(&search(Over::Concurrency, 8.0, 64.0), 0.0, 1e9);
        assert_eq!((steps.iter().map(|s| s.load).collect::<Vec<_>>(), best), (vec![8.0, 4.0, 2.0, 1.0], None));
        let (steps, best) = found(&search(Over::Rate, 8.0, 64.0), 0.0, 1e9);
        assert_eq!((steps.len(), best), (11, None));
    }

    #[test]
    fn a_best_that_fails_when_measured_again_gives_way_to_a_lower_one() {
        let search = search(Over::Concurrency, 16.0, 64.0);
        let step = |load, passed| Step { load, passed: Some(passed), throughput: Some(1.0), client_limited: false };
        let mut steps = vec![step(16.0, true), step(32.0, false), step(24.0, true), step(28.0, true), step(30.0, true), step(31.0, true)];
        assert_eq!(next(&search, true, &steps), Some(31.0), "confirmed first");
        steps.push(step(31.0, false));
        assert_eq!(next(&search, true, &steps), Some(30.0));
        steps.push(step(30.0, true));
        assert_eq!((next(&search, true, &steps), best(&steps)), (None, Some(30.0)));
    }

    #[test]
    fn saturation_is_looked_for_past_the_goals_and_the_knee_is_where_the_curve_bends() {
        let search = Search { to_saturation: true, ..search(Over::Concurrency, 1.0, 1_024.0) };
        let (steps, best) = found(&search, 20.0, 640.0);
        let ladder: Vec<f64> = steps.iter().map(|s| s.load).take(9).collect();
        assert_eq!(ladder, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0], "640 tokens/s are reached at 64: two doublings more");
        assert_eq!(best, Some(20.0));
        let mut points: Vec<(f64, f64)> = steps.iter().map(|s| (s.load, s.throughput.expect("measured"))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(knee(&points).map(|at| points[at].0), Some(64.0));
        assert_eq!(knee(&[(1.0, 10.0), (2.0, 20.0), (4.0, 40.0), (8.0, 80.0)]), None, "a line has no knee");
        assert_eq!(knee(&[(1.0, 10.0), (2.0, 10.0), (4.0, 10.0)]), None);
        // Without goals the ladder is all there is.
        assert_eq!(next(&search, false, &steps[..9]), None);
    }

    #[test]
    fn a_step_about_the_client_twice_ends_the_search_and_is_never_the_best() {
        let search = search(Over::Concurrency, 1.0, 1_024.0);
        let step = |load, client_limited| Step { load, passed: Some(true), throughput: Some(load), client_limited };
        let mut steps = vec![step(1.0, false), step(2.0, false), step(4.0, true)];
        assert_eq!((next(&search, true, &steps), best(&steps)), (Some(4.0), Some(2.0)), "once may be chance");
        let mut went = steps.clone();
        went.push(step(4.0, false));
        assert_eq!((next(&search, true, &went), best(&went)), (Some(8.0), Some(4.0)));
        went.push(step(8.0, true));
        assert_eq!(next(&search, true, &went), Some(8.0), "another load has its own chance");
        steps.push(step(4.0, true));
        assert_eq!((next(&search, true, &steps), best(&steps)), (None, Some(2.0)));
        // One that could not be measured is measured again.
        let failed = Step { passed: None, ..step(4.0, false) };
        assert_eq!(next(&search, true, &[steps[0], steps[1], failed]), Some(4.0));
    }
}
