//! From what was written to what was found: two passes, one over the requests with their arrivals, one over the arrivals alone.

use super::{End, Header, SUMMARY, VLLM085, lines};
use crate::{
    base::Problem,
    bench::{
        record::Record,
        spec::SaveTokens,
        summary::{Figures, Second, Summary},
        tokens::{ARRIVALS, Frames, Head, Keeper, SAMPLE_BYTES, TOKENS},
        vllm085,
    },
    said,
    workspace::write_whole,
};
use serde::Serialize;
use std::{fs, path::Path};

/// Arrivals for the records of `requests.jsonl`, which come in the same order; some records may have none.
pub(in crate::bench) struct Joined {
    frames: Frames,
    /// The frame that belongs to a record yet to come.
    next: Record,
    there: bool,
}

impl Joined {
    /// The arrivals kept in `dir`, if any are.
    pub(in crate::bench) fn of(dir: &Path) -> Result<Option<Self>, Problem> {
        let source = [ARRIVALS, TOKENS].map(|name| dir.join(name)).into_iter().find(|path| path.exists());
        source.map(|path| Self::open(&path)).transpose()
    }

    fn open(path: &Path) -> Result<Self, Problem> {
        let mut joined = Self { frames: Frames::open(path)?, next: Record::default(), there: false };
        joined.advance()?;
        Ok(joined)
    }

    fn advance(&mut self) -> Result<(), Problem> {
        self.there = self.frames.next_into(&mut self.next)?.is_some();
        Ok(())
    }

    /// Lends `record` its arrivals, if its frame is the next.
    pub(in crate::bench) fn lend(&mut self, record: &mut Record) -> bool {
        let same = self.there && (self.next.i, self.next.warmup, self.next.route) == (record.i, record.warmup, record.route);
        if same {
            std::mem::swap(&mut self.next.gaps_us, &mut record.gaps_us);
            std::mem::swap(&mut self.next.tokens, &mut record.tokens);
        }
        same
    }

    /// Takes the lists back, to be used again.
    pub(in crate::bench) fn take_back(&mut self, record: &mut Record) -> Result<(), Problem> {
        std::mem::swap(&mut self.next.gaps_us, &mut record.gaps_us);
        std::mem::swap(&mut self.next.tokens, &mut record.tokens);
        self.advance()
    }
}

/// Gives `each` every record with its arrivals as far as they are there.
pub(super) fn scan(dir: &Path, mut each: impl FnMut(&Header, &mut Record)) -> Result<(Header, Option<End>), Problem> {
    let mut joined = Joined::of(dir)?;
    let mut failed = None;
    let read = lines::records(dir, |header, mut record| {
        let Some(joined) = joined.as_mut().filter(|_| record.gaps_us.is_empty() && failed.is_none()) else {
            each(header, &mut record);
            return;
        };
        let lent = joined.lend(&mut record);
        each(header, &mut record);
        if lent && let Err(problem) = joined.take_back(&mut record) {
            failed = Some(problem);
        }
    })?;
    failed.map_or(Ok(read), Err)
}

/// Makes the summary of what is in `dir` and writes it, `vllm085.json` and `tokens.bin`. Where only a sample of the arrivals is left, a
/// summary made earlier from all of them stands.
pub(in crate::bench) fn make(dir: &Path) -> Result<Summary, Problem> {
    make_within(dir, SAMPLE_BYTES)
}

