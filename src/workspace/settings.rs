//! Settings: one table says what there is; flags, environment and two files say what holds, each value with its source.
//!
//! From strong to weak: flag, environment, `WORKSPACE/dcudeck.toml`, `$XDG_CONFIG_HOME/dcudeck/config.toml`, built in.
//! Help, `config print`, `config check` and `docs/settings.schema.json` come from the same table.

mod layers;
pub mod schema;
#[cfg(test)]
mod tests;

use super::{Workspace, config_dir};
use crate::base::{Lang, Problem, Text};
use std::{env, fmt, path::PathBuf};

/// Settings file of a workspace, in its root.
pub const WORKSPACE_FILE: &str = "dcudeck.toml";
/// Settings file of a user, in [`config_dir`].
pub const USER_FILE: &str = "config.toml";

/// What a setting may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One of these words.
    Choice(&'static [&'static str]),
    /// true or false.
    Switch,
    /// true, false or auto.
    AutoSwitch,
    /// A whole number in these bounds.
    Number {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Key in files and in `config print`.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Built-in value, as text.
    pub default: &'static str,
    /// One line for a person.
    pub help: Text,
    /// Command-line flag.
    pub flag: &'static str,
    /// Environment variable.
    pub env: &'static str,
}

/// Every setting there is.
pub static SETTINGS: &[Setting] = &[
    Setting {
        name: "lang",
        kind: Kind::Choice(&["auto", "zh", "en"]),
        default: "auto",
        help: Text {
            en: "Language of the console and of messages; auto follows LC_ALL, LC_MESSAGES, LANG",
            zh: "界面与消息的语言；auto 按 LC_ALL、LC_MESSAGES、LANG",
        },
        flag: "--lang",
        env: "DCUDECK_LANG",
    },
    Setting {
        name: "theme",
        kind: Kind::Choice(&["auto", "dark", "light", "16", "mono"]),
        default: "auto",
        help: Text { en: "Colours; auto asks the terminal", zh: "配色；auto 询问终端" },
        flag: "--theme",
        env: "DCUDECK_THEME",
    },
    Setting {
        name: "color",
        kind: Kind::Choice(&["auto", "on", "off"]),
        default: "auto",
        help: Text {
            en: "Use colour; auto means where the terminal can, NO_COLOR means off",
            zh: "是否用颜色；auto 视终端而定，NO_COLOR 等于 off",
        },
        flag: "--color",
        env: "DCUDECK_COLOR",
    },
    Setting {
        name: "ascii",
        kind: Kind::AutoSwitch,
        default: "auto",
        help: Text {
            en: "Draw with plain ASCII signs only; auto does so where the locale is not UTF-8",
            zh: "只用 ASCII 字符绘制；auto 在非 UTF-8 环境启用",
        },
        flag: "--ascii",
        env: "DCUDECK_ASCII",
    },
    Setting {
        name: "mouse",
        kind: Kind::Choice(&["auto", "on", "off"]),
        default: "auto",
        help: Text {
            en: "Take mouse clicks and the wheel; off leaves selecting text to the terminal",
            zh: "是否接收鼠标；off 时由终端选择文本",
        },
        flag: "--mouse",
        env: "DCUDECK_MOUSE",
    },
    Setting {
        name: "fps",
        kind: Kind::Number { min: 1, max: 30 },
        default: "10",
        help: Text {
            en: "Most frames a second drawn for data; keys are answered at once", zh: "数据刷新的最高帧率；按键立即响应"
        },
        flag: "--fps",
        env: "DCUDECK_FPS",
    },
    Setting {
        name: "read_only",
        kind: Kind::Switch,
        default: "false",
        help: Text {
            en: "Show only: nothing is started, stopped, written or deleted", zh: "只读：不启动、停止、写入或删除任何内容"
        },
        flag: "--read-only",
        env: "DCUDECK_READ_ONLY",
    },
];

/// The row of `name`.
#[must_use]
pub fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A command-line flag.
    Flag(&'static str),
    /// An environment variable.
    Env(&'static str),
    /// A line of a settings file.
    File {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
    },
    /// Nobody said anything.
    BuiltIn,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Env(name) => write!(f, "${name}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::BuiltIn => f.write_str("built in"),
        }
    }
}

