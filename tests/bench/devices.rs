//! CPU of the sampler and of `devices --watch 1` over eight cards, beside a `rocm-smi` started for each reading.
//!
//! `cargo bench --bench devices`. The cards are those of `tests/tools/fake-machine`, read by the real `librocm_smi64`; every
//! program runs on the same files in the same run. A peer that is not installed is said to be missing.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a bench may end by them; it uses part of the tests' machine"
)]

#[path = "../it/devices/machine.rs"]
mod machine;
#[path = "../it/program.rs"]
mod program;

use machine::{Machine, Watching};
use std::{
    fs,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

/// How long each is watched.
const WATCHED: Duration = Duration::from_secs(30);

fn main() {
    let Some(machine) = Machine::of_library(&[]) else { return };
    machine.sim(&["load"]);
    let watching = Watching::start(machine.devices(&["--json", "--watch", "1"]));
    watching.until("cards", |document| document["devices"].as_array().is_some_and(|all| all.len() == 8));
    let sampler = watching.sampler_after(None);
    let before = (cpu_ms(sampler, false), cpu_ms(watching.pid(), false));
    thread::sleep(WATCHED);
    let sweeps = WATCHED.as_secs_f64();
    println!("{:<34} {:>12} {:>12}", "8 cards, once a second", "ms a sweep", "% of a core");
    row("sampler", cpu_ms(sampler, false) - before.0, sweeps);
    row("devices --json --watch 1", cpu_ms(watching.pid(), false) - before.1, sweeps);
    drop(watching);

    let mut runs = 0.0;
    let began = Instant::now();
    let before = own_children_ms();
    while began.elapsed() < Duration::from_secs(5) {
        let started = machine.within().args(["sh", "-c", "exec rocm-smi"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        // It ends with 2 when all is well.
        if started.is_ok_and(|status| status.code() == Some(127)) {
            return println!("{:<34} not installed", "rocm-smi");
        }
        runs += 1.0;
    }
    // With the namespace it is started in, whose cost is measured alone and taken off.
    let with = (own_children_ms() - before) / runs;
    let before = own_children_ms();
    for _ in 0..5 {
        let _ = machine.within().arg("true").status();
    }
    row("rocm-smi, started each second", with - (own_children_ms() - before) / 5.0, 1.0);
}

fn row(name: &str, ms: f64, sweeps: f64) {
    println!("{name:<34} {:>12.2} {:>12.2}", ms / sweeps, ms / sweeps / 10.0);
}

/// CPU time of a process so far, or of the children it has waited for.
fn cpu_ms(pid: u32, children: bool) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("runs");
    let fields: Vec<f64> =
        stat[stat.rfind(')').expect("has one") + 1..].split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // utime and stime, cutime and cstime: fields 14 to 17 of `proc_pid_stat(5)`; the state before them is no number.
    let first = if children { 12 } else { 10 };
    (fields[first] + fields[first + 1]) / rustix::param::clock_ticks_per_second() as f64 * 1_000.0
}

fn own_children_ms() -> f64 {
    cpu_ms(std::process::id(), true)
}
