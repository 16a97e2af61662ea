//! The report of one load test.

use super::{
    charts,
    document::{Block, Table, Tone},
    figures::{self, LATENCIES, Latency, number, or_na, percent},
    gather::Gathered,
};
use crate::{
    base::{Lang, Said},
    bench::{
        compare::{Comparison, Verdict, load, prompts},
        record::Class,
        results::StoppedBy,
        spec::Slo,
        stats::{MIN_FOR_P99, p99_means},
        summary::{GOOD_ENOUGH_PCT, Summary},
    },
    said,
};
use serde_json::Value;

/// Everything the report of a run is made of.
pub(super) struct Run {
    pub(super) summary: Summary,
    pub(super) gathered: Gathered,
    /// What vLLM 0.8.5's benchmark would have printed.
    pub(super) vllm: Option<Value>,
    /// Against the last comparable result, and what that one measured.
    pub(super) before: Option<(Comparison, Gathered)>,
    pub(super) complete: bool,
}

pub(super) fn title(run: &Run, lang: Lang) -> String {
    let Summary { model_id, profile, started_at, .. } = &run.summary;
    let name = &profile.name;
    said!("{name}: {model_id}, {started_at}", "{name}：{model_id}，{started_at}").get(lang).to_owned()
}

pub(super) fn blocks(run: &Run, lang: Lang) -> Vec<Block> {
    let t = |said: Said| said.get(lang).to_owned();
    let s = &run.summary;
    let mut out = vec![Block::Heading(1, title(run, lang))];
    verdict(run, &mut out, &t);
    let (load, asked, length, url) = (load(&s.profile), prompts(&s.profile.prompts), s.profile.output_len, &s.profile.target.url);
    out.push(Block::Paragraph(t(said!(
        "{load}; prompts: {asked}; answers: {length} tokens; {url}",
        "负载 {load}；提示 {asked}；输出 {length} token；{url}"
    ))));
    out.push(Block::Heading(2, t(said!("Figures", "指标"))));
    out.push(Block::Table(throughput(s, &t)));
    out.push(Block::Table(latencies(s, &t)));
    out.push(Block::Paragraph(t(said!(
        "Milliseconds; [low … high] is the 95 % confidence interval; ~ marks a P99 of fewer than {MIN_FOR_P99} requests: near the \
         greatest one, no steady figure. Formulas are at the end.",
        "单位毫秒；[低 … 高] 为 95 % 置信区间；~ 表示 P99 的请求数少于 {MIN_FOR_P99}，接近最大值，不稳定。公式见文末。"
    ))));
    out.extend(charts::of_run(run, lang));
    regression(run, &mut out, &t);
    errors(s, &mut out, &t);
    steady(s, &mut out, &t);
    routes(s, &mut out, &t);
    server(s, &mut out, &t);
    client(s, &mut out, &t);
    if let Some(vllm) = &run.vllm {
        theirs(s, vllm, &mut out, &t);
    }
    out.push(Block::Heading(2, t(said!("As asked", "配置"))));
    out.push(Block::Code(serde_json::to_string_pretty(&s.profile).unwrap_or_default()));
    definitions(&mut out, &t, lang);
    out
}

type Words<'a> = &'a dyn Fn(Said) -> String;

