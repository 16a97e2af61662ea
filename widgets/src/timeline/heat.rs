//! Where the samples of each moment lie: time to the right, values upwards, shades for how many.

use ratatui_core::{buffer::Buffer, layout::Rect, style::Style, widgets::Widget};

use super::{Aggregate, XLabel, frame, series::Columns};
use crate::{LogAxis, figure, num, text};

const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];
const SHADES_ASCII: [&str; 5] = [" ", ".", ":", "*", "#"];

/// Counts by value of one sample interval: `(bin, count)`, ascending, empty bins left out.
pub type HeatSample = Vec<(u16, u32)>;

/// A strip of time × value: a latency that splits in two, creeps up or stalls is seen at a glance, where a mean hides it.
///
/// ```text
///  500 ┤          ░░
///      │┈┈┈┈┈┈░┈┈┈▒░┈┈┈┈   ┈ the limit
///  100 ┤░▒▒▓█▓▓▓█▓▓▒▓▓▓█   a column's fullest row is █, and one sample shows at least ░
///   50 ┤ ░░░▒░░▒░░ ░▒░░░
///       -60 s      ▴   now  ▴ a mark
/// ```
///
/// Shades compare the rows of a column with each other and not the columns: a new column never changes an old one.
/// Columns keep their samples and advance whole, as those of [`Timeline`](super::Timeline), with which it stays in step
/// when both are told the same [`until`](Self::until). Values outside the axis are shown in the first and last row.
#[derive(Debug, Clone, Copy)]
pub struct HeatStrip<'a> {
    samples: &'a [HeatSample],
    axis: LogAxis,
    /// Lower edge of bin 0, and the factor from one bin to the next.
    grid: (f64, f64),
    samples_per_column: u32,
    until: u64,
    limit: Option<f64>,
    style: Style,
    over_style: Style,
    axis_style: Style,
    limit_style: Style,
    format: fn(f64) -> String,
    x_labels: &'a [XLabel<'a>],
    marks: &'a [u64],
    mark_style: Style,
    ascii: bool,
}

impl<'a> HeatStrip<'a> {
    /// A strip of `samples`, from sample number 0 on, whose bin `b` begins at `first * ratio^b`, across `axis`.
    #[must_use]
    pub const fn new(samples: &'a [HeatSample], first: f64, ratio: f64, axis: LogAxis) -> Self {
        Self {
            samples,
            axis,
            grid: (first, ratio),
            samples_per_column: 1,
            until: samples.len() as u64,
            limit: None,
            style: Style::new(),
            over_style: Style::new(),
            axis_style: Style::new(),
            limit_style: Style::new(),
            format: figure::tick,
            x_labels: &[],
            marks: &[],
            mark_style: Style::new(),
            ascii: false,
        }
    }

    /// Samples that one column stands for, at least 1 (the default).
    #[must_use]
    pub const fn samples_per_column(mut self, samples: u32) -> Self {
        self.samples_per_column = if samples == 0 { 1 } else { samples };
        self
    }

    /// Sample number just after the newest one; unless told, the end of the samples.
    #[must_use]
    pub const fn until(mut self, end: u64) -> Self {
        self.until = end;
        self
    }

    /// The value that samples should stay below: dots along its row where nothing else is.
    #[must_use]
    pub const fn limit(mut self, limit: Option<f64>) -> Self {
        self.limit = limit;
        self
    }

    /// Style of the shades.
    #[must_use]
    pub const fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// Style of the shades in rows above the limit's, on top of their own.
    #[must_use]
    pub const fn over_style(mut self, style: Style) -> Self {
        self.over_style = style;
        self
    }

    /// Style of the axes and their labels.
    #[must_use]
    pub const fn axis_style(mut self, style: Style) -> Self {
        self.axis_style = style;
        self
    }

    /// Style of the limit.
    #[must_use]
    pub const fn limit_style(mut self, style: Style) -> Self {
        self.limit_style = style;
        self
    }

    /// How the labels at the left are written, if not by [`figure::tick`].
    #[must_use]
    pub const fn format(mut self, format: fn(f64) -> String) -> Self {
        self.format = format;
        self
    }

