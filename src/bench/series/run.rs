//! The loop of a series: one cell after another, each a load test of its own on an empty server.

use super::{
    SERIES, Saved, Wheel, cell_dir, cells, plan,
    state::{State, reset},
};
use crate::{
    base::Problem,
    bench::{
        live::{Cell, CellState, Fact, Phase},
        recorder::Sink,
        report,
        results::StoppedBy,
        run::run as load,
        scrape::{Look, Quiet},
        spec::Spec,
        summary::Summary,
        target::Access,
    },
    said,
};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Cells that may fail one after another before a series is given up.
pub(super) const FAILURES_IN_A_ROW: u32 = 3;
/// How often a server is asked whether it is empty.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// File whose lock says that somebody works on the series.
const LOCK: &str = "series.lock";

/// Measures every cell of the series in `dir` that is not done yet; begins it when there is none.
///
/// # Errors
/// When the series cannot be read or written, when somebody else works on it, or when nothing of it could be measured. Cells that fail
/// are no error: they are in the file.
pub(in crate::bench) fn run(spec: &Spec, dir: &Path, sink: &Arc<dyn Sink>, wheel: &Wheel) -> Result<(), Problem> {
    let _lock = lock(dir)?;
    let saved = if dir.join(SERIES).exists() { super::saved(dir)? } else { Saved::new(dir, spec) };
    let spec = saved.spec.clone();
    let state = Arc::new(State::open(saved, Arc::clone(sink))?);
    state.tell(Phase::Preparing, None);
    let ended = measure(&spec, dir, &state, wheel);
    let written = state.change(|saved| {
        saved.series.over = true;
        saved.series.current = None;
        saved.series.waiting_for.clear();
    });
    let ended = ended.and_then(|last| written.map(|()| last));
    // A report that cannot be written is made again from the files at any time.
    if let Err(problem) = report::write(dir) {
        tracing::warn!(%problem, "no report of the series");
    }
    let (phase, failure) = match (&ended, wheel.end()) {
        (Err(problem), _) => (Phase::Failed, Some(problem.to_string())),
        (Ok(Some(failure)), _) => (Phase::Failed, Some(failure.clone())),
        (Ok(None), Some(StoppedBy::Stop | StoppedBy::Signal)) => (Phase::Stopped, None),
        (Ok(None), _) => (Phase::Finished, None),
    };
    state.fact(&Fact::Phase { at_us: 0, phase });
    state.tell(phase, failure);
    ended.map(|_| ())
}

/// Runs cells until there is none left, somebody asked for the end, or too many failed: then the sentence that says so.
fn measure(spec: &Spec, dir: &Path, state: &Arc<State>, wheel: &Wheel) -> Result<Option<String>, Problem> {
    let mut quiet = Quiet::new(&servers(spec), &Access::of(&spec.target)?);
    let mut failures = 0;
    while wheel.end().is_none() {
        state.obey(wheel)?;
        let Some(cell) = state.next()? else { break };
        let Some(failed) = one(spec, &cell, dir, state, wheel, &mut quiet)? else { continue };
        failures = if failed { failures + 1 } else { 0 };
        if failures >= FAILURES_IN_A_ROW {
            let why = state.lock().series.cells.iter().find(|c| c.key == cell.key).and_then(|c| c.failure.clone()).unwrap_or_default();
            return Ok(Some(format!("{failures} cells failed one after another: {why}")));
        }
    }
    Ok(None)
}

