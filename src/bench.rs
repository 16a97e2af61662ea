//! Load tests: arrivals, the load client, the recorder, statistics, results.

pub mod live;
pub mod spec;
