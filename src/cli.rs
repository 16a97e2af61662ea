//! The headless face: command line, JSON documents, exit codes.
