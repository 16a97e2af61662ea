//! `dcudeck devices`: every card of the node, once or again and again, and recordings.

mod document;
mod table;

use super::{
    args::{Devices, DevicesCommand, SourceFlags},
    out::{Ended, Out},
};
use crate::{
    base::{Exit, Problem, clock},
    devices::{
        Frame, Group, Node,
        record::Recorder,
        watch::{Choice, Take, Watch},
        worker::keeper::Program,
    },
    jobs, said,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

/// What a first picture may take: opening a vendor's library while another process holds it, and timing slow calls.
const FIRST_WITHIN: Duration = Duration::from_secs(20);

pub(super) fn run(command: Devices, out: Out) -> Result<Exit, Ended> {
    match command.command {
        Some(DevicesCommand::Record { file, seconds, source }) => record(&file, seconds, &choice(&source, 1.0)?, out),
        None => show(&choice(&command.source, command.speed)?, command.watch, out),
    }
}

/// Seconds of a flag: more than none, and no more than a day.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    in_range(text, 0.05, 86_400.0)
}

/// How many times as fast.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    in_range(text, 0.01, 10_000.0)
}

fn in_range(text: &str, least: f64, most: f64) -> Result<f64, String> {
    text.parse().ok().filter(|value| (least..=most).contains(value)).ok_or_else(|| format!("a number from {least} to {most}"))
}

fn choice(flags: &SourceFlags, speed: f64) -> Result<Choice, Problem> {
    let words: Vec<&str> = flags.source.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["auto"] => Ok(Choice::Auto),
        ["rocm"] => Ok(Choice::Rocm),
        ["sysfs"] => Ok(Choice::Sysfs),
        ["replay", file] => Ok(Choice::Replay { file: PathBuf::from(file), speed }),
        ["replay"] => Err(Problem::bad_input("devices.source", said!("replay needs the recording", "replay 需要录制文件"))
            .field("--source")
            .fix(said!("--source replay FILE", "--source replay FILE"))),
        other => {
            let given = other.join(" ");
            Err(Problem::bad_input("devices.source", said!("unknown source {given}", "未知来源 {given}"))
                .field("--source")
                .fix(said!("one of auto, rocm, sysfs, replay FILE", "可用 auto、rocm、sysfs、replay FILE")))
        }
    }
}

/// Samplers that run, and what they send.
struct Running {
    watch: Watch,
    frames: Receiver<(Group, Frame)>,
    node: Node,
}

impl Running {
    fn start(choice: &Choice) -> Result<Self, Problem> {
        let (send, frames) = mpsc::channel();
        let take: Take = Arc::new(move |group, frame| drop(send.send((group, frame))));
        let program: Program = Arc::new(jobs::this_program);
        let watch = Watch::start(choice, &program, &take)?;
        let node = Node::new(watch.node.clone());
        Ok(Self { watch, frames, node })
    }

    /// Takes in frames until every group has told what it can tell at once.
    fn first(&mut self) {
        let until = Instant::now() + FIRST_WITHIN;
        let mut waited: Vec<Group> = self.watch.groups.clone();
        while !waited.is_empty() {
            let Ok((group, frame)) = self.frames.recv_timeout(until.saturating_duration_since(Instant::now())) else { return };
            let told = match &frame {
                Frame::Sweep(_) | Frame::Host(_) => true,
                // It will be started again, but what is asked for now is what there is.
                Frame::Trouble(trouble) => trouble.kind.starts_with("sampler.") && trouble.kind != "sampler.said",
                Frame::Cards { .. } | Frame::Processes(_) => false,
            };
            if told {
                waited.retain(|waiting| *waiting != group);
            }
            self.node.take(group, frame);
        }
    }

    /// Takes in frames until then; `false` when none will come any more.
    fn until(&mut self, until: Instant) -> bool {
        loop {
            match self.frames.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok((group, frame)) => self.node.take(group, frame),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

fn show(choice: &Choice, every: Option<f64>, out: Out) -> Result<Exit, Ended> {
    let mut running = Running::start(choice)?;
    running.first();
    let every = every.map(Duration::from_secs_f64);
    let mut next = Instant::now();
    let mut told = BTreeSet::new();
    loop {
        print(&running.node, choice, &mut told, out)?;
        let Some(every) = every else { return Ok(Exit::Done) };
        next += every;
        if !running.until(next) {
            print(&running.node, choice, &mut told, out)?;
            return Ok(Exit::Done);
        }
    }
}

/// Troubles are told once each.
fn print(node: &Node, choice: &Choice, told: &mut BTreeSet<String>, out: Out) -> Result<(), Ended> {
    let now_us = clock::monotonic_us();
    if node.cards().is_empty() && matches!(choice, Choice::Rocm | Choice::Sysfs) {
        let why = node.troubles.last().map_or_else(|| said!("no cards there", "没有加速卡"), |trouble| trouble.said.clone());
        return Err(Problem::failed("devices.none", why).field("--source").into());
    }
    if out.json {
        // Looked up only when there is something to look up.
        let jobs = if node.processes().next().is_some() { jobs::owners() } else { BTreeMap::new() };
        return Ok(out.document(&document::once(node, &jobs, now_us))?);
    }
    for trouble in &node.troubles {
        if told.insert(trouble.said.en.clone()) {
            out.note(&format!("! {}", trouble.said.get(out.lang)));
        }
    }
    if node.cards().is_empty() {
        out.note(crate::text!("no accelerators found", "未发现加速卡").get(out.lang));
        return Ok(());
    }
    Ok(out.line(table::cards(node, now_us, out.lang).trim_end())?)
}

fn record(file: &Path, seconds: Option<f64>, choice: &Choice, out: Out) -> Result<Exit, Ended> {
    if !choice.live() {
        return Err(Problem::bad_input("devices.source", said!("a recording is not recorded again", "录制文件无需再次录制"))
            .field("--source")
            .into());
    }
    let mut recorder = Recorder::create(file)?;
    let running = Running::start(choice)?;
    out.note(&match out.lang {
        crate::base::Lang::En => format!("recording into {}; ctrl-C ends it", file.display()),
        crate::base::Lang::Zh => format!("正在录制到 {}；按 ctrl-C 结束", file.display()),
    });
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
    let left = || until.map_or(Duration::from_hours(1), |until| until.saturating_duration_since(Instant::now()));
    loop {
        match running.frames.recv_timeout(left()) {
            Ok((group, frame)) => recorder.add(group, &frame)?,
            Err(RecvTimeoutError::Timeout) if until.is_none() => {}
            Err(_) => return Ok(Exit::Done),
        }
    }
}
