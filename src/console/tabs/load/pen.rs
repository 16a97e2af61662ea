//! Drawing by cells: texts that keep their columns, rules, and the signs of both character sets.

use crate::console::look::Look;
use dcudeck_widgets::text;
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// A buffer, where in it to draw, and how.
pub(super) struct Pen<'a> {
    pub(super) buf: &'a mut Buffer,
    pub(super) look: &'a Look,
}

impl Pen<'_> {
    /// Writes `what` from the left into exactly `width` cells at (`x`, `y`) of `area`; nothing outside it. Returns the x after.
    pub(super) fn left(&mut self, area: Rect, x: u16, y: u16, width: u16, what: &str, style: Style) -> u16 {
        let room = width.min(area.width.saturating_sub(x));
        if y < area.height && room > 0 {
            let what = text::pad_right(what, usize::from(room), self.look.ascii);
            self.write(area.x + x, area.y + y, &what, room, style);
        }
        x.saturating_add(width)
    }

    /// As [`left`](Self::left), figures at the right of their cells.
    pub(super) fn right(&mut self, area: Rect, x: u16, y: u16, width: u16, what: &str, style: Style) -> u16 {
        let room = width.min(area.width.saturating_sub(x));
        if y < area.height && room > 0 {
            let what = text::pad_left(what, usize::from(room), self.look.ascii);
            self.write(area.x + x, area.y + y, &what, room, style);
        }
        x.saturating_add(width)
    }

    /// Writes `what` as wide as it is, cut at the area's end; returns the x after.
    pub(super) fn flow(&mut self, area: Rect, x: u16, y: u16, what: &str, style: Style) -> u16 {
        let width = cells(what).min(area.width.saturating_sub(x));
        self.left(area, x, y, width, what, style)
    }

    fn write(&mut self, x: u16, y: u16, what: &str, width: u16, style: Style) {
        let room = self.buf.area;
        if x < room.right() && y < room.bottom() && x >= room.left() && y >= room.top() {
            // What lay below, such as a rule, leaves nothing of its style.
            let style = Style::reset().patch(style);
            self.buf.set_stringn(x, y, what, usize::from(width.min(room.right() - x)), style);
        }
    }

    /// A rule over the whole row `y` of `area`.
    pub(super) fn rule(&mut self, area: Rect, y: u16) {
        let line = if self.look.ascii { "-" } else { "─" };
        if y < area.height {
            self.write(area.x, area.y + y, &line.repeat(usize::from(area.width)), area.width, self.look.theme.rule);
        }
    }

    /// A joint of a rule with a line from above, below or both.
    pub(super) fn joint(&mut self, area: Rect, x: u16, y: u16, unicode: &str) {
        let sign = if self.look.ascii { "+" } else { unicode };
        if x < area.width && y < area.height {
            self.write(area.x + x, area.y + y, sign, 1, self.look.theme.rule);
        }
    }

    /// An upright line of `rows` from row `y` on.
    pub(super) fn upright(&mut self, area: Rect, x: u16, y: u16, rows: u16) {
        let sign = if self.look.ascii { "|" } else { "│" };
        for row in y..y.saturating_add(rows).min(area.height) {
            if x < area.width {
                self.write(area.x + x, area.y + row, sign, 1, self.look.theme.rule);
            }
        }
    }

    /// `unicode`, or its stand-in where only ASCII may be drawn.
    pub(super) fn sign(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.look.ascii { ascii } else { unicode }
    }
}

/// Cells of `what`.
pub(super) fn cells(what: &str) -> u16 {
    u16::try_from(text::width(what)).unwrap_or(u16::MAX)
}
