//! The server under test: what is found out about it before any load, and the bytes of the requests it gets.

mod ask;

use super::{
    prompts::{Message, Prompt, Prompts},
    record::Class,
    results::Usage,
    spec::{self, Endpoint, Spec},
};
use crate::{
    base::{Problem, Secret},
    openai::ApiError,
    said,
};
use ask::{Answer, Asked};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::atomic::AtomicBool,
    time::Duration,
};

/// How long the server may take for its list of models.
const MODELS_WITHIN: Duration = Duration::from_secs(30);

/// A base URL taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// As it was given.
    pub text: String,
    /// The `Host` header.
    authority: String,
    host: String,
    port: u16,
    /// Path before `/v1`.
    prefix: String,
}

impl Url {
    /// Takes a base URL apart; a trailing `/` or `/v1` is left out.
    ///
    /// # Errors
    /// When it is no `http://` URL, or carries what does not belong in one (a user, a query).
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |message| {
            Problem::bad_input("bench.url", message)
                .field("--url")
                .fix(said!("give the server's address such as http://127.0.0.1:8000", "请给出服务器地址，如 http://127.0.0.1:8000"))
        };
        if text.is_empty() {
            return Err(bad(said!("no server is named", "未指定服务器")));
        }
        let uri: http::Uri = text.parse().map_err(|error| bad(said!("{text} is not a URL ({error})", "{text} 不是 URL（{error}）")))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(Problem::bad_input(
                    "bench.https",
                    said!("{text}: load tests speak http only, no TLS", "{text}：压测仅支持 http，不支持 TLS"),
                )
                .field("--url")
                .fix(said!(
                    "use the server's http port, or a tunnel to it (ssh -L)",
                    "请使用服务器的 http 端口，或通过隧道连接（ssh -L）"
                )));
            }
            _ => return Err(bad(said!("{text} does not begin with http://", "{text} 不以 http:// 开头"))),
        }
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        if authority.contains('@') {
            return Err(bad(said!("a URL with a user name in it is not taken", "URL 中不能包含用户名")));
        }
        if host.is_empty() || uri.query().is_some() {
            return Err(bad(said!("{text} is not the base URL of a server", "{text} 不是服务器的基础 URL")));
        }
        let path = uri.path().trim_end_matches('/');
        let prefix = path.strip_suffix("/v1").unwrap_or(path).to_owned();
        Ok(Self { text: text.to_owned(), port: uri.port_u16().unwrap_or(80), authority, host, prefix })
    }

    /// The server is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, Problem> {
        let found = (self.host.as_str(), self.port).to_socket_addrs().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
        if found.is_empty() {
            let host = &self.host;
            return Err(Problem::bad_input("bench.host_unknown", said!("no address is known for the host {host}", "无法解析主机 {host}"))
                .field("--url")
                .fix(said!("check the name, or give an IP address", "请检查主机名或改用 IP 地址")));
        }
        Ok(found)
    }
}

/// The server, ready to be loaded.
#[derive(Debug)]
pub(super) struct Target {
    /// The address that answered.
    pub(super) to: SocketAddr,
    pub(super) model: String,
    pub(super) max_model_len: Option<u64>,
    pub(super) usage: Usage,
    head: String,
    endpoint: Endpoint,
    output_len: u32,
    ignore_eos: bool,
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
    /// Finds the server, its model, and how it counts tokens: lists the models and sends one small request of the kind to come.
    /// A server that refuses `continuous_usage_stats` (400) is asked without, then without any usage.
    ///
    /// # Errors
    /// Bad URL, nobody there, model not served, prompt too long for it, or whatever the server refuses the small request for: one
    /// sentence, before any load.
    pub(super) fn find(spec: &Spec, key: Option<&Secret>, prompts: &Prompts, stop: &AtomicBool) -> Result<Self, Problem> {
        let url = Url::parse(&spec.target.url)?;
        let asked = Asked { url: &url.text, key, stop, connect: Duration::from_secs_f64(spec.limits.connect_s) };
        let auth = key.map_or_else(String::new, |key| format!("Authorization: Bearer {}\r\n", key.reveal()));
        let common = format!("Host: {}\r\nUser-Agent: dcudeck/{}\r\n{auth}", url.authority, env!("CARGO_PKG_VERSION"));
        let (to, models) = models(&asked, &url, &common)?;
        let (model, max_model_len) = choose(&url, &models, spec.target.model.as_deref())?;
        fits(spec, max_model_len)?;
        let path = match spec.target.endpoint {
            Endpoint::Completions => "completions",
            Endpoint::Chat => "chat/completions",
        };
        let mut target = Self {
            to,
            model,
            max_model_len,
            usage: Usage::Continuous,
            head: format!(
                "POST {}/v1/{path} HTTP/1.1\r\n{common}Accept: text/event-stream\r\nContent-Type: application/json\r\n",
                url.prefix
            ),
            endpoint: spec.target.endpoint,
            output_len: spec.output_len,
            ignore_eos: spec.ignore_eos,
        };
        target.try_out(&asked, prompts, spec)?;
        Ok(target)
    }