/// Measures one cell. `Some(true)`: it failed in a way that speaks against the rest; `None`: it says nothing about them.
fn one(spec: &Spec, cell: &Cell, dir: &Path, state: &Arc<State>, wheel: &Wheel, quiet: &mut Quiet) -> Result<Option<bool>, Problem> {
    let of = cell_dir(dir, &cell.key);
    cells::aside(&of, "cut")?;
    let steering = wheel.attach(&cell.key);
    state.change(|saved| {
        saved.series.current = Some(cell.key.clone());
        if let Some(cell) = saved.series.cells.iter_mut().find(|c| c.key == cell.key) {
            reset(cell, false);
            cell.state = CellState::Running;
        }
    })?;
    state.fact(&Fact::Phase { at_us: 0, phase: Phase::Preparing });
    drain(spec, state, wheel, quiet)?;
    let ended = if wheel.cut() {
        Err(Problem::failed("bench.stopped", said!("stopped before the cell began", "单元开始前已停止")))
    } else {
        make(&of)?;
        let own = plan::spec_of(spec, cell, cells::attempts(&of), state.pace(cell));
        let sink: Arc<dyn Sink> = Arc::<State>::clone(state);
        load(&own, &of, &sink, &steering)
    };
    // A cell that could not begin leaves an empty folder.
    let _ = fs::remove_dir(&of);
    let cut = wheel.detach();
    let counts = judged(&ended, cut);
    state.ended(&cell.key, ended.as_ref().ok(), |cell| match (&ended, cut) {
        (_, true) => cell.state = CellState::Skipped,
        (Ok(summary), false) if !given_up(summary) => cells::collect(cell, summary),
        // To be measured when the series goes on.
        (Ok(_), false) => reset(cell, false),
        (Err(problem), false) if problem.kind() == "bench.stopped" => reset(cell, false),
        (Err(problem), false) => {
            cell.state = CellState::Failed;
            cell.failure = Some(problem.to_string());
        }
    })?;
    if ended.is_ok()
        && let Err(problem) = report::write(&of)
    {
        tracing::warn!(%problem, cell = cell.key, "no report of the cell");
    }
    if let Err(problem) = &ended
        && problem.kind() == "bench.result_unwritable"
    {
        return Err(problem.clone());
    }
    Ok(counts)
}

/// As [`one`] returns it.
fn judged(ended: &Result<Summary, Problem>, cut: bool) -> Option<bool> {
    match ended {
        _ if cut => None,
        Ok(summary) if given_up(summary) => None,
        // Some requests were answered: the server is there, this load is too much for it.
        Ok(summary) => Some(summary.completed == 0 || summary.stopped_by == StoppedBy::ErrorRate),
        // A cell too long for the model says nothing about shorter ones.
        Err(problem) => (!matches!(problem.kind(), "bench.stopped" | "bench.too_long")).then_some(true),
    }
}

/// Ended by a person before its planned end.
fn given_up(summary: &Summary) -> bool {
    matches!(summary.stopped_by, StoppedBy::Stop | StoppedBy::Drain | StoppedBy::Signal)
}

/// Waits until the servers have nothing to do: what others left on them would be measured too. A server that does not say is taken to
/// be empty, since nothing of ours is under way.
fn drain(spec: &Spec, state: &State, wheel: &Wheel, quiet: &mut Quiet) -> Result<(), Problem> {
    let within = spec.matrix.as_ref().map_or_else(|| spec.search.map_or(0.0, |search| search.drain_s), |matrix| matrix.drain_s);
    let until = Instant::now() + Duration::try_from_secs_f64(within).unwrap_or(Duration::MAX);
    let waiting_for = |text: &str| state.change(|saved| text.clone_into(&mut saved.series.waiting_for));
    let mut waits = false;
    state.tell(Phase::Preparing, None);
    while !wheel.cut() {
        let Look::Busy { running, waiting } = quiet.look() else { break };
        if Instant::now() >= until {
            tracing::warn!(running, waiting, "the server is not empty; the cell begins nevertheless");
            break;
        }
        if !std::mem::replace(&mut waits, true) {
            waiting_for("draining")?;
        }
        state.tell(Phase::Preparing, None);
        wheel.wait(LOOK_EVERY);
    }
    if waits { waiting_for("") } else { Ok(()) }
}

/// Every server that the series loads.
fn servers(spec: &Spec) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    let all = std::iter::once(&spec.target.url).chain(&spec.target.more_urls).chain(spec.routes.iter().filter_map(|r| r.url.as_ref()));
    for url in all {
        if !urls.contains(url) {
            urls.push(url.clone());
        }
    }
    urls
}

fn make(dir: &Path) -> Result<(), Problem> {
    fs::create_dir_all(dir).map_err(|error| {
        Problem::failed("bench.result_unwritable", said!("the folder of a cell cannot be made: {error}", "无法创建单元文件夹：{error}"))
            .file(dir)
    })
}

/// Only one process works on a series. The lock goes with the process, however it ends.
fn lock(dir: &Path) -> Result<File, Problem> {
    let path = dir.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|error| {
        Problem::failed("bench.result_unwritable", said!("the series cannot be written: {error}", "无法写入系列结果：{error}")).file(&path)
    })?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        // File systems without locks (some network ones) leave it to the list of jobs.
        Ok(()) | Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOLCK | rustix::io::Errno::NOSYS) => Ok(file),
        Err(_) => Err(Problem::bad_input("bench.series_runs", said!("another process works on this series", "另一个进程正在运行该系列"))
            .file(dir)
            .fix(said!("watch it, or stop it first", "请查看该任务，或先停止它"))),
    }
}
