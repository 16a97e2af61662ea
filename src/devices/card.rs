//! What a card is: what does not change while the driver runs.

use super::address::Address;
use serde::{Deserialize, Serialize};

/// Who made a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// Hygon: DCU.
    Hygon,
    /// AMD.
    Amd,
    /// NVIDIA.
    Nvidia,
    /// Anyone else.
    Other,
}

impl Vendor {
    /// By PCI vendor number.
    #[must_use]
    pub const fn of_pci(id: u16) -> Self {
        match id {
            0x1d94 => Self::Hygon,
            0x1002 => Self::Amd,
            0x10de => Self::Nvidia,
            _ => Self::Other,
        }
    }

    /// Its word in documents, as serialised.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hygon => "hygon",
            Self::Amd => "amd",
            Self::Nvidia => "nvidia",
            Self::Other => "other",
        }
    }
}

/// How two cards are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Over PCIe, through switches or the CPU.
    Pcie,
    /// AMD's xGMI.
    Xgmi,
    /// Hygon's card-to-card link.
    Xhcl,
    /// NVIDIA's NVLink.
    Nvlink,
    /// The library names no kind known here.
    Unknown,
}

/// The way to another card of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The other card.
    pub to: Address,
    /// Over what.
    pub kind: LinkKind,
    /// Stations between, as the library counts them.
    pub hops: Option<u64>,
    /// The library's weight: less is nearer.
    pub weight: Option<u64>,
}

/// Identity and wiring of one card. Text is cleaned by whoever fills it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardInfo {
    /// Its key.
    pub address: Address,
    /// Index of the vendor's tools, from 0; no environment variable changes it.
    pub index: u32,
    /// Who made it.
    pub vendor: Vendor,
    /// PCI vendor and device number.
    pub pci_ids: Option<(u16, u16)>,
    /// Product name.
    pub name: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// The library's unique id (NVIDIA: UUID).
    pub unique_id: Option<String>,
    /// Version of the card's BIOS.
    pub vbios: Option<String>,
    /// NUMA node of its slot.
    pub numa_node: Option<u32>,
    /// `/dev/dri/renderDN` (NVIDIA: `/dev/nvidiaN`).
    pub minor: Option<u32>,
    /// Compute units or SMs.
    pub cores: Option<u32>,
    /// Ways to the other cards.
    pub links: Vec<Link>,
}

impl CardInfo {
    /// A card of which only its key, index and maker are known yet.
    #[must_use]
    pub const fn new(address: Address, index: u32, vendor: Vendor) -> Self {
        Self {
            address,
            index,
            vendor,
            pci_ids: None,
            name: None,
            serial: None,
            unique_id: None,
            vbios: None,
            numa_node: None,
            minor: None,
            cores: None,
            links: Vec::new(),
        }
    }
}
