//! Which card: its PCI address, which no driver option and no environment variable renumbers.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

/// The key of a card on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// PCI domain, bus, device, function.
    Pci {
        /// Domain (segment).
        domain: u32,
        /// Bus.
        bus: u8,
        /// Device, 0 to 31.
        device: u8,
        /// Function, 0 to 7.
        function: u8,
    },
    /// Only the index is known: text of a tool that prints no addresses.
    Index(u32),
}

impl Address {
    /// From the number `rsmi_dev_pci_id_get` gives: domain in the upper half, then bus, device, function as on the bus.
    #[must_use]
    pub const fn of_rsmi(id: u64) -> Self {
        let [function_and_device, bus, ..] = id.to_le_bytes();
        Self::Pci { domain: (id >> 32) as u32, bus, device: function_and_device >> 3, function: function_and_device & 7 }
    }

    /// Whether it is a PCI address.
    #[must_use]
    pub const fn is_pci(self) -> bool {
        matches!(self, Self::Pci { .. })
    }
}

/// `0000:43:00.0`, or `#3` where only the index is known.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Pci { domain, bus, device, function } => format!("{domain:04x}:{bus:02x}:{device:02x}.{function:x}"),
            Self::Index(index) => format!("#{index}"),
        };
        f.pad(&text)
    }
}

/// Text that is no address of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a PCI address such as 0000:43:00.0")]
pub struct NoAddress;

impl FromStr for Address {
    type Err = NoAddress;

    /// Reads `0000:43:00.0`, `43:00.0` (domain 0) and `#3`.
    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let text = text.trim();
        if let Some(index) = text.strip_prefix('#') {
            return index.parse().map(Self::Index).map_err(|_| NoAddress);
        }
        let (rest, function) = text.rsplit_once('.').ok_or(NoAddress)?;
        let (rest, device) = rest.rsplit_once(':').ok_or(NoAddress)?;
        let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0", rest));
        let byte = |text, most| u8::from_str_radix(text, 16).ok().filter(|value| *value <= most).ok_or(NoAddress);
        Ok(Self::Pci {
            domain: u32::from_str_radix(domain, 16).map_err(|_| NoAddress)?,
            bus: byte(bus, u8::MAX)?,
            device: byte(device, 31)?,
            function: byte(function, 7)?,
        })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_number_of_the_library_is_the_address_lspci_prints() {
        assert_eq!(Address::of_rsmi(0x1_0000_4301).to_string(), "0001:43:00.1");
        assert_eq!(Address::of_rsmi(0x43f8).to_string(), "0000:43:1f.0");
    }

    #[test]
    fn a_short_address_is_in_domain_zero_and_nonsense_is_refused() {
        assert_eq!("43:00.0".parse(), "0000:43:00.0".parse::<Address>());
        for text in ["", "43", "43:00", "0000:43:20.0", "0000:43:00.8", "0000:143:00.0", "#", "#-1", "gpu0"] {
            assert_eq!(text.parse::<Address>(), Err(NoAddress), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_address_reads_as_it_was_written(id in any::<u64>(), index in any::<u32>()) {
            for address in [Address::of_rsmi(id), Address::Index(index)] {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
