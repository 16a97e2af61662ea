//! `dcudeck devices` against the real `librocm_smi64` on a machine that is not there, and against a library of Hygon's kind.

mod machine;

use dcudeck::{
    jobs::{self, New},
    workspace::Workspace,
};
use machine::{Machine, SOON, Watching, compile};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

const WATCH: &[&str] = &["--json", "--watch", "0.2"];

fn device(document: &Value, index: usize) -> &Value {
    &document["devices"][index]
}

fn states(document: &Value) -> Vec<&str> {
    document["devices"].as_array().expect("is a list").iter().map(|device| device["state"].as_str().expect("is a word")).collect()
}

fn trouble(document: &Value, kind: &str) -> Option<String> {
    let troubles = document["troubles"].as_array()?;
    troubles.iter().rev().find(|trouble| trouble["kind"] == kind)?["message"].as_str().map(str::to_owned)
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().expect("is small")).expect("is not 0"), signal).expect("runs");
}

#[test]
fn eight_cards_are_read_with_every_figure_of_the_contract() {
    let Some(machine) = Machine::of_library(&[]) else { return };
    machine.sim(&["load"]);
    let document = machine.once();
    assert_eq!(document["schema"], "dcudeck.devices.once/1");
    assert_eq!(document["devices"].as_array().expect("is a list").len(), 8);
    let third = device(&document, 2);
    for (field, wanted) in [
        ("index", json!(2)),
        ("pci", json!("0000:4b:00.0")),
        ("vendor", json!("amd")),
        ("name", json!("K100_AI")),
        ("serial", json!("TFAKE00000000002")),
        ("numa_node", json!(0)),
        ("util_pct", json!(95)),
        ("mem_total_bytes", json!(68_719_476_736_u64)),
        ("power_w", json!(358)),
        ("power_cap_w", json!(400)),
        ("temp_c", json!({ "edge": 68, "junction": 74, "memory": 71, "core": null })),
        ("core_clk_mhz", json!(1500)),
        ("mem_clk_mhz", json!(900)),
        ("ecc_ce", json!(0)),
        ("ecc_ue", json!(0)),
        ("state", json!("ok")),
        ("link_gen", json!(4)),
        ("link_width", json!(16)),
        ("fan_pct", Value::Null),
    ] {
        assert_eq!(third[field], wanted, "{field}");
    }
    assert_eq!((&third["sources"]["power_w"], &third["sources"]["link_gen"]), (&json!("rsmi"), &json!("sysfs")));
    assert_eq!(third["missing"]["fan_pct"], "not offered");
    assert!(third["age_ms"]["power_w"].as_u64().is_some_and(|age| age < 10_000));
}

#[test]
fn figures_errors_heat_and_processes_follow_the_machine() {
    let Some(machine) = Machine::of_library(&[]) else { return };
    machine.sim(&["idle"]);
    let watching = Watching::start(machine.devices(WATCH));
    watching.until("rest", |d| device(d, 0)["util_pct"] == 0 && states(d) == ["ok"; 8]);
    machine.sim(&["load"]);
    watching.until("load", |d| device(d, 0)["util_pct"] == 97 && device(d, 7)["util_pct"] == 90 && device(d, 0)["core_clk_mhz"] == 1500);
    machine.sim(&["ecc", "2"]);
    machine.sim(&["hot", "3"]);
    watching.until("memory errors", |d| device(d, 2)["ecc_ce"] == 17 && device(d, 2)["ecc_ue"] == 1 && device(d, 1)["ecc_ce"] == 0);
    watching.until("heat", |d| device(d, 3)["temp_c"]["junction"] == 101);
    let pid = std::process::id().to_string();
    machine.sim(&["proc", "5", &pid, "62000000000"]);
    let document = watching.until("the process", |d| device(d, 5)["processes"][0]["pid"] == json!(std::process::id()));
    assert_eq!(device(&document, 5)["processes"][0]["mem_bytes"], json!(62_000_000_000_u64));
    if fs::read_link("/proc/self/ns/pid").is_ok_and(|namespace| namespace.as_os_str() == "pid:[4026531836]") {
        let command = device(&document, 5)["processes"][0]["command"].as_str().expect("has one");
        assert!(command.contains("/it-"), "{command}");
    }
    assert_eq!(device(&document, 4)["processes"], json!([]));
    machine.sim(&["clear", &pid]);
    watching.until("its end", |d| device(d, 5)["processes"] == json!([]));
}

