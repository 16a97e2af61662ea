//! What the load client costs and how far its figures are from the truth, beside a raw client that only counts `data:` in the
//! same interleaved run: `cargo bench --bench load [-- --quick] [USERS…]`.
//!
//! The simulated server is a process of its own on core 0, the client is on core 1. Every figure is a median over the rounds and stands
//! beside the bound it has to keep. "Client error" is what the client adds to a time to first token: its first-token stamp minus the
//! moment before the server's write, plus the kernel's receive stamp of the request minus its sent stamp. Loopback and the server's own
//! write are in it, so it is an upper bound. The raw client is the floor: one epoll loop, one read a wake-up, no parsing.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a bench has nobody to report to")]

use dcudeck::{
    base::clock::{Epoch, monotonic_us},
    bench::{
        self, Sink, Steering,
        live::{Fact, Snapshot},
        results::read,
        spec::Spec,
        summary::Summary,
    },
    embedded::sim::{self, Options, Sim},
};
use rustix::{
    event::epoll,
    thread::{CpuSet, sched_setaffinity},
    time::{ClockId, clock_gettime},
};
use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

/// One case and its bounds.
struct Case {
    users: usize,
    requests: usize,
    itl_ms: f64,
    /// Client error, ms: mean and P99.
    error_ms: (f64, f64),
    /// P99 of the absolute error of a request's inter-token latency, percent.
    itl_p99_pct: f64,
}

const CASES: [Case; 3] = [
    Case { users: 64, requests: 256, itl_ms: 10.0, error_ms: (0.1, 1.0), itl_p99_pct: 0.2 },
    Case { users: 256, requests: 1024, itl_ms: 10.0, error_ms: (0.3, 3.0), itl_p99_pct: 0.5 },
    Case { users: 1024, requests: 2048, itl_ms: 20.0, error_ms: (1.0, 10.0), itl_p99_pct: 1.0 },
];
const PROMPT: usize = 64;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|a| a == "--serve") {
        return serve(&args[1]);
    }
    if args.first().is_some_and(|a| a == "--draw") {
        return draw(&args[1]);
    }
    let quick = args.iter().any(|a| a == "--quick");
    let only: Vec<usize> = args.iter().filter_map(|a| a.parse().ok()).collect();
    let (rounds, tokens) = if quick { (1, 48) } else { (3, 128) };
    pin(1);
    println!("{:<34} {:>14} {:>14} {:>12}", "", "dcudeck", "raw client", "bound");
    if only.is_empty() {
        memory(tokens);
        flood(if quick { 64 } else { 512 }, rounds);
    }
    for case in CASES.iter().filter(|case| only.is_empty() || only.contains(&case.users)) {
        accuracy(case, rounds, tokens);
        if case.users == 256 {
            drawn(case, rounds, tokens);
        }
    }
}

fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    // On a machine of one core both share it.
    let _ = sched_setaffinity(None, &cores);
}

/// The server's process: serves until its input ends.
fn serve(options: &str) {
    pin(0);
    let sim = Sim::bind(serde_json::from_str::<Options>(options).expect("options")).expect("binds");
    println!("{}", sim.listening().expect("listens").url);
    let stop = sim.stop_handle();
    thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        stop.stop();
    });
    sim.run().expect("serves");
}

fn process_cpu_us() -> u64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    (t.tv_sec * 1_000_000 + t.tv_nsec / 1_000).unsigned_abs()
}

/// What truly happened to a request, µs of `CLOCK_MONOTONIC`.
struct Real {
    arrived: u64,
    ended: u64,
    writes: Vec<u64>,
}

type Truth = HashMap<String, Real>;

