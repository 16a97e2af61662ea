//! Words and columns of what commands print for people.

use crate::base::Lang;
use unicode_width::UnicodeWidthStr as _;

/// One of two words.
pub(super) const fn word(lang: Lang, en: &'static str, zh: &'static str) -> &'static str {
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

/// Padded on its right to so many columns of a terminal, where a Chinese sign takes two.
pub(super) fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Padded on its left.
pub(super) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
}