/// The same, with a sample of at most so many bytes.
pub(super) fn make_within(dir: &Path, sample_bytes: u64) -> Result<Summary, Problem> {
    let mut figures = Figures::default();
    let mut theirs = vllm085::Figures::default();
    let (header, end) = scan(dir, |header, record| {
        figures.take(header, record);
        theirs.take(&header.spec, record);
    })?;
    let working = dir.join(ARRIVALS);
    let fresh = working.exists();
    if figures.arrivals_missing()
        && !fresh
        && let Some(summary) = made(dir)
    {
        return Ok(summary);
    }
    let mut second = figures.second(&header);
    if fresh {
        keep(dir, &working, &header, (&figures, sample_bytes), &mut second)?;
    } else {
        scan(dir, |_, record| second.record(record))?;
    }
    let summary = figures.summary(&header, end.as_ref(), dir, &second, &lines::server(dir).unwrap_or_default());
    write(&dir.join(VLLM085), &theirs.document(&header))?;
    write(&dir.join(SUMMARY), &summary)?;
    if fresh {
        // Everything it held is told now; left behind, it would only be read once more.
        let _ = fs::remove_file(&working);
    }
    Ok(summary)
}

/// The summary that was made of `dir`, if there is one this version understands.
pub(super) fn made(dir: &Path) -> Option<Summary> {
    serde_json::from_slice(&fs::read(dir.join(SUMMARY)).ok()?).ok()
}

/// The second pass: tells `second` every arrival, and writes those to be kept into `tokens.bin`.
fn keep(
    dir: &Path,
    working: &Path,
    header: &Header,
    (figures, sample_bytes): (&Figures, u64),
    second: &mut Second<'_>,
) -> Result<(), Problem> {
    let save = header.spec.save_tokens;
    let slow = figures.slow();
    let every = if save == SaveTokens::Sample { every(working, figures, slow, sample_bytes) } else { 1 };
    let mut keeper = match save {
        SaveTokens::None => None,
        _ => Some(Keeper::begin(dir, &Head::new(&header.epoch, save, every))?),
    };
    let mut frames = Frames::open(working)?;
    let mut record = Record::default();
    while let Some(key) = frames.next_into(&mut record)? {
        let row = second.frame(&record);
        // A request whose line was lost with the process is in no figure, and not kept.
        let wanted = if record.warmup { record.i.is_multiple_of(every) } else { row.is_some_and(|row| row.failed() || slow.holds(row)) };
        let sampled = (record.warmup || row.is_some()) && record.i.is_multiple_of(every);
        if let Some(keeper) = keeper.as_mut().filter(|_| wanted || sampled) {
            keeper.keep(key, &frames)?;
        }
    }
    keeper.map_or(Ok(()), Keeper::end)
}

/// One in how many of the requests that are neither slow nor failed is kept, so that the file stays about as small as it should.
fn every(working: &Path, figures: &Figures, slow: Slow, sample_bytes: u64) -> u64 {
    let bytes = fs::metadata(working).map_or(0, |m| m.len());
    if bytes <= sample_bytes {
        return 1;
    }
    let (all, must) =
        figures.rows().iter().fold((1_u64, 0_u64), |(all, must), row| (all + 1, must + u64::from(row.failed() || slow.holds(row))));
    let must_bytes = u64::try_from(u128::from(bytes) * u128::from(must) / u128::from(all)).unwrap_or(bytes);
    (bytes - must_bytes.min(bytes)).div_ceil(sample_bytes.saturating_sub(must_bytes).max(1)).max(1)
}

/// From where on a request is one of the slowest 1 %, µs.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench) struct Slow {
    pub(in crate::bench) ttft_us: u64,
    pub(in crate::bench) e2el_us: u64,
}

impl Slow {
    fn holds(self, row: &super::RequestRow) -> bool {
        row.ok() && (row.ttft_us().is_some_and(|us| us >= self.ttft_us) || row.e2el_us().is_some_and(|us| us >= self.e2el_us))
    }
}

fn write(path: &Path, document: &impl Serialize) -> Result<(), Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        Problem::failed("bench.result_unwritable", said!("the result cannot be written: {error}", "无法写入结果：{error}")).file(path)
    };
    let mut text = serde_json::to_vec_pretty(document).map_err(|e| failed(&e))?;
    text.push(b'\n');
    write_whole(path, &text).map_err(|e| failed(&e))
}
