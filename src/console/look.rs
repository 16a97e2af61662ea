//! How to draw: besides state, nothing else decides the picture.

use super::theme::Theme;
use crate::base::Lang;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The user's language.
    pub lang: Lang,
    /// Plain ASCII signs only.
    pub ascii: bool,
    /// Styles by meaning.
    pub theme: Theme,
    /// Seconds the console has been open. Charts advance when it changes and only then; figures may change in between.
    pub second: u64,
}

impl Look {
    /// `sign`, or what stands for it in ASCII.
    #[must_use]
    pub const fn sign(&self, sign: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { sign }
    }

    /// What a rule across the screen is made of, one cell wide.
    #[must_use]
    pub const fn dash(&self) -> &'static str {
        self.sign("─", "-")
    }

    /// What a rule down the screen is made of.
    #[must_use]
    pub const fn bar(&self) -> &'static str {
        self.sign("│", "|")
    }
}
