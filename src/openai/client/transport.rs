//! reqwest as the transport of eventsource-client, with our parser in front of it.
//!
//! eventsource-client ends a stream at the first ill-formed byte, holds a line of any length and reads a JSON answer as
//! lines without meaning. So what it gets to read has gone through [`Parser`] first: whole events, well-formed, bounded;
//! and an answer that is no event stream never gets that far.

use crate::openai::sse::{Event, Parser, TooLong};
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use launchdarkly_sdk_transport::{ByteStream, HttpTransport, ResponseFuture, TransportError};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};
use sync_wrapper::{SyncFuture, SyncStream};

/// Longest body kept of an answer that is no stream; errors are far shorter, whole answers rarely longer.
pub(super) const BODY_LIMIT_BYTES: usize = 16 << 20;

/// Why the transport gives no stream.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The server answered otherwise: an error, or JSON.
    #[error("status {status}")]
    Answered { status: u16, content_type: Option<String>, body: Bytes },
    /// The request did not get through, or no head of an answer came.
    #[error(transparent)]
    Send(reqwest::Error),
    /// The connection broke amid the body.
    #[error(transparent)]
    Read(#[from] reqwest::Error),
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A second request was about to be sent.
    #[error("a generation is asked for once")]
    Again,
}

/// What the transport noticed that eventsource-client does not pass on.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sent: AtomicBool,
    replaced: AtomicU64,
    cut: AtomicBool,
}

impl Tally {
    /// Ill-formed UTF-8 sequences replaced.
    pub(super) fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Whether the body ended amid an event.
    pub(super) fn cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

/// Sends one request, once.
#[derive(Clone)]
pub(super) struct Transport {
    pub(super) http: reqwest::Client,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) limit_bytes: usize,
    pub(super) tally: Arc<Tally>,
}

impl HttpTransport for Transport {
    fn request(&self, request: Request<Option<Bytes>>) -> ResponseFuture {
        let this = self.clone();
        Box::pin(SyncFuture::new(async move { this.send(request).await.map_err(TransportError::new) }))
    }
}

impl Transport {
    async fn send(self, request: Request<Option<Bytes>>) -> Result<Response<ByteStream>, Fault> {
        // Whatever the options above say: a POST sent twice is a generation paid twice.
        if self.tally.sent.swap(true, Ordering::Relaxed) {
            return Err(Fault::Again);
        }
        let mut request = reqwest::Request::try_from(request.map(Option::unwrap_or_default)).map_err(Fault::Send)?;
        if let Some(authorization) = self.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization);
        }
        let response = self.http.execute(request).await.map_err(Fault::Send)?;
        let content_type = content_type(&response);
        if response.status() != StatusCode::OK || content_type.as_deref().is_some_and(|kind| !is_event_stream(kind)) {
            let status = response.status().as_u16();
            return Err(Fault::Answered { status, content_type, body: bounded_body(response).await? });
        }
        let mut washed = Response::new(());
        *washed.headers_mut() = response.headers().clone();
        let body: ByteStream = Box::pin(SyncStream::new(Washed {
            body: response.bytes_stream(),
            parser: Parser::with_limit(self.limit_bytes),
            tally: self.tally,
        }));
        Ok(washed.map(|()| body))
    }
}

/// The `Content-Type` of a response, where it has one.
pub(super) fn content_type(response: &reqwest::Response) -> Option<String> {
    response.headers().get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn is_event_stream(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// The whole body, if it is not absurdly long.
pub(super) async fn bounded_body(mut response: reqwest::Response) -> Result<Bytes, Fault> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if body.len() + piece.len() > BODY_LIMIT_BYTES {
            return Err(TooLong { limit_bytes: BODY_LIMIT_BYTES }.into());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.into())
}

/// A body as whole, well-formed events with LF line ends.
struct Washed<S> {
    body: S,
    parser: Parser,
    tally: Arc<Tally>,
}

impl<S: Stream<Item = reqwest::Result<Bytes>> + Unpin> Stream for Washed<S> {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let bytes = match ready!(Pin::new(&mut this.body).poll_next(context)) {
                Some(Ok(bytes)) => bytes,
                Some(Err(error)) => return Poll::Ready(Some(Err(TransportError::new(Fault::Read(error))))),
                None => {
                    this.tally.cut.store(this.parser.finish(), Ordering::Relaxed);
                    return Poll::Ready(None);
                }
            };
            let mut events = Vec::with_capacity(bytes.len());
            let result = this.parser.push(&bytes, |event| write(&mut events, event));
            this.tally.replaced.store(this.parser.replaced(), Ordering::Relaxed);
            if !events.is_empty() {
                // A line that is too long is told by the next read: the parser stays over.
                return Poll::Ready(Some(Ok(events.into())));
            }
            if let Err(error) = result {
                return Poll::Ready(Some(Err(TransportError::new(Fault::TooLong(error)))));
            }
        }
    }
}

fn write(out: &mut Vec<u8>, event: Event<'_>) {
    if !event.name.is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.name.as_bytes());
        out.push(b'\n');
    }
    for line in event.data.split('\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    out.push(b'\n');
}
