//! What a spec may say: every figure within bounds that make sense, fields that agree with each other.

use super::{Endpoint, Form, Load, Matrix, Mix, Prompts, Random, Search, Slo, Spec, Stage};
use crate::{
    base::{Problem, Said},
    said,
};
use std::collections::BTreeSet;

/// Most users.
const MOST_USERS: f64 = 65_536.0;
/// Requests per second.
const RATES: (f64, f64) = (0.001, 1_000_000.0);
/// Tokens of a prompt or an answer.
const MOST_TOKENS: f64 = 4_000_000.0;
/// Seconds a part of a run may last.
const MOST_S: f64 = 30.0 * 86_400.0;
/// Headers that are the client's own.
const OWN_HEADERS: [&str; 5] = ["host", "content-length", "content-type", "transfer-encoding", "connection"];
/// Fields of the body that the spec sets by other fields.
const OWN_FIELDS: [&str; 4] = ["model", "prompt", "messages", "stream"];

fn refuse(field: &str, message: Said) -> Problem {
    Problem::bad_input("bench.spec", message).field(field)
}

fn within(field: &str, value: f64, least: f64, most: f64) -> Result<(), Problem> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(refuse(field, said!("{value} is not between {least} and {most}", "{value} 不在 {least} 到 {most} 之间")))
}

fn lengths(field: &str, lengths: &[u32]) -> Result<(), Problem> {
    lengths.iter().try_for_each(|&tokens| within(field, f64::from(tokens), 1.0, MOST_TOKENS))
}

impl Spec {
    /// Whether this can be run at all: figures within bounds that make sense, fields that agree.
    ///
    /// # Errors
    /// The first field that cannot be, with what it may be.
    pub fn check(&self) -> Result<(), Problem> {
        load(&self.load)?;
        if let Some(most) = self.max_concurrency {
            within("max_concurrency", f64::from(most), 1.0, MOST_USERS)?;
        }
        if let Prompts::Random(of) = &self.prompts {
            random(of, self.target.endpoint)?;
        }
        lengths("output_len", &[self.output_len])?;
        if let Some(requests) = self.requests {
            within("requests", requests as f64, 1.0, 1e12)?;
        }
        if let Some(seconds) = self.duration_s {
            within("duration_s", seconds, 0.001, MOST_S)?;
        }
        let limits = &self.limits;
        for (field, seconds) in
            [("limits.connect_s", limits.connect_s), ("limits.first_token_s", limits.first_token_s), ("limits.stall_s", limits.stall_s)]
        {
            within(field, seconds, 0.001, 3_600.0)?;
        }
        within("limits.max_error_rate_pct", limits.max_error_rate_pct, 0.0, 100.0)?;
        let slo = &self.slo;
        for (field, goal) in
            [("slo.ttft_ms", slo.ttft_ms), ("slo.tpot_ms", slo.tpot_ms), ("slo.itl_ms", slo.itl_ms), ("slo.e2el_ms", slo.e2el_ms)]
        {
            goal.map_or(Ok(()), |ms| within(field, ms, 0.001, 3_600_000.0))?;
        }
        self.routes_agree()?;
        self.target_takes()?;
        if let Some(of) = &self.matrix {
            matrix(of, &self.load)?;
        }
        if let Some(of) = &self.search {
            search(of, slo)?;
        }
        if let Some(workers) = &self.workers {
            within("workers.count", f64::from(workers.count), 1.0, 4_096.0)?;
        }
        match self.share {
            Some(share) if share.index >= share.of => {
                let (index, of) = (share.index, share.of);
                Err(refuse(
                    "share",
                    said!("there is no part {index} of {of}; parts count from 0", "共 {of} 份，没有第 {index} 份（从 0 开始）"),
                ))
            }
            _ => Ok(()),
        }
    }

