//! Watching a load test from the command line: progress on stderr, ctrl-C as a stop.

use crate::{
    base::{Lang, Problem},
    bench::live::{Cell, CellState, Fact, Mark, Series, Snapshot, Steer},
    cli::out::Out,
    jobs::{
        Job,
        control::{self, News},
    },
};
use std::{
    collections::BTreeMap,
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

/// How long a worker may take to open its control socket.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// One line of progress at most this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

pub(super) enum Event {
    News(News),
    Interrupt,
}

pub(super) enum Followed {
    /// The worker said goodbye.
    Ended,
    /// A second ctrl-C.
    GaveUp,
}

pub(super) fn watch(job: &Job) -> Result<(Receiver<Event>, control::Link), Problem> {
    let (send, events) = mpsc::channel();
    let interrupts = send.clone();
    // Only this process's runtime: the run itself lives in the worker.
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async { while tokio::signal::ctrl_c().await.is_ok() && interrupts.send(Event::Interrupt).is_ok() {} });
    });
    let link = control::attach_when_ready(job.dir(), READY_WITHIN, move |news| {
        let _ = send.send(Event::News(news));
    })
    .map_err(Problem::from)?;
    Ok((events, link))
}

pub(super) fn follow(events: &Receiver<Event>, link: &control::Link, out: Out) -> Followed {
    let mut told = Instant::now();
    let mut cells = Cells::default();
    let mut interrupted = false;
    while let Ok(event) = events.recv() {
        match event {
            Event::News(News::Snapshot(body)) => {
                let Ok(snapshot) = serde_json::from_str::<Snapshot>(body.get()) else { continue };
                if let Some(series) = &snapshot.series {
                    cells.tell(series, out);
                }
                if told.elapsed() >= PROGRESS_EVERY {
                    told = Instant::now();
                    out.note(&progress(&snapshot, out.lang));
                }
            }
            Event::News(News::Fact { body, .. }) => {
                if let Ok(Fact::Event(event)) = serde_json::from_str::<Fact>(body.get())
                    && let Some(words) = mark(&event.what, out.lang)
                {
                    out.note(&format!("{:>4} s  {}", event.at_us / 1_000_000, crate::base::clean(&words)));
                }
            }
            Event::News(News::Gone) => break,
            Event::News(_) => {}
            Event::Interrupt if interrupted => return Followed::GaveUp,
            Event::Interrupt => {
                interrupted = true;
                out.note(crate::text!("stopping; ctrl-C again to leave it alone", "正在停止；再按 ctrl-C 直接离开").get(out.lang));
                let _ = link.command(&Steer::Stop);
            }
        }
    }
    Followed::Ended
}

/// What was told of the cells of a series.
#[derive(Default)]
struct Cells(BTreeMap<String, CellState>);

impl Cells {
    /// A line for every cell that began or ended.
    fn tell(&mut self, series: &Series, out: Out) {
        let all = series.cells.len();
        for (k, cell) in (1..).zip(&series.cells) {
            let before = self.0.insert(cell.key.clone(), cell.state).unwrap_or_default();
            if before != cell.state && cell.state != CellState::Waiting {
                out.note(&format!("{k}/{all}  {}", cell_line(cell, out.lang)));
            }
        }
    }
}

fn cell_line(cell: &Cell, lang: Lang) -> String {
    let state = match (cell.state, lang) {
        (CellState::Waiting, Lang::En) => "waiting",
        (CellState::Waiting, Lang::Zh) => "等待",
        (CellState::Running, Lang::En) => "running",
        (CellState::Running, Lang::Zh) => "运行",
        (CellState::Done, Lang::En) => "done",
        (CellState::Done, Lang::Zh) => "完成",
        (CellState::Failed, Lang::En) => "failed",
        (CellState::Failed, Lang::Zh) => "失败",
        (CellState::Skipped, Lang::En) => "skipped",
        (CellState::Skipped, Lang::Zh) => "跳过",
    };
    let mut line = format!("{}  {state}", cell.key);
    if cell.state == CellState::Done {
        let figure = |key: &str| cell.metrics.get(key).map_or_else(|| "n/a".to_owned(), |value| format!("{value:.1}"));
        line.push_str(&format!(
            "  TTFT P50 {} P99 {} ms  TPOT P50 {} ms  {} tok/s",
            figure("median_ttft_ms"),
            figure("p99_ttft_ms"),
            figure("median_tpot_ms"),
            figure("output_throughput")
        ));
    }
    if let Some(failure) = &cell.failure {
        line.push_str(&format!("  {}", crate::base::clean(failure)));
    }
    line
}

/// What somebody did to the run; what the program does itself shows elsewhere.
fn mark(mark: &Mark, lang: Lang) -> Option<String> {
    let said = match mark {
        Mark::Users { from, to } => crate::said!("users {from} → {to}", "并发 {from} → {to}"),
        Mark::Rate { from, to } => crate::said!("rate {from} → {to} a second", "速率 {from} → {to} 每秒"),
        Mark::Pause => crate::said!("paused", "已暂停"),
        Mark::Resume => crate::said!("goes on", "继续"),
        Mark::Drain => crate::said!("sends nothing more", "不再发送"),
        Mark::Note { text } => crate::base::Said::same(text.clone()),
        Mark::Scrape { ok: false, why } => {
            let why = why.as_deref().unwrap_or("no answer");
            crate::said!("the server's /metrics: {why}", "服务的 /metrics：{why}")
        }
        Mark::Stop | Mark::Scrape { ok: true, .. } => return None,
    };
    Some(said.get(lang).to_owned())
}

fn ms(us: Option<u64>) -> String {
    us.map_or_else(|| "n/a".to_owned(), |us| format!("{:.1}", us as f64 / 1e3))
}

fn progress(snapshot: &Snapshot, lang: Lang) -> String {
    let planned = snapshot.planned.map_or_else(String::new, |n| format!("/{n}"));
    let (done, failed, flight) = (snapshot.done, snapshot.failed, snapshot.in_flight);
    let (ttft, tpot) = (ms(snapshot.ttft.p50_us), ms(snapshot.tpot.p50_us));
    let seconds = snapshot.at_us / 1_000_000;
    let cell = snapshot.series.as_ref().and_then(|series| series.current.clone()).map_or_else(String::new, |key| format!("  {key}"));
    match lang {
        Lang::En => {
            format!(
                "{seconds:>4} s{cell}  done {done}{planned}  failed {failed}  in flight {flight}  TTFT P50 {ttft} ms  TPOT P50 {tpot} ms"
            )
        }
        Lang::Zh => {
            format!("{seconds:>4} 秒{cell}  完成 {done}{planned}  失败 {failed}  在途 {flight}  TTFT P50 {ttft} ms  TPOT P50 {tpot} ms")
        }
    }
}
