//! What scripts may rely on of `dcudeck bench`: schemas, main fields, exit statuses, and that nothing measured is lost.

use crate::program::{Server, dcudeck, output};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Output, Stdio},
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(20);

/// A home with a server that has known timing.
struct Ground {
    home: tempfile::TempDir,
    server: Server,
}

impl Ground {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(home.path(), &["sim", "--ttft-ms", "4", "--itl-ms", "1"]);
        Self { home, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// `dcudeck ARGUMENTS --json`, its status and its one document.
    fn json(&self, status: i32, arguments: &[&str]) -> Value {
        document(&output(self.home.path(), &[arguments, &["--json"]].concat()), status, arguments)
    }

    /// As [`json`](Self::json): done, or client-limited where something else has this machine's cores.
    fn measured(&self, arguments: &[&str]) -> Value {
        let output = output(self.home.path(), &[arguments, &["--json"]].concat());
        let status = i32::from(output.status.code() == Some(1));
        let document = document(&output, status, arguments);
        assert!(status == 0 || document.to_string().contains("\"client_limited\":true"), "{document}");
        document
    }

    /// A run of so many short requests by three users.
    fn run(&self, requests: &str, more: &[&str]) -> Value {
        let few = ["bench", "run", "--url", &self.server.url, "--requests", requests, "--concurrency", "3"];
        self.measured(&[&few[..], &["--input-len", "16", "--output-len", "4", "--warmup", "0"], more].concat())
    }

    /// A run that goes on until it is ended, after it has finished some requests.
    fn begun(&self, into: &Path, more: &[&str]) -> Child {
        let out = into.display().to_string();
        let long = ["bench", "run", "--url", &self.server.url, "--concurrency", "3", "--duration", "60", "--out", &out, "--json"];
        let mut command =
            dcudeck(self.home.path(), &[&long[..], &["--input-len", "16", "--output-len", "4", "--warmup", "0"], more].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let workspace = dcudeck::workspace::Workspace::at(self.path("ws"));
        for job in dcudeck::jobs::list(&workspace) {
            let _ = job.stop(Duration::ZERO);
            job.wait(Duration::from_secs(5));
        }
    }
}

fn document(output: &Output, status: i32, what: &[&str]) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{what:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{what:?}: {error}: {stderr}"))
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "never came true: {what}");
        std::thread::yield_now();
    }
}

/// Finished requests in a file of them, without its header and its end.
fn finished(file: &Path) -> usize {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_inclusive('\n').skip(1).filter(|line| line.ends_with('\n') && !line.starts_with("{\"end\":")).count()
}

/// The process whose arguments hold `all` of these, whatever job it belongs to.
fn process(all: &[&str]) -> Option<Pid> {
    fs::read_dir("/proc").expect("lists").flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let arguments = fs::read(entry.path().join("cmdline")).ok()?;
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        all.iter().all(|part| arguments.contains(part)).then(|| Pid::from_raw(pid)).flatten()
    })
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("is there");
}

fn has(document: &Value, keys: &[&str]) {
    for key in keys {
        assert!(document.get(key).is_some(), "no {key} in {document}");
    }
}

