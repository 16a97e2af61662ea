//! What the figures of a panel are: formula, samples, window, source, and what vLLM 0.8.5's own benchmark would print.
//!
//! The formulas are those of the result document; vLLM's are read from its `benchmarks/benchmark_serving.py` and
//! `backend_request_func.py`, version 0.8.5.

mod confidence;
mod peers;

use self::{confidence::confidence, peers::peers};
use super::{
    drawn::Metric,
    panel::Panel,
    watched::{MAX_CLIENT_CPU_PCT, MAX_SEND_LAG_US, Watched},
};
use crate::{
    base::{Said, Text},
    said, text,
};
use dcudeck_widgets::figure;

const FORMULA: Text = text!("formula", "公式");
const SAMPLES: Text = text!("samples", "样本");
const WINDOW: Text = text!("window", "窗口");
const SOURCE: Text = text!("source", "来源");
const ELSEWHERE: Text = text!("vLLM 0.8.5", "vLLM 0.8.5");
const NOTE: Text = text!("note", "注意");

/// The explanation of `panel` for `run`: rows of label and sentence, those on other tools last.
pub(super) fn explain(panel: Panel, run: &Watched) -> Vec<(Text, Said)> {
    let mut rows = own(panel, run);
    let sure = confidence(panel, run);
    let at = rows.iter().position(|(label, _)| *label == SAMPLES).map_or(rows.len(), |at| at + 1);
    rows.splice(at..at, sure);
    rows.extend(peers(panel));
    rows
}

fn own(panel: Panel, run: &Watched) -> Vec<(Text, Said)> {
    match panel {
        Panel::Ttft => ttft(run),
        Panel::Tpot => tpot(run),
        Panel::Itl => itl(run),
        Panel::Throughput => throughput(run),
        Panel::InFlight => in_flight(run),
        Panel::Server => server(run),
        Panel::Client => client(run),
        Panel::Series => series(),
        Panel::Routes => routes(),
        Panel::Heat => heat(),
        Panel::Errors => errors(run),
        Panel::Events => events(),
    }
}

fn samples(run: &Watched, metric: Metric, what: Text) -> (Text, Said) {
    let n = figure::count(run.dist(metric).n);
    let Text { en, zh } = what;
    (
        SAMPLES,
        said!(
            "{n}, {en}; percentiles nearest rank within 0.1 %; ~ marks one with fewer than 3 samples beyond it (P99: below 300)",
            "{n}，{zh}；百分位取最近秩，误差 0.1 % 以内；~ 表示其外样本不足 3 个（P99：少于 300）"
        ),
    )
}

fn window(run: &Watched) -> (Text, Said) {
    let sentence = match (run.measured_s(), run.now.measured_from_us) {
        (Some(seconds), Some(from)) => {
            let (from, length) = (from as f64 / 1e6, figure::compact(seconds));
            said!(
                "{length} s, from {from:.1} s after the start, ramp and drain included; warm-up is in no figure",
                "{length} s，自开始后 {from:.1} s 起，含爬升与排空；预热不计入任何数字"
            )
        }
        _ => said!("nothing measured yet; warm-up is in no figure", "尚未开始测量；预热不计入任何数字"),
    };
    (WINDOW, sentence)
}

const STAMPS: Text = text!(
    "this client: moments at which the kernel received the bytes, read on threads that do nothing else",
    "本客户端：内核收到数据的时刻，由专用线程读取"
);

fn ttft(run: &Watched) -> Vec<(Text, Said)> {
    vec![
        (
            FORMULA,
            said!(
                "first token - moment before the write that took the request's last byte; a token is non-empty content, reasoning or tool text, not the empty role chunk",
                "首 token 到达 − 写出请求最后一字节之前的时刻；token 指非空的正文、思考或工具文本，空的角色块不算"
            ),
        ),
        samples(
            run,
            Metric::Ttft,
            text!(
                "one for each request whose first token came, also of those under way or failed later (the result counts successes only)",
                "每个已收到首 token 的请求一个，含在途与之后失败者（结果只计成功请求）"
            ),
        ),
        window(run),
        (SOURCE, STAMPS.into()),
        (
            ELSEWHERE,
            said!(
                "first chunk with choices - before POST: in chat that is the role chunk, so it prints less; late stamps at high concurrency print more",
                "首个含 choices 的块 − POST 之前：对话接口为角色块，故偏小；高并发时打点滞后，故偏大"
            ),
        ),
    ]
}

