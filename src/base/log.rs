//! The log: one file for all faces, bounded and rotated, and a sink for whoever shows it while it is written.
//!
//! Lines are English: `2026-11-23T18:40:31.123Z WARN dcudeck::jobs: sentence field=value`, on one line and without control sequences.

use super::{clean, clock};
use jiff::Timestamp;
use std::{
    fmt::{self, Write as _},
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::{Mutex, PoisonError},
};
use tracing::{Event, Level, Subscriber, field::Field};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt as _},
};

/// A file that would grow beyond this is put aside, bytes.
pub const MAX_BYTES: u64 = 10 << 20;
/// Files kept in all: the current one and the older `.1` to `.4`.
pub const FILES: u32 = 5;
/// Longest line, bytes: a server may answer with megabytes.
const MAX_LINE: usize = 8 << 10;
/// What is logged unless `DCUDECK_LOG` says otherwise.
const DEFAULT_FILTER: &str = "warn,dcudeck=info";

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// How bad.
    pub level: Level,
    /// Which part of the program.
    pub target: String,
    /// The sentence with its fields, clean and on one line.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:5} {}: {}", clock::rfc3339(self.at), self.level, self.target, self.text)
    }
}

/// Sends everything that is logged in this process to `file` (if any) and to `sink`. What is logged follows `filter`, the value of
/// `DCUDECK_LOG` (such as `debug` or `warn,dcudeck=trace`); one that cannot be read is passed over and said in the log itself. Only
/// the first call in a process counts.
pub fn start(file: Option<Rotating>, filter: Option<&str>, sink: impl Fn(Line) + Send + Sync + 'static) {
    let default = || Targets::from_str(DEFAULT_FILTER).unwrap_or_default();
    let (targets, bad) = match filter.map(Targets::from_str) {
        Some(Ok(targets)) => (targets, false),
        Some(Err(_)) => (default(), true),
        None => (default(), false),
    };
    let layer = Lines { file: file.map(Mutex::new), sink }.with_filter(targets);
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
    if bad {
        tracing::warn!("DCUDECK_LOG is no filter such as debug or warn,dcudeck=debug; using {DEFAULT_FILTER}");
    }
}

struct Lines<F> {
    file: Option<Mutex<Rotating>>,
    sink: F,
}

impl<S: Subscriber, F: Fn(Line) + Send + Sync + 'static> Layer<S> for Lines<F> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Sentence::default();
        event.record(&mut text);
        let mut text = clean(&text.0).into_owned();
        if text.len() > MAX_LINE {
            let end = (0..=MAX_LINE).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            text.truncate(end);
            text.push_str(" [cut]");
        }
        let meta = event.metadata();
        let line = Line { at: Timestamp::now(), level: *meta.level(), target: meta.target().to_owned(), text };
        if let Some(file) = &self.file {
            // A full disk must not stop the work: the line is still shown.
            let _ = file.lock().unwrap_or_else(PoisonError::into_inner).line(&line.to_string());
        }
        (self.sink)(line);
    }
}

/// The message, then `name=value` for each further field.
#[derive(Default)]
struct Sentence(String);

impl tracing::field::Visit for Sentence {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.0.push_str(value),
            name => {
                let _ = write!(self.0, " {name}={value}");
            }
        }
    }
}

/// A log file that several processes append to, put aside when it is full.
#[derive(Debug)]
pub struct Rotating {
    path: PathBuf,
    file: File,
    max_bytes: u64,
}

impl Rotating {
    /// Opens (or makes, 0600, with its folder) the file at `path`.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::bounded(path, MAX_BYTES)
    }

    fn bounded(path: &Path, max_bytes: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(Self { path: path.to_path_buf(), file: append(path)?, max_bytes })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line.
    ///
    /// # Errors
    /// What the file system says.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        let line = format!("{line}\n");
        if !self.is_current() {
            // Another process put it aside, or somebody deleted it.
            self.file = append(&self.path)?;
        }
        if self.file.metadata()?.len() + line.len() as u64 > self.max_bytes {
            self.rotate()?;
        }
        self.file.write_all(line.as_bytes())
    }

    fn is_current(&self) -> bool {
        let (Ok(there), Ok(here)) = (fs::metadata(&self.path), self.file.metadata()) else { return false };
        (there.dev(), there.ino()) == (here.dev(), here.ino())
    }

    fn rotate(&mut self) -> io::Result<()> {
        // One process at a time; who comes second finds another file in place and leaves it.
        let lock = self.file.try_clone()?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
        if self.is_current() {
            for number in (1..FILES - 1).rev() {
                let _ = fs::rename(self.numbered(number), self.numbered(number + 1));
            }
            fs::rename(&self.path, self.numbered(1))?;
        }
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::Unlock)?;
        self.file = append(&self.path)?;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc};

    #[test]
    fn a_full_file_is_put_aside_and_only_five_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/dcudeck.log");
        let mut log = Rotating::bounded(&path, 100).unwrap();
        for n in 0..60 {
            log.line(&format!("line {n:02} of some length")).unwrap();
        }
        let mut names: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["dcudeck.log", "dcudeck.log.1", "dcudeck.log.2", "dcudeck.log.3", "dcudeck.log.4"]);
        assert!(fs::read_to_string(&path).unwrap().ends_with("line 59 of some length\n"));
        assert!(names.iter().all(|name| fs::metadata(path.with_file_name(name)).unwrap().len() <= 100));
    }

    #[test]
    fn two_writers_share_a_file_across_a_rotation_and_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dcudeck.log");
        let (mut one, mut other) = (Rotating::bounded(&path, 60).unwrap(), Rotating::bounded(&path, 60).unwrap());
        for n in 0..3 {
            one.line(&format!("one writes {n}")).unwrap();
            other.line(&format!("other writes {n}")).unwrap();
        }
        let all = fs::read_to_string(path.with_file_name("dcudeck.log.1")).unwrap() + &fs::read_to_string(&path).unwrap();
        assert_eq!(all.lines().count(), 6, "{all}");
    }

    #[test]
    fn a_logged_text_from_outside_is_one_clean_line_with_its_fields() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dcudeck.log");
        let (send, lines) = mpsc::channel();
        let send = Mutex::new(send);
        let sink = move |line| send.lock().unwrap().send(line).unwrap();
        let layer = Lines { file: Some(Mutex::new(Rotating::open(&path).unwrap())), sink };
        let subscriber = Arc::new(tracing_subscriber::registry().with(layer));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(status = 500, body = "a\x1b]52;c;eA==\x07b", "the server said {}", "no\n\u{202e}way");
        });
        let line: Line = lines.recv().unwrap();
        assert_eq!((line.level, line.text.as_str()), (Level::WARN, "the server said no way status=500 body=ab"));
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{line}\n"));
    }
}
