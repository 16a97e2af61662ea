//! Server-sent events (WHATWG HTML, section 9.2) from bytes, as they arrive.
//!
//! The parser borrows: an event that lies whole in one read is told as a slice of that read. Bytes of an unfinished line
//! are kept and never looked at again, so time is linear in the bytes whatever the reads are. `id` and `retry` are
//! skipped: they serve reconnecting, and a generation is never asked for twice.

use memchr::memchr2;
use std::{borrow::Cow, fmt, mem};

/// Longest line and longest event by default: far above any chunk (a 128 k token completion in one piece is about
/// 600 KB), far below what a broken server could make a console hold.
pub const DEFAULT_LIMIT_BYTES: usize = 16 << 20;

/// Buffers that a long event grew beyond this are given back: a load test holds a parser for each of its streams.
const KEEP_BYTES: usize = 64 << 10;

const BOM: &[u8; 3] = b"\xef\xbb\xbf";

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `event` field; empty where the server gave none, as OpenAI-compatible servers do.
    pub name: &'a str,
    /// The `data` lines joined by `\n`; ill-formed UTF-8 is replaced by U+FFFD.
    pub data: &'a str,
}

/// A line or an event longer than the limit: the stream cannot be followed any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// The limit, bytes.
    pub limit_bytes: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server sent an event longer than {} bytes", self.limit_bytes)
    }
}

impl std::error::Error for TooLong {}

/// Parser of one stream: bytes in by [`push`](Self::push), events out to its callback.
#[derive(Debug, Clone)]
pub struct Parser {
    limit_bytes: usize,
    /// Bytes of the byte order mark seen at the start; 3 once that is decided.
    bom: usize,
    /// The last byte was CR: an LF that follows belongs to it.
    after_cr: bool,
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// Data of the event that has not ended yet, where it could not be borrowed.
    data: Vec<u8>,
    has_data: bool,
    name: Vec<u8>,
    replaced: u64,
    over: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser for a new stream, with [`DEFAULT_LIMIT_BYTES`].
    #[must_use]
    pub const fn new() -> Self {
        Self::with_limit(DEFAULT_LIMIT_BYTES)
    }

