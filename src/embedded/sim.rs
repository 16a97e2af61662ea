//! The simulated server: vLLM's API without a model, to measure the measurer.
//!
//! One thread, one epoll loop, tokens on a seeded schedule, and a ground truth per request: when its first byte reached the
//! kernel, when each write left. A load client is right when its figures agree with that file. No model, no tokenizer.
//!
//! Schedule: the first token is due `ttft_ms` after the request was read, each later event `itl_ms` for every token in it
//! after the one before; every gap is moved by a uniform draw of ±`jitter_ms`, from a generator seeded by the seed and the
//! number of the request since the start. Dues do not move when the server is late; the truth says how late it was.

mod answer;
mod http;
mod reactor;
mod stamp;
#[cfg(test)]
mod tests;
mod truth;

use super::listen::{self, Listening};
use crate::{
    base::{Problem, clock::Epoch},
    said,
};
use rustix::event::{EventfdFlags, eventfd};
use serde::{Deserialize, Serialize};
use std::{fs::File, net::TcpListener, os::fd::OwnedFd, path::PathBuf, sync::Arc};

pub use truth::{Arrival, End, Record, Stamp, Summary};

/// What to simulate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Address to listen on.
    pub host: String,
    /// Port; 0 takes a free one.
    pub port: u16,
    /// Model name; others get 404.
    pub model: String,
    /// Context length, tokens.
    pub max_model_len: usize,
    /// From the request read to its first token, ms.
    pub ttft_ms: f64,
    /// Between tokens, ms.
    pub itl_ms: f64,
    /// Half width of the uniform jitter on each gap, ms.
    pub jitter_ms: f64,
    /// Seed of the jitter.
    pub seed: u64,
    /// Tokens per event, as speculative decoding makes them.
    pub tokens_per_chunk: u32,
    /// Events per write after the first event, each write at the due of its last event.
    pub coalesce: u32,
    /// The whole answer in one write once the first token is due.
    pub flood: bool,
    /// Where the ground truth goes, JSON lines.
    pub truth: Option<PathBuf>,
    /// Which requests go wrong.
    pub fail: Option<Fail>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            model: "sim".to_owned(),
            max_model_len: 131_072,
            ttft_ms: 50.0,
            itl_ms: 10.0,
            jitter_ms: 0.0,
            seed: 0,
            tokens_per_chunk: 1,
            coalesce: 1,
            flood: false,
            truth: None,
            fail: None,
        }
    }
}

/// Every `every`-th request goes wrong in this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fail {
    /// 1: all of them.
    pub every: u64,
    /// How.
    pub kind: Fault,
}

/// A way to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// HTTP 500 with an error body.
    Status500,
    /// After half of the events `data: {"error": …}` inside HTTP 200.
    ErrorInStream,
    /// The connection is closed after half of the events.
    Truncate,
    /// HTTP 200 and a stream without a token.
    Empty,
    /// Nothing more after half of the events; the connection stays open.
    Stall,
    /// HTTP 429 with an error body.
    Status429,
    /// The connection is reset when the request has come, without a byte of an answer.
    Refuse,
    /// The connection is reset after half of the events.
    Reset,
    /// Half of the answer's head and nothing more; the connection stays open.
    SlowHeaders,
    /// After half of the events one that is no JSON; the stream ends properly.
    Garbage,
    /// All events, but no `[DONE]`: the finish reason alone ends the answer.
    NoDone,
    /// A proper end after half of the tokens, with finish reason `stop`.
    Short,
}

