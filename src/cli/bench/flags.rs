//! From flags to a spec: the profile (if any), changed by the flags that were given.

use crate::{
    base::{Problem, ids::slug},
    bench::spec::{Endpoint, Form, Launcher, Load, Mix, Prompts, Random, Route, SaveTokens, Slo, Spec, Workers},
    cli::args::{BenchMatrix, BenchRun, BenchSearch, LoadFlags, TargetFlags},
    said,
    workspace::{Workspace, profiles},
};
use std::path::{Path, PathBuf};

impl BenchRun {
    /// The load test these arguments ask for.
    ///
    /// # Errors
    /// A profile that cannot be read or is a series, a flag's value that makes no sense, no server.
    pub fn spec(&self, workspace: &Workspace) -> Result<Spec, Problem> {
        let mut spec = of_profile(workspace, self.profile.as_deref())?;
        let series = if spec.matrix.is_some() { Some("matrix") } else { spec.search.map(|_| "search") };
        if let (Some(series), Some(profile)) = (series, &self.profile) {
            return Err(Problem::bad_input(
                "bench.series_profile",
                said!("the profile {profile} is a {series}, not one run", "配置 {profile} 是 {series}，不是单次压测"),
            )
            .fix(said!("use dcudeck bench {series} {profile}", "请使用 dcudeck bench {series} {profile}")));
        }
        target(&mut spec, &self.target)?;
        load(&mut spec, &self.load)?;
        if let Some(count) = self.workers {
            let launcher = if self.launcher.as_deref() == Some("local") { Launcher::Local } else { Launcher::Slurm };
            spec.workers = Some(Workers { count, launcher, srun_args: self.srun_args.clone() });
        }
        with_server(spec)
    }
}

impl BenchMatrix {
    /// The matrix these arguments ask for.
    ///
    /// # Errors
    /// As [`BenchRun::spec`]; a profile that is no matrix.
    pub fn spec(&self, workspace: &Workspace) -> Result<Spec, Problem> {
        let mut spec = of_profile(workspace, self.profile.as_deref())?;
        target(&mut spec, &self.target)?;
        let Some(matrix) = &mut spec.matrix else { return Err(other_kind(self.profile.as_deref(), "matrix", spec.search.is_some())) };
        put_list(&mut matrix.input_len, &self.input_len);
        put_list(&mut matrix.output_len, &self.output_len);
        if !self.concurrency.is_empty() || !self.rate.is_empty() {
            (matrix.concurrency, matrix.rate) = (self.concurrency.clone(), self.rate.clone());
        }
        put(&mut matrix.repeats, self.repeats);
        with_server(spec)
    }
}

impl BenchSearch {
    /// The search these arguments ask for.
    ///
    /// # Errors
    /// As [`BenchRun::spec`]; a profile that is no search.
    pub fn spec(&self, workspace: &Workspace) -> Result<Spec, Problem> {
        let mut spec = of_profile(workspace, self.profile.as_deref())?;
        target(&mut spec, &self.target)?;
        goals(&mut spec.slo, &self.goodput)?;
        let Some(search) = &mut spec.search else { return Err(other_kind(self.profile.as_deref(), "search", spec.matrix.is_some())) };
        put(&mut search.from, self.from);
        put(&mut search.to, self.to);
        put(&mut search.step_s, self.step);
        search.to_saturation |= self.to_saturation;
        with_server(spec)
    }
}

fn of_profile(workspace: &Workspace, name: Option<&str>) -> Result<Spec, Problem> {
    let Some(name) = name else { return Ok(Spec::default()) };
    let mut spec: Spec = profiles::load(workspace, "bench", name)?;
    if spec.name == Spec::default().name {
        spec.name = slug(name.rsplit('/').next().unwrap_or(name).trim_end_matches(".yaml"));
    }
    Ok(spec)
}

