//! The OpenAI-compatible HTTP server around the embedded engine, in the shapes of vLLM 0.8.5: same keys in the same order, same
//! statuses, same error bodies, same metric names. What vLLM can do and this cannot (several choices, tools, images, guided
//! decoding, penalties) is refused with a sentence, never ignored.
//!
//! A client that leaves cancels its sequence at once: a stream is owned by its response body, a whole answer by its request's
//! future, and both are dropped with the connection. Nothing here knows candle; [`Model`] is all the server sees.

mod ask;
mod chat;
mod completions;
mod errors;
mod fields;
mod generate;
mod load;
mod logprobs;
mod model;
mod plan;
mod python;
mod reasoning;
mod run;
#[cfg(test)]
pub(super) mod tests;
mod transcript;

pub use load::{load, serve};
pub use model::{Facts, Model};
pub use plan::Defaults;
pub use run::{BACKLOG, block_on, listening, serve_http, signalled};

use super::{
    metrics::{Metrics, Totals},
    wire::{self, Detokenized, ModelCard, ModelList, Tokenized},
};
use crate::base::{Problem, Secret};
use crate::said;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, get, post},
};
use errors::{ApiError, detail, json};
use reasoning::Tags;
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Longest request body taken, bytes.
const MAX_BODY_BYTES: usize = 16 << 20;

/// How reasoning is told from the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningParser {
    /// `<think>` and `</think>`, of DeepSeek R1 and its distillates.
    DeepseekR1,
}

impl std::str::FromStr for ReasoningParser {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == "deepseek_r1" { Ok(Self::DeepseekR1) } else { Err("the only reasoning parser is deepseek_r1") }
    }
}

/// How a model is presented.
#[derive(Clone, Default)]
pub struct Presented {
    /// Name that requests give; the first of a server's models.
    pub name: String,
    /// Loaded adapters: name and folder.
    pub adapters: Vec<(Arc<str>, String)>,
    /// Splits reasoning from the answer.
    pub reasoning_parser: Option<ReasoningParser>,
    /// Guards `/v1/*`.
    pub api_key: Option<Secret>,
}

/// A server's state, shared by its requests.
pub struct App {
    model: Arc<dyn Model>,
    name: String,
    adapters: Vec<(Arc<str>, String)>,
    reasoning: Option<Tags>,
    key: Option<Secret>,
    metrics: Arc<Metrics>,
    under_way: Arc<UnderWay>,
}

/// Requests that do work, now and last.
struct UnderWay {
    now: AtomicUsize,
    last: Mutex<Instant>,
}

/// One of them; the count falls when it is dropped.
struct Serving(Arc<UnderWay>);

impl Serving {
    fn new(under_way: &Arc<UnderWay>) -> Self {
        under_way.now.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(under_way))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request read.
struct Asked {
    arrived: Instant,
    body: Vec<u8>,
    request_id: Option<String>,
    guard: Serving,
}

impl Asked {
    /// `X-Request-Id`, else the body's own, else a random one.
    fn id(&self, own: Option<&str>) -> String {
        self.request_id.as_deref().or(own).map_or_else(wire::random_hex, str::to_owned)
    }
}

impl App {
    /// A server's state around a loaded model.
    ///
    /// # Errors
    /// The reasoning parser's tags are no tokens of this model: vLLM 0.8.5 starts and then fails every chat.
    pub fn new(model: Arc<dyn Model>, presented: Presented) -> Result<Self, Problem> {
        let Presented { name, adapters, reasoning_parser, api_key } = presented;
        let reasoning = match reasoning_parser {
            None => None,
            Some(ReasoningParser::DeepseekR1) => {
                let tags = model.tokenizer().token_id(reasoning::START).zip(model.tokenizer().token_id(reasoning::END));
                let tags = tags.map(|(start, end)| Tags { start, end });
                Some(tags.ok_or_else(|| {
                    Problem::bad_input(
                        "engine.no_think_tokens",
                        said!("the tokenizer has no <think> and </think> tokens", "分词器没有 <think> 与 </think> 词元"),
                    )
                    .field("--reasoning-parser")
                    .fix(said!("leave it out for this model", "此模型请不要使用该选项"))
                })?)
            }
        };
        let metrics = Arc::new(Metrics::new(&name, adapters.len()));
        let under_way = Arc::new(UnderWay { now: AtomicUsize::new(0), last: Mutex::new(Instant::now()) });
        Ok(Self { model, name, adapters, reasoning, key: api_key, metrics, under_way })
    }

    /// Name that requests give for the base model.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model's gauges and the server's totals.
    #[must_use]
    pub fn figures(&self) -> (super::api::Gauges, Totals) {
        (self.model.gauges(), self.metrics.totals())
    }

