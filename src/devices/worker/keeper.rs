//! The face's side of a sampler's process: starts it, takes its frames, ends it when a call takes too long, starts it again.
//!
//! A process that dies in a call is started again without that call; one that hung in a call twice as well. Between starts it
//! waits longer each time, up to a minute. Nothing of this blocks the face: the keeper is a thread of its own.

use super::{KIND, Only, Orders, progress::Progress};
use crate::{
    base::{clean, clock},
    devices::{Frame, Group, Trouble},
    said,
};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    fd::{AsFd, OwnedFd},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How often the progress of a silent sampler is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between a death and the next start: first and longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// A process that ran this long starts the waiting over.
const RAN_WELL: Duration = Duration::from_mins(1);
/// After a sampler said that there is nothing for it here.
const NOTHING_HERE: Duration = Duration::from_mins(1);
/// Times a call may hang before it is left out.
const HANGS: u32 = 2;
/// Longest line taken; no honest frame comes near it.
const LINE: usize = 8 << 20;
/// Lines of its stderr that are told, and their length.
const SAID: (usize, usize) = (20, 300);
/// Opening the library is not a call that can be left out.
const NEVER_LEFT_OUT: &[&str] = &["rsmi_init", "nvmlInit"];

/// Makes the command that starts this very program.
pub type Program = Arc<dyn Fn() -> Command + Send + Sync>;

