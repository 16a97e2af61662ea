//! The figures of a result: unit, which way is better, what each means, and what other tools mean by the same name.
//!
//! Sources of the other tools' definitions: vLLM 0.8.5 `benchmarks/backend_request_func.py` and `benchmark_serving.py`; guidellm
//! `schemas/request_stats.py`; `AIPerf` 0.13 `metrics`.

use crate::{
    base::{Said, Text},
    text,
};

/// Which way a figure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less is better: latencies, errors.
    Lower,
    /// More is better: throughput.
    Higher,
    /// It says what was measured, not how well.
    Neither,
}

/// Unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Seconds.
    Seconds,
    /// Requests per second.
    RequestsPerS,
    /// Tokens per second.
    TokensPerS,
    /// Percent.
    Pct,
    /// A count or a mean of counts.
    Count,
}

impl Unit {
    /// As tables write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ms => "ms",
            Self::Seconds => "s",
            Self::RequestsPerS => "req/s",
            Self::TokensPerS => "tok/s",
            Self::Pct => "%",
            Self::Count => "",
        }
    }
}

/// A family of latency figures: `mean_ttft_ms`, `p99_ttft_ms`, … of `ttft`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// As in keys: `ttft`.
    pub key: &'static str,
    /// As people write it.
    pub short: Text,
    /// In words.
    pub name: Text,
    /// Formula and samples.
    pub means: Text,
    /// What vLLM 0.8.5, guidellm and `AIPerf` mean by the name.
    pub elsewhere: Text,
}

/// What the others say of a figure that is ours alone.
const NOWHERE: Text = text!("Not reported by vLLM 0.8.5, guidellm or AIPerf.", "vLLM 0.8.5、guidellm、AIPerf 均不给出。");

/// All latencies, the four every table shows first.
pub const LATENCIES: &[Latency] = &[
    Latency {
        key: "ttft",
        short: text!("TTFT", "TTFT"),
        name: text!("time to first token", "首 token 时间"),
        means: text!(
            "first token - sent, one sample a request. A token is non-empty content, reasoning or tool text, or a rise of completion_tokens; \
             the role chunk is none. Sent is the moment before the write of the request's last byte.",
            "首个 token − 发送时刻，每个请求一个样本。非空的正文、推理或工具文本，或 completion_tokens 增加，才算 token；角色块不算。发送时刻取写出请求最后一个字节之前。"
        ),
        elsewhere: text!(
            "vLLM 0.8.5: the first chunk with choices, in chat the role chunk, timed before the connection is made. guidellm: first token \
             iteration. AIPerf: time_to_first_token (first content), apart from time_to_first_output_token.",
            "vLLM 0.8.5：首个含 choices 的块，chat 下即角色块，且从建立连接前计时。guidellm：首个 token 迭代。AIPerf：time_to_first_token（首个内容块），另有 time_to_first_output_token。"
        ),
    },
    Latency {
        key: "tpot",
        short: text!("TPOT", "TPOT"),
        name: text!("time per output token", "每 token 时间"),
        means: text!(
            "(last token - first token) / (output tokens - 1), one sample a request with more than one token.",
            "(末个 token − 首个 token) / (输出 token 数 − 1)，每个多于一个 token 的请求一个样本。"
        ),
        elsewhere: text!(
            "vLLM 0.8.5: the same formula, but from its own TTFT, in chat up to the usage chunk. guidellm: its inter_token_latency_ms is \
             this; its time_per_output_token_ms is E2EL / n and includes TTFT. AIPerf: inter_token_latency.",
            "vLLM 0.8.5：公式相同，但用其自身的 TTFT，chat 下算到 usage 块。guidellm：其 inter_token_latency_ms 即此；其 time_per_output_token_ms 为 E2EL / n，含 TTFT。AIPerf：inter_token_latency。"
        ),
    },
    Latency {
        key: "itl",
        short: text!("ITL", "ITL"),
        name: text!("inter-token latency", "迭代延迟"),
        means: text!(
            "gap between reads that brought tokens, spread evenly over the tokens they brought, pooled over all tokens of all requests.",
            "相邻两次带来 token 的读取之间的间隔，按所带 token 数均分，汇总全部请求的全部 token。"
        ),
        elsewhere: text!(
            "vLLM 0.8.5: the gap between chunks, pooled, however many tokens a chunk carries (here: itl_chunk). guidellm: no pooled gaps. \
             AIPerf: inter_chunk_latency.",
            "vLLM 0.8.5：块间间隔的汇总，不论一块含几个 token（此处为 itl_chunk）。guidellm：没有汇总间隔。AIPerf：inter_chunk_latency。"
        ),
    },
    Latency {
        key: "e2el",
        short: text!("E2EL", "E2EL"),
        name: text!("end-to-end latency", "端到端延迟"),
        means: text!(
            "last token - sent; the usage chunk and [DONE] are not waited for.",
            "末个 token − 发送时刻；不等 usage 块和 [DONE]。"
        ),
        elsewhere: text!(
            "vLLM 0.8.5: in chat up to the usage chunk. guidellm: request_latency, in seconds. AIPerf: request_latency.",
            "vLLM 0.8.5：chat 下算到 usage 块。guidellm：request_latency（秒）。AIPerf：request_latency。"
        ),
    },
    Latency {
        key: "ttft_response",
        short: text!("TTFT (response)", "TTFT（响应）"),
        name: text!("time to first token from the planned moment", "首 token 时间（自计划时刻）"),
        means: text!(
            "first token - planned moment: what a user would have waited, the client's queue included.",
            "首个 token − 计划时刻：用户实际等待的时间，含客户端排队。"
        ),
        elsewhere: NOWHERE,
    },
    Latency {
        key: "e2el_response",
        short: text!("E2EL (response)", "E2EL（响应）"),
        name: text!("end-to-end latency from the planned moment", "端到端延迟（自计划时刻）"),
        means: text!("last token - planned moment.", "末个 token − 计划时刻。"),
        elsewhere: NOWHERE,
    },
    Latency {
        key: "ttft_answer",
        short: text!("TTFT (answer)", "TTFT（答案）"),
        name: text!("time to the first token of the answer", "首个答案 token 时间"),
        means: text!("first token after the reasoning - sent, of requests that had an answer.", "推理之后的首个 token − 发送时刻。"),
        elsewhere: text!(
            "guidellm: TTFOT. AIPerf: time_to_first_output_token. vLLM 0.8.5: none.",
            "guidellm：TTFOT。AIPerf：time_to_first_output_token。vLLM 0.8.5：无。"
        ),
    },
    Latency {
        key: "itl_chunk",
        short: text!("ITL (chunk)", "ITL（块）"),
        name: text!("gap between chunks", "块间间隔"),
        means: text!("gap between chunks that carried tokens, as they came, pooled.", "相邻含 token 的块之间的原始间隔，汇总。"),
        elsewhere: text!("vLLM 0.8.5: ITL. AIPerf: inter_chunk_latency.", "vLLM 0.8.5：ITL。AIPerf：inter_chunk_latency。"),
    },
    Latency {
        key: "longest_gap",
        short: text!("longest gap", "最长间隔"),
        name: text!("longest gap of a request", "请求内最长间隔"),
        means: text!("the longest gap between arrivals, one sample a request.", "各请求内到达间隔的最大值，每个请求一个样本。"),
        elsewhere: NOWHERE,
    },
    Latency {
        key: "client_queue",
        short: text!("client queue", "客户端排队"),
        name: text!("wait in the client", "客户端排队"),
        means: text!("wait of a due request for room under max_concurrency.", "到期请求在 max_concurrency 上限下等待的时间。"),
        elsewhere: text!("vLLM 0.8.5 hides it: its clock starts after the wait.", "vLLM 0.8.5 看不到：其计时在等待之后才开始。"),
    },
];

