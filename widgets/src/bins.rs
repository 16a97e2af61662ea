//! Counts on a log grid, and their rebinning to the columns of a chart.

use crate::{LogAxis, num};

/// Borrowed counts on a log grid: bucket `i` holds the samples from `first · ratioⁱ` up to `first · ratioⁱ⁺¹`.
///
/// A grid whose `first` is not positive and finite, or whose `ratio` is not above 1 and finite, holds nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogBins<'a> {
    /// Lower edge of the first bucket, in the axis' unit.
    pub first: f64,
    /// Upper edge over lower edge of each bucket.
    pub ratio: f64,
    /// Samples per bucket.
    pub counts: &'a [u64],
}

impl LogBins<'_> {
    fn is_grid(&self) -> bool {
        self.first.is_finite() && self.first > 0.0 && self.ratio.is_finite() && self.ratio > 1.0
    }

    /// Lower edge of the first bucket that holds a sample and upper edge of the last; `None` if none does.
    #[must_use]
    pub fn span(&self) -> Option<(f64, f64)> {
        let held = |&count: &u64| count > 0;
        let lowest = self.counts.iter().position(held).filter(|_| self.is_grid())?;
        let highest = self.counts.iter().rposition(held)?;
        let edge = |i| self.first * self.ratio.powf(num::float_len(i));
        Some((edge(lowest), edge(highest + 1)))
    }

    /// The axis that shows all samples and nothing more; `None` while there are none.
    #[must_use]
    pub fn axis(&self) -> Option<LogAxis> {
        self.span().map(|(lo, hi)| LogAxis::new(lo, hi))
    }

    /// Samples in each of `width` columns of `axis`.
    ///
    /// Nothing is lost or invented: the columns' sum is the buckets' sum. A bucket over several columns is split in
    /// proportion to its share of each (on the log axis), in whole samples, a lone one going to the middle. What lies
    /// outside the axis goes to the first and last column, so that a tail is never cut.
    ///
    /// ```
    /// # use dcudeck_widgets::{LogAxis, LogBins};
    /// let bins = LogBins { first: 50.0, ratio: 2.0, counts: &[1, 8, 4, 0, 0, 1] };
    /// let columns: Vec<u64> = bins.columns(LogAxis::new(100.0, 1000.0), 4).collect();
    /// assert_eq!(columns.iter().sum::<u64>(), 14);
    /// ```
    pub fn columns(&self, axis: LogAxis, width: u16) -> impl Iterator<Item = u64> {
        let grid = Grid::new(self, axis, width);
        (0..width).map(move |column| grid.column(column))
    }
}

/// The buckets seen from the columns: how a column's edges map to bucket numbers.
#[derive(Debug, Clone, Copy)]
struct Grid<'a> {
    counts: &'a [u64],
    width: u16,
    /// Bucket number, with its fraction, at the axis' lower end.
    start: f64,
    /// Buckets per column.
    stride: f64,
}

impl<'a> Grid<'a> {
    fn new(bins: &LogBins<'a>, axis: LogAxis, width: u16) -> Self {
        let unit = bins.ratio.ln();
        Self {
            counts: if bins.is_grid() { bins.counts } else { &[] },
            width,
            start: (axis.lo() / bins.first).ln() / unit,
            stride: (axis.hi() / axis.lo()).ln() / unit / f64::from(width.max(1)),
        }
    }

    /// Bucket number at the left edge of `column`. The outermost edges lie at infinity: tails belong to the end columns.
    fn edge(&self, column: u16) -> f64 {
        match column {
            0 => f64::NEG_INFINITY,
            _ if column >= self.width => f64::INFINITY,
            _ => self.stride.mul_add(f64::from(column), self.start),
        }
    }

    /// Samples of bucket `i` that lie left of `edge`. Taking differences of this between edges is what keeps the sum:
    /// rounding moves a sample to the neighbour, never away.
    fn left_of(count: u64, i: usize, edge: f64) -> u64 {
        let share = edge - num::float_len(i);
        if share <= 0.0 {
            0
        } else if share >= 1.0 {
            count
        } else {
            num::whole((num::float(count) * share).round()).min(count)
        }
    }