/// Keeps one sampler running until it is dropped.
pub struct Keeper {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts a sampler of `group`; its frames go to `take`, in the keeper's thread.
    ///
    /// # Errors
    /// When the system gives no descriptor or no thread.
    pub fn start(program: Program, group: Group, only: Only, mut take: impl FnMut(Frame) + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let orders = Orders { group, only, without: BTreeSet::new() };
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name(format!("{} sampler", group.word())).spawn(move || {
            keep(&program, orders, &stopped, &mut take);
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How one sampler's process ended.
enum Ended {
    /// The keeper was told to stop.
    Stopped,
    /// It said that there is nothing to do.
    Done,
    /// It died: status, and the call it was in.
    Died(ExitStatus, String),
    /// It was ended because a call, or the next sweep when that is empty, took too long.
    Hung(String),
    /// It could not be started.
    NotStarted(io::Error),
}

fn keep(program: &Program, mut orders: Orders, stop: &OwnedFd, take: &mut dyn FnMut(Frame)) {
    let mut wait = BACK_OFF.0;
    let mut hangs: BTreeMap<String, u32> = BTreeMap::new();
    loop {
        let began = Instant::now();
        let ended = one(program, &orders, stop, take);
        if began.elapsed() >= RAN_WELL {
            wait = BACK_OFF.0;
        }
        let mut pause = wait;
        let mut leave_out = |call: &str| {
            let may = !call.is_empty() && !NEVER_LEFT_OUT.contains(&call);
            if may {
                orders.without.insert(call.to_owned());
            }
            may
        };
        let name = orders.group.word();
        let seconds = wait.as_secs();
        match ended {
            Ended::Stopped => return,
            Ended::Done => pause = NOTHING_HERE,
            Ended::Died(status, call) => {
                let how = how(status);
                // A death by someone's kill is no fault of the call.
                let faulty = matches!(status.signal(), Some(libc::SIGABRT | libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE));
                let said = if faulty && leave_out(&call) {
                    said!(
                        "the {name} sampler ended in {call} ({how}); starting again without it in {seconds} s",
                        "{name} 采样进程在 {call} 中终止（{how}）；{seconds} 秒后重启，不再调用它"
                    )
                } else {
                    said!(
                        "the {name} sampler ended ({how}); starting again in {seconds} s",
                        "{name} 采样进程终止（{how}）；{seconds} 秒后重启"
                    )
                };
                take(Frame::Trouble(Trouble::new("sampler.died", said)));
            }
            Ended::Hung(call) => {
                let times = hangs.entry(call.clone()).or_insert(0);
                *times += 1;
                let said = if *times >= HANGS && leave_out(&call) {
                    said!(
                        "{call} hung again; starting the {name} sampler without it in {seconds} s",
                        "{call} 再次卡住；{seconds} 秒后重启 {name} 采样进程，不再调用它"
                    )
                } else if call.is_empty() {
                    said!("the {name} sampler did not go on; starting again in {seconds} s", "{name} 采样进程停滞；{seconds} 秒后重启")
                } else {
                    said!(
                        "{call} hangs; starting the {name} sampler again in {seconds} s",
                        "{call} 卡住；{seconds} 秒后重启 {name} 采样进程"
                    )
                };
                take(Frame::Trouble(Trouble::new("sampler.hung", said)));
            }
            Ended::NotStarted(error) => {
                let said = said!("the {name} sampler cannot be started: {error}", "无法启动 {name} 采样进程：{error}");
                take(Frame::Trouble(Trouble::new("sampler.start", said)));
            }
        }
        wait = (wait * 2).min(BACK_OFF.1);
        if told_to_stop(stop, pause) {
            return;
        }
    }
}

fn how(status: ExitStatus) -> String {
    status.signal().map_or_else(|| format!("exit {}", status.code().unwrap_or(-1)), |signal| format!("signal {signal}"))
}

/// Waits for `limit` or the word to stop.
fn told_to_stop(stop: &OwnedFd, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let mut descriptors = [PollFd::new(stop, PollFlags::IN)];
        let _ = poll(&mut descriptors, Timespec::try_from(left).ok().as_ref());
        if descriptors.iter().any(|descriptor| !descriptor.revents().is_empty()) {
            return true;
        }
        if left.is_zero() {
            return false;
        }
    }
}

/// A process that is ended when it goes out of scope.
struct Running(Child);

impl Running {
    fn end(&mut self) -> Option<ExitStatus> {
        let _ = self.0.kill();
        self.0.wait().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn one(program: &Program, orders: &Orders, stop: &OwnedFd, take: &mut dyn FnMut(Frame)) -> Ended {
    let started = (|| {
        let progress = Progress::new()?;
        let mut command = program();
        command.arg("__worker").arg(KIND).args(orders.arguments());
        // A group of its own: ctrl-C and ctrl-Z are the face's.
        command.stdin(progress.stdin()?).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        Ok((Running(command.spawn()?), progress))
    })();
    let (mut running, progress) = match started {
        Ok(started) => started,
        Err(error) => return Ended::NotStarted(error),
    };
    let (Some(mut frames), Some(mut words)) = (running.0.stdout.take(), running.0.stderr.take()) else {
        return Ended::NotStarted(io::ErrorKind::BrokenPipe.into());
    };
    let (mut lines, mut said) = (Lines::default(), Said::default());
    let mut words_open = true;
    let limit = Timespec::try_from(LOOK_EVERY).ok();
    loop {
        let [stopped, readable, spoken] = wait(stop, &frames, words_open.then_some(&words), limit.as_ref());
        if stopped {
            return Ended::Stopped;
        }
        if spoken {
            words_open = said.more(&mut words, take);
        }
        if readable {
            match lines.more(&mut frames, take) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(()) => {
                    let said = said!("the sampler wrote what is no frame", "采样进程的输出无法识别");
                    take(Frame::Trouble(Trouble::new("sampler.garbage", said)));
                }
            }
            // Its end, or what it says cannot be read: the call it was in is still in the file.
            let call = progress.doing().map(|doing| doing.call).unwrap_or_default();
            let status = if lines.broken { running.end() } else { running.0.wait().ok() };
            // What it said last explains the most.
            while words_open {
                words_open = said.more(&mut words, take);
            }
            return match status {
                Some(status) if status.success() => Ended::Done,
                Some(status) => Ended::Died(status, call),
                None => Ended::NotStarted(io::ErrorKind::NotFound.into()),
            };
        }
        if let Some(doing) = progress.doing().filter(|doing| doing.overdue(clock::monotonic_us())) {
            running.end();
            return Ended::Hung(doing.call);
        }
    }
}

/// Which of the three have something to say.
fn wait(stop: &OwnedFd, frames: &impl AsFd, words: Option<&impl AsFd>, limit: Option<&Timespec>) -> [bool; 3] {
    let mut all = vec![PollFd::new(stop, PollFlags::IN), PollFd::new(frames, PollFlags::IN)];
    all.extend(words.map(|words| PollFd::new(words, PollFlags::IN)));
    let _ = poll(&mut all, limit);
    let any = |k: usize| all.get(k).is_some_and(|descriptor| !descriptor.revents().is_empty());
    [any(0), any(1), any(2)]
}

/// Frames out of the pipe.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    broken: bool,
}

impl Lines {
    /// Takes what is there; `false` at the end, `Err` for what is no frame.
    fn more(&mut self, pipe: &mut impl Read, take: &mut dyn FnMut(Frame)) -> Result<bool, ()> {
        let mut buffer = [0; 16_384];
        let read = match pipe.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(_) => return Ok(false),
        };
        self.rest.extend_from_slice(buffer.get(..read).unwrap_or_default());
        while let Some(end) = memchr::memchr(b'\n', &self.rest) {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(frame) => take(frame),
                Err(_) => return self.give_up(),
            }
        }
        if self.rest.len() > LINE { self.give_up() } else { Ok(true) }
    }

    fn give_up(&mut self) -> Result<bool, ()> {
        self.broken = true;
        Err(())
    }
}

/// Lines a library printed, each told once.
#[derive(Default)]
struct Said {
    rest: Vec<u8>,
    told: BTreeSet<String>,
}

impl Said {
    /// Takes what is there; `false` at the end.
    fn more(&mut self, pipe: &mut impl Read, take: &mut dyn FnMut(Frame)) -> bool {
        let mut buffer = [0; 4096];
        let Ok(read @ 1..) = pipe.read(&mut buffer) else { return false };
        for byte in buffer.iter().take(read) {
            match byte {
                b'\n' => self.tell(take),
                _ if self.rest.len() < SAID.1 => self.rest.push(*byte),
                _ => {}
            }
        }
        true
    }

    fn tell(&mut self, take: &mut dyn FnMut(Frame)) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned();
        let line = clean(line.trim()).into_owned();
        if !line.is_empty() && self.told.len() < SAID.0 && self.told.insert(line.clone()) {
            take(Frame::Trouble(Trouble::new("sampler.said", crate::base::Said::same(line))));
        }
    }
}

#[cfg(test)]
mod tests;
