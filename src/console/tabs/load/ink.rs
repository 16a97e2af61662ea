//! The roles this tab draws with.

use crate::base::Lang;
use ratatui::style::{Color, Modifier, Style};

/// Language, character set and the style of each role.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    pub(super) lang: Lang,
    pub(super) ascii: bool,
    pub(super) text: Style,
    pub(super) dim: Style,
    pub(super) strong: Style,
    pub(super) accent: Style,
    pub(super) good: Style,
    pub(super) warn: Style,
    pub(super) bad: Style,
    pub(super) rule: Style,
}
impl Ink {
    pub(super) fn demo(lang: Lang, ascii: bool) -> Self {
        let s = Style::new();
        Self { lang, ascii, text: s, dim: s.fg(Color::DarkGray), strong: s.add_modifier(Modifier::BOLD), accent: s.fg(Color::Cyan), good: s.fg(Color::Green), warn: s.fg(Color::Yellow), bad: s.fg(Color::Red), rule: s.fg(Color::DarkGray) }
    }
}
