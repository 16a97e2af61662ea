//! Words of the history: how a load test is called in a few cells, how results ended, what metrics are called.

use crate::{
    base::{Said, Text},
    bench::{
        compare::Verdict,
        history::{Entry, Kind},
        spec::{Load, Prompts, Spec},
    },
    console::look::Look,
    said, text,
};
use ratatui::style::Style;

/// Lengths of prompts and answers: `128×64`.
pub(super) fn lengths(spec: Option<&Spec>, look: &Look) -> String {
    let Some(spec) = spec else { return "n/a".to_owned() };
    let times = look.sign("×", "x");
    match &spec.prompts {
        Prompts::Random(random) => {
            let (inputs, outputs) = spec.matrix.as_ref().map(|matrix| (&matrix.input_len[..], &matrix.output_len[..])).unwrap_or_default();
            let dots = look.sign("…", "..");
            // Of several the first: that they vary is told, which they are when the result is looked at.
            let of = |one: u32, all: &[u32]| match all {
                [] => one.to_string(),
                [only] => only.to_string(),
                [first, ..] => format!("{first}{dots}"),
            };
            format!("{}{times}{}", of(random.input_len, inputs), of(spec.output_len, outputs))
        }
        Prompts::File { path, .. } => {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            format!("{}{times}{}", crate::base::clean(&name), spec.output_len)
        }
    }
}

/// Users or rate, or what kind of series it is.
pub(super) fn load(entry: &Entry) -> Said {
    match (entry.kind, &entry.spec) {
        (Kind::Matrix, _) => text!("matrix", "矩阵").into(),
        (Kind::Search, _) => text!("search", "搜索").into(),
        (Kind::Run, Some(spec)) => of_spec(spec),
        (Kind::Run, None) => match (entry.metrics.get("max_concurrency"), entry.metrics.get("request_rate")) {
            (Some(users), _) => said!("{users} users", "{users} 用户"),
            (None, Some(rate)) => Said::same(format!("{rate}/s")),
            (None, None) => Said::same("n/a"),
        },
    }
}

fn of_spec(spec: &Spec) -> Said {
    match &spec.load {
        Load::Concurrency(1) => said!("1 user", "1 用户"),
        Load::Concurrency(users) => said!("{users} users", "{users} 用户"),
        Load::Rate(rate) | Load::Poisson(rate) | Load::Gamma { rate, .. } => Said::same(format!("{rate}/s")),
        Load::Stages(stages) => said!("{} stages", "{} 阶段", stages.len()),
        Load::Trace { .. } => said!("trace", "轨迹"),
    }
}

/// How a result ended: sign, word, style.
pub(super) fn state(state: &str, look: &Look) -> (&'static str, Said, Style) {
    let ink = &look.theme;
    match state {
        "finished" => (look.sign("✔", "+"), text!("finished", "已完成").into(), ink.good),
        "stopped" => (look.sign("■", "."), text!("stopped", "已停止").into(), ink.plain),
        "failed" => (look.sign("✖", "x"), text!("failed", "已失败").into(), ink.act),
        "killed" => (look.sign("✖", "x"), text!("killed", "被终止").into(), ink.act),
        "running" => (look.sign("◐", "o"), text!("running", "运行中").into(), ink.accent),
        "imported" => (look.sign("↓", "v"), text!("imported", "已导入").into(), ink.plain),
        other => ("?", Said::same(other), ink.unsure),
    }
}

/// What a metric is called, with its unit, and whether more of it is better. Unknown ones keep their key.
pub(super) fn metric(key: &str) -> Said {
    let families = [("_ttft_ms", "TTFT"), ("_tpot_ms", "TPOT"), ("_itl_ms", "ITL"), ("_e2el_ms", "E2EL")];
    for (suffix, name) in families {
        if let Some(which) = key.strip_suffix(suffix) {
            let (en, zh) = match which {
                "mean" => ("mean", "均值"),
                "median" => ("P50", "P50"),
                "std" => ("std", "标准差"),
                "p90" => ("P90", "P90"),
                "p95" => ("P95", "P95"),
                "p99" => ("P99", "P99"),
                _ => return Said::same(key),
            };
            return Said { en: format!("{name} {en}, ms"), zh: format!("{name} {zh}，ms") };
        }
    }
    let known: Text = match key {
        "output_throughput" => text!("output tok/s", "输出 tok/s"),
        "total_token_throughput" => text!("total tok/s", "总 tok/s"),
        "request_throughput" => text!("requests/s", "请求/s"),
        "goodput" => text!("goodput/s", "达标吞吐/s"),
        "goodput_pct" => text!("goodput, %", "达标率，%"),
        "error_rate_pct" => text!("failed, %", "失败率，%"),
        "completed" => text!("completed", "完成"),
        "failed" => text!("failed", "失败"),
        "duration" => text!("duration, s", "时长，s"),
        "p99_longest_gap_ms" => text!("longest gap P99, ms", "最长间隔 P99，ms"),
        "send_lag_p99_ms" => text!("send lag P99, ms", "发送滞后 P99，ms"),
        _ => return Said::same(key),
    };
    known.into()
}

/// What a verdict is called: sign, word, style.
pub(super) fn verdict(verdict: Verdict, look: &Look) -> (&'static str, Text, Style) {
    let ink = &look.theme;
    match verdict {
        Verdict::Better => (look.sign("✔", "+"), text!("better", "更好"), ink.good),
        Verdict::Worse => ("!", text!("worse", "更差"), ink.act),
        Verdict::Same => ("=", text!("same", "持平"), ink.plain),
        Verdict::Unclear => ("~", text!("unclear", "不确定"), ink.unsure),
    }
}

/// A change in percent with its sign: `+10.2`.
pub(super) fn signed(pct: f64) -> String {
    if pct.is_finite() {
        let digits = usize::from(pct.abs() < 99.95);
        format!("{pct:+.digits$}")
    } else {
        "n/a".to_owned()
    }
}

/// Month, day, hour and minute of `2026-11-24 08:12:05`.
pub(super) fn short_when(when: &str) -> &str {
    when.get(5..16).unwrap_or(if when.is_empty() { "n/a" } else { when })
}
