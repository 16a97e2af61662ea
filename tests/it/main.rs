//! Integration tests: one program, so that the library is linked once.

#[cfg(feature = "console")]
mod as_command;
mod bad_input;
#[cfg(feature = "embedded")]
mod docs;
mod jobs;
mod profiles;
mod program;
mod serving;