/// Runs `client` against a server: its outcome, the truth, and the CPU time of this process, µs.
fn against<T>(options: Options, client: impl FnOnce(&str) -> T) -> (T, Truth, u64) {
    let log = tempfile::NamedTempFile::new().expect("temporary file");
    let options = Options { truth: Some(log.path().to_path_buf()), ..options };
    let mut server = Command::new(std::env::current_exe().expect("this program"))
        .args(["--serve", &serde_json::to_string(&options).expect("JSON")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut url = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut url).expect("a line");
    let before = process_cpu_us();
    let outcome = client(url.trim());
    let cpu_us = process_cpu_us() - before;
    drop(server.stdin.take());
    server.wait().expect("ends");
    let text = std::fs::read_to_string(log.path()).expect("reads");
    let mut lines = text.lines();
    let zero = serde_json::from_str::<Epoch>(lines.next().expect("a first line")).expect("an epoch").mono_start_us;
    let truth = lines.filter_map(|line| serde_json::from_str::<sim::Record>(line).ok()).map(|r| {
        let writes = r.writes.iter().filter(|(_, n)| *n > 0).map(|(at, _)| at + zero).collect();
        (r.id.trim_start_matches("cmpl-").to_owned(), Real { arrived: r.arrival.at_us + zero, ended: r.end_us + zero, writes })
    });
    (outcome, truth.collect(), cpu_us)
}

/// A request as a client saw it: sent and every chunk, µs of `CLOCK_MONOTONIC`.
struct Seen {
    id: String,
    sent: u64,
    chunks: Vec<u64>,
}

fn percentile(sorted: &[f64], p: usize) -> f64 {
    sorted[(sorted.len() * p).div_ceil(100).max(1) - 1]
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    percentile(&sorted(values), 50)
}

/// One line: ours, the raw client's, and whether the bound is kept.
fn line(what: &str, ours: f64, raw: Option<f64>, bound: Option<(&str, f64)>, digits: usize) {
    let raw = raw.map_or_else(String::new, |raw| format!("{raw:.digits$}"));
    let kept = bound.map_or_else(String::new, |(sign, bound)| {
        let kept = if sign == "<=" { ours <= bound } else { ours >= bound };
        format!("{:>12}  {}", format!("{sign} {bound}"), if kept { "PASS" } else { "MISS" })
    });
    println!("{what:<34} {:>14} {raw:>14} {kept}", format!("{ours:.digits$}"));
}

/// The figures of one run.
struct Figures {
    error_mean: f64,
    error_p99: f64,
    itl_mean_pct: f64,
    itl_p99_pct: f64,
    gap_p99_off: f64,
    held_pct: f64,
    cpu_per_token: f64,
}

fn figures(seen: &[Seen], truth: &Truth, users: usize, cpu_us: u64) -> Figures {
    let (mut errors, mut itl, mut gaps, mut true_gaps, mut tokens) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), 0);
    for s in seen {
        let real = truth.get(&s.id).expect("known to the server");
        tokens += real.writes.len();
        let (first, last) = (s.chunks[0], *s.chunks.last().expect("chunks"));
        let (true_first, true_last) = (real.writes[0], *real.writes.last().expect("writes"));
        errors.push(((first as f64 - true_first as f64) + (real.arrived as f64 - s.sent as f64)) / 1e3);
        let whole = (true_last - true_first) as f64;
        itl.push(((last - first) as f64 - whole) / whole * 100.0);
        gaps.extend(s.chunks.windows(2).map(|w| (w[1] - w[0]) as f64 / 1e3));
        true_gaps.extend(real.writes.windows(2).map(|w| (w[1] - w[0]) as f64 / 1e3));
    }
    let errors = sorted(errors.into_iter());
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    Figures {
        error_mean: mean(&errors),
        error_p99: percentile(&errors, 99),
        itl_mean_pct: mean(&itl),
        itl_p99_pct: percentile(&sorted(itl.iter().map(|e| e.abs())), 99),
        gap_p99_off: percentile(&sorted(gaps.into_iter()), 99) - percentile(&sorted(true_gaps.into_iter()), 99),
        held_pct: held(truth, seen, users),
        cpu_per_token: cpu_us as f64 / tokens as f64,
    }
}

