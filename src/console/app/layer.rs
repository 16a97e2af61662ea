//! What lies over a tab and takes the keys first.

use super::{App, Ask, Urgency};
use crate::{
    base::{Said, Text},
    console::{
        bars,
        command::{Command, of_key},
        input::{TextInput, Typed},
        look::Look,
        menu::{Menu, Reply},
        sheet,
        tab::{Effect, Explained},
        wrap::wrap,
    },
    text,
};
use crossterm::event::KeyEvent;
use dcudeck_widgets::text::{pad_right, width};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

/// One thing over the tab.
#[derive(Debug)]
pub(super) enum Layer {
    /// Keys of this screen, or the palette.
    Menu(Menu),
    /// What the cursor is on.
    Explain {
        /// What it is.
        explained: Explained,
        /// First row shown.
        first: usize,
    },
    /// A question whose answer is no unless somebody says yes.
    Confirm {
        /// The question.
        ask: Said,
        /// What yes means.
        then: Vec<Effect>,
        /// Index of the tab that asks.
        from: usize,
    },
    /// The log; with a search field while one is typed into.
    Log(Option<TextInput>),
}

impl Layer {
    pub(super) fn paste(&mut self, text: &str) {
        match self {
            Self::Menu(menu) => menu.paste(text),
            Self::Log(Some(field)) => {
                field.paste(text);
            }
            Self::Log(None) | Self::Explain { .. } | Self::Confirm { .. } => {}
        }
    }
}

impl App {
    pub(super) fn layer_key(&mut self, key: KeyEvent, name: &str) -> Vec<Ask> {
        let command = of_key(name, self.tab_id());
        match self.layers.last_mut() {
            Some(Layer::Menu(menu)) => match menu.key(key) {
                Reply::Changed => {}
                Reply::Close => {
                    self.layers.pop();
                }
                Reply::Run(command) => {
                    self.layers.pop();
                    let mut asks = self.run(command);
                    asks.push(Ask::Draw(Urgency::Input));
                    return asks;
                }
                Reply::Refused(reason) => self.status = Some(bars::Status { said: reason, bad: false }),
            },
            Some(Layer::Confirm { .. }) => match name {
                "y" => return self.confirmed(),
                "n" | "esc" | "enter" | "q" => {
                    self.layers.pop();
                }
                // Anything else is neither yes nor no.
                _ => return Vec::new(),
            },
            Some(Layer::Explain { first, .. }) => match command {
                Some(Command::Down) => *first = first.saturating_add(1),
                Some(Command::Up) => *first = first.saturating_sub(1),
                Some(Command::Top) => *first = 0,
                Some(Command::PageDown) => *first = first.saturating_add(8),
                Some(Command::PageUp) => *first = first.saturating_sub(8),
                Some(Command::Back | Command::Quit | Command::Explain | Command::Open) => {
                    self.layers.pop();
                }
                _ => return Vec::new(),
            },
            Some(Layer::Log(Some(field))) => match field.key(key) {
                Typed::Done => {
                    self.log.search(field.text());
                    self.layers.pop();
                    self.layers.push(Layer::Log(None));
                }
                Typed::Left => {
                    self.layers.pop();
                    self.layers.push(Layer::Log(None));
                }
                _ => {}
            },
            Some(Layer::Log(None)) => return self.log_key(command),
            None => return Vec::new(),
        }
        self.clamp_explanation();
        vec![Ask::Draw(Urgency::Input)]
    }

    pub(super) fn layer_wheel(&mut self, by: isize) -> Vec<Ask> {
        match self.layers.last_mut() {
            Some(Layer::Menu(menu)) => menu.wheel(by),
            Some(Layer::Explain { first, .. }) => *first = first.saturating_add_signed(by),
            Some(Layer::Log(_)) => self.log.step(by * 3),
            Some(Layer::Confirm { .. }) | None => return Vec::new(),
        }
        self.clamp_explanation();
        vec![Ask::Draw(Urgency::Input)]
    }

    fn confirmed(&mut self) -> Vec<Ask> {
        let Some(Layer::Confirm { then, from, .. }) = self.layers.pop() else { return Vec::new() };
        let mut asks = self.effects(from, then, Urgency::Input);
        asks.push(Ask::Draw(Urgency::Input));
        asks
    }

