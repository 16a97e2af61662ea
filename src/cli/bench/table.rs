//! Results as tables for people.

use crate::{
    base::{Lang, clean},
    bench::{
        stats::{MIN_FOR_P99, p99_means},
        summary::Summary,
    },
    cli::columns::{left, right, word},
};

/// A figure, right-aligned; `n/a` when there is none.
pub(super) fn figure(value: Option<f64>, width: usize) -> String {
    value.map_or_else(|| format!("{:>width$}", "n/a"), |value| format!("{value:>width$.2}"))
}

/// The result of a run.
pub(super) fn run(s: &Summary, lang: Lang) -> String {
    let word = |en, zh| word(lang, en, zh);
    let mut out = format!(
        "{} {}  {} {}  {} {}  {} {:.2} s\n",
        word("model", "模型"),
        clean(&s.model_id),
        word("completed", "完成"),
        s.completed,
        word("failed", "失败"),
        s.failed,
        word("duration", "时长"),
        s.duration
    );
    for (en, zh, value) in [
        ("requests/s", "请求/秒", s.request_throughput),
        ("output tokens/s", "输出 token/秒", s.output_throughput),
        ("total tokens/s", "总 token/秒", s.total_token_throughput),
        ("goodput requests/s", "达标请求/秒", s.goodput),
    ] {
        out.push_str(&format!("{} {}\n", figure(value, 10), word(en, zh)));
    }
    if let (Some(asked), Some(counted)) = (s.asked_input_tokens, s.total_input_tokens)
        && asked != counted
    {
        out.push_str(&match lang {
            Lang::En => format!("prompt tokens: {asked} asked for, {counted} by the server's count, which all figures use\n"),
            Lang::Zh => format!("输入 token：要求 {asked}，服务端计数 {counted}（各项指标以此为准）\n"),
        });
    }
    latencies(s, lang, &mut out);
    if let Some(steady) = &s.steady {
        out.push_str(&format!(
            "{} {:.2}–{:.2} s: {} {}, {} {}, TTFT P50 {} P99 {} ms, TPOT P50 {} P99 {} ms\n",
            word("steady", "稳态"),
            steady.from_s,
            steady.until_s,
            figure(steady.request_throughput, 0),
            word("requests/s", "请求/秒"),
            figure(steady.output_throughput, 0),
            word("tokens/s", "token/秒"),
            figure(steady.median_ttft_ms, 0),
            figure(steady.p99_ttft_ms, 0),
            figure(steady.median_tpot_ms, 0),
            figure(steady.p99_tpot_ms, 0),
        ));
    }
    routes(s, lang, &mut out);
    server(s, lang, &mut out);
    for (class, count) in &s.errors_by_class {
        let example = s.error_examples.get(class).map(String::as_str).unwrap_or_default();
        out.push_str(&format!("! {class} × {count}: {}\n", clean(example)));
    }
    for k in &s.lost_workers {
        out.push_str(&match lang {
            Lang::En => format!("! worker {k} broke off: only its finished requests are counted\n"),
            Lang::Zh => format!("! 进程 {k} 中断：仅计入其已完成的请求\n"),
        });
    }
    if s.slo_met == Some(false) {
        let share = figure(s.goodput_pct, 0);
        out.push_str(&match lang {
            Lang::En => format!("! the goals were missed: {share} % of requests met all of them\n"),
            Lang::Zh => format!("! 未达目标：{share} % 的请求满足全部目标\n"),
        });
    }
    if s.client_limited {
        out.push_str(word("! client-limited: the load client was the bottleneck\n", "! 客户端受限：瓶颈在压测客户端\n"));
        for reason in &s.limited_by {
            out.push_str(&format!("  {}\n", clean(reason)));
        }
    }
    out.push_str(&format!("{} {}", word("result", "结果"), s.result_dir));
    out
}

