//! Jobs as their folders tell of them.

use super::*;
use crate::jobs::Program;

/// A job's folder without any process.
fn folder(parent: &Path, id: &str) -> Job {
    let dir = parent.join(id);
    fs::create_dir_all(&dir).expect("makes");
    let spec = Spec {
        id: id.to_owned(),
        kind: "test".to_owned(),
        name: id.to_owned(),
        program: Program::Worker,
        payload: serde_json::Value::Null,
        env: Vec::new(),
        cwd: dir.clone(),
        workspace: parent.to_path_buf(),
        created_at: clock::now_rfc3339(),
        version: String::new(),
    };
    write_json(&dir.join(SPEC), &spec).expect("writes");
    Job::open(&dir).expect("opens")
}

fn processes(child: Identity) -> Processes {
    let gone = Identity { start_time: 1, ..child.clone() };
    Processes { shim: gone, child, host: clock::host(), started_at: clock::now_rfc3339(), stopping: false }
}

#[test]
fn a_job_that_never_started_is_starting_for_a_minute_and_lost_afterwards() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let job = folder(dir.path(), "a");
    assert_eq!(job.state(), State::Starting);
    assert_eq!(job.wait(Duration::from_millis(30)), State::Starting);
    let spec = fs::File::options().write(true).open(job.dir().join(SPEC)).expect("opens");
    spec.set_modified(SystemTime::now() - STARTS_WITHIN * 2).expect("sets");
    assert_eq!(job.state(), State::Lost);
    job.stop(Duration::ZERO).expect("nothing to signal");
}

#[test]
fn a_reboot_loses_a_job_of_this_host_but_says_nothing_of_another_host() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let job = folder(dir.path(), "a");
    let own = Identity::own().expect("we run");
    let write = |processes: &Processes| write_json(&job.dir().join(SHIM), processes).expect("writes");

    write(&processes(own.clone()));
    assert_eq!((job.state(), job.supervised()), (State::Running, false));
    let rebooted = processes(Identity { boot_id: "before".to_owned(), ..own });
    write(&rebooted);
    assert_eq!((job.state(), job.supervised()), (State::Lost, false));
    write(&Processes { host: "other-node".to_owned(), stopping: true, ..rebooted });
    assert_eq!((job.state(), job.supervised()), (State::Stopping, true));
    assert!(job.stop(Duration::ZERO).is_err_and(|error| error.to_string().contains("runs on other-node")));
}

#[test]
fn the_list_of_live_jobs_forgets_those_that_ended_without_their_shim() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let register = dir.path().join("register");
    let (alive, ended) = (folder(dir.path(), "alive"), folder(dir.path(), "ended"));
    let own = Identity::own().expect("we run");
    write_json(&alive.dir().join(SHIM), &processes(own.clone())).expect("writes");
    write_json(&ended.dir().join(SHIM), &processes(Identity { start_time: 2, ..own })).expect("writes");
    for job in [&alive, &ended] {
        write_whole(&register.join(job.id()), format!("{}\n", job.dir().display()).as_bytes()).expect("writes");
    }
    write_whole(&register.join("elsewhere"), b"/nonexistent/jobs/x\n").expect("writes");
    assert_eq!(live_in(&register), [alive]);
    assert!(!register.join("ended").exists());
    // Its file system may only be away for now.
    assert!(register.join("elsewhere").exists());
}

#[test]
fn the_last_words_of_a_log_are_its_last_line_made_clean() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let job = folder(dir.path(), "a");
    assert_eq!(job.last_words(), None);
    fs::write(job.log(), format!("{}\nlast \x1b[31mwords\u{202e}\n  \n", "x".repeat(100_000))).expect("writes");
    assert_eq!(job.last_words().as_deref(), Some("last words"));
}
