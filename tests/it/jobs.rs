//! Jobs as they are: real shims of the real binary over real programs. Each test owns what it starts, and ends it.
#![expect(clippy::expect_used, reason = "what a test expects it says")]

use dcudeck::{
    base::Problem,
    jobs::{self, Exit, Job, JobError, New, Program, Spec, State, control},
    workspace::Workspace,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(30);
const NO_GRACE: Duration = Duration::ZERO;

/// A workspace whose jobs are all ended when the test is over, however it ends.
struct Ground {
    dir: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("temporary folder") }
    }

    fn workspace(&self) -> Workspace {
        Workspace::at(self.dir.path().join("ws"))
    }

    fn state_home(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&self, new: New) -> Result<Job, JobError> {
        let mut new = new;
        new.env.push(("DCUDECK_EXE".to_owned(), env!("CARGO_BIN_EXE_dcudeck").to_owned()));
        new.env.push(("XDG_STATE_HOME".to_owned(), self.state_home().display().to_string()));
        new.env.push(("HERE".to_owned(), self.dir.path().display().to_string()));
        jobs::start(&self.workspace(), new)
    }

    /// A shell script as a foreign job; `$HERE` is this test's folder.
    fn sh(&self, script: &str) -> Job {
        self.start(New::foreign("test", "script", vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()])).expect("starts")
    }

    /// The process id a script wrote to `$HERE/name`.
    fn pid(&self, name: &str) -> Pid {
        let path = self.path(name);
        let read = || fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n'));
        until(&format!("{name} is written"), || read().is_some());
        Pid::from_raw(read().expect("is there").trim().parse().expect("a number")).expect("not 0")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for job in jobs::list(&self.workspace()) {
            let _ = job.stop(NO_GRACE);
            job.wait(Duration::from_secs(5));
        }
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "never came true: {what}");
        std::thread::yield_now();
    }
}

fn gone(pid: Pid) -> bool {
    test_kill_process(pid).is_err()
}

fn ended(job: &Job) -> Exit {
    assert!(job.wait(DEADLINE).ended(), "{:?}", job.state());
    job.exit().expect("exit.json")
}

fn log(job: &Job) -> String {
    fs::read_to_string(job.log()).expect("log")
}

#[test]
fn a_job_that_ends_by_itself_leaves_status_log_and_usage() {
    let ground = Ground::new();
    let job = ground.sh("echo out; echo err >&2; exit 0");
    let exit = ended(&job);
    assert_eq!((exit.code, exit.signal, exit.stopped, job.state()), (Some(0), None, false, State::Exited));
    assert_eq!(log(&job), "out\nerr\n");
    assert!(exit.rusage.is_some_and(|usage| usage.max_rss_bytes > 100_000));
    assert!(exit.left.is_empty() && exit.at.ends_with('Z'));
}

#[test]
fn another_status_or_a_signal_is_a_failure_that_names_it() {
    let ground = Ground::new();
    let status = ended(&ground.sh("exit 7"));
    assert_eq!((status.code, status.state()), (Some(7), State::Failed));
    let signal = ended(&ground.sh("kill -SEGV $$"));
    assert_eq!((signal.code, signal.signal, signal.state()), (None, Some(11), State::Failed));
}

#[test]
fn a_program_that_is_not_there_is_told_at_once_and_kept_as_failed() {
    let ground = Ground::new();
    let error = ground.start(New::foreign("serve", "vllm", vec!["no-such-program-here".to_owned()])).expect_err("cannot start");
    let problem = Problem::from(error);
    assert_eq!(problem.kind(), "jobs.program");
    assert!(problem.to_string().contains("no-such-program-here cannot be started: No such file"), "{problem}");
    let listed = jobs::list(&ground.workspace());
    assert_eq!(listed.iter().map(Job::state).collect::<Vec<_>>(), [State::Failed]);
    assert!(log(listed.first().expect("one")).contains("no-such-program-here cannot be started"));
}

#[test]
fn a_worker_kind_this_program_does_not_have_fails_with_a_sentence_in_the_log() {
    let ground = Ground::new();
    let mut new = New::worker("juggling", "x", serde_json::json!({}));
    new.env.push(("DCUDECK_EXE".to_owned(), env!("CARGO_BIN_EXE_dcudeck").to_owned()));
    let job = ground.start(new).expect("starts");
    assert_eq!(ended(&job).code, Some(2));
    assert!(log(&job).contains("no worker of kind juggling"));
    let attached = control::attach_when_ready(job.dir(), DEADLINE, |_| {});
    assert!(matches!(attached, Err(control::AttachError::Ended { state: State::Failed, .. })));
}

