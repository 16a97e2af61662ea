//! The fewest bytes from one frame to the next.
//!
//! Rows that only moved are moved by the terminal itself, so that a followed log costs its new lines and not its whole pane. The
//! sequences are the oldest there are, scroll region (DECSTBM), delete line and insert line, which every terminal and
//! multiplexer knows; rows move over the whole width or not at all. A few cells between two that changed are written again where
//! going around them costs more.

use dcudeck_widgets::text::width;
use ratatui::{
    backend::{Backend, ClearType, CrosstermBackend, WindowSize},
    buffer::{Buffer, Cell},
    layout::{Position, Size},
};
use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};

/// Most rows by which a frame is taken to have moved.
const MOST: usize = 24;
/// A frame that changes fewer cells is drawn as it is.
const WORTH: usize = 60;

/// Cells that are written again rather than gone around: moving the cursor takes six to ten bytes.
const BRIDGED: u16 = 6;

/// What is written for a frame: a sequence that moves rows, if any does, then the cells that differ.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Step {
    sequence: String,
    cells: Vec<(u16, u16, Cell)>,
}

/// How the terminal comes from `shown` to `next` at the least cost.
pub(super) fn step(shown: &Buffer, next: &Buffer) -> Step {
    let plain = Step { sequence: String::new(), cells: bridged(&shown.diff(next), next) };
    if plain.cells.len() < WORTH {
        return plain;
    }
    moved(shown, next).filter(|moved| moved.bytes() < plain.bytes()).unwrap_or(plain)
}

impl Step {
    /// About what it costs: a byte or more a cell, a cursor move where one does not follow the other, a change of style.
    fn bytes(&self) -> usize {
        const MOVE: usize = 8;
        const STYLE: usize = 12;
        let mut total = self.sequence.len();
        let mut before: Option<&(u16, u16, Cell)> = None;
        for at in &self.cells {
            let (x, y, cell) = at;
            let follows = before.is_some_and(|(before_x, before_y, cell)| {
                before_y == y && before_x + u16::try_from(width(cell.symbol())).unwrap_or(1).max(1) == *x
            });
            let styled = before.is_none_or(|(.., before)| (before.fg, before.bg, before.modifier) != (cell.fg, cell.bg, cell.modifier));
            total += cell.symbol().len() + if follows { 0 } else { MOVE } + if styled { STYLE } else { 0 };
            before = Some(at);
        }
        total
    }
}

/// `cells`, and those of `next` between two of them in a row where they are few and look like the one before.
fn bridged(cells: &[(u16, u16, &Cell)], next: &Buffer) -> Vec<(u16, u16, Cell)> {
    let mut out: Vec<(u16, u16, Cell)> = Vec::with_capacity(cells.len() + cells.len() / 4);
    for &(x, y, cell) in cells {
        if let Some((before_x, before_y, before)) = out.last().cloned() {
            let end = before_x + u16::try_from(width(before.symbol())).unwrap_or(1).max(1);
            if before_y == y && end < x && x - end <= BRIDGED {
                let between: Option<Vec<_>> = (end..x).map(|x| Some((x, y, alike(next.cell((x, y))?, &before)?))).collect();
                out.extend(between.unwrap_or_default());
            }
        }
        out.push((x, y, cell.clone()));
    }
    out
}

/// `cell` as it can be written after `before` without another style; `None` where it cannot.
fn alike(cell: &Cell, before: &Cell) -> Option<Cell> {
    // The colour of a blank is not seen.
    let blank = cell.symbol() == " " && (cell.modifier | before.modifier).is_empty();
    let same = cell.bg == before.bg && cell.modifier == before.modifier && (blank || cell.fg == before.fg);
    (same && cell.symbol().len() == 1).then(|| {
        let mut written = before.clone();
        written.set_symbol(cell.symbol());
        written
    })
}

/// Rows `top..bottom` move up by `by`, or down where that is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Move {
    top: usize,
    bottom: usize,
    by: isize,
}

/// How to come from `shown` to `next` by moving rows; `None` where none did.
fn moved(shown: &Buffer, next: &Buffer) -> Option<Step> {
    let width = usize::from(next.area.width);
    if shown.area != next.area || width == 0 {
        return None;
    }
    let found = longest(shown, next, width)?;
    let after = shifted(shown, width, found);
    let cells = after.diff(next);
    let (top, bottom, by) = (found.top + 1, found.bottom, found.by.unsigned_abs());
    let turn = if found.by > 0 { 'M' } else { 'L' };
    let cells = bridged(&cells, next);
    Some(Step { sequence: format!("\x1b[{top};{bottom}r\x1b[{top};1H\x1b[{by}{turn}\x1b[r"), cells })
}

