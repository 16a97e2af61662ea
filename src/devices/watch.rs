//! What a face holds of a node: every feed it chose, running until it is dropped.

use super::{
    frame::{Frame, Group},
    record::Recording,
    source::{Feed, Next},
    sources::replay::Replay,
    worker::{
        Only,
        keeper::{Keeper, Program},
    },
};
use crate::{
    base::{Problem, clock},
    said,
};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    fd::OwnedFd,
};
use std::{io, path::PathBuf, sync::Arc, thread::JoinHandle, time::Duration};

/// Where readings come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Choice {
    /// Whatever this node offers.
    #[default]
    Auto,
    /// `librocm_smi64` (and `libhydmi`) alone.
    Rocm,
    /// Files below `/sys` alone.
    Sysfs,
    /// A recording, so many times as fast as it was made.
    Replay {
        /// The recording.
        file: PathBuf,
        /// 1 as it was.
        speed: f64,
    },
}

impl Choice {
    /// Whether the readings are of this node and of now.
    #[must_use]
    pub const fn live(&self) -> bool {
        !matches!(self, Self::Replay { .. })
    }
}

/// Takes frames, in the thread of whoever sends them.
pub type Take = Arc<dyn Fn(Group, Frame) + Send + Sync>;

/// Feeds of one node; they end when it is dropped.
pub struct Watch {
    /// Name of the node.
    pub node: String,
    /// The groups that will send something.
    pub groups: Vec<Group>,
    keepers: Vec<Keeper>,
    threads: Vec<FeedThread>,
}

impl Watch {
    /// Starts what `choice` names. `program` starts this program, for samplers in a process of their own.
    ///
    /// # Errors
    /// When a recording cannot be read, or the system gives no process or thread.
    pub fn start(choice: &Choice, program: &Program, take: &Take) -> Result<Self, Problem> {
        let mut watch = Self { node: clock::host(), groups: Vec::new(), keepers: Vec::new(), threads: Vec::new() };
        let started = match choice {
            Choice::Auto => watch.keep(Group::Dcu, Only::All, program, take),
            Choice::Rocm => watch.keep(Group::Dcu, Only::Library, program, take),
            Choice::Sysfs => watch.keep(Group::Dcu, Only::Sysfs, program, take),
            Choice::Replay { file, speed } => {
                let recording = Recording::open(file)?;
                recording.host().clone_into(&mut watch.node);
                let (mut replay, take) = (Replay::new(recording, *speed), Arc::clone(take));
                watch.groups.extend(replay.first());
                watch.run(move || {
                    let mut out = Vec::new();
                    let next = replay.step(&mut out);
                    for (group, frame) in out {
                        take(group, frame);
                    }
                    next.map_or(Next::End, Next::At)
                })
            }
        };
        started.map_err(|error| Problem::failed("devices.start", said!("no sampler can be started: {error}", "无法启动采样：{error}")))?;
        Ok(watch)
    }

    /// A sampler in a process of its own.
    fn keep(&mut self, group: Group, only: Only, program: &Program, take: &Take) -> io::Result<()> {
        let take = Arc::clone(take);
        self.keepers.push(Keeper::start(Arc::clone(program), group, only, move |frame| take(group, frame))?);
        self.groups.push(group);
        Ok(())
    }

    /// A feed in a thread of this process: for what neither blocks nor dies.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn feed(&mut self, group: Group, mut feed: impl Feed + 'static, take: &Take) -> io::Result<()> {
        let take = Arc::clone(take);
        self.groups.push(group);
        self.run(move || {
            let mut out = Vec::new();
            let next = feed.step(&mut out);
            for frame in out {
                take(group, frame);
            }
            next
        })
    }

    fn run(&mut self, step: impl FnMut() -> Next + Send + 'static) -> io::Result<()> {
        self.threads.push(FeedThread::start(step)?);
        Ok(())
    }
}

/// A thread that steps a feed.
struct FeedThread {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl FeedThread {
    fn start(mut sweep: impl FnMut() -> Next + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("devices".to_owned()).spawn(move || {
            while let Next::At(at_us) = sweep() {
                let left = Duration::from_micros(at_us.saturating_sub(clock::monotonic_us()));
                let mut descriptors = [PollFd::new(&*stopped, PollFlags::IN)];
                let _ = poll(&mut descriptors, Timespec::try_from(left).ok().as_ref());
                if descriptors.iter().any(|descriptor| !descriptor.revents().is_empty()) {
                    return;
                }
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for FeedThread {
    fn drop(&mut self) {
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
