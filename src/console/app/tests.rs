//! Scripted keys and pictures of the whole console.
