//! What is asked: seeded random tokens of exact length, or the rows of a file; single questions or conversations.
//!
//! [`Material`] is what a run of any length needs once: the rows of the file, or the words and what they cost in tokens. [`Prompts`]
//! is that material with one spec's lengths and seed. A prompt depends on seed, nonce and number alone, whichever thread asks.
//!
//! Random ids are drawn from 300 to 999. No interface tells a vocabulary's size, and a server that does not check ids may crash on
//! one beyond it, so the range is one that every vocabulary in use has: byte tokens and control tokens mostly lie below it,
//! the smallest vocabularies end above it. 700 values make 16-token cache blocks practically unique.

mod file;
mod random;
#[cfg(test)]
mod tests;
mod words;

pub(super) use words::{Count, Words};

use super::{
    schedule::{mix, trace},
    spec::{self, Endpoint, Form, Spec},
};
use crate::base::Problem;
use file::Row;
use serde::Serialize;
use std::sync::Arc;

/// One prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Token ids, for `/v1/completions`.
    Ids(Vec<u32>),
    /// Plain text.
    Text(String),
    /// A conversation, oldest message first.
    Messages(Vec<Message>),
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Message {
    /// `system`, `user`, `assistant` or `tool`.
    pub(super) role: String,
    /// Its text.
    pub(super) content: String,
}

impl Message {
    pub(super) fn new(role: &str, content: impl Into<String>) -> Self {
        Self { role: role.to_owned(), content: content.into() }
    }
}

/// One turn of a conversation: the whole prompt, history included, and the tokens wanted back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) prompt: Prompt,
    pub(super) output_len: u32,
}

/// What prompts are made of, found out once.
#[derive(Debug)]
pub(super) enum Material {
    /// Random token ids.
    Ids,
    /// Random words.
    Words(Words),
    /// A file's conversations.
    Rows(Vec<Row>),
}

impl Material {
    /// Reads the file, or decides how random prompts are written; `words` finds out what words cost, where text is wanted.
    ///
    /// # Errors
    /// A file that cannot be read, holds no prompt, or has a row without one: with its line.
    pub(super) fn open(spec: &Spec, words: impl FnOnce(&spec::Random) -> Result<Words, Problem>) -> Result<Self, Problem> {
        match &spec.prompts {
            spec::Prompts::Random(random) if as_ids(random, spec.target.endpoint) => Ok(Self::Ids),
            spec::Prompts::Random(random) => words(random).map(Self::Words),
            spec::Prompts::File { path, multi_turn } => file::read(path, *multi_turn).map(Self::Rows),
        }
    }

    /// How prompts got their length; see `results::Setup::prompts`.
    pub(super) fn by(&self) -> &'static str {
        match self {
            Self::Ids => "ids",
            Self::Words(words) => words.by(),
            Self::Rows(_) => "file",
        }
    }
}

/// Random prompts of this kind go out as token ids.
fn as_ids(random: &spec::Random, endpoint: Endpoint) -> bool {
    match random.form {
        Form::Ids => true,
        Form::Text => false,
        Form::Auto => endpoint == Endpoint::Completions && random.tokenizer.is_none(),
    }
}

/// The prompts of one run.
#[derive(Debug, Clone)]
pub(super) struct Prompts {
    material: Arc<Material>,
    random: spec::Random,
    endpoint: Endpoint,
    output_len: u32,
    seed: u64,
    /// Of a cold run: mixed into every prompt.
    nonce: Option<u64>,
}

impl Prompts {
    /// The prompts of `spec` from `material`. In a cold run `nonce` goes into each.
    pub(super) fn new(spec: &Spec, material: &Arc<Material>, nonce: &str) -> Self {
        let random = match &spec.prompts {
            spec::Prompts::Random(random) => random.clone(),
            spec::Prompts::File { .. } => spec::Random::of(1),
        };
        let hash = || nonce.bytes().fold(0x0063_6f6c_6421, |hash, byte| mix(hash ^ u64::from(byte)));
        Self {
            material: Arc::clone(material),
            random,
            endpoint: spec.target.endpoint,
            output_len: spec.output_len,
            seed: spec.seed,
            nonce: spec.cold.then(hash),
        }
    }

    /// Turns of every conversation; `None` where they differ.
    pub(super) fn turns_alike(&self) -> Option<u64> {
        match &*self.material {
            Material::Rows(rows) => rows.iter().all(|row| row.turns() == 1).then_some(1),
            Material::Ids | Material::Words(_) => Some(u64::from(self.random.turns)),
        }
    }

    /// Turns of conversation number `p`.
    pub(super) fn turns(&self, p: u64, warmup: bool) -> u64 {
        match &*self.material {
            Material::Rows(rows) => pick(rows, p, warmup).map_or(1, |(row, _)| row.turns() as u64),
            Material::Ids | Material::Words(_) => u64::from(self.random.turns),
        }
    }

    /// Conversation number `p` of its part; a trace's row gives lengths and shared blocks. Warm-up prompts are others: another random
    /// sequence (behind the same shared prefixes, which a server in use has cached), or the file from its end backward.
    pub(super) fn get(&self, p: u64, warmup: bool, traced: Option<&trace::Row>) -> Vec<Turn> {
        match &*self.material {
            Material::Ids => self.random(p, warmup, traced, None),
            Material::Words(words) => self.random(p, warmup, traced, Some(words)),
            Material::Rows(rows) => {
                let Some((row, pass)) = pick(rows, p, warmup) else { return Vec::new() };
                let output_len = traced.and_then(|row| row.output_len).unwrap_or(self.output_len);
                let mark = self.nonce.map(|nonce| format!("[{:08x}]\n", mix(nonce ^ mix(pass << 1 | u64::from(warmup))) >> 32));
                row.prompts(mark.as_deref(), output_len)
            }
        }
    }
}

/// The row of number `p`, and how many times the file was used up before it.
fn pick(rows: &[Row], p: u64, warmup: bool) -> Option<(&Row, u64)> {
    let n = rows.len().max(1) as u64;
    let row = if warmup { n - 1 - p % n } else { p % n };
    Some((rows.get(usize::try_from(row).ok()?)?, p / n))
}
