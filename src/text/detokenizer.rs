//! Token ids to text while they arrive.

use super::{TextError, Tokenizer};

/// Turns one sequence's tokens into pieces of text that never break a character; joined, the pieces are the text of all
/// tokens decoded at once. The method of vLLM's `detokenize_incrementally`: decode a few tokens back with and without the new
/// ones and take what was added, so that decoders which look at neighbours see them.
#[derive(Debug, Clone, Default)]
pub struct Detokenizer {
    ids: Vec<u32>,
    /// Decoding starts here;
    prefix: usize,
    /// text before here has been given out.
    read: usize,
    skip_special_tokens: bool,
}

impl Detokenizer {
    /// For a new sequence.
    #[must_use]
    pub fn new(skip_special_tokens: bool) -> Self {
        Self { skip_special_tokens, ..Self::default() }
    }

    /// The text that this token completes; empty while a character is incomplete.
    ///
    /// # Errors
    /// [`TextError::Tokens`].
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> Result<String, TextError> {
        self.ids.push(id);
        let text = self.unread(tokenizer)?;
        if text.is_empty() || text.ends_with(char::REPLACEMENT_CHARACTER) {
            return Ok(String::new());
        }
        (self.prefix, self.read) = (self.read, self.ids.len());
        Ok(text)
    }

    /// What is left at the sequence's end: an incomplete character as U+FFFD.
    ///
    /// # Errors
    /// [`TextError::Tokens`].
    pub fn finish(&mut self, tokenizer: &Tokenizer) -> Result<String, TextError> {
        let text = self.unread(tokenizer)?;
        (self.prefix, self.read) = (self.ids.len(), self.ids.len());
        Ok(text)
    }

    fn unread(&self, tokenizer: &Tokenizer) -> Result<String, TextError> {
        let of = |to: usize| tokenizer.decode(self.ids.get(self.prefix..to).unwrap_or_default(), self.skip_special_tokens);
        let (before, mut text) = (of(self.read)?, of(self.ids.len())?);
        Ok(if text.is_char_boundary(before.len()) { text.split_off(before.len()) } else { String::new() })
    }
}
