//! The figures of a run: latencies as a small table, and beside it what the whole run did.

use super::P99_SAMPLES;
use crate::{
    base::Lang,
    bench::{live::Cache, summary::Summary},
    console::tabs::load::{
        pen::Pen,
        words::{latency, percent},
    },
    text,
};
use dcudeck_widgets::figure;
use ratatui::layout::Rect;

/// First column of what stands beside the latencies.
const BESIDE_X: u16 = 52;

/// Latencies as a small table, and beside it what the whole run did.
pub(super) fn summary_figures(summary: &Summary, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let lang = look.lang;
    let metrics = summary.metrics();
    let heads = [
        text!("P50", "P50"),
        text!("P90", "P90"),
        text!("P95", "P95"),
        text!("P99", "P99"),
        text!("± P99", "± P99"),
        text!("mean", "均值"),
    ];
    let keys = ["median", "p90", "p95", "p99", "", "mean"];
    pen.left(area, 1, 0, 6, "ms", ink.unsure);
    for (x, head) in (0..).map(|at| 6 + at * 7).zip(heads) {
        pen.right(area, x, 0, 7, head.get(lang), ink.unsure);
    }
    for (y, (label, metric)) in (1..).zip([("TTFT", "ttft"), ("TPOT", "tpot"), ("ITL", "itl"), ("E2EL", "e2el")]) {
        pen.left(area, 1, y, 6, label, ink.plain);
        let few = summary.samples.get(metric).is_some_and(|&n| n < P99_SAMPLES);
        for (x, which) in (0..).map(|at| 6 + at * 7).zip(keys) {
            let key = if which.is_empty() { format!("p99_{metric}_ms") } else { format!("{which}_{metric}_ms") };
            let value =
                if which.is_empty() { summary.ci95.get(&key).map(|[low, high]| (high - low) / 2.0) } else { metrics.get(&key).copied() };
            let unsure = value.is_none() || (few && (which == "p99" || which.is_empty()));
            let sign = if which == "p99" && few && value.is_some() { "~" } else { "" };
            let style = match (unsure, which) {
                (true, _) => ink.unsure,
                (false, "median" | "p99") => ink.strong,
                _ => ink.plain,
            };
            pen.right(area, x, y, 7, &format!("{sign}{}", latency(value)), style);
        }
    }
    let rate = |v: Option<f64>| v.map_or_else(|| "n/a".to_owned(), figure::compact);
    let plain = |v: Option<f64>| (rate(v), if v.is_some() { ink.strong } else { ink.unsure });
    let failed = if summary.failed > 0 {
        (format!("!{} ({} %)", figure::count(summary.failed), percent(summary.error_rate_pct)), ink.act)
    } else {
        ("0".to_owned(), ink.strong)
    };
    let goodput = match summary.slo_met {
        Some(false) => (format!("!{}", rate(summary.goodput)), ink.act),
        Some(true) => (rate(summary.goodput), ink.good),
        None => (text!("no goals", "未设目标").get(lang).to_owned(), ink.unsure),
    };
    let client = if summary.client_limited {
        (text!("~ limited", "~ 受限").get(lang).to_owned(), ink.look)
    } else {
        (text!("ok", "正常").get(lang).to_owned(), ink.good)
    };
    let rows = [
        (text!("out tok/s", "输出 tok/s"), plain(summary.output_throughput)),
        (text!("req/s", "请求/s"), plain(summary.request_throughput)),
        (text!("goodput", "达标/s"), goodput),
        (text!("done", "完成"), (figure::count(summary.completed), ink.strong)),
        (text!("failed", "失败"), failed),
    ];
    for (y, (label, (what, style))) in (0..).zip(rows) {
        let x = pen.left(area, BESIDE_X, y, 11, label.get(lang), ink.plain);
        pen.right(area, x, y, 14, &what, style);
    }
    // Wide screens have room for the rest.
    let x = BESIDE_X + 11 + 14 + 4;
    let server = summary.server.as_ref();
    let more = [
        (text!("client", "客户端"), client),
        (text!("send lag P99", "发送滞后 P99"), (latency(summary.send_lag_p99_ms), ink.plain)),
        (text!("duration s", "时长 s"), (figure::compact(summary.duration), ink.plain)),
        (text!("cache", "缓存"), (cache(summary.cache, lang).to_owned(), ink.plain)),
        (text!("server TTFT", "服务端 TTFT"), (latency(server.and_then(|server| server.mean_ttft_ms)), ink.plain)),
    ];
    if area.width >= x + 24 {
        for (y, (label, (what, style))) in (0..).zip(more) {
            let x = pen.left(area, x, y, 14, label.get(lang), ink.plain);
            pen.right(area, x, y, 10, &what, style);
        }
    }
}

pub(super) fn cache(cache: Cache, lang: Lang) -> &'static str {
    match cache {
        Cache::Cold => text!("cold", "冷").get(lang),
        Cache::Warm => text!("warm", "热").get(lang),
        Cache::Mixed => text!("mixed", "混合").get(lang),
        Cache::Unknown => "n/a",
    }
}
