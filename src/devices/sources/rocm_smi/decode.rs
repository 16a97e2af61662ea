//! What the library's answers mean: statuses, and the few structures by the layouts that are known.

use crate::{base::clean, devices::Missing};
use std::ffi::CStr;

/// Which layout the library's structures have, told by the functions it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// AMD's up to 5.x: clocks in 264 bytes.
    Amd5,
    /// AMD's 6.x: clocks in 280 bytes.
    Amd6,
    /// Hygon's: as AMD's 6.x, with functions of its own.
    Hygon,
}

impl Layout {
    pub(super) const fn of(has_power_get: bool, has_hcu_util: bool) -> Self {
        match (has_power_get, has_hcu_util) {
            (_, true) => Self::Hygon,
            (true, false) => Self::Amd6,
            (false, false) => Self::Amd5,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Amd5 => "amd-5",
            Self::Amd6 => "amd-6",
            Self::Hygon => "hygon",
        }
    }
}

/// A status as a result.
pub(super) const fn checked(status: i32) -> Result<(), Missing> {
    match status {
        0 => Ok(()),
        2 | 9 => Err(Missing::NotSupported),
        4 => Err(Missing::Permission),
        16 => Err(Missing::Busy),
        other => Err(Missing::Other(other)),
    }
}

/// The status in words, for a sentence.
pub(super) fn status_words(why: Missing) -> String {
    match why {
        Missing::Other(1) => "invalid arguments (1)".to_owned(),
        Missing::Other(3) => "a file cannot be read (3)".to_owned(),
        Missing::Other(8) => "initialisation error, no driver or no cards (8)".to_owned(),
        Missing::Other(other) => format!("status {other}"),
        other => other.text().en.to_owned(),
    }
}

/// Text the library wrote, cleaned; `None` for a failed call and for nothing but blanks.
pub(super) fn text(status: i32, buffer: &[u8]) -> Option<String> {
    checked(status).ok()?;
    let text = CStr::from_bytes_until_nul(buffer).ok()?.to_string_lossy();
    let text = clean(text.trim()).into_owned();
    (!text.is_empty()).then_some(text)
}

/// Bits of `rsmi_gpu_block_t`: memory controller, SDMA, GFX and so on.
pub(super) const ECC_BLOCKS: u32 = 14;

/// Corrected and uncorrected errors: the first two words in every layout.
pub(super) fn error_counts(words: &[u64]) -> (u64, u64) {
    (words.first().copied().unwrap_or(0), words.get(1).copied().unwrap_or(0))
}

/// The clock now and the greatest, MHz. When the expected layout makes no sense the other one is tried, then it is unknown.
pub(super) fn frequencies(words: &[u64], layout: Layout) -> Option<(f64, f64)> {
    let (long, short) = (long(words), short(words));
    if layout == Layout::Amd5 { short.or(long) } else { long.or(short) }
}

/// 264 bytes: count, current, 32 frequencies.
fn short(words: &[u64]) -> Option<(f64, f64)> {
    let head = *words.first()?;
    clocks(head & 0xffff_ffff, head >> 32, words.get(1..33)?)
}

/// 280 bytes: a flag, count, current, 33 frequencies.
fn long(words: &[u64]) -> Option<(f64, f64)> {
    clocks(*words.first()? >> 32, *words.get(1)? & 0xffff_ffff, words.get(2..35)?)
}

fn clocks(count: u64, current: u64, hertz: &[u64]) -> Option<(f64, f64)> {
    let listed = hertz.get(..usize::try_from(count).ok()?)?;
    let now = *listed.get(usize::try_from(current).ok()?)?;
    // 1 MHz to 10 GHz, all of them: a count read from the wrong place points into something else.
    let sane = listed.iter().all(|hz| (1_000_000..=10_000_000_000).contains(hz));
    let most = *listed.iter().max()?;
    sane.then_some((now as f64 / 1e6, most as f64 / 1e6))
}

