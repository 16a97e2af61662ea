//! A job as its folder shows it: state from files and `/proc`, never from memory, so that any face sees the same.

use super::{EXIT, Identity, JobError, LOG, PROBLEM, SHIM, SPEC, STOP, Spec, folder::Changes, process::descendants};
use crate::{
    base::{Problem, Text, clean, clock},
    workspace::{Workspace, state_dir, write_whole},
};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

/// A job without `shim.json` that is older than this never started.
const STARTS_WITHIN: Duration = Duration::from_mins(1);
/// How often a job that is starting, or lives on another host, is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How much of a log's end is looked at.
const LAST_BYTES: u64 = 8 << 10;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its folder is there, its program not yet.
    Starting,
    /// Its program runs. Also when its shim was killed and the program goes on ([`Job::supervised`] tells): it can be watched
    /// and stopped, but how it ends nobody will know.
    Running,
    /// Asked to stop, still there.
    Stopping,
    /// Ended by itself with status 0, or because it was asked to.
    Exited,
    /// Ended with another status, by a signal, or never started.
    Failed,
    /// Neither its shim nor its program is there, and nobody wrote how it ended: killed by -9, out of memory, a reboot.
    Lost,
}

impl State {
    /// Nothing of it runs any more.
    #[must_use]
    pub const fn ended(self) -> bool {
        matches!(self, Self::Exited | Self::Failed | Self::Lost)
    }

    /// The word scripts read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.text().en
    }

    /// The word a person reads.
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::Starting => Text { en: "starting", zh: "启动中" },
            Self::Running => Text { en: "running", zh: "运行中" },
            Self::Stopping => Text { en: "stopping", zh: "停止中" },
            Self::Exited => Text { en: "exited", zh: "已结束" },
            Self::Failed => Text { en: "failed", zh: "失败" },
            Self::Lost => Text { en: "lost", zh: "失联" },
        }
    }
}

/// `exit.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exit {
    /// Exit status of the program; `None` when a signal ended it or it never started.
    pub code: Option<i32>,
    /// Signal that ended it.
    pub signal: Option<i32>,
    /// When, RFC 3339 UTC.
    pub at: String,
    /// It had been asked to stop.
    pub stopped: bool,
    /// Why it never started.
    pub error: Option<String>,
    /// Processes of it that not even SIGKILL ended (they hang in the kernel).
    pub left: Vec<i32>,
    /// What it and all its descendants used; `None` when it never started.
    pub rusage: Option<Usage>,
}

impl Exit {
    /// [`State::Exited`] or [`State::Failed`].
    #[must_use]
    pub fn state(&self) -> State {
        if self.error.is_none() && (self.code == Some(0) || self.stopped) { State::Exited } else { State::Failed }
    }
}

/// `getrusage(RUSAGE_CHILDREN)` of the shim.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time in programs, seconds.
    pub user_s: f64,
    /// CPU time in the kernel, seconds.
    pub system_s: f64,
    /// Largest resident set of any one of its processes, bytes.
    pub max_rss_bytes: u64,
}

/// `shim.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Processes {
    pub(super) shim: Identity,
    /// The program; it leads its own process group.
    pub(super) child: Identity,
    /// Host name: identities say nothing about processes of another host.
    pub(super) host: String,
    /// RFC 3339 UTC.
    pub(super) started_at: String,
    pub(super) stopping: bool,
}

/// `stop.json`: how long the shim waits between SIGTERM and SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StopWish {
    pub(super) grace_ms: u64,
}

/// One job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    dir: PathBuf,
    spec: Spec,
}

