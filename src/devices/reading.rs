//! One reading: a value with its source, its window and its moment; or why there is none.

use super::field::{Field, Unit};
use crate::{base::Text, text};
use serde::{Deserialize, Serialize};

/// Who gave a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// `librocm_smi64`, AMD's or Hygon's.
    Rsmi,
    /// Hygon's `libhydmi`.
    Hydmi,
    /// Files below `/sys`.
    Sysfs,
    /// NVIDIA's management library.
    Nvml,
    /// Text or JSON printed by `hy-smi` or `rocm-smi`.
    HySmi,
    /// Another node's exporter.
    Exporter,
}

impl Origin {
    /// Its word in documents and on screen, as serialised.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rsmi => "rsmi",
            Self::Hydmi => "hydmi",
            Self::Sysfs => "sysfs",
            Self::Nvml => "nvml",
            Self::HySmi => "hy_smi",
            Self::Exporter => "exporter",
        }
    }
}

/// A figure in the unit of its field, or words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A figure; whole numbers are exact up to 2^53.
    Number(f64),
    /// Words of the driver.
    Words(String),
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The card or the library does not offer it.
    NotSupported,
    /// This user may not read it.
    Permission,
    /// Another process holds the card's lock; an earlier value stands.
    Busy,
    /// The call took too long; an earlier value stands.
    Timeout,
    /// The card no longer answers.
    Gone,
    /// The value cannot be meant: the library's structures are laid out otherwise than known.
    Abi,
    /// Any other status of the library.
    Other(i32),
}

impl Missing {
    /// Whether a value read before still stands, growing older.
    #[must_use]
    pub const fn keeps(self) -> bool {
        matches!(self, Self::Busy | Self::Timeout)
    }

    /// In words.
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::NotSupported => text!("not offered", "不支持"),
            Self::Permission => text!("no permission", "无权限"),
            Self::Busy => text!("held by another process", "被其他进程占用"),
            Self::Timeout => text!("took too long", "超时"),
            Self::Gone => text!("no answer", "无应答"),
            Self::Abi => text!("unknown ABI", "未知 ABI"),
            Self::Other(_) => text!("failed", "失败"),
        }
    }
}

/// One reading of one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The value; `None` when there is none, for the reason in `missing`.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Why the last try gave nothing. With a value: the value is of an earlier try.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// Who gave it.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// Milliseconds the value is a mean over; 0 for a momentary one.
    #[serde(rename = "w", default, skip_serializing_if = "is_zero")]
    pub window_ms: u32,
    /// When the value was taken (without one: tried), µs of `CLOCK_MONOTONIC`; in a recording, µs since its start.
    #[serde(rename = "t")]
    pub at_us: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

impl Reading {
    /// A figure of `field`. One outside what can be meant becomes [`Missing::Abi`].
    #[must_use]
    pub fn number(field: Field, value: f64, origin: Origin, window_ms: u32, at_us: u64) -> Self {
        let (low, high) = field.plausible();
        if field.unit() != Unit::Words && value.is_finite() && (low..=high).contains(&value) {
            Self { value: Some(Value::Number(value)), missing: None, origin, window_ms, at_us }
        } else {
            Self::missing(Missing::Abi, origin, at_us)
        }
    }

    /// Words of the driver, cleaned for the screen.
    #[must_use]
    pub fn words(words: &str, origin: Origin, at_us: u64) -> Self {
        let words = crate::base::clean(words).trim().to_owned();
        Self { value: Some(Value::Words(words)), missing: None, origin, window_ms: 0, at_us }
    }

    /// Nothing, and why.
    #[must_use]
    pub const fn missing(missing: Missing, origin: Origin, at_us: u64) -> Self {
        Self { value: None, missing: Some(missing), origin, window_ms: 0, at_us }
    }

    /// The figure, when there is one.
    #[must_use]
    pub const fn figure(&self) -> Option<f64> {
        match self.value {
            Some(Value::Number(value)) => Some(value),
            _ => None,
        }
    }

    /// The words, when there are any.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        match &self.value {
            Some(Value::Words(words)) => Some(words),
            _ => None,
        }
    }

    /// Milliseconds since the value was taken, at `now_us` of the same clock.
    #[must_use]
    pub const fn age_ms(&self, now_us: u64) -> u64 {
        now_us.saturating_sub(self.at_us) / 1_000
    }

    /// What is known after `newer`: a try that was held up leaves the value there was.
    pub fn follow(&mut self, newer: Self) {
        match newer.missing {
            Some(why) if why.keeps() && self.value.is_some() => self.missing = Some(why),
            _ => *self = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(field: Field, value: f64) -> Reading {
        Reading::number(field, value, Origin::Rsmi, 0, 7)
    }

    #[test]
    fn what_cannot_be_meant_is_unknown_abi_and_no_figure() {
        for (field, value) in [
            (Field::UtilPct, 101.0),
            (Field::UtilPct, f64::NAN),
            (Field::UtilPct, 65_535.0),
            (Field::TempEdge, 65_535.0),
            (Field::MemUsed, u64::MAX as f64),
            (Field::EccCe, u64::MAX as f64),
            (Field::CoreClk, 0.0),
            (Field::Power, -1.0),
            (Field::PerfLevel, 0.0),
        ] {
            let reading = number(field, value);
            assert_eq!((reading.figure(), reading.missing), (None, Some(Missing::Abi)), "{field:?} {value}");
        }
        assert_eq!(number(Field::UtilPct, 0.0).figure(), Some(0.0));
    }

    #[test]
    fn a_held_card_keeps_its_value_and_age_a_lost_one_does_not() {
        let mut reading = number(Field::UtilPct, 40.0);
        reading.follow(Reading::missing(Missing::Busy, Origin::Rsmi, 1_000_007));
        assert_eq!((reading.figure(), reading.missing, reading.age_ms(2_000_007)), (Some(40.0), Some(Missing::Busy), 2_000));
        reading.follow(Reading::missing(Missing::Gone, Origin::Rsmi, 2_000_007));
        assert_eq!((reading.figure(), reading.missing), (None, Some(Missing::Gone)));
        reading.follow(number(Field::UtilPct, 0.0));
        assert_eq!((reading.figure(), reading.missing), (Some(0.0), None));
    }

    #[test]
    fn a_reading_crosses_a_pipe_unchanged() {
        for reading in [
            Reading::number(Field::MemUsed, 68_719_476_736.0, Origin::Sysfs, 0, u64::MAX / 2),
            Reading::number(Field::UtilPct, 12.5, Origin::Hydmi, 1_000, 1),
            Reading::words("auto\x1b[2J", Origin::Sysfs, 2),
            Reading::missing(Missing::Other(18), Origin::Nvml, 3),
        ] {
            let text = serde_json::to_string(&reading).expect("writes");
            assert_eq!(serde_json::from_str::<Reading>(&text).expect("reads"), reading, "{text}");
            assert!(!text.contains('\u{1b}') && !text.contains("u001b"));
        }
    }
}
