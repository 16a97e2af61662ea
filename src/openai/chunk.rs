//! One event of a stream, decoded: chat and completion chunks of vLLM 0.8.5 and of its successors.
//!
//! Shapes: `fixtures/captures/openai/`. Text without escapes is borrowed from the event; fields nobody reads are skipped.

use super::ApiError;
use crate::base::clean;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, marker::PhantomData};

/// What one event says.
#[derive(Debug, Clone, PartialEq)]
pub enum Chunk<'a> {
    /// A piece of the answer, a usage report, or both.
    Delta(Delta<'a>),
    /// `[DONE]`.
    Done,
    /// An error inside the stream, which HTTP has long called 200.
    Failed(ApiError),
}

/// An event that is neither `[DONE]` nor a JSON object of the known shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server sent an event that is no chunk ({reason}): {excerpt}")]
pub struct Malformed {
    /// What the JSON reader said.
    pub reason: String,
    /// The beginning of the event, cleaned.
    pub excerpt: String,
}

/// Decodes the data of one event.
///
/// # Errors
/// [`Malformed`]; the stream can be followed further.
pub fn decode(data: &str) -> Result<Chunk<'_>, Malformed> {
    if data.trim_ascii() == "[DONE]" {
        return Ok(Chunk::Done);
    }
    match serde_json::from_str::<Delta<'_>>(data) {
        Ok(delta) if delta.error.is_none() && delta.object.as_ref().is_none_or(|o| o.0 != "error") => Ok(Chunk::Delta(delta)),
        other => {
            // The rare path: an error in one of its shapes, possibly with fields that are not what a chunk has there.
            let error = serde_json::from_str(data).ok().and_then(|json| ApiError::in_json(200, &json));
            match (error, other) {
                (Some(error), _) => Ok(Chunk::Failed(error)),
                (None, Ok(delta)) => Ok(Chunk::Delta(delta)),
                (None, Err(error)) => Err(Malformed {
                    reason: clean(&error.to_string()).into_owned(),
                    excerpt: clean(&data.chars().take(80).collect::<String>()).into_owned(),
                }),
            }
        }
    }
}

/// A piece of an answer. Chat and completion chunks alike: both have `choices` and `usage`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Delta<'a> {
    #[serde(borrow, default)]
    id: Option<Str<'a>>,
    #[serde(borrow, default)]
    object: Option<Str<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<Raw<'a>>,
    #[serde(borrow, default)]
    choices: Option<Choices<'a>>,
    /// Counts so far: in the last chunk with `include_usage`, in each with `continuous_usage_stats`.
    #[serde(default)]
    pub usage: Option<Usage>,
}

impl<'a> Delta<'a> {
    /// The server's id of the request (`chatcmpl-…`, `cmpl-…`).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_ref().map(|id| &*id.0)
    }

    /// The choices this chunk speaks about: one as a rule, none in a usage-only chunk.
    pub fn choices(&self) -> impl Iterator<Item = &Choice<'a>> {
        self.choices.iter().flat_map(|choices| choices.first.iter().chain(&choices.more))
    }
}

/// One choice of a chunk.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct Choice<'a> {
    /// Which of the `n` answers, from 0.
    #[serde(default)]
    pub index: u32,
    #[serde(borrow, default)]
    delta: Option<Body<'a>>,
    #[serde(borrow, default)]
    text: Option<Str<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Str<'a>>,
    /// The stop string or token that ended it, where one did.
    #[serde(default)]
    pub stop_reason: Option<StopReason>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    content: Option<Str<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Str<'a>>,
    #[serde(borrow, default)]
    reasoning: Option<Str<'a>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
}

impl<'a> Choice<'a> {
    /// New text of the answer: `delta.content` of chat, `text` of completions; empty where there is none.
    #[must_use]
    pub fn content(&self) -> &str {
        or_empty(self.delta.as_ref().and_then(|d| d.content.as_ref()).or(self.text.as_ref()))
    }

    /// New text of the reasoning: `reasoning_content` (vLLM up to 0.15) or `reasoning` (from 0.11.2); never both.
    #[must_use]
    pub fn reasoning(&self) -> &str {
        let Some(delta) = &self.delta else { return "" };
        let old = or_empty(delta.reasoning_content.as_ref());
        if old.is_empty() { or_empty(delta.reasoning.as_ref()) } else { old }
    }

