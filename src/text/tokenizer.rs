//! `tokenizer.json` through the tokenizers library, with what `tokenizer_config.json` adds to it.

use super::{TextError, optional};
use serde::Deserialize;
use std::path::Path;

/// Text to token ids and back.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    eos: Option<u32>,
    /// Put around a text in place of what `tokenizer.json` says; see [`Tokenizer::encode`].
    around: Option<(Option<u32>, Option<u32>)>,
}

/// The parts of `tokenizer_config.json` that concern tokens.
#[derive(Debug, Default, Deserialize)]
struct Config {
    tokenizer_class: Option<String>,
    bos_token: Option<SpecialToken>,
    eos_token: Option<SpecialToken>,
    add_bos_token: Option<bool>,
    add_eos_token: Option<bool>,
}

/// A special token, by its text or with its settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum SpecialToken {
    Text(String),
    Settings { content: String },
}

impl SpecialToken {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Settings { content: text } => text,
        }
    }
}

impl Tokenizer {
    /// Reads `tokenizer.json` and, if there, `tokenizer_config.json` of a model folder.
    ///
    /// # Errors
    /// [`TextError::NoTokenizer`], [`TextError::Unreadable`], [`TextError::BadTokenizer`], [`TextError::BadJson`].
    pub fn from_folder(folder: &Path) -> Result<Self, TextError> {
        let tokenizer = optional(folder, "tokenizer.json")?.ok_or(TextError::NoTokenizer)?;
        let config = optional(folder, "tokenizer_config.json")?;
        Self::from_bytes(&tokenizer, config.as_deref())
    }

    /// From the content of `tokenizer.json` and `tokenizer_config.json`.
    ///
    /// # Errors
    /// [`TextError::BadTokenizer`], [`TextError::BadJson`].
    pub fn from_bytes(tokenizer: &[u8], config: Option<&[u8]>) -> Result<Self, TextError> {
        let inner = tokenizers::Tokenizer::from_bytes(tokenizer).map_err(|error| TextError::BadTokenizer(error.to_string()))?;
        let config: Config = match config {
            Some(config) => serde_json::from_slice(config).map_err(|error| TextError::BadJson("tokenizer_config.json", error))?,
            None => Config::default(),
        };
        let id = |token: &Option<SpecialToken>| token.as_ref().and_then(|token| inner.token_to_id(token.text()));
        let (bos, eos) = (id(&config.bos_token), id(&config.eos_token));
        // transformers rebuilds the post-processor of Llama tokenizers (DeepSeek's distillates among them) from these two.
        let llama = config.tokenizer_class.as_deref().is_some_and(|class| class.starts_with("Llama"));
        let around = (llama && (config.add_bos_token.is_some() || config.add_eos_token.is_some()))
            .then(|| (bos.filter(|_| config.add_bos_token.unwrap_or(true)), eos.filter(|_| config.add_eos_token.unwrap_or(false))));
        Ok(Self { inner, eos, around })
    }

    /// Token ids of `text`. Special tokens written out in it are recognised; `add_special_tokens` also puts those around it
    /// that the model expects at a text's beginning and end.
    ///
    /// # Errors
    /// [`TextError::Tokens`].
    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>, TextError> {
        let ask_inner = add_special_tokens && self.around.is_none();
        let encoding = self.inner.encode_fast(text, ask_inner).map_err(|error| TextError::Tokens(error.to_string()))?;
        let mut ids = encoding.get_ids().to_vec();
        if let (true, Some((bos, eos))) = (add_special_tokens, self.around) {
            ids.splice(..0, bos);
            ids.extend(eos);
        }
        Ok(ids)
    }

    /// Text of token ids; bytes that are no character become U+FFFD.
    ///
    /// # Errors
    /// [`TextError::Tokens`].
    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String, TextError> {
        self.inner.decode(ids, skip_special_tokens).map_err(|error| TextError::Tokens(error.to_string()))
    }

    /// Id of a token by its text.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// A token's text as the vocabulary writes it: byte-level vocabularies stand bytes in for by characters.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Number of tokens, added ones included.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The end-of-sequence token.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }
}
