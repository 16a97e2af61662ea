//! The rehearsal engine on candle and the simulated server: a real OpenAI-compatible endpoint in this binary.

#[cfg(feature = "embedded")]
pub mod adapter;
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
#[cfg(feature = "embedded")]
pub mod loader;
#[cfg(feature = "embedded")]
pub mod model;
#[cfg(feature = "embedded")]
mod product;
#[cfg(feature = "embedded")]
mod sample;
#[cfg(feature = "embedded")]
mod schedule;
