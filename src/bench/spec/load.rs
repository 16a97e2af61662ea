//! When requests come.

use super::defaults;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
