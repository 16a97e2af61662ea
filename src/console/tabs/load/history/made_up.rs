//! Made-up results for tests: the same on every machine, shaped like real ones.

use crate::{
    bench::{
        compare::{Compared as Figure, Comparison, Verdict},
        history::{Entry, Kind},
        live::{Cache, Cell, CellState, Event, Mark, Series, SeriesKind, ServerSample},
        results::StoppedBy,
        spec::{Load, SaveTokens},
        summary::{RouteSummary, Summary},
    },
    console::{
        results::{
            Against, Arrived, Autopsy, Compared, Listed, Opened, Requests, Side,
            requests::{Request, Wish, arrange},
        },
        tabs::load::made_up::spec,
    },
};
use std::{collections::BTreeMap, path::PathBuf};

fn metrics(scale: f64) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    for (metric, median) in [("ttft", 182.0), ("tpot", 14.1), ("itl", 13.6), ("e2el", 1_080.0)] {
        for (which, of) in [("mean", 1.06), ("median", 1.0), ("p90", 1.87), ("p95", 2.2), ("p99", 2.81)] {
            metrics.insert(format!("{which}_{metric}_ms"), median * of * scale);
        }
    }
    for (key, value) in [
        ("output_throughput", 4_218.0 / scale),
        ("total_token_throughput", 12_654.0 / scale),
        ("request_throughput", 65.9 / scale),
        ("goodput", 63.6 / scale),
        ("goodput_pct", 96.5),
        ("completed", 1_197.0),
        ("failed", 3.0),
        ("error_rate_pct", 0.25),
    ] {
        metrics.insert(key.to_owned(), value);
    }
    metrics
}

pub(in crate::console) fn listed(number: u32) -> Listed {
    let kind = match number {
        2 => Kind::Matrix,
        5 => Kind::Search,
        _ => Kind::Run,
    };
    let model = ["eye-tiny", "r1-32b", "qwen2.5-72b-instruct-awq", "眼科-7b"][(number % 4) as usize];
    let state = ["finished", "stopped", "finished", "failed", "killed", "finished", "imported", "running"][(number % 8) as usize];
    let day = 24 - number / 6;
    let id = format!("{}-202611{day:02}T0{}1205Z-a2b{number}", crate::base::ids::slug(model), number % 10);
    let mut spec = spec();
    spec.load = match number % 5 {
        3 => Load::Poisson(8.5),
        n => Load::Concurrency(1 << (2 * n)),
    };
    if kind == Kind::Matrix {
        let lists = serde_json::json!({ "input_len": [128, 2048], "output_len": [512], "concurrency": [1, 4, 16, 64, 128, 256] });
        spec.matrix = serde_json::from_value(lists).ok();
    }
    Listed {
        when: format!("2026-11-{day:02} 0{}:12:05", number % 10),
        base: (number == 0).then(|| listed(1).entry.result_dir),
        entry: Entry {
            result_dir: PathBuf::from("/data/dcudeck/results").join(&id),
            id,
            kind,
            model: model.to_owned(),
            started_at: Some(format!("2026-11-{day:02}T0{}:12:05.000Z", 9 - number % 10)),
            state: state.to_owned(),
            metrics: if state == "running" { BTreeMap::new() } else { metrics(1.0 + f64::from(number) * 0.07) },
            client_limited: number == 4,
            slo_met: match number % 3 {
                0 => Some(true),
                1 => Some(false),
                _ => None,
            },
            spec: (state != "imported").then_some(spec),
            cells: (kind != Kind::Run).then_some((7, 24)),
            source: if state == "imported" { "guidellm" } else { "dcudeck" }.to_owned(),
        },
    }
}

pub(in crate::console) fn list(n: u32) -> Vec<Listed> {
    (0..n).map(listed).collect()
}

