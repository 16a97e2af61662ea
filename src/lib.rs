//! dcudeck: a terminal console for fine-tuning, serving and load-testing large language models on an accelerator node.
//!
//! The library holds the engines and the two faces; ARCHITECTURE.md has the map and says what each module may import.

pub mod base;
pub mod bench;
pub mod cli;
#[cfg(feature = "console")]
pub mod console;
pub mod devices;
pub mod embedded;
pub mod jobs;
pub mod openai;
pub mod serving;
#[cfg(feature = "embedded")]
pub mod text;
pub mod workspace;