/// The prefixes of latency keys.
const STATISTICS: &[(&str, Text)] = &[
    ("mean", text!("mean", "均值")),
    ("median", text!("P50", "P50")),
    ("std", text!("std", "标准差")),
    ("p50", text!("P50", "P50")),
    ("p75", text!("P75", "P75")),
    ("p90", text!("P90", "P90")),
    ("p95", text!("P95", "P95")),
    ("p99", text!("P99", "P99")),
    ("p99.9", text!("P99.9", "P99.9")),
];

/// Figures of one direction and unit: key and name.
type Group = (Better, Unit, &'static [(&'static str, Text)]);

/// Figures that are no latencies.
const OTHERS: &[Group] = &[
    (
        Better::Higher,
        Unit::TokensPerS,
        &[
            ("output_throughput", text!("output tokens", "输出吞吐")),
            ("total_token_throughput", text!("prompt and output tokens", "总 token 吞吐")),
        ],
    ),
    (
        Better::Higher,
        Unit::RequestsPerS,
        &[("request_throughput", text!("requests", "请求吞吐")), ("goodput", text!("goodput", "达标吞吐"))],
    ),
    (Better::Higher, Unit::Pct, &[("goodput_pct", text!("requests that met every goal", "达标请求占比"))]),
    (Better::Lower, Unit::Pct, &[("error_rate_pct", text!("failed requests", "失败请求占比"))]),
    (
        Better::Neither,
        Unit::Ms,
        &[
            ("send_lag_mean_ms", text!("mean send lag", "平均发送滞后")),
            ("send_lag_p99_ms", text!("send lag P99", "发送滞后 P99")),
            ("loop_lag_p99_ms", text!("client loop lag P99", "客户端循环滞后 P99")),
        ],
    ),
    (Better::Neither, Unit::Pct, &[("client_cpu_pct", text!("CPU of the busiest client thread", "最忙客户端线程 CPU"))]),
    (Better::Neither, Unit::Seconds, &[("duration", text!("measured", "测量时长"))]),
    (
        Better::Neither,
        Unit::Count,
        &[
            ("in_flight_mean", text!("mean in flight", "平均在途请求")),
            ("num_prompts", text!("requests", "请求数")),
            ("completed", text!("succeeded", "成功")),
            ("failed", text!("failed", "失败")),
        ],
    ),
];