/// Requests in flight at the server, percent of `users`, from the first moment all are to the last new request.
fn held(truth: &Truth, seen: &[Seen], users: usize) -> f64 {
    let reals: Vec<&Real> = seen.iter().filter_map(|s| truth.get(&s.id)).collect();
    let mut edges: Vec<(u64, i64)> = reals.iter().flat_map(|r| [(r.arrived, 1), (r.ended, -1)]).collect();
    edges.sort_unstable_by_key(|&(at, change)| (at, -change));
    let last_new = reals.iter().map(|r| r.arrived).max().unwrap_or(0);
    let (mut now, mut from, mut at, mut sum) = (0_i64, None, 0, 0.0);
    for (edge, change) in edges {
        if edge > last_new {
            break;
        }
        if from.is_some() {
            sum += now as f64 * (edge - at) as f64;
        }
        (now, at) = (now + change, edge);
        if now >= i64::try_from(users).unwrap_or(i64::MAX) {
            from.get_or_insert(edge);
        }
    }
    let Some(from) = from.filter(|from| at > *from) else { return 100.0 };
    sum / (at - from) as f64 / users as f64 * 100.0
}

fn accuracy(case: &Case, rounds: usize, tokens: usize) {
    let (mut ours, mut raws) = (Vec::new(), Vec::new());
    let (mut lag, mut coalesced, mut start) = (0.0, 0, Vec::new());
    for _ in 0..rounds {
        let options = || Options { ttft_ms: 100.0, itl_ms: case.itl_ms, ..Options::default() };
        let (seen, truth, cpu_us) = against(options(), |url| raw(url.trim_start_matches("http://"), case.users, case.requests, tokens));
        raws.push(figures(&seen, &truth, case.users, cpu_us));
        let began = monotonic_us();
        let ((summary, seen, cpu_us), truth, _) = against(options(), |url| own(url, case.users, case.requests, tokens, &unwatched()));
        ours.push(figures(&seen, &truth, case.users, cpu_us));
        let first = seen.iter().map(|s| s.sent).min().expect("requests");
        // The request that tries the server out is the server's time.
        let known: std::collections::HashSet<&str> = seen.iter().map(|s| s.id.as_str()).collect();
        let tried: u64 = truth.iter().filter(|(id, _)| !known.contains(id.as_str())).map(|(_, r)| r.ended - r.arrived).sum();
        start.push((first - began - tried) as f64 / 1e3);
        lag = summary.send_lag_p99_ms.unwrap_or(0.0);
        coalesced = summary.coalesced_chunks;
    }
    let both = |pick: fn(&Figures) -> f64| (median(ours.iter().map(pick)), median(raws.iter().map(pick)));
    println!("{} streams, {} ms a token, {tokens} tokens", case.users, case.itl_ms);
    let (error, floor) = both(|f| f.error_mean);
    line("  client error, mean ms", error, Some(floor), Some(("<=", case.error_ms.0)), 3);
    let (p99, floor_p99) = both(|f| f.error_p99);
    line("  client error, P99 ms", p99, Some(floor_p99), Some(("<=", case.error_ms.1)), 3);
    line("  above the raw client, mean ms", error - floor, None, Some(("<=", 0.5)), 3);
    let (itl, floor) = both(|f| f.itl_mean_pct.abs());
    line("  ITL of a request, mean error %", itl, Some(floor), Some(("<=", 0.05)), 4);
    let (itl, floor) = both(|f| f.itl_p99_pct);
    line("  ITL of a request, P99 of |error| %", itl, Some(floor), Some(("<=", case.itl_p99_pct)), 3);
    let (gap, floor) = both(|f| f.gap_p99_off.abs());
    line("  pooled gap P99 off by, ms", gap, Some(floor), Some(("<=", 0.5)), 3);
    let (held, floor) = both(|f| f.held_pct);
    line("  in flight, % of the users", held, Some(floor), Some((">=", 99.0)), 2);
    let (cpu, floor) = both(|f| f.cpu_per_token);
    line("  CPU per token, µs", cpu, Some(floor), None, 2);
    line("  CPU per token, x raw", cpu / floor, None, Some(("<=", 1.25)), 2);
    line("  start to first request, ms", median(start.into_iter()), None, Some(("<=", 50.0)), 1);
    println!("  (send lag P99 {lag:.2} ms, {coalesced} events shared a read with an earlier one)");
}

