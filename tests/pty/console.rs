//! The console as a person has it: start, load test, stop, quit, resize, signals, suspend, and a console that was killed.

use crate::harness::{Terminal, dcudeck, poll};
use dcudeck::{
    jobs::{self, Job, State},
    workspace::Workspace,
};
use rustix::process::{Pid, Signal, kill_process};
use std::{path::Path, time::Duration};

/// A home of its own. Jobs left in it are stopped when the test ends, however it ends.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn jobs(&self, kind: &str) -> Vec<Job> {
        let all = jobs::list(&Workspace::at(self.path().join("ws")));
        all.into_iter().filter(|job| job.spec().kind == kind).collect()
    }

    fn console(&self) -> Terminal {
        Terminal::start(dcudeck(self.path(), &["--lang", "en"]), 80, 24)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for job in jobs::list(&Workspace::at(self.path().join("ws"))) {
            if !job.state().ended() {
                let _ = job.stop(Duration::from_millis(200));
                job.wait(Duration::from_secs(10));
            }
        }
    }
}

const ENTER_ALTERNATE: &[u8] = b"\x1b[?1049h";
const LEAVE_ALTERNATE: &[u8] = b"\x1b[?1049l";

fn count(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).filter(|window| window == &needle).count()
}

/// Everything that was switched on is off again.
pub(crate) fn given_back(terminal: &Terminal) {
    poll("the terminal is given back", || (!terminal.alternate()).then_some(()));
    assert!(!terminal.cursor_hidden(), "the cursor is left hidden");
    let raw = terminal.raw();
    assert_eq!(count(&raw, ENTER_ALTERNATE), count(&raw, LEAVE_ALTERNATE), "each entry is left once");
    for mode in ["2004", "1000", "1006"] {
        let (on, off) = (format!("\x1b[?{mode}h"), format!("\x1b[?{mode}l"));
        assert!(count(&raw, on.as_bytes()) <= count(&raw, off.as_bytes()), "mode {mode} is left on");
    }
}

/// The form, with the embedded engine serving.
fn ready(terminal: &Terminal) {
    terminal.shows("eye-tiny");
    terminal.until("a ready target", |screen| screen.contains("ready"));
}

#[test]
fn a_fresh_machine_load_tests_the_bundled_model_and_quits_cleanly() {
    let home = Home::new();
    let mut console = home.console();
    ready(&console);
    console.keys("s");
    console.shows("TTFT");
    console.until("requests done", |screen| screen.contains("P99") && screen.contains("running"));
    poll("a result file grows", || {
        let results = std::fs::read_dir(home.path().join("ws/results")).ok()?;
        results
            .flatten()
            // A header, four warm-up requests, and some that count.
            .any(|run| std::fs::read_to_string(run.path().join("requests.jsonl")).is_ok_and(|t| t.lines().count() > 8))
            .then_some(())
    });
    console.keys("X");
    console.shows("stopped");
    console.keys("q");
    assert_eq!(console.ends(), 0);
    given_back(&console);
    let run = home.jobs("bench").pop().expect("a load test");
    assert_eq!(run.state(), State::Exited);
    let summary = dcudeck::bench::result_of(&run).expect("readable").expect("written");
    assert!(summary.completed > 0 && summary.mean_ttft_ms.is_some());
    // The engine was the console's own: it ends with it.
    poll("the engine ends", || home.jobs("engine").iter().all(|job| job.state().ended()).then_some(()));
}

#[test]
fn a_killed_console_leaves_the_run_going_and_a_new_one_shows_and_stops_it() {
    let home = Home::new();
    let mut first = home.console();
    ready(&first);
    first.keys("s");
    first.until("a running test", |screen| screen.contains("running"));
    kill_process(Pid::from_raw(first.pid()).expect("a pid"), Signal::KILL).expect("kills");
    first.ends();
    let run = home.jobs("bench").pop().expect("a load test");
    assert_eq!(run.state(), State::Running);
    let mut second = home.console();
    second.until("the run that goes on", |screen| screen.contains("running") && screen.contains("P99"));
    assert_eq!(home.jobs("engine").len(), 1, "the engine that serves is used, no second one is started");
    second.keys("X");
    second.shows("stopped");
    assert_eq!(run.wait(Duration::from_secs(30)), State::Exited);
    second.keys("q");
    assert_eq!(second.ends(), 0);
}

