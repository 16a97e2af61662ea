//! What every layer stands on: ids, time, receive stamps, languages, problems told to a person, secrets, clean text.
//!
//! Deliberately absent: files, connections, the terminal, any domain of the product.

pub mod clean;
pub mod clock;
pub mod ids;
pub mod lang;
pub mod log;
pub mod problem;
pub mod secret;
pub mod stamp;

pub use clean::clean;
pub use lang::{Lang, Said, Text};
pub use problem::{Exit, Problem};
pub use secret::Secret;