fn tpot(run: &Watched) -> Vec<(Text, Said)> {
    vec![
        (FORMULA, said!("(last token - first token) / (tokens - 1), for each request", "每个请求：(末 token − 首 token) / (token 数 − 1)")),
        samples(
            run,
            Metric::Tpot,
            text!("one for each request that succeeded with two tokens or more", "每个成功且至少两个 token 的请求一个"),
        ),
        window(run),
        (SOURCE, STAMPS.into()),
        (
            ELSEWHERE,
            said!(
                "(latency - TTFT) / (tokens - 1); in chat the latency runs up to the usage chunk after the last token, so it prints a little more",
                "(延迟 − TTFT) / (token 数 − 1)；对话接口的延迟算到末 token 之后的 usage 块，故略大"
            ),
        ),
    ]
}

fn itl(run: &Watched) -> Vec<(Text, Said)> {
    vec![
        (
            FORMULA,
            said!(
                "gap between reads that brought tokens, spread evenly over the tokens they brought, pooled over all requests",
                "相邻两次带 token 的读取之间的间隔，均摊到所带的 token，所有请求合并"
            ),
        ),
        samples(
            run,
            Metric::Itl,
            text!("one for each token but the first; long answers weigh more", "除首 token 外每 token 一个；长回答权重更大"),
        ),
        window(run),
        (SOURCE, STAMPS.into()),
        (
            ELSEWHERE,
            said!(
                "gap between chunks, whatever tokens they carry: chunks of 4 tokens print 4 times as much; in chat one more sample a request",
                "块间隔，不论块含几个 token：一块 4 个 token 时为 4 倍；对话接口每请求多一个样本"
            ),
        ),
    ]
}

fn throughput(run: &Watched) -> Vec<(Text, Said)> {
    let goals =
        [("TTFT", run.spec.slo.ttft_ms), ("TPOT", run.spec.slo.tpot_ms), ("ITL", run.spec.slo.itl_ms), ("E2EL", run.spec.slo.e2el_ms)];
    let goals: Vec<String> = goals.iter().filter_map(|(name, ms)| Some(format!("{name} ≤ {} ms", (*ms)?))).collect();
    let goals = if goals.is_empty() {
        said!("no goals were set, so there is no goodput", "未设目标，故无达标吞吐")
    } else {
        let goals = goals.join(", ");
        said!("goodput: requests that met {goals}, per second", "达标吞吐：每秒满足 {goals} 的请求数")
    };
    vec![
        (
            FORMULA,
            said!(
                "output tokens / measured time; total adds prompt tokens as the server's usage counts them; req/s: requests that succeeded",
                "输出 token / 测量时长；合计另加服务器 usage 所计的提示词 token；req/s 只计成功请求"
            ),
        ),
        (NOTE, goals),
        window(run),
        (
            SOURCE,
            said!(
                "this client; the curve is tokens that arrived in each second, warm-up in grey",
                "本客户端；曲线为每秒到达的 token，灰色为预热"
            ),
        ),
        (
            ELSEWHERE,
            said!(
                "output_throughput, total_token_throughput, request_throughput, request_goodput:; counts tokens of requests that ended, and prompt tokens as asked for, not as the server counted them",
                "output_throughput、total_token_throughput、request_throughput、request_goodput:；只计已结束请求的 token；提示词按要求长度计，而非服务器所计"
            ),
        ),
    ]
}

fn in_flight(run: &Watched) -> Vec<(Text, Said)> {
    let (done, failed) = (figure::count(run.now.done), figure::count(run.now.failed));
    vec![
        (
            FORMULA,
            said!("requests sent and not ended, now; the curve is the mean of each second", "当前已发出且未结束的请求；曲线为每秒均值"),
        ),
        (
            SAMPLES,
            said!(
                "{done} done, {failed} failed; done has a token, no error in the stream, and finish_reason or [DONE]",
                "完成 {done}，失败 {failed}；完成须有 token、流中无错误，并有 finish_reason 或 [DONE]"
            ),
        ),
        window(run),
        (SOURCE, said!("this client; the server may hold fewer at a time", "本客户端；服务器同时处理的可能更少")),
        (
            ELSEWHERE,
            said!(
                "prints completed, neither of the others; in chat every HTTP 200 counts as a success, even a stream that holds only an error",
                "只输出 completed；对话接口中 HTTP 200 一律算成功，哪怕流中只有错误"
            ),
        ),
    ]
}

