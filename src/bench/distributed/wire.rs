//! What coordinator and workers say to each other: JSON lines over TCP.

use super::clock::Offset;
use crate::{
    base::Problem,
    bench::live::{Fact, Phase, Snapshot, Steer},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{self, BufRead, Read as _, Write};

/// Longest line either side takes, bytes.
const MAX_LINE: u64 = 4 << 20;

/// From a worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Up {
    /// First line.
    Hello {
        token: String,
        index: u16,
        host: String,
    },
    /// Wants the coordinator's clock.
    Ping,
    /// Its clock, before the run.
    Clock(Offset),
    /// Everything is prepared for this part.
    Ready(Phase),
    Snapshot(Box<Snapshot>),
    Fact(Box<Fact>),
    /// The run is over and its files are written, or it could not be done.
    Ended {
        problem: Option<Problem>,
        clock: Option<Offset>,
    },
}

/// To a worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Down {
    /// `CLOCK_MONOTONIC` of the coordinator, µs.
    Pong(u64),
    /// This part begins at this moment of the run, µs.
    Begin {
        phase: Phase,
        at_us: u64,
    },
    Steer(Steer),
}

/// Writes one line with one write.
pub(super) fn write(to: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// Reads one line; `None` at the end.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    if from.take(MAX_LINE).read_until(b'\n', &mut line)? == 0 || line.last() != Some(&b'\n') {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}
