//! Results beside each other, on a thread of their own.

use super::{listed, sides, summary_made, tell, waiting};
use crate::{
    base::Problem,
    bench::{
        compare,
        history::{self, Entry},
    },
    console::{
        events::Msg,
        results::{Against, Compared, Told, Wanted},
    },
    said,
    workspace::Workspace,
};
use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender},
};

/// Answers until nobody asks any more: what somebody waits for first.
pub(super) fn run(workspace: &Workspace, inbox: &Receiver<Wanted>, to: &SyncSender<Msg>) {
    while let Ok(first) = inbox.recv() {
        let mut waiting = waiting(first, inbox);
        waiting.sort_by_key(|wanted| matches!(wanted, Wanted::Regression(_)));
        for wanted in waiting {
            let told = answer(workspace, wanted.clone()).unwrap_or_else(|problem| Told::Refused { wanted, problem });
            if !tell(to, told) {
                return;
            }
        }
    }
}

/// The comparison that is wanted.
pub(super) fn answer(workspace: &Workspace, wanted: Wanted) -> Result<Told, Problem> {
    match wanted {
        Wanted::Regression(dir) => {
            let against = against(workspace, &dir)?.map(Box::new);
            let ci95 = summary_made(&dir).map(|summary| summary.ci95).unwrap_or_default();
            Ok(Told::Regression { dir, against, ci95 })
        }
        Wanted::Compare(dirs) => Ok(Told::Compared(Box::new(beside(&dirs)?))),
        _ => Err(Problem::bad_input("console.compare", said!("nothing to compare", "没有可比较的结果"))),
    }
}

/// How the result in `dir` stands against the last comparable one.
fn against(workspace: &Workspace, dir: &Path) -> Result<Option<Against>, Problem> {
    let Some(of) = history::entry(dir) else { return Ok(None) };
    let entries = history::list(workspace)?;
    let Some(base) = history::last_comparable(&entries, &of) else { return Ok(None) };
    let comparison = compare::compare(&base.result_dir, dir, &[])?;
    Ok(Some(Against { base: listed(base.clone()), comparison }))
}

fn beside(dirs: &[PathBuf]) -> Result<Compared, Problem> {
    let comparisons = compare::compare_many(dirs, &[])?;
    let entries: Vec<Entry> = dirs.iter().filter_map(|dir| history::entry(dir)).collect();
    Ok(Compared { sides: entries.iter().map(sides::side).collect(), comparisons })
}
