//! A latency distribution: bars on a log axis, percentile marks, and the limit they are held against.

use ratatui_core::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
    widgets::Widget,
};

use crate::{LogAxis, LogBins, figure, ruler, shelf::Shelf, text};

const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const EIGHTHS_ASCII: [&str; 9] = [" ", ".", ".", ".", "#", "#", "#", "#", "#"];

/// A value pointed at on the axis, such as a percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark<'a> {
    /// The value, in the axis' unit.
    pub at: f64,
    /// Shown below the axis where there is room; empty for a tick alone.
    pub label: &'a str,
    /// Style of the tick and the label.
    pub style: Style,
}

/// A histogram of latencies on a log axis.
///
/// ```text
///          ██▅▂           ┊            bars on a linear scale; ┊ the limit, through the bars
///         ▃████▅▂         ┊            a column that holds a sample shows at least an eighth:
///       ▂▅████████▅▄▃▂▂▁  ┊      ▁     a lone outlier is seen
///  ┬────┬─────┬┴──────┼───┊───┴─┬───┬  ┬ axis value, ┴ mark, ┼ both
///  50  100   P50     P90 SLO P99  5 s  the less important label goes where two would touch
/// ```
///
/// The height decides what is drawn: 1 row holds bars, 2 add the axis, 3 to 7 add a row of labels shared by values, marks and
/// limit, from 8 on marks and limit have a row of their own. On a shared row the limit comes first, then the lowest
/// and highest axis value, then the marks in the order given, then the other values.
///
/// Samples outside the axis are shown in the first and last column. A limit outside the axis is not drawn as a line; its
/// label stands at the end it lies beyond, with `›` or `‹`. Draws inside its area only, at any size; without samples
/// only the axis is drawn. Backgrounds are left as they are, except where the limit crosses a bar.
#[derive(Debug, Clone, Copy)]
pub struct Histogram<'a> {
    bins: LogBins<'a>,
    axis: LogAxis,
    marks: &'a [Mark<'a>],
    limit: Option<f64>,
    limit_label: &'a str,
    bar_style: Style,
    over_style: Style,
    axis_style: Style,
    limit_style: Style,
    format: fn(f64) -> String,
    ascii: bool,
}

impl<'a> Histogram<'a> {
    /// A histogram of `bins` across `axis`, which the caller keeps from frame to frame so that it only widens.
    #[must_use]
    pub const fn new(bins: LogBins<'a>, axis: LogAxis) -> Self {
        Self {
            bins,
            axis,
            marks: &[],
            limit: None,
            limit_label: "SLO",
            bar_style: Style::new(),
            over_style: Style::new(),
            axis_style: Style::new(),
            limit_style: Style::new(),
            format: figure::tick,
            ascii: false,
        }
    }