/// What a key of `bench.run` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Which way is better.
    pub better: Better,
    /// Its unit.
    pub unit: Unit,
    /// As tables write it: `TTFT P99`, `output tokens`.
    pub name: Said,
    /// Its latency and statistic, when it is one.
    pub latency: Option<(&'static Latency, &'static str)>,
}

/// What `key` stands for; `None`: no figure of this version.
#[must_use]
pub fn figure(key: &str) -> Option<Figure> {
    for &(better, unit, figures) in OTHERS {
        if let Some((_, name)) = figures.iter().find(|(known, _)| *known == key) {
            return Some(Figure { better, unit, name: (*name).into(), latency: None });
        }
    }
    let (statistic, rest) = key.strip_suffix("_ms")?.split_once('_')?;
    let latency = LATENCIES.iter().find(|l| l.key == rest)?;
    let &(statistic, word) = STATISTICS.iter().find(|(s, _)| *s == statistic)?;
    let better = if statistic == "std" { Better::Neither } else { Better::Lower };
    let name = Said { en: format!("{} {}", latency.short.en, word.en), zh: format!("{} {}", latency.short.zh, word.zh) };
    Some(Figure { better, unit: Unit::Ms, name, latency: Some((latency, statistic)) })
}

/// The keys comparisons show and thresholds may name, in the order of tables.
#[must_use]
pub fn compared() -> Vec<String> {
    let others = OTHERS.iter().filter(|(better, ..)| *better != Better::Neither);
    let others = others.flat_map(|(.., figures)| figures.iter().map(|(key, _)| (*key).to_owned()));
    let latencies = LATENCIES
        .iter()
        .flat_map(|l| ["mean", "median", "p90", "p95", "p99"].iter().filter(|s| l.has(s)).map(|s| format!("{s}_{}_ms", l.key)));
    others.chain(latencies).collect()
}

impl Latency {
    /// Whether `bench.run` has this statistic of it.
    fn has(&self, statistic: &str) -> bool {
        match self.key {
            "ttft" | "tpot" | "itl" | "e2el" => true,
            "longest_gap" => statistic == "p99",
            _ => matches!(statistic, "mean" | "p99"),
        }
    }
}

/// Four significant digits, thousands grouped: `0.123`, `9.87`, `123.4`, `12,345`.
#[must_use]
pub fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        _ if value.fract().abs() < f64::EPSILON && size < 1e15 => 0,
        _ if size >= 1_000.0 => 0,
        _ if size >= 100.0 => 1,
        _ if size >= 1.0 => 2,
        _ => 3,
    };
    let plain = format!("{value:.decimals$}");
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |d| ("-", d));
    let (whole, rest) = digits.split_once('.').map_or((digits, String::new()), |(w, r)| (w, format!(".{r}")));
    let mut grouped = String::with_capacity(whole.len() + 4);
    for (k, digit) in whole.chars().enumerate() {
        if k > 0 && (whole.len() - k).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let zero = grouped.chars().all(|c| c == '0') && rest.chars().all(|c| c == '0' || c == '.');
    format!("{}{grouped}{rest}", if zero { "" } else { sign })
}

/// As [`number`]; `n/a` of a figure there is none of.
#[must_use]
pub fn or_na(value: Option<f64>) -> String {
    value.map_or_else(|| "n/a".to_owned(), number)
}

/// A change in percent with its sign.
#[must_use]
pub fn percent(value: f64) -> String {
    let text = format!("{value:+.1}");
    if text.trim_start_matches(['+', '-']) == "0.0" { "0.0 %".to_owned() } else { format!("{text} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_keeps_four_digits_and_groups_thousands() {
        for (value, want) in [
            (0.0, "0"),
            (0.1234, "0.123"),
            (9.876, "9.88"),
            (123.44, "123.4"),
            (1_234.5, "1,234"),
            (1_234_567.0, "1,234,567"),
            (-12.3456, "-12.35"),
            (-0.0001, "0.000"),
            (64.0, "64"),
        ] {
            assert_eq!(number(value), want, "{value}");
        }
        assert_eq!(or_na(None), "n/a");
        assert_eq!((percent(3.12).as_str(), percent(-0.01).as_str()), ("+3.1 %", "0.0 %"));
    }

    #[test]
    fn every_compared_key_is_a_figure_with_a_direction() {
        let keys = compared();
        assert!(keys.iter().any(|k| k == "p99_ttft_ms") && keys.iter().any(|k| k == "output_throughput"));
        for key in keys {
            let figure = figure(&key).expect(&key);
            assert_ne!(figure.better, Better::Neither, "{key}");
        }
        assert!(figure("p99_typo_ms").is_none() && figure("slo_met").is_none());
    }

    #[test]
    fn the_keys_compared_are_keys_of_the_summary() {
        // The document's own source lists them; a renamed key would silently drop out of every comparison.
        let source = include_str!("../summary.rs");
        for key in compared() {
            assert!(source.contains(&format!("pub {key}: ")), "{key} is no field of the summary");
        }
    }
}
