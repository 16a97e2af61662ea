//! Waiting for something to happen in a job's folder.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    fs::inotify::{self, CreateFlags, WatchFlags},
};
use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// A killed process leaves no trace in a folder, and a network file system tells nobody what others did: the caller looks
/// again at least this often.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Files that appear in a folder wake whoever waits. Without inotify (too many watches) the caller is woken by the clock alone.
pub(super) struct Changes(Option<OwnedFd>);

impl Changes {
    /// From now on, files made in `dir` or renamed into it.
    pub(super) fn of(dir: &Path) -> Self {
        let watch = || -> rustix::io::Result<OwnedFd> {
            let changes = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            inotify::add_watch(&changes, dir, WatchFlags::CREATE | WatchFlags::MOVED_TO)?;
            Ok(changes)
        };
        Self(watch().ok())
    }

    /// Sleeps until something may have happened; `false` when `until` has passed.
    pub(super) fn wait(&self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let nap = left.min(LOOK_EVERY);
        if let Some(changes) = &self.0 {
            let limit = Timespec::try_from(nap).ok();
            let _ = poll(&mut [PollFd::new(changes, PollFlags::IN)], limit.as_ref());
            // The caller looks afresh; the events only woke it.
            let _ = rustix::io::read(changes, &mut [0_u8; 4096]);
        } else {
            thread::sleep(nap);
        }
        true
    }
}