    /// A parser that gives up on lines, and on the data of one event, longer than `limit_bytes`.
    #[must_use]
    pub const fn with_limit(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            bom: 0,
            after_cr: false,
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            name: Vec::new(),
            replaced: 0,
            over: false,
        }
    }

    /// Reads `bytes`, the next of the stream, and tells `each` every event they complete, in order.
    ///
    /// # Errors
    /// [`TooLong`]; events before the long one have been told, and the stream is over: every later call fails alike.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Event<'_>)) -> Result<(), TooLong> {
        let result = if self.over { self.too_long() } else { self.read(bytes, &mut each) };
        self.over = result.is_err();
        result
    }

    /// Whether the end of input, now, cuts an event or a line short; such a rest is never told as an event.
    #[must_use]
    pub fn finish(&self) -> bool {
        self.over || self.has_data || !self.line.is_empty() || matches!(self.bom, 1 | 2)
    }

    /// Whether the next byte begins an event: nothing of an earlier one, nor of its line end, is held.
    #[must_use]
    pub const fn between_events(&self) -> bool {
        self.bom == BOM.len() && !self.after_cr && !self.has_data && !self.over && self.line.is_empty() && self.name.is_empty()
    }

    /// How many ill-formed UTF-8 sequences have been replaced by U+FFFD so far.
    #[must_use]
    pub const fn replaced(&self) -> u64 {
        self.replaced
    }

    fn too_long(&self) -> Result<(), TooLong> {
        Err(TooLong { limit_bytes: self.limit_bytes })
    }

    fn bound(&self, len: usize) -> Result<(), TooLong> {
        if len > self.limit_bytes { self.too_long() } else { Ok(()) }
    }

    fn read(&mut self, bytes: &[u8], each: &mut impl FnMut(Event<'_>)) -> Result<(), TooLong> {
        let mut rest = self.past_bom(bytes);
        // The event's only data line so far, while it can be borrowed from this read.
        let mut held: Option<&[u8]> = None;
        loop {
            if self.after_cr && !rest.is_empty() {
                self.after_cr = false;
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            let Some((line, tail)) = memchr2(b'\n', b'\r', rest).and_then(|end| rest.split_at_checked(end)) else { break };
            self.bound(self.line.len() + line.len())?;
            if let Some((end, tail)) = tail.split_first() {
                self.after_cr = *end == b'\r';
                rest = tail;
            }
            if self.line.is_empty() {
                match Field::of(line) {
                    Field::Blank => self.dispatch(held.take(), each),
                    Field::Data(value) if held.is_none() && !self.has_data => held = Some(value),
                    Field::Data(value) => {
                        self.keep(held.take())?;
                        self.keep(Some(value))?;
                    }
                    Field::Name(value) => self.rename(value),
                    Field::Skipped => {}
                }
            } else {
                // Only the first line of a read can have begun in an earlier one, so nothing is held here.
                self.line.extend_from_slice(line);
                let line = mem::take(&mut self.line);
                match Field::of(&line) {
                    Field::Data(value) => self.keep(Some(value))?,
                    Field::Name(value) => self.rename(value),
                    Field::Blank | Field::Skipped => {}
                }
                self.line = emptied(line);
            }
        }
        self.keep(held)?;
        self.bound(self.line.len() + rest.len())?;
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// What follows the byte order mark, if the stream begins with one; it may come byte by byte.
    fn past_bom<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while let (Some(want), Some((got, tail))) = (BOM.get(self.bom), bytes.split_first()) {
            if got != want {
                self.line.extend_from_slice(BOM.get(..self.bom).unwrap_or_default());
                self.bom = BOM.len();
                break;
            }
            self.bom += 1;
            bytes = tail;
        }
        bytes
    }

    /// Adds a data line to the event that has not ended.
    fn keep(&mut self, value: Option<&[u8]>) -> Result<(), TooLong> {
        let Some(value) = value else { return Ok(()) };
        if mem::replace(&mut self.has_data, true) {
            self.bound(self.data.len() + 1 + value.len())?;
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        Ok(())
    }

    fn rename(&mut self, value: &[u8]) {
        self.name.clear();
        self.name.extend_from_slice(value);
    }

    /// A blank line: tells the event, unless it has no data line.
    fn dispatch(&mut self, held: Option<&[u8]>, each: &mut impl FnMut(Event<'_>)) {
        if let Some(data) = held {
            self.tell(data, each);
        } else if mem::take(&mut self.has_data) {
            let data = mem::take(&mut self.data);
            self.tell(&data, each);
            self.data = emptied(data);
        }
        self.name.clear();
    }

    fn tell(&mut self, data: &[u8], each: &mut impl FnMut(Event<'_>)) {
        let text = if let Ok(text) = str::from_utf8(data) {
            Cow::Borrowed(text)
        } else {
            let ill_formed = data.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
            self.replaced += u64::try_from(ill_formed).unwrap_or(u64::MAX);
            String::from_utf8_lossy(data)
        };
        each(Event { name: &String::from_utf8_lossy(&self.name), data: &text });
    }
}

/// `buffer` without its content, and without its memory where that is large.
fn emptied(mut buffer: Vec<u8>) -> Vec<u8> {
    if buffer.capacity() > KEEP_BYTES {
        return Vec::new();
    }
    buffer.clear();
    buffer
}

/// What one line says.
enum Field<'a> {
    Blank,
    Data(&'a [u8]),
    Name(&'a [u8]),
    /// A comment, a field for reconnecting, or one that nobody knows.
    Skipped,
}

impl<'a> Field<'a> {
    fn of(line: &'a [u8]) -> Self {
        if line.is_empty() {
            Self::Blank
        } else if let Some(value) = value_of(line, b"data") {
            Self::Data(value)
        } else if let Some(value) = value_of(line, b"event") {
            Self::Name(value)
        } else {
            Self::Skipped
        }
    }
}

/// The value of `line` if its field is `name`: after the colon and at most one blank; empty where there is no colon.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(name)? {
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        [] => Some(&[]),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
