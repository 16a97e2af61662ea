//! `cargo +nightly fuzz run stream --fuzz-dir tests/fuzz tests/fuzz/corpus`: event streams and error bodies.

#![no_main]

use dcudeck::openai::{error, progress, sse};

#[path = "../invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|input: &[u8]| invariants::check(input));
