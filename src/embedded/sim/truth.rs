//! The ground truth file, JSON lines: first the run's zero and the options, then a record per request as it ends, last the
//! server's own lateness. Times are µs since that zero, `CLOCK_MONOTONIC`.

use super::{Fault, Options};
use crate::base::clock::Epoch;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
};

/// When the first byte of a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// µs since zero.
    pub at_us: u64,
    /// Whose stamp that is.
    pub by: Stamp,
    /// When this process had read it, µs since zero.
    pub read_us: u64,
}

/// Whose stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stamp {
    /// The kernel's, as the segment came in.
    Kernel,
    /// This process's, after it had woken up: late by the wake-up.
    User,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// All of it was written.
    Done,
    /// The client closed the connection first.
    ClientGone,
    /// It failed as `--fail-every` asked.
    Fault,
    /// The server was stopped first.
    Stopped,
}

/// What truly happened to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id in the answers; empty for a request that was refused.
    pub id: String,
    /// Number of the request since the start, from 1: the seed of its jitter.
    pub number: u64,
    /// Number of the connection since the start, from 1.
    pub connection: u64,
    /// First byte.
    pub arrival: Arrival,
    /// Head parsed, µs since zero.
    pub headers_us: u64,
    /// Body read, the schedule's zero, µs since zero.
    pub body_us: u64,
    /// Tokens of the prompt, roughly.
    pub prompt_tokens: usize,
    /// Tokens asked for.
    pub max_tokens: usize,
    /// Whether it streamed.
    pub stream: bool,
    /// Every write: µs since zero just before the call, tokens in it.
    pub writes: Vec<(u64, usize)>,
    /// How it ended.
    pub end: End,
    /// Which fault, when it was made to fail.
    pub fault: Option<Fault>,
    /// When it ended, µs since zero.
    pub end_us: u64,
}

/// The last line: what the server itself did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Requests that got an answer with tokens or a fault.
    pub requests: u64,
    /// Tokens written.
    pub tokens: u64,
    /// Writes made.
    pub writes: u64,
    /// How late writes were against their due, µs: 50th percentile.
    pub late_p50_us: u64,
    /// 99th percentile.
    pub late_p99_us: u64,
    /// Most.
    pub late_max_us: u64,
    /// Requests whose arrival has the kernel's stamp.
    pub kernel_stamped: u64,
    /// CPU time of the serving thread, µs.
    pub cpu_us: u64,
}

/// The open file and the run's zero.
pub(super) struct Truth {
    zero_ns: u64,
    out: Option<BufWriter<File>>,
    late: Histogram<u64>,
    pub(super) summary: Summary,
}

impl Truth {
    pub(super) fn new(options: &Options, epoch: &Epoch, file: Option<File>) -> io::Result<Self> {
        #[derive(Serialize)]
        struct First<'a> {
            schema: &'static str,
            #[serde(flatten)]
            epoch: &'a Epoch,
            options: &'a Options,
        }
        let late = Histogram::new_with_bounds(1, 3_600_000_000, 3).map_err(io::Error::other)?;
        let mut truth = Self {
            zero_ns: epoch.mono_start_us * 1000,
            out: file.map(|file| BufWriter::with_capacity(1 << 18, file)),
            late,
            summary: Summary::default(),
        };
        truth.line(&First { schema: "dcudeck.sim.truth/1", epoch, options })?;
        truth.flush()?;
        Ok(truth)
    }

    /// µs since zero of a monotonic stamp.
    pub(super) fn us(&self, ns: u64) -> u64 {
        ns.saturating_sub(self.zero_ns) / 1000
    }

    /// A write of `tokens` left `late_ns` after its due.
    pub(super) fn wrote(&mut self, tokens: usize, late_ns: u64) {
        self.summary.writes += 1;
        self.summary.tokens += tokens as u64;
        self.late.saturating_record((late_ns / 1000).max(1));
    }

    /// A request ended.
    pub(super) fn ended(&mut self, record: &Record) -> io::Result<()> {
        self.summary.requests += 1;
        self.summary.kernel_stamped += u64::from(record.arrival.by == Stamp::Kernel);
        self.line(record)
    }

    fn line(&mut self, body: &impl Serialize) -> io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        serde_json::to_writer(&mut *out, body)?;
        out.write_all(b"\n")
    }

    /// So that a reader sees what there is.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), BufWriter::flush)
    }

    /// The last line.
    pub(super) fn finish(mut self, cpu_us: u64) -> io::Result<Summary> {
        #[derive(Serialize)]
        struct Last<'a> {
            summary: &'a Summary,
        }
        let mut summary = std::mem::take(&mut self.summary);
        if !self.late.is_empty() {
            summary.late_p50_us = self.late.value_at_quantile(0.5);
            summary.late_p99_us = self.late.value_at_quantile(0.99);
            summary.late_max_us = self.late.max();
        }
        summary.cpu_us = cpu_us;
        self.line(&Last { summary: &summary })?;
        self.flush()?;
        Ok(summary)
    }
}