impl Job {
    /// The job in `dir`.
    ///
    /// # Errors
    /// When there is no readable `spec.json` in it.
    pub fn open(dir: &Path) -> Result<Self, JobError> {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
        let not_a_job = |found: String| JobError::NotAJob { dir: dir.clone(), found };
        let text = fs::read(dir.join(SPEC)).map_err(|error| not_a_job(format!("{SPEC}: {error}")))?;
        let spec = serde_json::from_slice(&text).map_err(|error| not_a_job(format!("{SPEC}: {error}")))?;
        Ok(Self { dir, spec })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.spec.id
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it was asked to be.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.dir.join(LOG)
    }

    /// Process id of its program, once it runs; of its host, see [`Job::host`].
    pub fn pid(&self) -> Option<i32> {
        self.processes().map(|processes| processes.child.pid)
    }

    /// Process id of its shim.
    pub fn shim_pid(&self) -> Option<i32> {
        self.processes().map(|processes| processes.shim.pid)
    }

    /// Host its program was started on.
    pub fn host(&self) -> Option<String> {
        self.processes().map(|processes| processes.host)
    }

    /// When its program was started, RFC 3339 UTC.
    pub fn started_at(&self) -> Option<String> {
        self.processes().map(|processes| processes.started_at)
    }

    /// How it ended, when that is known.
    pub fn exit(&self) -> Option<Exit> {
        read(&self.dir.join(EXIT))
    }

    /// Where it stands. A job of another host whose folder is shared cannot be looked at from here: it is what its files say.
    pub fn state(&self) -> State {
        if let Some(exit) = self.exit() {
            return exit.state();
        }
        let Some(processes) = self.processes() else {
            let age = fs::metadata(self.dir.join(SPEC))
                .and_then(|file| file.modified())
                .ok()
                .and_then(|at| SystemTime::now().duration_since(at).ok());
            return if age.is_some_and(|age| age > STARTS_WITHIN) { State::Lost } else { State::Starting };
        };
        if processes.elsewhere() || processes.shim.alive() || processes.child.alive() {
            return if processes.stopping { State::Stopping } else { State::Running };
        }
        // It may have ended between the first look and the second.
        self.exit().map_or(State::Lost, |exit| exit.state())
    }

    /// Why its worker could not do its work, if that is how it ended.
    pub fn problem(&self) -> Option<Problem> {
        serde_json::from_slice(&fs::read(self.dir.join(PROBLEM)).ok()?).ok()
    }

    /// Whether its shim lives: only then will its end be known and its descendants be cleaned up.
    pub fn supervised(&self) -> bool {
        self.processes().is_some_and(|processes| processes.elsewhere() || processes.shim.alive())
    }