/// Mean, median and percentiles with their samples, and the 95 % intervals below them.
fn latencies(s: &Summary, lang: Lang, out: &mut String) {
    const WIDTH: usize = 15;
    let head = ["mean", "median", "p90", "p99"].map(|name| format!("{name:>WIDTH$}")).join(" ");
    out.push_str(&format!("{:>6} {head} {:>8}\n", "ms", "n"));
    let mut few = false;
    for (name, row) in [
        ("ttft", [s.mean_ttft_ms, s.median_ttft_ms, s.p90_ttft_ms, s.p99_ttft_ms]),
        ("tpot", [s.mean_tpot_ms, s.median_tpot_ms, s.p90_tpot_ms, s.p99_tpot_ms]),
        ("itl", [s.mean_itl_ms, s.median_itl_ms, s.p90_itl_ms, s.p99_itl_ms]),
        ("e2el", [s.mean_e2el_ms, s.median_e2el_ms, s.p90_e2el_ms, s.p99_e2el_ms]),
    ] {
        let n = s.samples.get(name).copied();
        few |= n.is_some_and(|n| n > 0 && !p99_means(n));
        let samples = n.map_or_else(|| "n/a".to_owned(), |n| n.to_string());
        out.push_str(&format!("{:>6} {} {samples:>8}\n", name.to_ascii_uppercase(), row.map(|value| figure(value, WIDTH)).join(" ")));
        let intervals = ["mean", "median", "p90", "p99"].map(|of| s.ci95.get(&format!("{of}_{name}_ms")));
        if intervals.iter().any(Option::is_some) {
            let cells = intervals.map(|ci| format!("{:>WIDTH$}", ci.map_or_else(String::new, |[low, high]| format!("{low:.2}…{high:.2}"))));
            out.push_str(&format!("{:>6} {}\n", "95 %", cells.join(" ").trim_end()));
        }
    }
    if few {
        out.push_str(&match lang {
            Lang::En => format!("       with fewer than {MIN_FOR_P99} samples a P99 is little more than the maximum\n"),
            Lang::Zh => format!("       样本少于 {MIN_FOR_P99} 时，P99 与最大值相差无几\n"),
        });
    }
}

fn routes(s: &Summary, lang: Lang, out: &mut String) {
    if s.routes.is_empty() {
        return;
    }
    let word = |en, zh| word(lang, en, zh);
    out.push_str(&format!(
        "{} {} {} {:>10} {:>12} {:>12} {:>12}\n",
        left(word("route", "路由"), 20),
        right(word("done", "完成"), 9),
        right(word("failed", "失败"), 7),
        "tok/s",
        "TTFT P50",
        "TTFT P99",
        "TPOT P50"
    ));
    for route in &s.routes {
        let metric = |key: &str, width| figure(route.metrics.get(key).copied(), width);
        out.push_str(&format!(
            "{} {:>9} {:>7} {} {} {} {}\n",
            left(&clean(&route.name), 20),
            route.completed,
            route.failed,
            metric("output_throughput", 10),
            metric("median_ttft_ms", 12),
            metric("p99_ttft_ms", 12),
            metric("median_tpot_ms", 12)
        ));
    }
}

fn server(s: &Summary, lang: Lang, out: &mut String) {
    let Some(server) = &s.server else { return };
    let word = |en, zh| word(lang, en, zh);
    let rows = [
        ("TTFT", server.mean_ttft_ms),
        (word("queue", "排队"), server.mean_queue_ms),
        (word("prefill", "预填充"), server.mean_prefill_ms),
        (word("decode", "解码"), server.mean_decode_ms),
    ];
    let known: Vec<String> = rows.iter().filter_map(|(name, value)| Some(format!("{name} {:.2} ms", (*value)?))).collect();
    let more = [
        (word("running", "运行"), server.running_mean, ""),
        (word("most waiting", "最多等待"), server.waiting_max, ""),
        (word("most KV", "KV 最高"), server.kv_pct_max, " %"),
        (word("preemptions", "抢占"), server.preemptions, ""),
        (word("cache hits", "缓存命中"), server.cache_hit_pct, " %"),
    ];
    let more = more.iter().filter_map(|(name, value, unit)| Some(format!("{name} {:.1}{unit}", (*value)?)));
    let all: Vec<String> = known.into_iter().chain(more).collect();
    if !all.is_empty() {
        out.push_str(&format!("{}: {}\n", word("server", "服务端"), all.join("  ")));
    }
}