fn other_kind(profile: Option<&str>, wanted: &'static str, is_other: bool) -> Problem {
    let profile = profile.unwrap_or_default();
    let command = match (wanted, is_other) {
        ("matrix", true) => "search",
        ("search", true) => "matrix",
        _ => "run",
    };
    Problem::bad_input("bench.series_profile", said!("the profile {profile} has no {wanted}", "配置 {profile} 中没有 {wanted}"))
        .field(wanted)
        .fix(said!("use dcudeck bench {command} {profile}", "请使用 dcudeck bench {command} {profile}"))
}

fn with_server(spec: Spec) -> Result<Spec, Problem> {
    if spec.target.url.is_empty() && (spec.routes.is_empty() || spec.routes.iter().any(|route| route.url.is_none())) {
        return Err(Problem::bad_input("bench.no_url", said!("no server given", "未指定服务"))
            .field("--url")
            .fix(said!("give its base URL, such as --url http://127.0.0.1:8000", "请给出基础地址，如 --url http://127.0.0.1:8000")));
    }
    Ok(spec)
}

/// A flag that was given takes the field's place.
fn put<T>(field: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *field = value;
    }
}

fn put_list<T: Clone>(field: &mut Vec<T>, flag: &[T]) {
    if !flag.is_empty() {
        *field = flag.to_vec();
    }
}

/// Workers run elsewhere: relative paths would mean something else there.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The flags of the server, in the order of [`TargetFlags`].
fn target(spec: &mut Spec, flags: &TargetFlags) -> Result<(), Problem> {
    let target = &mut spec.target;
    put(&mut target.url, flags.url.clone());
    put_list(&mut target.more_urls, &flags.more_urls);
    put(&mut target.model, flags.model.clone().map(Some));
    put(&mut target.endpoint, flags.endpoint.as_deref().map(|api| if api == "chat" { Endpoint::Chat } else { Endpoint::Completions }));
    put(&mut target.api_key_file, flags.api_key_file.as_deref().map(|file| Some(absolute(file))));
    for header in &flags.headers {
        let (name, value) = header.split_once(':').ok_or_else(|| {
            wrong("--header", header, said!("a header is NAME:VALUE, such as X-Team:eye", "请求头写作 名称:值，如 X-Team:eye"))
        })?;
        target.headers.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    if let Some(text) = &flags.extra_body {
        let fields = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).map_err(|error| {
            wrong(
                "--extra-body",
                text,
                said!(
                    "it is no JSON object: {error}; for example '{{\"top_k\": 20}}'",
                    "不是 JSON 对象：{error}；例如 '{{\"top_k\": 20}}'"
                ),
            )
        })?;
        target.extra_body.extend(fields);
    }
    put(&mut target.ca_file, flags.ca_file.as_deref().map(|file| Some(absolute(file))));
    target.http2 |= flags.http2;
    if !flags.routes.is_empty() {
        spec.routes = flags.routes.iter().map(|text| route(text)).collect::<Result<_, _>>()?;
        spec.mix = Mix::Weighted;
    }
    if flags.paired {
        spec.mix = Mix::Paired;
    }
    Ok(())
}

/// The flags of the load, in the order of [`LoadFlags`].
fn load(spec: &mut Spec, flags: &LoadFlags) -> Result<(), Problem> {
    put(&mut spec.load, arrivals(flags)?);
    put(&mut spec.max_concurrency, flags.max_concurrency.map(Some));
    if flags.requests.is_some() || flags.duration.is_some() {
        (spec.requests, spec.duration_s) = (flags.requests, flags.duration);
    }
    put(&mut spec.warmup, flags.warmup);
    prompts(&mut spec.prompts, flags)?;
    spec.cold |= flags.cold;
    put(&mut spec.output_len, flags.output_len);
    spec.ignore_eos &= !flags.respect_eos;
    put(&mut spec.seed, flags.seed);
    put(&mut spec.limits.max_error_rate_pct, flags.max_error_rate);
    goals(&mut spec.slo, &flags.goodput)?;
    put(
        &mut spec.save_tokens,
        flags.save_tokens.as_deref().map(|whose| match whose {
            "all" => SaveTokens::All,
            "none" => SaveTokens::None,
            _ => SaveTokens::Sample,
        }),
    );
    Ok(())
}