fn verdict(run: &Run, out: &mut Vec<Block>, t: Words<'_>) {
    let s = &run.summary;
    let (completed, failed) = (s.completed, s.failed);
    if s.client_limited {
        let why = s.limited_by.join(" ");
        out.push(Block::Verdict(
            Tone::Bad,
            t(said!(
                "CLIENT-LIMITED: these figures are about the load client, not the server. {why}",
                "客户端受限：以下指标反映压测客户端，而非服务端。{why}"
            )),
        ));
    }
    let share = or_na(s.goodput_pct);
    let goals = goals(&s.slo);
    out.push(match s.slo_met {
        _ if completed == 0 => {
            Block::Verdict(Tone::Bad, t(said!("No request succeeded; {failed} failed.", "没有请求成功；失败 {failed} 个。")))
        }
        Some(true) => {
            Block::Verdict(Tone::Good, t(said!("Goals met ({goals}) by {share} % of requests.", "达标（{goals}）：{share} % 的请求。")))
        }
        Some(false) => Block::Verdict(
            Tone::Bad,
            t(said!(
                "Goals missed ({goals}): met by {share} % of requests, {GOOD_ENOUGH_PCT} % are needed.",
                "未达标（{goals}）：{share} % 的请求达标，需要 {GOOD_ENOUGH_PCT} %。"
            )),
        ),
        None => Block::Verdict(
            Tone::Plain,
            t(said!(
                "{completed} requests succeeded, {failed} failed; no goals were set.",
                "成功 {completed} 个请求，失败 {failed} 个；未设目标。"
            )),
        ),
    });
    let cut = match s.stopped_by {
        StoppedBy::Requests | StoppedBy::Duration => None,
        StoppedBy::Stop | StoppedBy::Signal => Some(said!("Stopped before its end.", "被提前停止。")),
        StoppedBy::Drain => Some(said!("Ended by hand: what was under way was awaited.", "手动收尾：已等待在途请求完成。")),
        StoppedBy::ErrorRate => Some(said!("Ended by its failures.", "因失败过多而结束。")),
        StoppedBy::Killed => Some(said!("Killed: this is what it had measured until then.", "被强行终止：以下为终止前的测量。")),
    };
    let cut = cut.or_else(|| (!run.complete).then(|| said!("The end was not written.", "结尾未写入。")));
    if let Some(cut) = cut {
        out.push(Block::Verdict(Tone::Look, t(cut)));
    }
}

fn goals(slo: &Slo) -> String {
    let goals = [("TTFT", slo.ttft_ms), ("TPOT", slo.tpot_ms), ("ITL", slo.itl_ms), ("E2EL", slo.e2el_ms)];
    let set = goals.iter().filter_map(|(name, goal)| Some(format!("{name} ≤ {} ms", number((*goal)?))));
    set.collect::<Vec<_>>().join(", ")
}

fn throughput(s: &Summary, t: Words<'_>) -> Table {
    let row = |name: Said, value: String, unit: &str| vec![t(name), value, unit.to_owned()];
    let mut rows = vec![
        row(said!("output tokens", "输出吞吐"), or_na(s.output_throughput), "tok/s"),
        row(said!("prompt and output tokens", "总 token 吞吐"), or_na(s.total_token_throughput), "tok/s"),
        row(said!("requests", "请求吞吐"), or_na(s.request_throughput), "req/s"),
    ];
    if s.goodput.is_some() {
        rows.push(row(said!("goodput", "达标吞吐"), or_na(s.goodput), "req/s"));
        rows.push(row(said!("requests that met every goal", "达标请求占比"), or_na(s.goodput_pct), "%"));
    }
    rows.push(row(said!("succeeded", "成功"), number(s.completed as f64), ""));
    rows.push(row(said!("failed", "失败"), number(s.failed as f64), ""));
    if s.incomplete > 0 {
        rows.push(row(said!("given up at the end", "结束时放弃"), number(s.incomplete as f64), ""));
    }
    if let Some(asked) = s.asked_input_tokens.filter(|asked| s.total_input_tokens != Some(*asked)) {
        rows.push(row(said!("prompt tokens, as asked for", "输入 token（要求）"), number(asked as f64), ""));
        rows.push(row(said!("prompt tokens, as the server counts", "输入 token（服务端计数）"), or_na(s.total_input_tokens.map(|n| n as f64)), ""));
    }
    rows.push(row(said!("mean in flight", "平均在途请求"), or_na(s.in_flight_mean), ""));
    rows.push(row(said!("measured", "测量时长"), number(s.duration), "s"));
    Table { head: vec![t(said!("figure", "指标")), t(said!("value", "值")), t(said!("unit", "单位"))], rows, text_columns: vec![2] }
}

