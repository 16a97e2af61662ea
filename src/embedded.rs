//! The rehearsal engine on candle and the simulated server: a real OpenAI-compatible endpoint in this binary.

#[cfg(feature = "embedded")]
pub mod api;
pub mod listen;
pub mod sim;
pub mod wire;
