//! Series over time: a one-row sparkline, bars, or a tall braille chart.

mod bars;
mod dots;
mod frame;
mod heat;
mod series;

use ratatui_core::{buffer::Buffer, layout::Rect, style::Style, widgets::Widget};

pub use self::{
    frame::{At, XLabel},
    heat::{HeatSample, HeatStrip},
    series::{Aggregate, Look, Series},
};
use crate::{LinearAxis, figure};
use series::Columns;

/// How values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// [`Bars`](Self::Bars) on one row, [`Dots`](Self::Dots) on more.
    #[default]
    Auto,
    /// Eighth blocks, one value per column, at any height.
    Bars,
    /// Lines and areas of braille dots, two values per column and four per row.
    Dots,
}

/// Several series over time, newest at the right.
///
/// ```text
///  100 ┤⢰⠒⠤⣀⡀      ⣀⠤⠒⠉⠉⠒⠤⣀⣀⣀⠤⠒          in flight ▁▃▅▇██  ▇████▇██
///      │⡎    ⠈⠉⠉⠉                                         ↑ nothing was read here
///   50 ┤⡇
///      │⠇
///    0 ┤
///       -5 min        -2.5      now
/// ```
///
/// One row is drawn as a sparkline, more rows as a braille chart; see [`Form`]. A series drawn later lies on top: in a
/// cell that two share, the style is the later one's, and lines keep both their dots (an area hides what is below it).
/// A sample that is `None` or NaN is a gap: nothing is drawn and lines do not cross it. Values outside the axis are clamped.
///
/// # What a new sample changes
///
/// A chart that re-draws itself with every sample costs bytes on each one and flickers. Here a column stands for
/// [`samples_per_column`](Self::samples_per_column) samples counted from sample 0 of the series, not from the newest, so
/// a column's samples never change once it is full: a new sample changes the newest column only, until that is full, and
/// then the whole chart moves left by one column. Braille holds two values per column, and follows the same rule:
/// its columns advance whole. For this to hold over a buffer that drops old samples, tell the series
/// the number of its first sample with [`Series::first`], and keep the [`LinearAxis`].
///
/// Draws inside its area only, at any size. Axis labels are left out where they would leave no room for the chart.
#[derive(Debug, Clone, Copy)]
pub struct Timeline<'a> {
    series: &'a [Series<'a>],
    axis: LinearAxis,
    samples_per_column: u32,
    aggregate: Aggregate,
    form: Form,
    until: Option<u64>,
    y_labels: Option<fn(f64) -> String>,
    x_labels: &'a [XLabel<'a>],
    marks: &'a [u64],
    mark_style: Style,
    axis_style: Style,
    ascii: bool,
}

impl<'a> Timeline<'a> {
    /// A timeline of `series` across `axis`, which the caller keeps from frame to frame so that it only widens.
    #[must_use]
    pub const fn new(series: &'a [Series<'a>], axis: LinearAxis) -> Self {
        Self {
            series,
            axis,
            samples_per_column: 1,
            aggregate: Aggregate::Max,
            form: Form::Auto,
            until: None,
            y_labels: None,
            x_labels: &[],
            marks: &[],
            mark_style: Style::new(),
            axis_style: Style::new(),
            ascii: false,
        }
    }

    /// Samples that one column stands for, at least 1 (the default). Braille needs 2 or more to use both its dot columns.
    #[must_use]
    pub const fn samples_per_column(mut self, samples: u32) -> Self {
        self.samples_per_column = if samples == 0 { 1 } else { samples };
        self
    }

    /// How the samples of a column become one value; the highest unless told.
    #[must_use]
    pub const fn aggregate(mut self, aggregate: Aggregate) -> Self {
        self.aggregate = aggregate;
        self
    }

    /// Bars or dots; by height unless told.
    #[must_use]
    pub const fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Sample number just after the newest one, for charts that must stay in step with others though their own newest
    /// samples are late or missing. Unless told, the end of the longest series.
    #[must_use]
    pub const fn until(mut self, end: u64) -> Self {
        self.until = Some(end);
        self
    }

    /// Draws an axis at the left with labels written by `format`, such as [`figure::tick`], on two rows or more.
    #[must_use]
    pub const fn y_labels(mut self, format: fn(f64) -> String) -> Self {
        self.y_labels = Some(format);
        self
    }

    /// Labels on a row below the chart, the most important first, on three rows or more.
    #[must_use]
    pub const fn x_labels(mut self, labels: &'a [XLabel<'a>]) -> Self {
        self.x_labels = labels;
        self
    }

    /// Sample numbers at which something happened: a sign on the row of labels, where there is one.
    #[must_use]
    pub const fn marks(mut self, marks: &'a [u64], style: Style) -> Self {
        self.marks = marks;
        self.mark_style = style;
        self
    }

    /// Style of axes and labels.
    #[must_use]
    pub const fn axis_style(mut self, style: Style) -> Self {
        self.axis_style = style;
        self
    }

    /// Draw with `#`, `|`, `-`, `*`, `+` and `.` only.
    #[must_use]
    pub const fn ascii(mut self, ascii: bool) -> Self {
        self.ascii = ascii;
        self
    }

    /// The part of `area` in which values are drawn: what axes leave over. Its width is the number of columns shown,
    /// from which [`samples_per_column`](Self::samples_per_column) for a wanted span follows.
    #[must_use]
    pub fn plot(&self, area: Rect) -> Rect {
        let x_rows = u16::from(area.height >= 3 && !self.x_labels.is_empty());
        let rows = area.height - x_rows;
        let y_columns = if rows >= 2 { self.y_width(rows) } else { 0 };
        let y_columns = if y_columns + 4 <= area.width { y_columns } else { 0 };
        Rect { x: area.x + y_columns, width: area.width - y_columns, height: rows, ..area }
    }

    /// Columns that the axis at the left takes on a chart of `rows`: labels, a space, the line.
    fn y_width(&self, rows: u16) -> u16 {
        let Some(format) = self.y_labels else {
            return 0;
        };
        let widest = self.axis.ticks(rows, figure::ROWS_PER_LABEL).map(|v| crate::text::width(&format(v))).max();
        u16::try_from(widest.unwrap_or(0)).unwrap_or(u16::MAX).saturating_add(2)
    }

    /// Which samples the columns of a chart `width` columns wide show.
    fn columns(&self, width: u16) -> Columns {
        let longest = self.series.iter().map(Series::end).max().unwrap_or(0);
        Columns::new(self.until.unwrap_or(longest), self.samples_per_column, width, self.aggregate)
    }
}

impl Widget for Timeline<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let plot = self.plot(area);
        self.draw_frame(area, plot, buf);
        for position in plot.positions() {
            if let Some(cell) = buf.cell_mut(position) {
                cell.set_symbol(" ");
            }
        }
        match self.form {
            Form::Dots if self.ascii => self.draw_characters(plot, buf),
            Form::Dots => self.draw_dots(plot, buf),
            Form::Auto if plot.height > 1 && self.ascii => self.draw_characters(plot, buf),
            Form::Auto if plot.height > 1 => self.draw_dots(plot, buf),
            Form::Auto | Form::Bars => self.draw_bars(plot, buf),
        }
    }
}

#[cfg(test)]
mod tests;
