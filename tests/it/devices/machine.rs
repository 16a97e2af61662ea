//! A machine with cards that are not there: files laid over `/sys` in a namespace of its own, for the real `librocm_smi64`.

use crate::program::dcudeck;
use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use serde_json::Value;

/// What anything here may take on a busy machine.
pub(super) const SOON: Duration = Duration::from_mins(1);

fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/fake-machine").join(name)
}

fn run(command: &mut Command) {
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn works(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Compiles a C file of the tools.
pub(super) fn compile(file: &str, out: &Path, flags: &[&str]) {
    run(Command::new("cc").args(["-O2", "-w", "-o"]).arg(out).arg(tool(file)).args(flags));
}

/// Files of a machine in a folder of their own.
pub(super) struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// One with the files that `tree.py` makes for these options.
    pub(super) fn new(options: &[&str]) -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("temporary folder") };
        fs::create_dir_all(machine.root().join("shm")).expect("mkdir");
        machine.build(options);
        machine
    }

    /// As [`Machine::new`], when the real library can be run on it here; else says aloud that the test is skipped.
    pub(super) fn of_library(options: &[&str]) -> Option<Self> {
        let machine = Self::new(options);
        let library = ["/usr/lib", "/usr/lib/x86_64-linux-gnu", "/opt/rocm/lib"]
            .iter()
            .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
            .any(|entry| entry.file_name().to_string_lossy().starts_with("librocm_smi64.so"));
        let why = if !library {
            "librocm_smi64 is not installed (apt-get install librocm-smi64-1)"
        } else if !works(Command::new("unshare").args(["-Urm", "mount", "-t", "tmpfs", "x", "/mnt"]))
            && !works(Command::new("unshare").args(["-m", "true"]))
        {
            "mount namespaces are not allowed here (needs root or unprivileged user namespaces)"
        } else {
            // Namespaces are allowed: anything that now fails is a fault of the files.
            run(machine.within().arg("true"));
            return Some(machine);
        };
        // Past the capture of tests that pass: what was not tested is seen.
        let _ = writeln!(io::stderr(), "SKIPPED: {why}");
        None
    }

    /// Home of the commands that run on it.
    pub(super) fn home(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("sys")
    }

    /// Makes the files anew, as when a card is back.
    pub(super) fn build(&self, options: &[&str]) {
        run(Command::new("python3").arg(tool("tree.py")).arg(self.root()).args(options));
    }

    /// Changes the files.
    pub(super) fn sim(&self, arguments: &[&str]) {
        run(Command::new("python3").arg(tool("sim.py")).arg(self.root()).args(arguments));
    }

    /// What starts a command on this machine: its program and arguments come after.
    pub(super) fn within(&self) -> Command {
        let mut command = Command::new(tool("within"));
        command.arg(self.root());
        command
    }

    /// `dcudeck devices ARGUMENTS` on this machine.
    pub(super) fn devices(&self, arguments: &[&str]) -> Command {
        let mut all = vec!["devices"];
        all.extend(arguments);
        let bare = dcudeck(self.folder.path(), &all);
        let mut command = self.within();
        command.arg(bare.get_program()).args(bare.get_args());
        for (name, value) in bare.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::null());
        command
    }

    /// The same, without the files being laid over `/sys`.
    pub(super) fn devices_outside(&self, arguments: &[&str]) -> Command {
        let mut all = vec!["devices"];
        all.extend(arguments);
        dcudeck(self.folder.path(), &all)
    }

    /// Every card once.
    pub(super) fn once(&self) -> Value {
        let output = self.devices(&["--json"]).output().expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("is one document")
    }

    /// Holds the lock of a card as a hung process would, until dropped.
    pub(super) fn hold(&self, card: u32) -> Holder {
        let program = self.folder.path().join("hold");
        compile("hold.c", &program, &["-lpthread"]);
        let lock = self.root().join(format!("shm/rocm_smi_card{card}"));
        let mut child = Command::new(program).arg(lock).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
        let mut said = String::new();
        BufReader::new(child.stdout.take().expect("is piped")).read_line(&mut said).expect("says something");
        assert_eq!(said, "held\n");
        Holder { stdin: child.stdin.take(), child }
    }
}

/// A process that holds a card's lock.
pub(super) struct Holder {
    stdin: Option<ChildStdin>,
    child: Child,
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// `devices --watch` that runs, and its documents.
pub(super) struct Watching {
    child: Child,
    documents: Receiver<Value>,
}

impl Watching {
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
        let stdout = BufReader::new(child.stdout.take().expect("is piped"));
        let (send, documents) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let Ok(document) = serde_json::from_str(&line) else { panic!("no document: {line}") };
                if send.send(document).is_err() {
                    return;
                }
            }
        });
        Self { child, documents }
    }

    /// The first document from now on for which `wanted` is true.
    pub(super) fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + SOON;
        let mut last = Value::Null;
        while let Ok(document) = self.documents.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if wanted(&document) {
                return document;
            }
            last = document;
        }
        panic!("{what} did not come; last: {last:#}");
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process of the sampler, waiting for another than `before`.
    pub(super) fn sampler_after(&self, before: Option<u32>) -> u32 {
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            if let Some(pid) = children(self.pid()).into_iter().find(|pid| Some(*pid) != before) {
                return pid;
            }
            std::thread::yield_now();
        }
        panic!("no sampler runs");
    }

    pub(super) fn running(&mut self) -> bool {
        self.child.try_wait().expect("is ours").is_none()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processes that `pid`'s threads started.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}
