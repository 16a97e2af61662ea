//! `dcudeck bench run`: starts the load worker, tells its progress on stderr and its result on stdout.
//!
//! The run is a job like any other: when this command is killed it goes on, and a console finds it. Ctrl-C stops the run,
//! which still writes its result; a second ctrl-C gives up waiting.

use super::{
    args::BenchRun,
    out::{Ended, Out},
};
use crate::{
    base::{Exit, Lang, Problem},
    bench::{
        self,
        live::{Snapshot, Steer},
        spec::{Endpoint, Load, Prompts, Spec},
        summary::Summary,
    },
    jobs::{
        Job,
        control::{self, News},
    },
    said,
    workspace::{Workspace, profiles},
};
use std::{
    sync::mpsc::{self, Receiver},
    time::Duration,
};

/// How long a worker may take to open its control socket.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a worker that said goodbye, or that could not be watched, may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// One line of progress at most this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

pub(super) fn run(command: BenchRun, workspace: &Workspace, out: Out) -> Result<Exit, Ended> {
    let out_dir = command.out.clone();
    let spec = spec(command, workspace)?;
    let job = bench::start(workspace, &spec, out_dir.as_deref())?;
    let watched = watch(&job);
    if let Ok((events, link)) = &watched
        && let Followed::GaveUp = follow(events, link, out)
    {
        return Ok(Exit::Interrupted);
    }
    let state = job.wait(ENDS_WITHIN);
    // A worker that met bad input may be gone before anybody watched.
    if let Some(problem) = job.problem().filter(|_| state.ended()) {
        return Err(problem.into());
    }
    watched?;
    let Some(summary) = bench::result_of(&job)? else {
        let log = job.log();
        return Err(Problem::failed(
            "bench.no_result",
            said!("the load worker ended ({}) without a result", "压测进程已结束（{}），没有结果", state.word()),
        )
        .fix(said!("its log says why: {}", "原因见日志：{}", log.display()))
        .into());
    };
    if out.json {
        out.document(&serde_json::to_value(&summary).unwrap_or_default())?;
    } else {
        out.line(&table(&summary, out.lang))?;
    }
    Ok(bench::exit_code(&summary))
}

/// The profile (if any), changed by the flags that were given.
fn spec(command: BenchRun, workspace: &Workspace) -> Result<Spec, Problem> {
    let mut spec = match &command.profile {
        Some(name) => {
            let mut spec: Spec = profiles::load(workspace, "bench", name)?;
            if spec.name == "load" {
                spec.name = crate::base::ids::slug(name.rsplit('/').next().unwrap_or(name).trim_end_matches(".yaml"));
            }
            spec
        }
        None => Spec::default(),
    };
    if let Some(url) = command.url {
        spec.target.url = url;
    }
    if let Some(model) = command.model {
        spec.target.model = Some(model);
    }
    if let Some(endpoint) = command.endpoint {
        spec.target.endpoint = if endpoint == "chat" { Endpoint::Chat } else { Endpoint::Completions };
    }
    if let Some(file) = command.api_key_file {
        spec.target.api_key_file = Some(std::path::absolute(&file).unwrap_or(file));
    }
    if let Some(users) = command.concurrency {
        spec.load = Load::Concurrency(users);
    }
    if let Some(rate) = command.rate {
        spec.load = Load::Rate(rate);
    }
    if let Some(input_len) = command.input_len {
        spec.prompts = Prompts::random(input_len);
    }
    if let Some(path) = command.prompts {
        spec.prompts = Prompts::File { path: std::path::absolute(&path).unwrap_or(path), multi_turn: false };
    }
    spec.output_len = command.output_len.unwrap_or(spec.output_len);
    if command.respect_eos {
        spec.ignore_eos = false;
    }
    if command.requests.is_some() || command.duration.is_some() {
        (spec.requests, spec.duration_s) = (command.requests, command.duration);
    }
    spec.warmup = command.warmup.unwrap_or(spec.warmup);
    spec.seed = command.seed.unwrap_or(spec.seed);
    spec.limits.max_error_rate_pct = command.max_error_rate.unwrap_or(spec.limits.max_error_rate_pct);
    for goal in &command.goodput {
        set_goal(&mut spec, goal)?;
    }
    if spec.target.url.is_empty() {
        return Err(Problem::bad_input("bench.no_url", said!("no server given", "未指定服务"))
            .field("--url")
            .fix(said!("give its base URL, such as --url http://127.0.0.1:8000", "请给出基础地址，如 --url http://127.0.0.1:8000")));
    }
    Ok(spec)
}

