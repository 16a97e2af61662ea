//! The log on screen: a ring of the newest lines, by level, followed or held.

use super::{look::Look, sheet};
use crate::{
    base::{Text, clock, log::Line as LogLine},
    text,
};
use dcudeck_widgets::text::{fit, width};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};
use std::{collections::VecDeque, path::Path};
use tracing::Level;

/// Lines kept; the file has the rest.
const KEPT: usize = 2_000;

const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
const TITLE: Text = text!("log", "日志");
const EMPTY: Text = text!("nothing logged at this level", "该级别暂无日志");

/// The log and how it is looked at.
#[derive(Debug)]
pub struct LogPane {
    lines: VecDeque<LogLine>,
    /// Where the file is, if there is one.
    path: Option<String>,
    level: Level,
    /// Row under the cursor, counted in lines of this level; `None` follows the newest.
    held: Option<usize>,
    search: String,
    /// Warnings and errors since it was last looked at.
    unseen: usize,
}

impl LogPane {
    /// An empty pane of the log at `path`.
    #[must_use]
    pub fn new(path: Option<&Path>) -> Self {
        let path = path.map(|path| crate::base::clean(&path.to_string_lossy()).into_owned());
        Self { lines: VecDeque::new(), path, level: Level::INFO, held: None, search: String::new(), unseen: 0 }
    }

    /// Takes a line in.
    pub fn push(&mut self, line: LogLine) {
        if self.lines.len() == KEPT {
            let gone = self.lines.pop_front();
            // The held line stays the same line.
            if gone.is_some_and(|line| line.level <= self.level) {
                self.held = self.held.map(|held| held.saturating_sub(1));
            }
        }
        self.unseen += usize::from(line.level <= Level::WARN);
        self.lines.push_back(line);
    }

    /// Warnings and errors nobody has looked at.
    pub fn unseen(&self) -> usize {
        self.unseen
    }

    /// They were looked at.
    pub fn seen(&mut self) {
        self.unseen = 0;
    }

    fn shown(&self) -> Vec<&LogLine> {
        self.lines.iter().filter(|line| line.level <= self.level).collect()
    }

    /// Moves the cursor by `rows`; past the end it follows again.
    pub fn step(&mut self, rows: isize) {
        let count = self.shown().len();
        let at = self.held.unwrap_or(count.saturating_sub(1)).saturating_add_signed(rows);
        self.held = (at + 1 < count).then_some(at);
    }

    /// To the oldest line.
    pub fn top(&mut self) {
        self.held = (self.shown().len() > 1).then_some(0);
    }

    /// Follows the newest line.
    pub fn follow(&mut self) {
        self.held = None;
    }

    /// Shows more (or less) by level.
    pub fn more(&mut self, more: bool) {
        let at = LEVELS.iter().position(|level| *level == self.level).unwrap_or(2);
        let at = at.saturating_add_signed(if more { 1 } else { -1 });
        if let Some(level) = LEVELS.get(at) {
            self.level = *level;
            self.held = None;
        }
    }

    /// Looks for `text` from now on and goes to the newest line that has it.
    pub fn search(&mut self, text: &str) {
        self.search = text.to_lowercase();
        self.held = None;
        if !text.is_empty() {
            self.find(false);
        }
    }

    /// To the next (newer) or previous (older) line that has the searched text; false when there is none.
    pub fn find(&mut self, newer: bool) -> bool {
        let shown = self.shown();
        let has = |index: &usize| {
            shown.get(*index).is_some_and(|line| !self.search.is_empty() && line.text.to_lowercase().contains(&self.search))
        };
        let here = self.held.unwrap_or(shown.len());
        let found = if newer { (here + 1..shown.len()).find(has) } else { (0..here.min(shown.len())).rev().find(has) };
        if found.is_some() {
            self.held = found;
        }
        found.is_some()
    }

    /// The line under the cursor, as the file has it.
    pub fn row(&self) -> Option<String> {
        let shown = self.shown();
        shown.get(self.held.unwrap_or(shown.len().saturating_sub(1))).map(ToString::to_string)
    }

