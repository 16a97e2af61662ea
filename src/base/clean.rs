//! The one place where text from outside loses what a terminal could act on.

use std::borrow::Cow;

/// Whether a terminal, or a reader's eye, could be misled by this character: C0 and C1 controls, DEL,
/// bidirectional controls (Unicode TR 9), zero-width and other format characters, the byte order mark.
/// Joiners (U+200C, U+200D) and variation selectors stay: scripts and emoji need them.
fn acts(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// `text` on one line without control sequences. Whole sequences go (CSI, OSC, DCS, SOS, PM, APC with their
/// content, also in 8-bit form and unterminated); a tab or line end becomes one blank; other characters that act
/// are dropped. Clean text is borrowed.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    scrub(text, false)
}

/// As [`clean`], keeping line ends (`\n`; `\r\n` and a lone `\r` become `\n`): for text that is shown over several lines.
#[must_use]
pub fn clean_lines(text: &str) -> Cow<'_, str> {
    scrub(text, true)
}

fn scrub(text: &str, lines: bool) -> Cow<'_, str> {
    if !text.chars().any(|c| acts(c) && !(lines && c == '\n')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                Some('[') => skip_csi(&mut chars),
                Some(']' | 'P' | 'X' | '^' | '_') => skip_string(&mut chars),
                // ESC with intermediate bytes (charset and the like): up to its final byte.
                Some('\u{20}'..='\u{2f}') => {
                    while chars.next_if(|c| matches!(c, '\u{20}'..='\u{2f}')).is_some() {}
                    chars.next_if(|c| matches!(c, '\u{30}'..='\u{7e}'));
                }
                _ => {}
            },
            '\u{9b}' => skip_csi(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut chars),
            '\r' if lines => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\n' if lines => out.push('\n'),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push(' '),
            c if acts(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Parameters and intermediates up to the final byte (ECMA-48 5.4); anything else ends the sequence unread.
fn skip_csi(chars: &mut Chars<'_>) {
    while chars.next_if(|c| matches!(c, '\u{20}'..='\u{3f}')).is_some() {}
    chars.next_if(|c| matches!(c, '\u{40}'..='\u{7e}'));
}

/// A control string up to BEL, ST or ESC \; an unterminated one swallows the rest, as a terminal would.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next() {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_sequences_of_every_family_are_gone() {
        for (dirty, want) in [
            ("a\x1b]52;c;cm0gLXJm\x07b", "ab"),
            ("a\x1b]0;title\x1b\\b", "ab"),
            ("a\x1b[31;1mred\x1b[0m", "ared"),
            ("a\x1b[?1049hb", "ab"),
            ("a\x1bP1$r0m\x1b\\b", "ab"),
            ("a\u{9b}2Jb", "ab"),
            ("a\u{9d}52;c;x\u{9c}b", "ab"),
            ("a\x1b(0b", "ab"),
            ("a\x1bcb", "ab"),
            ("a\u{202e}b\u{2066}c\u{200f}", "abc"),
            ("a\x08\x7fb\u{feff}", "ab"),
            ("one\ttwo\r\nthree", "one two three"),
            ("a\x1b]52;unterminated", "a"),
        ] {
            assert_eq!(clean(dirty), want, "{dirty:?}");
        }
    }

    #[test]
    fn plain_text_of_any_script_is_borrowed_unchanged() {
        for text in ["", "视网膜脱离", "naïve", "👩‍⚕️", "a b"] {
            assert!(matches!(clean(text), Cow::Borrowed(t) if t == text));
        }
    }

    #[test]
    fn lines_stay_lines_where_they_are_wanted() {
        assert_eq!(clean_lines("a\r\nb\rc\n\x1b[1md"), "a\nb\nc\nd");
    }

    proptest! {
        #[test]
        fn nothing_that_acts_survives(text in "\\PC*|[\\x00-\\x9f]*|(\\x1b[\\[\\]P(]?.{0,3})*") {
            prop_assert!(!clean(&text).chars().any(acts));
        }
    }
}
