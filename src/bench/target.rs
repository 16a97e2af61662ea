//! The servers under test: what is found out about them before any load, and the bytes of the requests they get.

mod access;
mod ask;
mod body;
mod count;
mod models;
mod url;

pub(super) use access::Access;
pub use url::Url;

use super::{
    client::Door,
    prompts::{Material, Prompt, Prompts, Words},
    record::Class,
    results::{RouteSetup, Usage},
    schedule,
    spec::{self, Endpoint, Spec},
};
use crate::{base::Problem, openai::ApiError, said};
use ask::{Asked, Stop};
use body::Body;
use models::{Model, choose, fits};
use serde_json::{Map, Value};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// Where a server lists its models.
const MODELS: &str = "/v1/models";
/// How long it may take for that.
const MODELS_WITHIN: Duration = Duration::from_secs(30);

/// One of the base URLs that are loaded.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// The address that answered.
    pub(super) to: SocketAddr,
    /// The base URL as it was given.
    pub(super) url: String,
    /// https, HTTP/2: the way to it, which only the general client takes.
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
    access: Access,
}

impl Target {
    /// Finds every server, its models, and how it counts tokens: lists the models and sends one small request of the kind to come to
    /// each route at each of its addresses. A server that refuses `continuous_usage_stats` (400) is asked without, then without any usage.
    ///
    /// # Errors
    /// Bad URL, nobody there, model not served, prompt too long for it, or whatever the server refuses the small request for: one
    /// sentence, before any load.
    pub(super) fn find(spec: &Spec, access: &Access, stop: &Stop) -> Result<Self, Problem> {
        let connect = Duration::from_secs_f64(spec.limits.connect_s);
        let asked = |url| Asked { url, key: access.key.as_ref(), stop, connect };
        let mut addresses: Vec<Address> = Vec::new();
        for text in spec.urls() {
            let url = Url::parse(text)?;
            addresses.push(Address::find(&url, spec, access, &asked(text))?);
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
            access: access.clone(),
        };
        target.material = Arc::new(Material::open(spec, |random| target.words(random, stop, connect))?);
        let nonce = schedule::mix(u64::from(std::process::id())).to_string();
        // Far beyond any number a run reaches: the measured servers have not seen this prompt.
        let far = Prompts::new(spec, &target.material, &nonce).get(u64::MAX >> 8, true, None);
        if let Some(first) = far.first() {
            for (lane, at) in target.lanes.clone().iter().enumerate().flat_map(|(k, lane)| lane.addresses.iter().map(move |&at| (k, at))) {
                target.try_out((lane, at), &first.prompt, stop, spec)?;
            }
        }
        Ok(target)
    }

    /// Words and what they cost in tokens: by the tokenizer's file, else by the first server.
    fn words(&self, random: &spec::Random, stop: &Stop, connect: Duration) -> Result<Words, Problem> {
        let chat = self.endpoint == Endpoint::Chat;
        if let Some(path) = &random.tokenizer {
            return Words::counted(&mut *count::by_tokenizer(path, chat)?, chat);
        }
        let Some(address) = self.addresses.first() else { return Ok(Words::estimated()) };
        let asked = Asked { url: &address.url, key: self.access.key.as_ref(), stop, connect };
        Words::counted(&mut count::Server { asked: &asked, address, model: &self.model, chat }, chat)
    }

    /// One request with a prompt of its own for a single token; asks for less where the server refuses.
    fn try_out(&mut self, (lane, at): (usize, u16), prompt: &Prompt, stop: &Stop, spec: &Spec) -> Result<(), Problem> {
        let Some(address) = self.addresses.get(usize::from(at)).cloned() else { return Ok(()) };
        let connect = Duration::from_secs_f64(spec.limits.connect_s);
        let key = self.access.key.clone();
        let asked = Asked { url: &address.url, key: key.as_ref(), stop, connect };
        let mut first_refusal = None;
        for usage in [Usage::Continuous, Usage::Final, Usage::None].into_iter().skip_while(|usage| *usage != self.usage).collect::<Vec<_>>()
        {
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
    /// An address whose URL is none; one that was found has one.
    pub(super) fn doors(&self) -> Result<Option<Vec<Door>>, Problem> {
        if self.addresses.iter().all(|address| address.door.is_none()) {
            return Ok(None);
        }
        let door = |address: &Address| match &address.door {
            Some(door) => Ok(door.clone()),
            None => Ok(Door::new(&Url::parse(&address.url)?, address.to, false, &self.access.trust, address.get(MODELS))),
        };
        self.addresses.iter().map(door).collect::<Result<_, _>>().map(Some)
    }

    /// What the servers are spoken to in.
    pub(super) fn protocol(&self) -> &'static str {
        if self.addresses.iter().any(|address| address.door.as_ref().is_some_and(Door::http2)) { "HTTP/2" } else { "HTTP/1.1" }
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
    fn find(url: &Url, spec: &Spec, access: &Access, asked: &Asked<'_>) -> Result<Self, Problem> {
        let auth = asked.key.map_or_else(String::new, |key| format!("Authorization: Bearer {}\r\n", key.reveal()));
        let mut common = format!("Host: {}\r\nUser-Agent: dcudeck/{}\r\n{auth}", url.authority, env!("CARGO_PKG_VERSION"));
        for (name, value) in &spec.target.headers {
            common += &format!("{name}: {value}\r\n");
        }
        let mut refusal = None;
        for to in url.addresses()? {
            let (text, prefix) = (url.text.clone(), url.prefix.clone());
            let mut address = Self { to, url: text, door: None, prefix, common: common.clone(), models: Vec::new() };
            let question = address.get(MODELS);
            if url.tls || spec.target.http2 {
                address.door = Some(Door::new(url, to, spec.target.http2, &access.trust, question.clone()));
            }
            match asked.ask(&address, &question, MODELS_WITHIN) {
                Ok(answer) if spec.target.http2 && !answer.http2 => return Err(asked.only_http1()),
                Ok(answer) => {
                    address.models = models::list(asked, &answer)?;
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

#[cfg(test)]
pub(super) mod tests;