impl std::str::FromStr for Fault {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "status500" => Ok(Self::Status500),
            "error_in_stream" => Ok(Self::ErrorInStream),
            "truncate" => Ok(Self::Truncate),
            "empty" => Ok(Self::Empty),
            "stall" => Ok(Self::Stall),
            "status429" => Ok(Self::Status429),
            "refuse" => Ok(Self::Refuse),
            "reset" => Ok(Self::Reset),
            "slow_headers" => Ok(Self::SlowHeaders),
            "garbage" => Ok(Self::Garbage),
            "no_done" => Ok(Self::NoDone),
            "short" => Ok(Self::Short),
            _ => Err(
                "one of status429, status500, error_in_stream, truncate, empty, stall, refuse, reset, slow_headers, garbage, no_done, short",
            ),
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), Problem> {
        let bad = |field: &str, want: &str, want_zh: &str| {
            Err(Problem::bad_input("sim.option", said!("must be {want}", "必须是{want_zh}")).field(field.to_owned()))
        };
        for (field, value) in [("--ttft-ms", self.ttft_ms), ("--itl-ms", self.itl_ms), ("--jitter-ms", self.jitter_ms)] {
            if !(0.0..=3_600_000.0).contains(&value) {
                return bad(field, "between 0 and 3600000", "0 到 3600000 之间的数");
            }
        }
        for (field, value) in [("--tokens-per-chunk", self.tokens_per_chunk), ("--coalesce", self.coalesce)] {
            if value == 0 {
                return bad(field, "at least 1", "不小于 1 的数");
            }
        }
        if self.fail.is_some_and(|fail| fail.every == 0) {
            return bad("--fail-every", "at least 1", "不小于 1 的数");
        }
        Ok(())
    }
}

/// Ends a running [`Sim`] from elsewhere.
#[derive(Debug, Clone)]
pub struct Stop(Arc<OwnedFd>);

impl Stop {
    /// Ends it; streams under way are cut and recorded as `stopped`.
    pub fn stop(&self) {
        // Only a full counter could refuse, and then it is already stopping.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

/// A simulated server that listens but does not answer yet.
#[derive(Debug)]
pub struct Sim {
    options: Options,
    /// The run's zero.
    epoch: Epoch,
    listener: TcpListener,
    truth: Option<File>,
    stop: Stop,
}

impl Sim {
    /// Checks the options, opens the port and the truth file.
    ///
    /// # Errors
    /// An option out of range, a port in use, a truth file that cannot be made.
    pub fn bind(options: Options) -> Result<Self, Problem> {
        options.check()?;
        let truth = options.truth.as_ref().map(|path| {
            File::create(path).map_err(|error| {
                Problem::bad_input("sim.truth", said!("cannot be written: {error}", "无法写入：{error}")).file(path).field("--truth")
            })
        });
        let truth = truth.transpose()?;
        // Before the port is open: a request may come before this thread serves.
        let epoch = Epoch::now();
        let listener = listen::open(&options.host, options.port, 4096)?;
        // Refused only by kernels without it; then the records say `user`.
        stamp::ask(&listener);
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| Problem::failed("sim.epoll", said!("no event descriptor: {error}", "无法创建事件描述符：{error}")))?;
        Ok(Self { options, epoch, listener, truth, stop: Stop(Arc::new(wake)) })
    }

    /// What to tell whoever started it.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn listening(&self) -> Result<Listening, Problem> {
        let address = self.listener.local_addr();
        let address = address
            .map_err(|error| Problem::failed("sim.address", said!("the socket has no address: {error}", "套接字没有地址：{error}")))?;
        Ok(Listening::new(address, &self.options.model))
    }

    /// Ends it.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        self.stop.clone()
    }

    /// Serves on this thread until stopped.
    ///
    /// # Errors
    /// Epoll fails, or the truth file cannot be written.
    pub fn run(self) -> Result<Summary, Problem> {
        let Self { options, epoch, listener, truth, stop } = self;
        reactor::run(&options, &epoch, &listener, truth, &stop.0)
            .map_err(|error| Problem::failed("sim.io", said!("the simulated server ended: {error}", "模拟服务器已终止：{error}")))
    }
}

/// Runs a simulated server until SIGINT or SIGTERM: the whole of `dcudeck engine sim`. `listening` is called once it listens.
///
/// # Errors
/// As [`Sim::bind`] and [`Sim::run`].
pub fn simulate(options: Options, listening: impl FnOnce(&Listening)) -> Result<Summary, Problem> {
    let sim = Sim::bind(options)?;
    super::listen::on_signal({
        let stop = sim.stop_handle();
        move || stop.stop()
    })?;
    listening(&sim.listening()?);
    sim.run()
}
