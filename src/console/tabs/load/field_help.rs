//! What each field of the form means: meaning, what it starts from, what it may be, and what it does together with others.

use super::{form::Field, form_view};
use crate::{
    base::{Said, Text},
    console::tab::Explained,
    text,
};

const MEANING: Text = text!("meaning", "含义");
const DEFAULT: Text = text!("default", "默认");
const RANGE: Text = text!("may be", "取值");
const TOGETHER: Text = text!("together", "相互影响");

const EMPTY: Text = text!("empty", "留空");
const OF_PROFILE: Text = text!("the profile's", "随方案");
const LENGTH: Text = text!("1 to 1,000,000 tokens", "1 到 1,000,000 token");
const LENGTHS: Text = text!("lengths with blanks between them; empty: the field above", "以空格分隔的长度；留空则用上面的字段");
const MS: Text = text!("milliseconds, up to an hour; empty: no goal", "毫秒，至多一小时；留空则无目标");
const GOODPUT: Text = text!(
    "a request that meets all goals counts as goodput; a search needs at least one; the histogram shows it as a line",
    "满足全部目标的请求计入达标吞吐；搜索至少需要一个；直方图中以竖线标出"
);

/// The explanation of `field`.
pub(super) fn explained(field: Field) -> Explained {
    let [meaning, default, range, together] = of(field);
    let rows = [(MEANING, meaning), (DEFAULT, default), (RANGE, range), (TOGETHER, together)];
    let Text { en, zh } = form_view::label(field);
    let bare = |label: &str| label.trim_matches([' ', '≤']).to_owned();
    Explained { title: Said { en: bare(en), zh: bare(zh) }, rows: rows.into_iter().map(|(label, text)| (label, text.into())).collect() }
}

