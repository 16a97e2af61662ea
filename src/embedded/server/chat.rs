//! `/v1/chat/completions`.

use super::{
    App, Asked,
    ask::ChatAsk,
    errors::{ApiError, json},
    fields,
    generate::{Submitted, finish_word, sse},
    logprobs,
    reasoning::{self, Splitter},
    transcript::{EngineStopped, Piece, Transcript},
};
use crate::embedded::wire::{self, Chat, ChatChoice, ChatChunk, ChatDelta, ChatLogprobs, Delta, Message, Usage, event};
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use std::{collections::VecDeque, sync::Arc};

/// Everything of a request that its answers repeat.
struct Envelope {
    app: Arc<App>,
    id: String,
    created: u64,
    model: String,
    role: String,
    prompt_tokens: usize,
    /// How many log-probabilities a token gets, when any.
    logprobs: Option<usize>,
    include_usage: bool,
    continuous_usage: bool,
}

pub(super) async fn answer(app: Arc<App>, asked: Asked) -> Result<Response, ApiError> {
    let body = fields::parse(&asked.body)?;
    let ask = ChatAsk::read(&body)?;
    let adapter = app.adapter(ask.common.model.as_deref())?;
    if let Some(error) = ask.common.unsupported.clone() {
        return Err(error);
    }
    let messages = flattened(&app, &ask.messages)?;
    let text = app.render(&messages, ask.add_generation_prompt, ask.continue_final_message)?;
    let prompt = app.encode(text, ask.common.add_special_tokens.unwrap_or(false)).await?;
    let id = format!("chatcmpl-{}", asked.id(body.get("request_id").and_then(Value::as_str)));
    let role = if ask.add_generation_prompt { "assistant" } else { last_role(&ask.messages) };
    let prompt_tokens = prompt.len();
    let Submitted { transcript, logprobs } = app.submit(&ask.common, ask.logprobs, prompt, id.clone(), adapter, asked.arrived)?;
    let envelope = Envelope {
        id,
        created: wire::unix_seconds(),
        model: app.name_of(ask.common.model.as_deref()).to_owned(),
        role: role.to_owned(),
        prompt_tokens,
        logprobs,
        include_usage: ask.common.include_usage,
        continuous_usage: ask.common.continuous_usage,
        app,
    };
    if ask.common.stream {
        let splitter = envelope.app.reasoning.map(Splitter::new);
        let guard = asked.guard;
        let stream = Stream { envelope, transcript, splitter, begun: false, ended: false, frames: VecDeque::new() };
        return Ok(sse(futures_util::stream::unfold((stream, guard), |(mut stream, guard)| async move {
            let frame = stream.next().await?;
            Some((frame, (stream, guard)))
        })));
    }
    whole(&envelope, transcript).await
}

fn last_role(messages: &[Value]) -> &str {
    messages.last().and_then(|message| message.get("role")?.as_str()).unwrap_or("assistant")
}

/// Messages with their text parts joined by line ends, as vLLM gives them to templates that take plain text.
pub(super) fn flattened(app: &App, messages: &[Value]) -> Result<Vec<Value>, ApiError> {
    let mut out = messages.to_vec();
    for message in &mut out {
        let Some(Value::Array(parts)) = message.get("content") else { continue };
        let mut texts = Vec::new();
        for part in parts {
            match (part.get("text").and_then(Value::as_str), part.as_str()) {
                (Some(text), _) | (None, Some(text)) => texts.push(text),
                _ => return Err(ApiError::bad(format!("{} is not a multimodal model", app.model.facts().root))),
            }
        }
        let joined = texts.join("\n");
        if let Some(content) = message.get_mut("content") {
            *content = Value::String(joined);
        }
    }
    Ok(out)
}

