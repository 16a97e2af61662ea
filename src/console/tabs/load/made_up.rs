//! Made-up engine data for tests: the same on every machine, shaped like a real run.

use crate::bench::{
    live::{
        Cache, Cell, CellState, Client, Dist, Event, Fact, Mark, Phase, RouteNow, Second, Series, SeriesKind, ServerSample, Snapshot,
        bin_of,
    },
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
        users: Some(4),
        server: vec![server(at_us)],
        client: Client {
            loop_lag_p99_us: Some(40),
            send_lag_p99_us: Some(210),
            cpu_pct: Some(8.7),
            connections: Some(4),
            coalesced_chunks: 12,
            ..Client::default()
        },
        result_dir: "results/quick-20260801T120000Z-a2b3".into(),
        failure: None,
        ..Snapshot::default()
    }
}

/// What its server says at a moment.
fn server(at_us: u64) -> ServerSample {
    ServerSample {
        at_us: at_us / 1_000_000 * 1_000_000,
        server: 0,
        running: Some(4.0),
        waiting: Some(1.0),
        kv_pct: Some(71.4),
        preemptions: Some(0.0),
        prompt_tokens_per_s: Some(2_500.0),
        output_tokens_per_s: Some(1_250.0),
        cache_hit_pct: Some(12.0),
        ttft_ms: Some(160.0),
        queue_ms: Some(48.0),
        prefill_ms: Some(96.0),
        decode_ms: Some(870.0),
        ..ServerSample::default()
    }
}

fn cell(input: u32, users: u32, state: CellState) -> Cell {
    let ms = f64::from(input).sqrt() * f64::from(users).powf(0.7) * 6.0;
    let done = state == CellState::Done;
    let metrics = [
        ("mean_ttft_ms", ms * 0.6),
        ("median_ttft_ms", ms * 0.55),
        ("p90_ttft_ms", ms * 0.8),
        ("p99_ttft_ms", ms),
        ("median_tpot_ms", 14.0 + f64::from(users) / 8.0),
        ("p99_tpot_ms", 16.0 + f64::from(users) / 4.0),
        ("output_throughput", 70.0 * f64::from(users) / (1.0 + f64::from(users) / 90.0)),
        ("request_throughput", 0.5 * f64::from(users)),
        ("completed", 400.0),
        ("error_rate_pct", 0.25),
    ];
    Cell {
        key: format!("i{input}-o128-c{users}-1"),
        input_len: Some(input),
        output_len: 128,
        concurrency: Some(users),
        rate: None,
        repeat: 1,
        state,
        cache: Cache::Cold,
        client_limited: done.then_some(users == 128),
        slo_met: done.then_some(ms <= 500.0),
        failure: (state == CellState::Failed).then(|| "error share 12 % is above the limit of 5 %".to_owned()),
        metrics: if done { metrics.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() } else { BTreeMap::new() },
    }
}

/// A matrix of which about half is measured.
pub(in crate::console) fn matrix() -> Snapshot {
    let mut cells = Vec::new();
    for input in [128, 512, 2_048, 8_192] {
        for users in [1, 8, 32, 64, 128] {
            let state = match (input, users) {
                (512, 128) => CellState::Failed,
                (2_048, 8) => CellState::Running,
                (8_192, 128) => CellState::Skipped,
                (128 | 512, _) | (2_048, 1) => CellState::Done,
                _ => CellState::Waiting,
            };
            cells.push(cell(input, users, state));
        }
    }
    let current = Some("i2048-o128-c8-1".to_owned());
    let series = Series {
        kind: SeriesKind::Matrix,
        dir: "results/matrix".into(),
        current,
        waiting_for: String::new(),
        cells,
        best: None,
        knee: None,
        over: false,
    };
    Snapshot { series: Some(series), users: Some(8), ..running() }
}

/// A search that has found the limit and goes on to the knee.
pub(in crate::console) fn search() -> Snapshot {
    let mut cells: Vec<Cell> = [8, 16, 32, 64, 48].into_iter().map(|users| cell(128, users, CellState::Done)).collect();
    cells.push(cell(128, 40, CellState::Running));
    let series = Series {
        kind: SeriesKind::Search,
        dir: "results/search".into(),
        current: Some("i128-o128-c40-1".to_owned()),
        waiting_for: String::new(),
        cells,
        best: Some("i128-o128-c16-1".to_owned()),
        knee: Some("i128-o128-c48-1".to_owned()),
        over: false,
    };
    Snapshot { series: Some(series), users: Some(40), ..running() }
}

/// A base model and two of its adapters, side by side.
pub(in crate::console) fn routes() -> Snapshot {
    let route = |name: &str, seed, done, ttft| RouteNow {
        name: name.to_owned(),
        done,
        failed: 0,
        output_tokens: done * 64,
        ttft: dist(seed, done, ttft, 0.3),
        tpot: dist(seed + 10, done, 14.0, 0.2),
    };
    Snapshot {
        routes: vec![route("base", 21, 382, 180.0), route("eye-lora", 22, 380, 196.0), route("ent-lora", 23, 120, 204.0)],
        ..running()
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
    if seconds >= 40 {
        facts.push(Fact::Event(Event { at_us: 21_500_000, what: Mark::Users { from: 3, to: 4 } }));
        facts.push(Fact::Event(Event { at_us: 36_100_000, what: Mark::Note { text: "another job began".to_owned() } }));
    }
    for second in (0..seconds).filter(|&second| second != 9) {
        let ramp = f64::from(second.min(5)) / 5.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundreds of tokens")]
        let output_tokens = (ramp * (1_150.0 + 120.0 * rng.random::<f64>() - if second % 17 == 16 { 500.0 } else { 0.0 })) as u64;
        #[expect(clippy::cast_possible_truncation, reason = "below 5")]
        let in_flight_mean = (ramp * (3.9 + 0.1 * rng.random::<f64>())) as f32;
        let spread = |median_ms: f64, n: u32| -> Vec<(u16, u32)> {
            let slow = if second % 17 == 16 { 2.0 } else { 1.0 };
            let bins = (0..24_u32).map(|i| {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "latencies of some ms")]
                let us = (median_ms * slow * 1_000.0 * 2_f64.powf((f64::from(i) - 12.0) / 8.0)) as u64;
                (bin_of(us), n / (1 + i.abs_diff(12) * i.abs_diff(12)))
            });
            bins.filter(|&(_, count)| count > 0).collect::<BTreeMap<_, _>>().into_iter().collect()
        };
        if second > 3 {
            facts.push(Fact::Heat { second, ttft: spread(182.0, 19), itl: spread(13.6, 400) });
        }
        if second > 0 {
            facts.push(Fact::Server(server(u64::from(second) * 1_000_000)));
        }
        facts.push(Fact::Second(Second { second, output_tokens, done: output_tokens / 64, failed: 0, in_flight_mean, warmup: second < 3 }));
    }
    facts
}
