//! One question to the server and its whole answer, waiting for it: for what is found out before the load.

use super::Address;
use crate::{
    base::{Problem, Secret},
    bench::{
        client::{Door, class_of, failure},
        record::Class,
    },
    openai::{ApiError, sse},
    said,
};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

/// Longest answer taken, bytes.
const MAX_BYTES: usize = 8 << 20;

/// Becomes true when the run is to end before it has begun.
pub(in crate::bench) type Stop = watch::Receiver<bool>;

/// A request's bytes: the head so far, and what a JSON body adds to it.
pub(super) fn with_body(head: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Who is asked, and on what terms.
pub(super) struct Asked<'a> {
    pub(super) url: &'a str,
    pub(super) key: Option<&'a Secret>,
    pub(super) stop: &'a Stop,
    pub(super) connect: Duration,
}

/// A whole answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// It came over HTTP/2.
    pub(super) http2: bool,
    events: bool,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// What makes an answer with status 200 a refusal: an error object inside it.
    pub(super) fn error(&self, key: Option<&Secret>) -> Option<ApiError> {
        let in_json =
            |text: &[u8]| serde_json::from_slice(text).ok().and_then(|json| ApiError::in_json(200, &json)).map(|error| error.redacted(key));
        if !self.events {
            return in_json(&self.body);
        }
        let mut found = None;
        // An event too long to be read is no error the server told.
        let _ = sse::Parser::new().push(&self.body, |event| found = found.take().or_else(|| in_json(event.data.as_bytes())));
        found
    }
}

impl Asked<'_> {
    /// Sends `request` (which asks to close the connection) and reads the answer.
    pub(super) fn ask(&self, address: &Address, request: &[u8], within: Duration) -> Result<Answer, Problem> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.problem(Class::Connect, &error.to_string()))?;
        let answer = async {
            match &address.door {
                Some(door) => self.through(door, request).await,
                None => self.plainly(address, request).await,
            }
        };
        let mut stop = self.stop.clone();
        runtime.block_on(async {
            tokio::select! {
                answer = timeout(within.saturating_add(self.connect), answer) => answer.unwrap_or_else(|_| {
                    Err(self.problem(Class::TimeoutFirstToken, &format!("no answer within {} s", within.as_secs_f64())))
                }),
                // A sender that is gone tells no more.
                Ok(_) = stop.wait_for(|stop| *stop) => {
                    Err(Problem::failed("bench.stopped", said!("stopped before the load began", "在加压前已停止")))
                }
            }
        })
    }

    /// Over a socket of its own.
    async fn plainly(&self, address: &Address, request: &[u8]) -> Result<Answer, Problem> {
        let broken = |error: io::Error| self.problem(Class::NoResponse, &error.to_string());
        let mut stream = match timeout(self.connect, TcpStream::connect(address.to)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(self.problem(Class::Connect, error.to_string().split(" (os error").next().unwrap_or_default()));
            }
            Err(_) => {
                return Err(self.problem(Class::TimeoutConnect, &format!("no connection within {} s", self.connect.as_secs_f64())));
            }
        };
        stream.set_nodelay(true).map_err(broken)?;
        stream.write_all(request).await.map_err(broken)?;
        let mut bytes = Vec::new();
        loop {
            let closed = stream.read_buf(&mut bytes).await.map_err(broken)? == 0;
            match self.parse(&bytes, closed)? {
                Some(answer) => return Ok(answer),
                None if closed => return Ok(Answer::default()),
                None if bytes.len() > MAX_BYTES => return Err(self.problem(Class::Protocol, "the answer has no end")),
                None => {}
            }
        }
    }

    /// Through the general client.
    async fn through(&self, door: &Door, request: &[u8]) -> Result<Answer, Problem> {
        let client = door.client(self.connect, || {}).map_err(|why| self.problem(Class::Tls, &why))?;
        let Some((asking, body)) = door.take_apart(&client, request) else {
            return Err(self.problem(Class::Protocol, "the question cannot be sent"));
        };
        let failed = |error: &reqwest::Error| {
            let (class, why) = class_of(error, false);
            let why = match class {
                Class::Tls => format!("TLS: {why}"),
                Class::NoResponse if door.http2() => format!("over HTTP/2: {why}"),
                _ => why,
            };
            self.problem(class, &why)
        };
        let mut response = asking.body(body).send().await.map_err(|e| failed(&e))?;
        let kind = response.headers().get(http::header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
        let events = kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"));
        let http2 = response.version() == http::Version::HTTP_2;
        let mut answer = Answer { status: response.status().as_u16(), http2, events, body: Vec::new() };
        while let Some(bytes) = response.chunk().await.map_err(|e| failed(&e))? {
            answer.body.extend_from_slice(&bytes);
            if answer.body.len() > MAX_BYTES {
                return Err(self.problem(Class::Protocol, "the answer has no end"));
            }
        }
        Ok(answer)
    }

    /// The answer, once it is whole; `closed`: nothing more will come.
    fn parse(&self, bytes: &[u8], closed: bool) -> Result<Option<Answer>, Problem> {
        let whole = crate::bench::client::whole_answer(bytes, closed).map_err(|why| self.problem(Class::Protocol, &why))?;
        match whole {
            Some((status, events, body)) => Ok(Some(Answer { status, http2: false, events, body })),
            None if closed => Err(self.problem(Class::NoResponse, "the server closed the connection before its answer was complete")),
            None => Ok(None),
        }
    }

    /// The server was to be spoken to in HTTP/2, and does not know it.
    pub(super) fn only_http1(&self) -> Problem {
        let url = self.url;
        Problem::bad_input("bench.http2", said!("{url} answers over HTTP/1.1 only", "{url} 仅支持 HTTP/1.1"))
            .field("target.http2")
            .fix(said!("leave http2 out", "请去掉 http2"))
    }

    /// The server cannot be asked.
    pub(super) fn problem(&self, class: Class, why: &str) -> Problem {
        let (url, why) = (self.url, failure(class, why, self.key).message);
        Problem::bad_input("bench.unreachable", said!("{url} cannot be reached: {why}", "无法连接 {url}：{why}"))
            .field("--url")
            .fix(said!("start the server, or check address and port", "请启动服务器，或检查地址与端口"))
    }
}