    fn column(&self, column: u16) -> u64 {
        let (left, right) = (self.edge(column), self.edge(column + 1));
        let from = num::index(left.floor()).min(self.counts.len());
        let to = num::index(right.ceil()).min(self.counts.len());
        let held = self.counts.get(from..to).unwrap_or_default();
        held.iter()
            .zip(from..)
            .fold(0_u64, |sum, (&count, i)| sum.saturating_add(Self::left_of(count, i, right) - Self::left_of(count, i, left)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small seeded generator: tests must be the same on every run.
    fn random(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }

    #[test]
    fn rebinning_keeps_every_sample_on_any_grid_and_width() {
        let mut seed = 0x5eed;
        for _ in 0..3_000 {
            let counts: Vec<u64> = (0..random(&mut seed) % 90)
                .map(|_| if random(&mut seed).is_multiple_of(3) { random(&mut seed) >> (20 + random(&mut seed) % 44) } else { 0 })
                .collect();
            let unit = |n: u64| num::float(n % 10_000) / 10_000.0;
            let bins = LogBins {
                first: 10_f64.powf(unit(random(&mut seed)).mul_add(6.0, -3.0)),
                ratio: 1.0 + 10_f64.powf(unit(random(&mut seed)).mul_add(3.5, -3.0)),
                counts: &counts,
            };
            let axis = LogAxis::new(10_f64.powf(unit(random(&mut seed)).mul_add(6.0, -3.0)), 10_f64.powf(unit(random(&mut seed)) * 5.0));
            let width = u16::try_from(random(&mut seed) % 240 + 1).unwrap();
            let sum: u64 = bins.columns(axis, width).sum();
            assert_eq!(sum, counts.iter().sum::<u64>(), "{bins:?} {axis:?} {width}");
        }
    }

    #[test]
    fn a_bucket_lands_in_the_column_of_its_values() {
        let mut counts = [0; 60];
        counts[30] = 7;
        let bins = LogBins { first: 1.0, ratio: 1.1, counts: &counts };
        let axis = LogAxis::new(1.0, 1_000.0);
        // Bucket 30 spans 17.4 to 19.2 ms.
        let columns: Vec<u64> = bins.columns(axis, 30).collect();
        assert_eq!(columns[usize::from(axis.column(18.0, 30))], 7);
    }

    #[test]
    fn a_coarse_bucket_is_spread_evenly_and_a_lone_sample_sits_in_its_middle() {
        let axis = LogAxis::new(1.0, 10.0);
        let columns = |count| LogBins { first: 1.0, ratio: 10.0, counts: &[count] }.columns(axis, 5).collect::<Vec<_>>();
        assert_eq!(columns(100), [20, 20, 20, 20, 20]);
        assert_eq!(columns(1), [0, 0, 1, 0, 0]);
    }

    #[test]
    fn samples_outside_the_axis_go_to_the_end_columns() {
        let bins = LogBins { first: 0.1, ratio: 10.0, counts: &[3, 0, 0, 0, 5] };
        let columns: Vec<u64> = bins.columns(LogAxis::new(1.0, 100.0), 4).collect();
        assert_eq!(columns, [3, 0, 0, 5]);
    }

    #[test]
    fn a_grid_that_is_none_holds_nothing() {
        for (first, ratio) in [(0.0, 2.0), (-1.0, 2.0), (1.0, 1.0), (1.0, f64::NAN), (f64::INFINITY, 2.0)] {
            let bins = LogBins { first, ratio, counts: &[9] };
            assert_eq!(bins.span(), None);
            assert_eq!(bins.columns(LogAxis::new(1.0, 10.0), 3).sum::<u64>(), 0);
        }
    }

    #[test]
    fn the_axis_of_bins_covers_the_held_ones_only() {
        let bins = LogBins { first: 1.0, ratio: 2.0, counts: &[0, 0, 0, 4, 9, 1, 0, 0] };
        let axis = bins.axis().unwrap();
        assert_eq!((axis.lo(), axis.hi()), (5.0, 100.0));
        assert_eq!(LogBins { counts: &[0, 0], ..bins }.axis(), None);
    }
}
