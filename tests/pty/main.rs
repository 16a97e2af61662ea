//! The real binary under a pseudo-terminal: one program.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test ends by them")]

mod console;
mod harness;
mod named_server;
mod panics;
