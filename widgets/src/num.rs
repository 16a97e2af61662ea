//! The lossy number conversions a chart needs, each in one place.

/// A count as a float; above 2^53 the nearest one.
#[expect(clippy::cast_precision_loss, reason = "a chart shows at most a few hundred levels")]
pub(crate) const fn float(n: u64) -> f64 {
    n as f64
}

/// A length as a float.
pub(crate) fn float_len(n: usize) -> f64 {
    float(u64::try_from(n).unwrap_or(u64::MAX))
}

/// The whole part of `v`; negative and NaN give 0, too large the maximum.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is wanted")]
pub(crate) const fn whole(v: f64) -> u64 {
    v as u64
}

/// As [`whole`], for indexes.
pub(crate) fn index(v: f64) -> usize {
    usize::try_from(whole(v)).unwrap_or(usize::MAX)
}

/// As [`whole`], for cells.
pub(crate) fn cells(v: f64) -> u16 {
    u16::try_from(whole(v)).unwrap_or(u16::MAX)
}

/// `v` as a signed whole number, rounded towards zero and saturating.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is wanted")]
pub(crate) const fn signed(v: f64) -> i32 {
    v as i32
}