    /// Labels on a row below, the most important first, on three rows or more.
    #[must_use]
    pub const fn x_labels(mut self, labels: &'a [XLabel<'a>]) -> Self {
        self.x_labels = labels;
        self
    }

    /// Sample numbers at which something happened: a sign on the row of labels.
    #[must_use]
    pub const fn marks(mut self, marks: &'a [u64], style: Style) -> Self {
        self.marks = marks;
        self.mark_style = style;
        self
    }

    /// Draw with ASCII only.
    #[must_use]
    pub const fn ascii(mut self, ascii: bool) -> Self {
        self.ascii = ascii;
        self
    }

    /// The part of `area` in which samples are drawn: its width is the number of columns.
    #[must_use]
    pub fn plot(&self, area: Rect) -> Rect {
        let x_rows = u16::from(area.height >= 3 && !self.x_labels.is_empty());
        let widest = self.axis.ticks(area.height.saturating_mul(2)).map(|v| text::width(&(self.format)(v))).max().unwrap_or(0);
        let y_columns = u16::try_from(widest).unwrap_or(u16::MAX).saturating_add(2);
        let y_columns = if y_columns.saturating_add(4) <= area.width { y_columns } else { 0 };
        Rect { x: area.x + y_columns, width: area.width - y_columns, height: area.height - x_rows, ..area }
    }

    /// The row of `rows` in which `v` lies, 0 at the top.
    fn row(&self, v: f64, rows: u16) -> u16 {
        rows.saturating_sub(1).saturating_sub(self.axis.column(v, rows))
    }

    fn draw_y(&self, area: Rect, plot: Rect, buf: &mut Buffer) {
        let Some(x) = plot.x.checked_sub(1).filter(|&x| x > area.x) else { return };
        let (line, tick) = if self.ascii { ("|", "+") } else { ("│", "┤") };
        for y in plot.top()..plot.bottom() {
            for blank in area.left()..x {
                if let Some(cell) = buf.cell_mut((blank, y)) {
                    cell.set_symbol(" ");
                }
            }
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.set_symbol(line).set_style(self.axis_style);
            }
        }
        let width = usize::from(x - area.x).saturating_sub(1);
        let mut taken: Vec<u16> = Vec::new();
        // A label every other row at most: closer ones read as a column of figures.
        for v in self.axis.ticks(plot.height.saturating_mul(2)) {
            let row = self.row(v, plot.height);
            if taken.iter().any(|&other| other.abs_diff(row) < 2) {
                continue;
            }
            taken.push(row);
            buf.set_stringn(area.x, plot.y + row, text::pad_left(&(self.format)(v), width, self.ascii), width, self.axis_style);
            if let Some(cell) = buf.cell_mut((x, plot.y + row)) {
                cell.set_symbol(tick);
            }
        }
    }
}

