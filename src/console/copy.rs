//! Copying through the terminal: OSC 52, wrapped for tmux and screen. Whether it arrived nobody tells us.

/// Longest text that is sent, bytes: terminals cut or drop more than about 74 kB of base64.
pub const MAX_BYTES: usize = 55_000;

/// What stands between us and the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Multiplexer {
    /// Nothing.
    None,
    /// tmux: passes on what is wrapped in `ESC P tmux;`, if `allow-passthrough` is on.
    Tmux,
    /// GNU screen: passes on `ESC P` strings of at most 768 bytes.
    Screen,
}

impl Multiplexer {
    /// From the environment: `TMUX` is set, or `TERM` begins with `screen`.
    #[must_use]
    pub fn of(tmux: bool, term: &str) -> Self {
        match (tmux, term.starts_with("screen")) {
            (true, _) => Self::Tmux,
            (false, true) => Self::Screen,
            (false, false) => Self::None,
        }
    }
}

/// The sequence that hands `text` to the terminal's clipboard; `None` when it is too long.
#[must_use]
pub fn sequence(text: &str, multiplexer: Multiplexer) -> Option<Vec<u8>> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let plain = format!("\x1b]52;c;{}\x07", base64(text.as_bytes()));
    Some(match multiplexer {
        Multiplexer::None => plain.into_bytes(),
        // tmux takes its own clipboard from the unwrapped form (set-clipboard) and passes the wrapped one on: both are sent.
        Multiplexer::Tmux => format!("{plain}\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b")).into_bytes(),
        Multiplexer::Screen => plain.as_bytes().chunks(700).flat_map(|part| [b"\x1bP", part, b"\x1b\\"].concat()).collect(),
    })
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS.get((word >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            out.push(char::from(if place <= chunk.len() { digit } else { b'=' }));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (text, want) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy"), ("眼", "55y8")] {
            assert_eq!(base64(text.as_bytes()), want);
        }
    }

    #[test]
    fn multiplexers_are_asked_to_pass_it_on() {
        assert_eq!(sequence("foo", Multiplexer::None).unwrap(), b"\x1b]52;c;Zm9v\x07");
        let tmux = sequence("foo", Multiplexer::of(true, "screen-256color")).unwrap();
        assert!(tmux.ends_with(b"\x1bPtmux;\x1b\x1b]52;c;Zm9v\x07\x1b\\"));
        let screen = sequence(&"x".repeat(3000), Multiplexer::of(false, "screen.xterm")).unwrap();
        assert!(screen.split(|&byte| byte == b'\\').all(|part| part.len() <= 768));
        assert_eq!(sequence(&"x".repeat(MAX_BYTES + 1), Multiplexer::None), None);
    }
}
