//! Ranges snapped to 1-2-5 steps that only ever widen: as data arrive nothing on the chart jumps,
//! except the few times a range has to grow.

use crate::{LogBins, num};

/// Exponents beyond this are not drawn; it keeps every step a normal float.
const DECADES: i32 = 290;

/// The value of 1-2-5 step `k`: …, 0.5, 1, 2, 5, 10, … for …, -1, 0, 1, 2, 3, ….
fn step(k: i32) -> f64 {
    let mantissa = match k.rem_euclid(3) {
        0 => 1.0,
        1 => 2.0,
        _ => 5.0,
    };
    times_power(mantissa, k.div_euclid(3))
}

/// `v` times 10 to the `exponent`. Dividing by a whole power rounds once, so 3 · 10⁻¹ is the float that prints as 0.3.
fn times_power(v: f64, exponent: i32) -> f64 {
    if exponent < 0 { v / 10_f64.powi(-exponent) } else { v * 10_f64.powi(exponent) }
}

/// The largest step not above `v`, which is positive and finite.
fn step_below(v: f64) -> i32 {
    let v = v * (1.0 + 1e-12);
    let mut k = num::signed(v.log10().floor()).clamp(-DECADES, DECADES) * 3;
    // The logarithm lands on the decade, give or take one.
    while k < DECADES * 3 && step(k + 1) <= v {
        k += 1;
    }
    while k > -DECADES * 3 && step(k) > v {
        k -= 1;
    }
    k
}

/// The smallest step not below `v`, which is positive and finite.
fn step_above(v: f64) -> i32 {
    let k = step_below(v);
    if step(k) < v * (1.0 - 1e-12) { k + 1 } else { k }
}

/// A logarithmic range between two 1-2-5 values, for latencies.
///
/// Keep one per chart and [`widen`](Self::widen) it with what arrives:
///
/// ```
/// # use dcudeck_widgets::LogAxis;
/// let mut axis = LogAxis::new(140.0, 420.0);
/// assert_eq!((axis.lo(), axis.hi()), (100.0, 500.0));
/// assert!(!axis.widen(180.0, 480.0)); // inside: nothing moves
/// assert!(axis.widen(180.0, 884.0));
/// assert_eq!((axis.lo(), axis.hi()), (100.0, 1000.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogAxis {
    lo: i32,
    hi: i32,
}

impl LogAxis {
    /// The smallest range of 1-2-5 values around `lo..=hi`, at least two steps long.
    ///
    /// A bound that is not positive and finite is replaced by the other one; if neither is, the range is 1 to 10.
    #[must_use]
    pub fn new(lo: f64, hi: f64) -> Self {
        let usable = |v: f64| (v.is_finite() && v > 0.0).then_some(v);
        let (lo, hi) = match (usable(lo), usable(hi)) {
            (Some(lo), Some(hi)) => (lo.min(hi), lo.max(hi)),
            (Some(v), None) | (None, Some(v)) => (v, v),
            (None, None) => (1.0, 10.0),
        };
        let (lo, hi) = (step_below(lo), step_above(hi));
        // One step across the whole width would draw a narrow distribution as a plateau.
        match hi - lo {
            0 => Self { lo: lo - 1, hi: hi + 1 },
            1 => Self { lo: lo - 1, hi },
            _ => Self { lo, hi },
        }
    }

    /// Makes the range take in `lo..=hi`; true if it had to grow. Never shrinks. Values that are not positive and
    /// finite are passed over.
    pub fn widen(&mut self, lo: f64, hi: f64) -> bool {
        let before = *self;
        for v in [lo, hi] {
            if v.is_finite() && v > 0.0 {
                self.lo = self.lo.min(step_below(v));
                self.hi = self.hi.max(step_above(v));
            }
        }
        *self != before
    }

    /// As [`widen`](Self::widen), with all buckets that hold a sample.
    pub fn widen_to(&mut self, bins: &LogBins<'_>) -> bool {
        bins.span().is_some_and(|(lo, hi)| self.widen(lo, hi))
    }

    /// Lower end.
    #[must_use]
    pub fn lo(self) -> f64 {
        step(self.lo)
    }

    /// Upper end.
    #[must_use]
    pub fn hi(self) -> f64 {
        step(self.hi)
    }

    /// Where `v` lies, 0 at the lower end and 1 at the upper; outside (or NaN) clamped.
    #[must_use]
    pub fn position(self, v: f64) -> f64 {
        if v > self.lo() { ((v / self.lo()).ln() / (self.hi() / self.lo()).ln()).min(1.0) } else { 0.0 }
    }

    /// The column of `width` in which `v` lies; values outside go to the first or last. 0 if `width` is 0.
    #[must_use]
    pub fn column(self, v: f64, width: u16) -> u16 {
        // 1e-9 of a column: a value on the edge belongs to the column that starts there, whatever the rounding.
        num::cells(self.position(v).mul_add(f64::from(width), 1e-9)).min(width.saturating_sub(1))
    }

