//! Names of keys: what the command table, the footer and the key document call them. ASCII, so that every terminal shows them.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The name of a pressed key: `j`, `G`, `ctrl-d`, `shift-tab`, `enter`; `None` for keys no command can have.
#[must_use]
pub fn name(key: &KeyEvent) -> Option<String> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let word = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter => "enter".to_owned(),
        KeyCode::Esc => "esc".to_owned(),
        KeyCode::Tab => "tab".to_owned(),
        KeyCode::BackTab => "shift-tab".to_owned(),
        KeyCode::Backspace => "backspace".to_owned(),
        KeyCode::Delete => "delete".to_owned(),
        KeyCode::Up => "up".to_owned(),
        KeyCode::Down => "down".to_owned(),
        KeyCode::Left => "left".to_owned(),
        KeyCode::Right => "right".to_owned(),
        KeyCode::Home => "home".to_owned(),
        KeyCode::End => "end".to_owned(),
        KeyCode::PageUp => "pgup".to_owned(),
        KeyCode::PageDown => "pgdn".to_owned(),
        _ => return None,
    };
    if key.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    Some(if key.modifiers.contains(KeyModifiers::CONTROL) { format!("ctrl-{}", word.to_lowercase()) } else { word })
}

/// The key of a name, the inverse of [`name`]; `None` for a name no key has.
#[must_use]
pub fn of_name(name: &str) -> Option<KeyEvent> {
    let (word, modifiers) = match name.strip_prefix("ctrl-") {
        Some(word) if !word.is_empty() => (word, KeyModifiers::CONTROL),
        _ => (name, KeyModifiers::NONE),
    };
    let code = match word {
        "space" => KeyCode::Char(' '),
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "shift-tab" => KeyCode::BackTab,
        "backspace" => KeyCode::Backspace,
        "delete" => KeyCode::Delete,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        _ => {
            let mut chars = word.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => KeyCode::Char(c),
                _ => return None,
            }
        }
    };
    Some(KeyEvent::new(code, modifiers))
}

/// The name as a person reads it in the footer: `Enter`, `Esc`, `^D`; letters as they are.
#[must_use]
pub fn shown(name: &str) -> String {
    if let Some(letter) = name.strip_prefix("ctrl-") {
        return format!("ctrl-{}", letter.to_uppercase());
    }
    match name {
        "enter" => "Enter",
        "esc" => "Esc",
        "tab" => "Tab",
        "shift-tab" => "Shift-Tab",
        "space" => "Space",
        "backspace" => "Backspace",
        "delete" => "Del",
        "up" => "Up",
        "down" => "Down",
        "left" => "Left",
        "right" => "Right",
        "home" => "Home",
        "end" => "End",
        "pgup" => "PgUp",
        "pgdn" => "PgDn",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_name_lead_to_each_other() {
        for word in ["j", "G", "?", ">", "ctrl-d", "enter", "esc", "tab", "shift-tab", "pgdn", "space", "6"] {
            assert_eq!(of_name(word).and_then(|key| name(&key)).as_deref(), Some(word));
        }
        assert!(of_name("f13").is_none());
    }

    #[test]
    fn a_shifted_letter_is_the_capital_however_the_terminal_tells_it() {
        let key = KeyEvent::new(KeyCode::Char('X'), KeyModifiers::SHIFT);
        assert_eq!(name(&key).as_deref(), Some("X"));
    }
}
