//! A matrix or a search as it stands.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// A matrix or a search as far as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Which of the two.
    pub kind: SeriesKind,
    /// Folder of the series.
    pub dir: PathBuf,
    /// Key of the cell that runs.
    pub current: Option<String>,
    /// What it waits for, in the server's words: `draining`, empty when it does not.
    #[serde(default)]
    pub waiting_for: String,
    /// All cells, in the order they run; a search adds them as it goes.
    pub cells: Vec<Cell>,
    /// Key of the best step of a search so far.
    #[serde(default)]
    pub best: Option<String>,
    /// Key of the step at the knee, once it is known.
    #[serde(default)]
    pub knee: Option<String>,
    /// No cell will run any more.
    #[serde(default)]
    pub over: bool,
}

/// Kind of a [`Series`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeriesKind {
    /// Every combination.
    Matrix,
    /// Step by step to a limit.
    Search,
}

/// One cell of a matrix or step of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Its key, also its folder under `cells/`: `i2048-o512-c64-1`, `i128-o128-r8.5-1`.
    pub key: String,
    /// Prompt length asked for, tokens; `None` of prompts from a file.
    pub input_len: Option<u32>,
    /// Answer length asked for, tokens.
    pub output_len: u32,
    /// Users; or `rate`.
    pub concurrency: Option<u32>,
    /// Requests per second; or `concurrency`.
    pub rate: Option<f64>,
    /// Which repeat, from 1.
    pub repeat: u32,
    /// Where it stands.
    pub state: CellState,
    /// State of the server's prefix cache while it ran.
    pub cache: Cache,
    /// Its figures are about the client.
    pub client_limited: Option<bool>,
    /// Every goal was met by 99 % of its requests; `None` without goals.
    pub slo_met: Option<bool>,
    /// Why it failed.
    #[serde(default)]
    pub failure: Option<String>,
    /// Its figures, once it is done: names and units of `bench.run` (`p99_ttft_ms`, `output_throughput`, …).
    pub metrics: BTreeMap<String, f64>,
}

/// Where a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellState {
    /// Not begun.
    #[default]
    Waiting,
    /// Under way.
    Running,
    /// Measured.
    Done,
    /// Ended by an error, or by too many failed requests.
    Failed,
    /// Left out by a person.
    Skipped,
}

/// State of the server's prefix cache during a run, from the server's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cache {
    /// Under 1 % of lookups hit. Prompts that share a beginning on purpose are no cold ones.
    Cold,
    /// Over 90 %.
    Warm,
    /// In between.
    Mixed,
    /// The server does not say.
    #[default]
    Unknown,
}