async fn whole(envelope: &Envelope, mut transcript: Transcript) -> Result<Response, ApiError> {
    let mut listed = envelope.logprobs.map(|_| ChatLogprobs::default());
    let mut finish = None;
    while let Some(piece) = transcript.next().await {
        let piece = piece.map_err(|EngineStopped| ApiError::engine_stopped())?;
        if let (Some(listed), Some(own)) = (&mut listed, envelope.logprob(&piece)) {
            listed.content.push(own);
        }
        finish = piece.finish.or(finish);
    }
    let (finish, stop_reason) = finish.ok_or_else(ApiError::engine_stopped)?;
    let text = transcript.text();
    let (reasoning_content, content) = if envelope.app.reasoning.is_some() { reasoning::whole(text) } else { (None, Some(text)) };
    let message = Message { role: &envelope.role, reasoning_content, content, tool_calls: [] };
    let choice = ChatChoice { index: 0, message, logprobs: listed, finish_reason: finish_word(finish), stop_reason };
    let body = Chat {
        id: &envelope.id,
        object: "chat.completion",
        created: envelope.created,
        model: &envelope.model,
        choices: [choice],
        usage: Usage::new(envelope.prompt_tokens, transcript.count()).into(),
        prompt_logprobs: (),
    };
    Ok(json(StatusCode::OK, &body).into_response())
}

impl Envelope {
    fn logprob(&self, piece: &Piece) -> Option<wire::ChatLogprob> {
        logprobs::chat(&*self.app.model, piece, self.logprobs?)
    }

    fn chunk(&self, choices: &[ChatDelta<'_>], usage: Option<Usage>) -> Vec<u8> {
        let object = "chat.completion.chunk";
        event(&ChatChunk { id: &self.id, object, created: self.created, model: &self.model, choices, usage })
    }

    /// A chunk of running usage, when wanted.
    fn running(&self, count: usize) -> Option<Usage> {
        self.continuous_usage.then(|| Usage::new(self.prompt_tokens, count))
    }
}

/// A streamed answer. Dropping it (the client left) cancels the sequence.
struct Stream {
    envelope: Envelope,
    transcript: Transcript,
    splitter: Option<Splitter>,
    begun: bool,
    ended: bool,
    frames: VecDeque<Vec<u8>>,
}

impl Stream {
    /// The next event, framed.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            if self.ended {
                return None;
            }
            match self.transcript.next().await {
                Some(Ok(piece)) => self.piece(&piece),
                Some(Err(EngineStopped)) => {
                    self.frames.push_back(ApiError::engine_stopped().event());
                    self.end();
                }
                None => self.end(),
            }
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.frames.push_back(wire::DONE.to_vec());
    }

    fn piece(&mut self, piece: &Piece) {
        let envelope = &self.envelope;
        if !self.begun {
            self.begun = true;
            let delta = Delta { role: Some(&envelope.role), content: Some(""), reasoning_content: None };
            let choice = ChatDelta { index: 0, delta, logprobs: None, finish_reason: None, stop_reason: None };
            self.frames.push_back(envelope.chunk(&[choice], envelope.running(0)));
        }
        let part = match &mut self.splitter {
            None => Some(reasoning::Part { reasoning: None, content: Some(piece.delta.clone()) }),
            Some(splitter) => splitter.part(piece.token.as_ref().map(|token| token.id), piece.span.clone(), piece.from, &piece.delta),
        };
        if let Some(part) = part {
            let delta = Delta { role: None, content: part.content.as_deref(), reasoning_content: part.reasoning.as_deref() };
            let logprobs = envelope.logprobs.map(|_| ChatLogprobs { content: envelope.logprob(piece).into_iter().collect() });
            let finish_reason = piece.finish.as_ref().map(|(finish, _)| finish_word(*finish));
            let stop_reason = piece.finish.as_ref().map(|(_, reason)| reason.clone());
            let choice = ChatDelta { index: 0, delta, logprobs, finish_reason, stop_reason };
            self.frames.push_back(envelope.chunk(&[choice], envelope.running(piece.count)));
        }
        if piece.finish.is_some() {
            if envelope.include_usage {
                self.frames.push_back(envelope.chunk(&[], Some(Usage::new(envelope.prompt_tokens, piece.count))));
            }
            self.end();
        }
    }
}
