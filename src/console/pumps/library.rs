//! Reads results for the console, on threads of their own: a million requests are read and sorted while keys are answered.

mod autopsy;
mod compared;
mod held;
mod sides;

use crate::{
    base::{Problem, clock::local},
    bench::{
        history::{self, Entry},
        results::{self, REQUESTS, SUMMARY},
        series::{self, SERIES},
        summary::Summary,
        worker,
    },
    console::{
        events::Msg,
        news::News,
        results::{Listed, Opened, Told, Wanted, requests::Wish},
    },
    jobs, said,
    workspace::Workspace,
};
use held::Held;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError},
    thread,
};

/// Most bytes of a summary or a line that is read for the screen: files of results may have been brought from anywhere.
const MAX_DOCUMENT: u64 = 64 << 20;

/// The way to the threads that read.
pub(super) struct Library {
    asks: Sender<Wanted>,
    comparisons: Sender<Wanted>,
}

impl Library {
    /// Starts the threads; they end with the last handle.
    pub(super) fn start(workspace: Workspace, to: SyncSender<Msg>) -> io::Result<Self> {
        let (asks, inbox) = mpsc::channel();
        let mut reader = Reader { workspace: workspace.clone(), held: None };
        let read_to = to.clone();
        thread::Builder::new().name("results".to_owned()).spawn(move || reader.run(&inbox, &read_to))?;
        let (comparisons, inbox) = mpsc::channel();
        thread::Builder::new().name("comparisons".to_owned()).spawn(move || compared::run(&workspace, &inbox, &to))?;
        Ok(Self { asks, comparisons })
    }

    /// Comparisons draw from all samples of two results a thousand times: nobody who opens a result waits for them.
    pub(super) fn ask(&self, wanted: Wanted) {
        let to = if matches!(wanted, Wanted::Compare(_) | Wanted::Regression(_)) { &self.comparisons } else { &self.asks };
        let _ = to.send(wanted);
    }
}

/// Takes what waits, after `first`; of lists and orders that wait only the last is still wanted.
fn waiting(first: Wanted, inbox: &Receiver<Wanted>) -> Vec<Wanted> {
    let mut waiting: Vec<Wanted> = [first].into_iter().chain(inbox.try_iter()).collect();
    for index in (0..waiting.len().saturating_sub(1)).rev() {
        let (here, later) = waiting.split_at(index + 1);
        let again = here.last().is_some_and(|wanted| match wanted {
            Wanted::List => later.contains(&Wanted::List),
            Wanted::Requests { dir, .. } => later.iter().any(|w| matches!(w, Wanted::Requests { dir: other, .. } if other == dir)),
            _ => false,
        });
        if again {
            waiting.remove(index);
        }
    }
    waiting
}

fn tell(to: &SyncSender<Msg>, told: Told) -> bool {
    to.send(Msg::News(News::Results(Box::new(told)))).is_ok()
}

struct Reader {
    workspace: Workspace,
    held: Option<Held>,
}

impl Reader {
    fn run(&mut self, inbox: &Receiver<Wanted>, to: &SyncSender<Msg>) {
        loop {
            // Between two handfuls of requests whoever asks is answered.
            let first = if self.held.as_ref().is_some_and(Held::goes_on) {
                match inbox.try_recv() {
                    Ok(first) => Some(first),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => return,
                }
            } else {
                let Ok(first) = inbox.recv() else { return };
                Some(first)
            };
            let Some(first) = first else {
                let told = self.held.as_mut().and_then(Held::read_on);
                if told.is_some_and(|told| !tell(to, told)) {
                    return;
                }
                continue;
            };
            for wanted in waiting(first, inbox) {
                let opens = if let Wanted::Open { dir, .. } = &wanted { Some(dir.clone()) } else { None };
                let told = self.answer(wanted.clone()).unwrap_or_else(|problem| Told::Refused { wanted, problem });
                let found = matches!(told, Told::Opened(_));
                if !tell(to, told) {
                    return;
                }
                // The figures are on screen while the requests are still read.
                if let Some(dir) = opens.filter(|dir| found && dir.join(REQUESTS).exists()) {
                    match Held::open(&dir, Wish::default()) {
                        Ok(held) => self.held = Some(held),
                        Err(problem) => {
                            let wanted = Wanted::Requests { dir, wish: Wish::default() };
                            if !tell(to, Told::Refused { wanted, problem }) {
                                return;
                            }
                        }
                    }
                }
            }
        }
    }