fn latencies(s: &Summary, t: Words<'_>) -> Table {
    let metrics = s.metrics();
    let of = |statistic: &str, latency: &Latency| metrics.get(&format!("{statistic}_{}_ms", latency.key)).copied();
    let interval = |key: &str| s.ci95.get(key).map_or_else(String::new, |[low, high]| format!(" [{} … {}]", number(*low), number(*high)));
    let samples = |latency: &Latency| {
        s.samples.get(latency.key).copied().unwrap_or(if latency.key == "tpot" || latency.key == "itl" { 0 } else { s.completed })
    };
    let rows = LATENCIES.iter().filter(|l| of("p99", l).or_else(|| of("mean", l)).is_some()).map(|latency| {
        let n = samples(latency);
        let few = if n > 0 && !p99_means(n) { "~" } else { "" };
        let p99 = of("p99", latency)
            .map_or_else(|| "n/a".to_owned(), |v| format!("{few}{}{}", number(v), interval(&format!("p99_{}_ms", latency.key))));
        let median = format!("{}{}", or_na(of("median", latency)), interval(&format!("median_{}_ms", latency.key)));
        let cells = ["p90", "p95"].map(|statistic| or_na(of(statistic, latency)));
        let [p90, p95] = cells;
        let n = if n == 0 { "n/a".to_owned() } else { number(n as f64) };
        vec![latency.short.to_owned(), or_na(of("mean", latency)), median, p90, p95, p99, n]
    });
    let rows = rows.collect();
    let head = ["ms", "mean", "P50", "P90", "P95", "P99"].map(str::to_owned).into_iter().chain([t(said!("requests", "请求数"))]).collect();
    Table { head, rows, text_columns: vec![] }
}

fn regression(run: &Run, out: &mut Vec<Block>, t: Words<'_>) {
    let Some((comparison, _)) = &run.before else { return };
    let base = comparison.base.file_name().unwrap_or_default().to_string_lossy().into_owned();
    out.push(Block::Heading(2, t(said!("Against the last comparable result", "与上一个可比结果"))));
    out.push(Block::Paragraph(t(said!("The base is {base}.", "基准为 {base}。"))));
    out.extend(compared(comparison, t));
}

/// The table of a comparison and what makes it lame.
pub(super) fn compared(comparison: &Comparison, t: Words<'_>) -> Vec<Block> {
    let rows = comparison.metrics.iter().filter(|c| c.a.is_some() && c.b.is_some()).map(|c| {
        let bare = c.name.rsplit('/').next().unwrap_or(&c.name);
        let figure = figures::figure(bare);
        let unit = figure.as_ref().map_or("", |f| f.unit.word());
        let name = figure.map_or_else(|| c.name.clone(), |f| t(f.name));
        let name = c.name.rsplit_once('/').map_or(name.clone(), |(cell, _)| format!("{cell} {name}"));
        let interval =
            c.ci_low_pct.zip(c.ci_high_pct).map_or_else(|| "n/a".to_owned(), |(l, h)| format!("{} … {}", percent(l), percent(h)));
        let verdict = match c.verdict {
            Verdict::Better => said!("✔ better", "✔ 更好"),
            Verdict::Worse => said!("✖ worse", "✖ 更差"),
            Verdict::Same => said!("= same", "= 相同"),
            Verdict::Unclear => said!("? unclear", "? 不确定"),
        };
        let change = c.change_pct.map_or_else(|| "n/a".to_owned(), percent);
        vec![format!("{name} {unit}").trim_end().to_owned(), or_na(c.a), or_na(c.b), change, interval, t(verdict)]
    });
    let rows = rows.collect();
    let head = vec![
        t(said!("figure", "指标")),
        t(said!("base", "基准")),
        t(said!("this", "本次")),
        t(said!("change", "变化")),
        t(said!("95 % interval", "95 % 区间")),
        t(said!("verdict", "结论")),
    ];
    let mut out = vec![Block::Table(Table { head, rows, text_columns: vec![5] })];
    if !comparison.differences.is_empty() {
        out.push(Block::Paragraph(t(said!("Not quite comparable:", "不完全可比："))));
        out.push(Block::List(comparison.differences.clone()));
    }
    out
}

