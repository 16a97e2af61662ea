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
use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Longest answer taken, bytes.
const MAX_BYTES: usize = 8 << 20;
/// How often a stop is looked for while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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
    /// The run was stopped meanwhile.
    pub(super) stop: &'a AtomicBool,
    pub(super) connect: Duration,
}

/// A whole answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
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
        if let Some(door) = &address.door {
            return self.through(door, request, within);
        }
        let broken = |error: &std::io::Error| self.problem(Class::NoResponse, &error.to_string());
        let mut stream = TcpStream::connect_timeout(&address.to, self.connect).map_err(|error| match error.kind() {
            ErrorKind::TimedOut => self.problem(Class::TimeoutConnect, &format!("no connection within {} s", self.connect.as_secs_f64())),
            _ => self.problem(Class::Connect, error.to_string().split(" (os error").next().unwrap_or_default()),
        })?;
        stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(LOOK_EVERY))).map_err(|e| broken(&e))?;
        stream.set_write_timeout(Some(within)).map_err(|e| broken(&e))?;
        stream.write_all(request).map_err(|e| broken(&e))?;
        let (mut bytes, mut buffer, until) = (Vec::new(), vec![0; 64 << 10], Instant::now() + within);
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Problem::failed("bench.stopped", said!("stopped before the load began", "在加压前已停止")));
            }
            match stream.read(&mut buffer) {
                Ok(0) => return self.parse(&bytes, true).map(Option::unwrap_or_default),
                Ok(n) => {
                    bytes.extend_from_slice(buffer.get(..n).unwrap_or_default());
                    if let Some(answer) = self.parse(&bytes, false)? {
                        return Ok(answer);
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                    if Instant::now() > until {
                        return Err(self.problem(Class::TimeoutFirstToken, &format!("no answer within {} s", within.as_secs_f64())));
                    }
                }
                Err(error) => return Err(broken(&error)),
            }
            if bytes.len() > MAX_BYTES {
                return Err(self.problem(Class::Protocol, "the answer has no end"));
            }
        }
    }

    /// The same through the general client.
    fn through(&self, door: &Door, request: &[u8], within: Duration) -> Result<Answer, Problem> {
        let client = door.client(self.connect).map_err(|why| self.problem(Class::Tls, &why))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| self.problem(Class::Connect, &error.to_string()))?;
        let Some((asking, body)) = door.take_apart(&client, request) else {
            return Err(self.problem(Class::Protocol, "the question cannot be sent"));
        };
        let failed = |error: &reqwest::Error| {
            let (class, why) = class_of(error, false);
            let why = if class == Class::Tls { format!("TLS: {why}") } else { why };
            self.problem(class, &why)
        };
        let answer = async {
            let mut response = asking.body(body).send().await.map_err(|e| failed(&e))?;
            let kind = response.headers().get(http::header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
            let events = kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"));
            let mut answer = Answer { status: response.status().as_u16(), events, body: Vec::new() };
            while let Some(bytes) = response.chunk().await.map_err(|e| failed(&e))? {
                answer.body.extend_from_slice(&bytes);
                if answer.body.len() > MAX_BYTES {
                    return Err(self.problem(Class::Protocol, "the answer has no end"));
                }
            }
            Ok(answer)
        };
        let stopped = async {
            while !self.stop.load(Ordering::Relaxed) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        runtime.block_on(async {
            tokio::select! {
                answer = answer => answer,
                () = stopped => Err(Problem::failed("bench.stopped", said!("stopped before the load began", "在加压前已停止"))),
                () = tokio::time::sleep(within) => {
                    Err(self.problem(Class::TimeoutFirstToken, &format!("no answer within {} s", within.as_secs_f64())))
                }
            }
        })
    }

    /// The answer, once it is whole; `closed`: nothing more will come.
    fn parse(&self, bytes: &[u8], closed: bool) -> Result<Option<Answer>, Problem> {
        let whole = crate::bench::client::whole_answer(bytes, closed).map_err(|why| self.problem(Class::Protocol, &why))?;
        match whole {
            Some((status, events, body)) => Ok(Some(Answer { status, events, body })),
            None if closed => Err(self.problem(Class::NoResponse, "the server closed the connection before its answer was complete")),
            None => Ok(None),
        }
    }

    /// The server cannot be asked.
    pub(super) fn problem(&self, class: Class, why: &str) -> Problem {
        let (url, why) = (self.url, failure(class, why, self.key).message);
        Problem::bad_input("bench.unreachable", said!("{url} cannot be reached: {why}", "无法连接 {url}：{why}"))
            .field("--url")
            .fix(said!("start the server, or check address and port", "请启动服务器，或检查地址与端口"))
    }
}
