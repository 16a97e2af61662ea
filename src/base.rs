//! What every layer stands on: ids, time, languages, problems told to a person, secrets, clean text.
//!
//! Deliberately absent: files, sockets, the terminal, any domain of the product.

pub mod clean;
pub mod clock;
pub mod ids;
pub mod lang;
pub mod log;
pub mod problem;
pub mod secret;

pub use clean::clean;
pub use lang::{Lang, Said, Text};
pub use problem::{Exit, Problem};
pub use secret::Secret;
