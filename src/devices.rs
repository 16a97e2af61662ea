//! Accelerators and the host they sit in: what they do now, read by samplers that may hang or die without taking a face along.
//!
//! ```text
//! worker process (one per group of vendor libraries)            face
//! Source ── Lanes (which call, when) ── Frame, a line of JSON ──▶ Watch ── Node ── history, alarms, exporter, tab
//! thread in the face: host, replay, another node's exporter ─────▶
//! ```
//! A [`Source`] makes single calls of one library, one folder of files or one command. [`lanes`] times each of them on each card
//! and gives it a fast or a rotating slow lane. The result is a stream of [`Frame`]s: the only thing that crosses a process, is
//! recorded, replayed, and taken into a [`Node`]. Every reading is optional and carries its source, its window and when it was
//! taken; what is missing says why and is never 0.
//!
//! | file | what it holds |
//! |---|---|
//! | `field.rs` | the table of fields: name, unit, plausible range, pace |
//! | `reading.rs` | one reading and why it may be missing |
//! | `card.rs`, `address.rs` | what a card is (identity, links), and its key |
//! | `host.rs`, `processes.rs` | the host's figures; who uses a card |
//! | `frame.rs`, `node.rs` | what samplers send, and the picture faces keep of it |
//! | `source.rs` | the trait of samplers of cards, the trait of everything that gives frames |
//! | `sources/rocm_smi.rs`, `hydmi.rs`, `sysfs.rs`, `nvml.rs`, `hy_smi.rs` | one [`Source`] each |
//! | `sources/host.rs`, `replay.rs`, `exporter_read.rs` | one [`Feed`] each |
//! | `lanes.rs` | sources as a feed: which call reads which field of which card, how often |
//! | `worker.rs` | the sampler's process and its keeper: limits, restart, back-off |
//! | `watch.rs` | what a face holds: all feeds of a node |
//! | `record.rs` | the file that frames are recorded in and replayed from |
//! | `history.rs`, `alarms.rs` | rings of figures; rules with hysteresis |
//! | `exporter.rs`, `doctor.rs` | Prometheus text; what is missing on this node and how to mend it |
//!
//! Deliberately absent: jobs, servers and runs on the cards (faces join them), the terminal.

pub mod address;
pub mod card;
pub mod field;
pub mod frame;
pub mod host;
pub mod lanes;
pub mod node;
pub mod processes;
pub mod reading;
pub mod record;
pub mod source;
pub mod sources;
pub mod watch;
pub mod worker;

pub use address::Address;
pub use card::{CardInfo, Link, LinkKind, Vendor};
pub use field::{Field, Pace, Unit};
pub use frame::{Frame, Group, Library, Readings};
pub use host::Host;
pub use node::{Card, Node, State};
pub use processes::{Names, ProcessUse, Who};
pub use reading::{Missing, Origin, Reading, Value};
pub use source::{Call, Feed, Next, Source, Steps, Taken, Trouble, Unwatched};
