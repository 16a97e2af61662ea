//! One sequence as text: tokens in, pieces of text out, cut at stop strings, never inside a character.
//!
//! One piece per token, as vLLM 0.8.5 sends them: empty while a character is incomplete or text is held back because a stop
//! string could begin in it (`sequence.py`, `stop_checker.py`, `detokenizer_utils.py`). What was generated is counted, not
//! what was sent.

use super::model::Model;
use crate::embedded::{
    api::{Event, Finish, Handle, Token},
    metrics::Meter,
    wire::StopReason,
};
use crate::text::Detokenizer;
use std::{ops::Range, sync::Arc, time::Instant};

/// How a sequence's text is to be made.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) stop: Vec<String>,
    pub(super) stop_token_ids: Vec<u32>,
    pub(super) include_stop_str: bool,
    pub(super) ignore_eos: bool,
    pub(super) skip_special_tokens: bool,
    pub(super) min_tokens: usize,
    pub(super) max_tokens: usize,
}

/// What one token brought.
#[derive(Debug)]
pub(super) struct Piece {
    /// Text to send now.
    pub(super) delta: String,
    /// Where `delta` begins in the whole text, bytes.
    pub(super) from: usize,
    /// Where the token's own text stands in the whole text, bytes; empty while a character is incomplete.
    pub(super) span: Range<usize>,
    /// The token's own text.
    pub(super) token_text: String,
    /// The token; `None` when the sequence ended without another one.
    pub(super) token: Option<Token>,
    /// Tokens so far.
    pub(super) count: usize,
    /// Set in the last piece.
    pub(super) finish: Option<(Finish, Option<StopReason>)>,
}

/// The engine ended before the sequence did.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EngineStopped;

/// Prompt tokens decoded along with the first ones: some tokenizers write a token differently at the start of a text.
const CONTEXT: usize = 5;

/// A running sequence. Dropping it cancels the sequence.
pub(super) struct Transcript {
    model: Arc<dyn Model>,
    rules: Rules,
    /// `None` once it has ended.
    handle: Option<Handle>,
    meter: Meter,
    detokenizer: Detokenizer,
    count: usize,
    text: String,
    sent: usize,
    /// Characters held back while a stop string could begin in them.
    hold: usize,
}

impl Transcript {
    pub(super) fn new(model: Arc<dyn Model>, handle: Handle, rules: Rules, meter: Meter, prompt: &[u32]) -> Self {
        let longest = rules.stop.iter().map(|stop| stop.chars().count()).max().unwrap_or(0);
        let hold = if rules.include_stop_str { 0 } else { longest.saturating_sub(1) };
        let mut detokenizer = Detokenizer::new(rules.skip_special_tokens);
        for id in prompt.get(prompt.len().saturating_sub(CONTEXT)..).unwrap_or_default() {
            let _ = detokenizer.push(model.tokenizer(), *id);
        }
        Self { model, rules, handle: Some(handle), meter, detokenizer, count: 0, text: String::new(), sent: 0, hold }
    }

    /// All text so far; after the last piece, the whole answer.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Tokens so far.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The next piece; `None` after the last one or an error.
    pub(super) async fn next(&mut self) -> Option<Result<Piece, EngineStopped>> {
        loop {
            match self.handle.as_mut()?.events.recv().await {
                Some(Event::Started(at)) => self.meter.scheduled(at),
                Some(Event::Token(token)) => return Some(Ok(self.token(token))),
                // Without a token that ends it: out of context.
                Some(Event::Done { finish, .. }) => {
                    let at = self.text.len();
                    return Some(Ok(self.piece(None, at..at, String::new(), Some((finish, None)))));
                }
                None => {
                    self.handle = None;
                    return Some(Err(EngineStopped));
                }
            }
        }
    }

    fn token(&mut self, token: Token) -> Piece {
        self.meter.token(Instant::now());
        self.count += 1;
        // An id the tokenizer does not know has no text.
        let text = self.detokenizer.push(self.model.tokenizer(), token.id).unwrap_or_default();
        let start = self.text.len();
        self.text.push_str(&text);
        let finish = self.verdict(token.id, start);
        let span = start.min(self.text.len())..self.text.len();
        self.piece(Some(token), span, text, finish)
    }

    fn piece(
        &mut self,
        token: Option<Token>,
        span: Range<usize>,
        token_text: String,
        finish: Option<(Finish, Option<StopReason>)>,
    ) -> Piece {
        let until = if let Some((finish, _)) = &finish {
            self.meter.ended(*finish);
            // Dropping the handle also stops an engine that would go on, as after a stop string.
            self.handle = None;
            self.text.len()
        } else {
            let held = self.text.char_indices().rev().take(self.hold).last();
            held.map_or(self.text.len(), |(at, _)| at).max(self.sent)
        };
        let from = self.sent;
        self.sent = until;
        let delta = self.text.get(from..until).unwrap_or_default().to_owned();
        Piece { delta, from, span, token_text, token, count: self.count, finish }
    }

    /// Whether token `id`, whose text begins at `start`, ends the sequence; cuts the text where it does.
    fn verdict(&mut self, id: u32, start: usize) -> Option<(Finish, Option<StopReason>)> {
        if self.count < self.rules.min_tokens {
            return None;
        }
        let facts = self.model.facts();
        let stop_token = (!self.rules.ignore_eos && facts.other_eos.contains(&id)) || self.rules.stop_token_ids.contains(&id);
        let end = !self.rules.ignore_eos && facts.eos == Some(id);
        if end || stop_token {
            if !self.rules.include_stop_str {
                self.text.truncate(start);
            }
            return Some((Finish::Stop, (!end).then_some(StopReason::Token(id))));
        }
        for stop in &self.rules.stop {
            // No earlier than where one could have ended before this token.
            let from = self.text.floor_char_boundary((start + 1).saturating_sub(stop.len()));
            let Some(found) = self.text.get(from..).filter(|_| start < self.text.len()).and_then(|tail| tail.find(stop.as_str())) else {
                continue;
            };
            let at = from + found;
            self.text.truncate(if self.rules.include_stop_str { at + stop.len() } else { at });
            return Some((Finish::Stop, Some(StopReason::Text(stop.clone()))));
        }
        (self.count >= self.rules.max_tokens).then_some((Finish::Length, None))
    }
}
