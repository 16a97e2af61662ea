//! What a running series knows, shared by its loop, its commands and whoever watches.

use super::{Saved, cells, plan, search};
use crate::{
    base::Problem,
    bench::{
        live::{Cell, CellState, Fact, Phase, SeriesKind, Snapshot, Steer},
        recorder::Sink,
        results::StoppedBy,
        run::Steering,
        spec::Slo,
        summary::Summary,
    },
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Figures of a cell that go into every snapshot; the rest is in the file and in the cell's own summary.
const SHOWN: &[&str] = &[
    "completed",
    "error_rate_pct",
    "failed",
    "goodput",
    "goodput_pct",
    "in_flight_mean",
    "mean_e2el_ms",
    "mean_itl_ms",
    "mean_tpot_ms",
    "mean_ttft_ms",
    "median_e2el_ms",
    "median_itl_ms",
    "median_tpot_ms",
    "median_ttft_ms",
    "output_throughput",
    "p90_ttft_ms",
    "p99_e2el_ms",
    "p99_itl_ms",
    "p99_tpot_ms",
    "p99_ttft_ms",
    "request_throughput",
    "server_cache_hit_pct",
    "server_preemptions",
    "total_token_throughput",
];

/// Steers a series from elsewhere: the control socket, a signal.
#[derive(Default)]
pub(in crate::bench) struct Wheel {
    asked: Mutex<Asked>,
    changed: Condvar,
}

#[derive(Default)]
struct Asked {
    /// The cell that runs.
    run: Option<(String, Arc<Steering>)>,
    /// The series is to end.
    end: Option<StoppedBy>,
    /// The running cell is to be left out.
    cut: bool,
    /// What to do with cells, in the order asked.
    cells: Vec<Steer>,
}

impl Wheel {
    /// Carries a wish out.
    pub(in crate::bench) fn ask(&self, steer: Steer) {
        let mut asked = self.lock();
        match steer {
            Steer::SkipCell { key } if key.is_none() || asked.run.as_ref().map(|(key, _)| key) == key.as_ref() => {
                asked.cut = asked.run.is_some();
                if let Some((_, run)) = &asked.run {
                    run.ask(Steer::Stop);
                }
            }
            Steer::SkipCell { .. } | Steer::RerunCell { .. } => asked.cells.push(steer),
            Steer::Stop | Steer::Drain => {
                let by = if steer == Steer::Stop { StoppedBy::Stop } else { StoppedBy::Drain };
                if asked.end.is_none_or(|earlier| earlier == StoppedBy::Drain) {
                    asked.end = Some(by);
                }
                if let Some((_, run)) = &asked.run {
                    run.ask(steer);
                }
            }
            other => {
                if let Some((_, run)) = &asked.run {
                    run.ask(other);
                }
            }
        }
        drop(asked);
        self.changed.notify_all();
    }

    /// As a stop, by a signal.
    pub(in crate::bench) fn signal(&self) {
        let mut asked = self.lock();
        asked.end = Some(StoppedBy::Signal);
        if let Some((_, run)) = &asked.run {
            run.signal();
        }
        drop(asked);
        self.changed.notify_all();
    }

    /// Why the series is to end, if it is.
    pub(super) fn end(&self) -> Option<StoppedBy> {
        self.lock().end
    }

    /// The running cell is to be left out, or the series is to end.
    pub(super) fn cut(&self) -> bool {
        let asked = self.lock();
        asked.cut || asked.end.is_some()
    }

    /// Waits this long, or until something is asked.
    pub(super) fn wait(&self, span: Duration) {
        let _ = self.changed.wait_timeout(self.lock(), span);
    }

    /// A cell begins.
    pub(super) fn attach(&self, key: &str) -> Arc<Steering> {
        let steering = Arc::new(Steering::default());
        let mut asked = self.lock();
        asked.cut = false;
        if let Some(by) = asked.end {
            steering.ask(if by == StoppedBy::Drain { Steer::Drain } else { Steer::Stop });
        }
        asked.run = Some((key.to_owned(), Arc::clone(&steering)));
        steering
    }

    /// The cell ended; whether it was cut to be left out.
    pub(super) fn detach(&self) -> bool {
        let mut asked = self.lock();
        asked.run = None;
        std::mem::take(&mut asked.cut)
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The series as it stands, and who is told of it.
pub(super) struct State {
    saved: Mutex<Saved>,
    sink: Arc<dyn Sink>,
}

impl State {
    /// Takes a series up: what was cut is to be measured again, what was measured whole and not yet written down is taken in.
    pub(super) fn open(mut saved: Saved, sink: Arc<dyn Sink>) -> Result<Self, Problem> {
        let dir = saved.series.dir.clone();
        let search = saved.series.kind == SeriesKind::Search;
        for cell in &mut saved.series.cells {
            let of = super::cell_dir(&dir, &cell.key);
            match cell.state {
                CellState::Skipped => {}
                CellState::Done if cells::whole(&of).is_some() => {}
                CellState::Running | CellState::Waiting if let Some(summary) = cells::whole(&of) => cells::collect(cell, &summary),
                // Too much load for the server is an answer too, when that is what is looked for.
                CellState::Failed if search && measured(cell) => {}
                _ => reset(cell, false),
            }
        }
        if search {
            // Steps that gave no figure are decided upon anew.
            saved.series.cells.retain(|cell| cell.state != CellState::Waiting);
        }
        saved.series.current = None;
        saved.series.waiting_for.clear();
        saved.series.over = false;
        let state = Self { saved: Mutex::new(saved), sink };
        state.change(|_| {})?;
        Ok(state)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Saved> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the series, writes it down and tells.
    pub(super) fn change(&self, change: impl FnOnce(&mut Saved)) -> Result<(), Problem> {
        let mut saved = self.lock();
        change(&mut saved);
        judge(&mut saved);
        saved.write()
    }

    /// Does what was asked with cells that do not run.
    pub(super) fn obey(&self, wheel: &Wheel) -> Result<(), Problem> {
        let wishes = std::mem::take(&mut wheel.lock().cells);
        for wish in wishes {
            let (Steer::SkipCell { key: Some(key) } | Steer::RerunCell { key }) = &wish else { continue };
            let again = matches!(wish, Steer::RerunCell { .. });
            let dir = {
                let saved = self.lock();
                let known = saved.series.cells.iter().any(|cell| cell.key == *key && (again || cell.state == CellState::Waiting));
                known.then(|| super::cell_dir(&saved.series.dir, key))
            };
            let Some(dir) = dir else { continue };
            if again {
                cells::aside(&dir, "old")?;
            }
            self.change(|saved| {
                let Some(at) = saved.series.cells.iter().position(|cell| cell.key == *key) else { return };
                if let Some(cell) = saved.series.cells.get_mut(at) {
                    reset(cell, !again);
                }
                if again {
                    // The next to run: before the first that waits.
                    let cell = saved.series.cells.remove(at);
                    let first = saved.series.cells.iter().position(|cell| cell.state == CellState::Waiting);
                    saved.series.cells.insert(first.unwrap_or(saved.series.cells.len()), cell);
                }
            })?;
        }
        Ok(())
    }

    /// The next cell to measure; a search decides on one and adds it.
    pub(super) fn next(&self) -> Result<Option<Cell>, Problem> {
        let mut next = self.lock().series.cells.iter().find(|cell| cell.state == CellState::Waiting).cloned();
        if next.is_none() {
            next = self.step();
            if let Some(cell) = next.clone() {
                self.change(|saved| saved.series.cells.push(cell))?;
            }
        }
        Ok(next)
    }

    fn step(&self) -> Option<Cell> {
        let saved = self.lock();
        let search = saved.spec.search.filter(|_| saved.series.kind == SeriesKind::Search)?;
        let load = search::next(&search, saved.spec.slo != Slo::default(), &steps(&saved.series.cells))?;
        let at = plan::at(&search, load);
        let same = |cell: &&Cell| plan::at(&search, plan::load_of(cell)) == at;
        let repeat = saved.series.cells.iter().filter(same).map(|cell| cell.repeat).max().unwrap_or(0) + 1;
        Some(plan::cell(saved.spec.prompts.input_len(), saved.spec.output_len, at, repeat))
    }

    /// Requests per second that the nearest lower load of a search had.
    pub(super) fn pace(&self, cell: &Cell) -> Option<f64> {
        let saved = self.lock();
        let load = plan::load_of(cell);
        let below = saved.series.cells.iter().filter(|other| measured(other) && plan::load_of(other) <= load);
        let nearest = below.max_by(|a, b| plan::load_of(a).total_cmp(&plan::load_of(b)))?;
        nearest.metrics.get("request_throughput").copied()
    }

    /// Writes down how a cell ended.
    pub(super) fn ended(&self, key: &str, summary: Option<&Summary>, put: impl FnOnce(&mut Cell)) -> Result<(), Problem> {
        self.change(|saved| {
            saved.series.current = None;
            if let Some(summary) = summary {
                saved.model = Some(summary.model_id.clone());
            }
            if let Some(cell) = saved.series.cells.iter_mut().find(|cell| cell.key == key) {
                put(cell);
            }
        })
    }

    /// Tells that something goes on between cells.
    pub(super) fn tell(&self, phase: Phase, failure: Option<String>) {
        let (model, dir) = {
            let saved = self.lock();
            (saved.model.clone().unwrap_or_default(), saved.series.dir.clone())
        };
        let snapshot = Snapshot { phase, model, result_dir: dir, failure, series: Some(self.shown()), ..Snapshot::default() };
        self.sink.snapshot(&snapshot);
    }

    pub(super) fn fact(&self, fact: &Fact) {
        self.sink.fact(fact);
    }

    /// The series as a snapshot carries it.
    fn shown(&self) -> crate::bench::live::Series {
        let mut series = self.lock().series.clone();
        for cell in &mut series.cells {
            cell.metrics.retain(|key, _| SHOWN.contains(&key.as_str()));
        }
        series
    }
}

/// A run inside a series tells through this: the series is put into its snapshots, and its end is not the series' end.
impl Sink for State {
    fn snapshot(&self, snapshot: &Snapshot) {
        let mut snapshot = snapshot.clone();
        snapshot.series = Some(self.shown());
        if snapshot.phase.ended() {
            snapshot.phase = Phase::Draining;
            snapshot.failure = None;
        }
        self.sink.snapshot(&snapshot);
    }

    fn fact(&self, fact: &Fact) {
        match fact {
            Fact::Phase { phase, .. } if phase.ended() => {}
            fact => self.sink.fact(fact),
        }
    }
}

/// Sets a cell back to waiting, or leaves it out.
pub(super) fn reset(cell: &mut Cell, skip: bool) {
    cell.state = if skip { CellState::Skipped } else { CellState::Waiting };
    cell.cache = crate::bench::live::Cache::Unknown;
    cell.client_limited = None;
    cell.slo_met = None;
    cell.failure = None;
    cell.metrics = BTreeMap::new();
}

/// Requests of it were answered.
fn measured(cell: &Cell) -> bool {
    cell.metrics.get("completed").is_some_and(|n| *n > 0.0)
}

/// The cells of a search as its steps.
fn steps(cells: &[Cell]) -> Vec<search::Step> {
    let step = |cell: &Cell| search::Step {
        load: plan::load_of(cell),
        passed: match cell.state {
            CellState::Done => Some(cell.slo_met.unwrap_or(true)),
            CellState::Failed if measured(cell) => Some(false),
            _ => None,
        },
        throughput: cell.metrics.get("output_throughput").copied(),
        client_limited: cell.client_limited == Some(true),
    };
    cells.iter().map(step).collect()
}

/// Names the best step and the knee of a search.
fn judge(saved: &mut Saved) {
    if saved.series.kind != SeriesKind::Search {
        return;
    }
    let cells = &saved.series.cells;
    let goals = saved.spec.slo != Slo::default();
    let at = |load: f64| {
        let measured = |cell: &&Cell| cell.state == CellState::Done && cell.client_limited != Some(true);
        cells.iter().rev().filter(measured).find(|cell| (plan::load_of(cell) - load).abs() < 1e-9)
    };
    let best = search::best(&steps(cells)).filter(|_| goals).and_then(at).map(|cell| cell.key.clone());
    let knee = super::findings::knee_of(&cells.iter().collect::<Vec<_>>()).map(|cell| cell.key.clone());
    saved.series.best = best;
    saved.series.knee = knee;
}
