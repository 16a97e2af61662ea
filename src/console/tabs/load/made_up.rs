//! Made-up engine data for tests: the same on every machine, shaped like a real run.

use crate::bench::{
    live::{Client, Dist, Fact, Phase, Second, Snapshot, bin_of},
    spec::{Limits, Load, Prompts, Slo, Spec, Target},
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg32;
use std::collections::BTreeMap;

pub(in crate::console) fn spec() -> Spec {
    Spec {
        name: "quick".to_owned(),
        target: Target { url: "http://127.0.0.1:41873".to_owned(), model: Some("eye-tiny".to_owned()), ..Target::default() },
        load: Load::Concurrency(4),
        prompts: Prompts::random(128),
        output_len: 64,
        ignore_eos: true,
        requests: Some(1_200),
        duration_s: None,
        warmup: 8,
        seed: 7,
        limits: Limits::default(),
        slo: Slo { ttft_ms: Some(500.0), tpot_ms: Some(50.0), itl_ms: Some(100.0), e2el_ms: None },
        ..Spec::default()
    }
}

/// Most samples made; beyond it each stands for several, so that tests stay fast.
const MADE: u64 = 4_000;

/// A distribution of `n` samples around `median_ms`: log-normal (12 uniforms make a normal), one in a hundred far out.
fn dist(seed: u64, n: u64, median_ms: f64, spread: f64) -> Dist {
    let mut rng = Pcg32::seed_from_u64(seed);
    let made = n.min(MADE);
    let mut samples: Vec<u64> = (0..made)
        .map(|_| {
            let normal: f64 = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
            let tail = if rng.random_ratio(1, 100) { 2.2 } else { 1.0 };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "latencies of some ms")]
            let us = (median_ms * 1_000.0 * (spread * normal).exp() * tail) as u64;
            us
        })
        .collect();
    samples.sort_unstable();
    let rank = |p: usize| samples.get((samples.len() * p).div_ceil(100).saturating_sub(1)).copied();
    let mut bins = BTreeMap::new();
    for &us in &samples {
        *bins.entry(bin_of(us)).or_insert(0) += 1;
    }
    Dist {
        n,
        mean_us: (made > 0).then(|| samples.iter().sum::<u64>() as f64 / made as f64),
        min_us: samples.first().copied(),
        p50_us: rank(50),
        p90_us: rank(90),
        p99_us: rank(99),
        max_us: samples.last().copied(),
        bins: bins.into_iter().map(|(bin, count)| (bin, count * n / made.max(1))).collect(),
    }
}

/// A run in its 42nd second.
pub(in crate::console) fn running() -> Snapshot {
    at(42_300_000, Phase::Running, 764)
}

/// The run `at_us` after its start with `done` requests done.
pub(super) fn at(at_us: u64, phase: Phase, done: u64) -> Snapshot {
    Snapshot {
        at_us,
        phase,
        measured_from_us: Some(3_200_000),
        measured_until_us: None,
        model: "eye-tiny".to_owned(),
        planned: Some(1_200),
        sent: done + 7,
        done,
        failed: 3,
        errors_by_class: BTreeMap::from([("http_status".to_owned(), 1), ("timeout_stall".to_owned(), 2)]),
        in_flight: 4,
        output_tokens: done * 64 + 170,
        input_tokens: done * 128,
        good: Some(done - done / 40),
        ttft: dist(1, done, 182.0, 0.35),
        tpot: dist(2, done, 14.1, 0.18),
        itl: dist(3, done * 63, 13.6, 0.33),
        e2el: dist(4, done, 1_080.0, 0.2),
        client: Client { send_lag_p99_us: Some(210), cpu_pct: Some(8.7), connections: 4, coalesced_chunks: 12, ..Client::default() },
        result_dir: "results/quick-20260801T120000Z-a2b3".into(),
        failure: None,
        ..Snapshot::default()
    }
}

/// The same run at its end.
pub(super) fn finished() -> Snapshot {
    Snapshot { measured_until_us: Some(64_180_000), in_flight: 0, sent: 1_200, ..at(64_300_000, Phase::Finished, 1_197) }
}

/// A run whose server died under it.
pub(super) fn failed() -> Snapshot {
    Snapshot {
        measured_until_us: Some(11_900_000),
        in_flight: 0,
        failed: 31,
        sent: 71,
        errors_by_class: BTreeMap::from([("connect".to_owned(), 24), ("http_status".to_owned(), 3), ("truncated".to_owned(), 4)]),
        failure: Some("error share 43.7 % is above the limit of 5 %".to_owned()),
        ..at(12_000_000, Phase::Failed, 40)
    }
}

/// A run that has only just begun.
pub(super) fn preparing() -> Snapshot {
    Snapshot { at_us: 300_000, model: "eye-tiny".to_owned(), planned: Some(1_200), ..Snapshot::default() }
}

/// Facts of the first `seconds` seconds; the ninth second is missing.
pub(in crate::console) fn facts(seconds: u32) -> Vec<Fact> {
    let mut rng = Pcg32::seed_from_u64(9);
    let mut facts = vec![
        Fact::Phase { at_us: 0, phase: Phase::Preparing },
        Fact::Phase { at_us: 400_000, phase: Phase::Warmup },
        Fact::Phase { at_us: 3_200_000, phase: Phase::Running },
        Fact::Failure {
            at_us: 9_140_000,
            class: "http_status".to_owned(),
            example: "503 Service Unavailable: {\"message\":\"engine is draining\"}".to_owned(),
        },
        Fact::Failure { at_us: 33_020_000, class: "timeout_stall".to_owned(), example: "no bytes for 120 s after 41 tokens".to_owned() },
    ];
    facts.retain(|fact| matches!(fact, Fact::Phase { .. } | Fact::Failure { at_us: 0..=9_999_999, .. }) || seconds >= 40);
    for second in (0..seconds).filter(|&second| second != 9) {
        let ramp = f64::from(second.min(5)) / 5.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundreds of tokens")]
        let output_tokens = (ramp * (1_150.0 + 120.0 * rng.random::<f64>() - if second % 17 == 16 { 500.0 } else { 0.0 })) as u64;
        #[expect(clippy::cast_possible_truncation, reason = "below 5")]
        let in_flight_mean = (ramp * (3.9 + 0.1 * rng.random::<f64>())) as f32;
        facts.push(Fact::Second(Second { second, output_tokens, done: output_tokens / 64, failed: 0, in_flight_mean, warmup: second < 3 }));
    }
    facts
}
