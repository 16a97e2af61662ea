//! HTTP/1.1 answers as bytes come in: head, then body by length, by chunks, or up to the connection's end.

use memchr::memmem;

/// Longest head accepted, bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Most headers accepted.
const MAX_HEADERS: usize = 96;

/// The head of an answer, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Status code.
    pub(super) status: u16,
    /// `text/event-stream`.
    pub(super) events: bool,
    /// The connection may carry another request.
    pub(super) keep_alive: bool,
    /// How the body ends.
    pub(super) framing: Framing,
}

/// How a body ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Framing {
    /// Chunked transfer coding.
    Chunked(Chunked),
    /// This many more bytes.
    Length(u64),
    /// With the connection.
    Close,
}

/// Reads a head from the beginning of `bytes`: the head and its length, or `None` when it is not all there.
pub(super) fn head(bytes: &[u8]) -> Result<Option<(Head, usize)>, String> {
    if memmem::find(bytes, b"\r\n\r\n").is_none() && memmem::find(bytes, b"\n\n").is_none() {
        return if bytes.len() > MAX_HEAD_BYTES { Err("the answer's head is longer than 64 KiB".to_owned()) } else { Ok(None) };
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let len = match answer.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(format!("the answer is not HTTP/1.1 ({error})")),
    };
    let status = answer.code.unwrap_or(0);
    let mut head = Head { status, events: false, keep_alive: answer.version == Some(1), framing: Framing::Close };
    let mut length = None;
    for header in answer.headers.iter() {
        let value = header.value.trim_ascii();
        if header.name.eq_ignore_ascii_case("content-type") {
            head.events = starts_with(value, b"text/event-stream");
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") && ends_with(value, b"chunked") {
            head.framing = Framing::Chunked(Chunked::default());
        } else if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(value).unwrap_or_default();
            length = Some(text.parse().map_err(|_| "the answer's content-length is no number".to_owned())?);
        } else if header.name.eq_ignore_ascii_case("connection") {
            for option in value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
                if option.eq_ignore_ascii_case(b"close") {
                    head.keep_alive = false;
                } else if option.eq_ignore_ascii_case(b"keep-alive") {
                    head.keep_alive = true;
                }
            }
        }
    }
    if head.framing == Framing::Close {
        if matches!(status, 100..=199 | 204 | 304) {
            length = Some(0);
        }
        match length {
            Some(length) => head.framing = Framing::Length(length),
            None => head.keep_alive = false,
        }
    }
    Ok(Some((head, len)))
}

fn starts_with(value: &[u8], with: &[u8]) -> bool {
    value.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

fn ends_with(value: &[u8], with: &[u8]) -> bool {
    value.len().checked_sub(with.len()).and_then(|at| value.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(with))
}

/// Decoder of the chunked transfer coding (RFC 9112, 7.1), at any split of its input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chunked {
    state: State,
    /// Bytes of the current chunk still to come, or its size while its line is read.
    left: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// In a size line; whether a digit was seen.
    #[default]
    Size,
    SizeDigits,
    /// After `;`: extensions up to the line's end.
    Extension,
    Data,
    /// The line end after a chunk's data.
    DataEnd,
    /// After the last chunk: at the beginning of a trailer line, or inside one.
    TrailerStart,
    Trailer,
    Over,
}

impl Chunked {
    /// Decodes some of `bytes`: a run of content (perhaps empty) and how many bytes were taken. Call until all are taken or
    /// [`Chunked::over`].
    pub(super) fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<(&'a [u8], usize), String> {
        let mut taken = 0;
        while let Some(&byte) = bytes.get(taken) {
            match (self.state, byte) {
                (State::Data, _) => {
                    let rest = bytes.get(taken..).unwrap_or_default();
                    let run = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                    self.left -= run as u64;
                    if self.left == 0 {
                        self.state = State::DataEnd;
                    }
                    return Ok((rest.get(..run).unwrap_or_default(), taken + run));
                }
                (State::Size | State::SizeDigits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                    let digit = char::from(byte).to_digit(16).unwrap_or(0);
                    self.left = self.left.checked_mul(16).ok_or("a chunk's size has no end")? + u64::from(digit);
                    self.state = State::SizeDigits;
                }
                (State::SizeDigits, b';' | b' ' | b'\t') => self.state = State::Extension,
                (State::SizeDigits | State::Extension, b'\n') => {
                    self.state = if self.left == 0 { State::TrailerStart } else { State::Data };
                }
                (State::SizeDigits | State::DataEnd | State::TrailerStart, b'\r') | (State::Extension | State::Trailer, _)
                    if !(self.state == State::Trailer && byte == b'\n') => {}
                (State::DataEnd, b'\n') => self.state = State::Size,
                (State::TrailerStart, b'\n') => {
                    self.state = State::Over;
                    return Ok((&[], taken + 1));
                }
                (State::Trailer, b'\n') => self.state = State::TrailerStart,
                (State::TrailerStart, _) => self.state = State::Trailer,
                (State::Over, _) => return Ok((&[], taken)),
                _ => return Err(format!("byte 0x{byte:02x} where the chunked coding has none")),
            }
            taken += 1;
        }
        Ok((&[], taken))
    }

