//! The servers under test: what is found out about them before any load, and the bytes of the requests they get.

mod ask;
mod body;
mod count;
mod url;

pub use url::Url;

use super::{
    client::Door,
    prompts::{Material, Prompt, Prompts, Words},
    record::Class,
    results::{RouteSetup, Usage},
    schedule,
    spec::{self, Endpoint, Spec},
};
use crate::{
    base::{Problem, Secret},
    openai::ApiError,
    said,
};
use ask::{Answer, Asked};
use body::Body;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

/// How long a server may take for its list of models.
const MODELS_WITHIN: Duration = Duration::from_secs(30);

/// One of the base URLs that are loaded.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// The address that answered.
    pub(super) to: SocketAddr,
    /// The base URL as it was given.
    pub(super) url: String,
    /// https: the way to it, which only the general client takes.
    door: Option<Door>,
    /// Path before `/v1`.
    prefix: String,
    /// Headers of every request to it.
    common: String,
    models: Vec<Model>,
}

/// A route found: what it loads and where.
#[derive(Debug, Clone)]
struct Lane {
    setup: RouteSetup,
    /// Which of the addresses it goes to, in turn.
    addresses: Vec<u16>,
}

/// The servers, ready to be loaded.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Model name of the first route.
    pub(super) model: String,
    /// Least context length of the routes, tokens.
    pub(super) max_model_len: Option<u64>,
    /// How the servers count tokens in their streams: the least of them.
    pub(super) usage: Usage,
    addresses: Vec<Address>,
    lanes: Vec<Lane>,
    endpoint: Endpoint,
    ignore_eos: bool,
    extra_body: Map<String, Value>,
    material: Arc<Material>,
}

/// The key of a spec: its file, else `DCUDECK_API_KEY`, else `OPENAI_API_KEY`.
pub(super) fn api_key(target: &spec::Target) -> Result<Option<Secret>, Problem> {
    let key = match &target.api_key_file {
        None => Secret::from_env(&["DCUDECK_API_KEY", "OPENAI_API_KEY"]),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Problem::bad_input("bench.key_unreadable", said!("the API key cannot be read: {error}", "无法读取 API 密钥：{error}"))
                    .file(path)
            })?;
            Some(Secret::new(&text))
        }
    };
    if key.as_ref().is_some_and(|key| key.reveal().is_empty() || key.reveal().chars().any(|c| !c.is_ascii_graphic())) {
        return Err(Problem::bad_input(
            "bench.key_malformed",
            said!("the API key is empty or has characters that no header can carry", "API 密钥为空或含有请求头不允许的字符"),
        ));
    }
    Ok(key)
}

impl Target {
    /// Finds every server, its models, and how it counts tokens: lists the models and sends one small request of the kind to come to
    /// each route at each of its addresses. A server that refuses `continuous_usage_stats` (400) is asked without, then without any usage.
    ///
    /// # Errors
    /// Bad URL, nobody there, model not served, prompt too long for it, or whatever the server refuses the small request for: one
    /// sentence, before any load.
    pub(super) fn find(spec: &Spec, key: Option<&Secret>, stop: &AtomicBool) -> Result<Self, Problem> {
        let connect = Duration::from_secs_f64(spec.limits.connect_s);
        let mut addresses: Vec<Address> = Vec::new();
        for text in spec.urls() {
            let url = Url::parse(text)?;
            if spec.target.http2 {
                return Err(Problem::bad_input(
                    "bench.http2",
                    said!("{text}: load tests speak HTTP/1.1 only, with TLS or without", "{text}：压测仅支持 HTTP/1.1（可带 TLS）"),
                )
                .field("target.http2")
                .fix(said!("leave http2 out", "请去掉 http2")));
            }
            addresses.push(Address::find(&url, spec, &Asked { url: text, key, stop, connect })?);
        }
        let index = |url: &str| addresses.iter().position(|address| address.url == url).and_then(|at| u16::try_from(at).ok());
        let own = || std::iter::once(&spec.target.url).chain(&spec.target.more_urls).filter_map(|url| index(url)).collect::<Vec<_>>();
        let mut lanes = Vec::new();
        let mut max_model_len = None::<u64>;
        let single = [spec::Route { name: String::new(), url: None, model: None, weight: 1.0 }];
        for route in if spec.routes.is_empty() { &single[..] } else { &spec.routes } {
            let at = route.url.as_ref().map_or_else(own, |url| index(url).into_iter().collect());
            let mut model = route.model.clone().or_else(|| spec.target.model.clone());
            for address in at.iter().filter_map(|&at| addresses.get(usize::from(at))) {
                let (name, longest) = choose(&address.url, &address.models, model.as_deref())?;
                model = Some(name);
                max_model_len = max_model_len.into_iter().chain(longest).min();
            }
            let model = model.unwrap_or_default();
            let name = if route.name.is_empty() { model.clone() } else { route.name.clone() };
            let url = at.first().and_then(|&at| addresses.get(usize::from(at))).map(|address| address.url.clone()).unwrap_or_default();
            lanes.push(Lane { setup: RouteSetup { name, url, model }, addresses: at });
        }
        fits(spec, max_model_len)?;
        let mut target = Self {
            model: lanes.first().map(|lane| lane.setup.model.clone()).unwrap_or_default(),
            max_model_len,
            usage: Usage::Continuous,
            addresses,
            lanes,
            endpoint: spec.target.endpoint,
            ignore_eos: spec.ignore_eos,
            extra_body: spec.target.extra_body.clone(),
            material: Arc::new(Material::Ids),
        };
        target.material = Arc::new(Material::open(spec, |random| target.words(random, key, stop, connect))?);
        let nonce = schedule::mix(u64::from(std::process::id())).to_string();
        // Far beyond any number a run reaches: the measured servers have not seen this prompt.
        let far = Prompts::new(spec, &target.material, &nonce).get(u64::MAX >> 8, true, None);
        if let Some(first) = far.first() {
            for (lane, at) in target.lanes.clone().iter().enumerate().flat_map(|(k, lane)| lane.addresses.iter().map(move |&at| (k, at))) {
                target.try_out((lane, at), &first.prompt, key, stop, spec)?;
            }
        }
        Ok(target)
    }

