//! The control socket of a worker: `jobs/ID/control.sock` (0600), newline-delimited JSON, one frame a line.
//!
//! A worker publishes snapshots (newest wins) and facts (in order, none lost up to a bound, overflow counted) and takes
//! commands. Several faces watch; any may steer. Payloads are the engines' own types; this module never looks inside.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Version of the protocol. A face or worker that meets a newer one refuses with a sentence.
pub const PROTOCOL: u32 = 1;

/// Longest frame either side accepts, bytes with its line end.
pub const MAX_FRAME_BYTES: usize = 4 << 20;

/// One line from the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum Frame {
    /// First line of every connection.
    Hello {
        /// [`PROTOCOL`] of the worker.
        protocol: u32,
        /// Version of the worker's program.
        version: String,
        /// Worker kind, such as `bench` or `engine`.
        kind: String,
        /// Job id.
        id: String,
    },
    /// The newest state; older ones may never be sent.
    Snapshot {
        /// The engine's own type.
        body: Box<RawValue>,
    },
    /// Something that happened once. A new connection first gets all kept facts.
    Fact {
        /// Counts from 0 within the job.
        seq: u64,
        /// The engine's own type.
        body: Box<RawValue>,
    },
    /// Facts this connection was too slow for, or that fell out of the bound before it came.
    Dropped {
        /// How many.
        count: u64,
    },
    /// The worker is ending; nothing follows.
    Bye {},
}

/// One line from a face.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum Ask {
    /// First line of every connection.
    Hello {
        /// [`PROTOCOL`] of the face.
        protocol: u32,
    },
    /// A command, the engine's own type (for a load test `bench::live::Steer`).
    Command {
        /// The command.
        body: Box<RawValue>,
    },
}
