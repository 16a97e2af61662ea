//! `tokens.bin`: every token arrival of chosen requests. `arrivals.part`: the same of every request, while the run goes.
//!
//! # Format
//! Numbers are little-endian; `varint` is LEB128 (seven bits a byte, lowest first, the top bit set on all but the last).
//!
//! | part | bytes |
//! |---|---|
//! | magic | `DCUTOKEN` |
//! | header | `u32` length, then as many bytes of JSON: [`Head`] (`schema`, `epoch`, `save`, `every`) |
//! | frames | one a request, in the order they ended |
//! | end of frames | a byte 0 |
//! | index | one entry a frame, ascending: `u64` key, `u64` offset of the frame from the file's start |
//! | footer | `u64` offset of the index, `u64` entries, magic `DCUINDEX` |
//!
//! A frame is a `varint` length (never 0), as many bytes of body, and the body's FNV-1a hash (`u32`). A body is `varint`s:
//! key, `sent_us` (µs since the run's start), chunks `n`, then `n` gaps (µs: the first since `sent_us`, each other since the chunk
//! before, 0 when it came in the same read), then runs `(chunks, tokens)` that cover the `n` chunks. A key is
//! `warmup << 63 | number << 16 | route`, the number being [`Record::i`]. Requests without a chunk have no frame.
//!
//! `arrivals.part` has the same header and frames, and neither end nor index: a process that is killed leaves half a frame at most,
//! which its length or its hash gives away. It is removed once `tokens.bin` is there.

mod find;
mod frame;
mod keep;

pub(super) use frame::{Encoder, Frames};

use self::frame::key;
pub use find::find;
pub(super) use keep::Keeper;

use super::{record::Record, spec::SaveTokens};
use crate::{
    base::{Problem, clock::Epoch},
    said,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// Name of the file that keeps arrivals.
pub const TOKENS: &str = "tokens.bin";
/// Name of the file that holds all arrivals while the run goes.
pub const ARRIVALS: &str = "arrivals.part";
/// Most bytes of `tokens.bin` that the 1-in-N sample fills up; the slowest and the failed are kept whatever they need.
pub const SAMPLE_BYTES: u64 = 64 << 20;

const MAGIC: &[u8; 8] = b"DCUTOKEN";
const INDEX_MAGIC: &[u8; 8] = b"DCUINDEX";
const FOOTER: u64 = 24;
/// Bytes of an index entry.
const ENTRY: u64 = 16;
/// Longest header or frame that is believed.
const LONGEST: u64 = 64 << 20;

/// What a file of arrivals says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// `dcudeck.bench.tokens/1`.
    pub schema: String,
    /// Zero of every time in the file.
    pub epoch: Epoch,
    /// What was to be kept.
    pub save: SaveTokens,
    /// Of the requests that are neither slow nor failed, those whose number divides by this are kept; 1: all.
    pub every: u64,
}

impl Head {
    pub(super) fn new(epoch: &Epoch, save: SaveTokens, every: u64) -> Self {
        Self { schema: "dcudeck.bench.tokens/1".to_owned(), epoch: epoch.clone(), save, every }
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>, io::Error> {
        let json = serde_json::to_vec(self)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(u32::try_from(json.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(json);
        Ok(bytes)
    }
}

/// Tokens that arrived together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenArrival {
    /// When, µs since the run's start.
    pub at_us: u64,
    /// µs since the arrival before, since sending for the first.
    pub gap_us: u64,
    /// Tokens, at least one.
    pub tokens: u64,
}

/// The kept arrivals of a result, read one request at a time.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    file: File,
    head: Head,
    index_at: u64,
    entries: u64,
}

/// Opens `tokens.bin` of the result in `dir`.
///
/// # Errors
/// When there is none (kept none, or the run was killed and not finished yet), or it is damaged.
pub fn open(dir: &Path) -> Result<Tokens, Problem> {
    let path = dir.join(TOKENS);
    let file = File::open(&path).map_err(|e| unreadable(&path, &e))?;
    let bytes = file.metadata().map_err(|e| unreadable(&path, &e))?.len();
    let footer_at = bytes.checked_sub(FOOTER).ok_or_else(|| damaged(&path))?;
    let [index_at, entries, magic] = numbers(&file, footer_at).map_err(|e| unreadable(&path, &e))?;
    let index = entries.checked_mul(ENTRY).and_then(|index| index_at.checked_add(index));
    if magic.to_le_bytes() != *INDEX_MAGIC || index != Some(footer_at) {
        return Err(damaged(&path));
    }
    let head = Frames::open(&path)?.head().cloned().ok_or_else(|| damaged(&path))?;
    Ok(Tokens { path, file, head, index_at, entries })
}

impl Tokens {
    /// What the file says of itself.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Requests whose arrivals are kept.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.entries
    }