    /// Values pointed at, the most important first.
    #[must_use]
    pub const fn marks(mut self, marks: &'a [Mark<'a>]) -> Self {
        self.marks = marks;
        self
    }

    /// The value that samples should stay below, drawn as a dotted line; `None` (or NaN) for none.
    #[must_use]
    pub const fn limit(mut self, limit: Option<f64>) -> Self {
        self.limit = limit;
        self
    }

    /// What the limit is called below the axis; `SLO` unless told.
    #[must_use]
    pub const fn limit_label(mut self, label: &'a str) -> Self {
        self.limit_label = label;
        self
    }

    /// Style of the bars.
    #[must_use]
    pub const fn bar_style(mut self, style: Style) -> Self {
        self.bar_style = style;
        self
    }

    /// Style of the bars right of the limit, on top of the bars' own.
    #[must_use]
    pub const fn over_style(mut self, style: Style) -> Self {
        self.over_style = style;
        self
    }

    /// Style of the axis and its values.
    #[must_use]
    pub const fn axis_style(mut self, style: Style) -> Self {
        self.axis_style = style;
        self
    }

    /// Style of the limit and its label.
    #[must_use]
    pub const fn limit_style(mut self, style: Style) -> Self {
        self.limit_style = style;
        self
    }

    /// How axis values are written; [`figure::tick`] unless told, [`figure::tick_ms`] for milliseconds.
    #[must_use]
    pub const fn format(mut self, format: fn(f64) -> String) -> Self {
        self.format = format;
        self
    }

    /// Draw with `#`, `|`, `-`, `*`, `+` and `.` only.
    #[must_use]
    pub const fn ascii(mut self, ascii: bool) -> Self {
        self.ascii = ascii;
        self
    }

    /// Where the limit lies, if there is one.
    fn limit_side(&self) -> Option<Side> {
        let limit = self.limit.filter(|limit| !limit.is_nan())?;
        Some(match limit {
            _ if limit < self.axis.lo() => Side::Below,
            _ if limit > self.axis.hi() => Side::Above,
            _ => Side::Within(limit),
        })
    }

    /// The limit's column of `width`, if it is on the axis.
    fn limit_column(&self, width: u16) -> Option<u16> {
        match self.limit_side() {
            Some(Side::Within(limit)) => Some(self.axis.column(limit, width)),
            _ => None,
        }
    }

    fn draw_bars(&self, area: Rect, buf: &mut Buffer) {
        let max = self.bins.columns(self.axis, area.width).max().unwrap_or(0);
        let line = self.limit_column(area.width);
        // Right of the line everything is over the limit; in its own column some samples may still be under.
        let over_from = match self.limit_side() {
            Some(Side::Below) => 0,
            Some(Side::Within(_)) => line.map_or(u16::MAX, |column| column + 1),
            Some(Side::Above) | None => u16::MAX,
        };
        let symbols = if self.ascii { &EIGHTHS_ASCII } else { &EIGHTHS };
        for (column, count) in (0..area.width).zip(self.bins.columns(self.axis, area.width)) {
            let style = if column >= over_from { self.bar_style.patch(self.over_style) } else { self.bar_style };
            let mut eighths = eighths(count, max, area.height);
            for y in (area.top()..area.bottom()).rev() {
                let level = eighths.min(8);
                eighths -= level;
                let Some(cell) = buf.cell_mut((area.x + column, y)) else {
                    continue;
                };
                let through = line == Some(column) && (level == 0 || level == 8);
                if through {
                    let symbol = if self.ascii { "|" } else { "┊" };
                    let base = if level == 8 { self.solid(style) } else { Style::new() };
                    cell.set_symbol(symbol).set_style(base.patch(self.limit_style));
                } else {
                    cell.set_symbol(symbols.get(usize::from(level)).copied().unwrap_or(" "));
                    if level > 0 {
                        cell.set_style(style);
                    }
                }
            }
        }
    }

    /// The look of a full bar as a background, so that the limit's line can cross it.
    fn solid(&self, bar: Style) -> Style {
        match bar.fg {
            _ if self.ascii => Style::new(),
            Some(colour) => Style::new().bg(colour),
            None => Style::new().add_modifier(Modifier::REVERSED),
        }
    }

    fn draw_axis(&self, area: Rect, buf: &mut Buffer) {
        let glyph = |unicode, ascii| if self.ascii { ascii } else { unicode };
        let mut put = |column: u16, symbol: &str, style: Style| {
            if let Some(cell) = buf.cell_mut((area.x + column, area.y)) {
                cell.set_symbol(symbol).set_style(style);
            }
        };
        for column in 0..area.width {
            put(column, glyph("─", "-"), self.axis_style);
        }
        for value in self.axis.ticks(area.width) {
            put(self.axis.column(value, area.width), glyph("┬", "+"), self.axis_style);
        }
        // The first mark is the most important: it is drawn last.
        for mark in self.marks.iter().rev().filter(|mark| mark.at.is_finite()) {
            let column = self.axis.column(mark.at, area.width);
            let on_value = self.axis.ticks(area.width).any(|value| self.axis.column(value, area.width) == column);
            let symbol = if on_value { glyph("┼", "*") } else { glyph("┴", "*") };
            put(column, symbol, self.axis_style.patch(mark.style));
        }
        if let Some(column) = self.limit_column(area.width) {
            put(column, glyph("┊", "|"), self.axis_style.patch(self.limit_style));
        }
    }

    /// Labels on one or two rows; on two the upper one belongs to the axis.
    fn draw_labels(&self, area: Rect, buf: &mut Buffer) {
        ruler::clear(area, buf);
        let mut row = LabelRow::new(self, area);
        if area.height > 1 {
            row.values(buf, 0..usize::MAX);
            row = LabelRow::new(self, Rect { y: area.y + 1, ..area });
            row.limit(buf);
            row.marks(buf);
        } else {
            row.limit(buf);
            row.values(buf, 0..2);
            row.marks(buf);
            row.values(buf, 2..usize::MAX);
        }
    }
}

