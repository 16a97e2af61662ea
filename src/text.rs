//! Tokenizer and chat template of a Hugging Face model folder.

mod detokenizer;
mod template;
#[cfg(test)]
mod tests;
mod tokenizer;

pub use detokenizer::Detokenizer;
pub use template::{ChatTemplate, Render};
pub use tokenizer::Tokenizer;

use crate::{
    base::{Problem, Said},
    said,
};
use std::{io, path::Path};

/// What can go wrong between text and tokens.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The folder has no `tokenizer.json`.
    #[error("there is no tokenizer.json")]
    NoTokenizer,
    /// A file of the folder can't be read.
    #[error("{0}: {1}")]
    Unreadable(&'static str, io::Error),
    /// `tokenizer.json` is not one that the tokenizers library reads.
    #[error("tokenizer.json: {0}")]
    BadTokenizer(String),
    /// A JSON file of the folder is not what it should be.
    #[error("{0}: {1}")]
    BadJson(&'static str, serde_json::Error),
    /// The chat template is not Jinja.
    #[error("the chat template: {0}")]
    BadTemplate(String),
    /// The chat template refuses the conversation, or fails on it.
    #[error("{0}")]
    Refused(String),
    /// Text that can't be made tokens, or tokens that can't be made text.
    #[error("{0}")]
    Tokens(String),
}

impl TextError {
    /// For a person, about the folder `path`; exit status 2.
    #[must_use]
    pub fn problem(&self, path: &Path) -> Problem {
        match self {
            Self::NoTokenizer => {
                Problem::bad_input("model.no_tokenizer", said!("there is no tokenizer.json in it", "其中没有 tokenizer.json"))
                    .file(path)
                    .fix(said!(
                        "copy the model's tokenizer.json and tokenizer_config.json into it",
                        "请将模型的 tokenizer.json 和 tokenizer_config.json 复制到其中"
                    ))
            }
            Self::Unreadable(file, error) => {
                Problem::bad_input("model.unreadable", said!("it can't be read: {error}", "无法读取：{error}")).file(path.join(file))
            }
            Self::BadTokenizer(what) => {
                Problem::bad_input("model.bad_tokenizer", Said::same(what.clone())).file(path.join("tokenizer.json"))
            }
            Self::BadJson(file, error) => {
                Problem::bad_input("model.bad_json", Said::same(error.to_string())).file(path.join(file)).line(error.line() as u64)
            }
            Self::BadTemplate(what) => Problem::bad_input("model.bad_template", Said::same(what.clone()))
                .file(path.join("tokenizer_config.json"))
                .field("chat_template"),
            Self::Refused(what) | Self::Tokens(what) => Problem::bad_input("text", Said::same(what.clone())),
        }
    }
}

/// A file of a folder; `None` if there is none.
fn optional(folder: &Path, file: &'static str) -> Result<Option<Vec<u8>>, TextError> {
    match std::fs::read(folder.join(file)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TextError::Unreadable(file, error)),
    }
}