fn arrivals(flags: &LoadFlags) -> Result<Option<Load>, Problem> {
    let gamma = match &flags.gamma {
        None => None,
        Some(text) => {
            let parts = text.split_once(':').and_then(|(rate, shape)| Some((number(rate)?, number(shape)?)));
            let Some((rate, burstiness)) = parts else {
                return Err(wrong("--gamma", text, said!("it is RATE:SHAPE, such as 4:0.5", "应为 速率:形状，如 4:0.5")));
            };
            Some(Load::Gamma { rate, burstiness })
        }
    };
    let trace = flags.trace.as_deref().map(|path| Load::Trace { path: absolute(path), speed: flags.speed.unwrap_or(1.0) });
    Ok(flags.concurrency.map(Load::Concurrency).or(flags.rate.map(Load::Rate)).or(flags.poisson.map(Load::Poisson)).or(gamma).or(trace))
}

fn prompts(prompts: &mut Prompts, flags: &LoadFlags) -> Result<(), Problem> {
    if let Some(path) = &flags.prompts {
        *prompts = Prompts::File { path: absolute(path), multi_turn: flags.multi_turn };
        return Ok(());
    }
    if flags.multi_turn {
        let Prompts::File { multi_turn, .. } = prompts else {
            return Err(wrong("--multi-turn", "", said!("it is about the prompts of a file", "仅用于文件提示词")).fix(said!(
                "give the file with --prompts; random conversations have --turns",
                "请用 --prompts 指定文件；随机对话用 --turns"
            )));
        };
        *multi_turn = true;
    }
    let any = flags.input_len.is_some()
        || [flags.range_ratio, flags.prefix_ratio].iter().any(Option::is_some)
        || [flags.prefix_groups, flags.turns].iter().any(Option::is_some)
        || flags.form.is_some()
        || flags.tokenizer.is_some();
    if !any {
        return Ok(());
    }
    let mut random = match prompts {
        Prompts::Random(random) => random.clone(),
        Prompts::File { .. } => Random::of(Prompts::default().input_len().unwrap_or(128)),
    };
    put(&mut random.input_len, flags.input_len);
    put(&mut random.range_ratio, flags.range_ratio);
    put(&mut random.prefix_ratio, flags.prefix_ratio);
    put(&mut random.prefix_groups, flags.prefix_groups);
    put(&mut random.turns, flags.turns);
    put(
        &mut random.form,
        flags.form.as_deref().map(|form| match form {
            "ids" => Form::Ids,
            "text" => Form::Text,
            _ => Form::Auto,
        }),
    );
    put(&mut random.tokenizer, flags.tokenizer.as_deref().map(|file| Some(absolute(file))));
    *prompts = Prompts::Random(random);
    Ok(())
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0)
}

fn wrong(flag: &'static str, text: &str, message: crate::base::Said) -> Problem {
    let problem = Problem::bad_input("bench.flag", message);
    if text.is_empty() { problem.field(flag) } else { problem.field(format!("{flag} {text}")) }
}

/// `metric:ms`, as vLLM's `--goodput` takes it.
fn goals(slo: &mut Slo, flags: &[String]) -> Result<(), Problem> {
    for goal in flags {
        let bad = || {
            Problem::bad_input("bench.bad_goal", said!("{goal} is not METRIC:MS", "{goal} 不是 指标:毫秒"))
                .field("--goodput")
                .fix(said!("metrics are ttft, tpot, itl, e2el; for example ttft:500", "指标为 ttft、tpot、itl、e2el；例如 ttft:500"))
        };
        let (metric, ms) = goal.split_once(':').ok_or_else(bad)?;
        let ms = number(ms).ok_or_else(bad)?;
        *match metric {
            "ttft" => &mut slo.ttft_ms,
            "tpot" => &mut slo.tpot_ms,
            "itl" => &mut slo.itl_ms,
            "e2el" => &mut slo.e2el_ms,
            _ => return Err(bad()),
        } = Some(ms);
    }
    Ok(())
}