fn figure(name: &str, a: f64, change: f64, half: f64, verdict: Verdict) -> Figure {
    Figure {
        name: name.to_owned(),
        a: Some(a),
        b: Some(a * (1.0 + change / 100.0)),
        change_pct: Some(change),
        ci_low_pct: Some(change - half),
        ci_high_pct: Some(change + half),
        verdict,
    }
}

pub(in crate::console) fn comparison() -> Comparison {
    let mut metrics = vec![
        figure("completed", 1_197.0, 0.0, 0.0, Verdict::Same),
        figure("error_rate_pct", 0.25, 12.0, 80.0, Verdict::Unclear),
        figure("goodput", 63.6, -2.1, 3.0, Verdict::Same),
        figure("median_tpot_ms", 14.1, 0.4, 0.9, Verdict::Same),
        figure("median_ttft_ms", 182.0, -8.4, 2.1, Verdict::Better),
        figure("output_throughput", 4_218.0, 3.1, 1.2, Verdict::Better),
        figure("p99_e2el_ms", 3_034.0, 2.2, 4.0, Verdict::Unclear),
        figure("p99_itl_ms", 38.2, 1.0, 1.8, Verdict::Same),
        figure("p99_tpot_ms", 39.6, 1.4, 2.0, Verdict::Same),
        figure("p99_ttft_ms", 511.0, 10.2, 6.1, Verdict::Worse),
        figure("request_throughput", 65.9, 3.0, 1.2, Verdict::Better),
    ];
    metrics.push(Figure { ci_low_pct: None, ci_high_pct: None, ..figure("duration", 64.2, -0.6, 0.0, Verdict::Unclear) });
    Comparison {
        schema: "dcudeck.bench.compare/1".to_owned(),
        metrics,
        differences: vec!["prefix cache: cold in A, warm in B".to_owned()],
        ok: true,
        ..Comparison::default()
    }
}

pub(in crate::console) fn against() -> Against {
    Against { base: listed(1), comparison: comparison() }
}

pub(in crate::console) fn requests(n: u64) -> Vec<Request> {
    (0..n)
        .map(|i| {
            let planned_us = i * 52_000;
            let ttft = 120_000 + (i * 7_919) % 380_000;
            let sent = planned_us + (i * 31) % 900;
            let tokens = 40 + i % 25;
            let tpot = 12_000 + (i * 104_729) % 9_000;
            let failed = i % 97 == 13;
            Request {
                i,
                planned_us,
                sent_us: Some(sent),
                first_us: (!failed).then_some(sent + ttft),
                last_us: (!failed).then_some(sent + ttft + tpot * (tokens - 1)),
                end_us: sent + ttft + tpot * tokens,
                ttft_us: (!failed).then_some(ttft),
                tpot_us: (!failed).then_some(tpot as f64),
                e2el_us: (!failed).then_some(ttft + tpot * (tokens - 1)),
                longest_gap_us: (!failed).then_some(tpot * 3),
                output_tokens: if failed { 0 } else { tokens },
                error: failed.then(|| Box::new(("timeout_first_token".to_owned(), "no token within 600 s".to_owned()))),
                ..Request::default()
            }
        })
        .collect()
}

pub(in crate::console) fn told_requests(opened: &Opened, wish: Wish) -> Requests {
    let rows = requests(1_200);
    let order = arrange(&rows, &wish).into();
    Requests { dir: opened.dir.clone(), wish, rows: rows.into(), order, read_pct: None }
}

