//! One connection and the request on it.

use super::{
    Prepared,
    http::{self, Chunked, Framing, Head},
    socket,
    stream::{Arrivals, Brought},
};
use crate::{
    bench::record::{Class, Record},
    openai::{ApiError, sse},
};
use rustix::{
    io::Errno,
    net::{SendFlags, send, sockopt::socket_error},
};
use std::{net::SocketAddr, os::fd::OwnedFd};

/// Most bytes of a body kept that is no event stream: an error message, not a download.
const MAX_PLAIN_BYTES: usize = 64 << 10;

/// One connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) socket: OwnedFd,
    /// Which of the addresses it goes to.
    pub(super) to: u16,
    pub(super) state: State,
    /// The kernel stamps what comes in.
    pub(super) stamped: bool,
    /// Segments that came, as far as known: one a read, until a read brought several tokens and they were counted.
    pub(super) segments: u32,
    /// Answers it has carried.
    pub(super) served: u32,
    /// Since when it has been connecting, or the last time something was read.
    pub(super) since_us: u64,
    /// Tells when a write would not wait.
    pub(super) watches_writes: bool,
    pub(super) active: Option<Box<Active>>,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Connecting,
    /// Open; with a request on it or without.
    Open,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) request: Prepared,
    pub(super) planned_us: u64,
    pub(super) started_us: u64,
    pub(super) resent: bool,
    written: usize,
    pub(super) sent_us: Option<u64>,
    answer: Answer,
    pub(super) arrivals: Arrivals,
    events: sse::Parser,
    /// When `[DONE]` was read.
    pub(super) done_us: Option<u64>,
}

#[derive(Debug)]
enum Answer {
    /// The head so far.
    Head(Vec<u8>),
    /// The body; content that is no event stream is kept.
    Body { head: Head, plain: Vec<u8> },
}

/// How a request went on after a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More is to come.
    More,
    /// It is over. `keep`: the connection may carry another.
    Over { keep: bool, error: Option<(Class, String)> },
    /// The server had closed a kept connection before it answered: the request may be sent again.
    Stale,
}

impl Active {
    pub(super) fn new(request: Prepared, planned_us: u64, started_us: u64) -> Self {
        Self {
            request,
            planned_us,
            started_us,
            resent: false,
            written: 0,
            sent_us: None,
            answer: Answer::Head(Vec::new()),
            arrivals: Arrivals::default(),
            events: sse::Parser::new(),
            done_us: None,
        }
    }

    /// As it was before it was sent, to be sent on another connection.
    pub(super) fn again(self) -> Self {
        Self { resent: true, ..Self::new(self.request, self.planned_us, self.started_us) }
    }

    /// No byte of an answer has come.
    fn unanswered(&self) -> bool {
        matches!(&self.answer, Answer::Head(head) if head.is_empty())
    }

    /// The line for the results.
    pub(super) fn into_record(self, warmup: bool, end_us: u64) -> Record {
        let mut record = Record {
            i: self.request.i,
            warmup,
            route: self.request.route,
            turn: self.request.turn,
            planned_us: self.planned_us,
            started_us: self.started_us,
            sent_us: self.sent_us,
            status: match self.answer {
                Answer::Head(_) => None,
                Answer::Body { head, .. } => Some(head.status),
            },
            end_us,
            resent: self.resent,
            ..Record::default()
        };
        self.arrivals.into_record(&mut record);
        record
    }
}

impl Conn {
    /// Begins a connection.
    pub(super) fn begin(address: SocketAddr, to: u16, now_us: u64) -> rustix::io::Result<Self> {
        let begun = socket::begin(address)?;
        Ok(Self {
            socket: begun.socket,
            to,
            state: if begun.connected { State::Open } else { State::Connecting },
            stamped: begun.stamped,
            segments: 0,
            served: 0,
            since_us: now_us,
            watches_writes: !begun.connected,
            active: None,
        })
    }

    /// The connection became writable while connecting: whether it is open now.
    pub(super) fn connected(&mut self) -> Result<(), String> {
        match socket_error(&self.socket) {
            Ok(Ok(())) => {
                self.state = State::Open;
                Ok(())
            }
            Ok(Err(error)) | Err(error) => Err(words(error)),
        }
    }