    /// Nothing is kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The arrivals of a request, by its part and its number; of the first route that had it. `None`: not kept.
    #[must_use]
    pub fn arrivals(&self, part_warmup: bool, i: u64) -> Option<Vec<TokenArrival>> {
        let (from, until) = (key(part_warmup, i, 0), key(part_warmup, i, u16::MAX));
        let offset = self.seek(from).filter(|&(found, _)| found <= until)?.1;
        self.at(offset)
    }

    /// The same of one route.
    #[must_use]
    pub fn arrivals_of(&self, part_warmup: bool, i: u64, route: u16) -> Option<Vec<TokenArrival>> {
        let wanted = key(part_warmup, i, route);
        let offset = self.seek(wanted).filter(|&(found, _)| found == wanted)?.1;
        self.at(offset)
    }

    /// The first index entry at or after a key.
    fn seek(&self, wanted: u64) -> Option<(u64, u64)> {
        let entry = |k: u64| numbers::<2>(&self.file, self.index_at + k * ENTRY).ok().map(|[key, offset]| (key, offset));
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            if entry(middle)?.0 < wanted { low = middle + 1 } else { high = middle }
        }
        if low < self.entries { entry(low) } else { None }
    }

    fn at(&self, offset: u64) -> Option<Vec<TokenArrival>> {
        let mut frames = Frames::at(&self.path, offset).ok()?;
        let mut record = Record::default();
        frames.next_into(&mut record).ok()??;
        Some(arrivals(&record))
    }
}

/// The arrivals that `record` holds.
fn arrivals(record: &Record) -> Vec<TokenArrival> {
    let mut at_us = record.sent_us.unwrap_or(record.started_us);
    let arrivals = record.arrivals().map(|arrival| {
        at_us += arrival.gap_us;
        TokenArrival { at_us, gap_us: arrival.gap_us, tokens: arrival.tokens }
    });
    arrivals.collect()
}

/// About how many bytes `tokens.bin` will have.
#[must_use]
pub fn estimate_bytes(requests: u64, output_len: u32, save: SaveTokens) -> u64 {
    // A gap is two bytes below 16.4 ms, three above, one when it shared its read: two and a quarter is within a third of each mix met.
    // Length, key, stamp, run, hash and index entry on top.
    let all = requests.saturating_mul(u64::from(output_len) * 9 / 4 + 36);
    match save {
        SaveTokens::All => all,
        SaveTokens::Sample => all.min(SAMPLE_BYTES),
        SaveTokens::None => 0,
    }
}

/// Numbers that follow one another in a file.
fn numbers<const N: usize>(file: &File, at: u64) -> Result<[u64; N], io::Error> {
    let mut found = [0; N];
    for (number, k) in found.iter_mut().zip(0_u64..) {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at + k * 8)?;
        *number = u64::from_le_bytes(bytes);
    }
    Ok(found)
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::bad_input("bench.tokens_unreadable", said!("the token arrivals cannot be read: {error}", "无法读取 token 到达时刻：{error}"))
        .file(path)
}

fn damaged(path: &Path) -> Problem {
    Problem::bad_input(
        "bench.tokens_damaged",
        said!("this is no file of token arrivals, or it is cut short", "该文件不是 token 到达记录，或已被截断"),
    )
    .file(path)
}