/// Meaning, default, range, interaction.
#[expect(clippy::too_many_lines, reason = "one table, a few lines a field")]
const fn of(field: Field) -> [Text; 4] {
    match field {
        Field::Target => [
            text!("base URL of the server under test", "被测服务的基础地址"),
            text!("the engine of this program, else the first server known", "本程序的引擎，否则首个已知服务"),
            text!("http:// or https://, without /v1, without a password", "http:// 或 https://，不含 /v1 与密码"),
            text!(
                "https uses the general client, whose stamps are wider; a server that is not this machine is asked about first",
                "https 使用通用客户端，打点误差较大；非本机服务会先询问"
            ),
        ],
        Field::Model => [
            text!("model or adapter name in every request", "每个请求中的模型或适配器名"),
            EMPTY,
            text!("a name of /v1/models; empty: the first there", "/v1/models 中的名称；留空取第一个"),
            text!("routes of a profile that name a model use theirs", "方案中指定了模型的路由用其自己的"),
        ],
        Field::Api => [
            text!("which API is called", "调用哪个接口"),
            OF_PROFILE,
            text!("completions or chat", "completions 或 chat"),
            text!(
                "completions sends random prompts as token ids, exact; chat sends text through the server's template, which adds tokens",
                "completions 以 token id 发送随机提示词，长度精确；chat 经服务器模板发送文本，会多出若干 token"
            ),
        ],
        Field::Prompts => [
            text!("where prompts come from", "提示词来源"),
            text!("random tokens", "随机 token"),
            text!(
                "empty, or a file: JSON lines with prompt or messages, ShareGPT, alpaca, or plain lines",
                "留空，或文件：含 prompt 或 messages 的 JSON 行、ShareGPT、alpaca 或纯文本行"
            ),
            text!("a file has its own lengths: input and prefix do not apply", "文件自带长度：输入与前缀不适用"),
        ],
        Field::Input => [
            text!(
                "tokens of each random prompt; of each turn's new text in a conversation",
                "每个随机提示词的 token 数；对话中为每轮新增文本"
            ),
            OF_PROFILE,
            LENGTH,
            text!(
                "a matrix with inputs takes its own; with output it must fit the model's context",
                "矩阵的输入列表优先；与输出之和须在模型上下文内"
            ),
        ],
        Field::Output => [
            text!("tokens asked of each answer", "每个回答要求的 token 数"),
            OF_PROFILE,
            LENGTH,
            text!(
                "with ignore_eos (the profile) every answer has the full length; else it is a limit",
                "方案开启 ignore_eos 时每个回答均为该长度；否则为上限"
            ),
        ],
        Field::Prefix => [
            text!("share of a random prompt that all prompts of its group have in common", "同组随机提示词共有部分的占比"),
            text!("0: nothing in common", "0：无共有部分"),
            text!("0 to 100 %", "0 到 100 %"),
            text!(
                "what the server's prefix cache can save; the number of groups is the profile's prefix_groups",
                "即服务器前缀缓存可省的部分；组数由方案的 prefix_groups 定"
            ),
        ],
        Field::Turns => [
            text!("turns of a conversation, each sent when the one before was answered", "对话轮数，前一轮答完才发下一轮"),
            text!("1: no conversation", "1：非对话"),
            text!("1 to 1,000; of a file: 1 or all", "1 到 1,000；文件：1 或 all"),
            text!(
                "users and rates then count conversations, requests count turns; each turn repeats all before it",
                "此时用户数与速率按对话计，请求数按轮计；每轮重复之前全部内容"
            ),
        ],
        Field::Cold => [
            text!("prompts that no server has seen, so that no prefix cache is warm", "服务器未见过的提示词，避免前缀缓存预热"),
            text!("no: the same seed asks the same again", "no：种子相同则提示词相同"),
            text!("no or yes", "no 或 yes"),
            text!(
                "a second run cannot repeat the prompts then; the result says cold, warm or mixed",
                "再次运行时提示词不同；结果标明冷、热或混合"
            ),
        ],
        Field::Load => [
            text!("how requests arrive", "请求如何到达"),
            OF_PROFILE,
            text!(
                "16 users; 8/s even; 8/s poisson; 8/s gamma 0.5; stages 8 30s, ..64 60s (.. ramps); trace FILE or trace 2x FILE",
                "16 用户；8/s 等间隔；8/s poisson；8/s gamma 0.5；阶段 8 30s, ..64 60s（.. 为爬升）；trace 文件 或 trace 2x 文件"
            ),
            text!(
                "users wait for the server, so a slow one slows its own test; a rate does not, and its queue grows: see response times",
                "用户会等服务器，慢服务会拖慢自身测试；速率不等，队列会增长：看响应时间"
            ),
        ],
        Field::Cap => [
            text!("most requests under way at a rate; what is due beyond waits in the client", "按速率时最多在途请求；超出者在客户端等待"),
            text!("none", "无"),
            text!("1 to 65,536; empty: none", "1 到 65,536；留空不限"),
            text!(
                "the wait is told as client queue time and is part of response times; users are a cap already",
                "等待计为客户端排队并计入响应时间；用户数本身即上限"
            ),
        ],
        Field::Until => [
            text!("when sending ends; what is under way is awaited", "何时停止发送；在途请求会等完"),
            OF_PROFILE,
            text!("requests (64), time (30s, 2min), or both: whichever comes first", "请求数（64）、时长（30s、2min）或两者，先到为准"),
            text!("a P99 wants 300 requests or more; stages and traces end by themselves", "P99 需至少 300 个请求；阶段与轨迹自行结束"),
        ],
        Field::Warmup => [
            text!("requests sent first, at the measured load, with other prompts", "先以同等负载发送的请求，提示词不同"),
            OF_PROFILE,
            text!("0 to 1,000,000", "0 到 1,000,000"),
            text!(
                "in no figure, but in the curves, grey; in a series at least one per user",
                "不计入数字，曲线中为灰色；系列中每用户至少一个"
            ),
        ],
        Field::Seed => [
            text!("what prompts, arrivals and routes are drawn from", "提示词、到达与路由的随机种子"),
            OF_PROFILE,
            text!("any whole number from 0 on", "0 起的整数"),
            text!("the same seed on a warm server may hit its prefix cache: see cold", "种子相同可能命中已热的前缀缓存：见冷缓存"),
        ],
        Field::Errors => [
            text!("share of failed requests above which the run ends by itself", "失败占比超过此值时自动停止"),
            text!("5 %", "5 %"),
            text!("0 to 100 %", "0 到 100 %"),
            text!("looked at from the 20th request on; what was measured is kept", "自第 20 个请求起检查；已测结果保留"),
        ],
        Field::Save => [
            text!("whose token arrival times are kept in tokens.bin", "哪些请求的 token 时刻存入 tokens.bin"),
            text!("sample: the slowest 1 %, all failures and 1 in 100", "sample：最慢的 1 %、全部失败及百分之一抽样"),
            text!("sample, all or none", "sample、all 或 none"),
            text!(
                "all figures are exact with any of them; the token timeline of a request needs it kept",
                "不影响任何数字；请求的 token 时间线需要它"
            ),
        ],
        Field::Ttft => [text!("goal for the time to first token", "首 token 时间目标"), EMPTY, MS, GOODPUT],
        Field::Tpot => [text!("goal for the time per output token of a request", "每请求的每 token 时间目标"), EMPTY, MS, GOODPUT],
        Field::Itl => [text!("goal for the longest gap between tokens of a request", "请求内最长 token 间隔目标"), EMPTY, MS, GOODPUT],
        Field::E2el => [text!("goal for the whole request", "整个请求的时间目标"), EMPTY, MS, GOODPUT],
        Field::Series => [
            text!("one run, every combination of a matrix, or a search for the greatest load", "单次、矩阵的全部组合，或搜索最大负载"),
            text!("single run", "single run"),
            text!("single run, matrix or search", "single run、matrix 或 search"),
            text!(
                "a series outlives the console; between cells the server is awaited until it is empty",
                "系列不随控制台退出而结束；单元之间等待服务器排空"
            ),
        ],
        Field::CellInput => [
            text!("prompt lengths of the matrix", "矩阵的输入长度"),
            OF_PROFILE,
            LENGTHS,
            text!("takes the place of input", "取代输入字段"),
        ],
        Field::CellOutput => [
            text!("answer lengths of the matrix", "矩阵的输出长度"),
            OF_PROFILE,
            LENGTHS,
            text!("takes the place of output", "取代输出字段"),
        ],
        Field::CellLoad => [
            text!("loads of the matrix", "矩阵的负载"),
            OF_PROFILE,
            text!("users (1 8 64) or rates (1/s 4/s), not both", "用户数（1 8 64）或速率（1/s 4/s），不可混用"),
            text!(
                "takes the place of load; with users a cell has at least requests_per_user requests for each",
                "取代负载字段；按用户数时每用户至少 requests_per_user 个请求"
            ),
        ],
        Field::Repeats => [
            text!("times every cell is measured", "每个单元测几次"),
            text!("1", "1"),
            text!("1 to 100", "1 到 100"),
            text!("all cells once, then all again: a server that drifts shows", "全部测完一遍再重来：可看出漂移"),
        ],
        Field::Range => [
            text!("where the search begins, and what it never passes", "搜索的起点与上限"),
            OF_PROFILE,
            text!("1..256 users, or 0.5..64/s", "1..256 用户，或 0.5..64/s"),
            text!(
                "doubles until goals are missed, then halves the interval; takes the place of load",
                "倍增至未达标，再折半；取代负载字段"
            ),
        ],
        Field::StepTime => [
            text!("seconds that every step sends", "每步发送的秒数"),
            text!("30 s", "30 s"),
            text!("above 0, up to a day", "大于 0，至多一天"),
            text!("long enough for a queue to show; requests of until make a step longer", "须足以显出排队；直到字段的请求数会延长每步"),
        ],
        Field::Knee => [
            text!("go on past the goals until throughput stops to rise", "超过目标后继续，直到吞吐不再上升"),
            text!("no", "no"),
            text!("no or yes", "no 或 yes"),
            text!("finds the knee as well; needs no goals", "同时找出拐点；可不设目标"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_explained_in_both_languages() {
        for field in Field::ALL {
            let explained = explained(field);
            assert_eq!(explained.rows.len(), 4);
            assert!(!explained.title.en.is_empty() && !explained.title.zh.is_empty(), "{field:?}");
            for (_, said) in explained.rows {
                assert!(!said.en.is_empty() && !said.zh.is_empty() && said.en.len() < 200, "{field:?}: {}", said.en);
            }
        }
    }
}
