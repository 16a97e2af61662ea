//! The jobs of the workspace as their folders show them. A job that ended is not looked at again.

use crate::{
    console::news::JobRow,
    jobs::{Job, State},
    workspace::Workspace,
};
use std::{collections::BTreeMap, fs, sync::Arc};

/// What is known of the jobs.
pub(super) struct Overview {
    workspace: Workspace,
    known: BTreeMap<String, (Job, State)>,
    told: Option<Arc<[JobRow]>>,
    looks: u64,
}

impl Overview {
    pub(super) fn new(workspace: Workspace) -> Self {
        Self { workspace, known: BTreeMap::new(), told: None, looks: 0 }
    }

    /// Looks again; the rows when they changed.
    pub(super) fn look(&mut self) -> Option<Arc<[JobRow]>> {
        self.looks += 1;
        if let Ok(entries) = fs::read_dir(self.workspace.jobs()) {
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if !self.known.contains_key(&name)
                    && let Ok(job) = Job::open(&entry.path())
                {
                    let state = job.state();
                    self.known.insert(name, (job, state));
                }
            }
        }
        for (job, state) in self.known.values_mut().filter(|(_, state)| !state.ended()) {
            *state = job.state();
        }
        let mut jobs: Vec<_> = self.known.values().collect();
        jobs.sort_by(|(a, _), (b, _)| (&a.spec().created_at, a.id()).cmp(&(&b.spec().created_at, b.id())));
        let rows: Arc<[JobRow]> = jobs.into_iter().map(|(job, state)| row(job, *state)).collect();
        if self.told.as_ref() == Some(&rows) {
            return None;
        }
        self.told = Some(Arc::clone(&rows));
        Some(rows)
    }

    /// Nobody was told anything before.
    pub(super) fn is_first(&self) -> bool {
        self.looks == 1
    }

    /// Jobs of `kind` with their states.
    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&Job, State)> {
        self.known.values().filter(move |(job, _)| job.spec().kind == kind).map(|(job, state)| (job, *state))
    }

    /// The newest job of `kind` that lives.
    pub(super) fn newest_live(&self, kind: &str) -> Option<Job> {
        let live = self.of_kind(kind).filter(|(_, state)| !state.ended());
        live.max_by(|(a, _), (b, _)| a.spec().created_at.cmp(&b.spec().created_at)).map(|(job, _)| job.clone())
    }
}

fn row(job: &Job, state: State) -> JobRow {
    JobRow { id: job.id().to_owned(), kind: job.spec().kind.clone(), name: job.spec().name.clone(), state, log: job.log() }
}