fn client(run: &Watched) -> Vec<(Text, Said)> {
    let (lag_ms, cpu) = (MAX_SEND_LAG_US / 1_000, MAX_CLIENT_CPU_PCT);
    let coalesced = figure::count(run.now.client.coalesced_chunks);
    vec![
        (
            FORMULA,
            said!(
                "lag: P99 of sent - planned; in a closed loop planned is the moment the user became free. CPU: percent of one core since the last snapshot",
                "发送滞后：P99(实际 − 计划)；闭环中计划为用户空闲的时刻。CPU：自上次快照起占单核的百分比"
            ),
        ),
        (
            NOTE,
            said!(
                "above {lag_ms} ms or {cpu} % the figures are about this client, not the server: client-limited",
                "超过 {lag_ms} ms 或 {cpu} % 时，数字反映的是客户端而非服务器：客户端受限"
            ),
        ),
        (
            SAMPLES,
            said!(
                "{coalesced} chunks came in one read with an earlier one and share its moment",
                "{coalesced} 个块与前一块同一次读到，共用时刻"
            ),
        ),
        (SOURCE, said!("this client's own process", "本客户端进程")),
        (ELSEWHERE, said!("prints neither; its waiting for a free slot is in no figure", "两者都不输出；等待空位的时间不计入任何数字")),
    ]
}

fn errors(run: &Watched) -> Vec<(Text, Said)> {
    let limit = run.spec.limits.max_error_rate_pct;
    vec![
        (
            FORMULA,
            said!(
                "failed requests by what went wrong, with the first example of each; the share is of requests that ended",
                "失败请求按原因分类，各附首个例子；占比以已结束的请求计"
            ),
        ),
        (NOTE, said!("above {limit} % the run stops by itself, from the 20th request on", "自第 20 个请求起，超过 {limit} % 时自动停止")),
        (SOURCE, said!("this client; texts of the server are shown without control sequences", "本客户端；服务器文本已去除控制序列")),
        (
            ELSEWHERE,
            said!("prints no count of failures; they are only missing from 'successful requests'", "不输出失败数，只是不计入成功请求"),
        ),
    ]
}

fn events() -> Vec<(Text, Said)> {
    vec![
        (FORMULA, said!("phases of the run and the first failure of each class", "运行阶段，以及各类失败的首个例子")),
        (WINDOW, said!("times count from the start of the run, warm-up included", "时间自运行开始计，含预热")),
        (SOURCE, said!("this client", "本客户端")),
    ]
}

fn server(run: &Watched) -> Vec<(Text, Said)> {
    let n = run.servers.count();
    vec![
        (
            FORMULA,
            said!(
                "run, wait, KV: gauges as they are; hit, TTFT, queue: from counter differences since the sample before; preempt: the run's total",
                "运行、等待、KV 为瞬时值；命中、TTFT、排队取自上次采样以来的计数差；抢占为本次运行合计"
            ),
        ),
        (SAMPLES, said!("{n} servers, about once a second; n/a when none spoke for 3 s", "{n} 个服务器，约每秒一次；3 秒无应答显示 n/a")),
        (
            SOURCE,
            said!(
                "the server's own /metrics; its TTFT begins when the request reached its engine",
                "服务器自身 /metrics；其 TTFT 自请求到达引擎起算"
            ),
        ),
        (ELSEWHERE, said!("does not look at the server while it measures", "测量时不读取服务器指标")),
    ]
}

fn heat() -> Vec<(Text, Said)> {
    vec![
        (
            FORMULA,
            said!(
                "a column is a moment, a row a range of latency; the fullest row of a column is solid, a lone sample still shows",
                "列为时刻，行为延迟区间；每列中最多的一行最深，单个样本也可见"
            ),
        ),
        (WINDOW, said!("the whole run; seconds a column stands for double when it no longer fits", "整个运行；放不下时每列秒数加倍")),
        (SOURCE, STAMPS.into()),
    ]
}

fn series() -> Vec<(Text, Said)> {
    vec![
        (
            FORMULA,
            said!(
                "the figure of each cell's own result; m changes it; a goal divides the second shade from the third",
                "各单元自身结果的数字；m 换指标；目标位于第二与第三级之间"
            ),
        ),
        (NOTE, said!("~ client-limited: that cell measured this client, not the server", "~ 客户端受限：该单元测的是客户端而非服务器")),
        (SOURCE, said!("cells/KEY/summary.json of the series", "系列目录下 cells/KEY/summary.json")),
    ]
}

fn routes() -> Vec<(Text, Said)> {
    vec![
        (
            FORMULA,
            said!(
                "as for the whole run, of this route's requests alone; the difference is of P50 TTFT to the first route",
                "同整体，只计该路由的请求；差异为 P50 TTFT 与第一条路由之比"
            ),
        ),
        (NOTE, said!("live differences carry no confidence; the comparison of results does", "实时差异不带置信度；结果对比中有")),
        (SOURCE, STAMPS.into()),
    ]
}