pub(in crate::console) fn summary() -> Summary {
    let mut document = serde_json::json!({
        "schema": "dcudeck.bench.run/1", "definitions": "dcudeck/1", "started_at": "2026-11-24T00:12:05.000Z",
        "result_dir": "/data/dcudeck/results/eye-tiny-20261124T001205Z-a2b0", "model_id": "eye-tiny", "stopped_by": StoppedBy::Requests,
        "num_prompts": 1200, "incomplete": 0, "errors_by_class": {"timeout_first_token": 3}, "error_examples": {},
        "warmup": 8, "duration": 64.18, "total_output_tokens": 76_608, "slo": {"ttft_ms": 500.0}, "slo_met": false,
        "itl_samples": 75_411, "late_sends": 0, "coalesced_chunks": 12, "resent": 0, "client_limited": false, "limited_by": [],
        "ci95": {"p99_ttft_ms": [480.2, 551.9], "p99_tpot_ms": [38.1, 41.0]}, "samples": {"ttft": 1197, "tpot": 1197, "itl": 1197, "e2el": 120},
        "routes": [], "cache": "cold", "client": "own", "stamps": "kernel", "usage": "continuous", "send_lag_p99_ms": 0.21,
        "server": {"mean_ttft_ms": 171.0}, "profile": spec(),
    });
    for (key, value) in metrics(1.0) {
        let count = match key.as_str() {
            "completed" => Some(1_197),
            "failed" => Some(3),
            _ => None,
        };
        document[key] = count.map_or_else(|| serde_json::json!(value), |count: u64| serde_json::json!(count));
    }
    serde_json::from_value(document).expect("a summary")
}

pub(in crate::console) fn opened() -> Opened {
    let listed = listed(0);
    Opened { dir: listed.entry.result_dir.clone(), listed: Some(listed), summary: Some(Box::new(summary())), series: None }
}

/// A run of two adapters that measured its client.
pub(in crate::console) fn opened_routes() -> Opened {
    let mut opened = opened();
    if let Some(summary) = &mut opened.summary {
        let route = |name: &str, scale: f64, failed| RouteSummary {
            name: name.to_owned(),
            model: name.to_owned(),
            completed: 598,
            failed,
            metrics: metrics(scale),
        };
        summary.routes = vec![route("base", 1.0, 0), route("adapter-ophthalmology-long-name", 1.13, 3)];
        summary.client_limited = true;
        summary.limited_by = vec!["the P99 of the send lag was 14.2 ms, more than 10 ms".to_owned()];
        summary.send_lag_p99_ms = Some(14.2);
    }
    opened
}

pub(in crate::console) fn opened_series() -> Opened {
    let listed = listed(2);
    let cells = [1_u32, 4, 16, 64, 128, 256]
        .into_iter()
        .flat_map(|users| [128_u32, 2_048].map(|input| (input, users)))
        .enumerate()
        .map(|(at, (input, users))| Cell {
            key: format!("i{input}-o512-c{users}-1"),
            input_len: Some(input),
            output_len: 512,
            concurrency: Some(users),
            rate: None,
            repeat: 1,
            state: match at {
                0..=6 => CellState::Done,
                7 => CellState::Failed,
                8 => CellState::Running,
                9 => CellState::Skipped,
                _ => CellState::Waiting,
            },
            cache: Cache::Cold,
            client_limited: Some(at == 5),
            slo_met: Some(at < 5),
            failure: (at == 7).then(|| "error share 43.7 % is above the limit of 5 %".to_owned()),
            metrics: if at < 7 { metrics(1.0 + f64::from(users) / 40.0) } else { BTreeMap::new() },
        })
        .collect();
    let series = Series {
        kind: SeriesKind::Matrix,
        dir: listed.entry.result_dir.clone(),
        current: Some("i128-o512-c128-1".to_owned()),
        waiting_for: String::new(),
        cells,
        best: Some("i128-o512-c16-1".to_owned()),
        knee: Some("i2048-o512-c16-1".to_owned()),
        over: false,
    };
    Opened { dir: listed.entry.result_dir.clone(), listed: Some(listed), summary: None, series: Some(Box::new(series)) }
}

