//! The server's process and the truth it leaves.

use crate::pin;
use dcudeck::{
    base::clock::Epoch,
    embedded::sim::{Options, Record, Sim},
};
use rustix::time::{ClockId, clock_gettime};
use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Command, Stdio},
    thread,
};

/// What truly happened to a request, µs of `CLOCK_MONOTONIC`.
pub(crate) struct Real {
    pub(crate) arrived: u64,
    pub(crate) ended: u64,
    /// Before each write with tokens.
    pub(crate) writes: Vec<u64>,
}

pub(crate) type Truth = HashMap<String, Real>;

/// CPU time of this process, µs.
pub(crate) fn process_cpu_us() -> u64 {
    cpu_us(ClockId::ProcessCPUTime)
}

/// CPU time of this thread, µs.
pub(crate) fn thread_cpu_us() -> u64 {
    cpu_us(ClockId::ThreadCPUTime)
}

fn cpu_us(clock: ClockId) -> u64 {
    let t = clock_gettime(clock);
    (t.tv_sec * 1_000_000 + t.tv_nsec / 1_000).unsigned_abs()
}

/// The simulated server's process: serves until its input ends.
pub(crate) fn serve(options: &str) {
    pin(0);
    let sim = Sim::bind(serde_json::from_str::<Options>(options).expect("options")).expect("binds");
    println!("{}", sim.listening().expect("listens").url);
    let stop = sim.stop_handle();
    thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        stop.stop();
    });
    sim.run().expect("serves");
}

/// Runs `client` against a simulated server: its outcome, the truth, and the CPU time of this process, µs.
pub(crate) fn against<T>(options: Options, client: impl FnOnce(&str) -> T) -> (T, Truth, u64) {
    let log = tempfile::NamedTempFile::new().expect("temporary file");
    let options = Options { truth: Some(log.path().to_path_buf()), ..options };
    let (outcome, cpu_us) = beside(&["--serve", &serde_json::to_string(&options).expect("JSON")], client);
    (outcome, truth(log.path()), cpu_us)
}

/// Runs `client` with the address that this program, started with `args`, tells: its outcome, and the CPU time of this process, µs.
pub(crate) fn beside<T>(args: &[&str], client: impl FnOnce(&str) -> T) -> (T, u64) {
    let mut server = Command::new(std::env::current_exe().expect("this program"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut url = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut url).expect("a line");
    let before = process_cpu_us();
    let outcome = client(url.trim());
    let cpu_us = process_cpu_us() - before;
    drop(server.stdin.take());
    server.wait().expect("ends");
    (outcome, cpu_us)
}

/// The truth a server left.
pub(crate) fn truth(log: &Path) -> Truth {
    let text = std::fs::read_to_string(log).expect("reads");
    let mut lines = text.lines();
    let zero = serde_json::from_str::<Epoch>(lines.next().expect("a first line")).expect("an epoch").mono_start_us;
    let records = lines.filter_map(|line| serde_json::from_str::<Record>(line).ok()).map(|r| {
        let writes = r.writes.iter().filter(|(_, n)| *n > 0).map(|(at, _)| at + zero).collect();
        (r.id.trim_start_matches("cmpl-").to_owned(), Real { arrived: r.arrival.at_us + zero, ended: r.end_us + zero, writes })
    });
    records.collect()
}
