//! Time: wall clock as RFC 3339 UTC for files, `CLOCK_MONOTONIC` microseconds inside a run.

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Microseconds of `CLOCK_MONOTONIC`; the same for all processes of one boot.
#[must_use]
pub fn monotonic_us() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1_000
}

/// Now as RFC 3339 UTC with milliseconds: `2026-11-23T18:40:31.123Z`.
#[must_use]
pub fn now_rfc3339() -> String {
    rfc3339(Timestamp::now())
}

/// `at` as RFC 3339 UTC with milliseconds.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Now as `YYYYMMDDThhmmssZ`, the form ids use.
#[must_use]
pub fn compact_utc() -> String {
    Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Local wall-clock `HH:MM:SS` of `at`, for the screen only.
#[must_use]
pub fn local_hms(at: Timestamp) -> String {
    at.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string()
}

/// Local wall clock `YYYY-MM-DD HH:MM:SS` of `at`, for the screen only.
#[must_use]
pub fn local(at: Timestamp) -> String {
    at.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// First line of every file that counts in run microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Wall clock at zero, RFC 3339 UTC.
    pub wall_start: String,
    /// The kernel's boot id: monotonic figures of other boots are not comparable.
    pub boot_id: String,
    /// Host name.
    pub host: String,
    /// `CLOCK_MONOTONIC` at zero, microseconds.
    pub mono_start_us: u64,
}

impl Epoch {
    /// Zero is now.
    #[must_use]
    pub fn now() -> Self {
        Self { wall_start: now_rfc3339(), boot_id: boot_id(), host: host(), mono_start_us: monotonic_us() }
    }

    /// Microseconds since zero.
    #[must_use]
    pub fn elapsed_us(&self) -> u64 {
        monotonic_us().saturating_sub(self.mono_start_us)
    }
}

/// `/proc/sys/kernel/random/boot_id`, empty where there is none.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// The node's name as `uname` gives it.
#[must_use]
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_times_have_milliseconds_and_a_z() {
        let at = Timestamp::from_millisecond(1_795_459_231_007).expect("in range");
        assert_eq!(rfc3339(at), "2026-11-23T18:40:31.007Z");
    }

    #[test]
    fn run_time_never_goes_back() {
        let epoch = Epoch::now();
        let first = epoch.elapsed_us();
        assert!(epoch.elapsed_us() >= first);
    }
}
