//! Random text whose length in tokens is known: common words, each one token behind a space, and what stands around them.
//!
//! A text of `k` such words has `k + around` tokens: byte-level and sentencepiece vocabularies alike split at spaces, so that words
//! do not merge with their neighbours. What is `around` (a beginning-of-text token, the chat template) is measured once per run,
//! together with which words are single tokens; a few whole prompts are then counted to prove it.

use crate::base::Problem;
use std::collections::BTreeSet;

/// Something that counts tokens.
pub(in crate::bench) trait Count {
    /// `tokenizer` or `server`.
    fn by(&self) -> &'static str;

    /// Tokens of a prompt as the server will see it: with the tokens it puts around a text, or with the chat template around messages
    /// of a user and an assistant in turn, the answer's beginning included. `None`: it cannot say.
    ///
    /// # Errors
    /// When the counter breaks.
    fn count(&mut self, said: &[&str]) -> Result<Option<u64>, Problem>;
}

/// Words and what they cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bench) struct Words {
    list: Vec<&'static str>,
    by: &'static str,
    /// Tokens of a prompt beyond one per word.
    around: u32,
    /// Tokens that another turn adds beyond one per word: the template between messages.
    between: u32,
}

/// Fewer words than this make prompts too alike.
const LEAST_WORDS: usize = 8;

impl Words {
    /// Uncounted: every word is taken for one token, and what stands around is not known.
    pub(in crate::bench) fn estimated() -> Self {
        Self { list: WORDS.to_vec(), by: "estimated", around: 0, between: 0 }
    }

    /// Measured by `counter`; estimated where it cannot say or where words do not add up in this vocabulary.
    ///
    /// # Errors
    /// When the counter breaks.
    pub(in crate::bench) fn counted(counter: &mut dyn Count, chat: bool) -> Result<Self, Problem> {
        Ok(Self::measured(counter, chat)?.unwrap_or_else(Self::estimated))
    }

    fn measured(counter: &mut dyn Count, chat: bool) -> Result<Option<Self>, Problem> {
        let Some(anchor) = counter.count(&[ANCHOR])? else { return Ok(None) };
        let mut single = BTreeSet::new();
        let mut parts: Vec<std::ops::Range<usize>> = std::iter::once(0..WORDS.len()).collect();
        while let Some(part) = parts.pop() {
            let text = [&[ANCHOR], WORDS.get(part.clone()).unwrap_or_default()].concat().join(" ");
            let Some(tokens) = counter.count(&[&text])? else { return Ok(None) };
            if tokens == anchor + part.len() as u64 {
                single.extend(part);
            } else if part.len() > 1 {
                let middle = part.start + part.len() / 2;
                parts.extend([part.start..middle, middle..part.end]);
            }
        }
        let words: Vec<&'static str> = single.iter().filter_map(|&k| WORDS.get(k).copied()).collect();
        if words.len() < LEAST_WORDS {
            return Ok(None);
        }
        let mut found = Self { list: words, by: counter.by(), around: 0, between: 0 };
        let probe = |words: &Self, count: u32, from: u32| words.text((from..from + count).map(|k| k.wrapping_mul(7) % words.kinds()));
        let (first, answer) = (probe(&found, 9, 0), probe(&found, 5, 1));
        let Some(around) = counter.count(&[&first])?.and_then(|tokens| tokens.checked_sub(9)) else { return Ok(None) };
        found.around = u32::try_from(around).unwrap_or(u32::MAX);
        if chat {
            let Some(tokens) = counter.count(&[&first, &answer, &first])? else { return Ok(None) };
            let Some(between) = tokens.checked_sub(around + 23) else { return Ok(None) };
            found.between = u32::try_from(between).unwrap_or(u32::MAX);
            // Templates may treat the last answer unlike those before it: then later turns are not known.
            if counter.count(&[&first, &answer, &first, &answer, &first])? != Some(around + 37 + 2 * between) {
                return Ok(None);
            }
        }
        // The proof: other words, other lengths.
        for k in 0..8 {
            let text = probe(&found, 40 + k * 3, k * 11 + 2);
            if counter.count(&[&text])? != Some(u64::from(40 + k * 3 + found.around)) {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    /// `tokenizer`, `server` or `estimated`.
    pub(in crate::bench) fn by(&self) -> &'static str {
        self.by
    }

    /// Number of words.
    pub(super) fn kinds(&self) -> u32 {
        u32::try_from(self.list.len()).unwrap_or(u32::MAX)
    }

    /// Words that make a prompt of so many tokens, or a later turn's new text; at least one.
    pub(super) fn for_tokens(&self, tokens: u32, later: bool) -> u32 {
        tokens.saturating_sub(if later { self.between } else { self.around }).max(1)
    }

    /// The words with these numbers; the first is always the same one, since a word without a space before it may cost more.
    pub(super) fn text(&self, numbers: impl Iterator<Item = u32>) -> String {
        let mut text = String::with_capacity(numbers.size_hint().0 * 6);
        for (k, number) in numbers.enumerate() {
            if k == 0 {
                text.push_str(ANCHOR);
            } else {
                text.push(' ');
                text.push_str(self.list.get(number as usize).copied().unwrap_or(ANCHOR));
            }
        }
        text
    }
}

/// Begins every text: the words behind it all have a space before them.
const ANCHOR: &str = "the";

/// Common English words: one token each in the vocabularies in use.
const WORDS: [&str; 64] = [
    "the", "of", "and", "to", "in", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not", "he", "this", "are", "or",
    "his", "from", "at", "which", "but", "have", "an", "had", "they", "you", "were", "their", "one", "all", "we", "can", "her", "has",
    "there", "been", "if", "more", "when", "will", "would", "who", "so", "no", "light", "water", "people", "time", "year", "work", "day",
    "way", "part", "place", "case", "week", "group", "number", "point", "house",
];
