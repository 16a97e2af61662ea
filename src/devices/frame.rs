//! What a sampler sends: one line of JSON each, over a pipe or into a recording.

use super::{address::Address, card::CardInfo, field::Field, host::Host, processes::ProcessUse, reading::Reading, source::Trouble};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Readings of one card by field.
pub type Readings = BTreeMap<Field, Reading>;

/// Which sampler of a node: each lists its own cards and processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// DCU and AMD cards: `rocm_smi`, `hydmi`, sysfs, `hy-smi`.
    Dcu,
    /// NVIDIA cards.
    Nvidia,
    /// The host.
    Host,
    /// Everything of a node that is read over the network.
    Remote,
}

impl Group {
    /// Its word, as serialised.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dcu => "dcu",
            Self::Nvidia => "nvidia",
            Self::Host => "host",
            Self::Remote => "remote",
        }
    }
}

/// One message of a sampler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// The cards there are, first and whenever that changes. A card that was there before and is not named is lost.
    Cards {
        /// The libraries that were found and could be used.
        libraries: Vec<Library>,
        /// The cards, by index.
        cards: Vec<CardInfo>,
    },
    /// What was read in one sweep; fields that were not read this time are not in it.
    Sweep(BTreeMap<Address, Readings>),
    /// All processes on all cards of the sampler.
    Processes(Vec<ProcessUse>),
    /// The host.
    Host(Box<Host>),
    /// Something went wrong that a person should know: a library that would not start, its own words on stderr.
    Trouble(Trouble),
}

impl Frame {
    /// Puts every moment in it through `clock`: from one clock's microseconds to another's.
    #[must_use]
    pub fn at(mut self, clock: impl Fn(u64) -> u64) -> Self {
        match &mut self {
            Self::Sweep(sweep) => {
                for reading in sweep.values_mut().flat_map(BTreeMap::values_mut) {
                    reading.at_us = clock(reading.at_us);
                }
            }
            Self::Host(host) => host.at_us = clock(host.at_us),
            Self::Cards { .. } | Self::Processes(_) | Self::Trouble(_) => {}
        }
        self
    }
}

/// A library that is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    /// What it is: `rocm_smi`, `hydmi`, `nvml`.
    pub name: String,
    /// The file it was loaded from.
    pub file: String,
    /// Its version, in its own words.
    pub version: Option<String>,
    /// Version of the driver below it.
    pub driver: Option<String>,
    /// Which layout its structures have, where there are several.
    pub abi: Option<String>,
}
