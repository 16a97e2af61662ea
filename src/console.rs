//! The full-screen face: one thread owns the state, engines' news arrive on one channel, a frame is drawn only when something changed.
//!
//! Deliberately absent: long work (workers do it), I/O in tabs (they return effects), clocks in drawing.

pub mod command;
pub mod copy;
pub mod decode;
pub mod input;
pub mod key;
pub mod look;
pub mod news;
pub mod pacer;
pub mod painter;
pub mod tab;
pub mod tabs;
pub mod terminal;
pub mod theme;
