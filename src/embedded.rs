//! The rehearsal engine on candle and the simulated server: a real OpenAI-compatible endpoint in this binary.

#[cfg(feature = "embedded")]
pub mod adapter;
#[cfg(feature = "embedded")]
pub mod api;
#[cfg(feature = "embedded")]
mod attention;
#[cfg(feature = "embedded")]
pub mod bundled;
#[cfg(feature = "embedded")]
mod cache;
#[cfg(feature = "embedded")]
pub mod config;
#[cfg(feature = "embedded")]
mod elementwise;
#[cfg(feature = "embedded")]
pub mod engine;
#[cfg(feature = "embedded")]
mod isa;
pub mod listen;
#[cfg(feature = "embedded")]
pub mod loader;
#[cfg(feature = "embedded")]
pub mod metrics;
#[cfg(feature = "embedded")]
pub mod model;
#[cfg(feature = "embedded")]
mod product;
#[cfg(test)]
mod raw;
#[cfg(feature = "embedded")]
mod sample;
#[cfg(feature = "embedded")]
mod schedule;
#[cfg(feature = "embedded")]
pub mod server;
pub mod sim;
pub mod wire;
#[cfg(feature = "embedded")]
pub mod worker;
