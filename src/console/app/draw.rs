//! The picture: header, tabs, body, footer, and what lies over the body.

use super::App;
use crate::{
    base::Text,
    console::{bars, look::Look},
    text,
};
use dcudeck_widgets::text::width;
use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Rect, Size},
    text::Line,
};

/// Smaller than this nothing useful fits.
pub(super) const MIN: Size = Size::new(40, 10);

/// Keys while a text field takes all others.
const TYPING: &[(&str, Text)] = &[("Enter", text!("done", "完成")), ("Esc", text!("leave", "离开")), ("ctrl-U", text!("clear", "清空"))];

/// Where what goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Areas {
    pub(super) header: Rect,
    pub(super) tabs: Rect,
    pub(super) body: Rect,
    pub(super) footer: Rect,
}

/// The areas of a screen; `None` when it is too small.
pub(super) fn areas(size: Size) -> Option<Areas> {
    if size.width < MIN.width || size.height < MIN.height {
        return None;
    }
    let row = |y| Rect::new(0, y, size.width, 1);
    Some(Areas { header: row(0), tabs: row(1), body: Rect::new(0, 2, size.width, size.height - 3), footer: row(size.height - 1) })
}

impl App {
    /// Draws the screen. A pure function of the state.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let Some(areas) = areas(area.as_size()) else {
            return too_small(&self.look, frame, area);
        };
        let look = &self.look;
        self.header.draw(look, frame, areas.header);
        bars::tabs(look, frame, areas.tabs, &self.tab_ids(), self.tab_id(), &self.marked);
        if let Some(tab) = self.tabs.get(self.active) {
            tab.draw(look, frame, areas.body);
        }
        match self.layers.last() {
            Some(layer) => self.draw_layer(layer, frame, areas.body, areas.footer),
            None if self.typing => bars::keys(look, frame, areas.footer, TYPING),
            None => bars::footer(look, frame, areas.footer, &self.live()),
        }
        if let Some(status) = &self.status {
            frame.render_widget(ratatui::widgets::Clear, areas.footer);
            bars::status(look, frame, areas.footer, status);
        }
        if look.ascii {
            fold(frame.buffer_mut());
        }
    }
}

/// Replaces what is neither ASCII nor a letter: the last word of `--ascii`, for texts that carry such signs.
fn fold(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.is_ascii() || symbol.chars().any(char::is_alphanumeric) || width(symbol) != 1 {
            continue;
        }
        let plain = match symbol {
            "·" | "•" | "…" => ".",
            "–" | "—" | "−" | "─" => "-",
            "×" => "x",
            "≤" | "‹" => "<",
            "≥" | "›" => ">",
            "±" => "+",
            "≈" => "~",
            "°" => " ",
            "‘" | "’" => "'",
            "“" | "”" => "\"",
            "│" => "|",
            _ => "?",
        };
        cell.set_symbol(plain);
    }
}

fn too_small(look: &Look, frame: &mut Frame<'_>, area: Rect) {
    let Size { width, height } = area.as_size();
    let said = crate::said!("need {}x{}, have {width}x{height}", "需要 {}x{}，当前 {width}x{height}", MIN.width, MIN.height);
    frame.render_widget(Line::from(said.get(look.lang).to_owned()), area);
}
