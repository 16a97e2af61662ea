//! How far a streamed answer has come: one count for the load client and for chat, so that both mean the same.

use super::{
    ApiError,
    chunk::{Chunk, Delta, Malformed, StopReason, Usage, decode},
};
use crate::base::clean;
use serde::Serialize;
use std::fmt;

/// Answers to one request that are counted apart; a chunk that speaks of more counts for the last.
const MOST_CHOICES: usize = 128;

/// Why a generation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// End-of-sequence token or a stop string.
    Stop,
    /// `max_tokens` or the context length.
    Length,
    /// It calls a tool.
    ToolCalls,
    /// A filter cut it.
    ContentFilter,
    /// The server gave it up.
    Abort,
    /// Another word of the server's.
    Other(String),
}

impl Finish {
    /// From the wire's word.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "stop" => Self::Stop,
            "length" => Self::Length,
            "tool_calls" | "function_call" => Self::ToolCalls,
            "content_filter" => Self::ContentFilter,
            "abort" => Self::Abort,
            other => Self::Other(clean(other).chars().take(40).collect()),
        }
    }

    /// The wire's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Abort => "abort",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One event, taken in.
#[derive(Debug, PartialEq)]
pub struct Seen<'a> {
    /// What it said.
    pub chunk: Result<Chunk<'a>, Malformed>,
    /// Whether it is a token event: it brings text (content, reasoning, tool call), or the server's count of tokens rose
    /// with it. The first one is what TTFT is measured to; role, usage-only and `[DONE]` events are none.
    pub token: bool,
    /// How many tokens came with it, where the server counts them (`continuous_usage_stats`); one chunk may bring
    /// several, or text held back earlier and no new token.
    pub new_tokens: Option<u64>,
}

/// The state of one streamed answer.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Token events so far.
    token_events: u64,
    /// Tokens by choice, from usage in chunks.
    counted: Vec<u64>,
    /// From the usage-only chunk, which speaks for all choices.
    total: Option<Usage>,
    /// The newest usage of any chunk.
    usage: Option<Usage>,
    finish: Option<(Finish, Option<StopReason>)>,
    done: bool,
    error: Option<ApiError>,
    malformed: u64,
}

impl Progress {
    /// Nothing received yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the data of the next event.
    pub fn take<'a>(&mut self, data: &'a str) -> Seen<'a> {
        let chunk = decode(data);
        let (token, new_tokens) = match &chunk {
            Ok(Chunk::Delta(delta)) => self.delta(delta),
            Ok(Chunk::Done) => {
                self.done = true;
                (false, None)
            }
            Ok(Chunk::Failed(error)) => {
                self.error.get_or_insert_with(|| error.clone());
                (false, None)
            }
            Err(_) => {
                self.malformed += 1;
                (false, None)
            }
        };
        self.token_events += u64::from(token);
        Seen { chunk, token, new_tokens }
    }

    /// Counts a chunk that is known to bring text of choice 0, and perhaps `usage`, and nothing else: what [`take`](Self::take) would
    /// have counted, without its JSON. The rise of the server's count, where it gave one.
    pub fn take_text(&mut self, usage: Option<Usage>) -> Option<u64> {
        self.token_events += 1;
        self.usage = usage.or(self.usage);
        usage.map(|usage| self.rise(0, usage.completion_tokens))
    }

    fn delta(&mut self, delta: &Delta<'_>) -> (bool, Option<u64>) {
        let mut text = false;
        let mut first = None;
        for choice in delta.choices() {
            text |= choice.has_text();
            first.get_or_insert(choice.index);
            if let Some(word) = choice.finish_reason() {
                self.finish.get_or_insert_with(|| (Finish::of(word), choice.stop_reason.clone()));
            }
        }
        self.usage = delta.usage.or(self.usage);
        match (first, delta.usage) {
            (Some(index), Some(usage)) => {
                let rise = self.rise(index, usage.completion_tokens);
                (text || rise > 0, Some(rise))
            }
            (None, Some(usage)) => {
                self.total = Some(usage);
                (false, None)
            }
            (_, None) => (text, None),
        }
    }

    /// Tokens that choice `index` has gained, now that the server counts `tokens`.
    fn rise(&mut self, index: u32, tokens: u64) -> u64 {
        let index = usize::try_from(index).unwrap_or(MOST_CHOICES).min(MOST_CHOICES - 1);
        if self.counted.len() <= index {
            self.counted.resize(index + 1, 0);
        }
        self.counted.get_mut(index).map_or(0, |counted| {
            let rise = tokens.saturating_sub(*counted);
            *counted += rise;
            rise
        })
    }

    /// Tokens of the answer so far: the server's count where it gave one, else the number of token events.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.counted_tokens().unwrap_or(self.token_events)
    }

    /// The server's own count so far, if it gave one: a chunk may carry several tokens, so only this is exact.
    #[must_use]
    pub fn counted_tokens(&self) -> Option<u64> {
        let running = (!self.counted.is_empty()).then(|| self.counted.iter().fold(0, |sum: u64, choice| sum.saturating_add(*choice)));
        self.total.map(|usage| usage.completion_tokens).or(running)
    }

    /// Token events so far.
    #[must_use]
    pub fn token_events(&self) -> u64 {
        self.token_events
    }

    /// Whether the answer has begun: a token event was seen.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.token_events > 0
    }

    /// The newest usage report.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.total.or(self.usage)
    }

    /// Why the (first) answer ended.
    #[must_use]
    pub fn finish(&self) -> Option<&Finish> {
        self.finish.as_ref().map(|(finish, _)| finish)
    }

    /// The stop string or token that ended it.
    #[must_use]
    pub fn stop_reason(&self) -> Option<&StopReason> {
        self.finish.as_ref().and_then(|(_, reason)| reason.as_ref())
    }

    /// Whether `[DONE]` was seen.
    #[must_use]
    pub fn done(&self) -> bool {
        self.done
    }

    /// The first error told inside the stream.
    #[must_use]
    pub fn error(&self) -> Option<&ApiError> {
        self.error.as_ref()
    }

    /// Events that were no chunk.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Whether the stream may end here: `[DONE]` or a finish reason was seen. A reasoning parser can swallow the chunk with
    /// the reason, and some servers send no `[DONE]`; a stream with neither was cut.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.done || self.finish.is_some()
    }

    /// Whether a stream that ended here counts as a success: it is complete, without error, and brought a token.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.complete() && self.error.is_none() && self.tokens() > 0
    }
}

#[cfg(test)]
mod tests;
