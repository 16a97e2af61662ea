//! `/v1/completions`.

use super::{
    App, Asked,
    ask::{CompletionAsk, Prompt},
    errors::{ApiError, json},
    fields,
    generate::{Submitted, finish_word, sse},
    logprobs,
    transcript::{EngineStopped, Piece, Transcript},
};
use crate::embedded::wire::{self, Completion, CompletionChoice, CompletionChunk, CompletionDelta, CompletionUsageChunk, Usage, event};
use axum::{http::StatusCode, response::Response};
use futures_util::{StreamExt as _, future, stream};
use std::sync::Arc;

struct Envelope {
    app: Arc<App>,
    id: String,
    created: u64,
    model: String,
    prompt_tokens: Vec<usize>,
    logprobs: Option<usize>,
    include_usage: bool,
    continuous_usage: bool,
}

pub(super) async fn answer(app: Arc<App>, asked: Asked) -> Result<Response, ApiError> {
    let body = fields::parse(&asked.body)?;
    let ask = CompletionAsk::read(&body)?;
    let adapter = app.adapter(ask.common.model.as_deref())?;
    if let Some(error) = ask.common.unsupported.clone() {
        return Err(error);
    }
    let id = format!("cmpl-{}", asked.id(None));
    let special = ask.common.add_special_tokens.unwrap_or(true);
    let mut prompts = Vec::with_capacity(ask.prompts.len());
    for prompt in ask.prompts {
        prompts.push(match prompt {
            Prompt::Text(text) => app.encode(text, special).await?,
            Prompt::Tokens(tokens) => tokens,
        });
    }
    let prompt_tokens = prompts.iter().map(Vec::len).collect();
    let mut transcripts = Vec::with_capacity(prompts.len());
    let mut listed = None;
    for (index, prompt) in prompts.into_iter().enumerate() {
        let submitted = app.submit(&ask.common, ask.logprobs, prompt, format!("{id}-{index}"), adapter.clone(), asked.arrived)?;
        let Submitted { transcript, logprobs } = submitted;
        listed = logprobs;
        transcripts.push(transcript);
    }
    let envelope = Envelope {
        id,
        created: wire::unix_seconds(),
        model: app.name_of(ask.common.model.as_deref()).to_owned(),
        prompt_tokens,
        logprobs: listed,
        include_usage: ask.common.include_usage,
        continuous_usage: ask.common.continuous_usage,
        app,
    };
    if ask.common.stream { Ok(streamed(envelope, transcripts, asked.guard)) } else { whole(&envelope, transcripts).await }
}

async fn whole(envelope: &Envelope, transcripts: Vec<Transcript>) -> Result<Response, ApiError> {
    // All at once: the first to fail ends the others by being dropped with them.
    let answers = future::try_join_all(transcripts.into_iter().map(|mut transcript| async move {
        let (mut listed, mut offset) = (envelope.logprobs.map(|_| wire::CompletionLogprobs::default()), 0);
        let mut finish = None;
        while let Some(piece) = transcript.next().await {
            let piece = piece.map_err(|EngineStopped| ApiError::engine_stopped())?;
            if let Some(listed) = &mut listed {
                logprobs::completion(&*envelope.app.model, &piece, envelope.logprobs.unwrap_or(0), &mut offset, listed);
            }
            finish = piece.finish.or(finish);
        }
        let finish = finish.ok_or_else(ApiError::engine_stopped)?;
        Ok((transcript, listed, finish))
    }))
    .await?;
    let counted = Usage::new(envelope.prompt_tokens.iter().sum(), answers.iter().map(|(transcript, ..)| transcript.count()).sum());
    let (texts, rest): (Vec<_>, Vec<_>) = answers.into_iter().map(|(transcript, listed, finish)| (transcript, (listed, finish))).unzip();
    let choices = texts.iter().zip(rest).enumerate().map(|(index, (transcript, (logprobs, (finish, stop_reason))))| CompletionChoice {
        index,
        text: transcript.text(),
        logprobs,
        finish_reason: finish_word(finish),
        stop_reason,
        prompt_logprobs: (),
    });
    let body = Completion {
        id: &envelope.id,
        object: "text_completion",
        created: envelope.created,
        model: &envelope.model,
        choices: choices.collect(),
        usage: counted.into(),
    };
    Ok(json(StatusCode::OK, &body))
}

fn streamed(envelope: Envelope, transcripts: Vec<Transcript>, guard: super::Serving) -> Response {
    let sequences = transcripts.into_iter().enumerate().map(|(index, transcript)| {
        Box::pin(stream::unfold((transcript, 0), move |(mut transcript, offset)| async move {
            let piece = transcript.next().await?;
            let sent = piece.as_ref().map_or(0, |piece| piece.delta.chars().count());
            Some(((index, offset, piece), (transcript, offset + sent)))
        }))
    });
    let merged = stream::select_all(sequences);
    let state = Stream { counts: vec![0; envelope.prompt_tokens.len()], left: envelope.prompt_tokens.len(), envelope, _guard: guard };
    let events = stream::unfold((merged, state), |(mut merged, mut state)| async move {
        if state.left == 0 {
            return None;
        }
        let frames = match merged.next().await {
            Some((index, offset, Ok(piece))) => state.piece(index, offset, &piece),
            // `Err`: the engine ended. `None` cannot come before the last piece has.
            Some((.., Err(EngineStopped))) | None => {
                state.left = 0;
                vec![ApiError::engine_stopped().event(), wire::DONE.to_vec()]
            }
        };
        Some((stream::iter(frames), (merged, state)))
    });
    sse(events.flatten())
}

/// A streamed answer. Dropping it (the client left) cancels its sequences.
struct Stream {
    envelope: Envelope,
    /// Tokens so far, per prompt.
    counts: Vec<usize>,
    /// Sequences not ended.
    left: usize,
    _guard: super::Serving,
}

impl Stream {
    fn piece(&mut self, index: usize, offset: usize, piece: &Piece) -> Vec<Vec<u8>> {
        let envelope = &self.envelope;
        if let Some(count) = self.counts.get_mut(index) {
            *count = piece.count;
        }
        let logprobs = envelope.logprobs.map(|top| {
            let (mut listed, mut offset) = (wire::CompletionLogprobs::default(), offset);
            logprobs::completion(&*envelope.app.model, piece, top, &mut offset, &mut listed);
            listed
        });
        let choice = CompletionDelta {
            index,
            text: &piece.delta,
            logprobs,
            finish_reason: piece.finish.as_ref().map(|(finish, _)| finish_word(*finish)),
            stop_reason: piece.finish.as_ref().and_then(|(_, reason)| reason.clone()),
        };
        let prompt_tokens = envelope.prompt_tokens.get(index).copied().unwrap_or(0);
        let usage = envelope.continuous_usage.then(|| Usage::new(prompt_tokens, piece.count).into());
        let (id, object, created, model) = (envelope.id.as_str(), "text_completion", envelope.created, envelope.model.as_str());
        let mut frames = vec![event(&CompletionChunk { id, object, created, model, choices: [choice], usage })];
        self.left -= usize::from(piece.finish.is_some());
        if self.left == 0 {
            if envelope.include_usage {
                let usage = Usage::new(envelope.prompt_tokens.iter().sum(), self.counts.iter().sum());
                frames.push(event(&CompletionUsageChunk { id, object, created, model, choices: [], usage }));
            }
            frames.push(wire::DONE.to_vec());
        }
        frames
    }
}
