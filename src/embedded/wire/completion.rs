//! `/v1/completions`.

use super::{FullUsage, StopReason, Usage};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

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
