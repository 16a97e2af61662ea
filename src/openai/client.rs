//! The client of chat and datasets, and of every question to a server outside a load test.
//!
//! Streams run through eventsource-client over reqwest with reconnecting off; `transport` says what stands between. The
//! load path has its own HTTP client around the same parser: here nothing is measured.

mod answer;
mod fault;
mod transport;
mod trust;

pub use answer::{Answer, AnswerEvent, Ended, ToolCallPart};
pub use fault::ClientError;
pub use trust::Trust;

use super::{
    ApiError,
    progress::Progress,
    sse::DEFAULT_LIMIT_BYTES,
    types::{
        ChatAnswer, ChatRequest, CompletionAnswer, CompletionRequest, DetokenizeRequest, Detokenized, Model, ModelList, StreamOptions,
        TokenizeRequest, Tokenized, Version,
    },
};
use crate::base::{Secret, clean};
use eventsource_client::{Client as _, ClientBuilder, ReconnectOptions};
use fault::cause;
use http::{HeaderValue, Method, header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::VecDeque,
    fmt,
    net::IpAddr,
    sync::{Arc, Once},
    time::Duration,
};
use tokio::time::timeout;
use transport::{Fault, Tally, Transport, bounded_body, content_type};

/// Makes ring the TLS provider of this process. Safe to call from anywhere, any number of times; [`Client::new`] does.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    // It fails only where another provider was installed already, and then that one serves.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

/// How long a server is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// From the request to the first token: a queue can be long.
    pub first_token: Duration,
    /// Between two events after it.
    pub stall: Duration,
    /// For a whole answer that takes no generating (models, version, tokens).
    pub question: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_token: Duration::from_mins(10),
            stall: Duration::from_mins(2),
            question: Duration::from_secs(30),
        }
    }
}

