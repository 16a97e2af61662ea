//! What both generating endpoints do with the model: tokenize, submit, stream.

use super::{
    App,
    ask::Common,
    errors::ApiError,
    plan::{Plan, plan},
    transcript::{Rules, Transcript},
};
use crate::{
    embedded::api::{Finish, Refused, Request},
    text::Render,
};
use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use futures_util::{Stream, StreamExt as _};
use serde_json::Value;
use std::{convert::Infallible, sync::Arc, time::Instant};

/// Texts longer than this are tokenized on another thread, so that the streams of others go on.
const LONG_TEXT_BYTES: usize = 16 << 10;

/// A sequence under way.
pub(super) struct Submitted {
    pub(super) transcript: Transcript,
    /// Alternatives per token, when log-probabilities are wanted.
    pub(super) logprobs: Option<usize>,
}

/// vLLM's word for why a sequence ended.
pub(super) fn finish_word(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
    }
}

/// A stream of server-sent events. The response body owns it: when the client leaves, it is dropped.
pub(super) fn sse(frames: impl Stream<Item = Vec<u8>> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(frames.map(Ok::<_, Infallible>)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    response
}

fn told(error: impl std::fmt::Display) -> ApiError {
    ApiError::bad(error.to_string())
}

impl App {
    /// A conversation as the chat template renders it.
    pub(super) fn render(&self, messages: &[Value], add_generation_prompt: bool, continue_final_message: bool) -> Result<String, ApiError> {
        let Some(template) = self.model.template() else {
            return Err(ApiError::bad("the model has no chat template; use /v1/completions"));
        };
        template.render(messages, Render { add_generation_prompt, continue_final_message, ..Render::default() }).map_err(told)
    }

    /// Token ids of a text.
    pub(super) async fn encode(&self, text: String, add_special_tokens: bool) -> Result<Vec<u32>, ApiError> {
        if text.len() < LONG_TEXT_BYTES {
            return self.model.tokenizer().encode(&text, add_special_tokens).map_err(told);
        }
        let model = Arc::clone(&self.model);
        let encoded = tokio::task::spawn_blocking(move || model.tokenizer().encode(&text, add_special_tokens)).await;
        encoded.map_err(|_| ApiError::engine_stopped())?.map_err(told)
    }

    /// Checks a request and starts its sequence.
    pub(super) fn submit(
        &self,
        ask: &Common,
        logprobs: Option<i64>,
        prompt: Vec<u32>,
        id: String,
        adapter: Option<Arc<str>>,
        arrived: Instant,
    ) -> Result<Submitted, ApiError> {
        let facts = self.model.facts();
        let Plan { sampling, max_tokens, min_tokens } = plan(ask, logprobs, prompt.len(), facts.max_model_len, &facts.defaults)?;
        if prompt.is_empty() {
            return Err(ApiError::bad("The prompt has no tokens."));
        }
        if let Some(id) = prompt.iter().find(|id| **id as usize >= facts.vocab_size) {
            return Err(ApiError::bad(format!("Token id {id} is out of vocabulary")));
        }
        let mut stop_token_ids = ask.stop_token_ids.clone();
        if !ask.ignore_eos {
            stop_token_ids.extend(&facts.other_eos);
        }
        let rules = Rules {
            stop: ask.stop.clone(),
            stop_token_ids: ask.stop_token_ids.clone(),
            include_stop_str: ask.include_stop_str,
            ignore_eos: ask.ignore_eos,
            skip_special_tokens: ask.skip_special_tokens,
            min_tokens,
            max_tokens,
        };
        let wanted = sampling.logprobs;
        let meter = self.metrics.follow(arrived, prompt.len(), max_tokens, adapter.clone());
        let context = prompt.get(prompt.len().saturating_sub(8)..).unwrap_or_default().to_vec();
        let request =
            Request { id, prompt, adapter, sampling, max_tokens, min_tokens, ignore_eos: ask.ignore_eos, stop_token_ids, arrived };
        let handle = self.model.submit(request).map_err(|refused| match refused {
            Refused::Stopped => ApiError::engine_stopped(),
            Refused::NoAdapter(name) => ApiError::no_model(&name),
            other => ApiError::bad(other.to_string()),
        })?;
        Ok(Submitted { transcript: Transcript::new(Arc::clone(&self.model), handle, rules, meter, &context), logprobs: wanted })
    }
}
