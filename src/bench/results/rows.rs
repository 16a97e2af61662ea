//! Finished requests as lists and figures need them: small, without arrivals.

use super::{End, Header, lines};
use crate::{
    base::Problem,
    bench::{
        record::{Class, Record},
        spec::Slo,
        summary::meets,
    },
};
use std::path::Path;

/// A moment that may be missing, in eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(u64);

impl Stamp {
    fn new(us: Option<u64>) -> Self {
        Self(us.unwrap_or(u64::MAX))
    }

    const fn get(self) -> Option<u64> {
        if self.0 == u64::MAX { None } else { Some(self.0) }
    }
}

/// One finished request of `requests.jsonl`. Times in µs since the run's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRow {
    /// Its number within its part.
    pub i: u64,
    /// When it should have been sent.
    pub planned_us: u64,
    /// When the client took it up.
    pub started_us: u64,
    /// When its answer was over, or given up.
    pub end_us: u64,
    sent: Stamp,
    first: Stamp,
    answer: Stamp,
    last: Stamp,
    longest_gap: u32,
    /// Prompt tokens as the server counts them; `None` when it counts none.
    pub prompt_tokens: Option<u32>,
    /// Output tokens.
    pub output_tokens: u32,
    /// Its samples of inter-token latency.
    pub itl_count: u32,
    /// Which of the spec's routes it took, from 0.
    pub route: u16,
    /// Which turn of its conversation, from 0.
    pub turn: u16,
    /// Sent to warm the server up.
    pub warmup: bool,
    /// It met every goal; goals that were not asked for are met.
    pub good: bool,
    /// Why it failed; `None` is success.
    pub class: Option<Class>,
}

impl RequestRow {
    /// The row of a record, which [`weigh`](Record::weigh) has been through.
    #[must_use]
    pub fn new(record: &Record, slo: &Slo) -> Self {
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            i: record.i,
            planned_us: record.planned_us,
            started_us: record.started_us,
            end_us: record.end_us,
            sent: Stamp::new(record.sent_us),
            first: Stamp::new(record.first_us),
            answer: Stamp::new(record.answer_us),
            last: Stamp::new(record.last_us),
            longest_gap: record.longest_gap_us.map_or(u32::MAX, small),
            prompt_tokens: record.prompt_tokens.map(small),
            output_tokens: small(record.output_tokens),
            itl_count: small(record.itl_count),
            route: record.route,
            turn: record.turn,
            warmup: record.warmup,
            good: record.ok() && meets(slo, record),
            class: record.error.as_ref().map(|failure| failure.class),
        }
    }

    /// It ended well.
    #[must_use]
    pub const fn ok(&self) -> bool {
        self.class.is_none()
    }

    /// It was given up when the run was stopped.
    #[must_use]
    pub const fn stopped(&self) -> bool {
        matches!(self.class, Some(Class::Stopped))
    }

    /// It failed: neither success nor given up.
    #[must_use]
    pub const fn failed(&self) -> bool {
        !self.ok() && !self.stopped()
    }

    /// The moment before the write that took its last byte.
    #[must_use]
    pub const fn sent_us(&self) -> Option<u64> {
        self.sent.get()
    }

    /// Its first token.
    #[must_use]
    pub const fn first_us(&self) -> Option<u64> {
        self.first.get()
    }

    /// First token of the answer, after any reasoning.
    #[must_use]
    pub const fn answer_us(&self) -> Option<u64> {
        self.answer.get()
    }

    /// Its last token.
    #[must_use]
    pub const fn last_us(&self) -> Option<u64> {
        self.last.get()
    }

    /// Time to first token, µs, from sending.
    #[must_use]
    pub fn ttft_us(&self) -> Option<u64> {
        Some(self.first_us()?.saturating_sub(self.sent_us()?))
    }

    /// End-to-end latency, µs, from sending to the last token.
    #[must_use]
    pub fn e2el_us(&self) -> Option<u64> {
        Some(self.last_us()?.saturating_sub(self.sent_us()?))
    }

    /// Time per output token after the first, µs; `None` of a single token.
    #[must_use]
    pub fn tpot_us(&self) -> Option<f64> {
        let after_first = self.output_tokens.checked_sub(1).filter(|&n| n > 0)?;
        Some(self.last_us()?.saturating_sub(self.first_us()?) as f64 / f64::from(after_first))
    }

    /// Longest gap between arrivals of tokens, µs; `None` with fewer than two.
    #[must_use]
    pub const fn longest_gap_us(&self) -> Option<u64> {
        if self.longest_gap == u32::MAX { None } else { Some(self.longest_gap as u64) }
    }

    /// From the planned moment to sending, µs; where requests wait for room (`capped`), from being taken up: the wait is no lag.
    #[must_use]
    pub fn send_lag_us(&self, capped: bool) -> Option<u64> {
        Some(self.sent_us()?.saturating_sub(if capped { self.started_us } else { self.planned_us }))
    }
}

/// Every finished request of the result in `dir`, in the order they ended; also of a run that goes on or was killed.
///
/// # Errors
/// As [`super::read`].
pub fn requests(dir: &Path) -> Result<Vec<RequestRow>, Problem> {
    let mut rows = Vec::new();
    lines::records(dir, |header, record| rows.push(RequestRow::new(&record, &header.spec.slo)))?;
    Ok(rows)
}

/// Every finished request of the result in `dir` with its failure's words and without arrivals, given to `each` one by one.
///
/// # Errors
/// As [`super::read`].
pub fn records(dir: &Path, each: impl FnMut(&Header, Record)) -> Result<(Header, Option<End>), Problem> {
    lines::records(dir, each)
}

/// One finished request of the result in `dir`, with its failure's words and without arrivals.
///
/// # Errors
/// As [`super::read`].
pub fn request(dir: &Path, part_warmup: bool, i: u64) -> Result<Option<Record>, Problem> {
    let mut found = None;
    lines::records(dir, |_, record| {
        if record.i == i && record.warmup == part_warmup && found.is_none() {
            found = Some(record);
        }
    })?;
    Ok(found)
}