impl Widget for HeatStrip<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let plot = self.plot(area);
        self.draw_y(area, plot, buf);
        let columns = Columns::new(self.until, self.samples_per_column, plot.width, Aggregate::Max);
        if plot.height < area.height {
            let row = Rect { y: plot.bottom(), height: 1, ..area };
            frame::draw_x(self.x_labels, self.axis_style, &columns, row, plot, buf);
            frame::draw_marks(self.marks, self.mark_style, &columns, row, plot, self.ascii, buf);
        }
        let shades = if self.ascii { &SHADES_ASCII } else { &SHADES };
        let limit = self.limit.filter(|v| *v >= self.axis.lo() && *v <= self.axis.hi()).map(|v| self.row(v, plot.height));
        let dots = if self.ascii { "-" } else { "┈" };
        let mut counts = vec![0_u64; usize::from(plot.height)];
        for x in 0..plot.width {
            counts.fill(0);
            for &(bin, count) in columns.samples(x, self.samples).iter().flatten() {
                let v = self.grid.0 * self.grid.1.powf(f64::from(bin) + 0.5);
                if let Some(slot) = counts.get_mut(usize::from(self.row(v, plot.height))) {
                    *slot = slot.saturating_add(u64::from(count));
                }
            }
            let most = counts.iter().copied().max().unwrap_or(0);
            for (y, &count) in (0..plot.height).zip(&counts) {
                let Some(cell) = buf.cell_mut((plot.x + x, plot.y + y)) else { continue };
                if count == 0 {
                    match limit {
                        Some(row) if row == y => cell.set_symbol(dots).set_style(self.limit_style),
                        _ => cell.set_symbol(" "),
                    };
                    continue;
                }
                let shade = (num::float(count) * 4.0 / num::float(most)).ceil();
                let shade = shades.get(usize::from(num::cells(shade)).clamp(1, 4)).copied().unwrap_or(" ");
                cell.set_symbol(shade).set_style(self.style);
                if limit.is_some_and(|row| y < row) {
                    cell.set_style(self.over_style);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::At;

    fn drawn(strip: HeatStrip<'_>, width: u16, height: u16) -> Vec<String> {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        strip.render(buf.area, &mut buf);
        (0..height).map(|y| (0..width).map(|x| buf[(x, y)].symbol().to_owned()).collect::<String>().trim_end().to_owned()).collect()
    }

    /// Bins of a factor of two from 1 on.
    fn strip(samples: &[HeatSample]) -> HeatStrip<'_> {
        HeatStrip::new(samples, 1.0, 2.0, LogAxis::new(1.0, 1_000.0))
    }

    #[test]
    fn the_fullest_row_of_a_column_is_full_and_a_lone_sample_is_seen() {
        let samples = vec![vec![(0, 100), (9, 1)], vec![(4, 2), (5, 1)]];
        assert_eq!(drawn(strip(&samples), 12, 3), ["1000 ┤    ░", "     │     █", "   1 ┤    █"]);
        let rows = drawn(strip(&samples), 12, 8);
        assert!(rows.iter().any(|row| row.ends_with('░')) && rows.iter().filter(|row| row.contains('█')).count() == 2, "{rows:#?}");
    }

    #[test]
    fn a_new_column_changes_no_old_one() {
        let mut samples: Vec<HeatSample> = (0..6_u32).map(|i| vec![(3, 5 + i), (6, 2)]).collect();
        let before = drawn(strip(&samples), 20, 4);
        samples.push(vec![(3, 100_000)]);
        let after = drawn(strip(&samples), 20, 4);
        for (before, after) in before.iter().zip(&after) {
            let shifted: String = before.chars().skip(7).collect();
            let kept: String = after.chars().skip(6).take(shifted.chars().count()).collect();
            assert_eq!(shifted.trim_end(), kept.trim_end());
        }
    }

    #[test]
    fn samples_of_one_column_are_added_and_empty_seconds_are_gaps() {
        let samples = vec![vec![(2, 1)], vec![(8, 1)], vec![], vec![]];
        let rows = drawn(strip(&samples).samples_per_column(2), 10, 3);
        assert_eq!(rows, ["1000 ┤  █", "     │", "   1 ┤  █"]);
    }

    #[test]
    fn values_beyond_the_axis_stand_in_its_first_and_last_row() {
        let samples = vec![vec![(0, 1), (40, 1)]];
        let rows = drawn(HeatStrip::new(&samples, 1.0, 2.0, LogAxis::new(10.0, 100.0)), 12, 3);
        assert!(rows[0].ends_with('█') && rows[2].ends_with('█'), "{rows:?}");
    }

    #[test]
    fn the_limit_is_dotted_where_nothing_is_and_marks_stand_below() {
        let samples = vec![vec![(2, 1)]; 5];
        let labels = [XLabel { at: At::Ago(0), label: "now" }];
        let rows = drawn(strip(&samples).limit(Some(200.0)).x_labels(&labels).marks(&[1], Style::new()), 16, 6);
        assert!(rows[1].contains('┈'), "{rows:#?}");
        assert!(rows[5].ends_with("now") && rows[5].contains('▴'), "{rows:#?}");
        let plain = drawn(strip(&samples).limit(Some(200.0)).x_labels(&labels).marks(&[1], Style::new()).ascii(true), 16, 6);
        assert!(plain.iter().all(|row| row.is_ascii()), "{plain:#?}");
    }

    #[test]
    fn every_size_draws_without_panic() {
        let samples: Vec<HeatSample> = (0..40_u16).map(|i| vec![(i % 12, u32::from(i))]).collect();
        let labels = [XLabel { at: At::Ago(0), label: "now" }];
        for width in 0..30 {
            for height in 0..9 {
                drawn(strip(&samples).x_labels(&labels).limit(Some(5.0)).marks(&[3, 39], Style::new()), width, height);
            }
        }
    }
}
