//! The shim: one small process per job that owns the log, reaps every descendant and writes how it ended.
//!
//! No async runtime and one thread: it sleeps in `poll` on a signal descriptor and on nothing else.

use super::{
    EXIT, Exit, Identity, Job, LOG, SHIM, STOP, Usage,
    job::{Processes, StopWish, write_json},
    process::{Stat, descendants},
    start::{command, program_name},
};
use crate::{
    base::clock,
    workspace::{state_dir, write_whole},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, FromRawFd as _, OwnedFd},
    io::Errno,
    process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, set_child_subreaper, setsid},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

/// Between SIGTERM and SIGKILL when no `stop.json` says otherwise.
const GRACE: Duration = Duration::from_secs(10);
/// The same for what the program left behind when it ended.
const REST_GRACE: Duration = Duration::from_secs(2);
/// How often SIGKILL is repeated: a process may have been forking.
const KILL_EVERY: Duration = Duration::from_millis(50);
/// After so long under SIGKILL a process hangs in the kernel; the end is written without it.
const GIVE_UP: Duration = Duration::from_secs(10);

/// What the shim tells the starter on its stdout, one line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub(super) enum Report {
    /// The program runs and the job's files say so.
    Running,
    /// It does not.
    Failed {
        /// What the system says.
        reason: String,
    },
}

/// Runs the job in `dir` to its end: the body of `dcudeck __job DIR`.
pub fn run(dir: &Path) -> ExitCode {
    // Failing means to lead a session already, which is what is wanted.
    let _ = setsid();
    match watch_over(dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&Report::Failed { reason: error.to_string() });
            let _ = writeln!(io::stderr(), "dcudeck: {error}");
            ExitCode::FAILURE
        }
    }
}

fn watch_over(dir: &Path) -> io::Result<()> {
    let job = Job::open(dir).map_err(io::Error::other)?;
    let log = File::options().append(true).create(true).mode(0o600).open(dir.join(LOG))?;
    rustix::stdio::dup2_stderr(&log)?;
    set_child_subreaper(Some(rustix::process::getpid()))?;
    let signals = Signals::take()?;

    let spawned = command(job.dir(), job.spec())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the argument list is empty"))
        .and_then(|mut command| {
            with_default_signals(&mut command);
            command.process_group(0).stdin(File::open("/dev/null")?).stdout(log.try_clone()?).stderr(log).spawn()
        });
    let child = match spawned {
        Ok(child) => i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("a process id out of range"))?,
        Err(error) => {
            let reason = explain(&error, job.spec());
            let exit = Exit {
                code: None,
                signal: None,
                at: clock::now_rfc3339(),
                stopped: false,
                error: Some(reason.clone()),
                left: Vec::new(),
                rusage: None,
            };
            write_json(&job.dir().join(EXIT), &exit)?;
            let _ = writeln!(io::stderr(), "dcudeck: {} cannot be started: {reason}", program_name(job.spec()));
            report(&Report::Failed { reason });
            return Ok(());
        }
    };
    let mut watch = Watch { job: &job, signals, child, end: None, stopping: false, kill_at: None, killed_from: None };
    let registered = match watch.settle_in() {
        Ok(registered) => registered,
        Err(error) => {
            // Nobody could find it or stop it: better not to run at all.
            watch.kill_at = Some(Instant::now());
            watch.until_nothing_is_left();
            return Err(error);
        }
    };
    report(&Report::Running);
    rustix::stdio::dup2_stdout(File::open("/dev/null")?)?;
    let left = watch.until_nothing_is_left();
    let exit = Exit {
        code: watch.end.and_then(WaitStatus::exit_status),
        signal: watch.end.and_then(WaitStatus::terminating_signal),
        at: clock::now_rfc3339(),
        stopped: watch.stopping,
        error: None,
        left,
        rusage: Some(usage_of_children()),
    };
    let written = write_json(&job.dir().join(EXIT), &exit);
    if let Some(path) = registered {
        let _ = fs::remove_file(path);
    }
    written
}

/// One job being watched over.
struct Watch<'a> {
    job: &'a Job,
    signals: Signals,
    child: Pid,
    /// How the program ended, once it has.
    end: Option<WaitStatus>,
    stopping: bool,
    /// When whatever is left is killed.
    kill_at: Option<Instant>,
    killed_from: Option<Instant>,
}

