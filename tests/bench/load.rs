//! What the load client costs and how far its figures are from the truth, beside a raw client that only counts `data:` in the
//! same run: `cargo bench --bench load [USERS…]`.
//!
//! The simulated server has core 0, the client core 1. Time to first token is compared with the server's own log: first write
//! minus the kernel's stamp of the request's first byte. The raw client is the floor: one epoll loop, one read a wake-up, no parsing.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a bench has nobody to report to")]

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
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    thread,
};

/// One case: users, requests, ms between tokens.
const CASES: [(usize, usize, f64); 4] = [(1, 16, 10.0), (64, 512, 10.0), (256, 1024, 10.0), (1024, 2048, 20.0)];
const TOKENS: usize = 128;
const PROMPT: usize = 64;

fn main() {
    let only: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    println!("client      users  tokens/s  CPU µs/token   TTFT error ms: mean    P99    TPOT error %   in flight");
    for (users, requests, itl_ms) in CASES.into_iter().filter(|(users, ..)| only.is_empty() || only.contains(users)) {
        raw_row(users, requests, itl_ms);
        own_row(users, requests, itl_ms);
    }
}

fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    // On a machine of one core both share it.
    let _ = sched_setaffinity(None, &cores);
}

fn process_cpu_us() -> u64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    (t.tv_sec * 1_000_000 + t.tv_nsec / 1_000).unsigned_abs()
}

/// What truly happened to a request: arrival, first and last write, µs of `CLOCK_MONOTONIC`.
type Truth = HashMap<String, (u64, u64, u64)>;

/// Runs `client` on core 1 against a server on core 0: its outcome, the truth, and the CPU time of the client alone, µs.
fn against<T>(itl_ms: f64, client: impl FnOnce(&str) -> T) -> (T, Truth, u64) {
    let log = tempfile::NamedTempFile::new().expect("temporary file");
    let options = Options { ttft_ms: 100.0, itl_ms, truth: Some(log.path().to_path_buf()), ..Options::default() };
    let sim = Sim::bind(options).expect("binds");
    let (url, stop) = (sim.listening().expect("listens").url, sim.stop_handle());
    let server = thread::spawn(move || {
        pin(0);
        sim.run().expect("serves")
    });
    pin(1);
    let cpu_before = process_cpu_us();
    let outcome = client(&url);
    let cpu_spent = process_cpu_us() - cpu_before;
    stop.stop();
    let ended = server.join().expect("ends");
    let text = std::fs::read_to_string(log.path()).expect("reads");
    let mut lines = text.lines();
    let zero = serde_json::from_str::<Epoch>(lines.next().expect("a first line")).expect("an epoch").mono_start_us;
    let truth = lines.filter_map(|line| serde_json::from_str::<sim::Record>(line).ok()).map(|r| {
        let tokens = || r.writes.iter().filter(|(_, n)| *n > 0).map(|(at, _)| at + zero);
        let (first, last) = (tokens().next().unwrap_or(0), tokens().max().unwrap_or(0));
        (r.id.clone(), (r.arrival.at_us + zero, first, last))
    });
    (outcome, truth.collect(), cpu_spent.saturating_sub(ended.cpu_us))
}

/// A request as a client saw it: sent, first and last token, µs of `CLOCK_MONOTONIC`.
struct Seen {
    id: String,
    sent: u64,
    first: u64,
    last: u64,
}

fn row(client: &str, users: usize, seen: &[Seen], truth: &Truth, cpu_us: u64, in_flight: Option<f64>) {
    let mut ttft = Vec::new();
    let mut tpot = 0.0;
    for s in seen {
        let &(arrived, first, last) = truth.get(&s.id).expect("known to the server");
        ttft.push(((s.first - s.sent) as f64 - (first - arrived) as f64) / 1e3);
        tpot += ((s.last - s.first) as f64 - (last - first) as f64) / (last - first) as f64 * 100.0;
    }
    ttft.sort_by(f64::total_cmp);
    let (mean, p99) = (ttft.iter().sum::<f64>() / ttft.len() as f64, ttft[(ttft.len() * 99).div_ceil(100) - 1]);
    let (begin, end) = (seen.iter().map(|s| s.sent).min().expect("some"), seen.iter().map(|s| s.last).max().expect("some"));
    let tokens = (seen.len() * TOKENS) as f64;
    println!(
        "{client:<10} {users:>6} {:>9.0} {:>13.2} {mean:>21.3} {p99:>7.3} {:>14.4} {:>11}",
        tokens * 1e6 / (end - begin) as f64,
        cpu_us as f64 / tokens,
        tpot / seen.len() as f64,
        in_flight.map_or_else(String::new, |n| format!("{n:.1}")),
    );
}

