//! Lines of bounded length, frames as they come, and a socket address that any folder depth fits.

use super::{Ask, Frame};
use rustix::fs::{Mode, OFlags, open};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    io::{self, BufRead},
    os::fd::{AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
};

/// Every field of every frame, as read; the conversions pick what their kind needs.
#[derive(Deserialize)]
pub(super) struct AnyFrame {
    frame: String,
    protocol: Option<u32>,
    version: Option<String>,
    kind: Option<String>,
    id: Option<String>,
    seq: Option<u64>,
    body: Option<Box<RawValue>>,
    count: Option<u64>,
    message: Option<String>,
}

/// A field its frame cannot do without.
fn need<T>(value: Option<T>, frame: &str, field: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("a {frame} frame without {field}"))
}

impl TryFrom<AnyFrame> for Frame {
    type Error = String;

    fn try_from(any: AnyFrame) -> Result<Self, String> {
        let of = any.frame.as_str();
        Ok(match of {
            "hello" => Self::Hello {
                protocol: need(any.protocol, of, "protocol")?,
                version: any.version.unwrap_or_default(),
                kind: any.kind.unwrap_or_default(),
                id: any.id.unwrap_or_default(),
            },
            "snapshot" => Self::Snapshot { body: need(any.body, of, "body")? },
            "fact" => Self::Fact { seq: need(any.seq, of, "seq")?, body: need(any.body, of, "body")? },
            "dropped" => Self::Dropped { count: need(any.count, of, "count")? },
            "refused" => Self::Refused { message: any.message.unwrap_or_default() },
            "bye" => Self::Bye {},
            other => return Err(format!("unknown frame {other:?}")),
        })
    }
}

impl TryFrom<AnyFrame> for Ask {
    type Error = String;

    fn try_from(any: AnyFrame) -> Result<Self, String> {
        let of = any.frame.as_str();
        Ok(match of {
            "hello" => Self::Hello { protocol: need(any.protocol, of, "protocol")? },
            "command" => Self::Command { body: need(any.body, of, "body")? },
            other => return Err(format!("unknown frame {other:?}")),
        })
    }
}

/// What [`read_line`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its end, in the buffer.
    Whole,
    /// The stream ended, perhaps within a line.
    End,
    /// The line is longer than the bound; nothing more of this stream can be trusted.
    TooLong,
}

/// Reads one line into `line`, which is emptied first, and never holds more than `bound` bytes of it.
pub(super) fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>, bound: usize) -> io::Result<Line> {
    line.clear();
    loop {
        let found = match reader.fill_buf() {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if found.is_empty() {
            return Ok(Line::End);
        }
        let end = memchr::memchr(b'\n', found);
        let part = found.get(..end.unwrap_or(found.len())).unwrap_or(found);
        if line.len() + part.len() >= bound {
            return Ok(Line::TooLong);
        }
        line.extend_from_slice(part);
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(Line::Whole);
        }
    }
}

/// JSON of `value` on one line: raw JSON inside it may have line ends, which outside strings are mere blanks.
pub(super) fn one_line(value: &impl serde::Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = serde_json::to_vec(value)?;
    for byte in &mut json {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    Ok(json)
}

/// An open folder through which sockets are named: `sun_path` holds 108 bytes, a workspace may lie deeper.
pub(super) struct Folder(OwnedFd);

impl Folder {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        Ok(Self(open(dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// A short path to `name` in the folder, valid in this process while `self` lives.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.0.as_raw_fd()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_arrive(lines in prop::collection::vec("[a-z]{0,20}", 0..10), at_once in 1_usize..30) {
            let text = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>() + "unfinished";
            let mut reader = BufReader::with_capacity(at_once, text.as_bytes());
            let mut line = Vec::new();
            for expected in &lines {
                prop_assert_eq!(read_line(&mut reader, &mut line, 21).expect("reads"), Line::Whole);
                prop_assert_eq!(line.as_slice(), expected.as_bytes());
            }
            prop_assert_eq!(read_line(&mut reader, &mut line, 21).expect("reads"), Line::End);
        }
    }

    #[test]
    fn a_line_at_the_bound_is_too_long_and_no_more_than_it_is_held() {
        let mut line = Vec::new();
        for (length, found) in [(9, Line::Whole), (10, Line::TooLong), (1000, Line::TooLong)] {
            let text = format!("{}\n", "x".repeat(length));
            let mut reader = BufReader::with_capacity(7, text.as_bytes());
            assert_eq!(read_line(&mut reader, &mut line, 10).expect("reads"), found);
            assert!(line.len() < 10);
        }
    }
}