    /// Words and what they cost in tokens: by the tokenizer's file, else by the first server.
    fn words(&self, random: &spec::Random, key: Option<&Secret>, stop: &AtomicBool, connect: Duration) -> Result<Words, Problem> {
        let chat = self.endpoint == Endpoint::Chat;
        if let Some(path) = &random.tokenizer {
            return Words::counted(&mut *count::by_tokenizer(path, chat)?, chat);
        }
        let Some(address) = self.addresses.first() else { return Ok(Words::estimated()) };
        let asked = Asked { url: &address.url, key, stop, connect };
        Words::counted(&mut count::Server { asked: &asked, address, model: &self.model, chat }, chat)
    }

    /// One request with a prompt of its own for a single token; asks for less where the server refuses.
    fn try_out(
        &mut self,
        (lane, at): (usize, u16),
        prompt: &Prompt,
        key: Option<&Secret>,
        stop: &AtomicBool,
        spec: &Spec,
    ) -> Result<(), Problem> {
        let Some(address) = self.addresses.get(usize::from(at)).cloned() else { return Ok(()) };
        let connect = Duration::from_secs_f64(spec.limits.connect_s);
        let asked = Asked { url: &address.url, key, stop, connect };
        let mut first_refusal = None;
        for usage in [Usage::Continuous, Usage::Final, Usage::None].into_iter().skip_while(|usage| *usage != self.usage).collect::<Vec<_>>() {
            self.usage = usage;
            let bytes = self.bytes(prompt, (lane, at), "Connection: close\r\n", 1);
            let answer = asked.ask(&address, &bytes, Duration::from_secs_f64(spec.limits.first_token_s))?;
            let error = match answer.status {
                200 => answer.error(asked.key),
                status => Some(ApiError::from_body(status, &answer.body, asked.key)),
            };
            let Some(error) = error else { return Ok(()) };
            first_refusal.get_or_insert(error);
            if answer.status != 400 {
                break;
            }
        }
        let Some(error) = first_refusal else { return Ok(()) };
        let (url, status, message) = (asked.url, error.status, &error.message);
        let fix = match status {
            401 | 403 => {
                said!("give the key in DCUDECK_API_KEY or with --api-key-file", "请通过 DCUDECK_API_KEY 或 --api-key-file 提供密钥")
            }
            404 => said!("check the model name and the endpoint", "请检查模型名称与接口"),
            _ if self.ignore_eos => {
                said!("if the server does not know ignore_eos, turn it off in the profile", "若服务器不支持 ignore_eos，请在配置中关闭")
            }
            _ => said!("the sentence is the server's own", "以上为服务器原话"),
        };
        Err(Problem::bad_input(
            "bench.refused",
            said!("{url} refuses the load test's request (HTTP {status}): {message}", "{url} 拒绝了压测请求（HTTP {status}）：{message}"),
        )
        .fix(fix))
    }

