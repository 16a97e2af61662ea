//! Lists of commands to search and run: the keys of this screen (`?`) and the palette (`:`).

use super::{
    command::{self, Command},
    input::{TextInput, Typed},
    key,
    look::Look,
    sheet,
    tab::Live,
};
use crate::{base::Text, text};
use crossterm::event::KeyEvent;
use dcudeck_widgets::text::{pad_right, width};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

/// Which list it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Keys of this screen, in the order of their use.
    Keys,
    /// Any command, best match first.
    Palette,
}

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The menu shows something else now.
    Changed,
    /// Away with it.
    Close,
    /// Run this and close.
    Run(Command),
    /// The row under the cursor cannot run, for this reason.
    Refused(crate::base::Said),
}

/// A list of commands with a search field.
#[derive(Debug, Clone)]
pub struct Menu {
    kind: Kind,
    rows: Vec<Live>,
    search: TextInput,
    selected: usize,
}

const KEYS: Text = text!("keys of this screen (: palette)", "本屏按键 (: 命令面板)");
const PALETTE: Text = text!("palette", "命令面板");
const SEARCH: Text = text!("search", "搜索");
const NO_MATCH: Text = text!("no command matches", "没有匹配的命令");

impl Menu {
    /// A list of `rows`, the first one selected.
    #[must_use]
    pub fn new(kind: Kind, rows: Vec<Live>) -> Self {
        Self { kind, rows, search: TextInput::default(), selected: 0 }
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Reply {
        let last = self.matches().len().saturating_sub(1);
        match self.search.key(key) {
            Typed::Changed => self.selected = 0,
            Typed::Moved => match key::name(&key).as_deref() {
                Some("pgdn" | "ctrl-d") => self.selected = (self.selected + 8).min(last),
                Some("pgup") => self.selected = self.selected.saturating_sub(8),
                _ => {}
            },
            Typed::Next => self.selected = (self.selected + 1).min(last),
            Typed::Previous => self.selected = self.selected.saturating_sub(1),
            Typed::Left => return Reply::Close,
            Typed::Done => return self.run(),
        }
        Reply::Changed
    }

    /// Takes a pasted text.
    pub fn paste(&mut self, text: &str) {
        self.search.paste(text);
        self.selected = 0;
    }

    /// Moves the cursor.
    pub fn wheel(&mut self, by: isize) {
        let last = self.matches().len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }

    fn run(&self) -> Reply {
        match self.matches().get(self.selected) {
            None => Reply::Changed,
            Some(Live { disabled: Some(reason), .. }) => Reply::Refused(reason.clone()),
            Some(Live { command, .. }) => Reply::Run(*command),
        }
    }

    /// The rows that match what is typed, best first.
    fn matches(&self) -> Vec<&Live> {
        let typed = self.search.text();
        let mut scored: Vec<_> = self
            .rows
            .iter()
            .filter_map(|live| {
                let spec = command::spec(live.command)?;
                let fields = [spec.name, spec.help.en, spec.help.zh];
                let best = match self.kind {
                    Kind::Palette => fields.iter().filter_map(|field| score(typed, field)).max()?,
                    Kind::Keys => {
                        let key = spec.keys.contains(&typed);
                        let found = fields.iter().any(|field| field.to_lowercase().contains(&typed.to_lowercase()));
                        if !key && !found {
                            return None;
                        }
                        i32::from(key && !typed.is_empty())
                    }
                };
                Some((best, live))
            })
            .collect();
        // Stable: equally good rows keep their order.
        scored.sort_by_key(|(score, _)| -score);
        scored.into_iter().map(|(_, live)| live).collect()
    }

    /// Rows it would like to have, its rule not counted.
    fn height(&self) -> usize {
        self.rows.len() + 2
    }

    /// Draws it at the bottom of `body`.
    pub fn draw(&self, look: &Look, frame: &mut Frame<'_>, body: Rect) {
        let matches = self.matches();
        let title = match self.kind {
            Kind::Keys => KEYS,
            Kind::Palette => PALETTE,
        };
        let count = format!("{}/{}", matches.len(), self.rows.len());
        let room = usize::from(body.height).saturating_sub(1);
        let area = sheet::open(look, frame, body, title.get(look.lang), &count, self.height().min(room));
        if area.is_empty() {
            return;
        }
        let prompt = format!("{} ", SEARCH.get(look.lang));
        let prompt_width = u16::try_from(width(&prompt)).unwrap_or(0).min(area.width);
        frame.render_widget(Span::styled(prompt, look.theme.unsure), Rect { height: 1, ..area });
        self.search.draw(look, frame, Rect { x: area.x + prompt_width, width: area.width - prompt_width, height: 1, ..area });
        let list = Rect { y: area.y + 1, height: area.height - 1, ..area };
        if matches.is_empty() {
            frame.render_widget(Span::styled(NO_MATCH.get(look.lang), look.theme.unsure), list);
        }
        // The page that holds the cursor: nothing scrolls while it moves within a page.
        let page = usize::from(list.height).max(1);
        let first = self.selected / page * page;
        for (row, (index, live)) in list.rows().zip(matches.iter().enumerate().skip(first)) {
            let named = row.width >= if self.kind == Kind::Palette { 60 } else { 100 };
            frame.render_widget(line(look, live, index == self.selected, usize::from(row.width), named), row);
        }
    }
}

/// A row of the list; `named` with the name by which the palette finds it.
fn line(look: &Look, live: &Live, selected: bool, columns: usize, named: bool) -> Line<'static> {
    let Some(spec) = command::spec(live.command) else { return Line::default() };
    let theme = &look.theme;
    let keys = spec.keys.iter().map(|name| key::shown(name)).collect::<Vec<_>>().join(" ");
    let help = spec.help.get(look.lang);
    let (key_style, what_style) = if live.disabled.is_some() { (theme.unsure, theme.unsure) } else { (theme.accent, theme.plain) };
    let mark = if selected { look.sign("▸ ", "> ") } else { "  " };
    // What cannot run says why instead of its name.
    let (tail, tail_columns) = match &live.disabled {
        Some(reason) => (format!("({})", reason.get(look.lang)), (columns / 2).min(width(reason.get(look.lang)) + 2)),
        None if named => (spec.name.to_owned(), 18),
        None => (String::new(), 0),
    };
    // On a wide screen the name stays near what it names.
    let what_columns = columns.saturating_sub(2 + 14 + 2 + tail_columns).min(64);
    let cells = vec![
        Span::styled(mark, theme.accent),
        Span::styled(pad_right(&keys, 14, look.ascii).into_owned(), key_style),
        Span::styled(pad_right(help, what_columns, look.ascii).into_owned(), what_style),
        Span::raw("  "),
        Span::styled(pad_right(&tail, tail_columns, look.ascii).into_owned(), theme.unsure),
    ];
    let row = Line::from(cells);
    if selected { sheet::under_cursor(look, row) } else { row }
}