/// A server, ready to be asked. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    root: String,
    key: Option<Secret>,
    authorization: Option<HeaderValue>,
    patience: Patience,
    limit_bytes: usize,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the server at `url`, given as `http://HOST:PORT` with or without `/v1`. `key` goes into the
    /// `Authorization` header and nowhere else. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`], [`ClientError::BadKey`]; [`ClientError::NoTls`] for an https URL on a machine without
    /// root certificates.
    pub fn new(url: &str, key: Option<Secret>, patience: Patience) -> Result<Self, ClientError> {
        Self::over(url, key, patience, &Trust::default(), |builder, url| if is_loopback(url) { builder.no_proxy() } else { builder })
    }

    /// As [`new`](Self::new), but as a load test reaches a server: never through a proxy, trusting more authorities, with `http2` in
    /// HTTP/2 without TLS too.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn direct(url: &str, key: Option<Secret>, patience: Patience, trust: &Trust, http2: bool) -> Result<Self, ClientError> {
        Self::over(url, key, patience, trust, |builder, url| {
            let builder = builder.no_proxy();
            if http2 && url.scheme() == "http" { builder.http2_prior_knowledge() } else { builder }
        })
    }

    fn over(
        url: &str,
        key: Option<Secret>,
        patience: Patience,
        trust: &Trust,
        finish: impl Fn(reqwest::ClientBuilder, &reqwest::Url) -> reqwest::ClientBuilder,
    ) -> Result<Self, ClientError> {
        let url = root_of(url)?;
        let builder = || {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("dcudeck/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(patience.connect)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never());
            finish(builder, &url)
        };
        let http = trust.client(url.scheme() == "https", builder).map_err(|why| ClientError::NoTls { why })?;
        let authorization = key.as_ref().map(bearer).transpose()?;
        let root = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { http, root, key, authorization, patience, limit_bytes: DEFAULT_LIMIT_BYTES })
    }

    /// The server's URL, without `/v1` and a last slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.root
    }

    /// The served models and adapters.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn models(&self) -> Result<Vec<Model>, ClientError> {
        Ok(self.ask::<ModelList>(Method::GET, "/v1/models", None, self.patience.question).await?.data)
    }

    /// The server's version; servers other than vLLM may not have one to tell.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn version(&self) -> Result<String, ClientError> {
        Ok(self.ask::<Version>(Method::GET, "/version", None, self.patience.question).await?.version)
    }

    /// What the server counts, as Prometheus text, given `within`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn metrics(&self, within: Duration) -> Result<String, ClientError> {
        let (_, body) = self.send(Method::GET, "/metrics", None, within).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Whether the server calls itself healthy; a refusal is [`ClientError::Api`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn health(&self) -> Result<(), ClientError> {
        self.send(Method::GET, "/health", None, self.patience.question).await.map(drop)
    }

    /// Tokens of a text or a conversation, as the server counts them.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn tokenize(&self, request: &TokenizeRequest) -> Result<Tokenized, ClientError> {
        self.ask(Method::POST, "/tokenize", Some(json(request)), self.patience.question).await
    }

    /// The text of tokens.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn detokenize(&self, request: &DetokenizeRequest) -> Result<Detokenized, ClientError> {
        self.ask(Method::POST, "/detokenize", Some(json(request)), self.patience.question).await
    }

    /// A chat answer in one piece.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ClientError> {
        let mut request = request.clone();
        (request.sampling.stream, request.sampling.stream_options) = (None, None);
        self.ask(Method::POST, "/v1/chat/completions", Some(json(&request)), self.patience.first_token).await
    }

    /// A completion in one piece.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn complete(&self, request: &CompletionRequest) -> Result<CompletionAnswer, ClientError> {
        let mut request = request.clone();
        (request.sampling.stream, request.sampling.stream_options) = (None, None);
        self.ask(Method::POST, "/v1/completions", Some(json(&request)), self.patience.first_token).await
    }

    /// A chat answer as it is written; asks for token counts unless the request says otherwise. The request is sent by the
    /// first [`Answer::next`].
    ///
    /// # Errors
    /// [`ClientError::BadUrl`]; everything else is told by the answer.
    pub fn stream_chat(&self, request: &ChatRequest) -> Result<Answer, ClientError> {
        let mut request = request.clone();
        request.sampling.stream = Some(true);
        request.sampling.stream_options.get_or_insert(WITH_USAGE);
        self.stream("/v1/chat/completions", json(&request))
    }

    /// A completion as it is written, otherwise as [`stream_chat`](Self::stream_chat).
    ///
    /// # Errors
    /// [`ClientError::BadUrl`].
    pub fn stream_completion(&self, request: &CompletionRequest) -> Result<Answer, ClientError> {
        let mut request = request.clone();
        request.sampling.stream = Some(true);
        request.sampling.stream_options.get_or_insert(WITH_USAGE);
        self.stream("/v1/completions", json(&request))
    }

    fn stream(&self, path: &str, body: String) -> Result<Answer, ClientError> {
        let bad = |error: eventsource_client::Error| ClientError::BadUrl { url: self.root.clone(), why: error.to_string() };
        let tally = Arc::<Tally>::default();
        let transport = Transport {
            http: self.http.clone(),
            authorization: self.authorization.clone(),
            limit_bytes: self.limit_bytes,
            tally: Arc::clone(&tally),
        };
        let events = ClientBuilder::for_url(&format!("{}{path}", self.root))
            .and_then(|builder| builder.method("POST".to_owned()).body(body).header("content-type", "application/json"))
            .map_err(bad)?
            .reconnect(ReconnectOptions::reconnect(false).retry_initial(false).build())
            .redirect_limit(0)
            .build_with_transport(transport)
            .stream();
        Ok(Answer {
            events,
            tally,
            url: self.root.clone(),
            key: self.key.clone(),
            patience: self.patience,
            since: None,
            progress: Progress::new(),
            ready: VecDeque::new(),
            over: false,
        })
    }

    /// A question whose answer is one JSON document.
    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<String>, limit: Duration) -> Result<T, ClientError> {
        let (content_type, body) = self.send(method, path, body, limit).await?;
        let json = serde_json::from_slice::<Value>(&body);
        if let Some(error) = json.as_ref().ok().and_then(|json| ApiError::in_json(200, json)) {
            return Err(error.redacted(self.key.as_ref()).into());
        }
        json.and_then(serde_json::from_value).map_err(|error| ClientError::NotAnAnswer {
            url: format!("{}{path}", self.root),
            content_type: content_type.map_or_else(|| "no content type".to_owned(), |kind| clean(&kind).into_owned()),
            why: clean(&error.to_string()).into_owned(),
        })
    }

    /// Sends one request and reads its answer, which must have a status of success.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        limit: Duration,
    ) -> Result<(Option<String>, bytes::Bytes), ClientError> {
        let mut request = self.http.request(method, format!("{}{path}", self.root));
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let url = || self.root.clone();
        let exchange = async {
            let response = request.send().await.map_err(|error| ClientError::Unreachable { url: url(), why: cause(&error) })?;
            let (status, kind) = (response.status(), content_type(&response));
            let body = bounded_body(response).await.map_err(|fault| match fault {
                Fault::TooLong(error) => error.into(),
                fault => ClientError::Broken { url: url(), why: cause(&fault) },
            })?;
            if status.is_success() { Ok((kind, body)) } else { Err(ApiError::from_body(status.as_u16(), &body, self.key.as_ref()).into()) }
        };
        timeout(limit, exchange).await.unwrap_or_else(|_| Err(ClientError::TimedOut { url: url(), waited: limit }))
    }
}

const WITH_USAGE: StreamOptions = StreamOptions { include_usage: true, continuous_usage_stats: false };

/// `request` as JSON. The types here hold string keys and numbers only, which always can be written.
fn json(request: &impl Serialize) -> String {
    serde_json::to_string(request).unwrap_or_default()
}

fn bearer(key: &Secret) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.reveal())).map_err(|_| ClientError::BadKey)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The server's root: `/v1` and slashes at the end are taken off.
fn root_of(text: &str) -> Result<reqwest::Url, ClientError> {
    let shown = clean(text).into_owned();
    let bad = |url: String, why: &str| ClientError::BadUrl { url, why: why.to_owned() };
    let mut url = reqwest::Url::parse(text.trim()).map_err(|error| {
        // What does not parse may still hold a password: everything up to an @ stays away.
        let shown = shown.rsplit_once('@').map_or(shown.clone(), |(_, rest)| format!("***@{rest}"));
        bad(shown, &error.to_string())
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        let shown = format!("{}://***@{}", url.scheme(), url.host_str().unwrap_or_default());
        return Err(bad(shown, "a user name or password has no place in it; give the API key apart"));
    }
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(bad(shown, "it must begin with http:// or https:// and name a host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad(shown, "a query or fragment has no place in it"));
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path).trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Whether `url` is on this machine, where a proxy from the environment would only be in the way.
fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

#[cfg(test)]
mod tests;
