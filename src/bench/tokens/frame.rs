//! Frames: written by the recorder as requests end, read back one after another.

use super::{Head, LONGEST, MAGIC, damaged, unreadable};
use crate::{base::Problem, bench::record::Record};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// Bytes of a frame's hash.
const HASH: usize = 4;

/// What a request's frame is found by; ascending by part, number and route.
pub(in crate::bench) const fn key(warmup: bool, i: u64, route: u16) -> u64 {
    ((warmup as u64) << 63) | ((i << 16) & !(1 << 63)) | route as u64
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// FNV-1a, 32 bits (Fowler, Noll, Vo): tells a torn frame, not a forged one.
fn hash(bytes: &[u8]) -> [u8; HASH] {
    bytes.iter().fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)).to_le_bytes()
}

/// Writes frames; one is kept for all requests, so that none allocates.
#[derive(Debug, Default)]
pub(in crate::bench) struct Encoder {
    body: Vec<u8>,
}

impl Encoder {
    /// Appends the frame of `record` to `out`; nothing when it has no chunk.
    pub(in crate::bench) fn frame(&mut self, record: &Record, out: &mut Vec<u8>) {
        if record.gaps_us.is_empty() {
            return;
        }
        let body = &mut self.body;
        body.clear();
        varint(body, key(record.warmup, record.i, record.route));
        varint(body, record.sent_us.unwrap_or(record.started_us));
        varint(body, record.gaps_us.len() as u64);
        for &gap in &record.gaps_us {
            varint(body, u64::from(gap));
        }
        let mut run = (0_u64, 0);
        for (_, tokens) in record.chunks() {
            if run.0 > 0 && run.1 != tokens {
                varint(body, run.0);
                varint(body, run.1);
                run.0 = 0;
            }
            run = (run.0 + 1, tokens);
        }
        varint(body, run.0);
        varint(body, run.1);
        varint(out, body.len() as u64);
        out.extend_from_slice(body);
        out.extend_from_slice(&hash(body));
    }
}

/// Frames one after another, from a whole file or from the middle of one.
pub(in crate::bench) struct Frames {
    path: PathBuf,
    input: BufReader<File>,
    head: Option<Head>,
    body: Vec<u8>,
    over: bool,
}

impl Frames {
    /// The frames of a file. One that was cut within its header has none.
    ///
    /// # Errors
    /// When it cannot be read or is no such file.
    pub(in crate::bench) fn open(path: &Path) -> Result<Self, Problem> {
        let mut frames = Self::at(path, 0)?;
        let mut magic = Vec::new();
        let read = (&mut frames.input).take(12).read_to_end(&mut magic).map_err(|e| unreadable(path, &e))?;
        let (name, length) = magic.split_at_checked(MAGIC.len()).unwrap_or((&magic, &[]));
        if !MAGIC.starts_with(name) {
            return Err(damaged(path));
        }
        let length = length.try_into().map(u32::from_le_bytes).map_or(0, u64::from);
        let mut json = Vec::new();
        (&mut frames.input).take(length.min(LONGEST)).read_to_end(&mut json).map_err(|e| unreadable(path, &e))?;
        if read < 12 || (json.len() as u64) < length {
            frames.over = true;
            return Ok(frames);
        }
        frames.head = Some(serde_json::from_slice(&json).map_err(|_| damaged(path))?);
        Ok(frames)
    }

    /// The frames from `offset` on.
    pub(super) fn at(path: &Path, offset: u64) -> Result<Self, Problem> {
        let open = || -> io::Result<_> {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        };
        let input = BufReader::with_capacity(if offset == 0 { 1 << 18 } else { 1 << 12 }, open().map_err(|e| unreadable(path, &e))?);
        Ok(Self { path: path.to_path_buf(), input, head: None, body: Vec::new(), over: false })
    }

    /// What the file says of itself; `None` from the middle and when it was cut within its header.
    pub(in crate::bench) const fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// The next frame's body, checked; `None` at the end, and at the first frame that is not whole.
    pub(super) fn body(&mut self) -> Result<Option<&[u8]>, Problem> {
        if self.over {
            return Ok(None);
        }
        self.over = true;
        let (mut length, mut shift) = (0_u64, 0);
        loop {
            let Some(&byte) = self.input.fill_buf().map_err(|e| unreadable(&self.path, &e))?.first() else { return Ok(None) };
            self.input.consume(1);
            length |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
            if shift > 28 {
                return Ok(None);
            }
        }
        if length == 0 || length > LONGEST {
            return Ok(None);
        }
        self.body.clear();
        let whole = length + HASH as u64;
        (&mut self.input).take(whole).read_to_end(&mut self.body).map_err(|e| unreadable(&self.path, &e))?;
        let Some((body, sum)) = self.body.split_last_chunk::<HASH>().filter(|_| self.body.len() as u64 == whole) else { return Ok(None) };
        if hash(body) != *sum {
            return Ok(None);
        }
        self.over = false;
        Ok(Some(body))
    }

    /// The last frame as it lies in the file, for copying.
    pub(super) fn raw(&self, out: &mut Vec<u8>) {
        varint(out, (self.body.len() - HASH) as u64);
        out.extend_from_slice(&self.body);
    }

    /// Reads the next frame into `record`: its key's parts, `sent_us`, gaps and tokens. Nothing else of it is touched, and its lists are
    /// used again.
    ///
    /// # Errors
    /// When the file cannot be read, or a whole frame makes no sense.
    pub(in crate::bench) fn next_into(&mut self, record: &mut Record) -> Result<Option<u64>, Problem> {
        let decoded = match self.body()? {
            Some(body) => decode(body, record),
            None => return Ok(None),
        };
        decoded.map(Some).ok_or_else(|| damaged(&self.path))
    }
}

fn decode(body: &[u8], record: &mut Record) -> Option<u64> {
    let mut rest = body;
    let mut next = || {
        let (mut value, mut shift) = (0_u64, 0_u32);
        loop {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte < 0x80 {
                return Some(value);
            }
        }
    };
    let key = next()?;
    record.warmup = key >> 63 == 1;
    record.i = (key & !(1 << 63)) >> 16;
    record.route = u16::try_from(key & 0xffff).ok()?;
    record.sent_us = Some(next()?);
    let chunks = usize::try_from(next()?).ok().filter(|&n| n <= body.len())?;
    record.gaps_us.clear();
    record.gaps_us.reserve(chunks);
    for _ in 0..chunks {
        record.gaps_us.push(u32::try_from(next()?).ok()?);
    }
    record.tokens.clear();
    let mut left = chunks;
    while left > 0 {
        let (run, tokens) = (usize::try_from(next()?).ok()?, u32::try_from(next()?).ok()?);
        left = left.checked_sub(run).filter(|_| run > 0)?;
        // A list of ones is left out, as in the record.
        if tokens != 1 || run < chunks {
            record.tokens.extend(std::iter::repeat_n(tokens, run));
        }
    }
    Some(key)
}
