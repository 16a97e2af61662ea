//! Lines through points of a plane: percentile curves over each other, throughput against latency.

use ratatui_core::{buffer::Buffer, layout::Rect, style::Style, widgets::Widget};

use crate::{num, ruler::Ruler, text};

/// Bits of a braille cell, top dot first, for its left and right column (Unicode chapter 21, U+2800 to U+28FF).
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
/// Points of the first, second, … line where only ASCII can be drawn.
const POINTS_ASCII: [&str; 4] = ["*", "+", "#", "."];

/// One line: points in the order in which they are joined, each axis from 0 (left, bottom) to 1; others are clamped.
#[derive(Debug, Clone, Copy)]
pub struct Trace<'a> {
    /// Its points.
    pub points: &'a [(f64, f64)],
    /// Its style.
    pub style: Style,
    /// Written at its last point, so that lines are told apart without colour; best a single letter.
    pub name: &'a str,
    /// Points are marked too: few readings, joined for the eye only.
    pub marked: bool,
}

/// A label of an axis and where it stands, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick<'a> {
    /// Where.
    pub at: f64,
    /// What it says.
    pub label: &'a str,
}

/// Traces over two axes; a later one lies on top. Draws inside its area only, at any size; labels are left out where they would
/// leave no room.
///
/// ```text
///  500 ┤               ⢀⡠B
///  200 ┤     ⣀⣀⠤⠤⠒⠒⠊⠉⠁ ⢀A
///  100 ┤⠤⠒⠒⠉⠉⣀⣀⠤⠤⠒⠒⠒⠉⠉
///       P50   P90  P99  P99.9
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    traces: &'a [Trace<'a>],
    x: &'a [Tick<'a>],
    y: &'a [Tick<'a>],
    axis_style: Style,
    ascii: bool,
}

impl<'a> Plane<'a> {
    /// A plane with `traces`.
    #[must_use]
    pub const fn new(traces: &'a [Trace<'a>]) -> Self {
        Self { traces, x: &[], y: &[], axis_style: Style::new(), ascii: false }
    }

    /// Labels below, the most important first.
    #[must_use]
    pub const fn x(mut self, ticks: &'a [Tick<'a>]) -> Self {
        self.x = ticks;
        self
    }

    /// Labels at the left, the most important first.
    #[must_use]
    pub const fn y(mut self, ticks: &'a [Tick<'a>]) -> Self {
        self.y = ticks;
        self
    }

    /// Style of axes and labels.
    #[must_use]
    pub const fn axis_style(mut self, style: Style) -> Self {
        self.axis_style = style;
        self
    }

    /// Draw with ASCII only.
    #[must_use]
    pub const fn ascii(mut self, ascii: bool) -> Self {
        self.ascii = ascii;
        self
    }

    /// The part of `area` in which lines are drawn.
    fn plot(&self, area: Rect) -> Rect {
        let below = u16::from(area.height >= 3 && !self.x.is_empty());
        let widest = self.y.iter().map(|tick| text::width(tick.label)).max();
        let left = widest.map_or(0, |widest| Ruler::columns(widest, area.width, 8));
        Rect { x: area.x + left, width: area.width - left, height: area.height - below, ..area }
    }

    fn draw_axes(&self, area: Rect, plot: Rect, buf: &mut Buffer) {
        let ruler = Ruler { style: self.axis_style, ascii: self.ascii };
        let rows = self.y.iter().map(|tick| (plot.height - 1 - scaled(tick.at, plot.height - 1), tick.label.to_owned()));
        ruler.left(Rect { width: plot.x - area.x, height: plot.height, ..area }, rows, buf);
        if plot.bottom() < area.bottom() {
            let columns = self.x.iter().map(|tick| (plot.x + scaled(tick.at, plot.width.saturating_sub(1)), tick.label));
            ruler.below(Rect { y: plot.bottom(), height: 1, ..plot }, columns, buf);
        }
    }
}

/// `share` of `most`, rounded.
fn scaled(share: f64, most: u16) -> u16 {
    num::cells((share.clamp(0.0, 1.0) * f64::from(most)).round()).min(most)
}

