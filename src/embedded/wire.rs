//! Bodies of the OpenAI-compatible API as vLLM 0.8.5 writes them: same keys, same order, `null` where it writes `null`.
//! (`entrypoints/openai/protocol.py`; what `exclude_unset` leaves out there is skipped here.) Written by the embedded
//! server and by the simulated one. Reading such bodies is `openai`'s affair.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

/// What `/version` says: our own version first, then whose API it speaks. Nobody should take it for a vLLM 0.8.5.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+dcudeck.vllm.0.8.5");

/// `owned_by` of every model, by which a console can tell this server from a real vLLM.
pub const OWNER: &str = "dcudeck";

/// 32 random hex digits, the form of vLLM's request and permission ids.
#[must_use]
pub fn random_hex() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Seconds since 1970, the `created` of every body.
#[must_use]
pub fn unix_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// An error body: flat in this version, with `object: "error"`.
#[derive(Debug, Serialize)]
pub struct ErrorBody<'a> {
    /// Always `error`.
    pub object: &'static str,
    /// One sentence.
    pub message: &'a str,
    /// Such as `BadRequestError` or `NotFoundError`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// Always `null`.
    pub param: (),
    /// The HTTP status it goes with.
    pub code: u16,
}

impl<'a> ErrorBody<'a> {
    /// An error of `kind` for HTTP status `code`.
    #[must_use]
    pub fn new(message: &'a str, kind: &'a str, code: u16) -> Self {
        Self { object: "error", message, kind, param: (), code }
    }
}

/// The same inside a stream: `data: {"error": {…}}`.
#[derive(Debug, Serialize)]
pub struct StreamError<'a> {
    /// The error.
    pub error: ErrorBody<'a>,
}

/// `/v1/models`.
#[derive(Debug, Serialize)]
pub struct ModelList<'a> {
    /// Always `list`.
    pub object: &'static str,
    /// The base model, then its adapters.
    pub data: Vec<ModelCard<'a>>,
}

/// One model or adapter.
#[derive(Debug, Serialize)]
pub struct ModelCard<'a> {
    /// Name that requests give.
    pub id: &'a str,
    /// Always `model`.
    pub object: &'static str,
    /// Now, Unix seconds (vLLM does not keep the time of loading either).
    pub created: u64,
    /// [`OWNER`].
    pub owned_by: &'static str,
    /// Folder it was read from.
    pub root: &'a str,
    /// Base model of an adapter.
    pub parent: Option<&'a str>,
    /// Context length, tokens; `null` for an adapter.
    pub max_model_len: Option<usize>,
    /// One permission, without meaning.
    pub permission: [Permission; 1],
}

impl<'a> ModelCard<'a> {
    /// A card of now.
    #[must_use]
    pub fn new(id: &'a str, root: &'a str, parent: Option<&'a str>, max_model_len: Option<usize>) -> Self {
        let created = unix_seconds();
        let permission = Permission {
            id: format!("modelperm-{}", random_hex()),
            object: "model_permission",
            created,
            allow_create_engine: false,
            allow_sampling: true,
            allow_logprobs: true,
            allow_search_indices: false,
            allow_view: true,
            allow_fine_tuning: false,
            organization: "*",
            group: (),
            is_blocking: false,
        };
        Self { id, object: "model", created, owned_by: OWNER, root, parent, max_model_len, permission: [permission] }
    }
}

/// A field of the API without meaning here; clients of some age want it to exist.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the API's own fields")]
pub struct Permission {
    id: String,
    object: &'static str,
    created: u64,
    allow_create_engine: bool,
    allow_sampling: bool,
    allow_logprobs: bool,
    allow_search_indices: bool,
    allow_view: bool,
    allow_fine_tuning: bool,
    organization: &'static str,
    group: (),
    is_blocking: bool,
}

/// Token counts.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Both.
    pub total_tokens: usize,
    /// Tokens generated, the end-of-sequence token included.
    pub completion_tokens: usize,
}

impl Usage {
    /// Counts and their sum.
    #[must_use]
    pub fn new(prompt_tokens: usize, completion_tokens: usize) -> Self {
        Self { prompt_tokens, total_tokens: prompt_tokens + completion_tokens, completion_tokens }
    }
}

/// [`Usage`] with the detail field that whole answers carry (always `null`: no prefix cache).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FullUsage {
    /// The counts.
    #[serde(flatten)]
    pub usage: Usage,
    /// Always `null`.
    pub prompt_tokens_details: (),
}

impl From<Usage> for FullUsage {
    fn from(usage: Usage) -> Self {
        Self { usage, prompt_tokens_details: () }
    }
}

