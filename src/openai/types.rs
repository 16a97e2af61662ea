//! Requests and whole answers of the OpenAI-compatible API, with the fields vLLM adds.
//!
//! Both directions are here: the clients write requests and read answers, the rehearsal engine does the reverse.
//! Absent fields stay absent on the wire, so that a server's own defaults count.

use super::chunk::{StopReason, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `POST /v1/chat/completions`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ChatRequest {
    /// Served name of a model or adapter.
    pub model: String,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// How to generate, and fields known to neither side.
    #[serde(flatten)]
    pub sampling: Sampling,
}

/// `POST /v1/completions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompletionRequest {
    /// Served name of a model or adapter.
    pub model: String,
    /// What to continue.
    pub prompt: Prompt,
    /// How to generate, and fields known to neither side.
    #[serde(flatten)]
    pub sampling: Sampling,
}

/// What both kinds of request may say about the generation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sampling {
    /// Longest answer, tokens; chat's newer name is [`max_completion_tokens`](Self::max_completion_tokens).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Longest answer of a chat, tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u64>,
    /// Shortest answer, tokens (vLLM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_tokens: Option<u64>,
    /// 0 is greedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Candidates; -1 or 0 is all (vLLM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<i64>,
    /// Seed of the sampler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// How many answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Texts that end the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// Goes on after the end-of-sequence token, for load tests (vLLM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_eos: Option<bool>,
    /// Answer as an event stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// What the stream tells beside the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
    /// Everything else, as it is on the wire: `response_format`, `tools`, `logprobs`, `chat_template_kwargs` …
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `stream_options`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StreamOptions {
    /// A last chunk with the token counts.
    #[serde(default)]
    pub include_usage: bool,
    /// Counts so far in every chunk (vLLM; needs `include_usage`).
    #[serde(default)]
    pub continuous_usage_stats: bool,
}

/// `stop`: one text or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Stop {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// The prompt of a completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Prompt {
    /// Text, tokenized by the server.
    Text(String),
    /// Token ids.
    Tokens(Vec<u32>),
    /// Several texts.
    Texts(Vec<String>),
    /// Several lists of token ids.
    TokenLists(Vec<Vec<u32>>),
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// What was said; absent in an assistant turn that only calls tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Everything else, as it is on the wire: `tool_calls`, `tool_call_id`, `name`, `reasoning_content` …
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Message {
    /// A turn of plain text.
    #[must_use]
    pub fn new(role: &str, text: impl Into<String>) -> Self {
        Self { role: role.to_owned(), content: Some(Content::Text(text.into())), extra: Map::new() }
    }

    /// The text of the turn; parts of text are put one after the other, other parts have none.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        }
    }
}

/// `content` of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Text.
    Text(String),
    /// Parts: `{"type":"text","text":…}`, images and the like.
    Parts(Vec<Value>),
}

/// A whole chat answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatAnswer {
    /// Id of the request, `chatcmpl-…`.
    pub id: String,
    /// The model that answered.
    pub model: String,
    /// The answers.
    pub choices: Vec<ChatChoice>,
    /// Token counts.
    #[serde(default)]
    pub usage: Option<Usage>,
}

/// One answer of a chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatChoice {
    /// Which of the `n`, from 0.
    #[serde(default)]
    pub index: u32,
    /// What it says.
    pub message: AnswerMessage,
    /// Log-probabilities, as the server gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Value>,
    /// Why it ended.
    #[serde(default)]
    pub finish_reason: Option<String>,
    /// The stop string or token that ended it.
    #[serde(default)]
    pub stop_reason: Option<StopReason>,
}

/// The turn a model added.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AnswerMessage {
    /// Always `assistant`.
    pub role: String,
    /// The answer's text.
    #[serde(default)]
    pub content: Option<String>,
    /// The reasoning, by its name in vLLM up to 0.15.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// The reasoning, by its name in vLLM from 0.11.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Tool calls, each whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCall>>,
}

impl AnswerMessage {
    /// The reasoning under either name; empty where there is none.
    #[must_use]
    pub fn reasoning(&self) -> &str {
        self.reasoning_content.as_deref().or(self.reasoning.as_deref()).unwrap_or_default()
    }
}

/// One whole tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Id that the tool's answer refers to.
    #[serde(default)]
    pub id: String,
    /// The function.
    pub function: Function,
}

/// The function of a [`ToolCall`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its arguments, a JSON document as text; a model may well write a broken one.
    #[serde(default)]
    pub arguments: String,
}

/// A whole completion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompletionAnswer {
    /// Id of the request, `cmpl-…`.
    pub id: String,
    /// The model that answered.
    pub model: String,
    /// The answers.
    pub choices: Vec<CompletionChoice>,
    /// Token counts.
    #[serde(default)]
    pub usage: Option<Usage>,
}

/// One answer of a completion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompletionChoice {
    /// Which of the answers, from 0.
    #[serde(default)]
    pub index: u32,
    /// Its text.
    pub text: String,
    /// Log-probabilities, as the server gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Value>,
    /// Why it ended.
    #[serde(default)]
    pub finish_reason: Option<String>,
    /// The stop string or token that ended it.
    #[serde(default)]
    pub stop_reason: Option<StopReason>,
}

/// `GET /v1/models`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelList {
    /// The models, every alias and adapter on its own.
    pub data: Vec<Model>,
}

/// One served name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The name to put into requests.
    pub id: String,
    /// Unix seconds.
    #[serde(default)]
    pub created: i64,
    /// Who serves it (`vllm`).
    #[serde(default)]
    pub owned_by: String,
    /// Path or name it was loaded from (vLLM).
    #[serde(default)]
    pub root: Option<String>,
    /// The model an adapter belongs to; absent for a model.
    #[serde(default)]
    pub parent: Option<String>,
    /// Context length, tokens; vLLM says none for adapters.
    #[serde(default)]
    pub max_model_len: Option<u64>,
}

/// `GET /version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The server's version, such as `0.8.5.post2`.
    pub version: String,
}

/// `POST /tokenize`: of a prompt, or of a conversation through the chat template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TokenizeRequest {
    /// Plain text.
    Prompt {
        /// Served name.
        model: String,
        /// The text.
        prompt: String,
        /// Whether the tokenizer adds its special tokens; the server's default is yes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        add_special_tokens: Option<bool>,
    },
    /// A conversation.
    Chat {
        /// Served name.
        model: String,
        /// The conversation.
        messages: Vec<Message>,
        /// Whether the template opens the assistant's turn; the server's default is yes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        add_generation_prompt: Option<bool>,
    },
}

/// What `POST /tokenize` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokenized {
    /// How many tokens.
    pub count: u64,
    /// Context length, tokens.
    pub max_model_len: u64,
    /// The token ids.
    pub tokens: Vec<u32>,
}

/// `POST /detokenize`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetokenizeRequest {
    /// Served name.
    pub model: String,
    /// The token ids.
    pub tokens: Vec<u32>,
}

/// What `POST /detokenize` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detokenized {
    /// The text.
    pub prompt: String,
}

#[cfg(test)]
mod tests;