#[test]
fn a_job_is_alone_in_its_session_with_clean_signals_and_no_terminal() {
    let ground = Ground::new();
    // Started without a shell, which would mend its signals itself.
    let job = ground.start(New::foreign("test", "grep", ["grep", "", "/proc/self/status", "/proc/self/stat"].map(str::to_owned).to_vec()));
    let job = job.expect("starts");
    ended(&job);
    let log = log(&job);
    let after = |name: &str| log.lines().find_map(|line| line.split_once(name)).map(|(_, rest)| rest.trim().to_owned()).expect("in /proc");
    for name in ["SigBlk:", "SigIgn:"] {
        // Without the real-time signals, some of which a container's own runtime may have touched.
        assert_eq!(u64::from_str_radix(&after(name), 16).map(|mask| mask & 0x7fff_ffff), Ok(0), "{log}");
    }
    let stat = after("(grep)");
    let fields: Vec<&str> = stat.split_whitespace().collect();
    let own = rustix::process::getsid(None).expect("session").as_raw_nonzero().to_string();
    assert!(fields.get(3).is_some_and(|session| *session != own) && fields.get(4) == Some(&"0"), "{stat}");
}

#[test]
fn orphans_are_adopted_reaped_and_ended_with_the_job() {
    let ground = Ground::new();
    // One in the group, one in a session of its own, both deaf to SIGTERM, both orphaned before the job ends.
    let job = ground.sh(
        "(trap '' TERM; sh -c 'echo $$ > $HERE/near; exec sleep 1000' &) ; (trap '' TERM; setsid sh -c 'echo $$ > $HERE/far; exec sleep 1000' &)
        while ! [ -s $HERE/near ] || ! [ -s $HERE/far ]; do :; done; exit 3",
    );
    let (near, far) = (ground.pid("near"), ground.pid("far"));
    let exit = ended(&job);
    assert_eq!((exit.code, exit.left.as_slice()), (Some(3), [].as_slice()));
    assert!(gone(near) && gone(far));
}

#[test]
fn stopping_gives_a_program_time_to_clean_up() {
    let ground = Ground::new();
    let job = ground.sh("trap 'echo cleaned; exit 0' TERM; echo $$ > $HERE/pid; while :; do sleep 0.05; done");
    ground.pid("pid");
    assert_eq!(job.state(), State::Running);
    job.stop(DEADLINE).expect("signals");
    let exit = ended(&job);
    assert_eq!((exit.code, exit.stopped, job.state()), (Some(0), true, State::Exited));
    assert!(log(&job).ends_with("cleaned\n"));
}

#[test]
fn a_program_deaf_to_sigterm_is_killed_after_the_grace_with_all_below_it() {
    let ground = Ground::new();
    let job = ground.sh("trap '' TERM; sh -c 'echo $$ > $HERE/below; exec sleep 1000' & echo $$ > $HERE/pid; while :; do wait; done");
    let (program, below) = (ground.pid("pid"), ground.pid("below"));
    job.stop(Duration::from_secs(1000)).expect("signals");
    until("it is stopping", || job.state() == State::Stopping);
    assert!(!gone(program) && !gone(below));
    job.stop(Duration::from_millis(50)).expect("the earlier end counts");
    let exit = ended(&job);
    assert_eq!((exit.signal, exit.stopped, job.state()), (Some(9), true, State::Exited));
    assert!(gone(program) && gone(below));
}

#[test]
fn sigterm_and_sighup_to_the_shim_stop_and_do_not_stop_the_job() {
    let ground = Ground::new();
    let job = ground.sh("echo $$ > $HERE/pid; exec sleep 1000");
    let program = ground.pid("pid");
    let shim = Pid::from_raw(job.shim_pid().expect("runs")).expect("not 0");
    kill_process(shim, Signal::HUP).expect("signals");
    kill_process(shim, Signal::TERM).expect("signals");
    let exit = ended(&job);
    // SIGTERM, not SIGHUP, reached the program.
    assert_eq!((exit.signal, exit.stopped), (Some(15), true));
    assert!(gone(program));
}

#[test]
fn a_job_whose_shim_was_killed_runs_on_can_be_stopped_and_ends_as_lost() {
    let ground = Ground::new();
    let job = ground.sh("echo $$ > $HERE/pid; exec sleep 1000");
    let program = ground.pid("pid");
    assert!(job.supervised());
    kill_process(Pid::from_raw(job.shim_pid().expect("runs")).expect("not 0"), Signal::KILL).expect("signals");
    until("the shim is gone", || !job.supervised());
    assert_eq!((job.state(), gone(program)), (State::Running, false));
    job.stop(DEADLINE).expect("signals the program itself");
    assert_eq!(job.wait(DEADLINE), State::Lost);
    assert_eq!(job.exit(), None);
    job.stop(NO_GRACE).expect("nothing is left to signal");
}

