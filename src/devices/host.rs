//! What the host does: figures beside the cards, each `None` where the system does not tell.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The host at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// When, µs of `CLOCK_MONOTONIC`; in a recording, µs since its start.
    pub at_us: u64,
    /// All cores together, percent.
    pub cpu_pct: Option<f64>,
    /// Each core that is online, percent, with its number.
    pub cores_pct: Vec<(u32, f64)>,
    /// Memory in use: total less what programs could get.
    pub mem_used_bytes: Option<u64>,
    /// Memory.
    pub mem_total_bytes: Option<u64>,
    /// Swap in use.
    pub swap_used_bytes: Option<u64>,
    /// Swap.
    pub swap_total_bytes: Option<u64>,
    /// Mean number of waiting processes over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// NUMA nodes.
    pub numa: Vec<NumaNode>,
    /// File systems of the workspace and the model folders.
    pub disks: Vec<Disk>,
    /// Network interfaces.
    pub interfaces: Vec<Interface>,
}

/// One NUMA node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NumaNode {
    /// Its number.
    pub node: u32,
    /// Its cores that are online, in the kernel's list form (`0-15,64-79`).
    pub cpus: String,
    /// Memory of the node.
    pub mem_total_bytes: Option<u64>,
    /// Free memory of the node.
    pub mem_free_bytes: Option<u64>,
}

/// One file system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disk {
    /// The folder that was asked about.
    pub path: PathBuf,
    /// Size.
    pub total_bytes: Option<u64>,
    /// What this user could still write.
    pub free_bytes: Option<u64>,
    /// Read from its device.
    pub read_bytes_per_s: Option<f64>,
    /// Written to its device.
    pub write_bytes_per_s: Option<f64>,
}

/// One network interface.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Received.
    pub rx_bytes_per_s: Option<f64>,
    /// Sent.
    pub tx_bytes_per_s: Option<f64>,
}
