//! The table of fields: one row for everything that can be read of a card, whoever made it.

use serde::{Deserialize, Serialize};

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Percent, 0 to 100.
    Percent,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Degrees Celsius.
    Celsius,
    /// Watt.
    Watt,
    /// Joule since the driver was loaded.
    Joule,
    /// Megahertz.
    Megahertz,
    /// Revolutions per minute.
    Rpm,
    /// Millivolt.
    Millivolt,
    /// A number of things.
    Count,
    /// Words, no figure.
    Words,
}

/// How often a field is worth reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    /// Each second.
    Fast,
    /// Every ten seconds: counters of rare events, limits, the state of the link.
    Rare,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $unit:ident, $low:expr, $high:expr, $pace:ident;)*) => {
        /// One thing that can be read of a card. Its serialised name carries its unit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Field {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl Field {
            /// Every field, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in files and documents, unit included.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// What it is counted in.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit),* }
            }

            /// The least and the greatest figure that can be meant: anything else came from a structure laid out otherwise, or
            /// stands for "unknown".
            #[must_use]
            pub const fn plausible(self) -> (f64, f64) {
                match self { $(Self::$name => ($low, $high)),* }
            }

            /// How often it is worth reading.
            #[must_use]
            pub const fn pace(self) -> Pace {
                match self { $(Self::$name => Pace::$pace),* }
            }
        }
    };
}

/// 4 TiB: above any memory of one card.
const MEMORY: f64 = 4.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0;
/// Counters of libraries are 64 bits wide; their "unknown" is all ones, which no counter reaches.
const COUNTER: f64 = 9.0e15;

fields! {
    /// Share of time the card computed.
    UtilPct = "util_pct", Percent, 0.0, 100.0, Fast;
    /// Share of compute units (or SMs) at work.
    CuPct = "cu_pct", Percent, 0.0, 100.0, Fast;
    /// Share of time the memory controller was active; says nothing of how full the memory is.
    MemBusyPct = "mem_busy_pct", Percent, 0.0, 100.0, Fast;
    /// Memory in use.
    MemUsed = "mem_used_bytes", Bytes, 0.0, MEMORY, Fast;
    /// Memory of the card.
    MemTotal = "mem_total_bytes", Bytes, 1.0, MEMORY, Rare;
    /// Temperature at the edge of the die.
    TempEdge = "temp_edge_c", Celsius, -40.0, 150.0, Fast;
    /// Hottest spot of the die.
    TempJunction = "temp_junction_c", Celsius, -40.0, 150.0, Fast;
    /// Memory temperature.
    TempMemory = "temp_memory_c", Celsius, -40.0, 150.0, Fast;
    /// Core temperature (Hygon's fourth sensor).
    TempCore = "temp_core_c", Celsius, -40.0, 150.0, Fast;
    /// Temperature from which the card protects itself.
    TempLimit = "temp_limit_c", Celsius, 1.0, 200.0, Rare;
    /// Power drawn.
    Power = "power_w", Watt, 0.0, 5000.0, Fast;
    /// Power the card may draw.
    PowerCap = "power_cap_w", Watt, 1.0, 5000.0, Rare;
    /// Energy since the driver was loaded.
    Energy = "energy_j", Joule, 0.0, COUNTER, Rare;
    /// Clock of the compute units.
    CoreClk = "core_clk_mhz", Megahertz, 1.0, 10_000.0, Fast;
    /// Clock of the memory.
    MemClk = "mem_clk_mhz", Megahertz, 1.0, 30_000.0, Fast;
    /// Highest clock of the compute units.
    CoreClkMax = "core_clk_max_mhz", Megahertz, 1.0, 10_000.0, Rare;
    /// Highest clock of the memory.
    MemClkMax = "mem_clk_max_mhz", Megahertz, 1.0, 30_000.0, Rare;
    /// Supply voltage of the die.
    Voltage = "voltage_mv", Millivolt, 1.0, 20_000.0, Rare;
    /// Fan speed, of its greatest.
    FanPct = "fan_pct", Percent, 0.0, 100.0, Rare;
    /// Fan speed.
    FanRpm = "fan_rpm", Rpm, 0.0, 100_000.0, Rare;
    /// Video decoders at work.
    DecPct = "dec_pct", Percent, 0.0, 100.0, Rare;
    /// Video encoders at work.
    EncPct = "enc_pct", Percent, 0.0, 100.0, Rare;
    /// Sent by the card over PCIe.
    PcieTx = "pcie_tx_bytes_per_s", BytesPerSecond, 0.0, 1.0e12, Fast;
    /// Received by the card over PCIe.
    PcieRx = "pcie_rx_bytes_per_s", BytesPerSecond, 0.0, 1.0e12, Fast;
    /// PCIe generation of the link now.
    LinkGen = "link_gen", Count, 1.0, 10.0, Rare;
    /// PCIe lanes of the link now.
    LinkWidth = "link_width", Count, 1.0, 64.0, Rare;
    /// PCIe generation the card can do.
    LinkGenMax = "link_gen_max", Count, 1.0, 10.0, Rare;
    /// PCIe lanes the card has.
    LinkWidthMax = "link_width_max", Count, 1.0, 64.0, Rare;
    /// PCIe packets sent again.
    PcieReplays = "pcie_replays", Count, 0.0, COUNTER, Rare;
    /// Memory errors that were corrected.
    EccCe = "ecc_ce", Count, 0.0, COUNTER, Rare;
    /// Memory errors that could not be corrected.
    EccUe = "ecc_ue", Count, 0.0, COUNTER, Rare;
    /// Memory pages taken out of use.
    BadPages = "bad_pages", Count, 0.0, COUNTER, Rare;
    /// The driver's performance level, in its own word.
    PerfLevel = "perf_level", Words, 0.0, 0.0, Rare;
    /// Why the clock is held down, in the driver's words; `none` when it is not.
    Throttle = "throttle", Words, 0.0, 0.0, Rare;
}

impl Field {
    /// The field of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_are_what_is_serialised() {
        let names: BTreeSet<_> = Field::ALL.iter().map(|field| field.name()).collect();
        assert_eq!(names.len(), Field::ALL.len());
        for field in Field::ALL {
            assert_eq!(serde_json::to_string(field).expect("writes"), format!("{:?}", field.name()));
            assert_eq!(Field::of_name(field.name()), Some(*field));
        }
    }
}