    /// The value at the left edge of `column` of `width`.
    #[must_use]
    pub fn edge(self, column: u16, width: u16) -> f64 {
        let share = f64::from(column) / f64::from(width.max(1));
        self.lo() * (self.hi() / self.lo()).powf(share)
    }

    /// The values to mark across `width` columns: all 1-2-5 values if each has 4 columns, else whole decades (every so
    /// many), else the two ends. First the lowest and the highest, for labels that compete for room, then from low to high.
    pub fn ticks(self, width: u16) -> impl Iterator<Item = f64> {
        let columns = i32::from(width).max(1);
        let steps = (self.hi - self.lo).max(1);
        let decades = (steps * 4).div_euclid(columns * 3) * 3 + 3;
        let aligned = |stride: i32, to: i32| (self.lo..=self.hi).filter(move |k| (k - to).rem_euclid(stride) == 0);
        let (stride, to) = match () {
            () if steps * 4 <= columns => (1, 0),
            () if aligned(decades, 0).nth(1).is_some() => (decades, 0),
            () => (steps, self.lo),
        };
        let mut inner = aligned(stride, to);
        let first = inner.next();
        let last = inner.next_back();
        first.into_iter().chain(last).chain(inner).map(step)
    }
}

/// A linear range between two multiples of a 1-2-5 step, for rates, loads and losses.
///
/// Keep one per chart and [`widen`](Self::widen) it with what arrives:
///
/// ```
/// # use dcudeck_widgets::LinearAxis;
/// let mut rate = LinearAxis::from_zero(4_218.0);
/// assert_eq!((rate.lo(), rate.hi()), (0.0, 5_000.0));
/// assert!(!rate.widen(4_900.0));
/// assert!(rate.widen(5_120.0));
/// assert_eq!(rate.hi(), 6_000.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearAxis {
    lo: f64,
    hi: f64,
}

impl LinearAxis {
    /// The smallest range of whole steps around `lo..=hi`, of about three to six steps; a bound that is not finite counts as 0.
    #[must_use]
    pub fn new(lo: f64, hi: f64) -> Self {
        let usable = |v: f64| {
            if v.is_finite() { v.clamp(-1e280, 1e280) } else { 0.0 }
        };
        let (a, b) = (usable(lo), usable(hi));
        let (lo, hi) = (a.min(b), a.max(b));
        // A single value gets a range that its size suggests; 0 gets 0 to 1.
        let hi = if hi - lo > lo.abs() * 1e-9 + 1e-280 { hi } else { lo + if lo == 0.0 { 1.0 } else { lo.abs() * 0.1 } };
        let k = step_above((hi - lo) / 5.0);
        let (size, exponent) = (step(k.rem_euclid(3)), k.div_euclid(3));
        let steps = |v: f64| times_power(v, -exponent) / size;
        Self { lo: times_power((steps(lo) + 1e-9).floor() * size, exponent), hi: times_power((steps(hi) - 1e-9).ceil() * size, exponent) }
    }

    /// From 0 to at least `hi`.
    #[must_use]
    pub fn from_zero(hi: f64) -> Self {
        Self::new(0.0, hi)
    }

    /// Makes the range take in `v`; true if it had to grow. Never shrinks; a `v` that is not finite is passed over.
    pub fn widen(&mut self, v: f64) -> bool {
        if !v.is_finite() || (self.lo..=self.hi).contains(&v) {
            return false;
        }
        let wider = Self::new(self.lo.min(v), self.hi.max(v));
        // `min` and `max` so that rounding can never move a bound inwards.
        *self = Self { lo: wider.lo.min(self.lo), hi: wider.hi.max(self.hi) };
        true
    }

    /// As [`widen`](Self::widen), with every reading that is there.
    pub fn widen_to(&mut self, samples: &[Option<f64>]) -> bool {
        let mut grown = false;
        for &v in samples.iter().flatten() {
            grown |= self.widen(v);
        }
        grown
    }

    /// Lower end.
    #[must_use]
    pub const fn lo(self) -> f64 {
        self.lo
    }

    /// Upper end.
    #[must_use]
    pub const fn hi(self) -> f64 {
        self.hi
    }

    /// Where `v` lies, 0 at the lower end and 1 at the upper; outside (or NaN) clamped.
    #[must_use]
    pub fn position(self, v: f64) -> f64 {
        let share = (v - self.lo) / (self.hi - self.lo);
        if share > 0.0 { share.min(1.0) } else { 0.0 }
    }