/// The same case while a process of its own follows and draws, beside one that nobody follows.
fn drawn(case: &Case, rounds: usize, tokens: usize) {
    let options = || Options { ttft_ms: 100.0, itl_ms: case.itl_ms, ..Options::default() };
    let run = |sink: &Arc<dyn Sink>| {
        let ((_, seen, cpu_us), truth, _) = against(options(), |url| own(url, case.users, case.requests, tokens, sink));
        figures(&seen, &truth, case.users, cpu_us)
    };
    let (mut with, mut without, mut drawings) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        without.push(run(&unwatched()));
        let follower = Follower::start();
        let sink: Arc<dyn Sink> = Arc::clone(&follower) as Arc<dyn Sink>;
        with.push(run(&sink));
        drop(sink);
        drawings += follower.end();
    }
    assert!(drawings > 0, "the follower drew nothing");
    let both = |pick: fn(&Figures) -> f64| (median(with.iter().map(pick)), median(without.iter().map(pick)));
    println!("{} streams, followed by a process that drew {drawings} times (beside: not followed)", case.users);
    let told = |what: &str, (with, without): (f64, f64), bound: Option<f64>, digits: usize| {
        line(what, with, Some(without), bound.map(|bound| ("<=", bound)), digits);
    };
    told("  client error, mean ms", both(|f| f.error_mean), Some(case.error_ms.0), 3);
    told("  client error, P99 ms", both(|f| f.error_p99), Some(case.error_ms.1), 3);
    told("  ITL of a request, mean error %", both(|f| f.itl_mean_pct.abs()), Some(0.05), 4);
    told("  ITL of a request, P99 of |error| %", both(|f| f.itl_p99_pct), Some(case.itl_p99_pct), 3);
    told("  pooled gap P99 off by, ms", both(|f| f.gap_p99_off.abs()), Some(0.5), 3);
    told("  CPU per token, µs", both(|f| f.cpu_per_token), None, 2);
}

/// Serialises every snapshot to a process that reads them all and draws four times a second, as a console that is attached does.
struct Follower {
    to: Mutex<Option<ChildStdin>>,
    process: Mutex<Child>,
}

