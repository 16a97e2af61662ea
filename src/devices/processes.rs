//! Who uses a card: what its driver says, and what the host knows of the process.

use super::address::Address;
use serde::{Deserialize, Serialize};

/// A process on a card, as the card's driver sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessUse {
    /// Process id in the host's namespace.
    pub pid: u32,
    /// The card.
    pub card: Address,
    /// Memory of the card it holds; `None` when the driver does not tell.
    pub mem_bytes: Option<u64>,
    /// Its share of the card.
    pub util_pct: Option<f64>,
    /// Who it is, where the host tells.
    #[serde(default)]
    pub who: Who,
}

/// A process, as the host sees it; empty where it may not be looked at (another namespace, another user).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Who {
    /// Name (or number) of its user.
    pub user: Option<String>,
    /// Its command line, cleaned and shortened.
    pub command: Option<String>,
    /// Id of the container it runs in.
    pub container: Option<String>,
    /// Seconds since it started.
    pub running_s: Option<u64>,
}
