//! What tests of the tab share: keys pressed as the console presses them, and pictures as text.

use super::Load;
use crate::{
    base::Lang,
    console::{
        command, key,
        look::Look,
        tab::{Effect, Live, Tab as _, TabId},
        theme::{Palette, Theme},
    },
};
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer};

pub(super) fn look(lang: Lang, palette: Palette) -> Look {
    Look { lang, ascii: false, theme: Theme::new(palette), second: 0 }
}

pub(super) fn drawn(tab: &Load, look: &Look, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| tab.draw(look, frame, frame.area())).unwrap();
    terminal.backend().buffer().clone()
}

/// Presses a key as the console does: a text field first, then the command table, and only what is live and not disabled.
pub(super) fn press(tab: &mut Load, name: &str) -> Vec<Effect> {
    let event = key::of_name(name).unwrap();
    if let Some(field) = tab.field() {
        let typed = field.key(event);
        return tab.typed(typed);
    }
    let Some(command) = command::of_key(name, TabId::Load) else { return Vec::new() };
    match tab.commands().into_iter().find(|live| live.command == command) {
        Some(Live { disabled: None, .. }) => tab.command(command),
        _ => Vec::new(),
    }
}

/// A row of a picture, a double-width sign once.
fn row(buf: &Buffer, y: u16) -> String {
    let mut line = String::new();
    let mut skip = 0;
    for x in 0..buf.area.width {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        let symbol = buf[(x, y)].symbol();
        line.push_str(symbol);
        skip = dcudeck_widgets::text::width(symbol).saturating_sub(1);
    }
    line.trim_end().to_owned()
}

pub(super) fn text_of(buf: &Buffer) -> String {
    (0..buf.area.height).map(|y| row(buf, y) + "\n").collect()
}

/// Whether `what` is on a screen of 80×24.
pub(super) fn shows(tab: &Load, what: &str) -> bool {
    text_of(&drawn(tab, &look(Lang::En, Palette::Mono), 80, 21)).contains(what)
}
