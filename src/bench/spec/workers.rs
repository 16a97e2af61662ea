//! One load from several processes.

use serde::{Deserialize, Serialize};

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
