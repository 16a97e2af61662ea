//! The sampler as a process: `dcudeck __worker devices GROUP [--source NAME] [--without CALL]…`.
//!
//! It writes frames to its stdout, a line of JSON each, and what it is about to call into its stdin, which is a small shared file
//! (`progress.rs`). A vendor's library may print, block or end the process: prints go to stderr, the rest is the [`keeper`]'s to
//! see. The process ends when nobody reads any more.

pub mod keeper;
mod progress;

use super::{
    frame::{Frame, Group},
    lanes::Lanes,
    source::{Feed, Next, Source, Steps, Trouble},
    sources::{hydmi::Hydmi, rocm_smi::RocmSmi, sysfs::Sysfs},
};
use crate::base::clock;
use progress::Progress;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd as _, OwnedFd},
};
use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::File,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

/// The kind of worker, after `__worker`.
pub const KIND: &str = "devices";
/// Names a source of a group that is to be read alone.
const SOURCE: &str = "--source";
/// Names a call that must not be made.
const WITHOUT: &str = "--without";
/// Nothing left to do, and nothing wrong.
const DONE: u8 = 0;
/// The arguments make no sense, or nothing can be written.
const FAILED: u8 = 3;

/// Which of a group's sources are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Only {
    /// All there are.
    #[default]
    All,
    /// The vendor's library.
    Library,
    /// Files below `/sys`.
    Sysfs,
}

impl Only {
    const WORDS: &[(Self, &str)] = &[(Self::All, "all"), (Self::Library, "library"), (Self::Sysfs, "sysfs")];

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(only, _)| *only == self).map_or("all", |(_, word)| word)
    }
}

/// What a sampler's process is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Orders {
    group: Group,
    only: Only,
    without: BTreeSet<String>,
}

impl Orders {
    /// As arguments, after `__worker devices`.
    fn arguments(&self) -> Vec<String> {
        let mut all = vec![self.group.word().to_owned(), SOURCE.to_owned(), self.only.word().to_owned()];
        all.extend(self.without.iter().flat_map(|call| [WITHOUT.to_owned(), call.clone()]));
        all
    }

    fn read(arguments: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut arguments = arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned());
        let word = arguments.next()?;
        let group = [Group::Dcu].into_iter().find(|group| group.word() == word)?;
        let mut orders = Self { group, only: Only::All, without: BTreeSet::new() };
        while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
            match name.as_str() {
                SOURCE => orders.only = Only::WORDS.iter().find(|(_, word)| *word == value)?.0,
                WITHOUT => drop(orders.without.insert(value)),
                _ => return None,
            }
        }
        Some(orders)
    }
}

/// Runs the sampler; `arguments` are those after `__worker devices`.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some(orders) = Orders::read(arguments) else {
        let _ = writeln!(io::stderr(), "dcudeck: __worker {KIND} needs a group of cards");
        return FAILED.into();
    };
    // Whatever happens to the face, no sampler is left behind.
    progress::end_with_parent();
    let Ok(frames) = own_stdout() else { return FAILED.into() };
    let progress = Progress::of_worker();
    sample(&orders, &progress, frames).into()
}

/// A copy of stdout for the frames; stdout itself becomes stderr, so that a library that prints does not print between them.
fn own_stdout() -> io::Result<File> {
    let frames: OwnedFd = rustix::io::fcntl_dupfd_cloexec(io::stdout().as_fd(), 3)?;
    rustix::stdio::dup2_stdout(io::stderr().as_fd())?;
    Ok(frames.into())
}

/// The steps of a sampler's process: named in the shared file, and some of them forbidden.
struct Watched {
    progress: Progress,
    without: BTreeSet<String>,
}

impl Steps for Watched {
    fn enter(&mut self, name: &'static str, limit: Duration) -> bool {
        let may = !self.without.contains(name);
        if may {
            self.progress.calling(name, limit);
        }
        may
    }
}

fn sample(orders: &Orders, progress: &Progress, mut out: File) -> u8 {
    let mut steps = Watched { progress: progress.clone(), without: orders.without.clone() };
    let (sources, troubles) = sources(orders.only, &mut steps);
    let mut frames: Vec<Frame> = troubles.into_iter().map(Frame::Trouble).collect();
    let mut lanes = Lanes::new(sources, steps);
    loop {
        let next = lanes.step(&mut frames);
        // A face that reads slowly is no fault of the sampler.
        progress.writing();
        let mut text = Vec::new();
        for frame in frames.drain(..) {
            if serde_json::to_writer(&mut text, &frame).is_ok() {
                text.push(b'\n');
            }
        }
        if out.write_all(&text).is_err() {
            return DONE;
        }
        let Next::At(at_us) = next else { return DONE };
        progress.idle(at_us);
        if !readers_until(&out, at_us) {
            return DONE;
        }
    }
}

/// The sources of DCU and AMD cards that can be had here.
fn sources(only: Only, steps: &mut dyn Steps) -> (Vec<Box<dyn Source>>, Vec<Trouble>) {
    let (mut sources, mut troubles): (Vec<Box<dyn Source>>, Vec<Trouble>) = (Vec::new(), Vec::new());
    if only != Only::Sysfs && steps.enter("load rocm_smi", LOAD_LIMIT) {
        match RocmSmi::load() {
            Ok(library) => sources.push(Box::new(library)),
            // Without the library files may do; that there is none is for the doctor, unless it was asked for.
            Err(trouble) if only == Only::Library || trouble.kind != "rsmi.none" => troubles.push(trouble),
            Err(_) => {}
        }
    }
    if only != Only::Sysfs
        && steps.enter("load hydmi", LOAD_LIMIT)
        && let Some(library) = Hydmi::load()
    {
        sources.push(Box::new(library));
    }
    if only != Only::Library {
        sources.push(Box::new(Sysfs::at("/sys")));
    }
    (sources, troubles)
}

/// Loading a library from a disk that sleeps or a network folder.
const LOAD_LIMIT: Duration = Duration::from_secs(10);

/// Waits until that moment; `false` as soon as nobody can read what is written.
fn readers_until(out: &File, at_us: u64) -> bool {
    loop {
        let left = Duration::from_micros(at_us.saturating_sub(clock::monotonic_us()));
        if left.is_zero() {
            return true;
        }
        let mut ends = [PollFd::new(out, PollFlags::empty())];
        let _ = poll(&mut ends, Timespec::try_from(left).ok().as_ref());
        if ends.iter().any(|end| end.revents().intersects(PollFlags::ERR | PollFlags::NVAL)) {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_cross_the_command_line_unchanged() {
        let without = ["a".to_owned(), "rsmi_dev_temp_metric_get core".to_owned()].into();
        for only in [Only::All, Only::Library, Only::Sysfs] {
            let orders = Orders { group: Group::Dcu, only, without: BTreeSet::clone(&without) };
            assert_eq!(Orders::read(orders.arguments().into_iter().map(OsString::from)), Some(orders));
        }
        assert_eq!(Orders::read(["gpu".into()]), None);
        assert_eq!(Orders::read(["dcu".into(), "--with".into(), "x".into()]), None);
    }
}
