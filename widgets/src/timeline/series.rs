//! Samples and their grouping into columns that stay put.

use ratatui_core::style::Style;

use crate::num;

/// How the samples of one column become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aggregate {
    /// The highest: peaks stay visible however much time a column holds.
    #[default]
    Max,
    /// The arithmetic mean of the readings that are there.
    Mean,
}

/// How a chart of several rows shows a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Look {
    /// A line from each value to the next, broken at gaps.
    #[default]
    Line,
    /// The area from the bottom up to the values: for a share of something, such as use in percent.
    Area,
    /// One `●` per column, not joined: for readings far apart, such as evaluations during a training.
    Points,
}

/// One line of a [`Timeline`](crate::Timeline): borrowed samples at a fixed interval, oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    pub(super) samples: &'a [Option<f64>],
    pub(super) first: u64,
    pub(super) style: Style,
    pub(super) look: Look,
}

impl<'a> Series<'a> {
    /// `samples` from sample number 0 on; `None` is a reading that is missing.
    #[must_use]
    pub const fn new(samples: &'a [Option<f64>]) -> Self {
        Self { samples, first: 0, style: Style::new(), look: Look::Line }
    }

    /// Number of the first sample, counted from the start of the recording: how many a bounded buffer has dropped, or
    /// how much later than the others the series began.
    #[must_use]
    pub const fn first(mut self, number: u64) -> Self {
        self.first = number;
        self
    }

    /// Style of the line or the bars.
    #[must_use]
    pub const fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// How a chart of several rows shows it, if not as a line; bars and sparklines do not differ.
    #[must_use]
    pub const fn look(mut self, look: Look) -> Self {
        self.look = look;
        self
    }

    /// Sample number just after the newest.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(u64::try_from(self.samples.len()).unwrap_or(u64::MAX))
    }

    /// The readings among samples number `from..to` as one value; `None` if there is none.
    fn value(&self, from: u64, to: u64, aggregate: Aggregate) -> Option<f64> {
        let at = |number: u64| usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.samples.len());
        let readings = self.samples.get(at(from)..at(to))?.iter().flatten().filter(|v| !v.is_nan());
        match aggregate {
            Aggregate::Max => readings.copied().reduce(f64::max),
            Aggregate::Mean => {
                let (sum, n) = readings.fold((0.0, 0), |(sum, n), v| (sum + v, n + 1));
                (n > 0).then(|| sum / num::float(n))
            }
        }
    }
}

/// Which samples each column of the chart shows. Columns are numbered from sample 0, so that they keep their samples
/// for good; only which of them are in view depends on the newest sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    per_column: u64,
    width: u16,
    /// Number of the column just after the newest.
    end: u64,
    aggregate: Aggregate,
}

impl Columns {
    pub(super) fn new(until: u64, per_column: u32, width: u16, aggregate: Aggregate) -> Self {
        let per_column = u64::from(per_column.max(1));
        Self { per_column, width, end: until.div_ceil(per_column), aggregate }
    }

    /// Number of the column at `x`, 0 at the left; `None` left of the first sample.
    fn number(&self, x: u16) -> Option<u64> {
        self.end.saturating_add(u64::from(x)).checked_sub(u64::from(self.width))
    }

    /// The one value of the column at `x`.
    pub(super) fn value(&self, series: &Series<'_>, x: u16) -> Option<f64> {
        let from = self.number(x)?.checked_mul(self.per_column)?;
        series.value(from, from.saturating_add(self.per_column), self.aggregate)
    }

    /// The left or right half of the column at `x`; a column of one sample shows it in both.
    pub(super) fn half(&self, series: &Series<'_>, x: u16, right: bool) -> Option<f64> {
        if self.per_column == 1 {
            return self.value(series, x);
        }
        let from = self.number(x)?.checked_mul(self.per_column)?;
        let middle = from.saturating_add(self.per_column.div_ceil(2));
        let (from, to) = if right { (middle, from.saturating_add(self.per_column)) } else { (from, middle) };
        series.value(from, to, self.aggregate)
    }

    /// The same columns with one more at the left, hidden from view: where a line into the leftmost column comes from.
    pub(super) fn with_one_before(&self) -> Self {
        Self { width: self.width.saturating_add(1), ..*self }
    }

    /// Those of `all`, which begins with sample 0, that belong to the column at `x`.
    pub(super) fn samples<'s, T>(&self, x: u16, all: &'s [T]) -> &'s [T] {
        let at = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).min(all.len());
        let Some(from) = self.number(x).and_then(|number| number.checked_mul(self.per_column)) else { return &[] };
        all.get(at(from)..at(from.saturating_add(self.per_column))).unwrap_or(&[])
    }

    /// The x at which sample `number` is in view.
    pub(super) fn x(&self, number: u64) -> Option<u16> {
        let x = (number / self.per_column).saturating_add(u64::from(self.width)).checked_sub(self.end)?;
        u16::try_from(x).ok().filter(|&x| x < self.width)
    }

    /// The x that lies `samples` before the newest: it never moves, whatever arrives.
    pub(super) fn x_ago(&self, samples: u64) -> Option<u16> {
        let columns = u16::try_from(samples / self.per_column).ok()?;
        self.width.checked_sub(1)?.checked_sub(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_holds_the_same_samples_whatever_comes_later() {
        let samples: Vec<Option<f64>> = (0..200_u32).map(|i| Some(f64::from(i))).collect();
        for end in 50..200 {
            let series = Series::new(&samples[..end]);
            let columns = Columns::new(series.end(), 4, 10, Aggregate::Max);
            for x in 0..9 {
                let number = columns.number(x).unwrap();
                #[expect(clippy::cast_precision_loss, reason = "small test numbers")]
                let highest = (number * 4 + 3) as f64;
                assert_eq!(columns.value(&series, x), Some(highest));
            }
        }
    }

    #[test]
    fn missing_readings_do_not_count_in_the_mean_and_all_missing_is_a_gap() {
        let samples = [Some(2.0), None, Some(4.0), Some(f64::NAN), None, None, None, None];
        let series = Series::new(&samples);
        let columns = Columns::new(8, 4, 2, Aggregate::Mean);
        assert_eq!((columns.value(&series, 0), columns.value(&series, 1)), (Some(3.0), None));
        assert_eq!(columns.half(&series, 0, false), Some(2.0));
        assert_eq!(columns.half(&series, 0, true), Some(4.0));
    }

    #[test]
    fn numbers_at_the_end_of_the_range_do_not_overflow() {
        let series = Series::new(&[Some(1.0), Some(2.0)]).first(u64::MAX - 1);
        let columns = Columns::new(series.end(), u32::MAX, 3, Aggregate::Max);
        for x in 0..3 {
            let _ = (columns.value(&series, x), columns.half(&series, x, true));
        }
        let _ = Columns::new(u64::MAX, 1, u16::MAX, Aggregate::Max).value(&series, u16::MAX);
    }
}
