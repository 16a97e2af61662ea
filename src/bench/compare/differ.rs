//! What makes two results not quite comparable, in sentences.

use super::sides::{Side, What};
use crate::{
    base::Said,
    bench::{
        live::Cache,
        record::Class,
        report::figures::number,
        results::{Header, StoppedBy, Usage},
        spec::{Load, Prompts, Spec},
        summary::Summary,
    },
    said,
};

/// One sentence a difference; `a` is the base.
pub(super) fn differences(a: &Side, b: &Side) -> Vec<Said> {
    let mut found = Vec::new();
    match (&a.what, &b.what) {
        (What::Run(x, header_x), What::Run(y, header_y)) => {
            asked(&x.profile, &y.profile, (&x.model_id, &y.model_id), &mut found);
            measured(x, y, &mut found);
            if let (Some(x), Some(y)) = (header_x, header_y) {
                machines(x, y, &mut found);
            }
        }
        (What::Series(x), What::Series(y)) => {
            let keys = |series: &crate::bench::live::Series| series.cells.iter().map(|c| c.key.clone()).collect::<Vec<_>>();
            let (x, y) = (keys(x), keys(y));
            let only = |these: &[String], those: &[String]| these.iter().filter(|k| !those.contains(k)).count();
            let (in_a, in_b) = (only(&x, &y), only(&y, &x));
            if in_a + in_b > 0 {
                found.push(said!(
                    "{in_a} cells are only in the base and {in_b} only in the other: they are left out",
                    "{in_a} 个单元只在基准中，{in_b} 个只在另一方中：未参与比较"
                ));
            }
        }
        _ => {}
    }
    tools(a, b, &mut found);
    found
}

fn tools(a: &Side, b: &Side, found: &mut Vec<Said>) {
    let definitions = |side: &Side| match &side.what {
        What::Run(summary, _) => summary.definitions.clone(),
        What::Imported(imported) => imported.definitions.clone(),
        What::Series(_) => "dcudeck/1".to_owned(),
    };
    let (x, y) = (definitions(a), definitions(b));
    if x != y {
        found.push(said!("the figures follow different formulas: {x} and {y}", "两个结果的指标定义不同：{x} 与 {y}"));
    }
    for side in [a, b] {
        if let What::Imported(imported) = &side.what {
            found.extend(imported.notes.iter().map(|note| Said::same(format!("{}: {note}", imported.source))));
        }
    }
    let model = |side: &Side| match &side.what {
        What::Run(summary, _) => Some(summary.model_id.clone()),
        What::Imported(imported) => Some(imported.model.clone()),
        What::Series(_) => None,
    };
    if !matches!((&a.what, &b.what), (What::Run(..), What::Run(..)))
        && let (Some(x), Some(y)) = (model(a), model(b))
        && x != y
    {
        found.push(said!("another model: {x} and {y}", "模型不同：{x} 与 {y}"));
    }
}

/// What was asked for.
fn asked(a: &Spec, b: &Spec, models: (&str, &str), found: &mut Vec<Said>) {
    let mut differ = |name: (&str, &str), x: String, y: String| {
        if x != y {
            found.push(Said { en: format!("another {}: {x} and {y}", name.0), zh: format!("{}不同：{x} 与 {y}", name.1) });
        }
    };
    differ(("model", "模型"), models.0.to_owned(), models.1.to_owned());
    differ(("API", "接口"), word(&a.target.endpoint), word(&b.target.endpoint));
    differ(("server", "服务地址"), a.target.url.clone(), b.target.url.clone());
    differ(("load", "负载"), load(a), load(b));
    differ(("prompt", "提示"), prompts(&a.prompts), prompts(&b.prompts));
    differ(("answer length", "输出长度"), tokens(a), tokens(b));
    let routes = |spec: &Spec| spec.routes.iter().map(|r| r.name.clone()).collect::<Vec<_>>().join("+");
    differ(("mix of routes", "路由组合"), routes(a), routes(b));
    differ(("warm-up", "预热"), a.warmup.to_string(), b.warmup.to_string());
    let cold = |spec: &Spec| if spec.cold { "prompts no server has seen" } else { "prompts that may be cached" }.to_owned();
    differ(("cache guard", "缓存保护"), cold(a), cold(b));
    let extra = |spec: &Spec| serde_json::to_string(&spec.target.extra_body).unwrap_or_default();
    differ(("set of extra fields", "附加字段"), extra(a), extra(b));
    if a.seed != b.seed {
        let (x, y) = (a.seed, b.seed);
        found.push(said!("other prompts and arrivals: seeds {x} and {y}", "提示与到达不同：种子 {x} 与 {y}"));
    }
}

