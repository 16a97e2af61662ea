//! What a load test is asked to do: the one description that flags, profiles and the Load tab build and the worker runs.

mod check;

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

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

/// The server under test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Base URL without `/v1`, such as `http://127.0.0.1:8000`. Empty in a profile means: the server chosen on the console or by `--url`.
    #[serde(default)]
    pub url: String,
    /// Model name in requests; `None` takes the first of `/v1/models`.
    #[serde(default)]
    pub model: Option<String>,
    /// Which API is used.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// File that holds the API key; else `DCUDECK_API_KEY`, else `OPENAI_API_KEY`. The key itself is never part of a spec.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// More base URLs of the same server (replicas): requests go to `url` and these in turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_urls: Vec<String>,
    /// Headers of every request. `Authorization` is refused here: keys have their own place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Fields of every request's JSON body, put in last.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra_body: serde_json::Map<String, serde_json::Value>,
    /// PEM file of the certificate authority an https server is signed by, besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Use HTTP/2: through the general client (reqwest), whose stamps are wider than those of the own one. https alone also does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub http2: bool,
}

/// One of several things that are loaded in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Name in reports; unique in a spec.
    pub name: String,
    /// Base URL; `None`: the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Model or adapter name in requests; `None`: the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Share of the requests, relative to the others'; only in a weighted mix.
    #[serde(default = "defaults::one")]
    pub weight: f64,
}

/// How requests are shared among routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mix {
    /// Each request draws its route by weight, from the seed.
    #[default]
    Weighted,
    /// Interleaved comparison: every prompt goes to every route, one after another from one schedule, the order turning.
    Paired,
}

/// API under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// `POST /v1/completions`: random prompts are sent as token ids, so that their length is exact.
    #[default]
    Completions,
    /// `POST /v1/chat/completions`.
    Chat,
}

/// Arrivals. All open loops keep an absolute schedule drawn from the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Load {
    /// Closed loop: this many users, each sending its next request when the last one ended.
    Concurrency(u32),
    /// Open loop: this many requests per second at constant spacing.
    Rate(f64),
    /// Open loop: a Poisson process of this many requests per second.
    Poisson(f64),
    /// Open loop: gaps drawn from a gamma distribution.
    Gamma {
        /// Requests per second.
        rate: f64,
        /// Shape, as vLLM's `--burstiness`: 1 is Poisson, below burstier, above more even.
        burstiness: f64,
    },
    /// One stage after another: steps and ramps of users or of a rate.
    Stages(Vec<Stage>),
    /// The arrivals of a recorded trace, and its lengths where it has them.
    Trace {
        /// JSON lines: `timestamp` (ms, Mooncake style, with `input_length` and `output_length`), or `BurstGPT` CSV (`Timestamp`, s).
        path: PathBuf,
        /// Played this many times as fast.
        #[serde(default = "defaults::one")]
        speed: f64,
    },
}

/// A stage of [`Load::Stages`]: users or a rate, all stages of a load the same of the two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Users of a closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Requests per second (Poisson).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Seconds it lasts.
    pub duration_s: f64,
    /// Goes evenly from the stage before to this one, rather than by a step.
    #[serde(default)]
    pub ramp: bool,
}

impl Load {
    /// A closed loop: requests wait for users.
    #[must_use]
    pub fn closed(&self) -> bool {
        match self {
            Self::Concurrency(_) => true,
            Self::Stages(stages) => stages.iter().any(|stage| stage.concurrency.is_some()),
            Self::Rate(_) | Self::Poisson(_) | Self::Gamma { .. } | Self::Trace { .. } => false,
        }
    }

    /// Most users at any time of a closed loop; `None` of an open one.
    #[must_use]
    pub fn users(&self) -> Option<u32> {
        match self {
            Self::Concurrency(users) => Some(*users),
            Self::Stages(stages) => stages.iter().filter_map(|stage| stage.concurrency).max(),
            _ => None,
        }
    }

    /// Greatest mean requests per second of an open loop; `None` of a closed one and of a trace, which has to be read first.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        match self {
            Self::Rate(rate) | Self::Poisson(rate) | Self::Gamma { rate, .. } => Some(*rate),
            Self::Stages(stages) => stages.iter().filter_map(|stage| stage.rate).reduce(f64::max),
            Self::Concurrency(_) | Self::Trace { .. } => None,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Prompts {
    /// Random tokens of exact length.
    Random(Random),
    /// One prompt a line: JSON with `prompt` (text) or `messages`, or alpaca / sharegpt fields; plain text lines otherwise.
    File {
        /// The file.
        path: PathBuf,
        /// Conversations are replayed turn by turn, each turn sent when the one before was answered, with the recorded answers as
        /// history; else a row's last question is asked with all before it.
        #[serde(default, skip_serializing_if = "is_default")]
        multi_turn: bool,
    },
}

impl Default for Prompts {
    fn default() -> Self {
        Self::Random(Random::of(128))
    }
}

impl Prompts {
    /// Random tokens of this length, all defaults.
    #[must_use]
    pub fn random(input_len: u32) -> Self {
        Self::Random(Random::of(input_len))
    }

