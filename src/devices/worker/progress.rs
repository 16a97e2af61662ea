//! What a sampler is doing, in a small file without a name that its keeper can read at any moment, also after its death.

use crate::base::clock;
use rustix::{
    fd::AsFd as _,
    fs::{MemfdFlags, memfd_create},
    process,
};
use std::{fs::File, io, os::unix::fs::FileExt as _, process::Stdio, sync::Arc, time::Duration};

/// Two numbers, then a name padded with zeros.
const SIZE: usize = 96;
const NAME: usize = SIZE - 16;
/// How late a sampler may be for its next sweep: a machine may be busy; a stopped process is later.
const LATE: Duration = Duration::from_secs(5);
/// Starting the process.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The file; a process that nobody watches has none.
#[derive(Debug, Clone)]
pub(super) struct Progress(Option<Arc<File>>);

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doing {
    /// When the step began or begins, µs of `CLOCK_MONOTONIC`.
    since_us: u64,
    /// µs it may take.
    limit_us: u64,
    /// The call; empty between sweeps and before the first.
    pub(super) call: String,
}

impl Doing {
    /// Whether the step takes longer than it may.
    pub(super) const fn overdue(&self, now_us: u64) -> bool {
        now_us > self.since_us.saturating_add(self.limit_us)
    }
}

impl Progress {
    /// A new one, for a process that is about to start.
    pub(super) fn new() -> io::Result<Self> {
        let progress = Self(Some(Arc::new(memfd_create("sampler", MemfdFlags::CLOEXEC)?.into())));
        progress.put(clock::monotonic_us(), START_LIMIT, "");
        Ok(progress)
    }

    /// The one this process was given as its stdin.
    pub(super) fn of_worker() -> Self {
        let stdin = rustix::io::fcntl_dupfd_cloexec(io::stdin().as_fd(), 3);
        Self(stdin.ok().map(|fd| Arc::new(fd.into())))
    }

    /// As the stdin of the process.
    pub(super) fn stdin(&self) -> io::Result<Stdio> {
        self.0.as_ref().map_or_else(|| Ok(Stdio::null()), |file| Ok(file.try_clone()?.into()))
    }

    /// `call` begins now.
    pub(super) fn calling(&self, call: &str, limit: Duration) {
        self.put(clock::monotonic_us(), limit, call);
    }

    /// Frames are handed over, for as long as that takes.
    pub(super) fn writing(&self) {
        self.put(0, Duration::MAX, "");
    }

    /// Nothing until that moment.
    pub(super) fn idle(&self, until_us: u64) {
        self.put(until_us, LATE, "");
    }

    fn put(&self, since_us: u64, limit: Duration, call: &str) {
        let Some(file) = &self.0 else { return };
        let limit_us = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        let mut record = Vec::with_capacity(SIZE);
        record.extend(since_us.to_le_bytes());
        record.extend(limit_us.to_le_bytes());
        record.extend(call.bytes().take(NAME));
        record.resize(SIZE, 0);
        // A foreign stdin takes no writes: then nobody watches.
        let _ = file.write_all_at(&record, 0);
    }

    /// What it says now.
    pub(super) fn doing(&self) -> Option<Doing> {
        let mut record = [0; SIZE];
        self.0.as_ref()?.read_exact_at(&mut record, 0).ok()?;
        let (since, rest) = record.split_first_chunk()?;
        let (limit, name) = rest.split_first_chunk()?;
        let name: Vec<u8> = name.iter().copied().take_while(|byte| *byte != 0).collect();
        Some(Doing {
            since_us: u64::from_le_bytes(*since),
            limit_us: u64::from_le_bytes(*limit),
            call: String::from_utf8_lossy(&name).into_owned(),
        })
    }
}

/// Ends this process when the thread that started it does.
pub(super) fn end_with_parent() {
    let _ = process::set_parent_process_death_signal(Some(process::Signal::KILL));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_can_be_read_and_is_overdue_after_its_limit() {
        let progress = Progress::new().expect("makes a file");
        progress.calling("rsmi_init", Duration::from_secs(2));
        let doing = progress.doing().expect("was written");
        assert_eq!(doing.call, "rsmi_init");
        assert!(!doing.overdue(doing.since_us + 2_000_000) && doing.overdue(doing.since_us + 2_000_001));
        progress.idle(7_000_000);
        let doing = progress.doing().expect("was written");
        assert!(doing.call.is_empty() && !doing.overdue(7_000_000) && doing.overdue(7_000_000 + 5_000_001));
        progress.writing();
        assert!(!progress.doing().expect("was written").overdue(u64::MAX - 1));
    }

    #[test]
    fn a_name_that_is_too_long_is_cut_and_leaves_nothing_behind() {
        let progress = Progress::new().expect("makes a file");
        progress.calling(&"x".repeat(500), Duration::ZERO);
        assert_eq!(progress.doing().expect("was written").call.len(), NAME);
        progress.calling("y", Duration::ZERO);
        assert_eq!(progress.doing().expect("was written").call, "y");
    }
}