    /// Both ends and the 1-2-5 values between them that keep `gap` rows from each other on a chart of `rows`, from low to high.
    pub fn ticks(self, rows: u16, gap: u16) -> impl Iterator<Item = f64> {
        let span = self.hi - self.lo;
        let most = f64::from(rows.saturating_sub(1) / gap.max(1));
        let finest = step_below(span / 1_000.0);
        // The finest step that divides the range and leaves room; the whole range if there is none.
        let whole = (finest..finest + 10).find_map(|k| {
            let intervals = span / step(k);
            let even = (intervals - intervals.round()).abs() < 1e-6 && (self.lo / step(k)).fract().abs() % 1.0 < 1e-6;
            (even && intervals.round() <= most).then_some((k, intervals.round()))
        });
        let (k, intervals) = whole.map_or((0, 1.0), |(k, n)| (k, n));
        let size = if whole.is_some() { step(k) } else { span };
        let count = num::index(intervals).clamp(1, usize::from(rows.max(1)));
        let (lo, hi) = (self.lo, self.hi);
        (0..=count).map(move |i| if i == count { hi } else { size.mul_add(num::float_len(i), lo) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_ranges_snap_outwards_to_1_2_5() {
        for (lo, hi, want) in [
            (140.0, 420.0, (100.0, 500.0)),
            (100.0, 1_000.0, (100.0, 1_000.0)),
            (0.003, 0.3, (0.002, 0.5)),
            (200.0, 210.0, (100.0, 500.0)),
            (100.0, 100.0, (50.0, 200.0)),
            (f64::NAN, 30.0, (20.0, 50.0)),
            (0.0, -1.0, (1.0, 10.0)),
        ] {
            let axis = LogAxis::new(lo, hi);
            if lo.is_nan() {
                assert!(axis.lo() <= 20.0 && axis.hi() >= 50.0);
            } else {
                assert_eq!((axis.lo(), axis.hi()), want, "{lo}..{hi}");
            }
        }
    }

    #[test]
    fn a_log_range_never_shrinks_whatever_arrives() {
        let mut axis = LogAxis::new(100.0, 500.0);
        for v in [300.0, f64::NAN, 0.0, -5.0, f64::INFINITY, 30_000.0, 1.0, 1e-308, 1e308, 250.0] {
            let before = axis;
            axis.widen(v, v);
            assert!(axis.lo() <= before.lo() && axis.hi() >= before.hi());
        }
        assert!(axis.lo().is_normal() && axis.hi().is_normal());
    }

    #[test]
    fn a_column_edge_belongs_to_the_column_it_starts() {
        for width in 1..200 {
            let axis = LogAxis::new(5.0, 20_000.0);
            for column in 0..width {
                assert_eq!(axis.column(axis.edge(column, width), width), column);
            }
            assert_eq!(axis.column(1.0, width), 0);
            assert_eq!(axis.column(1e9, width), width - 1);
        }
    }

    #[test]
    fn log_ticks_thin_out_on_narrow_charts() {
        let axis = LogAxis::new(10.0, 1_000.0);
        let sorted = |width| {
            let mut ticks: Vec<f64> = axis.ticks(width).collect();
            ticks.sort_by(f64::total_cmp);
            ticks
        };
        assert_eq!(sorted(60), [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0]);
        assert_eq!(sorted(20), [10.0, 100.0, 1_000.0]);
        assert_eq!(sorted(3), [10.0, 1_000.0]);
        assert_eq!(LogAxis::new(20.0, 500.0).ticks(12).collect::<Vec<_>>(), [20.0, 500.0]);
        assert_eq!(axis.ticks(60).take(2).collect::<Vec<_>>(), [10.0, 1_000.0]);
    }

    #[test]
    fn linear_ranges_snap_to_whole_steps() {
        for (lo, hi, want) in [
            (0.0, 64.0, (0.0, 80.0)),
            (0.0, 100.0, (0.0, 100.0)),
            (0.0, 4_218.0, (0.0, 5_000.0)),
            (0.61, 1.78, (0.5, 2.0)),
            (0.0, 0.0, (0.0, 1.0)),
            (-3.0, 7.0, (-4.0, 8.0)),
            (f64::NAN, f64::INFINITY, (0.0, 1.0)),
        ] {
            let axis = LinearAxis::new(lo, hi);
            assert_eq!((axis.lo(), axis.hi()), want, "{lo}..{hi}");
        }
    }

    #[test]
    fn a_linear_range_never_shrinks_and_grows_in_few_jumps() {
        let mut axis = LinearAxis::from_zero(1.0);
        let mut jumps = 0;
        let mut v = 1.0;
        while v < 1e6 {
            let before = axis;
            jumps += u32::from(axis.widen(v));
            assert!(axis.lo() <= before.lo() && axis.hi() >= before.hi() && axis.hi() >= v);
            v *= 1.01;
        }
        assert!(jumps <= 60, "{jumps} jumps over six decades");
        assert!(!axis.widen(f64::NAN));
    }

    #[test]
    fn linear_ticks_are_round_and_keep_their_distance() {
        let ticks = |axis: LinearAxis, rows| axis.ticks(rows, 2).collect::<Vec<_>>();
        assert_eq!(ticks(LinearAxis::from_zero(100.0), 3), [0.0, 100.0]);
        assert_eq!(ticks(LinearAxis::from_zero(100.0), 5), [0.0, 50.0, 100.0]);
        assert_eq!(ticks(LinearAxis::from_zero(100.0), 11), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(LinearAxis::new(0.6, 1.8), 7), [0.5, 1.0, 1.5, 2.0]);
        assert_eq!(ticks(LinearAxis::from_zero(5_000.0), 3), [0.0, 5_000.0]);
    }
}
