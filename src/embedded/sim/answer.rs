//! From a request to what is written when: bodies, framing and the schedule. Nothing here touches a socket or a clock.

use super::{Fault, Options, http};
use crate::embedded::wire::{
    self, ChatChunk, ChatDelta, CompletionChunk, CompletionDelta, CompletionUsageChunk, Delta, ErrorBody, StreamError, Usage,
};
use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg32;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::borrow::Cow;

/// The text of every token.
pub(super) const TOKEN: &str = " sim";

/// Tokens of a text, roughly: four bytes each, as [`TOKEN`] has.
pub(super) fn rough_tokens(bytes: usize) -> usize {
    bytes.div_ceil(4)
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
    messages: Option<Vec<Value>>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
    n: Option<u64>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize, Default)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
    #[serde(default)]
    continuous_usage_stats: bool,
}

/// Why a request gets no tokens: an error body and its status.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Refusal {
    pub(super) fn new(status: u16, kind: &str, message: &str) -> Self {
        Self { status, body: serde_json::to_vec(&ErrorBody::new(message, kind, status)).unwrap_or_default() }
    }

    fn bad(message: &str) -> Self {
        Self::new(400, "BadRequestError", message)
    }
}

/// One request that gets tokens.
#[expect(clippy::struct_excessive_bools, reason = "the API's own switches")]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) chat: bool,
    pub(super) stream: bool,
    include_usage: bool,
    continuous_usage: bool,
    pub(super) prompt_tokens: usize,
    pub(super) max_tokens: usize,
    created: u64,
    /// Tokens per event.
    step: usize,
    /// What its last event says, and whether `[DONE]` follows.
    finish: &'static str,
    done: bool,
    /// One middle event, framed: the same bytes each time unless it carries running usage.
    middle: Vec<u8>,
}

impl Job {
    /// Reads a body of `/v1/completions` or (`chat`) `/v1/chat/completions`.
    pub(super) fn read(options: &Options, chat: bool, id: Option<&str>, body: &[u8]) -> Result<Self, Refusal> {
        let body: Body<'_> =
            serde_json::from_slice(body).map_err(|error| Refusal::bad(&format!("the body is not what this API takes: {error}")))?;
        if let Some(name) = body.model.as_deref().filter(|name| !name.is_empty() && *name != options.model) {
            return Err(Refusal::new(404, "NotFoundError", &format!("The model `{name}` does not exist.")));
        }
        if body.n.is_some_and(|n| n != 1) {
            return Err(Refusal::bad("the simulated server answers with one choice: n must be 1"));
        }
        let prompt_tokens = match (chat, &body.messages, body.prompt) {
            (true, Some(messages), _) => messages.iter().map(message_tokens).sum(),
            (true, None, _) => return Err(Refusal::bad("[{'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required'}]")),
            (false, _, Some(prompt)) => prompt_length(prompt.get())?,
            (false, _, None) => return Err(Refusal::bad("[{'type': 'missing', 'loc': ('body', 'prompt'), 'msg': 'Field required'}]")),
        };
        let asked = body.max_completion_tokens.filter(|_| chat).or(body.max_tokens);
        let max_tokens = asked.unwrap_or(if chat { 256 } else { 16 });
        if max_tokens == 0 {
            return Err(Refusal::bad("max_tokens must be at least 1, got 0."));
        }
        let (limit, wanted) = (options.max_model_len, prompt_tokens.saturating_add(max_tokens));
        if wanted > limit {
            return Err(Refusal::bad(&format!(
                "This model's maximum context length is {limit} tokens. However, you requested {wanted} tokens ({prompt_tokens} in the messages, \
                 {max_tokens} in the completion). Please reduce the length of the messages or completion."
            )));
        }
        let stream_options = body.stream_options.unwrap_or_default();
        let id = format!("{}-{}", if chat { "chatcmpl" } else { "cmpl" }, id.map_or_else(wire::random_hex, str::to_owned));
        let mut job = Self {
            id,
            chat,
            stream: body.stream,
            include_usage: stream_options.include_usage,
            continuous_usage: stream_options.include_usage && stream_options.continuous_usage_stats,
            prompt_tokens,
            max_tokens,
            created: wire::unix_seconds(),
            step: options.tokens_per_chunk as usize,
            finish: "length",
            done: true,
            middle: Vec::new(),
        };
        let mut middle = Vec::new();
        job.token_event(options, job.step, 0, false, &mut middle);
        job.middle = middle;
        Ok(job)
    }

    /// Changes the answer as a fault has it that only shows at its end.
    pub(super) fn spoil(&mut self, fault: Fault) {
        match fault {
            Fault::NoDone => self.done = false,
            Fault::Short => (self.max_tokens, self.finish) = (self.max_tokens.div_ceil(2), "stop"),
            _ => {}
        }
    }