    /// How long no request has been served; zero while one is.
    #[must_use]
    pub fn idle(&self) -> Duration {
        if self.under_way.now.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        self.under_way.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// The adapter of this name; `None` is the base model.
    fn adapter(&self, name: Option<&str>) -> Result<Option<Arc<str>>, ApiError> {
        let Some(name) = name.filter(|name| *name != self.name) else { return Ok(None) };
        let found = self.adapters.iter().find(|(adapter, _)| **adapter == *name);
        found.map(|(adapter, _)| Some(Arc::clone(adapter))).ok_or_else(|| ApiError::no_model(name))
    }

    fn name_of<'a>(&'a self, asked: Option<&'a str>) -> &'a str {
        asked.unwrap_or(&self.name)
    }
}

/// All routes.
fn router(app: Arc<App>) -> Router {
    // HEAD is not GET for FastAPI: each GET route says so itself.
    fn read<H, T>(handler: H) -> MethodRouter<Arc<App>>
    where
        H: axum::handler::Handler<T, Arc<App>>,
        T: 'static,
    {
        get(handler).head(wrong_method)
    }
    let guarded = Arc::clone(&app);
    Router::new()
        .route("/health", read(|| async { StatusCode::OK }))
        .route("/ping", read(|| async { StatusCode::OK }).post(|| async { StatusCode::OK }))
        .route("/version", read(|| async { json(StatusCode::OK, &serde_json::json!({ "version": wire::VERSION })) }))
        .route("/load", read(server_load))
        .route("/metrics", read(metrics))
        .route("/v1/models", read(models))
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/completions", post(text_completions))
        .route("/v1/embeddings", post(|| async { ApiError::bad("The model does not support Embeddings API").with_status_200() }))
        .route("/tokenize", post(tokenize))
        .route("/detokenize", post(detokenize))
        .fallback(|| async { detail(StatusCode::NOT_FOUND, "Not Found") })
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(guarded, guard))
        .with_state(app)
}

async fn wrong_method(uri: Uri) -> Response {
    let allowed = match uri.path() {
        "/health" | "/version" | "/load" | "/metrics" | "/v1/models" => "GET",
        "/ping" => "GET, POST",
        _ => "POST",
    };
    let mut response = detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// The API key guards `/v1` and nothing else, as in vLLM 0.8.5; every answer names the server.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let guarded = request.uri().path().starts_with("/v1") && request.method() != Method::OPTIONS;
    let allowed = !guarded || app.key.as_ref().is_none_or(|key| holds(key, request.headers()));
    let mut response =
        if allowed { next.run(request).await } else { json(StatusCode::UNAUTHORIZED, &serde_json::json!({ "error": "Unauthorized" })) };
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static("dcudeck"));
    response
}

/// Compares every byte, so that the time taken does not tell how many were right.
fn holds(key: &Secret, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer ")).unwrap_or_default();
    let key = key.reveal().as_bytes();
    given.len() == key.len() && given.iter().zip(key).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

async fn server_load(State(app): State<Arc<App>>) -> Response {
    json(StatusCode::OK, &serde_json::json!({ "server_load": app.under_way.now.load(Ordering::Relaxed) }))
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.text(&app.model.gauges());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn models(State(app): State<Arc<App>>) -> Response {
    let facts = app.model.facts();
    let base = ModelCard::new(&app.name, &facts.root, None, Some(facts.max_model_len));
    let adapters = app.adapters.iter().map(|(name, path)| ModelCard::new(name, path, Some(&app.name), None));
    json(StatusCode::OK, &ModelList { object: "list", data: std::iter::once(base).chain(adapters).collect() })
}

/// Reads a JSON request.
async fn read(app: &Arc<App>, request: Request) -> Result<Asked, Response> {
    let arrived = Instant::now();
    let guard = Serving::new(&app.under_way);
    let media = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type: Only 'application/json' is allowed"));
    }
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(ApiError::too_large(MAX_BODY_BYTES).into_response());
    }
    let request_id = request.headers().get("x-request-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    match axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await {
        Ok(body) => Ok(Asked { arrived, body: body.to_vec(), request_id, guard }),
        Err(_) => Err(ApiError::too_large(MAX_BODY_BYTES).into_response()),
    }
}

async fn chat_completions(State(app): State<Arc<App>>, request: Request) -> Response {
    match read(&app, request).await {
        Ok(asked) => chat::answer(app, asked).await.unwrap_or_else(ApiError::into_response),
        Err(refused) => refused,
    }
}

async fn text_completions(State(app): State<Arc<App>>, request: Request) -> Response {
    match read(&app, request).await {
        Ok(asked) => completions::answer(app, asked).await.unwrap_or_else(ApiError::into_response),
        Err(refused) => refused,
    }
}

async fn tokenize(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let asked = match read(&app, request).await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let answer = async {
        let ask = ask::TokenizeAsk::read(&fields::parse(&asked.body)?)?;
        app.adapter(ask.model.as_deref())?;
        let (text, special) = if let Some(prompt) = ask.prompt {
            (prompt, ask.add_special_tokens.unwrap_or(true))
        } else {
            let messages = chat::flattened(&app, &ask.messages)?;
            let text = app.render(&messages, ask.add_generation_prompt, ask.continue_final_message)?;
            (text, ask.add_special_tokens.unwrap_or(false))
        };
        let tokens = app.encode(text, special).await?;
        Ok::<_, ApiError>(json(StatusCode::OK, &Tokenized { count: tokens.len(), max_model_len: app.model.facts().max_model_len, tokens }))
    };
    answer.await.unwrap_or_else(ApiError::into_response)
}

async fn detokenize(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let asked = match read(&app, request).await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let answer = || {
        let (model, tokens) = ask::detokenize(&fields::parse(&asked.body)?)?;
        app.adapter(model.as_deref())?;
        if let Some(id) = tokens.iter().find(|id| **id as usize >= app.model.facts().vocab_size) {
            return Err(ApiError::bad(format!("Token id {id} is out of vocabulary")));
        }
        let prompt = app.model.tokenizer().decode(&tokens, false).map_err(|error| ApiError::bad(error.to_string()))?;
        Ok(json(StatusCode::OK, &Detokenized { prompt }))
    };
    answer().unwrap_or_else(ApiError::into_response)
}
