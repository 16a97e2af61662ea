//! What is asked.

use super::{defaults, is_default, is_one};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Prompts {
    /// Random tokens of exact length.
    Random(Random),
    /// One prompt a line: JSON with `prompt` (text) or `messages`, or alpaca / sharegpt fields; plain text lines otherwise.
    File {
        /// The file.
        path: PathBuf,
        /// Conversations are replayed turn by turn, each turn sent when the one before was answered, with the recorded answers as
        /// history; else a row's last question is asked with all before it.
        #[serde(default, skip_serializing_if = "is_default")]
        multi_turn: bool,
    },
}

impl Default for Prompts {
    fn default() -> Self {
        Self::Random(Random::of(128))
    }
}

impl Prompts {
    /// Random tokens of this length, all defaults.
    #[must_use]
    pub fn random(input_len: u32) -> Self {
        Self::Random(Random::of(input_len))
    }

    /// Length asked for, tokens; `None` of a file.
    #[must_use]
    pub fn input_len(&self) -> Option<u32> {
        match self {
            Self::Random(random) => Some(random.input_len),
            Self::File { .. } => None,
        }
    }
}

/// Random prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Random {
    /// Prompt length, tokens; of each turn's new text in a conversation.
    pub input_len: u32,
    /// Lengths of prompts and answers are drawn evenly from this share below to this share above (vLLM's `--random-range-ratio`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub range_ratio: f64,
    /// Share of the prompt that all prompts of a group have in common.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prefix_ratio: f64,
    /// Groups with a prefix of their own; requests take them in turn.
    #[serde(default = "defaults::one_group", skip_serializing_if = "is_one")]
    pub prefix_groups: u32,
    /// Turns of a conversation; each is sent when the one before was answered.
    #[serde(default = "defaults::one_group", skip_serializing_if = "is_one")]
    pub turns: u32,
    /// How the length is made exact.
    #[serde(default, skip_serializing_if = "is_default")]
    pub form: Form,
    /// `tokenizer.json` of the served model, for [`Form::Text`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<PathBuf>,
}

impl Random {
    /// Prompts of this length, all else as it is by default.
    #[must_use]
    pub const fn of(input_len: u32) -> Self {
        Self { input_len, range_ratio: 0.0, prefix_ratio: 0.0, prefix_groups: 1, turns: 1, form: Form::Auto, tokenizer: None }
    }
}

/// How random prompts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Text where `tokenizer` is given or the API is chat, else token ids.
    #[default]
    Auto,
    /// Token ids: exact, for `/v1/completions` only.
    Ids,
    /// Text, its length made exact by `tokenizer`, else by the server's `/tokenize`, else one common word a token (told as estimated).
    Text,
}