    fn routes_agree(&self) -> Result<(), Problem> {
        let mut names = BTreeSet::new();
        for route in &self.routes {
            let name = &route.name;
            if name.trim().is_empty() {
                return Err(refuse("routes.name", said!("every route needs a name", "每条路由都需要名称")));
            }
            if !names.insert(name) {
                return Err(refuse(
                    "routes.name",
                    said!("two routes are named {name}; give each its own", "有两条路由同名：{name}；请分别命名"),
                ));
            }
            within("routes.weight", route.weight, 0.0, 1e9)?;
        }
        if self.mix == Mix::Paired && self.routes.len() < 2 {
            return Err(refuse("mix", said!("paired needs two routes or more", "paired 需要至少两条路由")));
        }
        if !self.routes.is_empty() && self.routes.iter().all(|route| route.weight <= 0.0) {
            return Err(refuse("routes.weight", said!("one route at least needs a weight above 0", "至少一条路由的权重须大于 0")));
        }
        Ok(())
    }

    /// Headers and body fields that are the user's to set.
    fn target_takes(&self) -> Result<(), Problem> {
        for (name, value) in &self.target.headers {
            let field = format!("target.headers.{}", crate::base::clean(name));
            let field = field.trim_end_matches('.');
            if name.eq_ignore_ascii_case("authorization") {
                return Err(refuse(field, said!("a key does not belong in a profile", "密钥不应写入配置文件"))
                    .fix(said!("give the key in DCUDECK_API_KEY", "请通过 DCUDECK_API_KEY 提供密钥")));
            }
            if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                return Err(refuse(field, said!("the client sets this header itself; leave it out", "该请求头由客户端自行设置，请删除")));
            }
            // RFC 9110, 5.6.2.
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if name.is_empty() || !name.bytes().all(token) {
                return Err(refuse(
                    field,
                    said!("a header's name is of letters, digits and - only; correct it", "请求头名称只能含字母、数字与 -，请更正"),
                ));
            }
            if value.chars().any(char::is_control) {
                return Err(refuse(
                    field,
                    said!("the value has a line break or another control character; remove it", "值中含有换行或其他控制字符，请删除"),
                ));
            }
        }
        if let Some(name) = OWN_FIELDS.iter().find(|name| self.target.extra_body.contains_key(**name)) {
            return Err(refuse(
                &format!("target.extra_body.{name}"),
                said!("the client sets this field itself; leave it out", "该字段由客户端自行设置，请删除"),
            ));
        }
        Ok(())
    }
}

fn load(load: &Load) -> Result<(), Problem> {
    if let Load::Stages(stages) = load {
        return all_one_kind(stages);
    }
    if let Some(users) = load.users() {
        within("concurrency", f64::from(users), 1.0, MOST_USERS)?;
    }
    if let Some(rate) = load.rate() {
        within("rate", rate, RATES.0, RATES.1)?;
    }
    match load {
        Load::Gamma { burstiness, .. } => within("burstiness", *burstiness, 0.001, 1_000_000.0),
        Load::Trace { speed, .. } => within("speed", *speed, 0.001, 1_000_000.0),
        _ => Ok(()),
    }
}

fn all_one_kind(stages: &[Stage]) -> Result<(), Problem> {
    let Some(first) = stages.first() else {
        return Err(refuse("stages", said!("a load in stages needs one at least", "分阶段负载至少需要一个阶段")));
    };
    for stage in stages {
        if stage.concurrency.is_some() == stage.rate.is_some() {
            return Err(refuse(
                "stages",
                said!("each stage needs concurrency or rate, one of the two", "每个阶段须在 concurrency 与 rate 中选其一"),
            ));
        }
        if stage.concurrency.is_some() != first.concurrency.is_some() {
            return Err(refuse(
                "stages",
                said!("stages of users and of a rate do not mix; use one kind", "阶段不能混用 concurrency 与 rate，请统一"),
            ));
        }
        stage.concurrency.map_or(Ok(()), |users| within("stages.concurrency", f64::from(users), 1.0, MOST_USERS))?;
        stage.rate.map_or(Ok(()), |rate| within("stages.rate", rate, RATES.0, RATES.1))?;
        within("stages.duration_s", stage.duration_s, 0.001, MOST_S)?;
    }
    Ok(())
}

