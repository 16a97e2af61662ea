//! Colours by meaning. Each has one meaning, and never stands alone: a sign or a word says the same.

use ratatui::style::{Color, Modifier, Style};

/// One style per meaning; `patch` them onto text, never name a colour elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Ordinary text.
    pub plain: Style,
    /// What the eye should find first: headings, the figure that matters. The second weight of text beside `plain`.
    pub strong: Style,
    /// Selected, or live.
    pub accent: Style,
    /// Good.
    pub good: Style,
    /// Look at it.
    pub look: Style,
    /// Act on it.
    pub act: Style,
    /// Not sure, not fresh, not available now.
    pub unsure: Style,
    /// Rules, axes and other furniture.
    pub rule: Style,
    /// The row or field under the cursor, patched over its own styles.
    pub cursor: Style,
}

/// Which set of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// 256 colours for a dark background.
    Dark,
    /// 256 colours for a light background.
    Light,
    /// The terminal's own 16 colours.
    Sixteen,
    /// None: bold and reverse only.
    Mono,
}

impl Palette {
    /// The terminal's own 16 colours, unless `COLORFGBG` (given as `colorfgbg`) tells the background.
    #[must_use]
    pub fn auto(colorfgbg: Option<&str>) -> Self {
        match colorfgbg.and_then(|value| value.rsplit(';').next()?.parse::<u8>().ok()) {
            Some(0..=6 | 8) => Self::Dark,
            Some(7 | 15) => Self::Light,
            _ => Self::Sixteen,
        }
    }
}

impl Theme {
    /// The styles of `palette`.
    #[must_use]
    pub const fn new(palette: Palette) -> Self {
        let plain = Style::new();
        let strong = plain.add_modifier(Modifier::BOLD);
        match palette {
            Palette::Dark => Self::coloured([80, 114, 221, 203, 246, 240], Color::Indexed(237)),
            Palette::Light => Self::coloured([25, 28, 130, 160, 242, 248], Color::Indexed(254)),
            Palette::Sixteen => Self {
                plain,
                strong,
                accent: plain.fg(Color::Cyan),
                good: plain.fg(Color::Green),
                look: plain.fg(Color::Yellow),
                act: plain.fg(Color::Red),
                unsure: plain.fg(Color::DarkGray),
                rule: plain.fg(Color::DarkGray),
                // One colour for the row: reversed, each of its colours would be a patch of background.
                cursor: plain.fg(Color::Reset).add_modifier(Modifier::REVERSED),
            },
            Palette::Mono => Self {
                plain,
                strong,
                accent: strong,
                good: plain,
                look: strong,
                act: strong,
                unsure: plain,
                rule: plain,
                cursor: plain.add_modifier(Modifier::REVERSED),
            },
        }
    }

    const fn coloured([accent, good, look, act, unsure, rule]: [u8; 6], cursor: Color) -> Self {
        let plain = Style::new();
        Self {
            plain,
            strong: plain.add_modifier(Modifier::BOLD),
            accent: plain.fg(Color::Indexed(accent)),
            good: plain.fg(Color::Indexed(good)),
            look: plain.fg(Color::Indexed(look)),
            act: plain.fg(Color::Indexed(act)),
            unsure: plain.fg(Color::Indexed(unsure)),
            rule: plain.fg(Color::Indexed(rule)),
            cursor: plain.bg(cursor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mono_names_no_colour_at_all() {
        let Theme { plain, strong, accent, good, look, act, unsure, rule, cursor } = Theme::new(Palette::Mono);
        for style in [plain, strong, accent, good, look, act, unsure, rule, cursor] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }

    #[test]
    fn auto_leaves_colours_to_the_terminal_unless_it_tells_its_background() {
        assert_eq!(Palette::auto(None), Palette::Sixteen);
        assert_eq!(Palette::auto(Some("15;0")), Palette::Dark);
        assert_eq!(Palette::auto(Some("0;default;15")), Palette::Light);
    }
}