    /// Draws it at the bottom of `body`.
    pub fn draw(&self, look: &Look, frame: &mut Frame<'_>, body: Rect) {
        let following = match self.held {
            None => text!("following", "跟随"),
            Some(_) => text!("held", "停留"),
        };
        let title =
            format!("{} {} {} {}", TITLE.get(look.lang), self.level.as_str().to_lowercase(), look.sign("·", "-"), following.get(look.lang));
        let rows = (usize::from(body.height) * 2 / 5).max(8);
        let area = sheet::open(look, frame, body, &title, self.path.as_deref().unwrap_or_default(), rows);
        let shown = self.shown();
        if shown.is_empty() {
            frame.render_widget(Span::styled(EMPTY.get(look.lang), look.theme.unsure), Rect { height: area.height.min(1), ..area });
            return;
        }
        let height = usize::from(area.height).max(1);
        let newest = shown.len().saturating_sub(height);
        let first = self.held.map_or(newest, |held| held.saturating_sub(height / 2).min(newest));
        for (row, (index, line)) in area.rows().zip(shown.iter().enumerate().skip(first)) {
            let drawn = self.line(look, line, usize::from(row.width));
            frame.render_widget(if self.held == Some(index) { sheet::under_cursor(look, drawn) } else { drawn }, row);
        }
    }

    fn line(&self, look: &Look, line: &LogLine, columns: usize) -> Line<'static> {
        let (sign, style) = sign(look, line.level);
        let head = format!("{} ", clock::local_hms(line.at));
        let text = fit(&line.text, columns.saturating_sub(width(&head) + 2), look.ascii).into_owned();
        let matched = !self.search.is_empty() && line.text.to_lowercase().contains(&self.search);
        Line::from(vec![
            Span::styled(head, look.theme.unsure),
            Span::styled(format!("{sign} "), style),
            Span::styled(text, if matched { look.theme.accent } else { look.theme.plain }),
        ])
    }
}

fn sign(look: &Look, level: Level) -> (&'static str, Style) {
    match level {
        Level::ERROR => (look.sign("✖", "x"), look.theme.act),
        Level::WARN => ("!", look.theme.look),
        _ => (" ", look.theme.plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pane(lines: usize) -> LogPane {
        let mut pane = LogPane::new(None);
        for n in 0..lines {
            let level = if n % 10 == 0 { Level::WARN } else { Level::INFO };
            pane.push(LogLine { at: jiff::Timestamp::UNIX_EPOCH, level, target: "t".to_owned(), text: format!("line {n}") });
        }
        pane
    }

    #[test]
    fn the_ring_is_bounded_and_a_held_line_stays_the_same() {
        let mut pane = pane(KEPT);
        pane.step(-10);
        let held = pane.row().unwrap();
        pane.push(LogLine { at: jiff::Timestamp::UNIX_EPOCH, level: Level::INFO, target: "t".to_owned(), text: "new".to_owned() });
        assert_eq!(pane.lines.len(), KEPT);
        assert_eq!(pane.row().unwrap(), held);
    }

    #[test]
    fn the_level_filter_hides_lines_and_the_end_follows_again() {
        let mut pane = pane(30);
        pane.more(false);
        assert_eq!(pane.shown().len(), 3);
        pane.top();
        assert!(pane.row().unwrap().ends_with("line 0"));
        pane.step(2);
        assert_eq!(pane.held, None);
    }

    #[test]
    fn search_goes_to_the_newest_match_and_on_to_older_ones() {
        let mut pane = pane(30);
        pane.search("LINE 1");
        assert!(pane.row().unwrap().ends_with("line 19"));
        assert!(pane.find(false));
        assert!(pane.row().unwrap().ends_with("line 18"));
        assert!(pane.find(true));
        assert!(!pane.find(true), "19 is the newest match");
    }

    #[test]
    fn only_warnings_and_errors_ask_for_a_look() {
        let mut pane = pane(30);
        assert_eq!(pane.unseen(), 3);
        pane.seen();
        assert_eq!(pane.unseen(), 0);
    }
}
