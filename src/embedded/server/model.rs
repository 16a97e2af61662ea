//! What the server needs of a model. The engine is one; tests script another.

use super::plan::Defaults;
use crate::embedded::api::{Gauges, Handle, Refused, Request};
use serde_json::Value;

/// Generates sequences and turns text into tokens and back.
pub trait Model: Send + Sync + 'static {
    /// Starts a sequence.
    ///
    /// # Errors
    /// Why it was not taken.
    fn submit(&self, request: Request) -> Result<Handle, Refused>;

    /// State of the engine now.
    fn gauges(&self) -> Gauges;

    /// What is fixed about it.
    fn facts(&self) -> &Facts;

    /// Token ids of a text, with the tokenizer's own special tokens around it when asked for.
    ///
    /// # Errors
    /// What the tokenizer says.
    fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>, String>;

    /// Text of token ids, incomplete characters as U+FFFD.
    ///
    /// # Errors
    /// What the tokenizer says.
    fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String, String>;

    /// Id of a token by its text.
    fn token_id(&self, token: &str) -> Option<u32>;

    /// A conversation as the chat template renders it. With `continue_final_message` the last message stays open.
    ///
    /// # Errors
    /// What the template says, or that there is none.
    fn render(&self, messages: &[Value], add_generation_prompt: bool, continue_final_message: bool) -> Result<String, String>;
}

/// What is fixed about a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// Folder it was read from, or a name for a bundled one.
    pub root: String,
    /// Context length, tokens.
    pub max_model_len: usize,
    /// Token ids are below this.
    pub vocab_size: usize,
    /// The tokenizer's end-of-sequence token: ends a sequence without a stop reason.
    pub eos: Option<u32>,
    /// Further ones of the generation config: they are the stop reason.
    pub other_eos: Vec<u32>,
    /// Sampling defaults of the generation config.
    pub defaults: Defaults,
}
