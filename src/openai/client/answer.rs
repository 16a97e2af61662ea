//! A streamed answer as typed events.

use super::{
    ClientError, Patience,
    fault::cause,
    transport::{Fault, Tally},
};
use crate::{
    base::{Secret, clean},
    openai::{
        ApiError,
        chunk::{Choice, Chunk, Malformed, StopReason, Usage},
        progress::{Finish, Progress},
        types::{ChatAnswer, CompletionAnswer},
    },
};
use eventsource_client::{BoxStream, Error as SseError, SSE};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// How long the end of the body is awaited after `[DONE]`, so that the connection can be used again.
const AFTER_DONE: Duration = Duration::from_secs(1);

/// What an answer tells, in order. Texts are the model's own, line ends and all: a face cleans what it shows.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerEvent {
    /// The server agreed to answer.
    Started {
        /// HTTP status.
        status: u16,
        /// `Content-Type`: `application/json` where a server ignores `stream` and answers in one piece.
        content_type: Option<String>,
    },
    /// More of the reasoning.
    Reasoning(String),
    /// More of the answer.
    Content(String),
    /// More of the tool calls.
    ToolCalls(Vec<ToolCallPart>),
    /// Token counts so far.
    Usage(Usage),
    /// The model has ended.
    Finished {
        /// Why.
        reason: Finish,
        /// The stop string or token that ended it.
        stop_reason: Option<StopReason>,
    },
    /// An event that could not be read; the stream goes on.
    Unreadable(Malformed),
    /// The last event.
    Ended(Ended),
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Neither `[DONE]` nor a finish reason came: the answer is a part of what it would have been.
    pub truncated: bool,
    /// What broke the connection, where something did.
    pub why: Option<String>,
    /// Ill-formed UTF-8 sequences that were replaced.
    pub replaced: u64,
}

/// A piece of a tool call; pieces of one call share its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCallPart {
    /// Which call of the answer, from 0.
    pub index: u32,
    /// Id of the call, in its first piece.
    pub id: Option<String>,
    /// Name of the function, in its first piece; empty elsewhere.
    pub name: String,
    /// More of the arguments.
    pub arguments: String,
}

/// A streamed answer. Of several choices only the first is told: chat asks for one. Dropping it closes the connection,
/// and the server stops generating.
pub struct Answer {
    pub(super) events: BoxStream<Result<SSE, SseError>>,
    pub(super) tally: Arc<Tally>,
    pub(super) url: String,
    pub(super) key: Option<Secret>,
    pub(super) patience: Patience,
    /// When the request was sent; with the first [`next`](Self::next).
    pub(super) since: Option<Instant>,
    pub(super) progress: Progress,
    pub(super) ready: VecDeque<AnswerEvent>,
    pub(super) over: bool,
}

