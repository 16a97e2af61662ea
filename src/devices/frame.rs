//! What a sampler sends: one line of JSON each, over a pipe or into a recording.

use super::{
    address::Address,
    card::CardInfo,
    field::Field,
    host::Host,
    processes::{ProcessUse, Who},
    reading::{Reading, Value},
    source::Trouble,
};
use crate::base::clean;
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

impl Frame {
    /// The same without anything a terminal could act on: for frames that come from a file or another node.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        match &mut self {
            Self::Cards { libraries, cards } => {
                for Library { name, file, version, driver, abi } in libraries {
                    scrub([name, file].into_iter().chain(version).chain(driver).chain(abi));
                }
                for CardInfo { name, serial, unique_id, vbios, .. } in cards {
                    scrub([name, serial, unique_id, vbios].into_iter().flatten());
                }
            }
            Self::Sweep(sweep) => {
                let words = sweep.values_mut().flat_map(BTreeMap::values_mut).filter_map(|reading| match &mut reading.value {
                    Some(Value::Words(words)) => Some(words),
                    _ => None,
                });
                scrub(words);
            }
            Self::Processes(processes) => {
                for Who { user, command, container, .. } in processes.iter_mut().map(|process| &mut process.who) {
                    scrub([user, command, container].into_iter().flatten());
                }
            }
            Self::Host(host) => {
                scrub(host.numa.iter_mut().map(|node| &mut node.cpus));
                scrub(host.interfaces.iter_mut().map(|interface| &mut interface.name));
            }
            Self::Trouble(trouble) => scrub([&mut trouble.said.en, &mut trouble.said.zh, &mut trouble.kind]),
        }
        self
    }
}

fn scrub<'a>(texts: impl IntoIterator<Item = &'a mut String>) {
    for text in texts {
        if let std::borrow::Cow::Owned(calm) = clean(text) {
            *text = calm;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_foreign_frame_reaches_a_terminal_as_a_control_sequence() {
        const DIRTY: &str = r"a\u001b[2Jb";
        for line in [
            r#"{"cards":{"libraries":[{"name":"X","file":"X","version":"X","driver":"X","abi":"X"}],"cards":[{"address":"43:00.0",
                "index":0,"vendor":"amd","pci_ids":null,"name":"X","serial":"X","unique_id":"X","vbios":"X","numa_node":null,
                "minor":null,"cores":null,"links":[]}]}}"#,
            r##"{"sweep":{"#0":{"perf_level":{"v":"X","o":"sysfs","t":1}}}}"##,
            r##"{"processes":[{"pid":1,"card":"#0","mem_bytes":null,"util_pct":null,"who":{"user":"X","command":"X","container":"X"}}]}"##,
            r#"{"host":{"numa":[{"cpus":"X"}],"interfaces":[{"name":"X"}]}}"#,
            r#"{"trouble":{"kind":"X","said":{"en":"X","zh":"X"}}}"#,
        ] {
            let frame: Frame = serde_json::from_str(&line.replace('X', DIRTY)).expect("reads");
            let text = serde_json::to_string(&frame.cleaned()).expect("writes");
            assert!(text.contains("ab") && !text.contains("u001b"), "{text}");
        }
    }
}
