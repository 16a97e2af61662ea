//! How far one machine's clock is from another's.
//!
//! A worker asks for the coordinator's `CLOCK_MONOTONIC` and notes its own before and after. The answer was read somewhere in between, so the
//! offset is known to half the round trip; of several exchanges the one with the least round trip counts (NTP's way). Wall clocks are not
//! used: they may be set while a run goes. A drift between the first and the last exchange is told, not corrected.

use serde::{Deserialize, Serialize};

/// Exchanges made each time.
pub const EXCHANGES: u32 = 16;

/// What the exchanges with the coordinator gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Offset {
    /// This machine's clock minus the coordinator's, µs.
    pub offset_us: i64,
    /// Half the least round trip, µs: the true offset is no further away.
    pub uncertainty_us: u64,
}

/// One exchange: this clock before, the other's answer, this clock after; µs.
#[derive(Debug, Clone, Copy)]
pub struct Exchange {
    /// Before asking.
    pub before_us: u64,
    /// The coordinator's clock.
    pub there_us: u64,
    /// When the answer was there.
    pub after_us: u64,
}

/// The offset by the exchange with the least round trip; `None` without any.
#[must_use]
pub fn offset(exchanges: &[Exchange]) -> Option<Offset> {
    let best = exchanges.iter().min_by_key(|e| e.after_us.saturating_sub(e.before_us))?;
    let trip = best.after_us.saturating_sub(best.before_us);
    let middle = best.before_us + trip / 2;
    Some(Offset { offset_us: middle.cast_signed() - best.there_us.cast_signed(), uncertainty_us: trip.div_ceil(2) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_exchange_counts_and_bounds_the_error() {
        // This clock is 1,000 µs ahead; the way there takes 10 µs, the way back 30, and once 500 more.
        let exchange = |before_us, late| Exchange { before_us, there_us: before_us + 10 - 1_000, after_us: before_us + 40 + late };
        let found = offset(&[exchange(5_000, 500), exchange(9_000, 0)]).expect("two exchanges");
        assert_eq!(found, Offset { offset_us: 1_010, uncertainty_us: 20 });
        assert!(found.offset_us.abs_diff(1_000) <= found.uncertainty_us);
        assert_eq!(offset(&[]), None);
    }
}