    /// Writes what is left of the request; `sent_us` is set before the write that takes the last byte. `Ok(false)`: the socket is full.
    pub(super) fn write(&mut self, clock: impl Fn() -> u64, expected: usize) -> Result<bool, Errno> {
        let Some(active) = self.active.as_deref_mut() else { return Ok(true) };
        while active.sent_us.is_none() {
            let rest = active.request.bytes.get(active.written..).unwrap_or_default();
            let before_us = clock();
            match send(&self.socket, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(n) => active.written += n,
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
            if active.written >= active.request.bytes.len() {
                active.sent_us = Some(before_us);
                active.arrivals.begin(before_us, expected);
                self.since_us = before_us;
            }
        }
        Ok(true)
    }

    /// What a broken write means.
    pub(super) fn write_failed(&self, error: Errno) -> Step {
        if self.may_resend() {
            return Step::Stale;
        }
        Step::Over {
            keep: false,
            error: Some((Class::NoResponse, format!("the connection broke while the request was sent ({})", words(error)))),
        }
    }

    fn may_resend(&self) -> bool {
        self.served > 0 && self.active.as_deref().is_some_and(|a| a.unanswered() && !a.resent)
    }

    /// Takes in bytes read at `at_us`; tokens are told to `brought`.
    pub(super) fn feed(&mut self, mut bytes: &[u8], at_us: u64, mut brought: impl FnMut(Brought)) -> Step {
        let Some(active) = self.active.as_deref_mut() else {
            // Bytes nobody asked for: whatever it is, it is not an answer to the next request.
            return Step::Over { keep: false, error: None };
        };
        let (all_sent, asked) = (active.sent_us.is_some(), active.request.asked);
        loop {
            let Active { answer, arrivals, events, .. } = &mut *active;
            match answer {
                Answer::Head(partial) => {
                    let parsed = if partial.is_empty() {
                        http::head(bytes).map(|found| found.map(|(head, len)| (head, len, 0)))
                    } else {
                        let before = partial.len();
                        partial.extend_from_slice(bytes);
                        http::head(partial).map(|found| found.map(|(head, len)| (head, len, before)))
                    };
                    match parsed {
                        Ok(None) => {
                            if partial.is_empty() {
                                partial.extend_from_slice(bytes);
                            }
                            return Step::More;
                        }
                        Ok(Some((head, len, before))) => {
                            bytes = bytes.get(len.saturating_sub(before)..).unwrap_or_default();
                            // 100 Continue and its kin announce an answer, they are none.
                            if head.status >= 200 || head.status == 101 {
                                *answer = Answer::Body { head, plain: Vec::new() };
                                active.request.bytes = Vec::new();
                            } else {
                                *partial = Vec::new();
                                if bytes.is_empty() {
                                    return Step::More;
                                }
                            }
                        }
                        Err(message) => return Step::Over { keep: false, error: Some((Class::Protocol, message)) },
                    }
                }
                Answer::Body { head, plain } => {
                    let streaming = head.status == 200 && head.events;
                    let mut content = |run: &[u8]| {
                        if streaming {
                            if events.between_events()
                                && let Some(known) = arrivals.whole(run, at_us)
                            {
                                if let Some(tokens) = known {
                                    brought(tokens);
                                }
                                return Ok(());
                            }
                            let each = |event: sse::Event<'_>| {
                                if let Some(tokens) = arrivals.event(event.data, at_us) {
                                    brought(tokens);
                                }
                            };
                            events.push(run, each).map_err(|e| e.to_string())
                        } else {
                            let room = MAX_PLAIN_BYTES.saturating_sub(plain.len());
                            plain.extend_from_slice(run.get(..room.min(run.len())).unwrap_or_default());
                            Ok(())
                        }
                    };
                    let over = match &mut head.framing {
                        Framing::Chunked(chunked) => drain(chunked, &mut bytes, &mut content),
                        Framing::Length(left) => {
                            let run = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                            *left -= run as u64;
                            let result = content(bytes.get(..run).unwrap_or_default());
                            bytes = bytes.get(run..).unwrap_or_default();
                            result.map(|()| *left == 0)
                        }
                        Framing::Close => content(bytes).map(|()| false),
                    };
                    return match over {
                        Err(message) => Step::Over { keep: false, error: Some((Class::Protocol, message)) },
                        Ok(true) => {
                            // An answer to half a request (413, say) leaves the other half unsent: nothing can follow it.
                            let keep = head.keep_alive && bytes.is_empty() && all_sent;
                            Step::Over { keep, error: verdict(head, plain, arrivals, None, asked) }
                        }
                        Ok(false) => {
                            if arrivals.done() {
                                active.done_us.get_or_insert(at_us);
                            }
                            Step::More
                        }
                    };
                }
            }
        }
    }

    /// The connection ended, or broke (`error`).
    pub(super) fn closed(&self, error: Option<Errno>) -> Step {
        let how = error.map_or_else(|| "the server closed the connection".to_owned(), |e| format!("the connection broke ({})", words(e)));
        if self.may_resend() {
            return Step::Stale;
        }
        let error = match self.active.as_deref() {
            None => None,
            Some(active) => match &active.answer {
                Answer::Head(_) => Some((Class::NoResponse, format!("{how} before it answered"))),
                Answer::Body { head, plain } => {
                    let cut = (head.framing != Framing::Close || error.is_some()).then_some(how.as_str());
                    verdict(head, plain, &active.arrivals, cut, active.request.asked)
                }
            },
        };
        Step::Over { keep: false, error }
    }
}

/// Decodes chunks until `bytes` is used up or the body is over.
fn drain(chunked: &mut Chunked, bytes: &mut &[u8], content: &mut impl FnMut(&[u8]) -> Result<(), String>) -> Result<bool, String> {
    while !bytes.is_empty() && !chunked.over() {
        let (run, taken) = chunked.next(bytes)?;
        if !run.is_empty() {
            content(run)?;
        }
        *bytes = bytes.get(taken..).unwrap_or_default();
    }
    Ok(chunked.over())
}

/// What is wrong with an answer whose body is over, if anything.
pub(super) fn verdict(head: &Head, plain: &[u8], arrivals: &Arrivals, cut: Option<&str>, asked: u32) -> Option<(Class, String)> {
    if head.status != 200 {
        let message = ApiError::from_body(head.status, plain, None).message;
        return Some((Class::HttpStatus, format!("HTTP {}: {message}", head.status)));
    }
    if head.events {
        return arrivals.verdict(cut, asked);
    }
    // vLLM 0.8.5 answers some requests it cannot serve with an error object and status 200.
    let told = serde_json::from_slice(plain).ok().and_then(|json| ApiError::in_json(200, &json));
    Some(match told {
        Some(error) => (Class::InStreamError, error.message),
        None => (Class::Protocol, format!("the answer is no event stream: {}", String::from_utf8_lossy(plain))),
    })
}

/// A system error in words, without the number.
fn words(error: Errno) -> String {
    let text = std::io::Error::from(error).to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// A failed attempt to connect, in words.
pub(super) fn connect_failed(to: &str, error: Errno) -> String {
    format!("no connection to {to}: {}", words(error))
}
