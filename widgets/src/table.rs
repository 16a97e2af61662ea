//! A record table: many rows, of which only those in view are asked for.

use std::borrow::Cow;

use ratatui_core::{buffer::Buffer, layout::Rect, style::Style, widgets::Widget};

use crate::text::{pad_left, pad_right};

/// A column of a [`Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    /// Heading; empty for none.
    pub title: &'a str,
    /// Cells at least; a column that would get fewer is left out.
    pub min: u16,
    /// Cells at most; what is left over goes to the columns from left to right up to this.
    pub max: u16,
    /// Figures stand at the right of their cells.
    pub right: bool,
    /// Who goes first where there is no room for all: the highest; 0 stays.
    pub drop: u8,
}

impl<'a> Column<'a> {
    /// A column of exactly `width` cells, text at the left, never left out.
    #[must_use]
    pub const fn new(title: &'a str, width: u16) -> Self {
        Self { title, min: width, max: width, right: false, drop: 0 }
    }

    /// As it is, for figures.
    #[must_use]
    pub const fn right(mut self) -> Self {
        self.right = true;
        self
    }

    /// As it is, growing up to `max` cells.
    #[must_use]
    pub const fn grows(mut self, max: u16) -> Self {
        self.max = max;
        self
    }

    /// As it is, left out before those with a lower number.
    #[must_use]
    pub const fn drop(mut self, order: u8) -> Self {
        self.drop = order;
        self
    }
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell<'a> {
    /// Cut to the column by cells.
    pub text: Cow<'a, str>,
    /// Its style.
    pub style: Style,
}

impl<'a> Cell<'a> {
    /// `text` in `style`.
    #[must_use]
    pub fn new(text: impl Into<Cow<'a, str>>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

/// A table of `len` rows under a row of headings. The cells of rows out of view are never asked for, so a million rows cost what a
/// screenful costs.
///
/// Which rows are in view follows from the cursor alone ([`first_in_view`]): nothing scrolls while the cursor moves within them, and
/// then they move by four fifths of the height, so that a slow link carries two restyled rows and not the whole table.
/// Draws inside its area only, at any size.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a, F> {
    columns: &'a [Column<'a>],
    len: usize,
    cursor: usize,
    cell: F,
    sorted: Option<usize>,
    title_style: Style,
    sorted_style: Style,
    cursor_style: Style,
    ascii: bool,
}

impl<'a, F: Fn(usize, usize) -> Cell<'a>> Table<'a, F> {
    /// A table whose cell of row and column is told by `cell`.
    pub const fn new(columns: &'a [Column<'a>], len: usize, cursor: usize, cell: F) -> Self {
        let plain = Style::new();
        Self { columns, len, cursor, cell, sorted: None, title_style: plain, sorted_style: plain, cursor_style: plain, ascii: false }
    }

    /// The column that rows are sorted by; its heading gets `style`.
    #[must_use]
    pub const fn sorted(mut self, column: Option<usize>, style: Style) -> Self {
        self.sorted = column;
        self.sorted_style = style;
        self
    }

    /// Style of the headings.
    #[must_use]
    pub const fn title_style(mut self, style: Style) -> Self {
        self.title_style = style;
        self
    }

    /// Style of the row under the cursor, patched over its cells.
    #[must_use]
    pub const fn cursor_style(mut self, style: Style) -> Self {
        self.cursor_style = style;
        self
    }

    /// Cut texts with `.` instead of `…`.
    #[must_use]
    pub const fn ascii(mut self, ascii: bool) -> Self {
        self.ascii = ascii;
        self
    }
}

/// The first row in view of a list of `len` rows on `height` screen rows, with the cursor on row `cursor`.
#[must_use]
pub fn first_in_view(cursor: usize, len: usize, height: usize) -> usize {
    if height == 0 || len <= height || cursor < height {
        return 0;
    }
    let step = (height - height / 5).max(1);
    ((cursor + 1 - height).div_ceil(step) * step).min(len - height)
}

/// The row drawn at screen row `y` of a table in `area`, if there is one.
#[must_use]
pub fn row_at(area: Rect, cursor: usize, len: usize, y: u16) -> Option<usize> {
    let rows = usize::from(area.height.saturating_sub(1));
    let below = y.checked_sub(area.y.saturating_add(1)).map(usize::from).filter(|&below| below < rows)?;
    let row = first_in_view(cursor, len, rows) + below;
    (row < len).then_some(row)
}

