//! The command table: the only place where a key is tied to an action. Footer, `?`, palette and docs/KEYS.md read it.
//!
//! Rows of a tab stand in the tab's own file; [`table`] joins them.

#[cfg(test)]
mod document;

use super::{
    tab::TabId,
    tabs::load::{self, HistoryCommand, LoadCommand},
};
use crate::{base::Text, text};

/// Everything a person can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Show this tab.
    Goto(TabId),
    /// Show the next tab.
    NextTab,
    /// Show the previous tab.
    PreviousTab,
    /// Keys of this screen.
    Help,
    /// What the cursor is on.
    Explain,
    /// Any command by its name.
    Palette,
    /// The log pane, or away with it.
    Log,
    /// One down.
    Down,
    /// One up.
    Up,
    /// One to the left.
    Left,
    /// One to the right.
    Right,
    /// To the first.
    Top,
    /// To the last.
    Bottom,
    /// Half a screen down.
    PageDown,
    /// Half a screen up.
    PageUp,
    /// Search or filter.
    Search,
    /// Next match.
    NextMatch,
    /// Previous match.
    PreviousMatch,
    /// Freeze the view, or let it go on.
    Freeze,
    /// Copy the row or figure under the cursor.
    CopyRow,
    /// Copy the panel.
    CopyPanel,
    /// Copy as a command line.
    CopyCommand,
    /// Open or act.
    Open,
    /// One level back.
    Back,
    /// Leave.
    Quit,
    /// To the shell and back with `fg`.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// The other language.
    Language,
    /// Take the mouse, or leave it to the terminal.
    Mouse,
    /// A command of the Load tab.
    Load(LoadCommand),
    /// A command of the Load tab's history.
    History(HistoryCommand),
}

/// Where a row of the table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The console's own: always live.
    Console,
    /// The same key everywhere; live where the tab or overlay says so.
    Everywhere,
    /// One tab's.
    Tab(TabId),
}

/// One row of the command table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// What it does.
    pub command: Command,
    /// Stable English name, used in the palette.
    pub name: &'static str,
    /// Keys, most memorable first; without one it is in the palette only.
    pub keys: &'static [&'static str],
    /// One or two words for the footer; empty keeps it out of the footer.
    pub hint: Text,
    /// The key of its opposite, shown beside its own in the footer; empty for none.
    pub twin: &'static str,
    /// One line for `?`, the palette and the document.
    pub help: Text,
    /// Where it holds.
    pub scope: Scope,
    /// Stops or destroys: bound to a capital letter, refused with `--read-only`.
    pub destructive: bool,
    /// Starts or changes something outside the console: refused with `--read-only`.
    pub acts: bool,
}

impl Spec {
    /// A row that neither acts nor destroys.
    #[must_use]
    pub const fn new(command: Command, name: &'static str, keys: &'static [&'static str], scope: Scope, hint: Text, help: Text) -> Self {
        Self { command, name, keys, hint, twin: "", help, scope, destructive: false, acts: false }
    }

    /// As it is, and the footer shows the key of its opposite too.
    #[must_use]
    pub const fn with_twin(self, twin: &'static str) -> Self {
        Self { twin, ..self }
    }

    /// As it is, but it starts or changes something.
    #[must_use]
    pub const fn acting(self) -> Self {
        Self { acts: true, ..self }
    }

    /// As it is, but it stops or destroys something.
    #[must_use]
    pub const fn destroying(self) -> Self {
        Self { destructive: true, acts: true, ..self }
    }
}

/// Keys that mean the same everywhere but wait for tabs that are not built: no tab may take them.
pub const RESERVED: &[&str] = &["1", "2", "3", "4", "5", "6", ">", "P"];

const NONE: Text = text!("", "");

/// The rows that hold on every screen.
pub const GLOBAL: &[Spec] = {
    use Command as C;
    use Scope::{Console, Everywhere};
    &[
        Spec::new(C::Goto(TabId::Load), "tab.load", &["6"], Console, NONE, text!("load tests", "压测")),
        Spec::new(C::NextTab, "tab.next", &["tab"], Console, NONE, text!("next tab", "下一个标签")),
        Spec::new(C::PreviousTab, "tab.previous", &["shift-tab"], Console, NONE, text!("previous tab", "上一个标签")),
        Spec::new(C::Down, "down", &["j", "down"], Everywhere, NONE, text!("down", "下移")),
        Spec::new(C::Up, "up", &["k", "up"], Everywhere, NONE, text!("up", "上移")),
        Spec::new(C::Left, "left", &["h", "left"], Everywhere, NONE, text!("left", "左移")),
        Spec::new(C::Right, "right", &["l", "right"], Everywhere, NONE, text!("right", "右移")),
        Spec::new(C::Top, "top", &["g", "home"], Everywhere, NONE, text!("to the first", "到开头")),
        Spec::new(C::Bottom, "bottom", &["G", "end"], Everywhere, NONE, text!("to the last", "到末尾")),
        Spec::new(C::PageDown, "page.down", &["ctrl-d", "pgdn"], Everywhere, NONE, text!("half a screen down", "下移半屏")),
        Spec::new(C::PageUp, "page.up", &["ctrl-u", "pgup"], Everywhere, NONE, text!("half a screen up", "上移半屏")),
        Spec::new(
            C::Open,
            "open",
            &["enter"],
            Everywhere,
            text!("open", "打开"),
            text!("open, or act on what the cursor is on", "打开或执行光标所在项"),
        ),
        Spec::new(C::Back, "back", &["esc"], Everywhere, text!("back", "返回"), text!("one level back", "返回上一级")),
        Spec::new(C::Search, "search", &["/"], Everywhere, text!("search", "搜索"), text!("search or filter", "搜索或过滤")),
        Spec::new(C::NextMatch, "search.next", &["n"], Everywhere, NONE, text!("next match", "下一个匹配")),
        Spec::new(C::PreviousMatch, "search.previous", &["N"], Everywhere, NONE, text!("previous match", "上一个匹配")),
        Spec::new(C::CopyRow, "copy.row", &["y"], Everywhere, text!("copy", "复制"), text!("copy the row or figure", "复制当前行或数字")),
        Spec::new(C::CopyPanel, "copy.panel", &["Y"], Everywhere, NONE, text!("copy the panel", "复制整块内容")),
        Spec::new(
            C::CopyCommand,
            "copy.command",
            &["c"],
            Everywhere,
            text!("as command", "复制命令"),
            text!("copy as a command line", "复制为命令行"),
        ),
        Spec::new(
            C::Explain,
            "explain",
            &["i"],
            Everywhere,
            text!("explain", "说明"),
            text!("explain what the cursor is on", "说明光标所在项"),
        ),
        Spec::new(C::Freeze, "freeze", &["f"], Console, NONE, text!("freeze the view; work goes on", "冻结画面，任务继续")),
        Spec::new(C::Log, "log", &["L"], Console, NONE, text!("log pane", "日志面板")),
        Spec::new(C::Help, "help", &["?"], Console, NONE, text!("keys of this screen", "本屏按键")),
        Spec::new(C::Palette, "palette", &[":", "ctrl-p"], Console, NONE, text!("find any command", "查找任意命令")),
        Spec::new(C::Suspend, "suspend", &["ctrl-z"], Console, NONE, text!("to the shell; fg comes back", "挂起到终端，fg 返回")),
        Spec::new(
            C::Quit,
            "quit",
            &["q", "ctrl-c"],
            Console,
            NONE,
            text!("leave; ctrl-C twice forces it", "退出；连按两次 ctrl-C 强制退出"),
        ),
        Spec::new(C::Redraw, "redraw", &["ctrl-l"], Console, NONE, text!("draw everything anew", "重绘屏幕")),
        Spec::new(C::Language, "language", &[], Console, NONE, text!("Chinese instead of English", "改用英文界面")),
        Spec::new(C::Mouse, "mouse", &[], Console, NONE, text!("mouse on or off", "开关鼠标")),
    ]
};

/// Every row: the console's, then each tab's.
pub fn table() -> impl Iterator<Item = &'static Spec> {
    GLOBAL.iter().chain(load::COMMANDS).chain(load::HISTORY_COMMANDS)
}

