//! Keys, clicks and pastes from the terminal's bytes.
//!
//! crossterm's own reader is not used: it spins when the terminal hangs up, and reads a lone ESC whose sequence comes
//! later as Esc. Its event types are.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

/// Longer than any sequence a terminal sends; what exceeds it is dropped.
const MAX_SEQUENCE: usize = 64;
/// A paste is cut here, bytes.
const MAX_PASTE: usize = 1 << 20;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Turns bytes into events, however they are cut into reads.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
    paste: Option<Vec<u8>>,
}

impl Decoder {
    /// Takes bytes, returns the events they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            self.byte(byte, &mut events);
        }
        events
    }

    /// Whether a sequence has begun that may end with the next read, or be a lone Esc.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty() && self.paste.is_none()
    }

    /// Nothing came for a while: a lone ESC was the key, anything else begun is dropped.
    pub fn give_up(&mut self) -> Vec<Event> {
        let pending = std::mem::take(&mut self.pending);
        if pending == b"\x1b" { vec![key(KeyCode::Esc, KeyModifiers::NONE)] } else { Vec::new() }
    }

    fn byte(&mut self, byte: u8, events: &mut Vec<Event>) {
        if let Some(paste) = &mut self.paste {
            if paste.len() < MAX_PASTE + PASTE_END.len() {
                paste.push(byte);
            } else {
                // Keep the tail, so that the end is still found.
                paste.remove(MAX_PASTE);
                paste.push(byte);
            }
            if paste.ends_with(PASTE_END) {
                let mut text = self.paste.take().unwrap_or_default();
                text.truncate(text.len() - PASTE_END.len());
                events.push(Event::Paste(String::from_utf8_lossy(&text).into_owned()));
            }
            return;
        }
        // ESC begins anew, whatever was under way.
        if byte == 0x1b && !self.pending.is_empty() {
            events.extend(self.give_up());
        }
        self.pending.push(byte);
        match parse(&self.pending) {
            Parsed::More if self.pending.len() < MAX_SEQUENCE => {}
            Parsed::EscThen => {
                self.pending.clear();
                events.push(key(KeyCode::Esc, KeyModifiers::NONE));
                self.byte(byte, events);
            }
            Parsed::More | Parsed::Nothing => self.pending.clear(),
            Parsed::Event(event) => {
                self.pending.clear();
                events.push(event);
            }
            Parsed::Paste => {
                self.pending.clear();
                self.paste = Some(Vec::new());
            }
        }
    }
}

enum Parsed {
    More,
    Nothing,
    EscThen,
    Event(Event),
    Paste,
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
    Event::Key(KeyEvent::new(code, modifiers))
}

fn plain(code: KeyCode) -> Parsed {
    Parsed::Event(key(code, KeyModifiers::NONE))
}

fn parse(bytes: &[u8]) -> Parsed {
    match *bytes {
        [0x1b] | [0x1b, b'[' | b'O'] => Parsed::More,
        [0x1b, b'O', last] => letter(last, KeyModifiers::NONE),
        [0x1b, b'[', ref rest @ ..] => csi(rest),
        // Esc and a key right behind it, which is also how terminals send Alt: no command has Alt.
        [0x1b, _] => Parsed::EscThen,
        [b'\r'] => plain(KeyCode::Enter),
        [b'\t'] => plain(KeyCode::Tab),
        [0x7f | 0x08] => plain(KeyCode::Backspace),
        [0] => Parsed::Event(key(KeyCode::Char(' '), KeyModifiers::CONTROL)),
        [byte @ 1..=0x1a] => Parsed::Event(key(KeyCode::Char(char::from(byte + b'a' - 1)), KeyModifiers::CONTROL)),
        [0x1c..=0x1f] => Parsed::Nothing,
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.chars().next().map_or(Parsed::Nothing, |c| plain(KeyCode::Char(c))),
            Err(error) if error.error_len().is_none() => Parsed::More,
            Err(_) => Parsed::Nothing,
        },
    }
}

fn letter(last: u8, modifiers: KeyModifiers) -> Parsed {
    let code = match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'M' => KeyCode::Enter,
        b'Z' => KeyCode::BackTab,
        _ => return Parsed::Nothing,
    };
    Parsed::Event(key(code, modifiers))
}

/// What follows `CSI`: parameters, then a final byte.
fn csi(rest: &[u8]) -> Parsed {
    // X10 mouse reports, from terminals that do not know mode 1006: three bytes after M, not used.
    if let Some(report) = rest.strip_prefix(b"M") {
        return if report.len() < 3 { Parsed::More } else { Parsed::Nothing };
    }
    let Some((&last, parameters)) = rest.split_last() else { return Parsed::More };
    if !(0x40..=0x7e).contains(&last) {
        return Parsed::More;
    }
    if let Some(report) = parameters.strip_prefix(b"<") {
        return mouse(report, last == b'M');
    }
    let numbers = numbers(parameters);
    let number = |index: usize| numbers.get(index).copied();
    // 1 + (1 shift, 2 alt, 4 control)
    let mask = number(1).unwrap_or(1).saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL)] {
        modifiers.set(modifier, mask & bit != 0);
    }
    match last {
        b'~' => {
            let code = match number(0) {
                Some(1 | 7) => KeyCode::Home,
                Some(3) => KeyCode::Delete,
                Some(4 | 8) => KeyCode::End,
                Some(5) => KeyCode::PageUp,
                Some(6) => KeyCode::PageDown,
                Some(200) => return Parsed::Paste,
                _ => return Parsed::Nothing,
            };
            Parsed::Event(key(code, modifiers))
        }
        b'u' => match number(0).and_then(char::from_u32) {
            Some('\r') => Parsed::Event(key(KeyCode::Enter, modifiers)),
            Some('\x1b') => Parsed::Event(key(KeyCode::Esc, modifiers)),
            Some('\t') => Parsed::Event(key(KeyCode::Tab, modifiers)),
            Some(c) if !c.is_control() => Parsed::Event(key(KeyCode::Char(c), modifiers)),
            _ => Parsed::Nothing,
        },
        _ => letter(last, modifiers),
    }
}