#[test]
fn every_size_is_drawn_and_a_tiny_one_says_what_it_needs() {
    let home = Home::new();
    let mut console = home.console();
    console.shows("6 Load");
    console.resize(30, 5);
    console.until("one line that says so", |screen| screen.contains("40x10") || screen.contains("40×10"));
    console.resize(40, 10);
    console.until("the stacked screen", |screen| screen.contains("Load") && !screen.contains("40x10") && !screen.contains("40×10"));
    console.resize(200, 60);
    console.until("the wide screen", |screen| screen.lines().count() >= 50 && screen.contains("Load"));
    console.keys("q");
    assert_eq!(console.ends(), 0);
    given_back(&console);
}

#[test]
fn termination_and_hang_up_signals_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let home = Home::new();
        let mut console = home.console();
        console.shows("6 Load");
        console.signal(signal);
        console.ends();
        given_back(&console);
    }
}

/// Third field of `/proc/PID/stat`: the process's state letter.
fn process_state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

#[test]
fn ctrl_z_suspends_and_a_continued_console_draws_all_again() {
    let home = Home::new();
    let mut console = home.console();
    console.shows("6 Load");
    console.keys("\x1a");
    poll("the console is stopped", || (process_state(console.pid()) == Some('T')).then_some(()));
    assert!(!console.alternate(), "the shell's screen is back");
    assert!(!console.cursor_hidden());
    console.signal(Signal::CONT);
    poll("the console's screen is back", || console.alternate().then_some(()));
    console.shows("6 Load");
    console.keys("q");
    assert_eq!(console.ends(), 0);
    given_back(&console);
}

#[test]
fn help_palette_and_log_open_and_close() {
    let home = Home::new();
    let mut console = home.console();
    console.shows("6 Load");
    console.keys("?");
    console.shows("palette");
    console.keys("\x1b");
    console.keys(":");
    console.keys("quit");
    console.shows("quit");
    console.keys("\x1b\x1b");
    console.keys("L");
    console.shows("dcudeck.log");
    console.keys("\x1b");
    console.keys("q");
    assert_eq!(console.ends(), 0);
}

#[test]
fn chinese_is_there_from_the_first_screen() {
    let home = Home::new();
    let mut console = Terminal::start(dcudeck(home.path(), &["--lang", "zh"]), 80, 24);
    console.shows("6 压测");
    console.keys("q");
    assert_eq!(console.ends(), 0);
}

#[test]
fn no_color_writes_no_colour() {
    let home = Home::new();
    let mut command = dcudeck(home.path(), &["--lang", "en"]);
    command.env("NO_COLOR", "1");
    let mut console = Terminal::start(command, 80, 24);
    ready(&console);
    console.keys("q");
    assert_eq!(console.ends(), 0);
    let raw = String::from_utf8_lossy(&console.raw()).into_owned();
    for sequence in raw.split("\x1b[").skip(1) {
        let Some((parameters, _)) = sequence.split_once('m') else { continue };
        if !parameters.chars().all(|c| c.is_ascii_digit() || c == ';') {
            continue;
        }
        for parameter in parameters.split(';').filter_map(|p| p.parse::<u32>().ok()) {
            assert!(!matches!(parameter, 30..=38 | 40..=48 | 90..=97 | 100..=107), "a colour: {parameters}");
        }
    }
}

#[test]
fn a_terminal_that_goes_away_ends_the_console() {
    let home = Home::new();
    let console = home.console();
    console.shows("6 Load");
    let mut child = console.hang_up();
    poll("the console ends", || child.try_wait().expect("waits").map(|_| ()));
}
