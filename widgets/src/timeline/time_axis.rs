//! The axis of time: which samples a column stands for, and what stands below the columns.

use ratatui_core::{buffer::Buffer, layout::Rect, style::Style};

use super::{Aggregate, series::Columns};
use crate::ruler::Ruler;

/// Where a label below the chart belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Sample number, counted from the start of the recording (a training step): moves with the chart.
    Sample(u64),
    /// So many samples before the newest (five minutes ago): stays where it is.
    Ago(u64),
}

/// A label below the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XLabel<'a> {
    /// Where it belongs; a label out of view is not shown.
    pub at: At,
    /// What it says.
    pub label: &'a str,
}

/// The axis of time that [`Timeline`](super::Timeline) and [`HeatStrip`](super::HeatStrip) share: told the same one, they stay in step.
#[derive(Debug, Clone, Copy)]
pub struct TimeAxis<'a> {
    samples_per_column: u32,
    until: Option<u64>,
    labels: &'a [XLabel<'a>],
    marks: &'a [u64],
    mark_style: Style,
}

impl Default for TimeAxis<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> TimeAxis<'a> {
    /// One sample a column, up to the newest sample, nothing below.
    #[must_use]
    pub const fn new() -> Self {
        Self { samples_per_column: 1, until: None, labels: &[], marks: &[], mark_style: Style::new() }
    }

    /// Samples that one column stands for, at least 1. Braille needs 2 or more to use both its dot columns.
    #[must_use]
    pub const fn samples_per_column(mut self, samples: u32) -> Self {
        self.samples_per_column = if samples == 0 { 1 } else { samples };
        self
    }

    /// Sample number just after the last column's, for charts that must stay in step though their own newest samples are late
    /// or missing, or that leave room for what is still to come. Unless told, the end of the samples.
    #[must_use]
    pub const fn until(mut self, end: u64) -> Self {
        self.until = Some(end);
        self
    }

    /// Labels on a row below the chart, the most important first, on three rows or more.
    #[must_use]
    pub const fn labels(mut self, labels: &'a [XLabel<'a>]) -> Self {
        self.labels = labels;
        self
    }

    /// Sample numbers at which something happened: a sign on the row of labels, where there is one.
    #[must_use]
    pub const fn marks(mut self, marks: &'a [u64], style: Style) -> Self {
        self.marks = marks;
        self.mark_style = style;
        self
    }

    /// Rows it takes below a chart of `height`.
    pub(super) fn rows(&self, height: u16) -> u16 {
        u16::from(height >= 3 && !self.labels.is_empty())
    }

    /// Which samples the columns of a chart `width` wide show, when the newest ends at `end`.
    pub(super) fn columns(&self, end: u64, width: u16, aggregate: Aggregate) -> Columns {
        Columns::new(self.until.unwrap_or(end), self.samples_per_column, width, aggregate)
    }

    /// Labels and marks on the row of `area` below `plot`, if there is one; a label may reach left under the axis, where nothing else is.
    pub(super) fn draw(&self, columns: &Columns, area: Rect, plot: Rect, ruler: Ruler, buf: &mut Buffer) {
        if plot.bottom() >= area.bottom() {
            return;
        }
        let row = Rect { y: plot.bottom(), height: 1, ..area };
        let labels = self.labels.iter().filter_map(|XLabel { at, label }| {
            let x = match *at {
                At::Sample(number) => columns.x(number),
                At::Ago(samples) => columns.x_ago(samples),
            };
            Some((plot.x + x?, *label))
        });
        ruler.below(row, labels, buf);
        // A label that a mark falls on stays.
        for x in self.marks.iter().filter_map(|&number| columns.x(number)) {
            if let Some(cell) = buf.cell_mut((plot.x + x, row.y)).filter(|cell| cell.symbol() == " ") {
                cell.set_symbol(if ruler.ascii { "^" } else { "▴" }).set_style(self.mark_style);
            }
        }
    }
}