impl Widget for Histogram<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let labels = match area.height {
            0..=2 => 0,
            3..=7 => 1,
            _ => 2,
        };
        let axis = u16::from(area.height > 1);
        let bars = Rect { height: area.height - axis - labels, ..area };
        self.draw_bars(bars, buf);
        if axis > 0 {
            self.draw_axis(Rect { y: bars.bottom(), height: 1, ..area }, buf);
        }
        if labels > 0 {
            self.draw_labels(Rect { y: bars.bottom() + 1, height: labels, ..area }, buf);
        }
    }
}

/// Where a limit lies relative to the axis.
enum Side {
    Below,
    Within(f64),
    Above,
}

/// Height of a bar in eighths of a cell. A column that holds a sample always shows: a lone 30 s outlier must be seen.
fn eighths(count: u64, max: u64, rows: u16) -> u16 {
    if count == 0 {
        return 0;
    }
    let full = rows.saturating_mul(8);
    let scaled = (u128::from(count) * u128::from(full) + u128::from(max) / 2) / u128::from(max.max(1));
    u16::try_from(scaled).unwrap_or(full).clamp(1, full)
}

/// One row of labels below the axis being filled, by what matters most first.
struct LabelRow<'h, 'a> {
    of: &'h Histogram<'a>,
    area: Rect,
    shelf: Shelf,
}

impl<'h, 'a> LabelRow<'h, 'a> {
    fn new(of: &'h Histogram<'a>, area: Rect) -> Self {
        Self { of, area, shelf: Shelf::new(area.left(), area.right()) }
    }

    fn put(&mut self, buf: &mut Buffer, column: u16, label: &str, style: Style) {
        let width = text::width(label);
        if let Some(x) = self.shelf.place(self.area.x + column, width) {
            buf.set_stringn(x, self.area.y, label, width, style);
        }
    }

    fn limit(&mut self, buf: &mut Buffer) {
        let (label, style) = (self.of.limit_label, self.of.axis_style.patch(self.of.limit_style));
        let last = self.area.width.saturating_sub(1);
        match self.of.limit_side() {
            Some(Side::Within(limit)) => self.put(buf, self.of.axis.column(limit, self.area.width), label, style),
            Some(Side::Below) => {
                let arrow = if self.of.ascii { "-" } else { "‹" };
                self.put(buf, 0, &[arrow, label].concat(), style);
            }
            Some(Side::Above) => {
                let arrow = if self.of.ascii { "+" } else { "›" };
                self.put(buf, last, &[label, arrow].concat(), style);
            }
            None => {}
        }
    }

    fn marks(&mut self, buf: &mut Buffer) {
        for mark in self.of.marks.iter().filter(|mark| mark.at.is_finite()) {
            let column = self.of.axis.column(mark.at, self.area.width);
            self.put(buf, column, mark.label, self.of.axis_style.patch(mark.style));
        }
    }

    /// The axis values numbered `which` in the order of [`LogAxis::ticks`].
    fn values(&mut self, buf: &mut Buffer, which: std::ops::Range<usize>) {
        let ticks = self.of.axis.ticks(self.area.width);
        for value in ticks.skip(which.start).take(which.len()) {
            let column = self.of.axis.column(value, self.area.width);
            self.put(buf, column, &(self.of.format)(value), self.of.axis_style);
        }
    }
}

#[cfg(test)]
mod tests;
