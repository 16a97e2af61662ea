//! The real binary in a home of its own, and what it printed.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

/// `dcudeck ARGUMENTS` that reads and writes nothing outside `home`.
pub(crate) fn dcudeck(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dcudeck"));
    command.arg("--workspace").arg(home.join("ws")).args(arguments);
    for (variable, folder) in [("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("HOME", ".")] {
        command.env(variable, home.join(folder));
    }
    for variable in ["DCUDECK_WORKSPACE", "DCUDECK_LANG", "DCUDECK_API_KEY", "OPENAI_API_KEY", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command.env("LANG", "C.UTF-8").stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn output(home: &Path, arguments: &[&str]) -> Output {
    dcudeck(home, arguments).output().expect("runs")
}

/// A server of ours in the foreground: ended by its pid when dropped.
pub(crate) struct Server {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    /// Its base URL, as it said itself.
    pub(crate) url: String,
}

impl Server {
    /// Starts `dcudeck engine …` on a free port and waits until it says that it listens.
    pub(crate) fn start(home: &Path, arguments: &[&str]) -> Self {
        let mut all = vec!["engine"];
        all.extend(arguments);
        all.extend(["--port", "0", "--json"]);
        let mut child = dcudeck(home, &all).stdout(Stdio::piped()).spawn().expect("starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("says something");
        let listening: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert_eq!(listening["schema"], "dcudeck.engine.listening/1");
        assert_eq!(listening["pid"], child.id());
        let url = listening["url"].as_str().expect("has a URL").to_owned();
        Self { child, _stdout: stdout, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
