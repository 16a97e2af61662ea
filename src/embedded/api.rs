//! What the HTTP server and the engine thread say to each other. The engine sees token ids only; text, stop strings,
//! reasoning and chat templates are the server's affair.

use std::{sync::Arc, time::Instant};
use tokio::sync::mpsc;

/// How the next token is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 is greedy; otherwise logits are divided by it.
    pub temperature: f32,
    /// Nucleus: smallest set of tokens whose probability reaches this, in (0, 1]; 1 keeps all.
    pub top_p: f32,
    /// Keep the k likeliest; `None` keeps all.
    pub top_k: Option<usize>,
    /// Seed of this request's own generator; `None` takes one from the system.
    pub seed: Option<u64>,
    /// Report this many top log-probabilities per token (0: the chosen token's own only); `None`: none at all.
    pub logprobs: Option<usize>,
}

/// One sequence to generate.
#[derive(Debug, Clone)]
pub struct Request {
    /// The request id, for logs.
    pub id: String,
    /// Prompt token ids, at least one, every one below the vocabulary size.
    pub prompt: Vec<u32>,
    /// Name of a loaded `LoRA` adapter; `None` is the base model.
    pub adapter: Option<Arc<str>>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Stop after this many new tokens, at least 1.
    pub max_tokens: usize,
    /// No end-of-sequence or stop token before this many new tokens.
    pub min_tokens: usize,
    /// Go on past the end-of-sequence token.
    pub ignore_eos: bool,
    /// Further token ids that end the sequence, beside the model's own.
    pub stop_token_ids: Vec<u32>,
    /// When the server had read the request.
    pub arrived: Instant,
}

/// Why a sequence ended, in vLLM's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// End-of-sequence or a stop token; the token itself is not reported as an event's text but counts in usage.
    Stop,
    /// `max_tokens` or the context's end.
    Length,
}

/// One generated token.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// Its log-probability and the top ones `(id, log-probability)`, when asked for.
    pub logprobs: Option<(f32, Vec<(u32, f32)>)>,
}

/// When a sequence passed each stage, for the histograms of `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Read by the server.
    pub arrived: Instant,
    /// Given a slot.
    pub scheduled: Instant,
    /// First token sampled.
    pub first_token: Instant,
    /// Last token sampled.
    pub last_token: Instant,
}

/// What a sequence reports.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The first event: it was given a slot at this time. The server needs it before [`Event::Done`], which never comes for a
    /// sequence that a stop string ends.
    Started(Instant),
    /// A token, at the moment its step ended.
    Token(Token),
    /// The last event.
    Done {
        /// Why.
        finish: Finish,
        /// When.
        timing: Timing,
    },
}

/// A running sequence. Dropping it cancels the sequence at the next step and frees its slot.
#[derive(Debug)]
pub struct Handle {
    /// Its events, in order. Closed without [`Event::Done`] only when the engine itself ended.
    pub events: mpsc::UnboundedReceiver<Event>,
}

/// Why a request was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Prompt and wanted tokens do not fit the context.
    #[error("the context is {max_model_len} tokens, the request wants {wanted}")]
    TooLong {
        /// The engine's context length, tokens.
        max_model_len: usize,
        /// Prompt plus new tokens.
        wanted: usize,
    },
    /// No such adapter is loaded.
    #[error("no adapter named {0} is loaded")]
    NoAdapter(String),
    /// A prompt without tokens, or a token id outside the vocabulary.
    #[error("the prompt {0}")]
    BadPrompt(&'static str),
    /// The engine thread has ended.
    #[error("the engine has stopped")]
    Stopped,
}

/// State of the engine now, for `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Gauges {
    /// Sequences holding a slot.
    pub running: usize,
    /// Sequences waiting for one.
    pub waiting: usize,
    /// Share of KV-cache token positions in use, 0 to 1.
    pub cache_usage: f64,
    /// KV-cache blocks in all; a block holds [`Gauges::block_size`] token positions.
    pub num_blocks: usize,
    /// Token positions per block.
    pub block_size: usize,
    /// Sequences put back to waiting for lack of cache since start.
    pub preemptions: u64,
    /// Steps since start by the tokens they computed.
    pub steps: Steps,
}

/// Engine steps since start by how many tokens each computed, prompt and new ones together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Steps {
    /// Steps at or below each of [`Steps::BOUNDS`] and above the one before; the last counts those above all.
    pub counts: [u64; 14],
    /// Tokens of all steps.
    pub tokens: u64,
}

impl Steps {
    /// vLLM's buckets of `iteration_tokens_total`, tokens.
    pub const BOUNDS: [f64; 13] = [1.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0];

    /// One more step of so many tokens.
    pub fn record(&mut self, tokens: usize) {
        let bucket = Self::BOUNDS.partition_point(|bound| *bound < tokens as f64);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.tokens += tokens as u64;
    }
}
