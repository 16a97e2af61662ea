//! `/v1/chat/completions`.

use super::{FullUsage, StopReason, Usage};
use serde::Serialize;

/// Whole answer of `/v1/chat/completions`.
#[derive(Debug, Serialize)]
pub struct Chat<'a> {
    /// `chatcmpl-…`.
    pub id: &'a str,
    /// Always `chat.completion`.
    pub object: &'static str,
    /// Unix seconds.
    pub created: u64,
    /// Model or adapter asked for.
    pub model: &'a str,
    /// Exactly one.
    pub choices: [ChatChoice<'a>; 1],
    /// Token counts.
    pub usage: FullUsage,
    /// Always `null`.
    pub prompt_logprobs: (),
}

/// The one choice of a whole chat answer.
#[derive(Debug, Serialize)]
pub struct ChatChoice<'a> {
    /// Always 0.
    pub index: usize,
    /// The message.
    pub message: Message<'a>,
    /// When asked for.
    pub logprobs: Option<ChatLogprobs>,
    /// `stop` or `length`.
    pub finish_reason: &'static str,
    /// Stop string or token.
    pub stop_reason: Option<StopReason>,
}

/// The message of a whole chat answer.
#[derive(Debug, Serialize)]
pub struct Message<'a> {
    /// `assistant`.
    pub role: &'a str,
    /// Text before `</think>`, with a reasoning parser.
    pub reasoning_content: Option<&'a str>,
    /// The answer; `null` when all was reasoning.
    pub content: Option<&'a str>,
    /// Always empty.
    pub tool_calls: [(); 0],
}

/// One chunk of a chat stream.
#[derive(Debug, Serialize)]
pub struct ChatChunk<'a> {
    /// `chatcmpl-…`.
    pub id: &'a str,
    /// Always `chat.completion.chunk`.
    pub object: &'static str,
    /// Unix seconds.
    pub created: u64,
    /// Model or adapter asked for.
    pub model: &'a str,
    /// One, or none in the usage chunk.
    pub choices: &'a [ChatDelta<'a>],
    /// In the usage chunk, and in every chunk with `continuous_usage_stats`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// The one choice of a chat chunk.
#[derive(Debug, Serialize)]
pub struct ChatDelta<'a> {
    /// Always 0.
    pub index: usize,
    /// What is new.
    pub delta: Delta<'a>,
    /// When asked for.
    pub logprobs: Option<ChatLogprobs>,
    /// In the last chunk.
    pub finish_reason: Option<&'static str>,
    /// Only in the last chunk, `null` there without a stop string or token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<Option<StopReason>>,
}

/// New text of a chat chunk.
#[derive(Debug, Default, Serialize)]
pub struct Delta<'a> {
    /// Only in the first chunk, with empty content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'a str>,
    /// Answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<&'a str>,
    /// Reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<&'a str>,
}

/// Log-probabilities of a chat answer.
#[derive(Debug, Default, Serialize)]
pub struct ChatLogprobs {
    /// One a token.
    pub content: Vec<ChatLogprob>,
}

/// Log-probability of one token of a chat answer.
#[derive(Debug, Serialize)]
pub struct ChatLogprob {
    /// The token and its own figure.
    #[serde(flatten)]
    pub own: TokenLogprob,
    /// The chosen token, then the likeliest others, `top_logprobs` of them.
    pub top_logprobs: Vec<TokenLogprob>,
}

/// A token's log-probability.
#[derive(Debug, Clone, Serialize)]
pub struct TokenLogprob {
    /// Its text; empty while it is part of a character.
    pub token: String,
    /// Natural logarithm, at least -9999.
    pub logprob: f64,
    /// UTF-8 of `token`.
    pub bytes: Vec<u8>,
}
