//! Wire types of OpenAI-compatible servers, one SSE parser for everybody, and the streaming client of chat and datasets.
//!
//! [`sse`] turns bytes into events, [`chunk`] an event into a typed piece of an answer, [`progress`] keeps count over a
//! stream; the load client uses these three on its own sockets. [`client`] is what chat and datasets talk through.

pub mod chunk;
pub mod client;
pub mod engine;
pub mod error;
pub mod progress;
pub mod sse;
pub mod types;

pub use client::{Client, ClientError};
pub use error::ApiError;

#[cfg(test)]
mod captures;
#[cfg(test)]
#[path = "../tests/fuzz/invariants.rs"]
mod invariants;

#[cfg(test)]
mod tests {
    use super::invariants;
    use std::{fs, path::Path};

    #[test]
    fn every_input_the_fuzzer_keeps_still_holds_the_promises() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
        let mut inputs = 0;
        for file in fs::read_dir(corpus).expect("the corpus").flatten() {
            invariants::check(&fs::read(file.path()).expect("an input"));
            inputs += 1;
        }
        assert!(inputs >= 25, "{inputs} inputs");
    }
}