#[test]
fn a_killed_starter_takes_no_job_along() {
    let ground = Ground::new();
    // Its starter is a shell in a process group of its own, killed as a whole; the spec is another job's, taken over.
    let model = ground.sh("exit 0");
    ended(&model);
    let dir = ground.workspace().jobs().join("orphaned");
    let spec = Spec {
        id: "orphaned".to_owned(),
        program: Program::Foreign(["sh", "-c", "echo $$ > $HERE/pid; exec sleep 1000"].map(str::to_owned).to_vec()),
        ..model.spec().clone()
    };
    fs::create_dir(&dir).expect("makes");
    fs::write(dir.join("spec.json"), serde_json::to_vec(&spec).expect("JSON")).expect("writes");
    let mut starter = Command::new("sh")
        .args(["-c", "\"$0\" __job \"$1\" & while :; do wait; done", env!("CARGO_BIN_EXE_dcudeck")])
        .arg(&dir)
        .env("XDG_STATE_HOME", ground.state_home())
        .env("HERE", ground.dir.path())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("starts");
    let program = ground.pid("pid");
    let job = Job::open(&dir).expect("opens");
    until("its shim says so", || job.state() == State::Running && job.supervised());
    let group = Pid::from_raw(i32::try_from(starter.id()).expect("fits")).expect("not 0");
    kill_process_group(group, Signal::HUP).expect("signals");
    kill_process_group(group, Signal::KILL).expect("signals");
    starter.wait().expect("ends");
    assert!(job.supervised() && job.state() == State::Running && !gone(program));
    job.stop(DEADLINE).expect("signals");
    assert_eq!(ended(&job).signal, Some(15));
}

#[test]
fn live_jobs_of_all_workspaces_are_listed_while_they_live() {
    let ground = Ground::new();
    let job = ground.sh("echo $$ > $HERE/pid; exec sleep 1000");
    ground.pid("pid");
    let entry = ground.state_home().join("dcudeck/jobs").join(job.id());
    assert_eq!(fs::read_to_string(&entry).expect("listed"), format!("{}\n", job.dir().display()));
    job.stop(NO_GRACE).expect("signals");
    ended(&job);
    until("the entry is removed", || !entry.exists());
}

#[test]
fn a_broken_folder_does_not_hide_the_jobs_beside_it() {
    let ground = Ground::new();
    let job = ground.sh("exit 0");
    let jobs_dir = ground.workspace().jobs();
    fs::create_dir(jobs_dir.join("empty")).expect("makes");
    fs::create_dir(jobs_dir.join("broken")).expect("makes");
    fs::write(jobs_dir.join("broken/spec.json"), "{").expect("writes");
    fs::write(jobs_dir.join("stray"), "").expect("writes");
    let listed: Vec<String> = jobs::list(&ground.workspace()).iter().map(|job| job.id().to_owned()).collect();
    assert_eq!(listed, [job.id()]);
    assert!(Job::open(&jobs_dir.join("broken")).is_err_and(|error| error.to_string().contains("spec.json")));
}

#[test]
fn secrets_in_the_environment_are_not_written_down() {
    let ground = Ground::new();
    let mut new = New::foreign("test", "secret", vec!["sh".to_owned(), "-c".to_owned(), "[ ${#API_KEY} = 14 ]".to_owned()]);
    new.env.push(("API_KEY".to_owned(), "sk-very-secret".to_owned()));
    let job = ground.start(new).expect("starts");
    assert_eq!(ended(&job).code, Some(0));
    assert!(job.spec().env.contains(&"API_KEY".to_owned()));
    for entry in fs::read_dir(job.dir()).expect("lists").flatten() {
        let text = fs::read(entry.path()).expect("reads");
        assert!(!text.windows(14).any(|part| part == b"sk-very-secret"), "{}", entry.path().display());
    }
}

#[test]
fn the_folder_of_a_job_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let ground = Ground::new();
    let job = ground.sh("exit 0");
    ended(&job);
    let mode = |path: PathBuf| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!((mode(job.dir().to_path_buf()), mode(job.dir().join("spec.json")), mode(job.log())), (0o700, 0o600, 0o600));
}

#[test]
fn hidden_arguments_without_a_job_are_refused() {
    for arguments in [&["__job"][..], &["__worker", "bench"], &["__worker", "bench", "/nonexistent"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_dcudeck")).args(arguments).output().expect("runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("dcudeck: "));
    }
}