/// What ended a sequence beside the model's own end of sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum StopReason {
    /// A stop string of the request.
    Text(String),
    /// A stop token of the request or of the generation config.
    Token(u32),
}

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

/// Whole answer of `/v1/completions`.
#[derive(Debug, Serialize)]
pub struct Completion<'a> {
    /// `cmpl-…`.
    pub id: &'a str,
    /// Always `text_completion`.
    pub object: &'static str,
    /// Unix seconds.
    pub created: u64,
    /// Model or adapter asked for.
    pub model: &'a str,
    /// One a prompt.
    pub choices: Vec<CompletionChoice<'a>>,
    /// Token counts over all prompts.
    pub usage: FullUsage,
}

/// One choice of a whole completion.
#[derive(Debug, Serialize)]
pub struct CompletionChoice<'a> {
    /// Number of the prompt, from 0.
    pub index: usize,
    /// The text.
    pub text: &'a str,
    /// When asked for.
    pub logprobs: Option<CompletionLogprobs>,
    /// `stop` or `length`.
    pub finish_reason: &'static str,
    /// Stop string or token.
    pub stop_reason: Option<StopReason>,
    /// Always `null`.
    pub prompt_logprobs: (),
}

/// One chunk of a completion stream.
#[derive(Debug, Serialize)]
pub struct CompletionChunk<'a> {
    /// `cmpl-…`.
    pub id: &'a str,
    /// Always `text_completion`.
    pub object: &'static str,
    /// Unix seconds.
    pub created: u64,
    /// Model or adapter asked for.
    pub model: &'a str,
    /// One.
    pub choices: [CompletionDelta<'a>; 1],
    /// With `continuous_usage_stats`, else `null`.
    pub usage: Option<FullUsage>,
}

/// The usage chunk of a completion stream.
#[derive(Debug, Serialize)]
pub struct CompletionUsageChunk<'a> {
    /// `cmpl-…`.
    pub id: &'a str,
    /// Always `text_completion`.
    pub object: &'static str,
    /// Unix seconds.
    pub created: u64,
    /// Model or adapter asked for.
    pub model: &'a str,
    /// Empty.
    pub choices: [(); 0],
    /// Token counts over all prompts.
    pub usage: Usage,
}

/// One choice of a completion chunk.
#[derive(Debug, Serialize)]
pub struct CompletionDelta<'a> {
    /// Number of the prompt, from 0.
    pub index: usize,
    /// New text.
    pub text: &'a str,
    /// When asked for.
    pub logprobs: Option<CompletionLogprobs>,
    /// In the last chunk of this prompt.
    pub finish_reason: Option<&'static str>,
    /// Stop string or token.
    pub stop_reason: Option<StopReason>,
}

/// Log-probabilities of a completion, one entry a token in each list.
#[derive(Debug, Default, Serialize)]
pub struct CompletionLogprobs {
    /// Characters of the answer before the token.
    pub text_offset: Vec<usize>,
    /// The chosen token's own figure.
    pub token_logprobs: Vec<f64>,
    /// Its text.
    pub tokens: Vec<String>,
    /// The chosen token, then the likeliest others; a token twice in text keeps its last figure, as in a Python dict.
    #[serde(serialize_with = "as_maps")]
    pub top_logprobs: Vec<Vec<(String, f64)>>,
}

fn as_maps<S: Serializer>(lists: &[Vec<(String, f64)>], serializer: S) -> Result<S::Ok, S::Error> {
    struct Map<'a>(&'a [(String, f64)]);
    impl Serialize for Map<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            for (i, (token, _)) in self.0.iter().enumerate() {
                if self.0.iter().take(i).all(|(earlier, _)| earlier != token) {
                    let last = self.0.iter().rev().find(|(t, _)| t == token).map(|(_, figure)| figure);
                    map.serialize_entry(token, &last)?;
                }
            }
            map.end()
        }
    }
    serializer.collect_seq(lists.iter().map(|list| Map(list)))
}

/// `/tokenize`.
#[derive(Debug, Serialize)]
pub struct Tokenized {
    /// How many.
    pub count: usize,
    /// Context length, tokens.
    pub max_model_len: usize,
    /// Their ids.
    pub tokens: Vec<u32>,
}

/// `/detokenize`.
#[derive(Debug, Serialize)]
pub struct Detokenized {
    /// The text.
    pub prompt: String,
}

/// `body` as one server-sent event.
#[must_use]
pub fn event<T: Serialize>(body: &T) -> Vec<u8> {
    let mut out = b"data: ".to_vec();
    // Writing to a Vec cannot fail, and no body here has a map with keys that are not strings.
    let _ = serde_json::to_writer(&mut out, body);
    out.extend_from_slice(b"\n\n");
    out
}

/// The event that ends every stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";
