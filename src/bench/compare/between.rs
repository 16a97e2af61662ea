//! How far two runs that asked the same of the same server differ, and what is left of a change beyond that.

/// Standard deviation between equal runs that is assumed before any were seen, as a share of the figure: of means, medians and
/// throughputs; of the 90th and 95th percentile; of the 99th. Forty-two equal runs of a simulated server beside other work on two cores
/// differed by 0.4 … 3, 1.2 … 15 and 1.2 … 39 %.
const ASSUMED: [f64; 3] = [0.01, 0.02, 0.08];
/// The same for shares of requests, in points of a percent.
const ASSUMED_POINTS: f64 = 0.5;
/// Seconds from which on this holds: what comes and goes with the machine lasts as long as a shorter run, whose error is greater by the
/// root of what it is short of.
const LASTING_S: f64 = 10.0;
/// Equal runs the assumption counts for where some were seen.
const ASSUMED_WORTH: f64 = 2.0;
/// Fewer equal runs of the history than this do not tell how far they differ.
pub(super) const FEWEST_RUNS: usize = 4;

/// A figure and where it lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) at: f64,
    pub(super) high: f64,
}

/// One figure of one side: its value in each of its runs (several when a cell was repeated), and the interval within each, where known.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) values: Vec<f64>,
    pub(super) within: Vec<Option<Interval>>,
    /// How long the shortest of them measured.
    pub(super) seconds: f64,
}

/// Where a change lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    /// (b - a) / a, percent; `None` where a is 0.
    pub(super) pct: Option<(f64, f64)>,
    /// b - a.
    pub(super) difference: (f64, f64),
}

/// The change of `key` from `a` to `b`. `equal` are the figure's values in other runs that asked the same, in order of time. `paired`: half
/// of the interval of its change within the two runs when their requests were the same, as a share.
pub(super) fn change(key: &str, a: &Runs, b: &Runs, equal: &[f64], paired: Option<f64>) -> Option<Change> {
    let brief = (LASTING_S / a.seconds.min(b.seconds).max(0.1)).sqrt().max(1.0);
    if key.ends_with("_pct") {
        return points(a, b, equal, brief * ASSUMED_POINTS);
    }
    if a.values.iter().chain(&b.values).any(|v| *v <= 0.0) {
        return None;
    }
    let (at_a, at_b) = (mean(&a.values)?, mean(&b.values)?);
    // On the scale of logarithms: twice and half are as far from the same.
    let logs = |values: &[f64]| values.iter().map(|v| v.ln()).collect::<Vec<f64>>();
    let sides = [logs(&a.values), logs(&b.values)];
    let at = (at_b / at_a).ln();
    let within = |runs: &Runs| -> Option<Vec<(f64, f64)>> {
        let one = |of: &Option<Interval>| of.filter(|of| of.low > 0.0).map(|of| ((of.at / of.low).ln(), (of.high / of.at).ln()));
        runs.within.iter().map(one).collect()
    };
    let within = within(a).zip(within(b));
    let assumed = brief * if key.starts_with("p99") { ASSUMED[2] } else { ASSUMED[usize::from(key.starts_with("p9"))] };
    let equal = logs(equal);
    // What a run varies by before any other was seen: chance within it, and what is assumed between runs.
    let chance = within.as_ref().map(|(a, b)| a.iter().chain(b).map(|(l, h)| ((l + h) / 2.0 / Z95).powi(2)).collect::<Vec<f64>>());
    let expected = assumed.powi(2) + chance.and_then(|of| mean(&of)).unwrap_or(0.0);
    let (low, high) = if let Some(seen) = repeats(&sides) {
        let error = spread(seen, expected, &sides);
        (at - error, at + error)
    } else {
        let ([(low_a, high_a)], [(low_b, high_b)]) = (&within.as_ref()?.0[..], &within.as_ref()?.1[..]) else { return None };
        let floor = 2.0 * (Z95 * assumed).powi(2);
        let (down, up) = match paired {
            Some(half) => (half.powi(2), half.powi(2)),
            // Errors add up as squares, each on its own side (MOVER).
            None => (low_b.powi(2) + high_a.powi(2), high_b.powi(2) + low_a.powi(2)),
        };
        // Equal runs of the past may be calmer by luck: they only widen.
        let past = neighbours(&equal).map_or(0.0, |seen| spread(seen, expected, &sides));
        (at - (down + floor).sqrt().max(past), at + (up + floor).sqrt().max(past))
    };
    let share = |log: f64| log.exp() - 1.0;
    Some(Change { pct: Some((share(low) * 100.0, share(high) * 100.0)), difference: (share(low) * at_a, share(high) * at_a) })
}

