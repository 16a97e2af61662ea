//! Wire types of OpenAI-compatible servers, one SSE parser for everybody, and the streaming client of chat and datasets.
//!
//! [`sse`] turns bytes into events, [`chunk`] an event into a typed piece of an answer, [`progress`] keeps count over a
//! stream; the load client uses these three on its own sockets. [`client`] is what chat and datasets talk through.

pub mod chunk;
pub mod client;
pub mod error;
pub mod progress;
pub mod sse;
pub mod types;

pub use client::{Client, ClientError};
pub use error::ApiError;

#[cfg(test)]
mod captures;
