//! Text measured and cut by terminal cells, never by bytes or chars.
//!
//! Widths are those `ratatui` draws with: per grapheme, control characters count nothing.
//! Deliberately absent: stripping control sequences from foreign text, which belongs where that text comes in.

use std::borrow::Cow;

use ratatui_core::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;

/// Cells that `text` takes on the terminal.
///
/// ```
/// assert_eq!(dcudeck_widgets::text::width("眼科 ok"), 7);
/// ```
#[must_use]
pub fn width(text: &str) -> usize {
    // Latency labels and figures are ASCII: no segmentation for them.
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.len();
    }
    text.graphemes(true).map(grapheme_width).sum()
}

/// Cells of one grapheme; what the buffer would not draw counts 0.
fn grapheme_width(grapheme: &str) -> usize {
    if grapheme.contains(char::is_control) { 0 } else { usize::from(grapheme.cell_width()) }
}

/// `text` if it fits into `width` cells, else its beginning with `…` (`..` with `ascii`), exactly `width` cells wide.
///
/// A wide character that would stick out by half is left out whole and its cell filled with a space, so that
/// what follows on the row stays where it is.
///
/// ```
/// # use dcudeck_widgets::text::fit;
/// assert_eq!(fit("chat-2k", 7, false), "chat-2k");
/// assert_eq!(fit("chat-2k-long", 7, false), "chat-2…");
/// assert_eq!(fit("视网膜脱离", 6, false), "视网… ");
/// assert_eq!(fit("chat-2k-long", 7, true), "chat-..");
/// ```
#[must_use]
pub fn fit(text: &str, width: usize, ascii: bool) -> Cow<'_, str> {
    if self::width(text) <= width {
        return Cow::Borrowed(text);
    }
    let (ellipsis, cells) = match (ascii, width) {
        (_, 0) => ("", 0),
        (false, _) => ("…", 1),
        (true, 1) => (".", 1),
        (true, _) => ("..", 2),
    };
    let (kept, used) = head(text, width - cells);
    let mut out = String::with_capacity(kept.len() + ellipsis.len() + 1);
    out.push_str(kept);
    out.push_str(ellipsis);
    out.extend(std::iter::repeat_n(' ', width - cells - used));
    Cow::Owned(out)
}

/// The longest beginning of `text` that fits into `width` cells, and the cells it takes.
fn head(text: &str, width: usize) -> (&str, usize) {
    let mut used = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        let next = used + grapheme_width(grapheme);
        if next > width {
            return (text.get(..at).unwrap_or_default(), used);
        }
        used = next;
    }
    (text, used)
}

/// `text` at the right of exactly `width` cells, cut as by [`fit`]: for figures.
#[must_use]
pub fn pad_left(text: &str, width: usize, ascii: bool) -> Cow<'_, str> {
    let text = fit(text, width, ascii);
    let room = width.saturating_sub(self::width(&text));
    if room == 0 { text } else { Cow::Owned(" ".repeat(room) + &text) }
}

/// `text` at the left of exactly `width` cells, cut as by [`fit`]: for names.
#[must_use]
pub fn pad_right(text: &str, width: usize, ascii: bool) -> Cow<'_, str> {
    let text = fit(text, width, ascii);
    let room = width.saturating_sub(self::width(&text));
    if room == 0 { text } else { Cow::Owned(text.into_owned() + &" ".repeat(room)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: [&str; 9] =
        ["", "TTFT", "视网膜脱离手术后为什么要俯卧？", "a视b网c", "e\u{301}e\u{301}e\u{301}", "👩‍⚕️👩‍⚕️ eye", "ｶﾞｷﾞ", "🇨🇳🇩🇪", "…①±"];

    #[test]
    fn cut_text_never_exceeds_its_cells_and_fills_them() {
        for text in SAMPLES {
            for cells in 0..40 {
                for ascii in [false, true] {
                    let cut = fit(text, cells, ascii);
                    assert!(width(&cut) <= cells, "{text:?} in {cells}: {cut:?}");
                    if width(text) > cells {
                        assert_eq!(width(&cut), cells, "{text:?} in {cells}: {cut:?}");
                    } else {
                        assert_eq!(cut, text);
                    }
                    assert_eq!(width(&pad_left(text, cells, ascii)), cells);
                    assert_eq!(width(&pad_right(text, cells, ascii)), cells);
                }
            }
        }
    }

    #[test]
    fn a_wide_character_is_never_split() {
        assert_eq!(fit("漢字漢字", 5, false), "漢字…");
        assert_eq!(fit("漢字漢字", 4, false), "漢… ");
        assert_eq!(fit("漢字漢字", 4, true), "漢..");
        assert_eq!(fit("漢字漢字", 3, true), ".. ");
        assert_eq!(fit("漢字", 1, false), "…");
        assert_eq!(fit("漢字", 1, true), ".");
        assert_eq!(fit("漢字", 0, true), "");
    }

    #[test]
    fn combining_marks_stay_with_their_letter() {
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(fit("e\u{301}e\u{301}e\u{301}", 2, false), "e\u{301}…");
    }

    #[test]
    fn widths_agree_with_what_the_buffer_draws() {
        use ratatui_core::{buffer::Buffer, layout::Rect, style::Style};
        for text in SAMPLES {
            let mut buf = Buffer::empty(Rect::new(0, 0, 60, 1));
            let (end, _) = buf.set_stringn(0, 0, text, 60, Style::new());
            assert_eq!(usize::from(end), width(text), "{text:?}");
        }
    }

    #[test]
    fn control_characters_take_no_cell() {
        assert_eq!(width("a\u{1b}b\r\n"), 2);
    }

    #[test]
    fn padding_aligns_figures_right_and_names_left() {
        assert_eq!(pad_left("512", 6, false), "   512");
        assert_eq!(pad_right("眼科", 6, false), "眼科  ");
        assert!(matches!(pad_left("512", 3, false), Cow::Borrowed("512")));
    }
}
