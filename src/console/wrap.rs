//! Text over several rows: broken at blanks, and between wide characters, which need none.

use dcudeck_widgets::text::width;
use unicode_segmentation::UnicodeSegmentation as _;

/// `text` in rows of at most `columns` cells; an empty text is one empty row.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut rows = vec![String::new()];
    let mut used = 0;
    for word in words(text) {
        let cells = width(word);
        if used + cells > columns && used > 0 {
            rows.push(String::new());
            used = 0;
        }
        let word = if used == 0 { word.trim_start() } else { word };
        for grapheme in word.graphemes(true) {
            let cells = width(grapheme);
            if used + cells > columns {
                rows.push(String::new());
                used = 0;
            }
            if let Some(row) = rows.last_mut() {
                row.push_str(grapheme);
            }
            used += cells;
        }
    }
    rows
}

/// Pieces that stay together: a word with the blanks before it, or one wide character with the closing punctuation after it.
fn words(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before: Option<&str> = None;
    for (at, grapheme) in text.grapheme_indices(true) {
        let breaks = before.is_some_and(|before| {
            let blank = grapheme == " " && before != " ";
            let wide = (width(grapheme) > 1 || width(before) > 1) && before != " " && grapheme != " ";
            blank || wide && !closes(grapheme) && !opens(before)
        });
        if breaks {
            pieces.extend(text.get(start..at));
            start = at;
        }
        before = Some(grapheme);
    }
    pieces.extend(text.get(start..));
    pieces
}

fn closes(grapheme: &str) -> bool {
    "，。、；：！？）】》”’,.;:!?)%".contains(grapheme)
}

fn opens(grapheme: &str) -> bool {
    "（【《“‘(".contains(grapheme)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_break_at_blanks_and_between_wide_characters() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("首 token 时间，毫秒", 9), ["首 token", "时间，毫", "秒"]);
        assert_eq!(wrap("unbreakable", 4), ["unbr", "eaka", "ble"]);
        assert_eq!(wrap("", 10), [""]);
    }

    #[test]
    fn closing_punctuation_never_begins_a_row() {
        assert_eq!(wrap("视网膜，脱离", 6), ["视网", "膜，脱", "离"]);
    }

    proptest! {
        #[test]
        fn no_row_is_too_wide_and_no_letter_is_lost(text in "([a-z]{0,9} |[视网膜，。]{0,5}|👩‍⚕️)*", columns in 2_usize..40) {
            let rows = wrap(&text, columns);
            prop_assert!(rows.iter().all(|row| width(row) <= columns));
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(letters(&rows.concat()), letters(&text));
        }
    }
}