impl Watch<'_> {
    /// Writes down who runs and where, and returns the entry in the user's list of live jobs.
    fn settle_in(&self) -> io::Result<Option<PathBuf>> {
        self.write_processes()?;
        let Ok(state) = state_dir() else { return Ok(None) };
        let path = state.join("jobs").join(self.job.id());
        // A home that cannot be written keeps no job from running; it is only not listed for other workspaces.
        match write_whole(&path, &[self.job.dir().as_os_str().as_bytes(), b"\n"].concat()) {
            Ok(()) => Ok(Some(path)),
            Err(error) => {
                let _ = writeln!(io::stderr(), "dcudeck: not listed among live jobs: {}: {error}", path.display());
                Ok(None)
            }
        }
    }

    fn write_processes(&self) -> io::Result<()> {
        let pid = self.child.as_raw_nonzero().get();
        // A child that ended already is a zombie until it is reaped below, so it still has a start time.
        let child = Identity::of(pid).ok_or_else(|| io::Error::other("the program vanished"))?;
        let shim = Identity::own().ok_or_else(|| io::Error::other("/proc cannot be read"))?;
        let started_at = self.job.started_at().unwrap_or_else(clock::now_rfc3339);
        let processes = Processes { shim, child, host: clock::host(), started_at, stopping: self.stopping };
        write_json(&self.job.dir().join(SHIM), &processes)
    }

    /// Waits for the program and all it left behind; returns what even SIGKILL did not end.
    fn until_nothing_is_left(&mut self) -> Vec<i32> {
        loop {
            if self.reap() {
                return Vec::new();
            }
            let now = Instant::now();
            let mut wake = self.kill_at;
            if self.kill_at.is_some_and(|at| at <= now) {
                let from = *self.killed_from.get_or_insert(now);
                let left = descendants(own_pid());
                if now.duration_since(from) > GIVE_UP {
                    return left;
                }
                signal_all(&left, Signal::KILL);
                wake = Some(now + KILL_EVERY);
            }
            if self.signals.wait(wake) {
                self.stop();
            }
        }
    }

    /// Takes the exit status of everybody that ended; `true` when nobody is left. What the program leaves behind is ended with it.
    fn reap(&mut self) -> bool {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.child => {
                    self.end = Some(status);
                    signal_all(&descendants(own_pid()), Signal::TERM);
                    self.kill_within(REST_GRACE);
                }
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    }

    /// SIGTERM came: passed on to the program's group, SIGKILL follows after the grace.
    fn stop(&mut self) {
        let wish: Option<StopWish> = fs::read(self.job.dir().join(STOP)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        self.kill_within(wish.map_or(GRACE, |wish| Duration::from_millis(wish.grace_ms)));
        if !self.stopping {
            self.stopping = true;
            if Stat::of(self.child.as_raw_nonzero().get()).is_some()
                && let Err(error) = self.write_processes()
            {
                let _ = writeln!(io::stderr(), "dcudeck: {SHIM}: {error}");
            }
        }
        if self.end.is_none() {
            // Not yet reaped, so the number is still this group's. A stopped process would never see SIGTERM.
            let _ = kill_process_group(self.child, Signal::TERM);
            let _ = kill_process_group(self.child, Signal::CONT);
        }
    }

    fn kill_within(&mut self, grace: Duration) {
        let at = Instant::now() + grace;
        self.kill_at = Some(self.kill_at.map_or(at, |earlier| earlier.min(at)));
    }
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// Only for descendants: until this process reaps them, their numbers are theirs.
fn signal_all(pids: &[i32], signal: Signal) {
    for pid in pids.iter().copied().filter_map(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn report(report: &Report) {
    if let Ok(mut line) = serde_json::to_vec(report) {
        line.push(b'\n');
        // The starter may be gone; the job is not its own any more.
        let _ = io::stdout().write_all(&line);
        let _ = io::stdout().flush();
    }
}

/// `No such file or directory` may be about the program or the folder.
fn explain(error: &io::Error, spec: &super::Spec) -> String {
    if spec.cwd.is_dir() { error.to_string() } else { format!("{error} (the folder to run in, {}, is not there)", spec.cwd.display()) }
}

/// A program starts with the signal mask and the ignored signals of whoever starts it: neither this shim's blocked ones nor
/// what a `nohup` or a background shell before it ignored may make a job deaf.
fn with_default_signals(command: &mut Command) {
    // SAFETY: the closure runs between fork and exec, touches only its own stack and calls only sigemptyset, pthread_sigmask
    // and signal, which are safe there (signal-safety(7)).
    unsafe {
        command.pre_exec(|| {
            for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGCHLD] {
                libc::signal(signal, libc::SIG_DFL);
            }
            let mut none = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&raw mut none);
            match libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) {
                0 => Ok(()),
                error => Err(io::Error::from_raw_os_error(error)),
            }
        });
    }
}

/// SIGTERM, SIGINT and SIGCHLD as a descriptor; SIGHUP with them, so that it does nothing.
struct Signals(OwnedFd);

impl Signals {
    fn take() -> io::Result<Self> {
        // SAFETY: the set is initialised by sigemptyset before anything reads it, every pointer is to it or null,
        // and the descriptor is checked before it is owned, by nobody else.
        let descriptor = unsafe {
            let mut set = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&raw mut set);
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD] {
                libc::sigaddset(&raw mut set, signal);
            }
            let failed = libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            if failed != 0 {
                return Err(io::Error::from_raw_os_error(failed));
            }
            let descriptor = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if descriptor < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(descriptor)
        };
        Ok(Self(descriptor))
    }

    /// Sleeps until a signal or `wake`; `true` when one asked to stop.
    fn wait(&self, wake: Option<Instant>) -> bool {
        let limit = wake.and_then(|at| Timespec::try_from(at.saturating_duration_since(Instant::now())).ok());
        let _ = poll(&mut [PollFd::new(&self.0.as_fd(), PollFlags::IN)], limit.as_ref());
        let mut stop = false;
        // One record at a time: `ssi_signo` is its first field (signalfd(2)).
        let mut record = [0_u8; size_of::<libc::signalfd_siginfo>()];
        while rustix::io::read(&self.0, &mut record).is_ok_and(|read| read == record.len()) {
            let number = record.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
            stop |= matches!(number, libc::SIGTERM | libc::SIGINT);
        }
        stop
    }
}

fn usage_of_children() -> Usage {
    // SAFETY: rusage is plain integers, for which zero is a value; the call fills it or fails.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Usage {
        user_s: seconds(usage.ru_utime),
        system_s: seconds(usage.ru_stime),
        // Linux counts kilobytes (getrusage(2)).
        max_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    }
}