    /// Length asked for, tokens; `None` of a file.
    #[must_use]
    pub fn input_len(&self) -> Option<u32> {
        match self {
            Self::Random(random) => Some(random.input_len),
            Self::File { .. } => None,
        }
    }
}

/// Random prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Random {
    /// Prompt length, tokens; of each turn's new text in a conversation.
    pub input_len: u32,
    /// Lengths of prompts and answers are drawn evenly from this share below to this share above (vLLM's `--random-range-ratio`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub range_ratio: f64,
    /// Share of the prompt that all prompts of a group have in common.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prefix_ratio: f64,
    /// Groups with a prefix of their own; requests take them in turn.
    #[serde(default = "defaults::one_group", skip_serializing_if = "is_one")]
    pub prefix_groups: u32,
    /// Turns of a conversation; each is sent when the one before was answered.
    #[serde(default = "defaults::one_group", skip_serializing_if = "is_one")]
    pub turns: u32,
    /// How the length is made exact.
    #[serde(default, skip_serializing_if = "is_default")]
    pub form: Form,
    /// `tokenizer.json` of the served model, for [`Form::Text`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<PathBuf>,
}

impl Random {
    /// Prompts of this length, all else as it is by default.
    #[must_use]
    pub const fn of(input_len: u32) -> Self {
        Self { input_len, range_ratio: 0.0, prefix_ratio: 0.0, prefix_groups: 1, turns: 1, form: Form::Auto, tokenizer: None }
    }
}

/// How random prompts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Text where `tokenizer` is given or the API is chat, else token ids.
    #[default]
    Auto,
    /// Token ids: exact, for `/v1/completions` only.
    Ids,
    /// Text, its length made exact by `tokenizer`, else by the server's `/tokenize`, else one common word a token (told as estimated).
    Text,
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

/// A series over lengths and loads: every input length with every output length at every load, `repeats` times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// Prompt lengths, tokens; empty: the profile's prompts as they are.
    #[serde(default)]
    pub input_len: Vec<u32>,
    /// Answer lengths, tokens; empty: the profile's.
    #[serde(default)]
    pub output_len: Vec<u32>,
    /// Users; or `rate`.
    #[serde(default)]
    pub concurrency: Vec<u32>,
    /// Requests per second; or `concurrency`.
    #[serde(default)]
    pub rate: Vec<f64>,
    /// Times every cell is measured.
    #[serde(default = "defaults::one_group")]
    pub repeats: u32,
    /// Requests of a cell are this many per user, but no fewer than `requests`; at a rate `duration_s` ends a cell.
    #[serde(default = "defaults::per_user")]
    pub requests_per_user: u32,
    /// Every cell and repeat gets prompts of its own, so that no prefix cache is warm from the one before.
    #[serde(default = "defaults::yes")]
    pub cold: bool,
    /// Longest wait for the server to be empty (running + waiting = 0) between cells.
    #[serde(default = "defaults::drain_s")]
    pub drain_s: f64,
}

/// A search for the greatest load whose requests still meet the goals: doubling until they are missed, then halving the interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// What is searched.
    pub over: Over,
    /// Where it begins.
    #[serde(default = "defaults::one")]
    pub from: f64,
    /// Never beyond.
    #[serde(default = "defaults::search_to")]
    pub to: f64,
    /// Ends when the interval is this narrow, percent of its upper end (whole users at least).
    #[serde(default = "defaults::within_pct")]
    pub within_pct: f64,
    /// Seconds every step sends; `requests` of the profile is a lower bound of its length as well.
    #[serde(default = "defaults::step_s")]
    pub step_s: f64,
    /// Goes on doubling past the goals until throughput stops to rise: finds the knee.
    #[serde(default)]
    pub to_saturation: bool,
    /// Longest wait for the server to be empty between steps.
    #[serde(default = "defaults::drain_s")]
    pub drain_s: f64,
}

/// Processes that send one load together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workers {
    /// How many.
    pub count: u32,
    /// Who starts them.
    #[serde(default)]
    pub launcher: Launcher,
    /// More arguments of `srun`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub srun_args: Vec<String>,
}

/// Who starts the workers of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Launcher {
    /// `srun`, inside an allocation or making one.
    #[default]
    Slurm,
    /// The coordinator itself, all on its machine.
    Local,
}

/// One of several equal parts of a load: of the whole load's requests (of conversations, where there are turns) those whose number is
/// `index` modulo `of`, with the prompts and due moments they have in the whole. Users are shared out by the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Which, from 0.
    pub index: u16,
    /// How many there are.
    pub of: u16,
}

impl Share {
    /// Request (or conversation) number `i` of the whole load belongs to this part.
    #[must_use]
    pub fn has(self, i: u64) -> bool {
        i % u64::from(self.of.max(1)) == u64::from(self.index)
    }

    /// This part of a count.
    #[must_use]
    pub fn of(self, count: u32) -> u32 {
        let of = u32::from(self.of.max(1));
        count / of + u32::from(u32::from(self.index) < count % of)
    }
}

/// What a search raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// Users of a closed loop.
    Concurrency,
    /// Requests per second (Poisson).
    Rate,
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
