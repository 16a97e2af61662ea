//! What is asked: seeded random token ids of exact length, random words for chat, or the lines of a file.
//!
//! Random ids are drawn from 300 to 999. No interface tells a vocabulary's size, and a server that does not check ids may crash on
//! one beyond it, so the range is one that every vocabulary in use has: byte tokens and control tokens mostly lie below it,
//! the smallest vocabularies end above it. 700 values make 16-token cache blocks practically unique.

mod file;

use super::spec::{self, Endpoint};
use crate::base::Problem;
use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

/// Least random token id.
pub const ID_MIN: u32 = 300;
/// Greatest random token id.
pub const ID_MAX: u32 = 999;

/// One prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Token ids, for `/v1/completions`.
    Ids(Vec<u32>),
    /// Plain text.
    Text(String),
    /// A conversation, oldest message first.
    Messages(Vec<Message>),
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// Its text.
    pub content: String,
}

/// A source of prompts. The same seed and number give the same prompt, whichever thread asks and in whatever order.
#[derive(Debug)]
pub struct Prompts {
    source: Source,
    seed: u64,
}

#[derive(Debug)]
enum Source {
    Ids(u32),
    Words(u32),
    Rows(Vec<Prompt>),
}

impl Prompts {
    /// Opens the source a spec names.
    ///
    /// # Errors
    /// A file that cannot be read, holds no prompt, or has a row without one: with its line.
    pub fn open(spec: &spec::Prompts, endpoint: Endpoint, seed: u64) -> Result<Self, Problem> {
        let source = match (spec, endpoint) {
            (spec::Prompts::Random(random), Endpoint::Completions) => Source::Ids(random.input_len),
            (spec::Prompts::Random(random), Endpoint::Chat) => Source::Words(random.input_len),
            (spec::Prompts::File { path, .. }, _) => Source::Rows(file::read(path)?),
        };
        Ok(Self { source, seed })
    }

    /// Prompt number `i` of its part. Warm-up prompts are others: another random sequence, or the file from its end backward.
    #[must_use]
    pub fn get(&self, i: u64, warmup: bool) -> Prompt {
        match &self.source {
            Source::Ids(len) => {
                let mut rng = self.rng(i, warmup);
                Prompt::Ids((0..*len).map(|_| rng.random_range(ID_MIN..=ID_MAX)).collect())
            }
            Source::Words(len) => {
                let mut rng = self.rng(i, warmup);
                let mut text = String::with_capacity(*len as usize * 6);
                for k in 0..*len {
                    if k > 0 {
                        text.push(' ');
                    }
                    text.push_str(WORDS.get(rng.random_range(0..WORDS.len())).copied().unwrap_or("the"));
                }
                Prompt::Text(text)
            }
            Source::Rows(rows) => {
                let n = rows.len() as u64;
                let row = if warmup { n - 1 - i % n } else { i % n };
                rows.get(usize::try_from(row).unwrap_or(0)).cloned().unwrap_or_else(|| Prompt::Text(String::new()))
            }
        }
    }

    fn rng(&self, i: u64, warmup: bool) -> Pcg64Mcg {
        let high = mix(self.seed ^ mix(i << 1 | u64::from(warmup)));
        let state = u128::from(high) << 64 | u128::from(mix(high));
        Pcg64Mcg::from_seed(state.to_le_bytes())
    }
}

/// The finaliser of `SplitMix64` (Steele et al. 2014): neighbouring numbers give unrelated states.
const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Common English words: one token each in the vocabularies in use, so that a chat prompt has about the length asked for. The
/// exact length is in the server's `usage`.
const WORDS: [&str; 64] = [
    "the", "of", "and", "to", "in", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not", "he", "this", "are", "or",
    "his", "from", "at", "which", "but", "have", "an", "had", "they", "you", "were", "their", "one", "all", "we", "can", "her", "has",
    "there", "been", "if", "more", "when", "will", "would", "who", "so", "no", "light", "water", "people", "time", "year", "work", "day",
    "way", "part", "place", "case", "week", "group", "number", "point", "house",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn random(endpoint: Endpoint, input_len: u32, seed: u64) -> Prompts {
        Prompts::open(&spec::Prompts::random(input_len), endpoint, seed).expect("needs no file")
    }

    #[test]
    fn random_ids_have_the_length_asked_for_and_stay_in_the_safe_range() {
        let Prompt::Ids(ids) = random(Endpoint::Completions, 8192, 7).get(3, false) else { panic!("token ids") };
        assert_eq!(ids.len(), 8192);
        assert!(ids.iter().all(|id| (ID_MIN..=ID_MAX).contains(id)));
        let mean = ids.iter().map(|&id| f64::from(id)).sum::<f64>() / 8192.0;
        assert!((mean - 649.5).abs() < 10.0, "{mean}");
    }

    #[test]
    fn a_prompt_depends_on_seed_and_number_alone_and_no_two_agree() {
        let prompts = random(Endpoint::Completions, 32, 1);
        let again = random(Endpoint::Completions, 32, 1);
        let mut seen = std::collections::HashSet::new();
        for i in (0..500).rev() {
            assert_eq!(prompts.get(i, false), again.get(i, false));
            for warmup in [false, true] {
                let Prompt::Ids(ids) = prompts.get(i, warmup) else { panic!("token ids") };
                assert!(seen.insert(ids), "{i} {warmup}");
            }
        }
        assert_ne!(prompts.get(0, false), random(Endpoint::Completions, 32, 2).get(0, false));
    }

    #[test]
    fn chat_gets_as_many_words_as_tokens_were_asked_for() {
        let Prompt::Text(text) = random(Endpoint::Chat, 50, 1).get(0, false) else { panic!("text") };
        assert_eq!(text.split(' ').count(), 50);
    }
}
