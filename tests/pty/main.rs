//! The real binary under a pseudo-terminal: one program.

mod console;
mod harness;
mod named_server;
mod panics;
