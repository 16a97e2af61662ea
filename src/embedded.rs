//! The rehearsal engine on candle and the simulated server: a real OpenAI-compatible endpoint in this binary.

#[cfg(feature = "embedded")]
pub mod api;
pub mod listen;
#[cfg(feature = "embedded")]
pub mod metrics;
#[cfg(test)]
mod raw;
#[cfg(feature = "embedded")]
pub mod server;
pub mod sim;
pub mod wire;