    /// Events that carry tokens.
    pub(super) fn events(&self) -> usize {
        self.max_tokens.div_ceil(self.step)
    }

    /// Tokens in the events from `from` up to `to`.
    pub(super) fn tokens(&self, from: usize, to: usize) -> usize {
        (to * self.step).min(self.max_tokens) - (from * self.step).min(self.max_tokens)
    }

    /// Whether the events from `from` up to `to` are all the prebuilt one.
    pub(super) fn all_middle(&self, from: usize, to: usize) -> bool {
        from > 0 && to < self.events() && !self.continuous_usage
    }

    /// The prebuilt middle event, framed.
    pub(super) fn middle(&self) -> &[u8] {
        &self.middle
    }

    /// The events from `from` up to `to`, with the role event before the first and the closing ones after the last.
    pub(super) fn write(&self, options: &Options, from: usize, to: usize, out: &mut Vec<u8>) {
        if from == 0 {
            out.extend_from_slice(http::STREAM);
            if self.chat {
                self.chat_event(options, &[delta(Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, None)], 0, out);
            }
        }
        for event in from..to {
            let last = event + 1 == self.events();
            if event > 0 && !last && !self.continuous_usage {
                out.extend_from_slice(&self.middle);
            } else {
                self.token_event(options, self.tokens(event, event + 1), self.tokens(0, event + 1), last, out);
            }
        }
        if to == self.events() {
            self.close(options, out);
        }
    }

    /// The usage event if asked for, `[DONE]`, the end of the body.
    fn close(&self, options: &Options, out: &mut Vec<u8>) {
        let usage = Usage::new(self.prompt_tokens, self.max_tokens);
        if self.include_usage && self.chat {
            http::chunk(&wire::event(&self.chat_chunk(options, &[], Some(usage))), out);
        } else if self.include_usage {
            let chunk = CompletionUsageChunk {
                id: &self.id,
                object: "text_completion",
                created: self.created,
                model: &options.model,
                choices: [],
                usage,
            };
            http::chunk(&wire::event(&chunk), out);
        }
        if self.done {
            http::chunk(wire::DONE, out);
        }
        out.extend_from_slice(http::LAST_CHUNK);
    }

    fn token_event(&self, options: &Options, tokens: usize, so_far: usize, last: bool, out: &mut Vec<u8>) {
        let text = TOKEN.repeat(tokens);
        if self.chat {
            return self.chat_event(
                options,
                &[delta(Delta { content: Some(&text), ..Delta::default() }, last.then_some(self.finish))],
                so_far,
                out,
            );
        }
        let choice =
            CompletionDelta { index: 0, text: &text, logprobs: None, finish_reason: last.then_some(self.finish), stop_reason: None };
        let usage = self.continuous_usage.then(|| Usage::new(self.prompt_tokens, so_far).into());
        let chunk = CompletionChunk {
            id: &self.id,
            object: "text_completion",
            created: self.created,
            model: &options.model,
            choices: [choice],
            usage,
        };
        http::chunk(&wire::event(&chunk), out);
    }