/// `NAME[=MODEL[@URL]][:WEIGHT]`; without a model or a URL the target's. A number after a URL's host is its port, after its port or path
/// the weight.
fn route(text: &str) -> Result<Route, Problem> {
    let bad = || {
        wrong(
            "--route",
            text,
            said!(
                "a route is NAME[=MODEL[@URL]][:WEIGHT], such as base=qwen:2 or b=qwen@http://127.0.0.1:8001",
                "路由写作 NAME[=MODEL[@URL]][:WEIGHT]，如 base=qwen:2 或 b=qwen@http://127.0.0.1:8001"
            ),
        )
    };
    let (name, rest) = text.split_once('=').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let weighted = |text: &str| text.rsplit_once(':').and_then(|(front, weight)| Some((front.to_owned(), number(weight)?)));
    let (name, model, url, weight) = match rest {
        None => {
            let (name, weight) = weighted(name).unwrap_or((name.to_owned(), 1.0));
            (name, None, None, weight)
        }
        Some(rest) => match rest.split_once('@') {
            None => {
                let (model, weight) = weighted(rest).unwrap_or((rest.to_owned(), 1.0));
                (name.to_owned(), Some(model), None, weight)
            }
            Some((model, url)) => {
                let after_scheme = url.find("://").map_or(0, |at| at + 3);
                let host_ends = url.get(after_scheme..).and_then(|rest| rest.find(']')).map_or(after_scheme, |at| after_scheme + at);
                let has_weight = url.get(host_ends..).is_some_and(|rest| {
                    let colons = rest.matches(':').count();
                    colons > 1 || (colons == 1 && rest.find('/').is_some_and(|slash| rest.find(':').is_some_and(|colon| slash < colon)))
                });
                let (url, weight) = if has_weight { weighted(url).ok_or_else(bad)? } else { (url.to_owned(), 1.0) };
                (name.to_owned(), Some(model.to_owned()), Some(url), weight)
            }
        },
    };
    if name.is_empty() || url.as_deref() == Some("") {
        return Err(bad());
    }
    Ok(Route { name, url, model: model.filter(|model| !model.is_empty()), weight })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_taken_apart_whatever_of_it_is_given() {
        for (text, name, model, url, weight) in [
            ("base", "base", None, None, 1.0),
            ("base:3", "base", None, None, 3.0),
            ("a=eye-07", "a", Some("eye-07"), None, 1.0),
            ("a=eye-07:0.5", "a", Some("eye-07"), None, 0.5),
            ("a=m@http://h:8000", "a", Some("m"), Some("http://h:8000"), 1.0),
            ("a=m@http://h:8000:2", "a", Some("m"), Some("http://h:8000"), 2.0),
            ("a=m@http://h/x:2", "a", Some("m"), Some("http://h/x"), 2.0),
            ("a=@http://[::1]:8000:4", "a", None, Some("http://[::1]:8000"), 4.0),
            ("a=@http://[::1]:8000", "a", None, Some("http://[::1]:8000"), 1.0),
        ] {
            let route = route(text).expect(text);
            assert_eq!((route.name.as_str(), route.model.as_deref(), route.url.as_deref()), (name, model, url), "{text}");
            assert!((route.weight - weight).abs() < 1e-9, "{text}: {}", route.weight);
        }
        for text in ["", "=m", "a=m@", "a=m@http://h:8000:many"] {
            assert!(route(text).is_err(), "{text}");
        }
    }
}