/// Places of the columns in `width` cells, one free cell between them: index, first cell, cells.
fn places(columns: &[Column<'_>], width: u16) -> Vec<(usize, u16, u16)> {
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let column = |index: usize| columns.get(index).copied().unwrap_or(Column::new("", 0));
    let needs =
        |kept: &[usize]| -> u16 { kept.iter().fold(0_u16, |sum, &index| sum.saturating_add(column(index).min + 1)).saturating_sub(1) };
    while needs(&kept) > width {
        // Of equals the one further right.
        let out = kept.iter().copied().filter(|&index| column(index).drop > 0).max_by_key(|&index| (column(index).drop, index));
        let Some(out) = out else { break };
        kept.retain(|&index| index != out);
    }
    let mut spare = width.saturating_sub(needs(&kept));
    let mut x = 0_u16;
    kept.into_iter()
        .map(|index| {
            let Column { min, max, .. } = column(index);
            let more = spare.min(max.saturating_sub(min));
            spare -= more;
            let place = (index, x, min + more);
            x = x.saturating_add(min + more + 1);
            place
        })
        .collect()
}

impl<'a, F: Fn(usize, usize) -> Cell<'a>> Widget for Table<'a, F> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let places = places(self.columns, area.width);
        let write = |buf: &mut Buffer, (index, x, width): (usize, u16, u16), y: u16, text: &str, style: Style| {
            let room = width.min(area.width.saturating_sub(x));
            let right = self.columns.get(index).is_some_and(|column| column.right);
            let cells = usize::from(room);
            let text = if right { pad_left(text, cells, self.ascii) } else { pad_right(text, cells, self.ascii) };
            buf.set_stringn(area.x + x, y, text, cells, style);
        };
        for &place in &places {
            let title = self.columns.get(place.0).map_or("", |column| column.title);
            let style = if self.sorted == Some(place.0) { self.sorted_style } else { self.title_style };
            write(buf, place, area.y, title, style);
        }
        let rows = usize::from(area.height - 1);
        let first = first_in_view(self.cursor, self.len, rows);
        for (y, row) in (area.y + 1..area.bottom()).zip(first..self.len) {
            for &place in &places {
                let cell = (self.cell)(row, place.0);
                write(buf, place, y, &cell.text, cell.style);
            }
            if row == self.cursor {
                let line = Rect { y, height: 1, ..area };
                for at in line.positions() {
                    if let Some(cell) = buf.cell_mut(at) {
                        cell.set_style(self.cursor_style);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell as Count;

    fn lines(columns: &[Column<'_>], len: usize, cursor: usize, width: u16, height: u16) -> Vec<String> {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        Table::new(columns, len, cursor, |row, column| Cell::new(format!("{row}.{column}"), Style::new())).render(area, &mut buf);
        (0..height).map(|y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>().trim_end().to_owned()).collect()
    }

    #[test]
    fn columns_that_do_not_fit_go_in_their_order_and_the_rest_grow() {
        let columns = [Column::new("a", 4).grows(8), Column::new("b", 4).right().drop(1), Column::new("c", 4).drop(2)];
        assert_eq!(lines(&columns, 1, 0, 14, 2), ["a       b c", "0.0   0.1 0.2"]);
        assert_eq!(lines(&columns, 1, 0, 12, 2), ["a          b", "0.0      0.1"]);
        assert_eq!(lines(&columns, 1, 0, 4, 2), ["a", "0.0"]);
    }

    #[test]
    fn a_million_rows_ask_for_one_screenful() {
        let asked = Count::new(0);
        let columns = [Column::new("n", 8)];
        let area = Rect::new(0, 0, 8, 21);
        let mut buf = Buffer::empty(area);
        let cell = |row: usize, _: usize| {
            asked.set(asked.get() + 1);
            Cell::new(row.to_string(), Style::new())
        };
        Table::new(&columns, 1_000_000, 999_999, cell).render(area, &mut buf);
        assert_eq!(asked.get(), 20);
        assert_eq!(buf[(0, 20)].symbol(), "9");
    }

    #[test]
    fn the_cursor_is_always_in_view_and_rows_stay_while_it_moves_among_them() {
        for (len, height) in [(1, 1), (7, 3), (100, 12), (100, 99), (1_000, 20)] {
            let mut moves = 0;
            for cursor in 0..len {
                let first = first_in_view(cursor, len, height);
                assert!((first..first + height).contains(&cursor) && first + height <= len.max(height), "{cursor} of {len} in {height}");
                moves += usize::from(cursor > 0 && first != first_in_view(cursor - 1, len, height));
            }
            assert!(moves <= len.div_ceil((height - height / 5).max(1)), "{moves} moves of {len} rows in {height}");
        }
    }

    #[test]
    fn a_click_names_the_row_that_is_drawn_there() {
        let area = Rect::new(0, 5, 10, 4);
        assert_eq!(row_at(area, 0, 10, 5), None, "the headings");
        assert_eq!(row_at(area, 0, 10, 6), Some(0));
        assert_eq!(row_at(area, 9, 10, 8), Some(9));
        assert_eq!(row_at(area, 0, 1, 7), None);
        assert_eq!(row_at(area, 0, 10, 9), None);
    }

    #[test]
    fn every_size_draws_without_panic() {
        let columns = [Column::new("状态", 4).grows(9), Column::new("b", 4).right().drop(1)];
        for width in 0..20 {
            for height in 0..5 {
                lines(&columns, 9, 7, width, height);
            }
        }
    }
}
