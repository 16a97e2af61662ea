//! What the server needs of a model. The engine is one; tests script another.

use super::plan::Defaults;
use crate::{
    embedded::api::{Gauges, Handle, Refused, Request},
    text::{ChatTemplate, Tokenizer},
};

/// Generates sequences, and holds what turns text into tokens and back.
pub trait Model: Send + Sync + 'static {
    /// Starts a sequence.
    ///
    /// # Errors
    /// Why it was not taken.
    fn submit(&self, request: Request) -> Result<Handle, Refused>;

    /// State of the engine now.
    fn gauges(&self) -> Gauges;

    /// Its tokenizer.
    fn tokenizer(&self) -> &Tokenizer;

    /// Its chat template, if it has one.
    fn template(&self) -> Option<&ChatTemplate>;

    /// What is fixed about it.
    fn facts(&self) -> &Facts;
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