fn errors(s: &Summary, out: &mut Vec<Block>, t: Words<'_>) {
    if s.errors_by_class.is_empty() {
        return;
    }
    out.push(Block::Heading(2, t(said!("Failures", "失败"))));
    let rows = s
        .errors_by_class
        .iter()
        .map(|(class, n)| vec![class.clone(), number(*n as f64), s.error_examples.get(class).cloned().unwrap_or_default()]);
    let head = vec![t(said!("class", "类别")), t(said!("requests", "请求数")), t(said!("example", "示例"))];
    out.push(Block::Table(Table { head, rows: rows.collect(), text_columns: vec![2] }));
    debug_assert!(!s.errors_by_class.contains_key(Class::Stopped.word()), "given-up requests are counted apart");
}

fn steady(s: &Summary, out: &mut Vec<Block>, t: Words<'_>) {
    let Some(steady) = &s.steady else { return };
    out.push(Block::Heading(2, t(said!("Steady part and whole run", "稳态与全程"))));
    let (from, until) = (number(steady.from_s), number(steady.until_s));
    out.push(Block::Paragraph(t(said!(
        "Steady from {from} s to {until} s: ramp and drain are cut.",
        "稳态为 {from} s 到 {until} s：去掉了爬升与排空。"
    ))));
    let row = |name: &str, steady: Option<f64>, whole: Option<f64>| vec![name.to_owned(), or_na(steady), or_na(whole)];
    let rows = vec![
        row(&t(said!("output tokens tok/s", "输出吞吐 tok/s")), steady.output_throughput, s.output_throughput),
        row(&t(said!("requests req/s", "请求吞吐 req/s")), steady.request_throughput, s.request_throughput),
        row(&t(said!("mean in flight", "平均在途请求")), steady.in_flight_mean, s.in_flight_mean),
        row("TTFT P50 ms", steady.median_ttft_ms, s.median_ttft_ms),
        row("TTFT P99 ms", steady.p99_ttft_ms, s.p99_ttft_ms),
        row("TPOT P50 ms", steady.median_tpot_ms, s.median_tpot_ms),
        row("TPOT P99 ms", steady.p99_tpot_ms, s.p99_tpot_ms),
    ];
    let head = vec![t(said!("figure", "指标")), t(said!("steady", "稳态")), t(said!("whole", "全程"))];
    out.push(Block::Table(Table { head, rows, text_columns: vec![] }));
}

fn routes(s: &Summary, out: &mut Vec<Block>, t: Words<'_>) {
    if s.routes.is_empty() {
        return;
    }
    out.push(Block::Heading(2, t(said!("By route", "按路由"))));
    let keys = ["output_throughput", "median_ttft_ms", "p99_ttft_ms", "median_tpot_ms", "p99_tpot_ms", "goodput"];
    let rows = s.routes.iter().map(|route| {
        let figures = keys.iter().map(|key| or_na(route.metrics.get(*key).copied()));
        let fixed = [route.name.clone(), route.model.clone(), number(route.completed as f64), number(route.failed as f64)];
        fixed.into_iter().chain(figures).collect()
    });
    let rows = rows.collect();
    let named = keys.iter().map(|key| figures::figure(key).map_or_else(String::new, |f| format!("{} {}", t(f.name), f.unit.word())));
    let fixed = [said!("route", "路由"), said!("model", "模型"), said!("succeeded", "成功"), said!("failed", "失败")].map(t);
    out.push(Block::Table(Table { head: fixed.into_iter().chain(named).collect(), rows, text_columns: vec![1] }));
}

