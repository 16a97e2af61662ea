//! What a watcher may ask.

use serde::{Deserialize, Serialize};

/// What a watcher may ask of a running load test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Steer {
    /// End now: requests under way are given up, the result is written. Ends a series too.
    Stop,
    /// Send nothing more; await what is under way, then end. Ends a series too.
    Drain,
    /// So many users from now on (closed loop).
    Users {
        /// How many.
        users: u32,
    },
    /// So many requests per second from now on (open loop): the rest of the schedule is stretched.
    Rate {
        /// Mean requests per second.
        rate: f64,
    },
    /// Send nothing until [`Steer::Resume`]: the schedule stands still.
    Pause,
    /// Go on.
    Resume,
    /// Put a note on the time axis.
    Note {
        /// One line.
        text: String,
    },
    /// Of a series: end the running cell (`None`) or leave out a waiting one.
    SkipCell {
        /// Its key.
        key: Option<String>,
    },
    /// Of a series: measure this cell again, after the one that runs.
    RerunCell {
        /// Its key.
        key: String,
    },
}
