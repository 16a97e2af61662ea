//! Matrices and searches from the command line, over the simulated server: killed in the midst, they go on and count nothing twice.
#![expect(clippy::expect_used, reason = "what a test expects it says")]

use crate::program::{self, dcudeck};
use dcudeck::{
    jobs::{self, Job},
    workspace::Workspace,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

const DEADLINE: Duration = Duration::from_mins(1);
/// Four a user, at 1 and 2 users, with two input lengths.
const PLANNED: u64 = 2 * (4 + 8);
const CELLS: [&str; 4] = ["i16-o8-c1-1", "i16-o8-c2-1", "i32-o8-c1-1", "i32-o8-c2-1"];
const MATRIX: &str = "name: small
load: {concurrency: 1}
prompts: {random: {input_len: 16}}
output_len: 8
requests: 4
matrix: {input_len: [16, 32], output_len: [8], concurrency: [1, 2], requests_per_user: 4, drain_s: 10.0}
";

/// A home whose jobs are all ended when the test is over, however it ends.
struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    fn home(&self) -> &Path {
        self.0.path()
    }

    fn jobs(&self) -> Vec<Job> {
        jobs::list(&Workspace::at(self.home().join("ws")))
    }

    fn profile(&self, text: &str) -> String {
        let path = self.home().join("small.yaml");
        fs::write(&path, text).expect("writes");
        path.display().to_string()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for job in self.jobs() {
            let _ = job.stop(Duration::ZERO);
            job.wait(Duration::from_secs(5));
        }
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "never came true: {what}");
        thread::yield_now();
    }
}

fn document(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {:?} {stderr}", output.status))
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn kill(pid: Option<i32>) {
    let pid = pid.and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::KILL).expect("signals");
}

/// Every file of a folder with its bytes and the time it was written.
fn files(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let file = |path: PathBuf| {
        let written = fs::metadata(&path).and_then(|meta| meta.modified()).expect("a time");
        (path.clone(), (fs::read(path).expect("reads"), written))
    };
    fs::read_dir(dir).expect("lists").map(|entry| file(entry.expect("an entry").path())).collect()
}

/// The status a matrix without goals has to end with: findings only where the client was the limit.
fn status(document: &Value) -> i32 {
    let cells = document["cells"].as_array().or(document["steps"].as_array()).expect("cells");
    i32::from(cells.iter().any(|cell| cell["client_limited"] == true))
}

#[test]
fn a_matrix_whose_processes_were_killed_goes_on_and_measures_every_cell_once() {
    let ground = Ground::new();
    let server = program::Server::start(ground.home(), &["sim", "--ttft-ms", "20", "--itl-ms", "20"]);
    let (profile, dir) = (ground.profile(MATRIX), ground.home().join("result"));
    let (cell, folder) = (|key: &str| dir.join("cells").join(key), dir.display().to_string());
    let arguments = ["bench", "matrix", profile.as_str(), "--url", server.url.as_str(), "--out", folder.as_str(), "--json"];
    let starter = dcudeck(ground.home(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");

    // In the midst of the second cell: some of its requests are written, its result is not.
    let second = cell(CELLS[1]);
    until("the second cell is under way", || {
        let lines = fs::read_to_string(second.join("requests.jsonl")).ok()?.lines().count();
        (lines > 4).then_some(())
    });
    let job = ground.jobs().pop().expect("a job");
    // Its supervisor first, which would write down how the worker ended.
    kill(job.shim_pid());
    kill(job.pid());
    let cut = starter.wait_with_output().expect("ends");
    assert!(!second.join("summary.json").exists(), "it was killed too late");
    assert_eq!(cut.status.code(), Some(3), "{}", String::from_utf8_lossy(&cut.stderr));
    let first = files(&cell(CELLS[0]));
    assert!(first.keys().any(|path| path.ends_with("summary.json")));

    let resumed = program::output(ground.home(), &["bench", "matrix", "--resume", folder.as_str(), "--json"]);
    let document = document(&resumed);
    assert_eq!(resumed.status.code(), Some(status(&document)), "{document:#}");
    let cells = document["cells"].as_array().expect("cells");
    assert_eq!(cells.iter().map(|cell| cell["key"].as_str().expect("a key")).collect::<Vec<_>>(), CELLS);
    assert!(cells.iter().all(|cell| cell["state"] == "done"), "{document:#}");
    let completed = |key: &str| json(&cell(key).join("summary.json")).and_then(|summary| summary["completed"].as_u64()).expect(key);
    assert_eq!(CELLS.iter().map(|key| completed(key)).sum::<u64>(), PLANNED);
    assert_eq!(files(&cell(CELLS[0])), first, "a cell that was done is left alone");
    // What was cut is kept beside, and counted nowhere.
    let mut folders: Vec<String> = fs::read_dir(dir.join("cells"))
        .expect("lists")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    folders.sort();
    assert_eq!(folders, [CELLS[0], CELLS[1], "i16-o8-c2-1.cut-1", CELLS[2], CELLS[3]]);
    let report = fs::read_to_string(dir.join("report.md")).expect("a report");
    assert!(report.contains("## What it shows") && report.contains("input 16, output 8: TPOT from"), "{report}");
}

#[test]
fn a_search_names_the_greatest_load_that_meets_the_goals_and_fails_where_none_does() {
    let ground = Ground::new();
    let server = program::Server::start(ground.home(), &["sim", "--ttft-ms", "10", "--itl-ms", "1"]);
    let search = |ttft: &str| {
        let profile = ground.profile(&format!(
            "name: small\nload: {{concurrency: 1}}\nprompts: {{random: {{input_len: 16}}}}\noutput_len: 4\nrequests: 4\n\
             search: {{over: concurrency, from: 1, to: 4, step_s: 0.5, drain_s: 10.0}}\nslo: {{ttft_ms: {ttft}}}\n"
        ));
        let output = program::output(ground.home(), &["bench", "search", profile.as_str(), "--url", server.url.as_str(), "--json"]);
        (document(&output), output.status.code())
    };
    let (met, code) = search("2000.0");
    let steps = met["steps"].as_array().expect("steps");
    if steps.iter().any(|step| step["client_limited"] == true) {
        // As it should: on a machine this busy the search ends with that finding, and names no load beyond it.
        assert_eq!(code, Some(1), "{met:#}");
        return;
    }
    assert!(steps.len() > 1 && steps.iter().all(|step| step["state"] == "done" && step["slo_met"] == true), "{met:#}");
    assert_eq!((met["best"]["concurrency"].as_u64(), met["slo"]["ttft_ms"].as_f64()), (Some(4), Some(2000.0)), "{met:#}");
    assert_eq!(code, Some(0), "{met:#}");
    // The server needs 10 ms.
    let (missed, code) = search("5.0");
    assert!(missed["best"].is_null() && !missed["steps"].as_array().expect("steps").is_empty(), "{missed:#}");
    assert_eq!(code, Some(1));
}