    /// The last chunk and its trailers have been read.
    pub(super) fn over(&self) -> bool {
        self.state == State::Over
    }
}

/// A whole answer from its bytes so far: status, whether it is an event stream, body. `None` while more is to come; `closed` says
/// that nothing will.
pub(in crate::bench) fn whole_answer(bytes: &[u8], closed: bool) -> Result<Option<(u16, bool, Vec<u8>)>, String> {
    let Some((head, len)) = head(bytes)? else { return Ok(None) };
    let mut rest = bytes.get(len..).unwrap_or_default();
    let mut body = Vec::new();
    let over = match head.framing {
        Framing::Close => {
            body.extend_from_slice(rest);
            closed
        }
        Framing::Length(length) => {
            body.extend_from_slice(rest);
            body.len() as u64 >= length
        }
        Framing::Chunked(mut chunked) => {
            while !rest.is_empty() && !chunked.over() {
                let (run, taken) = chunked.next(rest)?;
                body.extend_from_slice(run);
                rest = rest.get(taken..).unwrap_or_default();
            }
            chunked.over()
        }
    };
    Ok(over.then_some((head.status, head.events, body)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool), String> {
        let (mut chunked, mut out) = (Chunked::default(), Vec::new());
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() && !chunked.over() {
                let (run, taken) = chunked.next(rest)?;
                out.extend_from_slice(run);
                rest = &rest[taken..];
            }
        }
        Ok((out, chunked.over()))
    }

    #[test]
    fn a_head_tells_how_its_body_ends() {
        let (h, len) =
            head(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n")
                .expect("parses")
                .expect("complete");
        assert_eq!((h.status, h.events, h.keep_alive), (200, true, true));
        assert_eq!((h.framing, len), (Framing::Chunked(Chunked::default()), 95));
        let framing = |text: &str| head(text.as_bytes()).expect("parses").expect("complete").0;
        assert_eq!(framing("HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\n").framing, Framing::Length(7));
        assert!(!framing("HTTP/1.1 200 OK\r\n\r\n").keep_alive);
        assert!(!framing("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n").keep_alive);
        assert!(!framing("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").keep_alive);
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nContent-Le"), Ok(None));
        assert!(head(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").is_err());
        assert!(head(&vec![b'x'; MAX_HEAD_BYTES + 1]).is_err());
    }

    #[test]
    fn sizes_extensions_and_trailers_are_no_content() {
        assert_eq!(decode(&[b"5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n"]), Ok((b"hello0123456789".to_vec(), true)));
        assert_eq!(decode(&[b"5\r\nhel"]), Ok((b"hel".to_vec(), false)));
        assert!(decode(&[b"zz\r\n"]).is_err());
        assert!(decode(&[b"2\r\nabc"]).is_err());
        assert!(decode(&[b"fffffffffffffffffff\r\n"]).is_err());
    }

    proptest! {
        #[test]
        fn any_split_decodes_to_the_same(content in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8), cuts in proptest::collection::vec(0_usize..400, 0..6)) {
            let mut wire = Vec::new();
            for chunk in &content {
                wire.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(wire.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([wire.len()]) {
                pieces.push(&wire[from..cut]);
                from = cut;
            }
            prop_assert_eq!(decode(&pieces), Ok((content.concat(), true)));
        }
    }
}
