//! Lines and areas of braille dots.

use ratatui_core::{buffer::Buffer, layout::Rect};

use super::{Look, Series, Timeline, series::Columns};
use crate::num;

/// Bits of a braille cell, bottom dot first, for its left and right column (Unicode chapter 21, U+2800 to U+28FF).
const DOTS: [[u32; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];

/// The dots of one dot column, from the bottom of the chart: all from the first to the last.
type Span = (u16, u16);

impl Timeline<'_> {
    pub(super) fn draw_dots(&self, plot: Rect, buf: &mut Buffer) {
        let columns = self.columns(plot.width);
        for series in self.series {
            if series.look == Look::Points {
                self.draw_points(series, &columns, plot, buf);
                continue;
            }
            let mut before = columns.with_one_before().half(series, 0, true).map(|v| self.dot(v, plot.height));
            for x in 0..plot.width {
                let halves = [false, true].map(|right| self.span(series, &columns, (x, right), plot.height, &mut before));
                draw_column(series, halves, Rect { x: plot.x + x, width: 1, ..plot }, buf);
            }
        }
    }

    fn draw_points(&self, series: &Series<'_>, columns: &Columns, plot: Rect, buf: &mut Buffer) {
        for x in 0..plot.width {
            let Some(v) = columns.value(series, x) else {
                continue;
            };
            let y = plot.bottom() - 1 - self.dot(v, plot.height) / 4;
            if let Some(cell) = buf.cell_mut((plot.x + x, y)) {
                cell.set_symbol("●").set_style(series.style);
            }
        }
    }

    /// The dot row of `v` on a chart of `rows`, from the bottom. Labels, points and characters stand on the row of this dot.
    pub(super) fn dot(&self, v: f64, rows: u16) -> u16 {
        let most = rows.saturating_mul(4).saturating_sub(1);
        num::cells((self.axis.position(v) * f64::from(most)).round()).min(most)
    }

    /// The dots of one half column: its value, joined to the value `before` it, which it then replaces.
    /// Joining to the left only is what keeps a column as it is when the next one comes.
    fn span(&self, series: &Series<'_>, columns: &Columns, (x, right): (u16, bool), rows: u16, before: &mut Option<u16>) -> Option<Span> {
        let at = columns.half(series, x, right).map(|v| self.dot(v, rows));
        let from = std::mem::replace(before, at);
        let at = at?;
        Some(match from {
            _ if series.look == Look::Area => (0, at),
            Some(from) if from < at => (from + 1, at),
            Some(from) if from > at => (at, from - 1),
            _ => (at, at),
        })
    }
}

/// Draws both half columns of a series into the one-column area `strip`.
fn draw_column(series: &Series<'_>, halves: [Option<Span>; 2], strip: Rect, buf: &mut Buffer) {
    for (row, y) in (0_u16..).zip((strip.top()..strip.bottom()).rev()) {
        let mut dots = 0;
        for (half, bits) in halves.iter().zip(DOTS) {
            let Some((from, to)) = *half else { continue };
            for (dot, bit) in (row.saturating_mul(4)..).zip(bits) {
                if (from..=to).contains(&dot) {
                    dots |= bit;
                }
            }
        }
        let Some(cell) = buf.cell_mut((strip.x, y)).filter(|_| dots != 0) else {
            continue;
        };
        // Lines add their dots to those of lines before them. On an area they would vanish, so they replace it.
        let below = if series.look == Look::Area { 0 } else { dots_of(cell.symbol()) };
        let below = if below == 0xff { 0 } else { below };
        if let Some(symbol) = char::from_u32(0x2800 + (dots | below)) {
            cell.set_char(symbol).set_style(series.style);
        }
    }
}

/// The dots of a braille symbol; none for any other.
fn dots_of(symbol: &str) -> u32 {
    let code = symbol.chars().next().map_or(0, u32::from);
    if (0x2800..=0x28ff).contains(&code) { code - 0x2800 } else { 0 }
}
