//! A one-line text field: printable keys are text, Esc leaves. The terminal's own cursor stands in it, where an IME looks for it.

use super::look::Look;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use dcudeck_widgets::text;
use ratatui::{Frame, layout::Rect, style::Style};
use ratatui_textarea::{CursorMove, TextArea};
use unicode_segmentation::UnicodeSegmentation as _;

/// What became of a key in a text field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// The text is another one.
    Changed,
    /// Only the cursor moved, or nothing happened.
    Moved,
    /// Enter: done with this field.
    Done,
    /// Esc: out of it.
    Left,
    /// Tab or Down: on to the next field or row.
    Next,
    /// Shift-Tab or Up: back to the previous field or row.
    Previous,
}

/// A one-line text field.
#[derive(Debug, Clone)]
pub struct TextInput {
    area: TextArea<'static>,
}

impl Default for TextInput {
    fn default() -> Self {
        Self::new("")
    }
}

impl TextInput {
    /// A field with `text` in it and the cursor behind it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut area = TextArea::new(vec![crate::base::clean(text).into_owned()]);
        area.move_cursor(CursorMove::End);
        Self { area }
    }

    /// What stands in it.
    #[must_use]
    pub fn text(&self) -> &str {
        self.area.lines().first().map_or("", String::as_str)
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Typed {
        if key.kind == KeyEventKind::Release {
            return Typed::Moved;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match (key.code, control) {
            (KeyCode::Enter, _) | (KeyCode::Char('m' | 'j'), true) => Typed::Done,
            (KeyCode::Esc, _) => Typed::Left,
            (KeyCode::Tab | KeyCode::Down, _) | (KeyCode::Char('n'), true) => Typed::Next,
            (KeyCode::BackTab | KeyCode::Up, _) | (KeyCode::Char('p'), true) => Typed::Previous,
            // As readline has it: what stands before the cursor goes.
            (KeyCode::Char('u'), true) => Self::told(self.area.delete_line_by_head()),
            (KeyCode::Char(c), false) if !key.modifiers.contains(KeyModifiers::ALT) => {
                if crate::base::clean(c.encode_utf8(&mut [0; 4])).chars().eq([c]) {
                    self.area.insert_char(c);
                    Typed::Changed
                } else {
                    Typed::Moved
                }
            }
            _ => Self::told(self.area.input(key)),
        }
    }

    /// Takes a pasted text, on one line and without control sequences.
    pub fn paste(&mut self, text: &str) -> Typed {
        let text = crate::base::clean(text.trim_end_matches(['\r', '\n']));
        Self::told(self.area.insert_str(&text))
    }

    fn told(changed: bool) -> Typed {
        if changed { Typed::Changed } else { Typed::Moved }
    }

    /// Draws the text into the first row of `area`, scrolled so that the cursor is seen, and puts the terminal's cursor there.
    pub fn draw(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let area = area.intersection(frame.area());
        let width = usize::from(area.width);
        if width == 0 || area.height == 0 {
            return;
        }
        let content = self.text();
        let before: usize = content.chars().take(self.area.cursor().1).map(char::len_utf8).sum();
        let (head, _) = content.split_at_checked(before).unwrap_or((content, ""));
        let at = text::width(head);
        // One cell stays free for the cursor itself; a wide character never sticks out by half.
        let mut skipped = 0;
        let mut start = 0;
        for (index, grapheme) in content.grapheme_indices(true) {
            if at - skipped < width {
                break;
            }
            skipped += text::width(grapheme);
            start = index + grapheme.len();
        }
        let visible = content.get(start..).unwrap_or_default();
        let mut used = 0;
        let end = visible
            .grapheme_indices(true)
            .find_map(|(index, grapheme)| {
                used += text::width(grapheme);
                (used > width).then_some(index)
            })
            .unwrap_or(visible.len());
        let style: Style = look.theme.plain;
        frame.buffer_mut().set_string(area.x, area.y, visible.get(..end).unwrap_or_default(), style);
        let column = u16::try_from(at.saturating_sub(skipped)).unwrap_or(0).min(area.width - 1);
        frame.set_cursor_position((area.x + column, area.y));
    }
}
