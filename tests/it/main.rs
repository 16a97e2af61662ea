//! Integration tests: one program, so that the library is linked once.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test ends by them")]

#[cfg(feature = "console")]
mod as_command;
mod bad_input;
mod bench;
mod bindings;
mod devices;
#[cfg(feature = "embedded")]
mod docs;
mod jobs;
mod profiles;
mod program;
mod series;
mod serving;
