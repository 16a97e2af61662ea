//! Values as eighth blocks, and as characters where only ASCII can be shown.

use ratatui_core::{buffer::Buffer, layout::Rect};

use super::{Look, Timeline};
use crate::num;

const LEVELS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const LEVELS_ASCII: [&str; 6] = [" ", ".", "-", "+", "*", "#"];
/// Points of the first, second, … series, so that they can be told apart without colour.
const POINTS_ASCII: [&str; 4] = ["*", "+", "#", "."];

impl Timeline<'_> {
    /// Bars from the bottom; the lowest value still shows one level, so that 0 is not taken for a gap.
    pub(super) fn draw_bars(&self, plot: Rect, buf: &mut Buffer) {
        let levels: &[&str] = if self.ascii { &LEVELS_ASCII } else { &LEVELS };
        let per_row = u16::try_from(levels.len() - 1).unwrap_or(1);
        let most = plot.height.saturating_mul(per_row).saturating_sub(1);
        let columns = self.columns(plot.width);
        for series in self.series {
            for x in 0..plot.width {
                let Some(v) = columns.value(series, x) else {
                    continue;
                };
                let mut left = 1 + num::cells((self.axis.position(v) * f64::from(most)).round());
                for y in (plot.top()..plot.bottom()).rev() {
                    let level = left.min(per_row);
                    left -= level;
                    if level == 0 {
                        break;
                    }
                    if let Some(cell) = buf.cell_mut((plot.x + x, y)) {
                        cell.set_symbol(levels.get(usize::from(level)).copied().unwrap_or(" ")).set_style(series.style);
                    }
                }
            }
        }
    }

    /// One point per column, steep parts joined by `|`, areas filled with `.`.
    pub(super) fn draw_characters(&self, plot: Rect, buf: &mut Buffer) {
        let Some(most) = plot.height.checked_sub(1) else {
            return;
        };
        let columns = self.columns(plot.width);
        let row = |v: f64| self.dot(v, plot.height) / 4;
        for (series, point) in self.series.iter().zip(POINTS_ASCII.iter().cycle()) {
            let mut before = columns.with_one_before().value(series, 0).map(row);
            for x in 0..plot.width {
                let at = columns.value(series, x).map(row);
                if let Some(at) = at {
                    let mut put = |row: u16, symbol: &str| {
                        if let Some(cell) = buf.cell_mut((plot.x + x, plot.y + most - row)) {
                            cell.set_symbol(symbol).set_style(series.style);
                        }
                    };
                    match (series.look, before) {
                        (Look::Area, _) => (0..at).for_each(|row| put(row, ".")),
                        (Look::Line, Some(before)) => (before.min(at) + 1..before.max(at)).for_each(|row| put(row, "|")),
                        (Look::Line, None) | (Look::Points, _) => {}
                    }
                    put(at, point);
                }
                before = at;
            }
        }
    }
}
