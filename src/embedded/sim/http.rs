//! As much HTTP/1.1 as a load client speaks: one request head, its length, whole answers.

/// Longest request taken, bytes, head and body.
pub(super) const MAX_REQUEST: usize = 32 << 20;

/// What is at the start of an input buffer.
pub(super) enum Parsed {
    /// Not all of the head yet.
    Partial,
    /// Not HTTP, or longer than [`MAX_REQUEST`]: the status to end with.
    Bad(u16),
    /// A whole head.
    Head(Head),
}

/// The head of one request.
pub(super) struct Head {
    pub(super) method: String,
    /// Without a query.
    pub(super) path: String,
    /// Bytes of the head.
    pub(super) length: usize,
    /// Bytes of the body after it.
    pub(super) body: usize,
    pub(super) keep_alive: bool,
    /// The client waits for `100 Continue`.
    pub(super) waits: bool,
    /// `X-Request-Id`.
    pub(super) id: Option<String>,
}

/// Reads the head at the start of `input`.
pub(super) fn parse(input: &[u8]) -> Parsed {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(input) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if input.len() < 64 << 10 => return Parsed::Partial,
        _ => return Parsed::Bad(400),
    };
    let mut head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: request.path.unwrap_or_default().split('?').next().unwrap_or_default().to_owned(),
        length,
        body: 0,
        keep_alive: request.version == Some(1),
        waits: false,
        id: None,
    };
    for field in request.headers.iter() {
        let value = field.value.trim_ascii();
        match field.name.to_ascii_lowercase().as_str() {
            "content-length" => match std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()) {
                Some(body) if body <= MAX_REQUEST => head.body = body,
                Some(_) => return Parsed::Bad(413),
                None => return Parsed::Bad(400),
            },
            "transfer-encoding" => return Parsed::Bad(411),
            "connection" if value.eq_ignore_ascii_case(b"close") => head.keep_alive = false,
            "connection" if value.eq_ignore_ascii_case(b"keep-alive") => head.keep_alive = true,
            "expect" => head.waits = true,
            "x-request-id" => head.id = std::str::from_utf8(value).ok().map(str::to_owned),
            _ => {}
        }
    }
    Parsed::Head(head)
}

/// A whole answer.
pub(super) fn answer(status: u16, kind: &str, allow: Option<&str>, body: &[u8]) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        _ => "Internal Server Error",
    };
    let allow = allow.map(|method| format!("allow: {method}\r\n")).unwrap_or_default();
    let kind = if body.is_empty() { String::new() } else { format!("content-type: {kind}\r\n") };
    let mut out =
        format!("HTTP/1.1 {status} {reason}\r\nserver: dcudeck-sim\r\n{allow}content-length: {}\r\n{kind}\r\n", body.len()).into_bytes();
    out.extend_from_slice(body);
    out
}

/// Head of a stream.
pub(super) const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\nserver: dcudeck-sim\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

/// End of a chunked body.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// `payload` as one chunk of a chunked body, appended to `out`.
pub(super) fn chunk(payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{:x}\r\n", payload.len()).as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}