/// `metric:ms`, as vLLM's `--goodput` takes it.
fn set_goal(spec: &mut Spec, goal: &str) -> Result<(), Problem> {
    let bad = || {
        Problem::bad_input("bench.bad_goal", said!("{goal} is not METRIC:MS", "{goal} 不是 指标:毫秒"))
            .field("--goodput")
            .fix(said!("metrics are ttft, tpot, itl, e2el; for example ttft:500", "指标为 ttft、tpot、itl、e2el；例如 ttft:500"))
    };
    let (metric, ms) = goal.split_once(':').ok_or_else(bad)?;
    let ms: f64 = ms.parse().ok().filter(|ms: &f64| ms.is_finite() && *ms > 0.0).ok_or_else(bad)?;
    *match metric {
        "ttft" => &mut spec.slo.ttft_ms,
        "tpot" => &mut spec.slo.tpot_ms,
        "itl" => &mut spec.slo.itl_ms,
        "e2el" => &mut spec.slo.e2el_ms,
        _ => return Err(bad()),
    } = Some(ms);
    Ok(())
}

enum Event {
    News(News),
    Interrupt,
}

fn watch(job: &Job) -> Result<(Receiver<Event>, control::Link), Problem> {
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

enum Followed {
    /// The worker said goodbye.
    Ended,
    /// A second ctrl-C.
    GaveUp,
}

fn follow(events: &Receiver<Event>, link: &control::Link, out: Out) -> Followed {
    let mut told = std::time::Instant::now();
    let mut interrupted = false;
    while let Ok(event) = events.recv() {
        match event {
            Event::News(News::Snapshot(body)) => {
                if told.elapsed() >= PROGRESS_EVERY
                    && let Ok(snapshot) = serde_json::from_str::<Snapshot>(body.get())
                {
                    told = std::time::Instant::now();
                    out.note(&progress(&snapshot, out.lang));
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

fn ms(us: Option<u64>) -> String {
    us.map_or_else(|| "n/a".to_owned(), |us| format!("{:.1}", us as f64 / 1e3))
}

fn progress(snapshot: &Snapshot, lang: Lang) -> String {
    let planned = snapshot.planned.map_or_else(String::new, |n| format!("/{n}"));
    let (done, failed, flight) = (snapshot.done, snapshot.failed, snapshot.in_flight);
    let (ttft, tpot) = (ms(snapshot.ttft.p50_us), ms(snapshot.tpot.p50_us));
    let seconds = snapshot.at_us / 1_000_000;
    match lang {
        Lang::En => {
            format!("{seconds:>4} s  done {done}{planned}  failed {failed}  in flight {flight}  TTFT P50 {ttft} ms  TPOT P50 {tpot} ms")
        }
        Lang::Zh => format!("{seconds:>4} 秒  完成 {done}{planned}  失败 {failed}  在途 {flight}  TTFT P50 {ttft} ms  TPOT P50 {tpot} ms"),
    }
}

/// The result for a reader.
fn table(s: &Summary, lang: Lang) -> String {
    let figure = |value: Option<f64>| value.map_or_else(|| format!("{:>10}", "n/a"), |value| format!("{value:>10.2}"));
    let word = |en: &'static str, zh: &'static str| if lang == Lang::Zh { zh } else { en };
    let mut out = format!(
        "{} {}  {} {}  {} {}  {} {:.2} s\n",
        word("model", "模型"),
        s.model_id,
        word("completed", "完成"),
        s.completed,
        word("failed", "失败"),
        s.failed,
        word("duration", "时长"),
        s.duration
    );
    for (en, zh, value) in [
        ("requests/s", "请求/秒", s.request_throughput),
        ("output tokens/s", "输出 token/秒", s.output_throughput),
        ("total tokens/s", "总 token/秒", s.total_token_throughput),
        ("goodput requests/s", "达标请求/秒", s.goodput),
    ] {
        out.push_str(&format!("{} {}\n", figure(value), word(en, zh)));
    }
    out.push_str(&format!("{:>6} {:>10} {:>10} {:>10} {:>10}\n", "ms", "mean", "median", "p90", "p99"));
    for (name, row) in [
        ("TTFT", [s.mean_ttft_ms, s.median_ttft_ms, s.p90_ttft_ms, s.p99_ttft_ms]),
        ("TPOT", [s.mean_tpot_ms, s.median_tpot_ms, s.p90_tpot_ms, s.p99_tpot_ms]),
        ("ITL", [s.mean_itl_ms, s.median_itl_ms, s.p90_itl_ms, s.p99_itl_ms]),
        ("E2EL", [s.mean_e2el_ms, s.median_e2el_ms, s.p90_e2el_ms, s.p99_e2el_ms]),
    ] {
        out.push_str(&format!("{name:>6} {}\n", row.map(figure).join(" ")));
    }
    for (class, count) in &s.errors_by_class {
        let example = s.error_examples.get(class).map(String::as_str).unwrap_or_default();
        out.push_str(&format!("! {class} × {count}: {}\n", crate::base::clean(example)));
    }
    if s.client_limited {
        out.push_str(word("! client-limited: the load client was the bottleneck\n", "! 客户端受限：瓶颈在压测客户端\n"));
    }
    out.push_str(&format!("{} {}", word("result", "结果"), s.result_dir));
    out
}