/// What came out.
fn measured(a: &Summary, b: &Summary, found: &mut Vec<Said>) {
    for (side, which) in [(a, ("base", "基准")), (b, ("other", "另一方"))] {
        let (en, zh) = which;
        if side.client_limited {
            let why = side.limited_by.join("; ");
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            found.push(Said {
                en: format!("the figures of the {en} are about its client{why}"),
                zh: format!("{zh}的指标反映的是客户端{why}"),
            });
        }
        let cut = match side.stopped_by {
            StoppedBy::Requests | StoppedBy::Duration => None,
            StoppedBy::Stop | StoppedBy::Drain | StoppedBy::Signal => Some(("was stopped before its end", "被提前停止")),
            StoppedBy::ErrorRate => Some(("was ended by its failures", "因失败过多而结束")),
            StoppedBy::Killed => Some(("was killed", "被强行终止")),
        };
        if let Some((why_en, why_zh)) = cut {
            found.push(Said { en: format!("the {en} {why_en}"), zh: format!("{zh}{why_zh}") });
        }
        if side.failed > 0 {
            let (failed, all) = (side.failed, side.completed + side.failed);
            let most = side.errors_by_class.iter().max_by_key(|(_, n)| **n).map_or(Class::Protocol.word(), |(class, _)| class.as_str());
            found.push(Said {
                en: format!("{failed} of {all} requests of the {en} failed (mostly {most}) and are in no latency"),
                zh: format!("{zh}的 {all} 个请求中有 {failed} 个失败（多为 {most}），不计入延迟"),
            });
        }
    }
    if a.cache != b.cache && a.cache != Cache::Unknown && b.cache != Cache::Unknown {
        let (x, y) = (word(&a.cache), word(&b.cache));
        found.push(said!("another state of the prefix cache: {x} and {y}", "前缀缓存状态不同：{x} 与 {y}"));
    }
    if (&a.client, &a.stamps, http2(a)) != (&b.client, &b.stamps, http2(b)) {
        let of = |s: &Summary| format!("{}/{}{}", s.client, s.stamps, if http2(s) { "/HTTP/2" } else { "" });
        let (x, y) = (of(a), of(b));
        found.push(said!("another client or stamps: {x} and {y}", "客户端或时间戳来源不同：{x} 与 {y}"));
    }
    if a.usage != b.usage && (a.usage == Usage::Continuous || b.usage == Usage::Continuous) {
        let (x, y) = (word(&a.usage), word(&b.usage));
        found.push(said!(
            "tokens per chunk are known in one only (usage {x} and {y}): TPOT and ITL differ where chunks hold several",
            "只有一方知道每块的 token 数（usage {x} 与 {y}）：一块含多个 token 时 TPOT 与 ITL 会不同"
        ));
    }
    let mean_output = |s: &Summary| (s.completed > 0).then(|| s.total_output_tokens as f64 / s.completed as f64);
    if let (Some(x), Some(y)) = (mean_output(a), mean_output(b))
        && (x - y).abs() > 0.05 * x.max(y)
    {
        let (x, y) = (number(x), number(y));
        found.push(said!("answers of another length: {x} and {y} tokens on average", "回答长度不同：平均 {x} 与 {y} 个 token"));
    }
}

fn machines(a: &Header, b: &Header, found: &mut Vec<Said>) {
    if a.epoch.host != b.epoch.host {
        let (x, y) = (&a.epoch.host, &b.epoch.host);
        found.push(said!("the client ran on another machine: {x} and {y}", "客户端所在机器不同：{x} 与 {y}"));
    }
    let versions = |h: &Header| {
        let said =
            h.setup.servers.iter().map(|s| [s.engine.as_deref(), s.version.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" "));
        said.collect::<Vec<_>>().join(", ")
    };
    let (x, y) = (versions(a), versions(b));
    if x != y && !x.is_empty() && !y.is_empty() {
        found.push(said!("another engine or version: {x} and {y}", "引擎或版本不同：{x} 与 {y}"));
    }
}

fn http2(s: &Summary) -> bool {
    s.protocol == "HTTP/2"
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn tokens(spec: &Spec) -> String {
    format!("{} tokens{}", spec.output_len, if spec.ignore_eos { "" } else { " at most" })
}

/// The load in a few words.
pub(in crate::bench) fn load(spec: &Spec) -> String {
    let cap = spec.max_concurrency.map_or_else(String::new, |cap| format!(", at most {cap} in flight"));
    let load = match &spec.load {
        Load::Concurrency(1) => "1 user".to_owned(),
        Load::Concurrency(users) => format!("{users} users"),
        Load::Rate(rate) => format!("{} req/s", number(*rate)),
        Load::Poisson(rate) => format!("{} req/s (Poisson)", number(*rate)),
        Load::Gamma { rate, burstiness } => format!("{} req/s (gamma, burstiness {})", number(*rate), number(*burstiness)),
        Load::Stages(stages) => format!("{} stages", stages.len()),
        Load::Trace { path, speed } => format!("trace {} x{}", path.display(), number(*speed)),
    };
    load + &cap
}

/// The prompts in a few words.
pub(in crate::bench) fn prompts(prompts: &Prompts) -> String {
    match prompts {
        Prompts::Random(random) => {
            let mut text = format!("{} random tokens", random.input_len);
            if random.range_ratio > 0.0 {
                text += &format!(" ±{} %", number(random.range_ratio * 100.0));
            }
            if random.prefix_ratio > 0.0 {
                text += &format!(", {} % shared by {} groups", number(random.prefix_ratio * 100.0), random.prefix_groups);
            }
            if random.turns > 1 {
                text += &format!(", {} turns", random.turns);
            }
            text
        }
        Prompts::File { path, multi_turn } => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if *multi_turn { format!("{name}, turn by turn") } else { name }
        }
    }
}
