//! Jobs: long work in processes of its own that outlives the console, under a shim that logs, reaps and reports.

pub mod control;