fn server(s: &Summary, out: &mut Vec<Block>, t: Words<'_>) {
    out.push(Block::Heading(2, t(said!("The server's own figures", "服务端指标"))));
    let Some(server) = &s.server else {
        out.push(Block::Paragraph(t(said!("n/a: no /metrics was read.", "n/a：未读到 /metrics。"))));
        return;
    };
    let row = |name: Said, value: Option<f64>| vec![t(name), or_na(value)];
    let rows = vec![
        row(said!("mean TTFT, client ms", "平均 TTFT，客户端 ms"), s.mean_ttft_ms),
        row(said!("mean TTFT, server ms", "平均 TTFT，服务端 ms"), server.mean_ttft_ms),
        row(said!("  beyond the server ms", "  服务端之外 ms"), server.ttft_beyond_server_ms),
        row(said!("  queue ms", "  排队 ms"), server.mean_queue_ms),
        row(said!("  prefill ms", "  预填充 ms"), server.mean_prefill_ms),
        row(said!("mean decode ms", "平均解码 ms"), server.mean_decode_ms),
        row(said!("mean running", "平均运行中"), server.running_mean),
        row(said!("most waiting", "最多等待"), server.waiting_max),
        row(said!("KV cache at most %", "KV 缓存峰值 %"), server.kv_pct_max),
        row(said!("preemptions", "抢占"), server.preemptions),
        row(said!("prefix cache hits %", "前缀缓存命中 %"), server.cache_hit_pct),
    ];
    out.push(Block::Table(Table { head: vec![t(said!("figure", "指标")), t(said!("value", "值"))], rows, text_columns: vec![] }));
}

fn client(s: &Summary, out: &mut Vec<Block>, t: Words<'_>) {
    out.push(Block::Heading(2, t(said!("Is this number real", "数字可信吗"))));
    let row = |name: Said, value: String| vec![t(name), value];
    let rows = vec![
        row(said!("send lag P99 ms (limit 10)", "发送滞后 P99 ms（上限 10）"), or_na(s.send_lag_p99_ms)),
        row(said!("client loop lag P99 ms", "客户端循环滞后 P99 ms"), or_na(s.loop_lag_p99_ms)),
        row(said!("busiest client thread % of a core (limit 90)", "最忙客户端线程占单核 %（上限 90）"), or_na(s.client_cpu_pct)),
        row(said!("requests sent more than 1 ms late", "迟发超过 1 ms 的请求"), number(s.late_sends as f64)),
        row(said!("wait in the client P99 ms", "客户端排队 P99 ms"), or_na(s.p99_client_queue_ms)),
        row(said!("events that shared a stamp", "共用时间戳的事件"), number(s.coalesced_chunks as f64)),
        row(said!("sent again on a fresh connection", "换新连接重发"), number(s.resent as f64)),
        row(
            said!("client / protocol / stamps", "客户端 / 协议 / 时间戳"),
            format!("{} / {} / {}", s.client, if s.protocol.is_empty() { "HTTP/1.1" } else { &s.protocol }, s.stamps),
        ),
    ];
    out.push(Block::Table(Table { head: vec![t(said!("figure", "指标")), t(said!("value", "值"))], rows, text_columns: vec![] }));
}

fn theirs(s: &Summary, vllm: &Value, out: &mut Vec<Block>, t: Words<'_>) {
    const KEYS: [&str; 12] = [
        "request_throughput",
        "output_throughput",
        "total_token_throughput",
        "mean_ttft_ms",
        "median_ttft_ms",
        "p99_ttft_ms",
        "mean_tpot_ms",
        "p99_tpot_ms",
        "mean_itl_ms",
        "p99_itl_ms",
        "mean_e2el_ms",
        "p99_e2el_ms",
    ];
    out.push(Block::Heading(2, t(said!("What vLLM 0.8.5's benchmark would have printed", "vLLM 0.8.5 自带压测会给出的结果"))));
    let metrics = s.metrics();
    let rows =
        KEYS.iter().map(|key| vec![(*key).to_owned(), or_na(metrics.get(*key).copied()), or_na(vllm.get(*key).and_then(Value::as_f64))]);
    let head = vec![t(said!("key", "键")), "dcudeck".to_owned(), "vLLM 0.8.5".to_owned()];
    out.push(Block::Table(Table { head, rows: rows.collect(), text_columns: vec![] }));
}

fn definitions(out: &mut Vec<Block>, t: Words<'_>, lang: Lang) {
    out.push(Block::Heading(2, t(said!("What the figures mean", "指标定义"))));
    for latency in LATENCIES.iter().take(4) {
        let (name, means, elsewhere) = (latency.name.get(lang), latency.means.get(lang), latency.elsewhere.get(lang));
        out.push(Block::Heading(3, format!("{} ({name})", latency.short)));
        out.push(Block::Paragraph(means.to_owned()));
        out.push(Block::Paragraph(elsewhere.to_owned()));
    }
}
