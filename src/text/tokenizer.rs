//! `tokenizer.json`: text to token ids and back.

use super::TextError;

/// A tokenizer as Hugging Face's library runs it.
#[derive(Debug, Clone)]
pub struct Tokenizer(tokenizers::Tokenizer);

impl Tokenizer {
    /// From the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    /// What the library says of them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TextError> {
        tokenizers::Tokenizer::from_bytes(bytes).map(Self).map_err(|error| TextError(error.to_string()))
    }

    /// Token ids of `text`; special tokens written out in it are taken as such. `add_special_tokens` runs the post-processor
    /// too (a beginning-of-sequence token, where the model wants one).
    ///
    /// # Errors
    /// What the library says.
    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>, TextError> {
        let encoding = self.0.encode_fast(text, add_special_tokens).map_err(|error| TextError(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Text of token ids; bytes that make no character become U+FFFD.
    ///
    /// # Errors
    /// What the library says.
    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String, TextError> {
        self.0.decode(ids, skip_special_tokens).map_err(|error| TextError(error.to_string()))
    }

    /// Id of a token by its text.
    #[must_use]
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.0.token_to_id(token)
    }

    /// Tokens, added ones included: ids are below this.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.0.get_vocab_size(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_reference_of_the_bundled_model_is_encoded_and_decoded_alike() {
        let tokenizer = Tokenizer::from_bytes(include_bytes!("../../fixtures/models/eye-tiny/tokenizer.json")).expect("loads");
        let references: Value = serde_json::from_str(include_str!("../../fixtures/references/tokenizer.json")).expect("is JSON");
        let cases = references["cases"].as_array().expect("has cases");
        assert!(!cases.is_empty());
        for case in cases {
            let text = case["text"].as_str().expect("has a text");
            let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).expect("has ids");
            assert_eq!(tokenizer.encode(text, false).expect("encodes"), ids, "{text:?}");
            assert_eq!(tokenizer.decode(&ids, false).expect("decodes"), case["decoded"].as_str().expect("text"), "{text:?}");
            assert_eq!(tokenizer.decode(&ids, true).expect("decodes"), case["decoded_skip_special"].as_str().expect("text"), "{text:?}");
        }
        assert_eq!(tokenizer.token_id("</think>").map(|id| usize::try_from(id).expect("small") < tokenizer.vocab_size()), Some(true));
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        assert!(Tokenizer::from_bytes(b"{}").is_err());
    }
}
