//! What keys, clicks and pastes come to: first the overlay on top, then a text field, then the command table.

use super::{App, Ask, draw};
use crate::console::{
    command::{self, Command},
    input::{TextInput, Typed},
    key,
    pacer::Urgency,
};
use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

impl App {
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Ask> {
        let Some(name) = key::name(&key) else { return Vec::new() };
        let forced = name == "ctrl-c" && self.leaving;
        self.leaving = name == "ctrl-c";
        if forced {
            return vec![Ask::Quit];
        }
        let mut asks = Vec::new();
        if self.status.take().is_some() {
            asks.push(Ask::Draw(Urgency::Input));
        }
        asks.extend(match name.as_str() {
            "ctrl-z" => vec![Ask::Suspend],
            "ctrl-l" => vec![Ask::Repaint],
            "ctrl-c" => self.leave(),
            _ if !self.layers.is_empty() => self.layer_key(key, &name),
            _ if self.field().is_some() => self.typed(key),
            _ => match command::of_key(&name, self.tab_id()) {
                Some(command) => self.run(command),
                None => Vec::new(),
            },
        });
        asks
    }

    /// `q` and the first ctrl-C: one level back, from the last one out.
    pub(super) fn leave(&mut self) -> Vec<Ask> {
        if self.layers.pop().is_some() {
            return vec![Ask::Draw(Urgency::Input)];
        }
        if self.field().is_some() {
            return self.tab_typed(Typed::Left);
        }
        vec![Ask::Quit]
    }

    pub(super) fn field(&mut self) -> Option<&mut TextInput> {
        self.tabs.get_mut(self.active)?.field()
    }

    fn typed(&mut self, key: KeyEvent) -> Vec<Ask> {
        match self.field().map(|field| field.key(key)) {
            Some(typed) => self.tab_typed(typed),
            None => Vec::new(),
        }
    }

    pub(super) fn tab_typed(&mut self, typed: Typed) -> Vec<Ask> {
        let effects = self.tabs.get_mut(self.active).map(|tab| tab.typed(typed)).unwrap_or_default();
        let mut asks = self.effects(self.active, effects, Urgency::Input);
        // The field itself changed, whatever the tab makes of it.
        asks.push(Ask::Draw(Urgency::Input));
        asks
    }

    pub(super) fn paste(&mut self, text: &str) -> Vec<Ask> {
        if let Some(layer) = self.layers.last_mut() {
            layer.paste(text);
            return vec![Ask::Draw(Urgency::Input)];
        }
        match self.field().map(|field| field.paste(text)) {
            Some(typed) => self.tab_typed(typed),
            // A paste outside a field is no command: it may hold anything.
            None => Vec::new(),
        }
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Vec<Ask> {
        let at = Position::new(mouse.column, mouse.row);
        match mouse.kind {
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
                let by = if mouse.kind == MouseEventKind::ScrollDown { 1 } else { -1 };
                if !self.layers.is_empty() {
                    return self.layer_wheel(by);
                }
                self.run(if by > 0 { Command::Down } else { Command::Up })
            }
            MouseEventKind::Down(MouseButton::Left) if self.layers.is_empty() => self.click(at),
            _ => Vec::new(),
        }
    }

    fn click(&mut self, at: Position) -> Vec<Ask> {
        let Some(areas) = draw::areas(self.size) else { return Vec::new() };
        if let Some(id) = crate::console::bars::tab_at(&self.look, areas.tabs, &self.tab_ids(), &self.marked, at) {
            return self.goto(id);
        }
        if !areas.body.contains(at) {
            return Vec::new();
        }
        let look = self.look;
        let effects = self.tabs.get_mut(self.active).map(|tab| tab.click(&look, areas.body, at)).unwrap_or_default();
        self.effects(self.active, effects, Urgency::Input)
    }
}
