//! The control socket of a worker: `jobs/ID/control.sock` (0600), newline-delimited JSON, one frame a line.
//!
//! A worker publishes snapshots (newest wins) and facts (in order, none lost up to a bound, overflow counted) and takes
//! commands. Several faces watch; any may steer. Payloads are the engines' own types; this module never looks inside.

mod link;
mod publisher;
#[cfg(test)]
mod tests;
mod wire;

pub use link::{AttachError, Link, News, attach, attach_when_ready};
pub use publisher::Publisher;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Name of the socket in the job's folder.
pub const SOCKET: &str = "control.sock";

/// Facts a worker keeps for faces that come later; older ones are counted as [`Frame::Dropped`].
pub const KEPT_FACTS: usize = 4_096;

/// Bytes of facts a worker keeps, whichever bound comes first.
pub const KEPT_FACT_BYTES: usize = 32 << 20;

/// Version of the protocol. A face or worker that meets a newer one refuses with a sentence.
pub const PROTOCOL: u32 = 1;

/// Longest frame either side accepts, bytes with its line end.
pub const MAX_FRAME_BYTES: usize = 4 << 20;

/// One line from the worker. Read through `wire::AnyFrame`: serde's own reading of a tagged enum cannot hold raw JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case", try_from = "wire::AnyFrame")]
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
    /// The worker did not understand this connection and closes it; the work goes on.
    Refused {
        /// Why, one English sentence.
        message: String,
    },
    /// The worker is ending; nothing follows.
    Bye {},
}

/// One line from a face. Read as [`Frame`] is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case", try_from = "wire::AnyFrame")]
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