    /// Pieces of tool calls.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCall<'a>] {
        self.delta.as_ref().and_then(|d| d.tool_calls.as_deref()).unwrap_or_default()
    }

    /// Why this answer ended, in the chunk that ends it.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&str> {
        self.finish_reason.as_ref().map(|r| &*r.0)
    }

    /// Whether the chunk brings text of any kind: what makes it a token event. The first chunk of a chat, which only
    /// names the role, does not (vLLM 0.8.5 can send it long before the first token).
    #[must_use]
    pub fn has_text(&self) -> bool {
        !self.content().is_empty() || !self.reasoning().is_empty() || self.tool_calls().iter().any(ToolCall::has_text)
    }
}

/// A piece of a tool call; pieces of one call share its index.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ToolCall<'a> {
    /// Which call of the answer, from 0.
    #[serde(default)]
    pub index: u32,
    #[serde(borrow, default)]
    id: Option<Str<'a>>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<Str<'a>>,
    #[serde(borrow, default)]
    arguments: Option<Str<'a>>,
}

impl ToolCall<'_> {
    /// Id of the call, in its first piece.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_ref().map(|id| &*id.0)
    }

    /// Name of the function, in its first piece; empty elsewhere.
    #[must_use]
    pub fn name(&self) -> &str {
        or_empty(self.function.as_ref().and_then(|f| f.name.as_ref()))
    }

    /// New text of the arguments, a part of a JSON document.
    #[must_use]
    pub fn arguments(&self) -> &str {
        or_empty(self.function.as_ref().and_then(|f| f.arguments.as_ref()))
    }

    fn has_text(&self) -> bool {
        !self.name().is_empty() || !self.arguments().is_empty()
    }
}

/// Token counts of a request, as the server gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, template included.
    #[serde(default)]
    pub prompt_tokens: u64,
    /// Tokens of the answer, those that a reasoning or tool parser swallowed included.
    #[serde(default, deserialize_with = "or_default")]
    pub completion_tokens: u64,
    /// Their sum.
    #[serde(default)]
    pub total_tokens: u64,
    /// Where the prompt's tokens came from; only with `--enable-prompt-tokens-details`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens_details: Option<PromptDetails>,
}

impl Usage {
    /// Prompt tokens served from the prefix cache, where the server says.
    #[must_use]
    pub fn cached_tokens(&self) -> Option<u64> {
        self.prompt_tokens_details.and_then(|d| d.cached_tokens)
    }
}

/// Detail of [`Usage::prompt_tokens`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PromptDetails {
    /// Served from the prefix cache.
    #[serde(default)]
    pub cached_tokens: Option<u64>,
}

/// What stopped a generation, in vLLM's `stop_reason`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StopReason {
    /// A token id from `stop_token_ids`.
    Token(i64),
    /// A string from `stop`.
    Text(String),
}

/// Serde borrows a `Cow` only where it stands alone, not inside an `Option`; hence this.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value that is there, unread.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Raw<'a>(#[serde(borrow)] &'a RawValue);

impl PartialEq for Raw<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Raw<'de>>, D::Error> {
    Ok(Option::<Raw<'de>>::deserialize(from)?.filter(|raw| raw.0.get() != "null"))
}

/// A `null` count reads as 0.
fn or_default<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn or_empty<'s>(text: Option<&'s Str<'_>>) -> &'s str {
    text.map_or("", |text| &text.0)
}

/// `choices` without an allocation for the usual single one.
#[derive(Debug, Clone, PartialEq, Default)]
struct Choices<'a> {
    first: Option<Choice<'a>>,
    more: Vec<Choice<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Choices<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for List<'a> {
            type Value = Choices<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of choices")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut choices = Choices { first: list.next_element()?, more: Vec::new() };
                while let Some(choice) = list.next_element()? {
                    choices.more.push(choice);
                }
                Ok(choices)
            }
        }
        from.deserialize_seq(List(PhantomData))
    }
}

#[cfg(test)]
mod tests;
