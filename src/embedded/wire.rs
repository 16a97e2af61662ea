//! Bodies of the OpenAI-compatible API as vLLM 0.8.5 writes them: same keys, same order, `null` where it writes `null`.
//! (`entrypoints/openai/protocol.py`; what `exclude_unset` leaves out there is skipped here.) Written by the embedded
//! server and by the simulated one. Reading such bodies is `openai`'s affair.

mod chat;
mod completion;

pub use chat::{Chat, ChatChoice, ChatChunk, ChatDelta, ChatLogprob, ChatLogprobs, Delta, Message, TokenLogprob};
pub use completion::{Completion, CompletionChoice, CompletionChunk, CompletionDelta, CompletionLogprobs, CompletionUsageChunk};

use serde::Serialize;

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