impl Follower {
    fn start() -> Arc<Self> {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args(["--draw", "250"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        Arc::new(Self { to: Mutex::new(process.stdin.take()), process: Mutex::new(process) })
    }

    /// How often it drew.
    fn end(&self) -> usize {
        drop(self.to.lock().expect("lock").take());
        let mut process = self.process.lock().expect("lock");
        let mut told = String::new();
        process.stdout.take().expect("piped").read_to_string(&mut told).expect("reads");
        process.wait().expect("ends");
        told.trim().parse().expect("a number")
    }

    fn tell(&self, line: &impl serde::Serialize) {
        let mut text = serde_json::to_vec(line).expect("JSON");
        text.push(b'\n');
        if let Some(to) = self.to.lock().expect("lock").as_mut() {
            to.write_all(&text).expect("follows");
        }
    }
}

impl Sink for Follower {
    fn snapshot(&self, snapshot: &Snapshot) {
        self.tell(snapshot);
    }
    fn fact(&self, fact: &Fact) {
        self.tell(fact);
    }
}

/// The follower's process: reads what it is told and draws the newest snapshot, at most once in `every` ms; then says how often.
fn draw(every: &str) {
    pin(0);
    let every_us = every.parse::<u64>().expect("milliseconds") * 1_000;
    let (mut drawn, mut last_us) = (0_usize, 0);
    for line in BufReader::new(std::io::stdin()).lines().map_while(Result::ok) {
        let Ok(snapshot) = serde_json::from_str::<Snapshot>(&line) else { continue };
        if monotonic_us() - last_us >= every_us {
            last_us = monotonic_us();
            // About as many cells as a terminal has.
            let cells: Vec<String> = (0..10_000).map(|cell| format!("\u{1b}[38;5;{}m{}", cell % 256, snapshot.done % 10)).collect();
            std::hint::black_box(cells.concat());
            drawn += 1;
        }
    }
    println!("{drawn}");
}

/// Whole answers at once: how many tokens a second the client takes in.
fn flood(tokens: usize, rounds: usize) {
    let (users, requests) = (16, 512);
    let options = || Options { ttft_ms: 0.0, itl_ms: 0.0, flood: true, ..Options::default() };
    let per_second = |seen: &[Seen]| {
        let (from, to) = (seen.iter().map(|s| s.sent).min(), seen.iter().filter_map(|s| s.chunks.last()).max());
        (requests * tokens) as f64 * 1e6 / (to.expect("some") - from.expect("some")) as f64
    };
    let (mut ours, mut raws, mut cpus) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (seen, ..) = against(options(), |url| raw(url.trim_start_matches("http://"), users, requests, tokens));
        raws.push(per_second(&seen));
        let ((_, seen, cpu_us), ..) = against(options(), |url| own(url, users, requests, tokens, &unwatched()));
        ours.push(per_second(&seen));
        cpus.push(cpu_us as f64 / (requests * tokens) as f64);
    }
    println!("flood: {users} streams, {tokens} tokens an answer");
    line("  million tokens a second", median(ours.into_iter()) / 1e6, Some(median(raws.into_iter()) / 1e6), Some((">=", 1.5)), 3);
    line("  CPU per token, µs", median(cpus.into_iter()), None, None, 3);
}

/// Memory of open streams and of finished requests.
fn memory(tokens: usize) {
    let users = 1024;
    let watched = Arc::new(Memory::default());
    let before = resident();
    against(Options { ttft_ms: 500.0, itl_ms: 20.0, ..Options::default() }, |url| {
        drop(own(url, users, users, tokens, &(Arc::clone(&watched) as Arc<dyn Sink>)));
    });
    let peak = watched.0.lock().expect("lock").iter().filter(|(in_flight, ..)| *in_flight > 0).map(|s| s.2).max().unwrap_or(before);
    println!("memory");
    line("  per open stream, kB", (peak.saturating_sub(before)) as f64 / users as f64 / 1e3, None, Some(("<=", 20.0)), 1);
    let watched = Arc::new(Memory::default());
    against(Options { ttft_ms: 1.0, itl_ms: 0.1, ..Options::default() }, |url| {
        drop(own(url, 64, 20_000, 4, &(Arc::clone(&watched) as Arc<dyn Sink>)));
    });
    let samples = watched.0.lock().expect("lock").clone();
    // Between the first sample with a quarter of the requests and the last one still under way.
    let (Some(from), Some(to)) = (samples.iter().find(|s| s.1 >= 5_000), samples.iter().rev().find(|s| s.0 > 0)) else {
        panic!("too few samples: {samples:?}")
    };
    let finished = to.1.saturating_sub(from.1).max(1);
    line("  per finished request, B", to.2.saturating_sub(from.2) as f64 / finished as f64, None, Some(("<=", 200.0)), 0);
}

/// Resident memory of this process that no file backs, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("reads");
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// A watcher that notes, with every snapshot, requests under way, requests done and memory.
#[derive(Default)]
struct Memory(Mutex<Vec<(u32, u64, u64)>>);

fn unwatched() -> Arc<dyn Sink> {
    Arc::new(Memory::default())
}

impl Sink for Memory {
    fn snapshot(&self, snapshot: &Snapshot) {
        self.0.lock().expect("lock").push((snapshot.in_flight, snapshot.done, resident()));
    }
    fn fact(&self, _: &Fact) {}
}

fn own(url: &str, users: usize, requests: usize, tokens: usize, sink: &Arc<dyn Sink>) -> (Summary, Vec<Seen>, u64) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let spec: Spec = serde_json::from_value(serde_json::json!({
        "target": {"url": url}, "load": {"concurrency": users}, "requests": requests,
        "prompts": {"random": {"input_len": PROMPT}}, "output_len": tokens, "save_tokens": "all",
    }))
    .expect("a spec");
    let before = process_cpu_us();
    let summary: Summary = bench::run(&spec, dir.path(), sink, &Steering::default()).expect("runs");
    let cpu_us = process_cpu_us() - before;
    assert_eq!(summary.failed, 0, "{:?}", summary.error_examples);
    let name = dir.path().file_name().expect("named").to_string_lossy().into_owned();
    let mut seen = Vec::new();
    read(dir.path(), |header, record| {
        let mut at = record.sent_us.expect("sent") + header.epoch.mono_start_us;
        let sent = at;
        let chunks = record.chunks().filter_map(|(gap, tokens)| {
            at += gap;
            (tokens > 0).then_some(at)
        });
        seen.push(Seen { id: format!("{name}-{}", record.i), sent, chunks: chunks.collect() });
    })
    .expect("reads");
    (summary, seen, cpu_us)
}

