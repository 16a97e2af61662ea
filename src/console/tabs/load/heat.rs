//! Where the latencies of each second lie: what the heat strip draws.

use crate::bench::live::BINS_PER_OCTAVE;
use dcudeck_widgets::{HeatSample, LogAxis};

/// The two latencies that have a strip: one has a moment in time, the other many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum HeatOf {
    /// Time to first token.
    #[default]
    Ttft,
    /// Inter-token latency.
    Itl,
}

impl HeatOf {
    /// The other one.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Ttft => Self::Itl,
            Self::Itl => Self::Ttft,
        }
    }
}

/// Bins of the run's grid that are drawn as one: a strip of some rows has no use for more than four an octave.
const COARSER: u16 = 4;

/// Slots kept; beyond it two seconds (then four …) share a slot, so that days take no more memory than an hour.
const MAX_SLOTS: usize = 4_096;

/// One latency over the run.
#[derive(Debug, Clone)]
pub(super) struct Strip {
    /// By slot of [`Strip::seconds_per_slot`].
    pub(super) samples: Vec<HeatSample>,
    /// Seconds that share a slot: a power of two.
    pub(super) seconds_per_slot: u32,
    /// Which seconds are in, so that a fact that comes again counts once.
    seen: Vec<bool>,
    /// `None` until there is a sample.
    pub(super) axis: Option<LogAxis>,
}

impl Default for Strip {
    fn default() -> Self {
        Self { samples: Vec::new(), seconds_per_slot: 1, seen: Vec::new(), axis: None }
    }
}

impl Strip {
    /// Lower edge of bin 0, ms, and the factor from one bin to the next.
    pub(super) fn grid() -> (f64, f64) {
        (0.001, 2_f64.powf(f64::from(COARSER) / f64::from(BINS_PER_OCTAVE)))
    }

    /// Takes in the counts of a second; true if they are new.
    pub(super) fn take(&mut self, second: u32, bins: &[(u16, u32)]) -> bool {
        let at = second as usize;
        if bins.is_empty() || self.seen.get(at) == Some(&true) {
            return false;
        }
        if self.seen.len() <= at {
            self.seen.resize(at + 1, false);
        }
        if let Some(seen) = self.seen.get_mut(at) {
            *seen = true;
        }
        while at / self.seconds_per_slot as usize >= MAX_SLOTS {
            self.fold();
        }
        let slot = at / self.seconds_per_slot as usize;
        if self.samples.len() <= slot {
            self.samples.resize(slot + 1, HeatSample::new());
        }
        let coarse = bins.iter().map(|&(bin, count)| (bin / COARSER, count));
        if let Some(sample) = self.samples.get_mut(slot) {
            add(sample, coarse);
        }
        let (first, ratio) = Self::grid();
        let edge = |bin: u16| first * ratio.powf(f64::from(bin));
        // Chunks that one read returned are 0 µs apart; an axis down there would squeeze all others.
        let few = bins.iter().map(|&(_, count)| u64::from(count)).sum::<u64>() / 50;
        let mut below = 0;
        let low = bins.iter().find(|&&(_, count)| {
            below += u64::from(count);
            below > few
        });
        if let (Some(low), Some(high)) = (low, bins.last()) {
            let (lo, hi) = (edge(low.0 / COARSER), edge(high.0 / COARSER + 1));
            self.axis.get_or_insert_with(|| LogAxis::new(lo, hi)).widen(lo, hi);
        }
        true
    }

    /// Two slots become one.
    fn fold(&mut self) {
        self.seconds_per_slot = self.seconds_per_slot.saturating_mul(2);
        let mut folded: Vec<HeatSample> = Vec::with_capacity(MAX_SLOTS / 2);
        for pair in self.samples.chunks(2) {
            let mut one = HeatSample::new();
            for sample in pair {
                add(&mut one, sample.iter().copied());
            }
            folded.push(one);
        }
        self.samples = folded;
    }
}

/// Adds counts to a sample whose bins ascend.
fn add(sample: &mut HeatSample, counts: impl Iterator<Item = (u16, u32)>) {
    for (bin, count) in counts {
        match sample.binary_search_by_key(&bin, |&(at, _)| at) {
            Ok(at) => {
                if let Some((_, known)) = sample.get_mut(at) {
                    *known = known.saturating_add(count);
                }
            }
            Err(at) => sample.insert(at, (bin, count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::live::bin_of;

    #[test]
    fn the_same_second_counts_once() {
        let mut strip = Strip::default();
        assert!(strip.take(3, &[(bin_of(20_000), 5), (bin_of(21_000), 1)]));
        assert!(!strip.take(3, &[(bin_of(20_000), 5)]));
        assert_eq!(strip.samples.len(), 4);
        assert_eq!(strip.samples[3].iter().map(|&(_, count)| count).sum::<u32>(), 6);
    }

    #[test]
    fn a_long_run_keeps_every_sample_in_bounded_memory() {
        let mut strip = Strip::default();
        for second in 0..20_000 {
            strip.take(second, &[(bin_of(15_000), 1)]);
        }
        assert!(strip.samples.len() <= MAX_SLOTS && strip.seconds_per_slot == 8);
        assert_eq!(strip.samples.iter().flatten().map(|&(_, count)| u64::from(count)).sum::<u64>(), 20_000);
    }

    #[test]
    fn a_value_lies_within_its_coarse_bin() {
        let (first, ratio) = Strip::grid();
        for us in [1_u64, 90, 15_000, 3_000_000] {
            let bin = f64::from(bin_of(us) / COARSER);
            let ms = us as f64 / 1_000.0;
            assert!(first * ratio.powf(bin) <= ms * 1.000_001 && ms < first * ratio.powf(bin + 1.0), "{us}");
        }
    }

    #[test]
    fn a_few_gaps_of_no_time_at_all_do_not_squeeze_the_axis() {
        let mut strip = Strip::default();
        strip.take(0, &[(0, 1), (bin_of(12_000), 900), (bin_of(40_000), 2)]);
        assert!(strip.axis.unwrap().lo() >= 5.0);
    }
}