/// Dots of a line of `traces` on a grid of `width` × `height` dots, from the top left.
fn dots(points: &[(f64, f64)], width: u16, height: u16) -> Vec<(u16, u16)> {
    let place = |&(x, y): &(f64, f64)| (i32::from(scaled(x, width - 1)), i32::from(height - 1 - scaled(y, height - 1)));
    let usable = points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()).map(place);
    let mut out = Vec::new();
    let mut before: Option<(i32, i32)> = None;
    for (x, y) in usable {
        let (from_x, from_y) = before.unwrap_or((x, y));
        let steps = (x - from_x).abs().max((y - from_y).abs()).max(1);
        for step in 0..=steps {
            let between = |from: i32, to: i32| from + ((to - from) * step * 2 + steps * (to - from).signum()) / (steps * 2);
            out.push((between(from_x, x), between(from_y, y)));
        }
        before = Some((x, y));
    }
    out.into_iter().filter_map(|(x, y)| Some((u16::try_from(x).ok()?, u16::try_from(y).ok()?))).collect()
}

impl Widget for Plane<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let plot = self.plot(area);
        if plot.is_empty() {
            return;
        }
        self.draw_axes(area, plot, buf);
        for (trace, point) in self.traces.iter().zip(POINTS_ASCII.iter().cycle()) {
            if self.ascii {
                for (x, y) in dots(trace.points, plot.width, plot.height) {
                    buf.set_stringn(plot.x + x, plot.y + y, point, 1, trace.style);
                }
                continue;
            }
            for (x, y) in dots(trace.points, plot.width * 2, plot.height * 4) {
                let Some(cell) = buf.cell_mut((plot.x + x / 2, plot.y + y / 4)) else { continue };
                let dot = DOTS.get(usize::from(x % 2)).and_then(|column| column.get(usize::from(y % 4))).copied().unwrap_or(0);
                // A cell that lines share keeps the dots of both.
                let old = cell.symbol().chars().next().map_or(0, u32::from).checked_sub(0x2800).filter(|bits| *bits < 0x100).unwrap_or(0);
                if let Some(symbol) = char::from_u32(0x2800 + (old | dot)) {
                    cell.set_char(symbol).set_style(trace.style);
                }
            }
        }
        // Marks and names last: no line hides them.
        for trace in self.traces {
            let at = |&(x, y): &(f64, f64)| (plot.x + scaled(x, plot.width - 1), plot.bottom() - 1 - scaled(y, plot.height - 1));
            let mut usable = trace.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
            if trace.marked {
                for (x, y) in usable.clone().map(at) {
                    buf.set_stringn(x, y, if self.ascii { "o" } else { "●" }, 1, trace.style);
                }
            }
            if let Some((x, y)) = usable.next_back().map(at) {
                let width = u16::try_from(text::width(trace.name)).unwrap_or(u16::MAX).min(plot.width);
                let x = (x + u16::from(trace.marked)).min(plot.right() - width);
                buf.set_stringn(x, y, trace.name, usize::from(width), trace.style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(plane: Plane<'_>, width: u16, height: u16) -> Vec<String> {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        plane.render(area, &mut buf);
        (0..height).map(|y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>().trim_end().to_owned()).collect()
    }

    #[test]
    fn a_line_goes_through_its_points_and_ends_in_its_name() {
        let points = [(0.0, 0.0), (1.0, 1.0)];
        let traces = [Trace { points: &points, style: Style::new(), name: "A", marked: false }];
        let x = [Tick { at: 0.0, label: "P50" }, Tick { at: 1.0, label: "P99" }];
        let y = [Tick { at: 0.0, label: "10" }, Tick { at: 1.0, label: "500" }];
        let plane = Plane::new(&traces).x(&x).y(&y).ascii(true);
        assert_eq!(lines(plane, 15, 5), ["500 +        *A", "    |     ***", "    |  ***", " 10 +**", "     P50    P99"]);
    }

    #[test]
    fn lines_that_cross_keep_the_dots_of_both() {
        let (up, down) = ([(0.0, 0.0), (1.0, 1.0)], [(0.0, 1.0), (1.0, 0.0)]);
        let trace = |points| Trace { points, style: Style::new(), name: "", marked: false };
        let both = lines(Plane::new(&[trace(&up), trace(&down)]), 1, 1);
        assert_ne!(both, lines(Plane::new(&[trace(&up)]), 1, 1));
        assert_ne!(both, lines(Plane::new(&[trace(&down)]), 1, 1));
    }

    #[test]
    fn every_size_and_any_point_draws_without_panic() {
        let points = [(f64::NAN, 0.5), (-3.0, 7.0), (f64::INFINITY, 0.1), (0.5, 0.5)];
        for ascii in [false, true] {
            for width in 0..24 {
                for height in 0..6 {
                    let traces = [Trace { points: &points, style: Style::new(), name: "甲", marked: true }];
                    let ticks = [Tick { at: 0.5, label: "x" }];
                    lines(Plane::new(&traces).x(&ticks).y(&ticks).ascii(ascii), width, height);
                }
            }
        }
    }
}