/// The most rows in a run that stand in `next` as they did in `shown`, some rows further down or up.
fn longest(shown: &Buffer, next: &Buffer, width: usize) -> Option<Move> {
    let height = usize::from(next.area.height);
    let row = |y: usize| y * width..(y + 1) * width;
    let same = |from: usize, to: usize| shown.content.get(row(from)) == next.content.get(row(to));
    // A run of blank rows is no reason to move anything.
    let says = |y: usize| next.content.get(row(y)).is_some_and(|cells| cells.iter().any(|cell| cell.symbol() != " "));
    let mut best: Option<(usize, Move)> = None;
    for by in 1..=MOST.min(height.saturating_sub(1)) {
        for up in [true, false] {
            let mut y = 0;
            while y + by < height {
                let place = |y: usize| if up { (y + by, y) } else { (y, y + by) };
                let mut end = y;
                let mut telling = 0;
                while end + by < height && same(place(end).0, place(end).1) {
                    telling += usize::from(says(place(end).1));
                    end += 1;
                }
                if telling > best.map_or(1, |(most, _)| most) {
                    let by = isize::try_from(by).unwrap_or(0);
                    best = Some((telling, Move { top: y, bottom: end + by.unsigned_abs(), by: if up { by } else { -by } }));
                }
                y = end.max(y + 1);
            }
        }
    }
    best.map(|(_, found)| found)
}

/// `shown` as the terminal has it after the move: what moved in is blank.
fn shifted(shown: &Buffer, width: usize, Move { top, bottom, by }: Move) -> Buffer {
    let mut after = shown.clone();
    let Some(rows) = after.content.get_mut(top * width..bottom * width) else { return after };
    let cells = by.unsigned_abs() * width;
    if by > 0 {
        rows.rotate_left(cells);
        let kept = rows.len() - cells;
        rows.iter_mut().skip(kept).for_each(Cell::reset);
    } else {
        rows.rotate_right(cells);
        rows.iter_mut().take(cells).for_each(Cell::reset);
    }
    after
}

/// A backend that writes the step it finds in `instead`, once, in place of the cells it is given.
pub(super) struct Scrolling<W: Write> {
    inner: CrosstermBackend<W>,
    instead: Rc<RefCell<Option<Step>>>,
}

impl<W: Write> Scrolling<W> {
    pub(super) const fn new(out: W, instead: Rc<RefCell<Option<Step>>>) -> Self {
        Self { inner: CrosstermBackend::new(out), instead }
    }
}

impl<W: Write> Backend for Scrolling<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        match self.instead.borrow_mut().take() {
            None => self.inner.draw(content),
            Some(Step { sequence, cells }) => {
                self.inner.write_all(sequence.as_bytes())?;
                self.inner.draw(cells.iter().map(|(x, y, cell)| (*x, *y, cell)))
            }
        }
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.inner.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.inner.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.inner.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.inner.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Painter, *};
    use ratatui::{Frame, layout::Rect, style::Stylize as _};
    use std::num::NonZero;

    /// A screen of 40 × 12 with `lines` between a head and a foot that stay.
    fn shows(lines: Vec<String>) -> impl FnOnce(&mut Frame<'_>) {
        move |frame| {
            frame.render_widget("head".bold(), Rect::new(0, 0, 40, 1));
            for (y, line) in (1..11).zip(lines) {
                frame.render_widget(line.on_blue(), Rect::new(0, y, 40, 1));
            }
            frame.render_widget("foot", Rect::new(0, 11, 40, 1));
        }
    }

    fn lines(from: usize) -> Vec<String> {
        (from..from + 10).map(|n| format!("line {n} 甲乙 {}", "x".repeat(n * 7 % 20))).collect()
    }

    #[test]
    fn a_terminal_that_moves_its_rows_shows_what_was_drawn() {
        let mut painter = Painter::new(Vec::new(), Size::new(40, 12)).unwrap();
        let emulator = || vt100::Parser::new(NonZero::new(12).unwrap(), NonZero::new(40).unwrap(), 0);
        let mut terminal = emulator();
        let mut plain = Painter::new(Vec::new(), Size::new(40, 12)).unwrap();
        let mut read = 0;
        // Up by one, by three, down by two, up by more than the pane holds, not at all.
        for from in [0, 1, 4, 2, 30, 30, 29, 31] {
            painter.frame(shows(lines(from))).unwrap();
            terminal.process(&painter.out()[read..]);
            read = painter.out().len();
            plain.renew(Size::new(40, 12)).unwrap();
            plain.frame(shows(lines(from))).unwrap();
            let mut whole = emulator();
            whole.process(plain.out());
            for (y, x) in (0..12).flat_map(|y| (0..40).map(move |x| (y, x))) {
                let seen = |parser: &vt100::Parser| {
                    let cell = parser.screen().cell(y, x).unwrap();
                    let symbol = if cell.has_contents() { cell.contents().to_owned() } else { " ".to_owned() };
                    (symbol, cell.bgcolor(), cell.bold())
                };
                assert_eq!(seen(&terminal), seen(&whole), "from line {from}, row {y}, column {x}");
            }
        }
    }

    #[test]
    fn lines_that_move_up_cost_little_more_than_the_new_one() {
        let mut painter = Painter::new(Vec::new(), Size::new(40, 12)).unwrap();
        painter.frame(shows(lines(0))).unwrap();
        let one = painter.frame(shows(lines(1))).unwrap();
        assert!(one < 120, "{one} bytes");
    }

    #[test]
    fn what_changed_in_place_is_drawn_in_place() {
        let buffer = |from| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 10));
            for (y, line) in (0..10).zip(lines(from)) {
                buffer.set_string(0, y, line, ratatui::style::Style::new());
            }
            buffer
        };
        assert_eq!(moved(&buffer(0), &buffer(500)), None);
        assert_eq!(moved(&buffer(0), &buffer(0)), None);
        assert!(moved(&buffer(3), &buffer(5)).is_some() && moved(&buffer(5), &buffer(3)).is_some());
    }
}