    fn log_key(&mut self, command: Option<Command>) -> Vec<Ask> {
        let half = isize::from(i16::try_from(self.size.height / 4).unwrap_or(1)).max(1);
        match command {
            Some(Command::Down) => self.log.step(1),
            Some(Command::Up) => self.log.step(-1),
            Some(Command::PageDown) => self.log.step(half),
            Some(Command::PageUp) => self.log.step(-half),
            Some(Command::Top) => self.log.top(),
            Some(Command::Bottom) => self.log.follow(),
            Some(Command::Left) => self.log.more(false),
            Some(Command::Right) => self.log.more(true),
            Some(Command::Search) => {
                self.layers.pop();
                self.layers.push(Layer::Log(Some(TextInput::default())));
            }
            Some(Command::NextMatch) => {
                self.log.find(false);
            }
            Some(Command::PreviousMatch) => {
                self.log.find(true);
            }
            Some(Command::CopyRow) => return self.log.row().map(|row| self.copy(&row)).unwrap_or_default(),
            Some(Command::Log | Command::Back | Command::Quit) => {
                self.layers.pop();
            }
            _ => return Vec::new(),
        }
        vec![Ask::Draw(Urgency::Input)]
    }

    /// Scroll offsets are state: they are kept within what there is.
    fn clamp_explanation(&mut self) {
        let (look, size) = (self.look, self.size);
        if let Some(Layer::Explain { explained, first }) = self.layers.last_mut() {
            let rows = explanation(&look, explained, usize::from(size.width).saturating_sub(2)).len();
            *first = (*first).min(rows.saturating_sub(usize::from(size.height / 2)));
        }
    }

    pub(super) fn draw_layer(&self, layer: &Layer, frame: &mut Frame<'_>, body: Rect, footer: Rect) {
        let look = &self.look;
        let keys: &[(&str, Text)] = match layer {
            Layer::Menu(menu) => {
                menu.draw(look, frame, body);
                &[("Enter", text!("run", "执行")), ("Up Down", text!("choose", "选择")), ("Esc", text!("close", "关闭"))]
            }
            Layer::Explain { explained, first } => {
                let rows = explanation(look, explained, usize::from(body.width).saturating_sub(2));
                let room = usize::from(body.height).saturating_sub(2);
                let area = sheet::open(look, frame, body, explained.title.get(look.lang), "", rows.len().min(room));
                for (row, line) in area.rows().zip(rows.into_iter().skip(*first)) {
                    frame.render_widget(line, row);
                }
                &[("j k", text!("move", "移动")), ("Esc", text!("close", "关闭"))]
            }
            Layer::Confirm { ask, .. } => {
                let rows = wrap(ask.get(look.lang), usize::from(body.width).saturating_sub(2));
                let title = text!("sure?", "确定？").get(look.lang);
                let area = sheet::open(look, frame, body, title, "", rows.len() + 1);
                for (row, line) in area.rows().zip(rows) {
                    frame.render_widget(Span::styled(line, look.theme.look), row);
                }
                &[("y", text!("yes", "是")), ("n", text!("no (Enter)", "否（Enter）"))]
            }
            Layer::Log(field) => {
                self.log.draw(look, frame, body);
                if let Some(field) = field {
                    let prompt = format!(" {} ", text!("search", "搜索").get(look.lang));
                    let cells = u16::try_from(width(&prompt)).unwrap_or(0).min(footer.width);
                    frame.render_widget(Line::from(Span::styled(prompt, look.theme.unsure)), footer);
                    field.draw(look, frame, Rect { x: footer.x + cells, width: footer.width - cells, ..footer });
                    return;
                }
                &[
                    ("j k", text!("move", "移动")),
                    ("G", text!("follow", "跟随")),
                    ("h l", text!("less, more", "更少 更多")),
                    ("/", text!("search", "搜索")),
                    ("y", text!("copy", "复制")),
                    ("L", text!("close", "关闭")),
                ]
            }
        };
        bars::keys(look, frame, footer, keys);
    }
}

/// Rows of label and sentence, the sentence wrapped beside its label.
fn explanation(look: &Look, explained: &Explained, columns: usize) -> Vec<Line<'static>> {
    let label_columns = explained.rows.iter().map(|(label, _)| width(label.get(look.lang))).max().unwrap_or(0) + 2;
    let mut rows = Vec::new();
    for (label, sentence) in &explained.rows {
        for (index, part) in wrap(sentence.get(look.lang), columns.saturating_sub(label_columns)).into_iter().enumerate() {
            let label = if index == 0 { label.get(look.lang) } else { "" };
            rows.push(Line::from(vec![
                Span::styled(pad_right(label, label_columns, look.ascii).into_owned(), look.theme.accent),
                Span::styled(part, look.theme.plain),
            ]));
        }
    }
    rows
}
