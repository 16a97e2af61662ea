//! What a load test is asked to do: the one description that flags, profiles and the Load tab build and the worker runs.

mod check;
mod load;
mod prompts;
mod series;
mod target;
mod workers;

pub use load::{Load, Stage};
pub use prompts::{Form, Prompts, Random};
pub use series::{Matrix, Over, Search};
pub use target::{Endpoint, Mix, Route, Target};
pub use workers::{Launcher, Share, Workers};

use serde::{Deserialize, Serialize};

/// One load test, or with [`Matrix`] or [`Search`] a series of them. YAML profiles have exactly these keys; an unknown key is refused
/// with its line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name, used in the result's id.
    #[serde(default = "defaults::name")]
    pub name: String,
    /// The server under test.
    #[serde(default)]
    pub target: Target,
    /// What takes the target's place, when there is more than one thing to load: adapters in a weighted mix, or two sides to compare.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// How requests are shared among the routes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mix: Mix,
    /// Arrivals.
    pub load: Load,
    /// At a rate: most requests under way; what is due beyond waits in the client, and its wait is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
    /// What is asked.
    #[serde(default)]
    pub prompts: Prompts,
    /// Prompts no server has seen before: a nonce of the run is mixed into each, so that no prefix cache is warm from an earlier run.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cold: bool,
    /// Tokens wanted back per request (`max_tokens`).
    #[serde(default = "defaults::output_len")]
    pub output_len: u32,
    /// Send `ignore_eos`, so that every answer has the full length. vLLM and this engine know it; not part of OpenAI's API.
    #[serde(default = "defaults::yes")]
    pub ignore_eos: bool,
    /// End after this many requests were sent and answered.
    #[serde(default)]
    pub requests: Option<u64>,
    /// End sending after this many seconds; what is under way is awaited.
    #[serde(default)]
    pub duration_s: Option<f64>,
    /// Requests sent first at the measured load, with other prompts, and left out of every figure.
    #[serde(default)]
    pub warmup: u64,
    /// Seed of prompts and arrivals.
    #[serde(default)]
    pub seed: u64,
    /// Time limits and the error share that ends a run.
    #[serde(default)]
    pub limits: Limits,
    /// Goals; a request that meets all of them counts as goodput.
    #[serde(default)]
    pub slo: Slo,
    /// Whose token arrivals are kept in `tokens.bin`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub save_tokens: SaveTokens,
    /// A series over lengths and loads (`bench matrix`); each of its figures takes the place of the one above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Matrix>,
    /// A search for the greatest load that meets the goals (`bench search`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// Sent from several processes that begin together (`bench run --workers`); all else says what they send in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<Workers>,
    /// Which part of the whole load this process sends; written by the coordinator of several workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
}

impl Default for Spec {
    /// One user, random prompts, no end: what flags and forms start from.
    fn default() -> Self {
        Self {
            name: defaults::name(),
            target: Target::default(),
            routes: Vec::new(),
            mix: Mix::default(),
            load: Load::Concurrency(1),
            max_concurrency: None,
            prompts: Prompts::default(),
            cold: false,
            output_len: defaults::output_len(),
            ignore_eos: true,
            requests: None,
            duration_s: None,
            warmup: 0,
            seed: 0,
            limits: Limits::default(),
            slo: Slo::default(),
            save_tokens: SaveTokens::default(),
            matrix: None,
            search: None,
            workers: None,
            share: None,
        }
    }
}

/// Whose token arrivals `tokens.bin` keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaveTokens {
    /// Of every request.
    All,
    /// Of the slowest 1 %, of all failures and of a sample.
    #[default]
    Sample,
    /// Of none.
    None,
}

/// Limits, seconds and percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// TCP connect.
    pub connect_s: f64,
    /// From the request's last byte sent to its first token.
    pub first_token_s: f64,
    /// Between two reads of a stream.
    pub stall_s: f64,
    /// Share of failed requests, percent of those ended, that stops the run (looked at from the 20th request on).
    pub max_error_rate_pct: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect_s: 10.0, first_token_s: 600.0, stall_s: 120.0, max_error_rate_pct: 5.0 }
    }
}

/// Goals per request, milliseconds, `<=`; absent goals are not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slo {
    /// Time to first token.
    pub ttft_ms: Option<f64>,
    /// Time per output token of the request.
    pub tpot_ms: Option<f64>,
    /// Longest token-true inter-token latency of the request.
    pub itl_ms: Option<f64>,
    /// End-to-end latency.
    pub e2el_ms: Option<f64>,
}

impl Spec {
    /// The distinct base URLs it loads, in order: the target's where a route uses them, then the routes' own.
    #[must_use]
    pub fn urls(&self) -> Vec<&str> {
        let target = std::iter::once(&self.target.url).chain(&self.target.more_urls);
        let of_target = target.filter(|_| self.routes.is_empty() || self.routes.iter().any(|route| route.url.is_none()));
        let mut urls: Vec<&str> = Vec::new();
        for url in of_target.chain(self.routes.iter().filter_map(|route| route.url.as_ref())) {
            if !urls.contains(&url.as_str()) {
                urls.push(url);
            }
        }
        urls
    }
}

mod defaults {
    pub(super) fn name() -> String {
        "load".to_owned()
    }
    pub(super) fn output_len() -> u32 {
        128
    }
    pub(super) fn yes() -> bool {
        true
    }
    pub(super) fn one() -> f64 {
        1.0
    }
    pub(super) fn one_group() -> u32 {
        1
    }
    pub(super) fn per_user() -> u32 {
        4
    }
    pub(super) fn drain_s() -> f64 {
        60.0
    }
    pub(super) fn search_to() -> f64 {
        1_024.0
    }
    pub(super) fn within_pct() -> f64 {
        5.0
    }
    pub(super) fn step_s() -> f64 {
        30.0
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_one(count: &u32) -> bool {
    *count == 1
}