struct Raw {
    socket: TcpStream,
    seen: Option<Seen>,
}

/// The floor: sends, counts `data:`, stamps after each read.
fn raw(address: &str, users: usize, requests: usize, tokens: usize) -> Vec<Seen> {
    let mut count = 0;
    let mut send = |raw: &mut Raw| {
        if count == requests {
            return;
        }
        let body = format!(
            r#"{{"model":"sim","prompt":{:?},"max_tokens":{tokens},"ignore_eos":true,"stream":true,"stream_options":{{"include_usage":true,"continuous_usage_stats":true}}}}"#,
            (0..PROMPT).map(|k| 300 + (count * 7 + k) % 700).collect::<Vec<_>>()
        );
        let request = format!(
            "POST /v1/completions HTTP/1.1\r\nhost: sim\r\nx-request-id: raw-{count}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        raw.seen = Some(Seen { id: format!("raw-{count}"), sent: monotonic_us(), chunks: Vec::with_capacity(tokens + 2) });
        raw.socket.write_all(request.as_bytes()).expect("writes");
        count += 1;
    };
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
    let mut raws: Vec<Raw> = (0..users)
        .map(|k| {
            let socket = TcpStream::connect(address).expect("connects");
            socket.set_nodelay(true).expect("option");
            epoll::add(&poll, &socket, epoll::EventData::new_u64(k as u64), epoll::EventFlags::IN).expect("registers");
            Raw { socket, seen: None }
        })
        .collect();
    raws.iter_mut().for_each(&mut send);
    let (mut done, mut buffer, mut events) = (Vec::new(), vec![0; 64 << 10], Vec::with_capacity(256));
    let mut counted = 0;
    while done.len() < requests {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None).expect("waits");
        for event in &events {
            let raw = &mut raws[usize::try_from(event.data.u64()).expect("small")];
            let n = raw.socket.read(&mut buffer).expect("reads");
            let now = monotonic_us();
            assert!(n > 0, "the server closed a connection");
            let bytes = &buffer[..n];
            counted += memchr::memmem::find_iter(bytes, b"data:").count();
            let seen = raw.seen.as_mut().expect("asked");
            if memchr::memmem::find(bytes, b"\"text\"").is_some() {
                seen.chunks.push(now);
            }
            if bytes.ends_with(b"0\r\n\r\n") {
                done.extend(raw.seen.take());
                send(raw);
            }
        }
    }
    assert!(counted >= requests * tokens, "{counted} events for {requests} requests");
    done
}