fn random(random: &Random, endpoint: Endpoint) -> Result<(), Problem> {
    lengths("input_len", &[random.input_len])?;
    if !(0.0..1.0).contains(&random.range_ratio) {
        let ratio = random.range_ratio;
        return Err(refuse("range_ratio", said!("{ratio} is not at least 0 and below 1", "{ratio} 不在 0（含）到 1（不含）之间")));
    }
    within("prefix_ratio", random.prefix_ratio, 0.0, 1.0)?;
    within("prefix_groups", f64::from(random.prefix_groups), 1.0, 1e9)?;
    within("turns", f64::from(random.turns), 1.0, 10_000.0)?;
    if random.form == Form::Ids && endpoint == Endpoint::Chat {
        return Err(refuse(
            "form",
            said!(
                "token ids are for completions only; use text, or endpoint: completions",
                "ids 仅用于 completions；请改用 text 或 endpoint: completions"
            ),
        ));
    }
    Ok(())
}

fn matrix(matrix: &Matrix, load: &Load) -> Result<(), Problem> {
    if matches!(load, Load::Trace { .. }) {
        return Err(refuse("matrix", said!("a trace has its own loads; leave the matrix out", "trace 自带负载，请删除 matrix")));
    }
    if matrix.concurrency.is_empty() == matrix.rate.is_empty() {
        return Err(refuse("matrix", said!("give concurrency or rate, one of the two", "请在 concurrency 与 rate 中选其一")));
    }
    lengths("matrix.input_len", &matrix.input_len)?;
    lengths("matrix.output_len", &matrix.output_len)?;
    matrix.concurrency.iter().try_for_each(|&users| within("matrix.concurrency", f64::from(users), 1.0, MOST_USERS))?;
    matrix.rate.iter().try_for_each(|&rate| within("matrix.rate", rate, RATES.0, RATES.1))?;
    within("matrix.repeats", f64::from(matrix.repeats), 1.0, 1_000.0)?;
    within("matrix.requests_per_user", f64::from(matrix.requests_per_user), 1.0, 1_000_000.0)?;
    within("matrix.drain_s", matrix.drain_s, 0.0, 86_400.0)
}

