//! Ids of runs, results and jobs: slug of a name, UTC second, four random letters.

use super::clock;
use std::{fmt::Write as _, fs, io, path::Path};

/// Lower-case slug of `name` in `[a-z0-9._-]`, at most 40 characters, never empty and never starting with a dot.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => out.push(c),
            _ if !out.ends_with('-') && !out.is_empty() => out.push('-'),
            _ => {}
        }
        if out.len() >= 40 {
            break;
        }
    }
    let out = out.trim_matches(['-', '.']).to_owned();
    if out.is_empty() { "run".to_owned() } else { out }
}

/// A new id: `SLUG-YYYYMMDDThhmmssZ-xxxx`, the last part random base32 (RFC 4648 letters, lower case).
#[must_use]
pub fn new_id(name: &str) -> String {
    let mut id = slug(name);
    let _ = write!(id, "-{}-", clock::compact_utc());
    for byte in rand::random::<[u8; 4]>() {
        id.push(char::from(*b"abcdefghijklmnopqrstuvwxyz234567".get(usize::from(byte & 31)).unwrap_or(&b'a')));
    }
    id
}

/// Makes a new folder named by a new id inside `parent` (made too). `mkdir` decides uniqueness: a name that exists is
/// tried again with other letters.
///
/// # Errors
/// What `mkdir` says, except that the name exists.
pub fn make_folder(parent: &Path, name: &str) -> io::Result<String> {
    fs::create_dir_all(parent)?;
    loop {
        let id = new_id(name);
        match fs::create_dir(parent.join(&id)) {
            Ok(()) => return Ok(id),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_safe_as_a_file_name() {
        assert_eq!(slug("R1 Distill/Qwen 32B"), "r1-distill-qwen-32b");
        assert_eq!(slug("../..//etc"), "etc");
        assert_eq!(slug("眼科"), "run");
        assert!(slug(&"x".repeat(300)).len() <= 40);
    }

    #[test]
    fn an_id_sorts_by_time_within_a_name_and_differs() {
        let (a, b) = (new_id("chat"), new_id("chat"));
        assert!(a.starts_with("chat-2") && a.len() == "chat-20260101T000000Z-abcd".len());
        assert_ne!(a, b);
    }
}