/// Three numbers, then a pointer that is not followed.
pub(super) fn version(words: &[u64]) -> String {
    let (first, second) = (words.first().copied().unwrap_or(0), words.get(1).copied().unwrap_or(0));
    format!("{}.{}.{}", first & 0xffff_ffff, first >> 32, second & 0xffff_ffff)
}

/// The driver's word for `rsmi_dev_perf_level_t`.
pub(super) const fn perf_level(level: i32) -> &'static str {
    match level {
        0 => "auto",
        1 => "low",
        2 => "high",
        3 => "manual",
        4 => "stable_std",
        5 => "stable_peak",
        6 => "stable_min_mclk",
        7 => "stable_min_sclk",
        8 => "determinism",
        _ => "unknown",
    }
}

/// Hygon's own comments state its shares both as 0…1 and as 0…100. A value above 1 settles it; many that are not settle it the
/// other way; until then a share between is not told, since it could be wrong by a factor of a hundred.
#[derive(Debug, Default)]
pub(super) struct Scale {
    percent: bool,
    ratios: u32,
}

impl Scale {
    /// Shares in (0, 1] after which they are taken for ratios.
    const SETTLED: u32 = 30;

    pub(super) fn percent(&mut self, value: f32) -> Result<f64, Missing> {
        self.percent |= value > 1.0;
        if self.percent || value == 0.0 {
            return Ok(value.into());
        }
        self.ratios = self.ratios.saturating_add(1);
        if self.ratios > Self::SETTLED { Ok(f64::from(value) * 100.0) } else { Err(Missing::Abi) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MHZ: u64 = 1_000_000;

    #[test]
    fn clocks_of_both_layouts_are_read_whatever_was_expected() {
        let mut short = [0_u64; 512];
        short[..4].copy_from_slice(&[2 << 32 | 3, 300 * MHZ, 800 * MHZ, 1500 * MHZ]);
        let mut long = [0_u64; 512];
        long[..5].copy_from_slice(&[3 << 32 | 1, 2, 300 * MHZ, 800 * MHZ, 1500 * MHZ]);
        for layout in [Layout::Amd5, Layout::Amd6, Layout::Hygon] {
            assert_eq!(frequencies(&short, layout), Some((1500.0, 1500.0)), "{layout:?}");
            assert_eq!(frequencies(&long, layout), Some((1500.0, 1500.0)), "{layout:?}");
        }
    }

    #[test]
    fn a_current_clock_beyond_the_list_or_out_of_range_is_no_clock() {
        let mut words = [0_u64; 512];
        words[..3].copy_from_slice(&[2 << 32 | 2, 300 * MHZ, 800 * MHZ]);
        assert_eq!(frequencies(&words, Layout::Amd5), None);
        words[..3].copy_from_slice(&[1 << 32 | 2, 300 * MHZ, 800]);
        assert_eq!(frequencies(&words, Layout::Amd5), None);
        assert_eq!(frequencies(&[0; 512], Layout::Hygon), None);
    }

    #[test]
    fn a_share_is_not_told_before_its_scale_is_known() {
        let mut scale = Scale::default();
        assert_eq!((scale.percent(0.0), scale.percent(0.97)), (Ok(0.0), Err(Missing::Abi)));
        assert_eq!((scale.percent(97.0), scale.percent(0.5)), (Ok(97.0), Ok(0.5)));
        let mut ratio = Scale::default();
        for _ in 0..Scale::SETTLED {
            assert_eq!(ratio.percent(0.5), Err(Missing::Abi));
        }
        assert_eq!(ratio.percent(0.5), Ok(50.0));
    }

    proptest! {
        #[test]
        fn no_answer_of_a_library_gives_a_clock_out_of_range(words in proptest::collection::vec(any::<u64>(), 0..40)) {
            for layout in [Layout::Amd5, Layout::Amd6, Layout::Hygon] {
                if let Some((now, most)) = frequencies(&words, layout) {
                    prop_assert!(now >= 1.0 && now <= most && most <= 10_000.0);
                }
            }
        }
    }
}