    fn answer(&mut self, wanted: Wanted) -> Result<Told, Problem> {
        Ok(match wanted {
            Wanted::List => Told::List(list(&self.workspace)?.into()),
            Wanted::Open { dir, live } => {
                self.held = None;
                Told::Opened(Box::new(open(dir, live)?))
            }
            Wanted::Requests { dir, wish } => self.held(&dir)?.arranged(wish),
            Wanted::Autopsy { dir, warmup, i, route } => {
                let held = self.held(&dir)?;
                Told::Autopsy(Box::new(autopsy::autopsy(dir, (warmup, i, route), held)?))
            }
            Wanted::Watch(dir) => {
                // Who watches jobs answers this one.
                return Err(Problem::failed("console.watch", said!("this run cannot be watched", "无法观察该压测")).file(dir));
            }
            Wanted::Delete(dir) => {
                self.delete(&dir)?;
                Told::Deleted(dir)
            }
            Wanted::Regression(_) | Wanted::Compare(_) => return compared::answer(&self.workspace, wanted),
        })
    }

    /// The requests of the result in `dir`, as far as they were read.
    fn held(&mut self, dir: &Path) -> Result<&mut Held, Problem> {
        if self.held.as_ref().is_none_or(|held| held.dir != dir) {
            self.held = None;
        }
        match &mut self.held {
            Some(held) => Ok(held),
            none => Ok(none.insert(Held::open(dir, Wish::default())?)),
        }
    }

    /// Removes the folder of a result, and nothing else: it must lie in the workspace, hold a result, and nobody may write to it.
    fn delete(&mut self, dir: &Path) -> Result<(), Problem> {
        let refuse = |said| Err(Problem::bad_input("console.delete", said).file(dir));
        let ours = dir.parent() == Some(self.workspace.results().as_path()) && fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir());
        if !ours {
            return refuse(said!("only results of this workspace are deleted", "只能删除本工作区的结果"));
        }
        if ![REQUESTS, SUMMARY, SERIES].iter().any(|name| dir.join(name).exists()) {
            return refuse(said!("this folder holds no result", "该文件夹不是测试结果"));
        }
        let written = |job: &jobs::Job| !job.state().ended() && worker::result_dir(job).is_ok_and(|of| of == dir);
        if jobs::list(&self.workspace).iter().any(written) {
            return refuse(said!("the run still writes to it: stop it first", "压测仍在写入：请先停止"));
        }
        self.held = None;
        fs::remove_dir_all(dir).map_err(|error| {
            Problem::failed("console.delete", said!("the result cannot be deleted: {error}", "无法删除结果：{error}")).file(dir)
        })
    }
}

/// All results, each with its last comparable one.
fn list(workspace: &Workspace) -> Result<Vec<Listed>, Problem> {
    let entries = history::list(workspace)?;
    let bases: Vec<Option<PathBuf>> =
        history::all_comparable(&entries).into_iter().map(|base| base.map(|entry| entry.result_dir.clone())).collect();
    Ok(entries.into_iter().zip(bases).map(|(entry, base)| Listed { base, ..listed(entry) }).collect())
}

fn open(dir: PathBuf, live: bool) -> Result<Opened, Problem> {
    let series = dir.join(SERIES).exists().then(|| series::read(&dir)).transpose()?;
    let summary = if series.is_some() || live { None } else { Some(summary(&dir)?) };
    let listed = history::entry(&dir).map(listed);
    Ok(Opened { listed, dir, summary: summary.map(Box::new), series: series.map(Box::new) })
}

/// The summary of a result that nobody writes any more.
fn summary(dir: &Path) -> Result<Summary, Problem> {
    summary_made(dir).map_or_else(|| results::recompute(dir), Ok)
}

/// The summary that was made of the result in `dir`.
fn summary_made(dir: &Path) -> Option<Summary> {
    let path = dir.join(SUMMARY);
    let small = fs::metadata(&path).is_ok_and(|meta| meta.len() <= MAX_DOCUMENT);
    serde_json::from_slice(&small.then(|| fs::read(&path).ok())??).ok()
}

fn listed(entry: Entry) -> Listed {
    let when = entry.started_at.as_deref().and_then(|at| at.parse().ok()).map(local).unwrap_or_default();
    Listed { entry, when, base: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_result_of_this_workspace_is_ever_deleted() {
        let root = tempfile::tempdir().expect("temporary folder");
        let workspace = Workspace::at(root.path());
        let mut reader = Reader { workspace: workspace.clone(), held: None };
        let make = |dir: &Path| {
            fs::create_dir_all(dir).expect("mkdir");
            fs::write(dir.join(REQUESTS), b"").expect("writes");
        };
        let (ours, plain, elsewhere) = (workspace.results().join("r-1"), workspace.results().join("notes"), root.path().join("r-2"));
        make(&ours);
        make(&elsewhere);
        fs::create_dir_all(&plain).expect("mkdir");
        let link = workspace.results().join("link");
        std::os::unix::fs::symlink(&elsewhere, &link).expect("links");
        for dir in [&elsewhere, &plain, &link, &workspace.results(), &workspace.results().join("..")] {
            assert!(reader.delete(dir).is_err() && dir.exists(), "{}", dir.display());
        }
        reader.delete(&ours).expect("deletes");
        assert!(!ours.exists() && elsewhere.join(REQUESTS).exists());
    }
}