impl Answer {
    /// The next event; `None` after [`AnswerEvent::Ended`] or an error.
    ///
    /// # Errors
    /// [`ClientError`], once. An answer that has begun and breaks off is no error but [`Ended::truncated`].
    pub async fn next(&mut self) -> Option<Result<AnswerEvent, ClientError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.over {
                return None;
            }
            let (deadline, waited) = if self.progress.begun() {
                (Instant::now() + self.patience.stall, self.patience.stall)
            } else {
                (*self.since.get_or_insert_with(Instant::now) + self.patience.first_token, self.patience.first_token)
            };
            let took = match timeout_at(deadline, self.events.next()).await {
                Ok(Some(Ok(sse))) => self.take(sse).await,
                Ok(Some(Err(error))) => self.end(&error),
                Ok(None) => self.end(&SseError::Eof),
                Err(_) => Err(ClientError::TimedOut { url: self.url.clone(), waited }),
            };
            if let Err(error) = took {
                self.over = true;
                self.ready.clear();
                // Closes the connection: a server that is given up must not go on generating.
                self.events = Box::pin(stream::empty());
                return Some(Err(error));
            }
        }
    }

    /// How far the answer has come.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    async fn take(&mut self, sse: SSE) -> Result<(), ClientError> {
        match sse {
            SSE::Connected(details) => {
                let response = details.response();
                let content_type = response.get_header_value("content-type").ok().flatten().map(|kind| clean(kind).into_owned());
                self.ready.push_back(AnswerEvent::Started { status: response.status(), content_type });
            }
            SSE::Comment(_) => {}
            SSE::Event(event) => {
                let finished = self.progress.finish().is_some();
                match self.progress.take(&event.data).chunk {
                    Ok(Chunk::Delta(delta)) => {
                        for choice in delta.choices().filter(|choice| choice.index == 0) {
                            tell(&mut self.ready, choice);
                        }
                        self.ready.extend(delta.usage.map(AnswerEvent::Usage));
                        if let (false, Some(reason)) = (finished, self.progress.finish()) {
                            let stop_reason = self.progress.stop_reason().cloned();
                            self.ready.push_back(AnswerEvent::Finished { reason: reason.clone(), stop_reason });
                        }
                    }
                    Ok(Chunk::Failed(error)) => return Err(error.redacted(self.key.as_ref()).into()),
                    Ok(Chunk::Done) => {
                        // Read on to the end of the body: only then is the connection free for the next request.
                        let events = &mut self.events;
                        let _ = timeout(AFTER_DONE, async { while let Some(Ok(_)) = events.next().await {} }).await;
                        self.ended(None);
                    }
                    Err(malformed) => self.ready.push_back(AnswerEvent::Unreadable(malformed)),
                }
            }
        }
        Ok(())
    }

    /// eventsource-client tells every end as an error, the clean one too.
    fn end(&mut self, error: &SseError) -> Result<(), ClientError> {
        let fault = match error {
            SseError::Eof | SseError::UnexpectedEof => {
                self.ended(None);
                return Ok(());
            }
            SseError::Transport(error) => error.inner().downcast_ref::<Fault>(),
            _ => None,
        };
        let url = self.url.clone();
        let why = match fault {
            Some(Fault::Answered { status, content_type, body }) => return self.whole(*status, content_type.clone(), body),
            Some(Fault::Send(error)) => return Err(ClientError::Unreachable { url, why: cause(error) }),
            Some(Fault::TooLong(error)) => return Err((*error).into()),
            Some(Fault::Read(error)) => cause(error),
            Some(Fault::Again) | None => clean(&error.to_string()).into_owned(),
        };
        if self.progress.begun() || self.progress.complete() {
            self.ended(Some(why));
            return Ok(());
        }
        Err(ClientError::Broken { url, why })
    }

    fn cut(&self) -> Option<String> {
        self.tally.cut().then(|| "the stream ended amid an event".to_owned())
    }

    fn ended(&mut self, why: Option<String>) {
        self.over = true;
        let ended = Ended { truncated: !self.progress.complete(), why: why.or_else(|| self.cut()), replaced: self.tally.replaced() };
        self.ready.push_back(AnswerEvent::Ended(ended));
    }

    /// An answer that is no stream: a refusal, or everything at once from a server that ignores `stream`.
    fn whole(&mut self, status: u16, content_type: Option<String>, body: &[u8]) -> Result<(), ClientError> {
        let key = self.key.as_ref();
        if status != 200 {
            return Err(ApiError::from_body(status, body, key).into());
        }
        let content_type = content_type.map(|kind| clean(&kind).into_owned());
        let events = match serde_json::from_slice::<Value>(body) {
            Ok(json) => match ApiError::in_json(status, &json) {
                Some(error) => return Err(error.redacted(key).into()),
                None => events_of(json),
            },
            Err(_) => None,
        };
        let Some(events) = events else {
            let why = ApiError::from_body(status, body, key).message.chars().take(200).collect();
            let content_type = content_type.unwrap_or_else(|| "no content type".to_owned());
            return Err(ClientError::NotAnAnswer { url: self.url.clone(), content_type, why });
        };
        self.over = true;
        self.ready.push_back(AnswerEvent::Started { status, content_type });
        self.ready.extend(events);
        self.ready.push_back(AnswerEvent::Ended(Ended { truncated: false, why: None, replaced: 0 }));
        Ok(())
    }
}

/// What one choice of a chunk tells.
fn tell(ready: &mut VecDeque<AnswerEvent>, choice: &Choice<'_>) {
    if !choice.reasoning().is_empty() {
        ready.push_back(AnswerEvent::Reasoning(choice.reasoning().to_owned()));
    }
    if !choice.content().is_empty() {
        ready.push_back(AnswerEvent::Content(choice.content().to_owned()));
    }
    if !choice.tool_calls().is_empty() {
        let part = |call: &crate::openai::chunk::ToolCall<'_>| ToolCallPart {
            index: call.index,
            id: call.id().map(str::to_owned),
            name: call.name().to_owned(),
            arguments: call.arguments().to_owned(),
        };
        ready.push_back(AnswerEvent::ToolCalls(choice.tool_calls().iter().map(part).collect()));
    }
}

/// A whole chat answer or completion as the events it would have been; `None` if it is neither.
fn events_of(json: Value) -> Option<Vec<AnswerEvent>> {
    let mut events = Vec::new();
    let (usage, finish, stop_reason) = if json.get("choices")?.get(0)?.get("message").is_some() {
        let answer: ChatAnswer = serde_json::from_value(json).ok()?;
        let choice = answer.choices.into_iter().next()?;
        let reasoning = choice.message.reasoning().to_owned();
        events.extend((!reasoning.is_empty()).then_some(AnswerEvent::Reasoning(reasoning)));
        events.extend(choice.message.content.filter(|text| !text.is_empty()).map(AnswerEvent::Content));
        let calls: Vec<ToolCallPart> = (0..)
            .zip(choice.message.tool_calls.unwrap_or_default())
            .map(|(index, call)| ToolCallPart { index, id: Some(call.id), name: call.function.name, arguments: call.function.arguments })
            .collect();
        events.extend((!calls.is_empty()).then_some(AnswerEvent::ToolCalls(calls)));
        (answer.usage, choice.finish_reason, choice.stop_reason)
    } else {
        let answer: CompletionAnswer = serde_json::from_value(json).ok()?;
        let choice = answer.choices.into_iter().next()?;
        events.push(AnswerEvent::Content(choice.text));
        (answer.usage, choice.finish_reason, choice.stop_reason)
    };
    events.extend(usage.map(AnswerEvent::Usage));
    events.extend(finish.map(|word| AnswerEvent::Finished { reason: Finish::of(&word), stop_reason }));
    Some(events)
}
