//! Many load tests from one description: a matrix, a search.

use super::defaults;
use serde::{Deserialize, Serialize};

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

/// What a search raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// Users of a closed loop.
    Concurrency,
    /// Requests per second (Poisson).
    Rate,
}