fn numbers(parameters: &[u8]) -> Vec<u32> {
    String::from_utf8_lossy(parameters).split(';').map(|word| word.parse().unwrap_or(0)).collect()
}

/// SGR report (mode 1006): `button ; column ; row`, counted from 1.
fn mouse(report: &[u8], pressed: bool) -> Parsed {
    let [button, column, row] = numbers(report)[..] else { return Parsed::Nothing };
    let kind = match (button & !0b1_1100, pressed) {
        (0, true) => MouseEventKind::Down(MouseButton::Left),
        (64, true) => MouseEventKind::ScrollUp,
        (65, true) => MouseEventKind::ScrollDown,
        _ => return Parsed::Nothing,
    };
    let cell = |n: u32| u16::try_from(n.saturating_sub(1)).unwrap_or(u16::MAX);
    Parsed::Event(Event::Mouse(MouseEvent { kind, column: cell(column), row: cell(row), modifiers: KeyModifiers::NONE }))
}

#[cfg(test)]
mod tests {
    use super::{super::key::name, *};
    use proptest::prelude::*;

    fn names(bytes: &[u8]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut events = decoder.feed(bytes);
        events.extend(decoder.give_up());
        events
            .into_iter()
            .map(|event| match event {
                Event::Key(key) => name(&key).unwrap_or_else(|| format!("{key:?}")),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn keys_are_known_in_every_form_terminals_send_them() {
        assert_eq!(names(b"\x1b[A\x1bOA\x1b[1;1A"), ["up", "up", "up"]);
        assert_eq!(names(b"\x1b[H\x1b[1~\x1b[7~\x1bOH"), ["home", "home", "home", "home"]);
        assert_eq!(names(b"\x1b[5~\x1b[6~\x1b[Z\t\r"), ["pgup", "pgdn", "shift-tab", "tab", "enter"]);
        assert_eq!(names(b"\x04\x10q\x7f"), ["ctrl-d", "ctrl-p", "q", "backspace"]);
        assert_eq!(names("视".as_bytes()), ["视"]);
    }

    #[test]
    fn a_sequence_cut_anywhere_is_still_one_key() {
        for cut in 1..5 {
            let (head, tail) = b"\x1b[1;5A".split_at(cut);
            let mut decoder = Decoder::default();
            assert!(decoder.feed(head).is_empty() && decoder.is_waiting(), "cut at {cut}");
            assert_eq!(decoder.feed(tail).len(), 1, "cut at {cut}");
        }
    }

    #[test]
    fn a_lone_esc_is_the_key_only_when_nothing_follows() {
        let mut decoder = Decoder::default();
        assert!(decoder.feed(b"\x1b").is_empty());
        assert_eq!(decoder.give_up(), [key(KeyCode::Esc, KeyModifiers::NONE)]);
        assert_eq!(names(b"\x1b\x1b"), ["esc", "esc"]);
        assert_eq!(names(b"\x1b:q"), ["esc", ":", "q"]);
    }

    #[test]
    fn a_paste_is_one_event_whatever_is_in_it() {
        assert_eq!(names(b"\x1b[200~q\x1b[Aq\r\x1b[201~j"), [r#"Paste("q\u{1b}[Aq\r")"#, "j"]);
    }

    #[test]
    fn an_endless_paste_takes_bounded_memory_and_ends() {
        let mut decoder = Decoder::default();
        decoder.feed(b"\x1b[200~");
        decoder.feed(&vec![b'x'; MAX_PASTE]);
        decoder.feed(b"yyyyyyyyyyyyyyyy");
        let events = decoder.feed(PASTE_END);
        let [Event::Paste(text)] = &events[..] else { panic!("{} events", events.len()) };
        assert!(text.len() <= MAX_PASTE && !decoder.is_waiting());
    }

    #[test]
    fn clicks_and_the_wheel_come_with_their_cell() {
        let click = MouseEvent { kind: MouseEventKind::Down(MouseButton::Left), column: 4, row: 1, modifiers: KeyModifiers::NONE };
        assert_eq!(Decoder::default().feed(b"\x1b[<0;5;2M\x1b[<0;5;2m"), [Event::Mouse(click)]);
        let wheel = MouseEvent { kind: MouseEventKind::ScrollDown, ..click };
        assert_eq!(Decoder::default().feed(b"\x1b[<65;5;2M"), [Event::Mouse(wheel)]);
    }

    proptest! {
        #[test]
        fn any_bytes_leave_a_decoder_that_still_reads_keys(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.feed(&bytes);
            decoder.feed(PASTE_END);
            decoder.give_up();
            prop_assert_eq!(decoder.feed(b"q"), vec![key(KeyCode::Char('q'), KeyModifiers::NONE)]);
        }
    }
}