/// How well `typed` is found in `text`, letter by letter in order; `None` when it is not. Beginnings of words and runs count more.
fn score(typed: &str, text: &str) -> Option<i32> {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let mut total = 0;
    let mut at = 0;
    let mut before = None;
    for wanted in typed.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let found = at + text.get(at..)?.iter().position(|&c| c == wanted)?;
        let begins = found.checked_sub(1).and_then(|i| text.get(i)).is_none_or(|c| !c.is_alphanumeric());
        total += 1 + 4 * i32::from(begins) + 3 * i32::from(before == Some(found));
        before = Some(found + 1);
        at = found + 1;
    }
    // Of equals the shorter is meant.
    Some(total * 64 - i32::try_from(text.len()).unwrap_or(64).min(63) * i32::from(total > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn menu(kind: Kind) -> Menu {
        Menu::new(kind, command::GLOBAL.iter().map(|spec| Live::ready(spec.command)).collect())
    }

    fn typed(kind: Kind, keys: &[&str]) -> (Menu, Reply) {
        let mut menu = menu(kind);
        let mut reply = Reply::Changed;
        for name in keys {
            reply = menu.key(key::of_name(name).unwrap());
        }
        (menu, reply)
    }

    #[test]
    fn letters_search_and_enter_runs_the_best_match() {
        let (_, reply) = typed(Kind::Palette, &["f", "r", "e", "e", "z", "enter"]);
        assert_eq!(reply, Reply::Run(Command::Freeze));
        let (_, reply) = typed(Kind::Palette, &["l", "o", "g", "enter"]);
        assert_eq!(reply, Reply::Run(Command::Log));
    }

    #[test]
    fn chinese_words_are_found_whatever_the_language() {
        let (_, reply) = typed(Kind::Palette, &["冻", "结", "enter"]);
        assert_eq!(reply, Reply::Run(Command::Freeze));
    }

    #[test]
    fn a_key_typed_into_the_key_list_finds_its_row_first() {
        let (_, reply) = typed(Kind::Keys, &["G", "enter"]);
        assert_eq!(reply, Reply::Run(Command::Bottom));
    }

    #[test]
    fn a_disabled_row_tells_its_reason_and_does_not_run() {
        let mut menu = Menu::new(Kind::Keys, vec![Live::unless(Command::Freeze, Some(text!("why not", "原因")))]);
        let Reply::Refused(reason) = menu.key(key::of_name("enter").unwrap()) else { panic!("it ran") };
        assert_eq!(reason.en, "why not");
    }

    #[test]
    fn nothing_matches_nothing_runs() {
        let (menu, reply) = typed(Kind::Palette, &["q", "q", "q", "q", "enter"]);
        assert!(menu.matches().is_empty());
        assert_eq!(reply, Reply::Changed);
    }
}
