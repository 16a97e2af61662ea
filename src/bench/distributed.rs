//! One load from several processes, on one machine or many: a coordinator and headless workers that begin together.
//!
//! The coordinator is the load test's own worker process. It writes `workers/spec.json` (0600: the plan, and a token that lets only its own
//! workers in) into the result's folder, which all machines must see, starts the workers (`srun`, or by itself) and listens on TCP. Each
//! worker works in `workers/K/`: it connects, exchanges clock readings ([`clock`]), takes over the coordinator's time axis, prepares as any run
//! does, and says at the door of each part (warm-up, measuring) that it is ready. When all are, they are given one moment to begin at.
//! Users are shared out; arrivals and prompts are those of the whole load, each worker taking every N-th: what is sent in all does not
//! depend on how many send it. Snapshots come to the coordinator, wishes go to the workers over the same connection.
//!
//! A worker whose connection ends without its word is lost: its finished requests stay. A worker that loses the coordinator stops. In the end
//! (`merge`) the workers' files become one result; of a coordinator that was killed, [`finish`] makes it later.

pub mod clock;
mod coordinator;
mod launch;
mod merge;
mod part;
mod pool;
mod wire;

pub use coordinator::run;
pub use merge::finish;
pub use part::part;

use super::{
    live::Phase,
    spec::{Load, SaveTokens, Share, Spec},
};
use crate::base::{Problem, clock::Epoch};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Kind of the worker that sends a part.
pub const KIND: &str = "bench-part";
/// Folder of the workers in that of the result.
pub const WORKERS: &str = "workers";
/// File with what became of the workers' clocks, renewed as they come.
const CLOCKS: &str = "clocks.json";

/// What the workers are told.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Plan {
    /// The whole load, without `workers`.
    spec: Spec,
    /// How many share it.
    count: u16,
    /// Where the coordinator listens: names or addresses with the port, tried in turn.
    addresses: Vec<String>,
    /// What lets a worker in.
    token: String,
    /// The coordinator's clock.
    epoch: Epoch,
}

/// The other processes that send the same load.
pub trait Together: std::fmt::Debug + Send + Sync {
    /// The time axis of all, in this machine's clock.
    fn epoch(&self) -> Epoch;
    /// Says that this one is ready for a part, and waits for the moment all begin at, µs since the run's start; `None`: there is none, the run
    /// is to end.
    fn begin(&self, phase: Phase) -> Option<u64>;
}

/// The part of `spec` that worker `share.index` sends: its users, and its share of the requests.
fn of_worker(spec: &Spec, share: Share) -> Spec {
    let mut part = Spec { workers: None, share: Some(share), save_tokens: SaveTokens::All, ..spec.clone() };
    part.max_concurrency = spec.max_concurrency.map(|cap| share.of(cap));
    match &mut part.load {
        Load::Concurrency(users) => *users = share.of(*users),
        Load::Stages(stages) => {
            for stage in stages {
                stage.concurrency = stage.concurrency.map(|users| share.of(users));
            }
        }
        Load::Rate(_) | Load::Poisson(_) | Load::Gamma { .. } | Load::Trace { .. } => {}
    }
    part
}

/// A load that cannot be shared by so many is refused before anything is started.
fn check(spec: &Spec, count: u32) -> Result<(), Problem> {
    let bad = |message| Err(Problem::bad_input("bench.workers", message).field("--workers"));
    if !(1..=1024).contains(&count) {
        return bad(crate::said!("{count} is not between 1 and 1024", "{count} 不在 1 到 1024 之间"));
    }
    let stages = if let Load::Stages(stages) = &spec.load { stages.as_slice() } else { &[] };
    let users = if let Load::Concurrency(users) = spec.load { Some(users) } else { None };
    let least = users.into_iter().chain(stages.iter().filter_map(|stage| stage.concurrency)).chain(spec.max_concurrency).min();
    if let Some(least) = least.filter(|least| *least < count) {
        return bad(crate::said!("{least} users cannot be shared by {count} workers", "{least} 个用户无法分给 {count} 个进程"));
    }
    Ok(())
}

fn folder(workers: &Path, index: u16) -> PathBuf {
    workers.join(index.to_string())
}