    fn chat_event(&self, options: &Options, choices: &[ChatDelta<'_>], so_far: usize, out: &mut Vec<u8>) {
        let usage = self.continuous_usage.then(|| Usage::new(self.prompt_tokens, so_far));
        http::chunk(&wire::event(&self.chat_chunk(options, choices, usage)), out);
    }

    fn chat_chunk<'a>(&'a self, options: &'a Options, choices: &'a [ChatDelta<'a>], usage: Option<Usage>) -> ChatChunk<'a> {
        ChatChunk { id: &self.id, object: "chat.completion.chunk", created: self.created, model: &options.model, choices, usage }
    }

    /// The whole answer of a request that does not stream.
    pub(super) fn whole(&self, options: &Options) -> Vec<u8> {
        let text = TOKEN.repeat(self.max_tokens);
        let usage = Usage::new(self.prompt_tokens, self.max_tokens).into();
        let (id, created, model) = (self.id.as_str(), self.created, options.model.as_str());
        let body = if self.chat {
            let message = wire::Message { role: "assistant", reasoning_content: None, content: Some(&text), tool_calls: [] };
            let choice = wire::ChatChoice { index: 0, message, logprobs: None, finish_reason: "length", stop_reason: None };
            serde_json::to_vec(&wire::Chat { id, object: "chat.completion", created, model, choices: [choice], usage, prompt_logprobs: () })
        } else {
            let choice = wire::CompletionChoice {
                index: 0,
                text: &text,
                logprobs: None,
                finish_reason: "length",
                stop_reason: None,
                prompt_logprobs: (),
            };
            serde_json::to_vec(&wire::Completion { id, object: "text_completion", created, model, choices: vec![choice], usage })
        };
        http::answer(200, "application/json", None, &body.unwrap_or_default())
    }

    /// What ends an answer in this way, after what was written before (`begun`: anything at all).
    pub(super) fn fault(fault: Fault, begun: bool, out: &mut Vec<u8>) {
        match fault {
            Fault::ErrorInStream => {
                if !begun {
                    out.extend_from_slice(http::STREAM);
                }
                let error = StreamError { error: ErrorBody::new("the simulated server was told to fail", "BadRequestError", 400) };
                http::chunk(&wire::event(&error), out);
                http::chunk(wire::DONE, out);
                out.extend_from_slice(http::LAST_CHUNK);
            }
            Fault::Empty => {
                out.extend_from_slice(http::STREAM);
                http::chunk(wire::DONE, out);
                out.extend_from_slice(http::LAST_CHUNK);
            }
            Fault::Status500 => {
                let body = Refusal::new(500, "InternalServerError", "the simulated server was told to fail").body;
                out.extend_from_slice(&http::answer(500, "application/json", None, &body));
            }
            Fault::Status429 => {
                let body = Refusal::new(429, "TooManyRequests", "the simulated server was told to fail").body;
                out.extend_from_slice(&http::answer(429, "application/json", None, &body));
            }
            Fault::SlowHeaders => out.extend_from_slice(http::STREAM.get(..http::STREAM.len() / 2).unwrap_or_default()),
            Fault::Garbage => {
                if !begun {
                    out.extend_from_slice(http::STREAM);
                }
                http::chunk(b"data: {\"choices\": [{\"text\": oops\n\n", out);
                http::chunk(wire::DONE, out);
                out.extend_from_slice(http::LAST_CHUNK);
            }
            Fault::Truncate | Fault::Stall | Fault::Refuse | Fault::Reset | Fault::NoDone | Fault::Short => {}
        }
    }
}

fn delta<'a>(delta: Delta<'a>, finish_reason: Option<&'static str>) -> ChatDelta<'a> {
    ChatDelta { index: 0, delta, logprobs: None, finish_reason, stop_reason: finish_reason.map(|_| None) }
}

fn message_tokens(message: &Value) -> usize {
    let text = match message.get("content") {
        Some(Value::String(text)) => text.len(),
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| part.get("text")?.as_str()).map(str::len).sum(),
        _ => 0,
    };
    rough_tokens(text) + 4
}

/// Tokens of a prompt: a text, token ids, or an array with one of either.
fn prompt_length(raw: &str) -> Result<usize, Refusal> {
    let inner = raw.strip_prefix('[').map_or(raw, str::trim_start);
    let tokens = match (raw.starts_with('['), inner.bytes().next()) {
        (false, Some(b'"')) => rough_tokens(raw.len() - 2),
        // Counting commas, not parsing: a prompt of random token ids is the hot path of a load test.
        (true, Some(b'0'..=b'9')) => memchr::memchr_iter(b',', raw.as_bytes()).count() + 1,
        (true, Some(b'"')) => match serde_json::from_str::<Vec<String>>(raw) {
            Ok(texts) if texts.len() == 1 => texts.iter().map(|text| rough_tokens(text.len())).sum(),
            _ => 0,
        },
        (true, Some(b'[')) => match serde_json::from_str::<Vec<Vec<u32>>>(raw) {
            Ok(lists) if lists.len() == 1 => lists.iter().map(Vec::len).sum(),
            _ => 0,
        },
        _ => 0,
    };
    if tokens == 0 { Err(Refusal::bad("prompt must be one text or one list of token ids, not empty")) } else { Ok(tokens) }
}

/// When the writes of one answer are due: `(events before, events after, ns since the request was read)` each.
pub(super) fn schedule(options: &Options, job: &Job, number: u64) -> Vec<(usize, usize, u64)> {
    let mut rng = Pcg32::seed_from_u64(options.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut gap = |ms: f64| {
        let jitter = if options.jitter_ms > 0.0 { rng.random_range(-options.jitter_ms..=options.jitter_ms) } else { 0.0 };
        (ms + jitter).max(0.0)
    };
    let events = job.events();
    let mut at_ms = gap(options.ttft_ms);
    if options.flood {
        return vec![(0, events, nanoseconds(at_ms))];
    }
    let mut writes = Vec::new();
    let mut from = 0;
    for event in 0..events {
        if event > 0 {
            #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
            let tokens = job.tokens(event, event + 1) as f64;
            at_ms += gap(options.itl_ms * tokens);
        }
        if event == 0 || event + 1 == events || event + 1 - from == options.coalesce as usize {
            writes.push((from, event + 1, nanoseconds(at_ms)));
            from = event + 1;
        }
    }
    if !job.stream {
        return vec![(0, events, nanoseconds(at_ms))];
    }
    writes
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "gaps are not negative and options bound them to hours")]
fn nanoseconds(ms: f64) -> u64 {
    (ms * 1e6).round() as u64
}
