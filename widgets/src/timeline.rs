//! Series over time: a one-row sparkline, bars, or a tall braille chart.

mod bars;
mod dots;
mod heat;
mod series;
mod time_axis;

use ratatui_core::{buffer::Buffer, layout::Rect, style::Style, widgets::Widget};

pub use self::{
    heat::{HeatSample, HeatStrip},
    series::{Aggregate, Look, Series},
    time_axis::{At, TimeAxis, XLabel},
};
use crate::{
    LinearAxis, figure,
    ruler::{self, Ruler},
    text,
};
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
/// [`samples_per_column`](TimeAxis::samples_per_column) samples counted from sample 0 of the series, not from the newest, so
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
    time: TimeAxis<'a>,
    aggregate: Aggregate,
    form: Form,
    y_labels: Option<fn(f64) -> String>,
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
            time: TimeAxis::new(),
            aggregate: Aggregate::Max,
            form: Form::Auto,
            y_labels: None,
            axis_style: Style::new(),
            ascii: false,
        }
    }

    /// The axis of time: samples a column, labels and marks below.
    #[must_use]
    pub const fn time(mut self, time: TimeAxis<'a>) -> Self {
        self.time = time;
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

    /// Draws an axis at the left with labels written by `format`, such as [`figure::tick`], on two rows or more.
    #[must_use]
    pub const fn y_labels(mut self, format: fn(f64) -> String) -> Self {
        self.y_labels = Some(format);
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
    /// from which [`samples_per_column`](TimeAxis::samples_per_column) for a wanted span follows.
    #[must_use]
    pub fn plot(&self, area: Rect) -> Rect {
        let rows = area.height - self.time.rows(area.height);
        let labels =
            self.y_labels.filter(|_| rows >= 2).into_iter().flat_map(|format| self.ticks(rows).map(move |v| text::width(&format(v))));
        let left = labels.max().map_or(0, |widest| Ruler::columns(widest, area.width, 4));
        Rect { x: area.x + left, width: area.width - left, height: rows, ..area }
    }

    /// Values to mark at the left of a chart of `rows`.
    fn ticks(&self, rows: u16) -> impl Iterator<Item = f64> {
        self.axis.ticks(rows, figure::ROWS_PER_LABEL)
    }

    /// Which samples the columns of a chart `width` columns wide show.
    fn columns(&self, width: u16) -> Columns {
        let longest = self.series.iter().map(Series::end).max().unwrap_or(0);
        self.time.columns(longest, width, self.aggregate)
    }
}

impl Widget for Timeline<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let plot = self.plot(area);
        let ruler = Ruler { style: self.axis_style, ascii: self.ascii };
        if let Some(format) = self.y_labels {
            let row = |v| (plot.height - 1).saturating_sub(self.dot(v, plot.height) / 4);
            let labels = self.ticks(plot.height).map(|v| (row(v), format(v)));
            ruler.left(Rect { width: plot.x - area.x, height: plot.height, ..area }, labels, buf);
        }
        self.time.draw(&self.columns(plot.width), area, plot, ruler, buf);
        ruler::clear(plot, buf);
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