    /// Asks it to stop: SIGTERM to its program's process group, after `grace` SIGKILL to whatever is left of it. Returns at
    /// once; [`Job::wait`] waits. Asked again, the earlier end counts. Without a shim nobody would come back with SIGKILL: a
    /// `grace` of zero sends it right away. A job that ended is left alone.
    ///
    /// # Errors
    /// When the wish cannot be written or the signal cannot be sent.
    pub fn stop(&self, grace: Duration) -> Result<(), JobError> {
        let Some(processes) = self.processes() else { return Ok(()) };
        let signal_error = |source| JobError::Signal { id: self.id().to_owned(), source };
        if processes.elsewhere() {
            return Err(signal_error(std::io::Error::other(format!("it runs on {}; stop it there", processes.host))));
        }
        let wish = StopWish { grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX) };
        let path = self.dir.join(STOP);
        write_json(&path, &wish).map_err(|source| JobError::File { path, source })?;
        if processes.shim.signal(Signal::TERM).map_err(signal_error)? {
            return Ok(());
        }
        if processes.child.alive()
            && let Some(group) = Pid::from_raw(processes.child.pid)
        {
            let signal = if grace.is_zero() { Signal::KILL } else { Signal::TERM };
            kill_process_group(group, signal).map_err(|error| signal_error(error.into()))?;
        }
        Ok(())
    }

    /// Waits until it ended, at most `timeout`, and returns its state then.
    pub fn wait(&self, timeout: Duration) -> State {
        let until = Instant::now() + timeout;
        loop {
            let state = self.state();
            let left = until.saturating_duration_since(Instant::now());
            if state.ended() || left.is_zero() {
                return state;
            }
            match self.processes().filter(|processes| !processes.elsewhere()) {
                Some(processes) if processes.shim.alive() => processes.shim.wait(left),
                Some(processes) => processes.child.wait(left),
                None => thread::sleep(left.min(LOOK_EVERY)),
            }
        }
    }

    /// Asks `look` until it answers, at most for `timeout`: at once when a file appears in the job's folder, and now and then
    /// otherwise.
    pub fn until<T>(&self, timeout: Duration, mut look: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let until = Instant::now() + timeout;
        // Watched before the first look: what happens in between is not missed.
        let changes = Changes::of(&self.dir);
        loop {
            if let Some(found) = look(self) {
                return Some(found);
            }
            if !changes.wait(until) {
                return look(self);
            }
        }
    }

    /// The last line of its log that says something, clean and at most 400 characters.
    pub fn last_words(&self) -> Option<String> {
        let mut log = fs::File::open(self.log()).ok()?;
        let length = log.metadata().ok()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(LAST_BYTES))).ok()?;
        let mut tail = Vec::new();
        log.take(LAST_BYTES).read_to_end(&mut tail).ok()?;
        let text = String::from_utf8_lossy(&tail);
        let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(clean(line.trim()).chars().take(400).collect())
    }

    fn processes(&self) -> Option<Processes> {
        read(&self.dir.join(SHIM))
    }
}

impl Processes {
    fn elsewhere(&self) -> bool {
        self.shim.boot_id != clock::boot_id() && self.host != clock::host()
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

pub(super) fn write_json(path: &Path, value: &impl Serialize) -> std::io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write_whole(path, &text)
}

/// All jobs of `workspace`, oldest first. Folders that hold no job are passed over.
pub fn list(workspace: &Workspace) -> Vec<Job> {
    let Ok(entries) = fs::read_dir(workspace.jobs()) else { return Vec::new() };
    let mut jobs: Vec<Job> = entries.flatten().filter_map(|entry| Job::open(&entry.path()).ok()).collect();
    jobs.sort_by(|a, b| (&a.spec.created_at, a.id()).cmp(&(&b.spec.created_at, b.id())));
    jobs
}

/// Live jobs of all workspaces of this user, oldest first, from `$XDG_STATE_HOME/dcudeck/jobs`. Entries of jobs that ended
/// without their shim are removed on the way.
pub fn live_everywhere() -> Vec<Job> {
    state_dir().map(|dir| live_in(&dir.join("jobs"))).unwrap_or_default()
}

/// Every process of every live job of this user on this host, with the job's id.
pub fn owners() -> BTreeMap<i32, String> {
    let here = crate::base::clock::host();
    let mut owners = BTreeMap::new();
    for job in live_everywhere().iter().filter(|job| job.host().as_ref() == Some(&here)) {
        let below = job.shim_pid().map(descendants).unwrap_or_default();
        owners.extend(below.into_iter().chain(job.pid()).map(|pid| (pid, job.id().to_owned())));
    }
    owners
}

fn live_in(register: &Path) -> Vec<Job> {
    let Ok(entries) = fs::read_dir(register) else { return Vec::new() };
    let mut jobs = Vec::new();
    for entry in entries.flatten() {
        let Ok(dir) = fs::read_to_string(entry.path()) else { continue };
        let Ok(job) = Job::open(Path::new(dir.trim_end_matches('\n'))) else { continue };
        if job.state().ended() {
            let _ = fs::remove_file(entry.path());
        } else {
            jobs.push(job);
        }
    }
    jobs.sort_by(|a, b| (&a.spec.created_at, a.id()).cmp(&(&b.spec.created_at, b.id())));
    jobs
}

#[cfg(test)]
mod tests;