fn search(search: &Search, slo: &Slo) -> Result<(), Problem> {
    // Without goals the only end of a search is the server's own.
    if *slo == Slo::default() && !search.to_saturation {
        return Err(refuse("search", said!("a search needs goals; set slo", "search 需要目标，请设置 slo")));
    }
    within("search.from", search.from, RATES.0, RATES.1)?;
    within("search.to", search.to, search.from, RATES.1)?;
    within("search.within_pct", search.within_pct, 0.01, 100.0)?;
    within("search.step_s", search.step_s, 0.001, 86_400.0)?;
    within("search.drain_s", search.drain_s, 0.0, 86_400.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Spec {
        serde_json::from_str::<Spec>(text).expect(text)
    }

    #[test]
    fn a_figure_that_cannot_be_is_named_with_its_bounds() {
        assert!(spec(r#"{"load": {"concurrency": 4}}"#).check().is_ok());
        for (text, field) in [
            (r#"{"load": {"concurrency": 0}}"#, "concurrency: 0"),
            (r#"{"load": {"rate": -1.0}}"#, "rate: -1"),
            (r#"{"load": {"rate": 1.0}, "output_len": 0}"#, "output_len: 0"),
            (r#"{"load": {"rate": 1.0}, "prompts": {"random": {"input_len": 0}}}"#, "input_len: 0"),
            (r#"{"load": {"rate": 1.0}, "limits": {"stall_s": 0.0}}"#, "limits.stall_s: 0"),
            (r#"{"load": {"rate": 1.0}, "slo": {"ttft_ms": -3.0}}"#, "slo.ttft_ms: -3"),
            (r#"{"load": {"rate": 1.0}, "duration_s": 0.0}"#, "duration_s: 0"),
            (r#"{"load": {"rate": 1.0}, "max_concurrency": 0}"#, "max_concurrency: 0"),
            (r#"{"load": {"gamma": {"rate": 1.0, "burstiness": 0.0}}}"#, "burstiness: 0"),
            (r#"{"load": {"trace": {"path": "x", "speed": 0.0}}}"#, "speed: 0"),
        ] {
            let problem = spec(text).check().expect_err(text).to_string();
            assert!(problem.starts_with(field), "{problem}");
        }
        assert!(serde_json::from_str::<Spec>(r#"{"load": {"rate": 1.0}, "usres": 3}"#).is_err());
    }

    /// The first sentence of what is wrong with a spec that has these fields besides a load of one user.
    fn wrong(fields: &str) -> Option<String> {
        let load = if fields.contains("\"load\"") { String::new() } else { r#""load": {"concurrency": 1},"#.to_owned() };
        spec(&format!("{{{load} {fields}}}")).check().err().map(|problem| problem.to_string())
    }

    #[test]
    fn fields_that_do_not_agree_are_named() {
        for (fields, field) in [
            (r#""load": {"stages": []}"#, "stages: "),
            (r#""load": {"stages": [{"duration_s": 1.0}]}"#, "stages: "),
            (r#""load": {"stages": [{"concurrency": 1, "rate": 1.0, "duration_s": 1.0}]}"#, "stages: "),
            (r#""load": {"stages": [{"concurrency": 1, "duration_s": 1.0}, {"rate": 1.0, "duration_s": 1.0}]}"#, "stages: "),
            (r#""load": {"stages": [{"concurrency": 1, "duration_s": 0.0}]}"#, "stages.duration_s: 0"),
            (r#""matrix": {}"#, "matrix: "),
            (r#""matrix": {"concurrency": [1], "rate": [1.0]}"#, "matrix: "),
            (r#""matrix": {"concurrency": [0]}"#, "matrix.concurrency: 0"),
            (r#""load": {"trace": {"path": "x"}}, "matrix": {"concurrency": [1]}"#, "matrix: "),
            (r#""search": {"over": "rate"}"#, "search: "),
            (r#""slo": {"ttft_ms": 1.0}, "search": {"over": "rate", "from": 2.0, "to": 1.0}"#, "search.to: 1"),
            (r#""prompts": {"random": {"input_len": 1, "prefix_ratio": 1.5}}"#, "prefix_ratio: 1.5"),
            (r#""prompts": {"random": {"input_len": 1, "range_ratio": 1.0}}"#, "range_ratio: 1"),
            (r#""prompts": {"random": {"input_len": 1, "turns": 0}}"#, "turns: 0"),
            (r#""prompts": {"random": {"input_len": 1, "prefix_groups": 0}}"#, "prefix_groups: 0"),
            (r#""target": {"endpoint": "chat"}, "prompts": {"random": {"input_len": 1, "form": "ids"}}"#, "form: "),
            (r#""routes": [{"name": "a"}, {"name": "a"}]"#, "routes.name: "),
            (r#""routes": [{"name": ""}]"#, "routes.name: "),
            (r#""routes": [{"name": "a", "weight": -1.0}]"#, "routes.weight: -1"),
            (r#""routes": [{"name": "a", "weight": 0.0}]"#, "routes.weight: "),
            (r#""routes": [{"name": "a"}], "mix": "paired""#, "mix: "),
            (r#""target": {"extra_body": {"stream": false}}"#, "target.extra_body.stream: "),
            (r#""target": {"headers": {"HOST": "a"}}"#, "target.headers.HOST: "),
            (r#""target": {"headers": {"": "a"}}"#, "target.headers: "),
            (r#""target": {"headers": {"a b": "a"}}"#, "target.headers.a b: "),
            (r#""target": {"headers": {"a": "b\r\nHost: c"}}"#, "target.headers.a: "),
            (r#""workers": {"count": 0}"#, "workers.count: 0"),
            (r#""share": {"index": 2, "of": 2}"#, "share: "),
        ] {
            let problem = wrong(fields).expect(fields);
            assert!(problem.starts_with(field), "{fields}: {problem}");
        }
        for fields in [
            r#""search": {"over": "rate", "to_saturation": true}"#,
            r#""routes": [{"name": "a", "weight": 0.0}, {"name": "b"}]"#,
            r#""target": {"headers": {"X-Team": "a b"}, "extra_body": {"top_k": 1}}"#,
            r#""load": {"stages": [{"rate": 1.0, "duration_s": 1.0}, {"rate": 2.0, "duration_s": 1.0, "ramp": true}]}"#,
        ] {
            assert_eq!(wrong(fields), None, "{fields}");
        }
    }

    #[test]
    fn a_key_among_the_headers_is_refused_with_where_it_belongs() {
        let problem = wrong(r#""target": {"headers": {"authorization": "Bearer sk-1"}}"#).expect("refused");
        assert!(problem.contains("DCUDECK_API_KEY") && !problem.contains("sk-1"), "{problem}");
    }
}
