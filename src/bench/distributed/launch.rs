//! Starting the workers: one `srun`, or processes of this machine.

use super::{KIND, folder, part::PART};
use crate::{
    base::Problem,
    bench::spec::{Launcher, Workers},
    said,
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    env,
    fs::{self, File},
    io,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// The processes that were started: the workers, or `srun`.
pub(super) struct Launched(Vec<Child>);

/// Starts all workers of the plan in `dir`; their output goes to `K/log`.
pub(super) fn start(dir: &Path, workers: &Workers) -> Result<Launched, Problem> {
    let failed = |what: &str, error: &io::Error| {
        let what = what.to_owned();
        Problem::failed("bench.launch", said!("{what} cannot be started: {error}", "无法启动 {what}：{error}")).file(dir)
    };
    let exe = env::var_os("DCUDECK_EXE").filter(|path| !path.is_empty()).map_or_else(env::current_exe, |path| Ok(path.into()));
    let exe = exe.map_err(|e| failed("dcudeck", &e))?;
    let count = u16::try_from(workers.count).unwrap_or(u16::MAX);
    for k in 0..count {
        fs::create_dir_all(folder(dir, k)).map_err(|e| failed("dcudeck", &e))?;
    }
    let mut launched = Launched(Vec::new());
    match workers.launcher {
        Launcher::Local => {
            for k in 0..count {
                let log = File::create(folder(dir, k).join("log")).map_err(|e| failed("dcudeck", &e))?;
                let err = log.try_clone().map_err(|e| failed("dcudeck", &e))?;
                let mut command = Command::new(&exe);
                command.args(["__worker", KIND]).arg(dir).env(PART, k.to_string());
                let child = command.stdin(Stdio::null()).stdout(log).stderr(err).spawn();
                launched.0.push(child.map_err(|e| failed("dcudeck", &e))?);
            }
        }
        Launcher::Slurm => {
            let log = File::create(dir.join("srun.log")).map_err(|e| failed("srun", &e))?;
            let err = log.try_clone().map_err(|e| failed("srun", &e))?;
            let mut command = Command::new("srun");
            // One that breaks off must not take the others with it.
            command.arg("-n").arg(count.to_string()).args(["--kill-on-bad-exit=0", "--wait=0"]);
            command.arg(format!("--output={}/%t/log", dir.display())).args(&workers.srun_args);
            command.arg(&exe).args(["__worker", KIND]).arg(dir).env_remove(PART);
            let child = command.stdin(Stdio::null()).stdout(log).stderr(err).spawn();
            launched.0.push(child.map_err(|e| {
                failed("srun", &e)
                    .fix(said!("load Slurm's commands, or use --launcher local", "请加载 Slurm 命令，或使用 --launcher local"))
            })?);
        }
    }
    Ok(launched)
}

impl Launched {
    /// None of them runs any more.
    pub(super) fn over(&mut self) -> bool {
        self.0.iter_mut().all(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Ends those that still run.
    pub(super) fn end(mut self) {
        let signal = |children: &[Child], signal| {
            for pid in children.iter().filter_map(|child| Pid::from_raw(child.id().cast_signed())) {
                let _ = kill_process(pid, signal);
            }
        };
        for (patience, with) in [(GRACE, None), (GRACE, Some(Signal::TERM)), (GRACE, Some(Signal::KILL))] {
            if let Some(with) = with {
                // A child that was waited for is gone from the list: its id may be another's by now.
                self.0.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
                signal(&self.0, with);
            }
            let until = Instant::now() + patience;
            while !self.over() && Instant::now() < until {
                thread::park_timeout(Duration::from_millis(20));
            }
            if self.over() {
                return;
            }
        }
    }
}
