//! Two languages from one place: each message carries its English and its Chinese text side by side,
//! so that a missing one does not compile.

use serde::{Deserialize, Serialize};

/// The language a person reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// 中文.
    Zh,
}

impl Lang {
    /// The language of a POSIX locale name such as `zh_CN.UTF-8`; English for anything that is not Chinese.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("zh") { Self::Zh } else { Self::En }
    }
}

/// A fixed text in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// 中文, about as wide.
    pub zh: &'static str,
}

impl Text {
    /// The text in `lang`.
    #[must_use]
    pub const fn get(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }
}

/// A text with figures or names in it, formatted in both languages at once; made by [`said!`](crate::said).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// English.
    pub en: String,
    /// 中文.
    pub zh: String,
}

impl Said {
    /// The text in `lang`.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }

    /// The same words in both languages: text that came from elsewhere (a server's answer, a system error).
    #[must_use]
    pub fn same(text: impl Into<String>) -> Self {
        let en = text.into();
        Self { zh: en.clone(), en }
    }
}

impl From<Text> for Said {
    fn from(text: Text) -> Self {
        Self { en: text.en.to_owned(), zh: text.zh.to_owned() }
    }
}

/// A fixed [`Text`]: `text!("next row", "下一行")`.
#[macro_export]
macro_rules! text {
    ($en:literal, $zh:literal $(,)?) => {
        $crate::base::Text { en: $en, zh: $zh }
    };
}

/// A formatted [`Said`]: `said!("port {port} is in use", "端口 {port} 已被占用")`; arguments after
/// the two formats serve both.
#[macro_export]
macro_rules! said {
    ($en:literal, $zh:literal $(, $($arg:tt)*)?) => {
        $crate::base::Said { en: format!($en $(, $($arg)*)?), zh: format!($zh $(, $($arg)*)?) }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_said_text_carries_its_figures_in_both_languages() {
        let port = 8000;
        let said = said!("port {port} is in use by {}", "端口 {port} 已被 {} 占用", "vllm");
        assert_eq!(said.get(Lang::En), "port 8000 is in use by vllm");
        assert_eq!(said.get(Lang::Zh), "端口 8000 已被 vllm 占用");
    }

    #[test]
    fn a_chinese_locale_of_any_region_reads_chinese() {
        assert_eq!(Lang::of_locale("zh_CN.UTF-8"), Lang::Zh);
        assert_eq!(Lang::of_locale("zh"), Lang::Zh);
        assert_eq!(Lang::of_locale("C.UTF-8"), Lang::En);
    }
}