/// One setting's value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its row.
    pub setting: &'static Setting,
    /// The value as text: the word, the number, `true` or `false`.
    pub text: String,
    /// Where it comes from.
    pub source: Source,
}

impl Value {
    /// The value as `config print --json` shows it: a word, a number or a truth.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match (self.setting.kind, self.text.as_str()) {
            (Kind::Switch | Kind::AutoSwitch, "true") => true.into(),
            (Kind::Switch | Kind::AutoSwitch, "false") => false.into(),
            (Kind::Number { .. }, text) => text.parse::<u32>().map_or_else(|_| text.into(), Into::into),
            (_, text) => text.into(),
        }
    }
}

/// Which colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the terminal's background is.
    #[default]
    Auto,
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
    /// The terminal's own sixteen.
    Ansi16,
    /// None.
    Mono,
}

/// On, off, or as the terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// As the terminal is.
    #[default]
    Auto,
    /// Yes.
    On,
    /// No.
    Off,
}

/// All settings, each with its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    values: Vec<Value>,
    /// Language of the locale, for `lang = auto`.
    locale: Lang,
}

impl Default for Settings {
    /// The built-in values, in English.
    fn default() -> Self {
        let values = SETTINGS.iter().map(|setting| Value { setting, text: setting.default.to_owned(), source: Source::BuiltIn }).collect();
        Self { values, locale: Lang::En }
    }
}

impl Settings {
    /// The settings in force. `flags` are the flags that were given, by setting name, with their text.
    ///
    /// # Errors
    /// The first of what [`Settings::gather`] finds.
    pub fn load(workspace: &Workspace, flags: &[(&'static str, String)]) -> Result<Self, Problem> {
        let (settings, problems) = Self::gather(workspace, flags);
        problems.into_iter().next().map_or(Ok(settings), Err)
    }

    /// The settings in force and everything that is wrong with what was said, for `config check`: unknown keys, values of
    /// another type or out of bounds, files that cannot be read. What is wrong is passed over.
    pub fn gather(workspace: &Workspace, flags: &[(&'static str, String)]) -> (Self, Vec<Problem>) {
        let mut files = vec![workspace.root().join(WORKSPACE_FILE)];
        // Without a home there is no user's file to read.
        files.extend(config_dir().map(|dir| dir.join(USER_FILE)));
        layers::gather(flags, &|name| env::var(name).ok().filter(|value| !value.is_empty()), &files)
    }

    /// Every value with its source, in the table's order: what `config print` shows.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Language in force; `auto` is resolved by the locale.
    #[must_use]
    pub fn lang(&self) -> Lang {
        match self.text("lang") {
            "zh" => Lang::Zh,
            "en" => Lang::En,
            _ => self.locale,
        }
    }

    /// Colours asked for.
    #[must_use]
    pub fn theme(&self) -> Theme {
        match self.text("theme") {
            "dark" => Theme::Dark,
            "light" => Theme::Light,
            "16" => Theme::Ansi16,
            "mono" => Theme::Mono,
            _ => Theme::Auto,
        }
    }

    /// Whether to use colour.
    #[must_use]
    pub fn color(&self) -> When {
        self.when("color")
    }

    /// Whether to draw with ASCII only.
    #[must_use]
    pub fn ascii(&self) -> When {
        self.when("ascii")
    }

    /// Whether to take the mouse.
    #[must_use]
    pub fn mouse(&self) -> When {
        self.when("mouse")
    }

    /// Most data frames a second, 1 to 30.
    #[must_use]
    pub fn fps(&self) -> u32 {
        self.text("fps").parse().unwrap_or(10)
    }

    /// Nothing may be started, stopped, written or deleted.
    #[must_use]
    pub fn read_only(&self) -> bool {
        self.text("read_only") == "true"
    }

    fn when(&self, name: &str) -> When {
        match self.text(name) {
            "on" | "true" => When::On,
            "off" | "false" => When::Off,
            _ => When::Auto,
        }
    }

    fn text(&self, name: &str) -> &str {
        self.values.iter().find(|value| value.setting.name == name).map_or("", |value| value.text.as_str())
    }
}
