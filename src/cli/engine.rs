//! `dcudeck engine`: the embedded engine and the simulated server in the foreground.

#[cfg(feature = "embedded")]
pub(super) mod serve;

use super::{
    args::{Engine, EngineSim},
    out::{Ended, Out},
};
use crate::{
    base::Exit,
    embedded::{listen::Listening, sim},
};

pub(super) fn run(command: Engine, out: Out) -> Result<Exit, Ended> {
    match command {
        #[cfg(feature = "embedded")]
        Engine::Serve(command) => serve::run(command, out),
        Engine::Sim(command) => simulate(command, out),
    }
}

/// One line once it listens: for scripts with `--json`, for a reader otherwise. A closed stdout does not stop a server.
fn told(listening: &Listening, out: Out) {
    if out.json {
        let _ = out.document(&serde_json::to_value(listening).unwrap_or_default());
    } else {
        let _ = out.line(&format!("{} listens on {} (pid {})", listening.model, listening.url, listening.pid));
    }
}

fn simulate(command: EngineSim, out: Out) -> Result<Exit, Ended> {
    let a = command.sim;
    let options = sim::Options {
        host: a.host.to_string(),
        port: a.port,
        model: a.model,
        ttft_ms: a.ttft_ms,
        itl_ms: a.itl_ms,
        jitter_ms: a.jitter_ms,
        seed: a.seed,
        tokens_per_chunk: a.tokens_per_chunk,
        coalesce: a.coalesce,
        flood: a.flood,
        truth: a.truth,
        fail: a.fail_every.zip(a.fail).map(|(every, kind)| sim::Fail { every, kind }),
        ..sim::Options::default()
    };
    sim::simulate(options, |listening| told(listening, out))?;
    Ok(Exit::Done)
}
