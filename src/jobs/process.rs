//! Processes by identity: a process id alone may name another process tomorrow.

use crate::base::clock;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    io::Errno,
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io, thread,
    time::{Duration, Instant},
};

/// How often a process is looked at where the kernel has no pidfd (before 5.3).
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One process of one boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Process id.
    pub pid: i32,
    /// Clock ticks from boot to its start, field 22 of `/proc/PID/stat` (`proc_pid_stat(5)`).
    pub start_time: u64,
    /// The kernel's boot id.
    pub boot_id: String,
}

impl Identity {
    /// The process that has `pid` now; `None` when there is none.
    pub(super) fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, start_time: Stat::of(pid)?.start_time, boot_id: clock::boot_id() })
    }

    /// This process.
    pub(super) fn own() -> Option<Self> {
        Self::of(rustix::process::getpid().as_raw_nonzero().get())
    }

    /// Whether it still runs; a zombie does not.
    pub(super) fn alive(&self) -> bool {
        self.boot_id == clock::boot_id() && Stat::of(self.pid).is_some_and(|stat| stat.start_time == self.start_time && !stat.dead())
    }

    /// Signals it and nobody else; `false` when it is gone.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<bool> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(false) };
        // The descriptor is opened before the identity is checked: what is checked is what is signalled.
        let descriptor = pidfd_open(pid, PidfdFlags::empty());
        if !self.alive() {
            return Ok(false);
        }
        let sent = match descriptor {
            Ok(descriptor) => pidfd_send_signal(&descriptor, signal),
            Err(Errno::NOSYS) => kill_process(pid, signal),
            Err(error) => Err(error),
        };
        match sent {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until it is gone, at most `limit`.
    pub(super) fn wait(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let descriptor: Option<OwnedFd> = Pid::from_raw(self.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        while self.alive() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            match &descriptor {
                Some(descriptor) => {
                    let limit = Timespec::try_from(left).ok();
                    let _ = poll(&mut [PollFd::new(descriptor, PollFlags::IN)], limit.as_ref());
                }
                None => thread::sleep(left.min(LOOK_EVERY)),
            }
        }
    }
}

/// What `/proc/PID/stat` says.
pub(super) struct Stat {
    state: char,
    parent: i32,
    start_time: u64,
}

impl Stat {
    pub(super) fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The command name in parentheses may itself hold blanks and parentheses: the last one closes it.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let start_time = fields.nth(17)?.parse().ok()?;
        Some(Self { state, parent, start_time })
    }

    fn dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// Every live process below `ancestor`, however deep, itself not among them.
pub(super) fn descendants(ancestor: i32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        if let Some(stat) = Stat::of(pid).filter(|stat| !stat.dead()) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![ancestor];
    while let Some(parent) = next.pop() {
        if let Some(below) = children.remove(&parent) {
            found.extend_from_slice(&below);
            next.extend(below);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_parentheses_does_not_shift_the_fields() {
        let line = "42 (a) S (b) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 991199 1 2 3";
        let stat = Stat::parse(line).expect("parses");
        assert_eq!((stat.state, stat.parent, stat.start_time), ('S', 7, 991_199));
    }

    #[test]
    fn a_process_of_another_start_or_boot_is_not_this_one() {
        let own = Identity::own().expect("we run");
        assert!(own.alive());
        let later = Identity { start_time: own.start_time + 1, ..own.clone() };
        assert!(!later.alive() && !later.signal(Signal::KILL).expect("nothing is sent"));
        let rebooted = Identity { boot_id: "another".to_owned(), ..own };
        assert!(!rebooted.alive() && !rebooted.signal(Signal::KILL).expect("nothing is sent"));
    }
}
