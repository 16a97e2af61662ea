//! Who uses a card: what its driver says, and what the host knows of the process.

use super::address::Address;
use crate::base::clean;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// The kernel's number of the first process namespace (`PROC_PID_INIT_INO`).
const FIRST_NAMESPACE: &str = "pid:[4026531836]";
/// Characters of a command line that are kept.
const COMMAND: usize = 200;
/// Hexadecimal digits of a container's id.
const CONTAINER: usize = 64;

/// A process on a card, as the card's driver sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessUse {
    /// Process id in the host's namespace.
    pub pid: u32,
    /// The card.
    pub card: Address,
    /// Memory of the card it holds; `None` when the driver does not tell.
    pub mem_bytes: Option<u64>,
    /// Its share of the card.
    pub util_pct: Option<f64>,
    /// Who it is, where the host tells.
    #[serde(default)]
    pub who: Who,
}

/// A process, as the host sees it; empty where it may not be looked at (another namespace, another user).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Who {
    /// Name (or number) of its user.
    pub user: Option<String>,
    /// Its command line, cleaned and shortened.
    pub command: Option<String>,
    /// Id of the container it runs in.
    pub container: Option<String>,
    /// Seconds since it started.
    pub running_s: Option<u64>,
}

/// Looks processes up on the host, each once.
#[derive(Debug)]
pub struct Names {
    proc: PathBuf,
    /// Drivers name processes as the host's first namespace does: in another one the same number is another process.
    same_numbers: bool,
    users: BTreeMap<u32, String>,
    /// By process, with its start: a number may come to be another process's.
    known: BTreeMap<u32, (u64, Who)>,
}

impl Default for Names {
    fn default() -> Self {
        let first = fs::read_link("/proc/self/ns/pid").is_ok_and(|namespace| namespace == Path::new(FIRST_NAMESPACE));
        Self::new(PathBuf::from("/proc"), first, &fs::read_to_string("/etc/passwd").unwrap_or_default())
    }
}

impl Names {
    fn new(proc: PathBuf, same_numbers: bool, passwd: &str) -> Self {
        let user = |line: &str| {
            let mut fields = line.split(':');
            let name = clean(fields.next()?).into_owned();
            Some((fields.nth(1)?.parse().ok()?, name))
        };
        Self { proc, same_numbers, users: passwd.lines().filter_map(user).collect(), known: BTreeMap::new() }
    }

    /// Fills in who the processes are, and forgets those that are not among them.
    pub fn fill(&mut self, processes: &mut [ProcessUse]) {
        if !self.same_numbers {
            return;
        }
        let before = std::mem::take(&mut self.known);
        let uptime: Option<f64> = fs::read_to_string(self.proc.join("uptime")).ok().and_then(|t| t.split(' ').next()?.parse().ok());
        for process in processes {
            let Some(started) = self.started(process.pid) else { continue };
            let known = before.get(&process.pid).or_else(|| self.known.get(&process.pid)).filter(|(at, _)| *at == started);
            let mut who = known.map_or_else(|| self.look(process.pid), |(_, who)| who.clone());
            self.known.insert(process.pid, (started, who.clone()));
            who.running_s = uptime.map(|now| seconds(now, started));
            process.who = who;
        }
    }

    /// Clock ticks from boot to its start, field 22 of `/proc/PID/stat`.
    fn started(&self, pid: u32) -> Option<u64> {
        let stat = fs::read_to_string(self.proc.join(pid.to_string()).join("stat")).ok()?;
        stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().nth(19)?.parse().ok()
    }

    fn look(&self, pid: u32) -> Who {
        let text = |file: &str| -> io::Result<String> {
            Ok(String::from_utf8_lossy(&fs::read(self.proc.join(pid.to_string()).join(file))?).into_owned())
        };
        let uid = text("status").ok().and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("Uid:").map(str::to_owned))?;
            line.split_ascii_whitespace().next()?.parse::<u32>().ok()
        });
        // A kernel thread or a zombie has no command line; its name is in brackets then, as `ps` writes it.
        let line = text("cmdline").ok().map(|line| line.replace('\0', " ")).filter(|line| !line.trim().is_empty());
        let command = line.or_else(|| text("comm").ok().map(|name| format!("[{}]", name.trim())));
        Who {
            user: uid.map(|uid| self.users.get(&uid).cloned().unwrap_or_else(|| uid.to_string())),
            command: command.map(|command| clean(command.trim()).chars().take(COMMAND).collect()),
            container: text("cgroup").ok().and_then(|cgroup| container(&cgroup)),
            running_s: None,
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds since boot, not below 0")]
fn seconds(uptime: f64, started: u64) -> u64 {
    (uptime - started as f64 / rustix::param::clock_ticks_per_second() as f64).max(0.0) as u64
}

/// The id in a path such as `0::/docker/ID` or `…/docker-ID.scope`.
fn container(cgroup: &str) -> Option<String> {
    let digits = |c: char| !c.is_ascii_hexdigit();
    cgroup.split(digits).find(|part| part.len() == CONTAINER).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5c9f3e0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6";

    fn process(proc: &Path, pid: u32, started: u64, command: &[u8]) {
        let folder = proc.join(pid.to_string());
        fs::create_dir_all(&folder).expect("mkdir");
        let stat = format!("{pid} (a ) b) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 {started} 1 2");
        for (file, content) in [
            ("stat", stat.as_bytes()),
            ("status", b"Name:\ta\nUid:\t1000\t1000\t1000\t1000\n"),
            ("cmdline", command),
            ("comm", b"a ) b\n"),
            ("cgroup", format!("0::/system.slice/docker-{ID}.scope\n").as_bytes()),
        ] {
            fs::write(folder.join(file), content).expect("writes");
        }
    }

    fn filled(names: &mut Names, pid: u32) -> Who {
        let card = "43:00.0".parse().expect("reads");
        let mut list = [ProcessUse { pid, card, mem_bytes: None, util_pct: None, who: Who::default() }];
        names.fill(&mut list);
        list[0].who.clone()
    }

    #[test]
    fn a_process_has_user_command_container_and_age_and_another_of_its_number_is_another() {
        let proc = tempfile::tempdir().expect("temporary folder");
        fs::write(proc.path().join("uptime"), "110.00 200.00\n").expect("writes");
        process(proc.path(), 7, 1_000, b"python\0-m\0vllm\x1b[2J\0");
        let mut names = Names::new(proc.path().to_owned(), true, "root:x:0:0::/:\nope:x:1000:1000::/:\n");
        let who = filled(&mut names, 7);
        assert_eq!((who.user.as_deref(), who.command.as_deref()), (Some("ope"), Some("python -m vllm")));
        assert_eq!((who.container.as_deref(), who.running_s), (Some(ID), Some(100)));
        process(proc.path(), 7, 2_000, b"");
        let who = filled(&mut names, 7);
        assert_eq!((who.command.as_deref(), who.running_s), (Some("[a ) b]"), Some(90)));
        assert_eq!(filled(&mut names, 8), Who::default());
    }

    #[test]
    fn in_a_process_namespace_of_its_own_nobody_is_taken_for_another() {
        let proc = tempfile::tempdir().expect("temporary folder");
        process(proc.path(), 7, 1_000, b"x");
        let mut names = Names::new(proc.path().to_owned(), false, "");
        assert_eq!(filled(&mut names, 7), Who::default());
    }
}