#[test]
fn a_run_its_list_report_export_import_and_comparison_keep_their_contract() {
    let ground = Ground::new();
    let run = ground.run("12", &["--goodput", "ttft:10000", "--save-tokens", "all"]);
    assert_eq!((&run["schema"], &run["definitions"]), (&"dcudeck.bench.run/1".into(), &"dcudeck/1".into()));
    has(&run, &["mean_ttft_ms", "p99_tpot_ms", "mean_itl_ms", "p99_itl_chunk_ms", "errors_by_class", "in_flight_mean", "send_lag_p99_ms"]);
    has(&run, &["client_limited", "stopped_by", "started_at", "slo", "goodput", "profile"]);
    assert_eq!((&run["completed"], &run["failed"], &run["client"]), (&12.into(), &0.into(), &"own".into()));
    assert!(run["mean_ttft_ms"].as_f64().is_some_and(|ms| ms >= 4.0), "{run}");
    let dir = run["result_dir"].as_str().expect("has a folder").to_owned();

    let other = ground.run("12", &[])["result_dir"].as_str().expect("has a folder").to_owned();
    let list = ground.json(0, &["bench", "list"]);
    assert_eq!(list["schema"], "dcudeck.bench.list/1");
    let listed: Vec<&str> = list["results"].as_array().expect("a list").iter().filter_map(|r| r["result_dir"].as_str()).collect();
    assert_eq!(listed.len(), 2);
    assert!(listed.contains(&dir.as_str()) && listed.contains(&other.as_str()), "{listed:?}");
    has(&list["results"][0], &["id", "model", "started_at", "state"]);

    let report = ground.json(0, &["bench", "report", &dir]);
    assert_eq!((&report["schema"], &report["complete"]), (&"dcudeck.bench.report/1".into(), &true.into()));
    for file in report["files"].as_array().expect("files") {
        assert!(fs::metadata(file.as_str().expect("a path")).is_ok_and(|m| m.len() > 500), "{file}");
    }

    let compared = ground.json(0, &["bench", "compare", &dir, &other]);
    assert_eq!((&compared["schema"], &compared["ok"]), (&"dcudeck.bench.compare/1".into(), &true.into()));
    has(&compared["metrics"][0], &["name", "a", "b", "change_pct", "ci_low_pct", "ci_high_pct", "verdict"]);
    let p99 = compared["metrics"].as_array().expect("metrics").iter().find(|m| m["name"] == "p99_ttft_ms").expect("is compared");
    assert_eq!(p99["verdict"], "unclear", "twelve samples say nothing of a P99: {p99}");
    assert_eq!(ground.json(1, &["bench", "compare", &dir, &other, "--fail-on", "mean_ttft_ms>0"])["ok"], false);
    let error = ground.json(2, &["bench", "compare", &dir, &other, "--fail-on", "nonsense"]);
    assert_eq!((&error["schema"], &error["error"]["kind"]), (&"dcudeck.error/1".into(), &"bench.fail_on".into()));
    has(&error["error"], &["message", "file", "line", "field", "fix"]);

    for (format, begins) in [("csv", ""), ("hlog", "#"), ("vllm", "{")] {
        let file = ground.path(&format!("x.{format}")).display().to_string();
        let exported = ground.json(0, &["bench", "export", &dir, "--format", format, "--out", &file]);
        assert_eq!((&exported["schema"], &exported["files"][0]), (&"dcudeck.bench.export/1".into(), &file.as_str().into()));
        assert!(fs::read_to_string(&file).expect("reads").starts_with(begins), "{format}");
    }
    assert_eq!(fs::read_to_string(ground.path("x.csv")).expect("reads").lines().count(), 13);
    let imported = ground.json(0, &["bench", "import", &ground.path("x.vllm").display().to_string()]);
    assert_eq!(imported["schema"], "dcudeck.bench.import/1");
    let id = imported["imported"][0].as_str().expect("one").to_owned();
    let list = ground.json(0, &["bench", "list"]);
    assert!(list["results"].as_array().expect("a list").iter().any(|result| result["id"] == id.as_str()), "{list}");
    for (command, kind) in [("import", "bench.import"), ("report", "bench.no_result")] {
        assert_eq!(ground.json(2, &["bench", command, "/nowhere"])["error"]["kind"], kind);
    }
}

#[test]
fn a_search_ends_with_its_best_load_and_with_1_when_none_meets_the_goals() {
    let ground = Ground::new();
    let profile = ground.path("s.yaml");
    let text = "name: s\nload: {concurrency: 1}\noutput_len: 2\nprompts: {random: {input_len: 8}}\nslo: {ttft_ms: 10000}\n\
                search: {over: concurrency, from: 1, to: 1, step_s: 0.5}\n";
    fs::write(&profile, text).expect("writes");
    let profile = profile.display().to_string();
    let search = ["bench", "search", &profile, "--url", &ground.server.url];
    let found = ground.measured(&search);
    assert_eq!(found["schema"], "dcudeck.bench.search/1");
    // No load is best whose figures are about a client without a core to itself.
    assert!(found["best"]["concurrency"] == 1 || found.to_string().contains("\"client_limited\":true"), "{found}");
    assert!(found["steps"].as_array().is_some_and(|steps| !steps.is_empty()) && found["slo"]["ttft_ms"] == 10000.0, "{found}");
    assert_eq!(ground.json(1, &[&search[..], &["--goodput", "ttft:0.1"]].concat())["best"], Value::Null);
    assert_eq!(ground.json(2, &["bench", "run", &profile, "--url", &ground.server.url])["error"]["kind"], "bench.series_profile");
}