/// As [`change`], of a share of requests: it may be 0, and its change counts in points.
fn points(a: &Runs, b: &Runs, equal: &[f64], assumed: f64) -> Option<Change> {
    let sides = [a.values.clone(), b.values.clone()];
    let (at_a, at_b) = (mean(&sides[0])?, mean(&sides[1])?);
    let half = |runs: &Runs| runs.within.iter().map(|of| of.map(|of| (of.high - of.low) / 2.0)).collect::<Option<Vec<f64>>>();
    let within = half(a).zip(half(b)).and_then(|(a, b)| Some((mean(&a)?, mean(&b)?)));
    let chance = within.map_or(0.0, |(a, b)| f64::midpoint(a.powi(2), b.powi(2)) / Z95.powi(2));
    let expected = assumed.powi(2) + chance;
    let error = if let Some(seen) = repeats(&sides) {
        spread(seen, expected, &sides)
    } else {
        let (half_a, half_b) = within?;
        // None of either: there is no scatter to assume.
        let floor = if at_a.max(at_b) > 0.0 { 2.0 * (Z95 * assumed).powi(2) } else { 0.0 };
        let past = neighbours(equal).map_or(0.0, |seen| spread(seen, expected, &sides));
        (half_a.powi(2) + half_b.powi(2) + floor).sqrt().max(past)
    };
    // Nothing is less than none.
    let difference = ((at_b - at_a - error).max(-at_a), at_b - at_a + error);
    let pct = (at_a > 0.0).then(|| (difference.0 * 100.0 / at_a, difference.1 * 100.0 / at_a));
    Some(Change { pct, difference })
}

/// Variance of a run as its repeats show it, both sides together, and its degrees of freedom.
fn repeats(sides: &[Vec<f64>; 2]) -> Option<(f64, f64)> {
    let free = sides.iter().map(|values| values.len().saturating_sub(1)).sum::<usize>() as f64;
    let square = |values: &Vec<f64>| mean(values).map_or(0.0, |at| values.iter().map(|v| (v - at).powi(2)).sum::<f64>());
    (free > 0.0).then(|| (sides.iter().map(square).sum::<f64>() / free, free))
}

/// Variance of a run as equal ones of the past show it: half the mean squared step from one to the next (von Neumann), which one change
/// of the server long ago raises little. Such steps are worth two thirds of as many free deviations.
fn neighbours(equal: &[f64]) -> Option<(f64, f64)> {
    let steps: Vec<f64> = equal.windows(2).filter_map(|pair| Some((pair.last()? - pair.first()?).powi(2) / 2.0)).collect();
    if equal.len() < FEWEST_RUNS {
        return None;
    }
    Some((mean(&steps)?, steps.len() as f64 * 2.0 / 3.0))
}

/// Half of the 95 % interval of the difference of two means of runs.
fn spread((seen, free): (f64, f64), assumed: f64, sides: &[Vec<f64>; 2]) -> f64 {
    let variance = (ASSUMED_WORTH * assumed + free * seen) / (ASSUMED_WORTH + free);
    let per_run: f64 = sides.iter().map(|values| 1.0 / values.len().max(1) as f64).sum();
    t95(ASSUMED_WORTH + free) * (variance * per_run).sqrt()
}

pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Of a normal distribution, between -z and z lie 95 %.
const Z95: f64 = 1.959_964;

/// Of Student's distribution with so many degrees of freedom (Cornish and Fisher's series; from 2 on within 4 %, from 4 on within 0.3 %).
pub(super) fn t95(free: f64) -> f64 {
    let (z, n) = (Z95, free.max(1.0));
    let terms = [
        (z.powi(3) + z) / 4.0,
        (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
        (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
        (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1_482.0 * z.powi(5) - 1_920.0 * z.powi(3) - 945.0 * z) / 92_160.0,
    ];
    z + terms.iter().zip(1..).map(|(term, power)| term / n.powi(power)).sum::<f64>()
}