/// The row of a command.
#[must_use]
pub fn spec(command: Command) -> Option<&'static Spec> {
    table().find(|spec| spec.command == command)
}

/// The command that `key` is tied to on `tab`.
#[must_use]
pub fn of_key(key: &str, tab: TabId) -> Option<Command> {
    let here = |spec: &&Spec| match spec.scope {
        Scope::Console | Scope::Everywhere => true,
        Scope::Tab(id) => id == tab,
    };
    table().filter(here).find(|spec| spec.keys.contains(&key)).map(|spec| spec.command)
}

#[cfg(test)]
mod tests {
    use super::{super::key, *};
    use std::collections::HashSet;

    fn tabs() -> Vec<TabId> {
        table().filter_map(|spec| if let Scope::Tab(id) = spec.scope { Some(id) } else { None }).collect()
    }

    #[test]
    fn no_tab_rebinds_a_key_that_means_the_same_everywhere() {
        let global: HashSet<_> = GLOBAL.iter().flat_map(|spec| spec.keys).chain(RESERVED).collect();
        for spec in table().filter(|spec| matches!(spec.scope, Scope::Tab(_))) {
            for key in spec.keys {
                assert!(!global.contains(key), "{} takes {key}", spec.name);
            }
        }
    }

    #[test]
    fn a_key_is_tied_once_on_each_screen() {
        for tab in tabs() {
            let mut seen = HashSet::new();
            for spec in table().filter(|spec| !matches!(spec.scope, Scope::Tab(id) if id != tab)) {
                assert!(spec.keys.iter().all(|key| seen.insert(*key)), "{} shares a key", spec.name);
            }
        }
    }

    #[test]
    fn what_destroys_has_a_capital_letter_and_nothing_else() {
        for spec in table().filter(|spec| spec.destructive) {
            assert!(!spec.keys.is_empty());
            assert!(spec.keys.iter().all(|key| key.len() == 1 && key.starts_with(|c: char| c.is_ascii_uppercase())), "{}", spec.name);
        }
    }

    #[test]
    fn names_and_commands_are_unique_and_every_key_exists() {
        let (mut names, mut commands) = (HashSet::new(), HashSet::new());
        for spec in table() {
            assert!(names.insert(spec.name), "{}", spec.name);
            assert!(commands.insert(spec.command), "{}", spec.name);
            assert!(!spec.help.en.is_empty() && !spec.help.zh.is_empty(), "{}", spec.name);
            assert_eq!(spec.hint.en.is_empty(), spec.hint.zh.is_empty(), "{}", spec.name);
            assert!(spec.keys.iter().all(|key| key::of_name(key).is_some()), "{}", spec.name);
        }
    }

    #[test]
    fn keys_that_terminals_and_multiplexers_take_are_left_alone() {
        for spec in table() {
            for key in ["ctrl-b", "ctrl-a", "ctrl-s", "ctrl-q", "ctrl-h", "ctrl-i", "ctrl-j", "ctrl-m"] {
                assert!(!spec.keys.contains(&key), "{} takes {key}", spec.name);
            }
        }
    }
}
