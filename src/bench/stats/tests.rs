//! Against numpy and exact binomial tails (`fixtures/make/bench_stats.py`), and against the truth of made-up loads.

use super::{interval::Clusters, *};
use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64;
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    samples: BTreeMap<String, Told>,
    intervals: Vec<Ranks>,
}

#[derive(Deserialize)]
struct Told {
    values: Vec<f64>,
    mean: f64,
    std: f64,
    percentiles: Vec<(f64, f64)>,
}

#[derive(Deserialize)]
struct Ranks {
    n: u64,
    share: f64,
    #[serde(rename = "ranks")]
    at: Option<(u64, u64)>,
}

fn fixture() -> Fixture {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/references/bench_stats.json");
    serde_json::from_slice(&std::fs::read(path).expect("the fixture")).expect("its form")
}

#[test]
fn figures_of_every_kind_of_samples_are_those_numpy_gives() {
    for (name, told) in fixture().samples {
        let (mut counted, sorted) = (Samples::default(), Sorted::from(told.values.clone()));
        for &value in &told.values {
            counted.add(value, 1);
        }
        let near = |what: &str, got: Option<f64>, want: f64| {
            let got = got.expect("samples");
            // Nine digits of great figures, nine decimals of small ones.
            assert!((got - want).abs() <= 1e-9 * want.abs().max(1.0), "{name} {what}: {got} {want}");
        };
        near("mean", counted.mean(), told.mean);
        near("mean", sorted.mean(), told.mean);
        near("std", counted.std(), told.std);
        near("std", sorted.std(), told.std);
        for (p, want) in told.percentiles {
            near(&format!("p{p}"), counted.percentile(p), want);
            near(&format!("p{p}"), sorted.percentile(p), want);
        }
    }
}

#[test]
fn ranks_of_intervals_are_those_of_exact_binomial_tails() {
    let intervals = fixture().intervals;
    assert!(intervals.iter().any(|told| told.at.is_some()) && intervals.iter().any(|told| told.at.is_none()));
    for told in intervals {
        assert_eq!(interval::ranks(told.n, told.share), told.at, "{} samples, quantile {}", told.n, told.share);
    }
}

/// A draw of the standard normal distribution (Box and Muller).
fn normal(random: &mut Pcg64) -> f64 {
    let (u, v): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn holds(ci: Option<[f64; 2]>, truth: f64) -> bool {
    ci.is_some_and(|[low, high]| low <= truth && truth <= high)
}

/// 400 loads of 300 requests whose latency is log-normal, its spread that of times to first token: 95 % intervals should hold 380.
#[test]
fn intervals_over_requests_hold_the_truth_as_often_as_they_say() {
    let (mu, sigma): (f64, f64) = (5.0, 0.5);
    let mut random = Pcg64::seed_from_u64(1);
    let mut held = [0; 3];
    for _ in 0..400 {
        let sorted = Sorted::from((0..300).map(|_| sigma.mul_add(normal(&mut random), mu).exp()).collect::<Vec<_>>());
        let found = [
            holds(sorted.percentile_ci95(50.0), mu.exp()),
            holds(sorted.percentile_ci95(90.0), 1.281_551_565_544_6_f64.mul_add(sigma, mu).exp()),
            holds(sorted.mean_ci95(), (sigma * sigma).mul_add(0.5, mu).exp()),
        ];
        for (held, found) in held.iter_mut().zip(found) {
            *held += u32::from(found);
        }
    }
    println!("P50, P90, mean of 400: {held:?}");
    assert!(held.iter().all(|&held| held >= 372), "P50, P90, mean of 400: {held:?}");
}

/// Gaps of a request: its own mean, its own number, and a spread around it.
fn gaps(random: &mut Pcg64) -> Vec<f64> {
    let own = 500.0 * (0.35 * normal(random)).exp();
    let tokens = random.random_range(10..30);
    (0..tokens).map(|_| (own * (0.25 * normal(random)).exp()).round()).collect()
}

/// Loads of 150 requests, each with a mean gap of its own: intervals that took tokens for independent ones would hold less than half of them.
#[test]
fn intervals_over_tokens_hold_the_truth_although_requests_differ() {
    const SHARES: [f64; 3] = [0.5, 0.9, 0.95];
    const TRIALS: u32 = 200;
    let mut random = Pcg64::seed_from_u64(2);
    let mut all = Samples::default();
    for _ in 0..30_000 {
        for gap in gaps(&mut random) {
            all.add(gap, 1);
        }
    }
    let truth = SHARES.map(|share| all.percentile(share * 100.0).expect("samples"));
    let mean = all.mean().expect("samples");
    let (mut held, mut naive) = ([0; 4], 0);
    for _ in 0..TRIALS {
        let requests: Vec<Vec<f64>> = (0..150).map(|_| gaps(&mut random)).collect();
        let mut pooled = Samples::default();
        for &gap in requests.iter().flatten() {
            pooled.add(gap, 1);
        }
        let mut clusters = Clusters::new(&pooled, SHARES).expect("samples");
        for request in &requests {
            for &gap in request {
                clusters.add(gap, 1);
            }
            clusters.next();
        }
        let [p50, p90, p95] = clusters.quantile_ci95(&pooled);
        let found = [holds(p50, truth[0]), holds(p90, truth[1]), holds(p95, truth[2]), holds(clusters.mean_ci95(), mean)];
        for (held, found) in held.iter_mut().zip(found) {
            *held += u32::from(found);
        }
        naive += u32::from(holds(Sorted::from(requests.concat()).percentile_ci95(50.0), truth[0]));
    }
    println!("P50, P90, P95, mean of {TRIALS}: {held:?}; tokens taken for independent: {naive}");
    assert!(held.iter().all(|&held| held * 100 >= TRIALS * 90), "P50, P90, P95, mean of {TRIALS}: {held:?}");
    assert!(naive * 100 < TRIALS * 60, "{naive}");
}

fn of(values: &[f64]) -> Samples {
    let mut samples = Samples::default();
    for &value in values {
        samples.add(value, 1);
    }
    samples
}

/// Expected values by the definitions of `numpy.mean`, `numpy.std` and `numpy.percentile` (linear).
#[test]
fn figures_are_those_numpy_gives() {
    let s = of(&[12.5, 3.25, 99.0, 3.25, 47.75, 8.0, 1.5]);
    let near = |got: Option<f64>, want: f64| assert!((got.expect("samples") - want).abs() < 1e-9, "{got:?} {want}");
    near(s.mean(), 25.035_714_285_714_285);
    near(s.std(), 33.673_174_086_522_12);
    near(s.percentile(50.0), 8.0);
    near(s.percentile(90.0), 68.25);
    near(s.percentile(95.0), 83.625);
    near(s.percentile(99.0), 95.925);
    near(s.percentile(0.0), 1.5);
    near(s.percentile(100.0), 99.0);
    near(s.percentile(25.0), 3.25);
}

#[test]
fn a_count_is_as_many_samples() {
    let mut counted = Samples::default();
    counted.add(5.0, 3);
    counted.add(9.0, 2);
    let plain = of(&[5.0, 9.0, 5.0, 9.0, 5.0]);
    for p in [0.0, 10.0, 50.0, 62.5, 70.0, 75.0, 90.0, 99.0, 100.0] {
        assert_eq!(counted.percentile(p), plain.percentile(p), "{p}");
    }
    assert_eq!(counted.std(), plain.std());
}

#[test]
fn without_samples_there_is_no_figure() {
    let none = Samples::default();
    assert_eq!((none.mean(), none.std(), none.percentile(99.0)), (None, None, None));
}