struct Nobody;

impl Sink for Nobody {
    fn snapshot(&self, _: &Snapshot) {}
    fn fact(&self, _: &Fact) {}
}

fn own_row(users: usize, requests: usize, itl_ms: f64) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let ((summary, seen), truth, cpu_us) = against(itl_ms, |url| {
        let spec: Spec = serde_json::from_value(serde_json::json!({
            "target": {"url": url}, "load": {"concurrency": users}, "requests": requests,
            "prompts": {"random": {"input_len": PROMPT}}, "output_len": TOKENS,
        }))
        .expect("a spec");
        let sink: Arc<dyn Sink> = Arc::new(Nobody);
        let summary: Summary = bench::run(&spec, dir.path(), &sink, &Steering::default()).expect("runs");
        let (mut records, mut zero) = (Vec::new(), 0);
        read(dir.path(), |header, record| {
            zero = header.epoch.mono_start_us;
            records.push(record);
        })
        .expect("reads");
        let at = |us: Option<u64>| us.expect("a token") + zero;
        let name = dir.path().file_name().expect("named").to_string_lossy().into_owned();
        let seen =
            records.iter().map(|r| Seen { id: format!("{name}-{}", r.i), sent: at(r.sent_us), first: at(r.first_us), last: at(r.last_us) });
        (summary, seen.collect::<Vec<_>>())
    });
    let truth = truth.into_iter().map(|(id, t)| (id.trim_start_matches("cmpl-").to_owned(), t)).collect();
    row("dcudeck", users, &seen, &truth, cpu_us, summary.in_flight_mean);
    println!(
        "             send lag P99 {:.2} ms, stamps {} ({} reads without), {} coalesced, client CPU {:.0} %",
        summary.send_lag_p99_ms.unwrap_or(0.0),
        summary.stamps,
        summary.user_stamped_reads.unwrap_or(0),
        summary.coalesced_chunks,
        summary.client_cpu_pct.unwrap_or(0.0)
    );
}

struct Raw {
    socket: TcpStream,
    seen: Option<Seen>,
}

fn raw_row(users: usize, requests: usize, itl_ms: f64) {
    let (seen, truth, cpu_us) = against(itl_ms, |url| raw(url.trim_start_matches("http://"), users, requests));
    let truth = truth.into_iter().map(|(id, t)| (id.trim_start_matches("cmpl-").to_owned(), t)).collect();
    row("raw", users, &seen, &truth, cpu_us, None);
}

/// The floor: sends, counts `data:`, stamps after each read.
fn raw(address: &str, users: usize, requests: usize) -> Vec<Seen> {
    let mut count = 0;
    let mut send = |raw: &mut Raw| {
        if count == requests {
            return;
        }
        let body = format!(
            r#"{{"model":"sim","prompt":{:?},"max_tokens":{TOKENS},"ignore_eos":true,"stream":true,"stream_options":{{"include_usage":true,"continuous_usage_stats":true}}}}"#,
            (0..PROMPT).map(|k| 300 + (count * 7 + k) % 700).collect::<Vec<_>>()
        );
        let request = format!(
            "POST /v1/completions HTTP/1.1\r\nhost: sim\r\nx-request-id: raw-{count}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        raw.seen = Some(Seen { id: format!("raw-{count}"), sent: monotonic_us(), first: 0, last: 0 });
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
                seen.last = now;
                if seen.first == 0 {
                    seen.first = now;
                }
            }
            if bytes.ends_with(b"0\r\n\r\n") {
                done.extend(raw.seen.take());
                send(raw);
            }
        }
    }
    assert!(counted >= requests * TOKENS, "{counted} events for {requests} requests");
    done
}
