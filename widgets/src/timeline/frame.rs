//! The axes around a timeline.

use ratatui_core::{buffer::Buffer, layout::Rect, style::Style};

use super::{Timeline, series::Columns};
use crate::{figure::ROWS_PER_LABEL, shelf::Shelf, text};

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

impl Timeline<'_> {
    /// Draws what lies in `area` around `plot`.
    pub(super) fn draw_frame(&self, area: Rect, plot: Rect, buf: &mut Buffer) {
        let axis = Rect { width: plot.x - area.x, height: plot.height, ..area };
        if let (Some(format), false) = (self.y_labels, axis.is_empty()) {
            self.draw_y(format, axis, buf);
        }
        if plot.height < area.height {
            let row = Rect { y: plot.bottom(), height: 1, ..area };
            let columns = self.columns(plot.width);
            draw_x(self.x_labels, self.axis_style, &columns, row, plot, buf);
            draw_marks(self.marks, self.mark_style, &columns, row, plot, self.ascii, buf);
        }
    }

    fn draw_y(&self, format: fn(f64) -> String, area: Rect, buf: &mut Buffer) {
        let (line, tick) = if self.ascii { ("|", "+") } else { ("│", "┤") };
        let x = area.right() - 1;
        for y in area.top()..area.bottom() {
            for blank in area.left()..x {
                if let Some(cell) = buf.cell_mut((blank, y)) {
                    cell.set_symbol(" ");
                }
            }
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.set_symbol(line).set_style(self.axis_style);
            }
        }
        let width = usize::from(area.width.saturating_sub(2));
        for v in self.axis.ticks(area.height, ROWS_PER_LABEL) {
            let y = area.bottom() - 1 - (self.dot(v, area.height) / 4).min(area.height - 1);
            buf.set_stringn(area.x, y, text::pad_left(&format(v), width, self.ascii), width, self.axis_style);
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.set_symbol(tick);
            }
        }
    }
}

/// Labels below the chart; one may reach left under the axis, where nothing else is.
pub(super) fn draw_x(x_labels: &[XLabel<'_>], style: Style, columns: &Columns, area: Rect, plot: Rect, buf: &mut Buffer) {
    for x in area.left()..area.right() {
        if let Some(cell) = buf.cell_mut((x, area.y)) {
            cell.set_symbol(" ");
        }
    }
    let mut labels = Shelf::new(area.left(), area.right());
    for XLabel { at, label } in x_labels {
        let x = match *at {
            At::Sample(number) => columns.x(number),
            At::Ago(samples) => columns.x_ago(samples),
        };
        let width = text::width(label);
        if let Some(x) = x.and_then(|x| labels.place(plot.x + x, width)) {
            buf.set_stringn(x, area.y, label, width, style);
        }
    }
}

/// A sign at each sample number of `marks` on the row of labels; a label it falls on stays.
pub(super) fn draw_marks(marks: &[u64], style: Style, columns: &Columns, area: Rect, plot: Rect, ascii: bool, buf: &mut Buffer) {
    for x in marks.iter().filter_map(|&number| columns.x(number)) {
        if let Some(cell) = buf.cell_mut((plot.x + x, area.y)).filter(|cell| cell.symbol() == " ") {
            cell.set_symbol(if ascii { "^" } else { "▴" }).set_style(style);
        }
    }
}
