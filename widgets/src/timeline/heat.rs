//! Where the samples of each moment lie: time to the right, values upwards, shades for how many.

use ratatui_core::{buffer::Buffer, layout::Rect, style::Style, widgets::Widget};

use super::{Aggregate, TimeAxis};
use crate::{LogAxis, figure, num, ruler::Ruler, text};

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
/// when both are told the same [`TimeAxis`]. Values outside the axis are shown in the first and last row.
#[derive(Debug, Clone, Copy)]
pub struct HeatStrip<'a> {
    samples: &'a [HeatSample],
    axis: LogAxis,
    /// Lower edge of bin 0, and the factor from one bin to the next.
    grid: (f64, f64),
    time: TimeAxis<'a>,
    limit: Option<f64>,
    style: Style,
    over_style: Style,
    axis_style: Style,
    limit_style: Style,
    format: fn(f64) -> String,
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
            time: TimeAxis::new(),
            limit: None,
            style: Style::new(),
            over_style: Style::new(),
            axis_style: Style::new(),
            limit_style: Style::new(),
            format: figure::tick,
            ascii: false,
        }
    }

    /// The axis of time: samples a column, labels and marks below.
    #[must_use]
    pub const fn time(mut self, time: TimeAxis<'a>) -> Self {
        self.time = time;
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

    /// Draw with ASCII only.
    #[must_use]
    pub const fn ascii(mut self, ascii: bool) -> Self {
        self.ascii = ascii;
        self
    }

    /// The part of `area` in which samples are drawn: its width is the number of columns.
    #[must_use]
    pub fn plot(&self, area: Rect) -> Rect {
        let widest = self.axis.ticks(area.height.saturating_mul(2)).map(|v| text::width(&(self.format)(v))).max().unwrap_or(0);
        let left = Ruler::columns(widest, area.width, 4);
        Rect { x: area.x + left, width: area.width - left, height: area.height - self.time.rows(area.height), ..area }
    }

    /// The row of `rows` in which `v` lies, 0 at the top.
    fn row(&self, v: f64, rows: u16) -> u16 {
        rows.saturating_sub(1).saturating_sub(self.axis.column(v, rows))
    }
}

impl Widget for HeatStrip<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let plot = self.plot(area);
        let ruler = Ruler { style: self.axis_style, ascii: self.ascii };
        // Twice the rows: values between the decades find a place too.
        let labels = self.axis.ticks(plot.height.saturating_mul(2)).map(|v| (self.row(v, plot.height), (self.format)(v)));
        ruler.left(Rect { width: plot.x - area.x, height: plot.height, ..area }, labels, buf);
        let columns = self.time.columns(self.samples.len() as u64, plot.width, Aggregate::Max);
        self.time.draw(&columns, area, plot, ruler, buf);
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
    use crate::{At, XLabel};

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
        let rows = drawn(strip(&samples).time(TimeAxis::new().samples_per_column(2)), 10, 3);
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
        let time = TimeAxis::new().labels(&labels).marks(&[1], Style::new());
        let rows = drawn(strip(&samples).limit(Some(200.0)).time(time), 16, 6);
        assert!(rows[1].contains('┈'), "{rows:#?}");
        assert!(rows[5].ends_with("now") && rows[5].contains('▴'), "{rows:#?}");
        let plain = drawn(strip(&samples).limit(Some(200.0)).time(time).ascii(true), 16, 6);
        assert!(plain.iter().all(|row| row.is_ascii()), "{plain:#?}");
    }

    #[test]
    fn every_size_draws_without_panic() {
        let samples: Vec<HeatSample> = (0..40_u16).map(|i| vec![(i % 12, u32::from(i))]).collect();
        let labels = [XLabel { at: At::Ago(0), label: "now" }];
        for width in 0..30 {
            for height in 0..9 {
                drawn(strip(&samples).limit(Some(5.0)).time(TimeAxis::new().labels(&labels).marks(&[3, 39], Style::new())), width, height);
            }
        }
    }
}