#[test]
fn a_card_that_falls_off_the_bus_is_lost_and_is_read_again_when_it_is_back() {
    let Some(machine) = Machine::of_library(&[]) else { return };
    let watching = Watching::start(machine.devices(WATCH));
    watching.until("eight cards", |d| states(d) == ["ok"; 8]);
    machine.sim(&["gone", "3"]);
    let document = watching.until("the loss", |d| states(d)[3] == "lost");
    assert_eq!((&device(&document, 3)["util_pct"], &device(&document, 3)["power_w"]), (&Value::Null, &Value::Null));
    assert!(states(&document).iter().enumerate().all(|(k, state)| k == 3 || *state == "ok"), "{:?}", states(&document));
    machine.build(&[]);
    let document = watching.until("its return", |d| states(d) == ["ok"; 8]);
    assert_eq!((&device(&document, 3)["pci"], &device(&document, 3)["power_w"]), (&json!("0000:4f:00.0"), &json!(100)));
}

#[test]
fn a_machine_without_cards_or_without_a_driver_is_no_error() {
    let Some(machine) = Machine::of_library(&["--cards", "0"]) else { return };
    assert_eq!(machine.once()["devices"], json!([]));
    fs::remove_dir_all(machine.root().join("class/drm")).expect("removes");
    let document = machine.once();
    assert_eq!(document["devices"], json!([]));
    let output = machine.devices(&["--source", "rocm", "--json"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(3));
    let error: Value = serde_json::from_slice(&output.stdout).expect("is one document");
    assert_eq!((&error["schema"], &error["error"]["kind"]), (&json!("dcudeck.error/1"), &json!("devices.none")));
}

#[test]
fn a_card_whose_lock_another_process_holds_is_busy_and_keeps_its_figures() {
    let Some(machine) = Machine::of_library(&[]) else { return };
    machine.sim(&["load"]);
    let watching = Watching::start(machine.devices(&[WATCH, &["--source", "rocm"]].concat()));
    watching.until("eight cards", |d| states(d) == ["ok"; 8]);
    let held = machine.hold(0);
    let document = watching.until("the hold", |d| states(d)[0] == "busy");
    assert_eq!(
        (&device(&document, 0)["power_w"], &device(&document, 0)["missing"]["power_w"]),
        (&json!(360), &json!("held by another process"))
    );
    let age = |d: &Value| device(d, 0)["age_ms"]["power_w"].as_u64().expect("has an age");
    let older = watching.until("its figures to age", |d| age(d) > 2_500);
    assert!(states(&older)[1..].iter().all(|state| *state == "ok"), "the others go on: {:?}", states(&older));
    drop(held);
    watching.until("its release", |d| states(d) == ["ok"; 8]);
}

#[test]
fn while_a_held_lock_keeps_the_library_shut_cards_are_read_from_files() {
    let Some(machine) = Machine::of_library(&[]) else { return };
    machine.sim(&["load"]);
    assert_eq!(states(&machine.once()), ["ok"; 8], "this also makes the locks");
    let held = machine.hold(0);
    let watching = Watching::start(machine.devices(WATCH));
    let document = watching.until("cards from files", |d| device(d, 0)["sources"]["power_w"] == "sysfs");
    assert_eq!((&device(&document, 0)["power_w"], &device(&document, 7)["util_pct"]), (&json!(360), &json!(90)));
    assert!(trouble(&document, "rsmi.held").is_some(), "{:#}", document["troubles"]);
    drop(held);
    watching.until("the library", |d| (0..8).all(|k| device(d, k)["sources"]["power_w"] == "rsmi") && states(d) == ["ok"; 8]);
}

#[test]
fn a_library_that_aborts_in_a_call_is_used_without_that_call() {
    let Some(machine) = Machine::of_library(&["--pcie-links"]) else { return };
    let mut watching = Watching::start(machine.devices(WATCH));
    let document = watching.until("cards after the abort", |d| states(d) == ["ok"; 8]);
    let said = trouble(&document, "sampler.died").expect("is told");
    assert!(said.contains("rsmi_topo_get_link_type (signal 6)"), "{said}");
    assert_eq!(device(&document, 0)["links"], json!([]));
    assert!(watching.running());
}

#[test]
fn links_between_cards_are_read_where_the_library_knows_them() {
    let Some(machine) = Machine::of_library(&["--xgmi"]) else { return };
    let document = machine.once();
    let links = device(&document, 0)["links"].as_array().expect("is a list");
    assert_eq!(links.len(), 7);
    assert_eq!((&links[0]["to"], &links[0]["kind"], &links[0]["hops"]), (&json!("0000:47:00.0"), &json!("xgmi"), &json!(1)));
}

#[test]
fn a_sampler_that_is_killed_or_stopped_makes_cards_stale_and_disturbs_nothing() {
    let Some(machine) = Machine::of_library(&[]) else { return };
    let mut watching = Watching::start(machine.devices(WATCH));
    watching.until("eight cards", |d| states(d) == ["ok"; 8]);
    let first = watching.sampler_after(None);
    signal(first, Signal::KILL);
    watching.until("the death to be told", |d| trouble(d, "sampler.died").is_some_and(|said| said.contains("signal 9")));
    let second = watching.sampler_after(Some(first));
    watching.until("fresh figures", |d| states(d) == ["ok"; 8] && trouble(d, "sampler.died").is_some());
    signal(second, Signal::STOP);
    let stale = watching.until("staleness", |d| states(d) == ["stale"; 8]);
    assert!(device(&stale, 0)["age_ms"]["power_w"].as_u64().is_some_and(|age| age > 4_000));
    assert_eq!(device(&stale, 0)["power_cap_w"], json!(400), "the last figures are still shown, with their age");
    watching.until("a third sampler", |d| states(d) == ["ok"; 8]);
    assert!(trouble(&watching.until("the hang to be told", |_| true), "sampler.hung").is_some());
    assert!(watching.running());
    let last = watching.sampler_after(None);
    signal(watching.pid(), Signal::KILL);
    let deadline = Instant::now() + SOON;
    while fs::metadata(format!("/proc/{last}")).is_ok() {
        assert!(Instant::now() < deadline, "the sampler outlives its face");
        std::thread::yield_now();
    }
}

#[test]
fn nothing_is_missing_from_files_alone_that_the_library_reads_from_them() {
    let Some(machine) = Machine::of_library(&["--vendor", "0x1d94"]) else { return };
    machine.sim(&["load"]);
    let output = machine.devices(&["--json", "--source", "sysfs"]).output().expect("runs");
    let files: Value = serde_json::from_slice(&output.stdout).expect("is one document");
    let library = machine.once();
    for field in
        ["pci", "vendor", "name", "serial", "numa_node", "util_pct", "mem_used_bytes", "power_w", "temp_c", "core_clk_mhz", "ecc_ce"]
    {
        assert_eq!(device(&files, 4)[field], device(&library, 4)[field], "{field}");
    }
    assert_eq!(device(&files, 4)["vendor"], "hygon");
}

/// `devices` with a library of Hygon's kind that reads the machine's files; needs no namespace.
fn hygon(machine: &Machine, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let library = machine.root().join("librocm_smi64.so.2");
    compile("hygon.c", &library, &["-shared", "-fPIC"]);
    let mut all = vec!["--source", "rocm"];
    all.extend(arguments);
    let mut command = machine.devices_outside(&all);
    command.env("RSMI_LIB", library).env("DCU_STUB_ROOT", machine.root()).envs(environment.iter().copied());
    command
}

#[test]
fn a_library_of_hygons_layout_is_told_by_its_functions_and_read_by_its_sizes() {
    let machine = Machine::new(&["--vendor", "0x1d94", "--cards", "4"]);
    machine.sim(&["load"]);
    let output = hygon(&machine, &["--json"], &[]).output().expect("runs");
    let document: Value = serde_json::from_slice(&output.stdout).expect("is one document");
    assert_eq!(document["libraries"][0]["abi"], "hygon");
    let first = device(&document, 0);
    assert_eq!((&first["vendor"], &first["core_clk_mhz"], &first["temp_c"]["core"]), (&json!("hygon"), &json!(1500), &json!(66)));
    assert_eq!((&first["util_pct"], &first["sources"]["util_pct"]), (&json!(97), &json!("rsmi")));
}

#[test]
fn a_process_of_a_job_of_ours_is_joined_to_it() {
    let machine = Machine::new(&["--vendor", "0x1d94", "--cards", "1"]);
    let mut new = New::foreign("test", "holder", vec!["sleep".to_owned(), "600".to_owned()]);
    new.env.push(("DCUDECK_EXE".to_owned(), env!("CARGO_BIN_EXE_dcudeck").to_owned()));
    new.env.push(("XDG_STATE_HOME".to_owned(), machine.home().join("state").display().to_string()));
    let job = jobs::start(&Workspace::at(machine.home().join("ws")), new).expect("starts");
    let deadline = Instant::now() + SOON;
    let pid = loop {
        assert!(Instant::now() < deadline, "the job does not run");
        if let Some(pid) = job.pid() {
            break pid;
        }
        std::thread::yield_now();
    };
    machine.sim(&["proc", "0", &pid.to_string(), "1000000"]);
    let output = hygon(&machine, &["--json"], &[]).output().expect("runs");
    job.stop(Duration::ZERO).expect("stops");
    job.wait(SOON);
    let document: Value = serde_json::from_slice(&output.stdout).expect("is one document");
    let process = &device(&document, 0)["processes"][0];
    assert_eq!((&process["pid"], &process["job"], &process["mem_bytes"]), (&json!(pid), &json!(job.id()), &json!(1_000_000)));
}

#[test]
fn a_use_that_takes_a_second_is_read_by_turns_while_the_other_figures_stay_fresh() {
    let machine = Machine::new(&["--vendor", "0x1d94", "--cards", "4"]);
    machine.sim(&["load"]);
    let slow = ("DCU_STUB_HANG_MS", "1000");
    let windowed = Watching::start(hygon(&machine, WATCH, &[slow]));
    let document = windowed.until("the windowed use", |d| (0..4).all(|k| device(d, k)["util_pct"].is_number()));
    assert_eq!(device(&document, 0)["window_ms"]["util_pct"], 120);
    drop(windowed);
    let dear = Watching::start(hygon(&machine, WATCH, &[slow, ("DCU_STUB_FAIL", "rsmi_dev_hcu_util_get=2")]));
    let age = |d: &Value, k, field: &str| device(d, k)["age_ms"][field].as_u64().unwrap_or(u64::MAX);
    // One turn is a second and saved up over three: a card waits for the turns of the others.
    let document = dear.until("ages to part", |d| {
        (0..4).any(|k| age(d, k, "util_pct") > 4_000) && (0..4).all(|k| age(d, k, "power_w") < 3_000 && age(d, k, "util_pct") < 60_000)
    });
    assert_eq!(states(&document), ["ok"; 4]);
    machine.sim(&["idle"]);
    dear.until("every turn", |d| (0..4).all(|k| device(d, k)["util_pct"] == 0));
}

#[test]
fn what_a_library_gives_out_of_range_is_unknown_and_no_figure() {
    let machine = Machine::new(&["--vendor", "0x1d94", "--cards", "1"]);
    let folder = fs::read_dir(machine.root().join("bus/pci/devices")).expect("lists").next().expect("has one").expect("reads").path();
    fs::write(folder.join("gpu_busy_percent"), "65535\n").expect("writes");
    fs::write(folder.join("mem_busy_percent"), "40\n").expect("writes");
    let output = hygon(&machine, &["--json"], &[]).output().expect("runs");
    let document: Value = serde_json::from_slice(&output.stdout).expect("is one document");
    let card = device(&document, 0);
    assert_eq!((&card["util_pct"], &card["missing"]["util_pct"]), (&Value::Null, &json!("unknown ABI")));
    assert_eq!(card["mem_busy_pct"], 40);
}

#[test]
fn a_library_that_is_named_and_not_there_is_told_with_status_3() {
    let machine = Machine::new(&["--cards", "1"]);
    let mut command = machine.devices_outside(&["--source", "rocm", "--json"]);
    let output = command.env("RSMI_LIB", machine.root().join("none.so")).output().expect("runs");
    assert_eq!(output.status.code(), Some(3));
    let error: Value = serde_json::from_slice(&output.stdout).expect("is one document");
    assert!(error["error"]["message"].as_str().is_some_and(|said| said.contains("no rocm_smi library")), "{error}");
}

#[test]
fn a_recording_plays_the_cards_that_were_recorded_and_is_not_overwritten() {
    let machine = Machine::new(&["--vendor", "0x1d94", "--cards", "2"]);
    machine.sim(&["load"]);
    let file = machine.root().join("a recording.ndjson");
    let name = file.to_str().expect("is text").to_owned();
    let output = hygon(&machine, &[], &[]).args(["record", &name, "--for", "2.5"]).output().expect("runs");
    assert!(!output.status.success(), "flags of the table are not those of a recording");
    let record = |machine: &Machine| {
        let mut command = machine.devices_outside(&["record", &name, "--for", "2.5", "--source", "rocm"]);
        command.env("RSMI_LIB", machine.root().join("librocm_smi64.so.2")).env("DCU_STUB_ROOT", machine.root()).output().expect("runs")
    };
    assert!(record(&machine).status.success());
    assert_eq!(record(&machine).status.code(), Some(2));
    let output =
        machine.devices_outside(&["--json", "--watch", "0.1", "--source", "replay", &name, "--speed", "10"]).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("is text");
    let last: Value = serde_json::from_str(text.lines().last().expect("has lines")).expect("is a document");
    assert_eq!((&device(&last, 0)["util_pct"], &device(&last, 1)["util_pct"]), (&json!(97), &json!(96)));
    assert_eq!(device(&last, 0)["sources"]["power_w"], "rsmi");
}

#[test]
fn the_recorded_session_is_a_training_run_on_eight_cards_and_then_serving_on_four() {
    let machine = Machine::new(&["--cards", "1"]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/devices/session.ndjson");
    let replay = ["--json", "--watch", "0.05", "--source", "replay", file, "--speed", "40"];
    let watching = Watching::start(machine.devices_outside(&replay));
    let runs = |d: &Value, k, name: &str| device(d, k)["processes"][0]["command"].as_str().is_some_and(|command| command.contains(name));
    let busy = |d: &Value, k| device(d, k)["util_pct"].as_u64().is_some_and(|busy| busy > 40);
    watching.until("training", |d| (0..8).all(|k| runs(d, k, "llamafactory-cli train") && busy(d, k)));
    watching.until("corrected errors", |d| device(d, 6)["ecc_ce"] == 3);
    watching.until("serving", |d| (0..4).all(|k| runs(d, k, "VLLM::Worker_TP") && busy(d, k)) && (4..8).all(|k| !busy(d, k)));
    watching.until("a card that lags its group", |d| (0..3).all(|k| busy(d, k)) && !busy(d, 3));
}

#[test]
fn what_is_no_recording_is_refused_with_its_line() {
    let machine = Machine::new(&["--cards", "1"]);
    let file = machine.root().join("other.ndjson");
    fs::write(&file, "{\"a\":1}\n").expect("writes");
    let output = machine.devices_outside(&["--json", "--source", "replay", file.to_str().expect("is text")]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let error: Value = serde_json::from_slice(&output.stdout).expect("is one document");
    assert_eq!((&error["error"]["kind"], &error["error"]["line"]), (&json!("recording.schema"), &json!(1)));
}
