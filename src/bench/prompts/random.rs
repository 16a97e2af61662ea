//! Random prompts: lengths, shared parts, conversations.

use super::{Message, Prompt, Prompts, Turn, Words};
use crate::bench::{
    schedule::{draw, trace},
    spec::Endpoint,
};
use rand::Rng as _;

/// Least random token id.
const ID_MIN: u32 = 300;
/// Number of random token ids.
const IDS: u32 = 700;

/// Streams of random numbers; see [`draw::rng`].
const TEXT: u64 = 0x0074_6578_7400;
const LENGTHS: u64 = 0x6c65_6e67_7468;
const PREFIX: u64 = 0x7072_6566_6978;
const BLOCKS: u64 = 0x626c_6f63_6b73;

impl Prompts {
    /// Random conversation number `p`, as token ids or in `words`.
    pub(super) fn random(&self, p: u64, warmup: bool, traced: Option<&trace::Row>, words: Option<&Words>) -> Vec<Turn> {
        let random = &self.random;
        let number = p << 1 | u64::from(warmup);
        // Lengths stay what they are in a cold run: it is the same load with other words.
        let mut lengths = draw::rng(self.seed, LENGTHS, number);
        let seed = self.seed ^ self.nonce.unwrap_or(0);
        let mut text = draw::rng(seed, TEXT, number);
        let kinds = words.map_or(IDS, Words::kinds);
        // Messages of a conversation, users' and made-up answers in turn, each as drawn numbers.
        let mut said: Vec<Vec<u32>> = Vec::new();
        let mut turns = Vec::with_capacity(random.turns as usize);
        for turn in 0..random.turns {
            let within = |len: u32, given: Option<u32>, lengths: &mut _| given.unwrap_or_else(|| drawn(lengths, len, random.range_ratio));
            let input = within(random.input_len, traced.and_then(|row| row.input_len), &mut lengths).max(1);
            let output_len = within(self.output_len, traced.and_then(|row| row.output_len), &mut lengths).max(1);
            let long = words.map_or(input, |words| words.for_tokens(input, turn > 0)) as usize;
            let mut numbers = Vec::with_capacity(long);
            if turn == 0 {
                // The trace says what is shared with whom, or the group does.
                for &block in traced.iter().flat_map(|row| row.blocks.iter()) {
                    let mut rng = draw::rng(seed, BLOCKS, block);
                    numbers.extend((0..trace::BLOCK).map(|_| rng.random_range(0..kinds)));
                }
                if numbers.is_empty() {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
                    let shared = (long as f64 * random.prefix_ratio).round() as usize;
                    let mut rng = draw::rng(seed, PREFIX, p % u64::from(random.prefix_groups.max(1)));
                    numbers.extend((0..shared).map(|_| rng.random_range(0..kinds)));
                }
                numbers.truncate(long);
            }
            numbers.extend((numbers.len()..long).map(|_| text.random_range(0..kinds)));
            said.push(numbers);
            turns.push(Turn { prompt: self.written(&said, words), output_len });
            if turn + 1 < random.turns {
                // What the server answered is unknown here: as many tokens are made up.
                said.push((0..output_len).map(|_| text.random_range(0..kinds)).collect());
            }
        }
        turns
    }

    fn written(&self, said: &[Vec<u32>], words: Option<&Words>) -> Prompt {
        match (words, self.endpoint) {
            (None, _) => Prompt::Ids(said.iter().flatten().map(|number| ID_MIN + number).collect()),
            (Some(words), Endpoint::Completions) => Prompt::Text(words.text(said.iter().flatten().copied())),
            (Some(words), Endpoint::Chat) => {
                let role = |k: usize| if k.is_multiple_of(2) { "user" } else { "assistant" };
                let message = |(k, numbers): (usize, &Vec<u32>)| Message::new(role(k), words.text(numbers.iter().copied()));
                Prompt::Messages(said.iter().enumerate().map(message).collect())
            }
        }
    }
}

/// A length as vLLM's `--random-range-ratio` draws it: whole numbers from `⌊len·(1 - ratio)⌋` to `⌊len·(1 + ratio)⌋`, evenly.
fn drawn(rng: &mut rand_pcg::Pcg64Mcg, len: u32, ratio: f64) -> u32 {
    if ratio <= 0.0 {
        return len;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a checked length times less than two")]
    let bound = |share: f64| (f64::from(len) * share) as u32;
    rng.random_range(bound(1.0 - ratio)..=bound(1.0 + ratio)).max(1)
}
