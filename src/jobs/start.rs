//! Starting a job: its folder, its spec, its shim, and the shim's word that it runs.

use super::{Job, JobError, LOG, New, Program, SHIM_ARGUMENT, SPEC, Spec, WORKER_ARGUMENT, shim::Report};
use crate::{
    base::{clock, ids},
    workspace::Workspace,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    os::unix::{
        fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long the shim may take to report. It does no work before, so only a node in trouble needs it.
const REPORT_WITHIN: Duration = Duration::from_secs(30);

/// Environment variable that names the program to start shims and workers from.
const EXE: &str = "DCUDECK_EXE";

/// Starts a job in `workspace` and returns once its program runs. The job outlives the caller.
///
/// # Errors
/// When the folder cannot be made or the program cannot be started; the job's folder then stays, with the reason in `exit.json`.
pub fn start(workspace: &Workspace, new: New) -> Result<Job, JobError> {
    let root = std::path::absolute(workspace.root()).unwrap_or_else(|_| workspace.root().to_path_buf());
    let jobs = root.join("jobs");
    let id = ids::make_folder(&jobs, &new.name).map_err(|source| JobError::File { path: jobs.clone(), source })?;
    let dir = jobs.join(&id);
    let cwd = new.cwd.or_else(|| env::current_dir().ok()).unwrap_or_else(|| root.clone());
    let spec = Spec {
        id,
        kind: new.kind,
        name: new.name,
        program: new.program,
        payload: new.payload,
        env: new.env.iter().map(|(name, _)| name.clone()).collect(),
        cwd,
        workspace: root,
        created_at: clock::now_rfc3339(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    write_spec(&dir, &spec).map_err(|source| JobError::File { path: dir.join(SPEC), source })?;

    let shim_error = |found: String| JobError::Shim { found, log: dir.join(LOG) };
    let mut shim = itself(&new.env)
        .arg(SHIM_ARGUMENT)
        .arg(&dir)
        .envs(new.env)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| shim_error(format!("could not be started ({error})")))?;
    let reports = shim.stdout.take();
    // While this process lives it is the shim's parent and has to take its exit status; afterwards init does.
    thread::Builder::new()
        .name("shim-wait".to_owned())
        .stack_size(64 << 10)
        .spawn(move || shim.wait())
        .map_err(|error| shim_error(format!("could not be awaited ({error})")))?;
    let text = reports.map_or_else(|| Ok(Vec::new()), read_report).map_err(|error| shim_error(format!("did not report ({error})")))?;
    match serde_json::from_slice(&text) {
        Ok(Report::Running) => Job::open(&dir),
        Ok(Report::Failed { reason }) => Err(JobError::Program { program: program_name(&spec), reason }),
        Err(_) => Err(shim_error("ended without a report".to_owned())),
    }
}

/// 0600 in a folder of 0700: payloads may hold what is nobody else's business.
fn write_spec(dir: &Path, spec: &Spec) -> io::Result<()> {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(dir.join(SPEC))?;
    serde_json::to_writer_pretty(&mut file, spec)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// One line, or what came until the shim closed its end.
fn read_report(mut pipe: ChildStdout) -> io::Result<Vec<u8>> {
    let until = Instant::now() + REPORT_WITHIN;
    let mut text = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("nothing for {} s", REPORT_WITHIN.as_secs())));
        }
        let limit = Timespec::try_from(left).ok();
        if poll(&mut [PollFd::new(&pipe, PollFlags::IN)], limit.as_ref())? == 0 {
            continue;
        }
        let mut part = [0; 4096];
        let read = pipe.read(&mut part)?;
        text.extend_from_slice(part.get(..read).unwrap_or_default());
        if read == 0 || text.ends_with(b"\n") {
            return Ok(text);
        }
    }
}

/// The command of a job's program, without its log and process group.
pub(super) fn command(dir: &Path, spec: &Spec) -> Option<Command> {
    let mut command = match &spec.program {
        Program::Worker => {
            let mut command = itself(&[]);
            command.arg(WORKER_ARGUMENT).arg(&spec.kind).arg(dir);
            command
        }
        Program::Foreign(argv) => {
            let (program, arguments) = argv.split_first()?;
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
    };
    command.current_dir(&spec.cwd);
    Some(command)
}

/// What a person calls the job's program.
pub(super) fn program_name(spec: &Spec) -> String {
    match &spec.program {
        Program::Worker => format!("the {} worker", spec.kind),
        Program::Foreign(argv) => argv.first().cloned().unwrap_or_else(|| "a program without a name".to_owned()),
    }
}

/// The command that starts this very program once more, with arguments to be added.
pub fn this_program() -> Command {
    itself(&[])
}

/// This very program, also after the file it came from was replaced: processes of one job must speak one protocol.
/// `DCUDECK_EXE`, in the job's environment or in this process's, names another one: for tests, whose own process is not dcudeck.
fn itself(given: &[(String, String)]) -> Command {
    let named = given.iter().find(|(name, _)| name == EXE).map(|(_, path)| path.into()).or_else(|| env::var_os(EXE));
    if let Some(path) = named.filter(|path| !path.is_empty()) {
        return Command::new(path);
    }
    let running = Path::new("/proc/self/exe");
    let same = |path: &PathBuf| {
        let (Ok(there), Ok(here)) = (fs::metadata(path), fs::metadata(running)) else { return false };
        (there.dev(), there.ino()) == (here.dev(), here.ino())
    };
    if let Some(path) = env::current_exe().ok().filter(same) {
        return Command::new(path);
    }
    let mut command = Command::new(running);
    command.arg0("dcudeck");
    command
}