    /// One request with the first warm-up prompt for a single token.
    fn try_out(&mut self, asked: &Asked<'_>, prompts: &Prompts, spec: &Spec) -> Result<(), Problem> {
        let mut first_refusal = None;
        for usage in [Usage::Continuous, Usage::Final, Usage::None] {
            self.usage = usage;
            // Far beyond any number a run reaches: the measured server has not seen this prompt.
            let bytes = self.bytes(&prompts.get(u64::MAX >> 8, true), "Connection: close\r\n", 1);
            let within = Duration::from_secs_f64(spec.limits.first_token_s);
            let answer = asked.ask(self.to, &bytes, within)?;
            let error = match answer.status {
                200 => answer.error(asked.key),
                status => Some(ApiError::from_body(status, &answer.body, asked.key)),
            };
            let Some(error) = error else { return Ok(()) };
            let refused_400 = answer.status == 400;
            first_refusal.get_or_insert(error);
            if !refused_400 {
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

    /// A whole request.
    pub(super) fn request(&self, prompt: &Prompt, id: &str) -> Vec<u8> {
        self.bytes(prompt, &format!("X-Request-Id: {id}\r\n"), self.output_len)
    }

    fn bytes(&self, prompt: &Prompt, headers: &str, max_tokens: u32) -> Vec<u8> {
        #[derive(Serialize)]
        struct Options {
            include_usage: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            continuous_usage_stats: Option<bool>,
        }
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Asking<'a> {
            Ids(&'a [u32]),
            Text(Cow<'a, str>),
            List(Cow<'a, [Message]>),
        }
        #[derive(Serialize)]
        struct Body<'a> {
            model: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            prompt: Option<Asking<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            messages: Option<Asking<'a>>,
            max_tokens: u32,
            temperature: u8,
            stream: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            stream_options: Option<Options>,
            #[serde(skip_serializing_if = "Option::is_none")]
            ignore_eos: Option<bool>,
        }
        let user = |content: String| Some(Asking::List(vec![Message { role: "user".to_owned(), content }].into()));
        let (text, messages) = match (self.endpoint, prompt) {
            (Endpoint::Completions, Prompt::Ids(ids)) => (Some(Asking::Ids(ids)), None),
            (Endpoint::Completions, Prompt::Text(text)) => (Some(Asking::Text(text.into())), None),
            (Endpoint::Completions, Prompt::Messages(list)) => {
                let text = list.iter().map(|m| m.content.as_str()).collect::<Vec<_>>().join("\n");
                (Some(Asking::Text(text.into())), None)
            }
            (Endpoint::Chat, Prompt::Messages(list)) => (None, Some(Asking::List(list.into()))),
            (Endpoint::Chat, Prompt::Text(text)) => (None, user(text.clone())),
            (Endpoint::Chat, Prompt::Ids(ids)) => (None, user(ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))),
        };
        let body = serde_json::to_vec(&Body {
            model: &self.model,
            prompt: text,
            messages,
            max_tokens,
            temperature: 0,
            stream: true,
            stream_options: match self.usage {
                Usage::Continuous => Some(Options { include_usage: true, continuous_usage_stats: Some(true) }),
                Usage::Final => Some(Options { include_usage: true, continuous_usage_stats: None }),
                Usage::None => None,
            },
            ignore_eos: self.ignore_eos.then_some(true),
        })
        // Strings and numbers only: there is nothing in it that JSON cannot say.
        .unwrap_or_default();
        let mut bytes = format!("{}{headers}Content-Length: {}\r\n\r\n", self.head, body.len()).into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }
}

#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    max_model_len: Option<u64>,
    parent: Option<String>,
}

fn models(asked: &Asked<'_>, url: &Url, common: &str) -> Result<(SocketAddr, Vec<Model>), Problem> {
    let request = format!("GET {}/v1/models HTTP/1.1\r\n{common}Connection: close\r\n\r\n", url.prefix);
    let addresses = url.addresses()?;
    let mut refusal = None;
    let (mut to, mut found) = (None, None);
    for address in addresses {
        match asked.ask(address, request.as_bytes(), MODELS_WITHIN) {
            Ok(answer) => {
                (to, found) = (Some(address), Some(answer));
                break;
            }
            Err(problem) => refusal = refusal.or(Some(problem)),
        }
    }
    let (Some(to), Some(answer)) = (to, found) else {
        return Err(refusal.unwrap_or_else(|| asked.problem(Class::Connect, "no address")));
    };
    let text = &url.text;
    match answer {
        Answer { status: 200, ref body, .. } => match serde_json::from_slice::<Models>(body) {
            Ok(models) => Ok((to, models.data)),
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
        Answer { status: 404 | 405, .. } => Ok((to, Vec::new())),
        Answer { status, ref body, .. } => {
            let message = ApiError::from_body(status, body, asked.key).message;
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

fn choose(url: &Url, models: &[Model], wanted: Option<&str>) -> Result<(String, Option<u64>), Problem> {
    let text = &url.text;
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
    let (Some(context), Some(input_len)) = (max_model_len, spec.prompts.input_len()) else { return Ok(()) };
    let (input, output) = (u64::from(input_len), u64::from(spec.output_len));
    if input + output <= context {
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
mod tests;
