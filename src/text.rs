//! Tokenizer and chat template of a Hugging Face model folder.
//!
//! Deliberately absent: the model, and incremental detokenizing, which belongs to whoever streams.

mod template;
mod tokenizer;

pub use template::ChatTemplate;
pub use tokenizer::Tokenizer;

/// What is wrong with a tokenizer or a template, one English sentence; the caller knows the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TextError(String);