    /// Where requests go; `Prepared::to` is an index into it.
    pub(super) fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Distinct base URLs, as they were given: what is scraped.
    pub(super) fn urls(&self) -> Vec<String> {
        self.addresses.iter().map(|address| address.url.clone()).collect()
    }

    /// What is loaded, by `Record::route`.
    pub(super) fn routes(&self) -> Vec<RouteSetup> {
        self.lanes.iter().map(|lane| lane.setup.clone()).collect()
    }

    /// The ways to the servers, by [`Target::addresses`], where only the general client can speak to one of them: all go through it
    /// then, so that their stamps compare.
    ///
    /// # Errors
    /// As [`Door::new`].
    pub(super) fn doors(&self, ca_file: Option<&Path>) -> Result<Option<Vec<Door>>, Problem> {
        if self.addresses.iter().all(|address| address.door.is_none()) {
            return Ok(None);
        }
        let door = |address: &Address| match &address.door {
            Some(door) => Ok(door.clone()),
            None => Door::new(&Url::parse(&address.url)?, address.to, ca_file),
        };
        self.addresses.iter().map(door).collect::<Result<_, _>>().map(Some)
    }

    /// What prompts are made of.
    pub(super) fn material(&self) -> &Arc<Material> {
        &self.material
    }

    /// The address that conversation number `n` of a route goes to: each in turn.
    pub(super) fn address_of(&self, route: usize, n: u64) -> u16 {
        let Some(lane) = self.lanes.get(route) else { return 0 };
        let at = usize::try_from(n % lane.addresses.len().max(1) as u64).unwrap_or(0);
        lane.addresses.get(at).copied().unwrap_or(0)
    }

    /// A whole request of a route to one of its addresses.
    pub(super) fn request(&self, prompt: &Prompt, route_at: (usize, u16), id: &str, max_tokens: u32) -> Vec<u8> {
        self.bytes(prompt, route_at, &format!("X-Request-Id: {id}\r\n"), max_tokens)
    }

    fn bytes(&self, prompt: &Prompt, (lane, at): (usize, u16), headers: &str, max_tokens: u32) -> Vec<u8> {
        let body = Body {
            endpoint: self.endpoint,
            model: self.lanes.get(lane).map_or(self.model.as_str(), |lane| &lane.setup.model),
            prompt,
            max_tokens,
            usage: self.usage,
            ignore_eos: self.ignore_eos,
            extra: &self.extra_body,
        };
        let path = match self.endpoint {
            Endpoint::Completions => "completions",
            Endpoint::Chat => "chat/completions",
        };
        let (prefix, common) = self.addresses.get(usize::from(at)).map_or(("", ""), |a| (a.prefix.as_str(), a.common.as_str()));
        let head = format!("POST {prefix}/v1/{path} HTTP/1.1\r\n{common}Accept: text/event-stream\r\n{headers}");
        ask::with_body(&head, &body.json())
    }

    /// Whether the lengths of `spec`, perhaps one of a series, fit the models that were found.
    ///
    /// # Errors
    /// Prompts or answers that are too long.
    pub(super) fn fits(&self, spec: &Spec) -> Result<(), Problem> {
        fits(spec, self.max_model_len)
    }
}

impl Address {
    fn find(url: &Url, spec: &Spec, asked: &Asked<'_>) -> Result<Self, Problem> {
        let auth = asked.key.map_or_else(String::new, |key| format!("Authorization: Bearer {}\r\n", key.reveal()));
        let own: String = spec.target.headers.iter().fold(String::new(), |head, (name, value)| head + name + ": " + value + "\r\n");
        let common = format!("Host: {}\r\nUser-Agent: dcudeck/{}\r\n{auth}{own}", url.authority, env!("CARGO_PKG_VERSION"));
        let mut refusal = None;
        for to in url.addresses()? {
            let (text, prefix) = (url.text.clone(), url.prefix.clone());
            let door = url.tls.then(|| Door::new(url, to, spec.target.ca_file.as_deref())).transpose()?;
            let mut address = Self { to, url: text, door, prefix, common: common.clone(), models: Vec::new() };
            match asked.ask(&address, &address.get("/v1/models"), MODELS_WITHIN) {
                Ok(answer) => {
                    address.models = models(asked, &answer)?;
                    return Ok(address);
                }
                Err(problem) => refusal = refusal.or(Some(problem)),
            }
        }
        Err(refusal.unwrap_or_else(|| asked.problem(Class::Connect, "no address")))
    }

    fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {}{path} HTTP/1.1\r\n{}Connection: close\r\n\r\n", self.prefix, self.common).into_bytes()
    }

    /// A question that is no load, with a JSON body.
    fn post(&self, path: &str, body: &[u8]) -> Vec<u8> {
        ask::with_body(&format!("POST {}{path} HTTP/1.1\r\n{}Connection: close\r\n", self.prefix, self.common), body)
    }
}

#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Debug, Clone, Deserialize)]
struct Model {
    id: String,
    max_model_len: Option<u64>,
    parent: Option<String>,
}

fn models(asked: &Asked<'_>, answer: &Answer) -> Result<Vec<Model>, Problem> {
    let text = asked.url;
    match answer {
        Answer { status: 200, body, .. } => match serde_json::from_slice::<Models>(body) {
            Ok(models) => Ok(models.data),
            Err(_) => Err(Problem::bad_input(
                "bench.not_openai",
                said!(
                    "{text} answers, but not as an OpenAI-compatible server (/v1/models)",
                    "{text} 有响应，但不是 OpenAI 兼容服务（/v1/models）"
                ),
            )
            .fix(said!("check the address and its port", "请检查地址与端口"))),
        },
        // A proxy may serve completions and nothing else.
        Answer { status: 404 | 405, .. } => Ok(Vec::new()),
        Answer { status, body, .. } => {
            let message = ApiError::from_body(*status, body, asked.key).message;
            let problem = Problem::bad_input(
                "bench.refused",
                said!("{text}/v1/models answers HTTP {status}: {message}", "{text}/v1/models 返回 HTTP {status}：{message}"),
            );
            Err(match status {
                401 | 403 => problem.fix(said!(
                    "give the key in DCUDECK_API_KEY or with --api-key-file",
                    "请通过 DCUDECK_API_KEY 或 --api-key-file 提供密钥"
                )),
                _ => problem.fix(said!("see the server's log", "请查看服务器日志")),
            })
        }
    }
}

fn choose(text: &str, models: &[Model], wanted: Option<&str>) -> Result<(String, Option<u64>), Problem> {
    let found = match wanted {
        // No list: the request itself will tell.
        Some(name) if models.is_empty() => return Ok((name.to_owned(), None)),
        Some(name) => models.iter().find(|m| m.id == name).ok_or_else(|| {
            let served = models.iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", ");
            Problem::bad_input("bench.model_not_served", said!("{text} does not serve the model {name}", "{text} 未提供模型 {name}"))
                .field("--model")
                .fix(said!("it serves: {served}", "可用模型：{served}"))
        }),
        None => models.first().ok_or_else(|| {
            Problem::bad_input("bench.no_model", said!("{text} lists no model", "{text} 未列出任何模型"))
                .field("--model")
                .fix(said!("name the model with --model", "请用 --model 指定模型"))
        }),
    }?;
    // vLLM gives an adapter no length of its own.
    let parent = || models.iter().find(|m| Some(&m.id) == found.parent.as_ref()).and_then(|m| m.max_model_len);
    Ok((found.id.clone(), found.max_model_len.or_else(parent)))
}

fn fits(spec: &Spec, max_model_len: Option<u64>) -> Result<(), Problem> {
    let (Some(context), spec::Prompts::Random(random)) = (max_model_len, &spec.prompts) else { return Ok(()) };
    // Turns add up; the longest length of a range is what has to fit.
    let longest = |len: u32| schedule::whole(f64::from(len) * (1.0 + random.range_ratio)).saturating_mul(u64::from(random.turns));
    let (input, output) = (longest(random.input_len), longest(spec.output_len));
    if matches!(spec.load, spec::Load::Trace { .. }) || input.saturating_add(output) <= context {
        return Ok(());
    }
    Err(Problem::bad_input(
        "bench.too_long",
        said!(
            "{input} prompt tokens and {output} output tokens do not fit the model's context of {context}",
            "{input} 个输入词元加 {output} 个输出词元超出模型上下文 {context}"
        ),
    )
    .fix(said!("ask for shorter prompts or answers", "请缩短输入或输出长度")))
}

#[cfg(test)]
pub(super) mod tests;
