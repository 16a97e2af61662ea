//! Frames as bytes: only what changed, one write a frame, nothing at all when nothing changed.

mod scroll;

use self::scroll::{Scrolling, Step, step};
use ratatui::{
    Frame, Terminal, TerminalOptions, Viewport,
    buffer::Buffer,
    layout::{Rect, Size},
};
use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};

const CURSOR: &[u8] = b"\x1b[?25";
const HIDE_CURSOR: &[u8] = b"\x1b[?25l";
/// Synchronized output: terminals that know it show the frame at once, others ignore it.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";
/// What the backend ends its cells with, and what does the same.
const RESETS: &[u8] = b"\x1b[39m\x1b[49m\x1b[59m\x1b[0m";
const RESET: &[u8] = b"\x1b[0m";
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

/// Collects a frame; the backend's own flushes do nothing.
#[derive(Debug, Clone, Default)]
struct Bytes(Rc<RefCell<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Draws frames to `out`.
pub struct Painter<W> {
    out: W,
    bytes: Bytes,
    terminal: Terminal<Scrolling<Bytes>>,
    /// What the terminal shows.
    shown: Buffer,
    /// What the backend writes for the frame under way.
    instead: Rc<RefCell<Option<Step>>>,
    /// The whole screen is to be drawn, whatever it shows now.
    fresh: bool,
    /// How the last frame left the cursor.
    cursor: Vec<u8>,
    written: u64,
}

impl<W: Write> Painter<W> {
    /// A painter for a screen of `size`. Nothing is written, and the terminal is asked nothing.
    ///
    /// # Errors
    /// Never in practice: the buffer takes everything.
    pub fn new(out: W, size: Size) -> io::Result<Self> {
        let bytes = Bytes::default();
        let instead = Rc::default();
        let terminal = fixed(&bytes, &instead, size)?;
        Ok(Self { out, bytes, terminal, shown: Buffer::default(), instead, fresh: true, cursor: Vec::new(), written: 0 })
    }

    /// The screen has another size, or unknown content: the next frame draws all of it.
    ///
    /// # Errors
    /// Never in practice, as [`Painter::new`].
    pub fn renew(&mut self, size: Size) -> io::Result<()> {
        // Not Terminal::clear(): it would ask the terminal where its cursor is and wait for the answer.
        self.terminal = fixed(&self.bytes, &self.instead, size)?;
        self.fresh = true;
        Ok(())
    }

    /// Draws what `draw` shows, as one write; returns the bytes written, 0 when the screen shows it already.
    ///
    /// # Errors
    /// What the terminal says.
    pub fn frame(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<usize> {
        self.bytes.0.borrow_mut().clear();
        let (shown, instead, fresh) = (&mut self.shown, &self.instead, self.fresh);
        self.terminal.draw(|frame| {
            draw(frame);
            let next = frame.buffer_mut();
            if fresh {
                *shown = Buffer::empty(next.area);
            }
            *instead.borrow_mut() = Some(step(shown, next));
            shown.clone_from(next);
        })?;
        let drawn = self.bytes.0.borrow();
        let cells = drawn.windows(CURSOR.len()).rposition(|window| window == CURSOR).unwrap_or(drawn.len());
        let (cells, cursor) = drawn.split_at(cells);
        if !self.fresh && !moves(cells) && cursor == self.cursor {
            return Ok(0);
        }
        let mut frame = Vec::with_capacity(drawn.len() + 64);
        frame.extend_from_slice(BEGIN);
        if self.fresh {
            frame.extend_from_slice(HIDE_CURSOR);
            frame.extend_from_slice(CLEAR);
        } else if self.cursor != HIDE_CURSOR {
            frame.extend_from_slice(HIDE_CURSOR);
        }
        if self.fresh || moves(cells) {
            match cells.strip_suffix(RESETS) {
                Some(cells) => {
                    frame.extend_from_slice(cells);
                    frame.extend_from_slice(RESET);
                }
                None => frame.extend_from_slice(cells),
            }
        }
        if cursor != HIDE_CURSOR {
            frame.extend_from_slice(cursor);
        }
        frame.extend_from_slice(END);
        self.cursor = cursor.to_vec();
        drop(drawn);
        self.fresh = false;
        self.send(&frame)?;
        Ok(frame.len())
    }

    /// Writes a control sequence between frames.
    ///
    /// # Errors
    /// What the terminal says.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Where the frames went.
    pub fn out(&self) -> &W {
        &self.out
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }
}

/// A fixed viewport: the only kind for which drawing never queries the terminal.
fn fixed(bytes: &Bytes, instead: &Rc<RefCell<Option<Step>>>, size: Size) -> io::Result<Terminal<Scrolling<Bytes>>> {
    let area = Rect::new(0, 0, size.width, size.height);
    Terminal::with_options(Scrolling::new(bytes.clone(), Rc::clone(instead)), TerminalOptions { viewport: Viewport::Fixed(area) })
}

/// Whether any cell was drawn: the backend then begins by moving the cursor (`CSI row ; column H`) or rows (`CSI top ; bottom r`), else by
/// resetting colours.
fn moves(cells: &[u8]) -> bool {
    cells
        .strip_prefix(b"\x1b[")
        .and_then(|rest| rest.iter().find(|byte| byte.is_ascii_alphabetic()))
        .is_some_and(|byte| b"Hr".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Stylize as _;

    #[test]
    fn a_frame_is_one_write_and_an_equal_frame_is_none() {
        struct Counting(Vec<usize>);
        impl Write for Counting {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(bytes.len());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut painter = Painter::new(Counting(Vec::new()), Size::new(20, 3)).unwrap();
        let show = |text: &'static str| move |frame: &mut Frame<'_>| frame.render_widget(text.red(), frame.area());
        assert!(painter.frame(show("one")).unwrap() > 0);
        assert_eq!(painter.frame(show("one")).unwrap(), 0);
        assert!(painter.frame(show("two")).unwrap() > 0);
        assert_eq!(painter.out.0.len(), 2);
    }

    #[test]
    fn a_cursor_that_moves_or_goes_is_a_change() {
        let mut painter = Painter::new(Vec::new(), Size::new(20, 3)).unwrap();
        let at = |x: Option<u16>| {
            move |frame: &mut Frame<'_>| {
                if let Some(x) = x {
                    frame.set_cursor_position((x, 1));
                }
            }
        };
        painter.frame(at(Some(1))).unwrap();
        assert_eq!(painter.frame(at(Some(1))).unwrap(), 0);
        assert!(painter.frame(at(Some(2))).unwrap() > 0);
        assert!(painter.frame(at(None)).unwrap() > 0);
        assert!(painter.out.ends_with(b"\x1b[?25l\x1b[?2026l"));
        assert_eq!(painter.frame(at(None)).unwrap(), 0);
    }

    #[test]
    fn a_renewed_screen_is_drawn_whole_and_never_asked_anything() {
        let mut painter = Painter::new(Vec::new(), Size::new(20, 3)).unwrap();
        let show = |frame: &mut Frame<'_>| frame.render_widget("content", frame.area());
        painter.frame(show).unwrap();
        painter.renew(Size::new(10, 2)).unwrap();
        painter.out.clear();
        painter.frame(show).unwrap();
        let out = String::from_utf8(painter.out.clone()).unwrap();
        assert!(out.contains("content") && out.contains("\x1b[2J"));
        assert!(!out.contains("\x1b[6n"), "asks for the cursor's position");
    }
}
