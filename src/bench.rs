//! Load tests: what is asked ([`spec`]), when ([`schedule`]) and with what (`prompts`); the client that sends and stamps; the
//! recorder that writes each finished request at once; the summary that can be made again from what was written ([`results`]).
//!
//! A load test runs in a process of its own ([`worker`]); faces start it ([`start`]) and watch it ([`live`]).

mod client;
pub mod compare;
pub mod distributed;
pub mod export;
pub mod history;
pub mod import;
pub mod live;
mod prompts;
pub mod record;
mod recorder;
pub mod report;
pub mod results;
mod run;
pub mod schedule;
mod scrape;
pub mod series;
pub mod spec;
pub mod stats;
pub mod summary;
mod target;
pub mod tokens;
mod vllm085;
pub mod worker;
pub mod workload;

pub use recorder::Sink;
pub use run::{Steering, run};
pub use summary::exit_code;
pub use target::Url;
pub use worker::{result_of, start};
