//! Log-probabilities as the two endpoints show them: the chosen token first, then the likeliest others.

use super::{model::Model, transcript::Piece};
use crate::embedded::wire::{ChatLogprob, CompletionLogprobs, TokenLogprob};

/// The chosen token and the likeliest others, texts and figures, the chosen one first and once.
fn listed(model: &dyn Model, piece: &Piece) -> Option<Vec<(String, f64)>> {
    let token = piece.token.as_ref()?;
    let (own, top) = token.logprobs.as_ref()?;
    let mut out = vec![(piece.token_text.clone(), floor(*own))];
    for (id, logprob) in top.iter().filter(|(id, _)| *id != token.id) {
        let text = model.tokenizer().decode(&[*id], false).unwrap_or_default();
        // Part of a character has no text of its own.
        out.push((if text.ends_with('\u{fffd}') { String::new() } else { text }, floor(*logprob)));
    }
    Some(out)
}

/// JSON has no minus infinity.
fn floor(logprob: f32) -> f64 {
    f64::from(logprob).max(-9999.0)
}

/// One entry of a chat answer, with `top` alternatives, the chosen token counted among them.
pub(super) fn chat(model: &dyn Model, piece: &Piece, top: usize) -> Option<ChatLogprob> {
    let mut all = listed(model, piece)?
        .into_iter()
        .map(|(token, logprob)| TokenLogprob { bytes: token.clone().into_bytes(), token, logprob })
        .peekable();
    let own = all.peek()?.clone();
    Some(ChatLogprob { own, top_logprobs: all.take(top).collect() })
}

/// One entry of a completion, with up to `top` alternatives beside the chosen token. `offset` counts characters so far.
pub(super) fn completion(model: &dyn Model, piece: &Piece, top: usize, offset: &mut usize, out: &mut CompletionLogprobs) {
    let Some(mut all) = listed(model, piece) else { return };
    all.truncate(top + 1);
    let Some((token, logprob)) = all.first().cloned() else { return };
    out.text_offset.push(*offset);
    *offset += token.chars().count();
    out.token_logprobs.push(logprob);
    out.tokens.push(token);
    out.top_logprobs.push(all);
}
