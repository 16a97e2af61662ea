//! A console that is attached: a process that follows and draws.

use crate::pin;
use dcudeck::{
    base::clock::monotonic_us,
    bench::{
        Sink,
        live::{Fact, Snapshot},
    },
};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
};

/// Serialises every snapshot to a process that reads them all and draws four times a second, as a console that is attached does.
pub(crate) struct Follower {
    to: Mutex<Option<ChildStdin>>,
    process: Mutex<Child>,
}

impl Follower {
    pub(crate) fn start() -> Arc<Self> {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args(["--draw", "250"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        Arc::new(Self { to: Mutex::new(process.stdin.take()), process: Mutex::new(process) })
    }

    /// How often it drew.
    pub(crate) fn end(&self) -> usize {
        drop(self.to.lock().expect("lock").take());
        let mut process = self.process.lock().expect("lock");
        let mut told = String::new();
        process.stdout.take().expect("piped").read_to_string(&mut told).expect("reads");
        process.wait().expect("ends");
        told.trim().parse().expect("a number")
    }

    fn tell(&self, line: &impl serde::Serialize) {
        let mut text = serde_json::to_vec(line).expect("JSON");
        text.push(b'\n');
        if let Some(to) = self.to.lock().expect("lock").as_mut() {
            to.write_all(&text).expect("follows");
        }
    }
}

impl Sink for Follower {
    fn snapshot(&self, snapshot: &Snapshot) {
        self.tell(snapshot);
    }
    fn fact(&self, fact: &Fact) {
        self.tell(fact);
    }
}

/// The follower's process: reads what it is told and draws the newest snapshot, at most once in `every` ms; then says how often.
pub(crate) fn draw(every: &str) {
    pin(0);
    let every_us = every.parse::<u64>().expect("milliseconds") * 1_000;
    let (mut drawn, mut last_us) = (0_usize, 0);
    for line in BufReader::new(std::io::stdin()).lines().map_while(Result::ok) {
        let Ok(snapshot) = serde_json::from_str::<Snapshot>(&line) else { continue };
        if monotonic_us() - last_us >= every_us {
            last_us = monotonic_us();
            // About as many cells as a terminal has.
            let cells: Vec<String> = (0..10_000).map(|cell| format!("\u{1b}[38;5;{}m{}", cell % 256, snapshot.done % 10)).collect();
            std::hint::black_box(cells.concat());
            drawn += 1;
        }
    }
    println!("{drawn}");
}
