//! What two other tools call the figures, read from their sources (guidellm of August 2026, `AIPerf` 0.13).

use super::Panel;
use crate::{
    base::{Said, Text},
    text,
};

const GUIDELLM: Text = text!("guidellm", "guidellm");
const AIPERF: Text = text!("AIPerf", "AIPerf");

/// What they call the figures of `panel`; nothing where a panel is no figure of the load.
pub(super) fn peers(panel: Panel) -> Vec<(Text, Said)> {
    let (guidellm, aiperf) = match panel {
        Panel::Ttft => (
            text!(
                "time_to_first_token: first token, reasoning counted; without it time_to_first_output_token",
                "time_to_first_token：首 token，含思考；不含思考为 time_to_first_output_token"
            ),
            text!(
                "time_to_first_token: first response with content; without reasoning time_to_first_output_token",
                "time_to_first_token：首个有内容的响应；不含思考为 time_to_first_output_token"
            ),
        ),
        Panel::Tpot => (
            text!(
                "inter_token_latency; its time_per_output_token is (last - start) / tokens and includes TTFT",
                "inter_token_latency；它的 time_per_output_token 为 (末 − 开始) / token 数，含 TTFT"
            ),
            text!(
                "inter_token_latency: (latency - TTFT) / (tokens - 1), or less those of the first chunk with --per-chunk-usage",
                "inter_token_latency：(延迟 − TTFT) / (token 数 − 1)；带 --per-chunk-usage 时减首块 token 数"
            ),
        ),
        Panel::Itl => (
            text!(
                "has no pooled gaps: its inter_token_latency is one mean a request, here TPOT",
                "无合并间隔：其 inter_token_latency 为每请求均值，即此处 TPOT"
            ),
            text!(
                "inter_chunk_latency: gap between chunks, whatever tokens they carry; its inter_token_latency is TPOT here",
                "inter_chunk_latency：块间隔，不论含几个 token；其 inter_token_latency 即此处 TPOT"
            ),
        ),
        Panel::Throughput => (
            text!(
                "output_tokens_per_second, tokens_per_second, requests_per_second; it has no goodput",
                "output_tokens_per_second、tokens_per_second、requests_per_second；无达标吞吐"
            ),
            text!(
                "output_token_throughput, total_token_throughput, request_throughput; goodput with --goodput",
                "output_token_throughput、total_token_throughput、request_throughput；--goodput 时有 goodput"
            ),
        ),
        Panel::InFlight => (
            text!(
                "request_concurrency; request_totals: successful, incomplete, errored",
                "request_concurrency；request_totals：successful、incomplete、errored"
            ),
            text!(
                "effective_concurrency: mean over the whole window; request_count, error_request_count",
                "effective_concurrency：整个窗口均值；request_count、error_request_count"
            ),
        ),
        Panel::Errors => (
            text!("request_totals.errored, without classes", "request_totals.errored，不分类"),
            text!("error_request_count, and a table of what the errors said", "error_request_count，另列错误文本"),
        ),
        _ => return Vec::new(),
    };
    vec![(GUIDELLM, guidellm.into()), (AIPERF, aiperf.into())]
}