/// A request whose stream stood still twice while the server preempted others.
pub(in crate::console) fn autopsy(kept: bool) -> Autopsy {
    let sent_us = 61_204_180;
    let mut at_us = sent_us;
    let arrivals: Vec<Arrived> = (0..96_u64)
        .map(|token| {
            let gap_us = match token {
                0 => 512_000,
                41 => 640_000,
                77 => 210_000,
                _ => 12_000 + (token * 7_919) % 6_000,
            };
            at_us += gap_us;
            Arrived { at_us, gap_us, tokens: 1 }
        })
        .collect();
    let request = Request {
        i: 1_107,
        planned_us: 61_204_000,
        sent_us: Some(sent_us),
        first_us: Some(sent_us + 512_000),
        last_us: Some(at_us),
        end_us: at_us + 900,
        ttft_us: Some(512_000),
        tpot_us: Some((at_us - sent_us - 512_000) as f64 / 95.0),
        e2el_us: Some(at_us - sent_us),
        longest_gap_us: Some(640_000),
        output_tokens: 96,
        ..Request::default()
    };
    let server = (0..4_u32)
        .map(|k| ServerSample {
            at_us: 60_900_000 + u64::from(k) * 1_000_000,
            running: Some(61.0 - f64::from(k) * 4.0),
            waiting: Some(f64::from(k) * 3.0),
            kv_pct: Some(71.0 + f64::from(k) * 9.0),
            preemptions: Some(f64::from(k % 2) * 2.0),
            ..ServerSample::default()
        })
        .collect();
    let event = |at_us, what| Event { at_us, what };
    Autopsy {
        dir: opened().dir,
        request,
        arrivals: kept.then_some(arrivals),
        save_tokens: Some(SaveTokens::Sample),
        server,
        of_server: None,
        events: vec![
            event(61_900_000, Mark::Users { from: 48, to: 64 }),
            event(62_480_000, Mark::Note { text: "other job started".to_owned() }),
        ],
        id: "eye-tiny-20261124T001205Z-a2b0-1107".to_owned(),
        p99_ms: BTreeMap::from([
            ("p99_ttft_ms".to_owned(), 511.0),
            ("p99_tpot_ms".to_owned(), 39.6),
            ("p99_e2el_ms".to_owned(), 3_034.0),
            ("p99_longest_gap_ms".to_owned(), 88.0),
        ]),
    }
}

pub(in crate::console) fn failed_autopsy() -> Autopsy {
    let mut autopsy = autopsy(false);
    let request = &mut autopsy.request;
    (request.first_us, request.last_us, request.ttft_us, request.tpot_us, request.e2el_us) = (None, None, None, None, None);
    (request.longest_gap_us, request.output_tokens) = (None, 0);
    request.error = Some(Box::new(("http_status".to_owned(), "HTTP 503: {\"message\":\"engine is draining\"}".to_owned())));
    autopsy.server.clear();
    autopsy.events.clear();
    autopsy
}

pub(in crate::console) fn compared(sides: u32, series: bool) -> Compared {
    let side = |number: u32| {
        let listed = listed(number);
        let scale = 1.0 + f64::from(number) * 0.25;
        let of = |metric: &str| {
            let base = metrics(scale);
            let point = |(share, word): (f64, &str)| Some((share, *base.get(&format!("{word}_{metric}_ms"))?));
            [(0.5, "median"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99")].into_iter().filter_map(point).collect::<Vec<_>>()
        };
        let steps = if series {
            [1.0, 2.0, 4.0, 8.0, 16.0]
                .map(|load: f64| {
                    let mut step = metrics(scale);
                    step.insert("output_throughput".to_owned(), 6_000.0 * load / (load + 4.0) / scale);
                    step.insert("p99_ttft_ms".to_owned(), 100.0 * scale * (1.0 + load * load / 12.0));
                    step
                })
                .to_vec()
        } else {
            vec![metrics(scale)]
        };
        Side { curves: ["ttft", "tpot", "itl", "e2el"].map(|metric| (metric.to_owned(), of(metric))).into_iter().collect(), listed, steps }
    };
    Compared { sides: (0..sides).map(side).collect(), comparisons: (1..sides).map(|_| comparison()).collect() }
}