#[test]
fn goals_that_are_missed_and_a_host_nobody_agreed_to_are_in_the_exit_status() {
    let ground = Ground::new();
    let run = ["bench", "run", "--url", &ground.server.url, "--requests", "4", "--output-len", "2", "--goodput", "ttft:0.1"];
    let missed = ground.json(1, &run);
    assert_eq!((&missed["goodput_pct"], &missed["slo_met"]), (&0.0.into(), &false.into()));
    let asked = ground.json(2, &["bench", "run", "--url", "http://192.0.2.1:8000", "--requests", "1"]);
    assert_eq!(asked["error"]["kind"], "bench.not_confirmed");
    assert!(asked["error"]["fix"].as_str().is_some_and(|fix| fix.contains("--yes")), "{asked}");
}

#[test]
fn ctrl_c_ends_a_run_that_still_writes_its_result() {
    let ground = Ground::new();
    let dir = ground.path("r");
    let run = ground.begun(&dir, &[]);
    until("some requests are finished", || finished(&dir.join("requests.jsonl")) > 5);
    signal(&run, Signal::INT);
    let result = document(&run.wait_with_output().expect("ends"), 3, &["ctrl-C"]);
    assert_eq!((&result["schema"], &result["stopped_by"]), (&"dcudeck.bench.run/1".into(), &"stop".into()));
    assert!(result["completed"].as_u64().is_some_and(|n| n > 5), "{result}");
    for file in ["summary.json", "vllm085.json", "report.md", "report.html"] {
        assert!(dir.join(file).exists(), "{file}");
    }
}

#[test]
fn a_run_killed_with_everything_it_had_is_finished_by_its_report() {
    let ground = Ground::new();
    let dir = ground.path("r");
    let mut run = ground.begun(&dir, &[]);
    until("some requests are finished", || finished(&dir.join("requests.jsonl")) > 5);
    // First who watches, so that nobody finishes the folder.
    signal(&run, Signal::KILL);
    run.wait().expect("ends");
    let ws = ground.path("ws").display().to_string();
    let worker = || process(&["__worker", &ws]);
    kill_process(worker().expect("works"), Signal::KILL).expect("is there");
    until("the worker is gone", || worker().is_none());
    let kept = finished(&dir.join("requests.jsonl"));
    assert!(!dir.join("summary.json").exists());

    let report = ground.json(0, &["bench", "report", &dir.display().to_string()]);
    assert_eq!(report["complete"], false);
    let summary: Value = serde_json::from_slice(&fs::read(dir.join("summary.json")).expect("reads")).expect("parses");
    assert_eq!((&summary["stopped_by"], &summary["completed"]), (&"killed".into(), &kept.into()));
}

#[test]
fn three_workers_are_one_result_and_a_lost_one_is_named_and_its_requests_kept() {
    let ground = Ground::new();
    let workers = ["--workers", "3", "--launcher", "local"];
    let whole = ground.run("30", &workers);
    assert_eq!((&whole["completed"], &whole["lost_workers"]), (&30.into(), &Value::Array(Vec::new())));
    assert!(whole["mean_itl_ms"].is_number(), "token arrivals of all workers are in one result: {whole}");
    let log = fs::read_to_string(Path::new(whole["result_dir"].as_str().expect("a folder")).join("histograms.hlog")).expect("reads");
    assert!(log.starts_with("#[Histogram log") && log.matches("\nTag=ttft,").count() >= 3, "one interval log of all: {log}");

    let dir = ground.path("r");
    let run = ground.begun(&dir, &workers);
    let of = |k: u8| dir.join(format!("workers/{k}/requests.jsonl"));
    until("every worker has finished some", || (0..3).all(|k| finished(&of(k)) > 3));
    let part = dir.join("workers").display().to_string();
    let killed = process(&["__worker", &part]).expect("works");
    kill_process(killed, Signal::KILL).expect("is there");
    until("the killed worker is gone", || rustix::process::test_kill_process(killed).is_err());
    signal(&run, Signal::INT);
    let result = document(&run.wait_with_output().expect("ends"), 3, &["ctrl-C"]);
    assert_eq!(result["lost_workers"].as_array().map(Vec::len), Some(1), "{result}");
    let all: usize = (0..3).map(|k| finished(&of(k))).sum();
    assert_eq!(finished(&dir.join("requests.jsonl")), all);
}
