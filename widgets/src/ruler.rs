//! What charts draw around themselves: the axis at the left with its labels, and the labels on a row below.

use ratatui_core::{buffer::Buffer, layout::Rect, style::Style};

use crate::{shelf::Shelf, text};

/// How axes are drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ruler {
    pub(crate) style: Style,
    pub(crate) ascii: bool,
}

impl Ruler {
    /// Columns of an axis at the left, label, space and line, beside which a chart keeps `least` of `width`; 0 where there is no room.
    pub(crate) fn columns(widest_label: usize, width: u16, least: u16) -> u16 {
        let columns = u16::try_from(widest_label).unwrap_or(u16::MAX).saturating_add(2);
        if columns.saturating_add(least) <= width { columns } else { 0 }
    }

    /// The axis of `area`, its line in the last column. `labels` are row from the top and text, the most important first: one that
    /// would stand right below or above another is left out.
    pub(crate) fn left(self, area: Rect, labels: impl Iterator<Item = (u16, String)>, buf: &mut Buffer) {
        let Some(x) = area.right().checked_sub(1).filter(|_| !area.is_empty()) else { return };
        let (line, tick) = if self.ascii { ("|", "+") } else { ("│", "┤") };
        let width = usize::from(x - area.x).saturating_sub(1);
        for y in area.top()..area.bottom() {
            clear(Rect { y, height: 1, width: x - area.x, ..area }, buf);
            buf.set_stringn(x, y, line, 1, self.style);
        }
        let mut taken: Vec<u16> = Vec::new();
        for (row, label) in labels {
            if row >= area.height || taken.iter().any(|&other| other.abs_diff(row) < 2) {
                continue;
            }
            taken.push(row);
            buf.set_stringn(area.x, area.y + row, text::pad_left(&label, width, self.ascii), width, self.style);
            buf.set_stringn(x, area.y + row, tick, 1, self.style);
        }
    }

    /// Labels on the row `area`, around the x each belongs to, the most important first: none touches another.
    pub(crate) fn below<'l>(self, area: Rect, labels: impl Iterator<Item = (u16, &'l str)>, buf: &mut Buffer) {
        clear(area, buf);
        let mut free = Shelf::new(area.left(), area.right());
        for (x, label) in labels {
            let width = text::width(label);
            if let Some(x) = free.place(x, width) {
                buf.set_stringn(x, area.y, label, width, self.style);
            }
        }
    }
}

/// Blanks over what another chart drew here, its background left.
pub(crate) fn clear(area: Rect, buf: &mut Buffer) {
    for position in area.positions() {
        if let Some(cell) = buf.cell_mut(position) {
            cell.set_symbol(" ");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_at_the_left_never_stand_on_neighbouring_rows() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 6, 4));
        let labels = [(0, "500"), (3, "1"), (2, "20"), (1, "100"), (9, "0")].map(|(row, label)| (row, label.to_owned()));
        Ruler { style: Style::new(), ascii: true }.left(buf.area, labels.into_iter(), &mut buf);
        let rows: Vec<String> = (0..4).map(|y| (0..6).map(|x| buf[(x, y)].symbol()).collect()).collect();
        assert_eq!(rows, [" 500 +", "     |", "     |", "   1 +"]);
    }

    #[test]
    fn an_axis_leaves_the_chart_its_room_or_is_not_there() {
        assert_eq!((Ruler::columns(3, 9, 4), Ruler::columns(3, 8, 4), Ruler::columns(usize::MAX, 100, 4)), (5, 0, 0));
    }
}
