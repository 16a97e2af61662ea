//! What the load client costs and how far its figures are from the truth, beside a raw client that only counts `data:` in the
//! same interleaved run: `cargo bench --bench load [-- --quick] [USERS|memory|flood|drawn|close|stamps|https…]`; without a name, all.
//!
//! The simulated server is a process of its own on core 0, the client is on core 1. Every figure is a median over the rounds and stands
//! beside the bound it has to keep. "Client error" is what the client adds to a time to first token: its first-token stamp minus the
//! moment before the server's write, plus the kernel's receive stamp of the request minus its sent stamp. Loopback and the server's own
//! write are in it, so it is an upper bound. The raw client is the floor: one epoll loop, one read a wake-up, no parsing.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a bench has nobody to report to")]

mod clients;
mod cost;
mod figures;
mod follower;
mod server;
mod tls;

use clients::{Asked, own, raw, unwatched};
use dcudeck::{base::clock::monotonic_us, bench::Sink, embedded::sim::Options};
use figures::{Figures, figures, median, percentile, sorted};
use follower::Follower;
use rustix::thread::{CpuSet, sched_setaffinity};
use server::against;
use std::{collections::HashSet, sync::Arc};

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
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve", options] => return server::serve(options),
        ["--serve-tls", log] => return tls::serve(log),
        ["--draw", every] => return follower::draw(every),
        _ => {}
    }
    let quick = args.iter().any(|a| a == "--quick");
    let only: Vec<&str> = args.iter().map(String::as_str).filter(|a| !a.starts_with('-')).collect();
    let asked = |name: &str| only.is_empty() || only.contains(&name);
    let (rounds, tokens) = if quick { (1, 48) } else { (3, 128) };
    pin(1);
    println!("{:<36} {:>14} {:>14} {:>12}", "", "dcudeck", "raw client", "bound");
    if asked("memory") {
        cost::memory(tokens);
    }
    if asked("flood") {
        cost::flood(if quick { 64 } else { 512 }, rounds);
    }
    for case in CASES.iter().filter(|case| asked(&case.users.to_string())) {
        accuracy(case, rounds, tokens);
    }
    if asked("drawn") {
        drawn(&CASES[1], rounds, tokens);
    }
    if asked("close") {
        close(tokens);
    }
    if asked("stamps") {
        stamps();
    }
    if asked("https") {
        tls::case(tokens);
    }
}

pub(crate) fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    // On a machine of one core both share it.
    let _ = sched_setaffinity(None, &cores);
}

/// One line: ours, the raw client's, and whether the bound is kept.
pub(crate) fn line(what: &str, ours: f64, raw: Option<f64>, bound: Option<(&str, f64)>, digits: usize) {
    let raw = raw.map_or_else(String::new, |raw| format!("{raw:.digits$}"));
    let kept = bound.map_or_else(String::new, |(sign, bound)| {
        let kept = if sign == "<=" { ours <= bound } else { ours >= bound };
        format!("{:>12}  {}", format!("{sign} {bound}"), if kept { "PASS" } else { "MISS" })
    });
    println!("{what:<36} {:>14} {raw:>14} {kept}", format!("{ours:.digits$}"));
}

fn accuracy(case: &Case, rounds: usize, tokens: usize) {
    let (mut ours, mut raws) = (Vec::new(), Vec::new());
    let asked = Asked { users: case.users, requests: case.requests, tokens };
    let (mut last, mut start) = (None, Vec::new());
    for _ in 0..rounds {
        let options = || Options { ttft_ms: 100.0, itl_ms: case.itl_ms, ..Options::default() };
        let (seen, truth, cpu_us) = against(options(), |url| raw(url.trim_start_matches("http://"), asked));
        raws.push(figures(&seen, &truth, case.users, cpu_us));
        let began = monotonic_us();
        let ((summary, seen, cpu_us), truth, _) = against(options(), |url| own(url, asked, None, &unwatched()));
        ours.push(figures(&seen, &truth, case.users, cpu_us));
        let first = seen.iter().map(|s| s.sent).min().expect("requests");
        // The request that tries the server out is the server's time.
        let known: HashSet<&str> = seen.iter().map(|s| s.id.as_str()).collect();
        let tried: u64 = truth.iter().filter(|(id, _)| !known.contains(id.as_str())).map(|(_, r)| r.ended - r.arrived).sum();
        start.push((first - began - tried) as f64 / 1e3);
        last = Some(summary);
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
    let last = last.expect("a round");
    println!(
        "  (last round: send lag P99 {:.2} ms, loop lag P99 {:.2} ms, {:.2} % of arrivals without a kernel stamp, {} events shared a read with an earlier one)",
        last.send_lag_p99_ms.unwrap_or(0.0),
        last.loop_lag_p99_ms.unwrap_or(0.0),
        last.user_stamped_reads.unwrap_or(0) as f64 * 100.0 / (case.requests * tokens) as f64,
        last.coalesced_chunks,
    );
}

/// The same case while a process of its own follows and draws, beside one that nobody follows.
fn drawn(case: &Case, rounds: usize, tokens: usize) {
    let options = || Options { ttft_ms: 100.0, itl_ms: case.itl_ms, ..Options::default() };
    let asked = Asked { users: case.users, requests: case.requests, tokens };
    let run = |sink: &Arc<dyn Sink>| {
        let ((_, seen, cpu_us), truth, _) = against(options(), |url| own(url, asked, None, sink));
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

/// Short runs, where the first reads weigh most: how many arrivals had no kernel stamp. Above 5 % a run counts as limited by its client.
fn stamps() {
    println!("arrivals without a kernel stamp, % of all, in five runs");
    for (users, requests, tokens, flood) in
        [(1, 20, 1, false), (1, 20, 8, false), (16, 64, 8, false), (256, 512, 8, false), (1024, 1024, 8, false), (16, 256, 64, true)]
    {
        let asked = Asked { users, requests, tokens };
        let options = || Options { ttft_ms: if flood { 0.0 } else { 2.0 }, itl_ms: 5.0, flood, ..Options::default() };
        let shares = (0..5).map(|_| {
            let ((summary, ..), ..) = against(options(), |url| own(url, asked, None, &unwatched()));
            let pct = summary.user_stamped_reads.unwrap_or(0) as f64 * 100.0 / (requests * tokens) as f64;
            format!("{pct:.2}{}", if summary.limited_by.iter().any(|why| why.contains("stamp")) { " (limited)" } else { "" })
        });
        let what = if flood { "flood" } else { "5 ms a token" };
        println!("  {users} users, {requests} requests of {tokens} tokens, {what}: {}", shares.collect::<Vec<_>>().join(", "));
    }
}

/// Tokens of a stream so close together that some wait for one another: how late their stamps are. A read has one stamp, that of its
/// last segment.
fn close(tokens: usize) {
    println!("tokens close together");
    for (users, itl_ms) in [(1, 1.0), (1, 0.1), (8, 1.0), (8, 0.4)] {
        let asked = Asked { users, requests: users * 8, tokens };
        let options = Options { ttft_ms: 20.0, itl_ms, ..Options::default() };
        let ((summary, seen, _), truth, _) = against(options, |url| own(url, asked, None, &unwatched()));
        let (mut late, mut off) = (Vec::new(), Vec::new());
        for s in &seen {
            let real = truth.get(&s.id).expect("known to the server");
            assert_eq!(s.chunks.len(), real.writes.len(), "every token is an arrival");
            late.extend(s.chunks.iter().zip(&real.writes).map(|(seen, real)| seen.saturating_sub(*real) as f64 / 1e3));
            let (seen, real) = (s.chunks.windows(2), real.writes.windows(2));
            off.extend(seen.zip(real).map(|(seen, real)| ((seen[1] - seen[0]) as f64 - (real[1] - real[0]) as f64).abs() / 1e3));
        }
        let (late, off) = (sorted(late.into_iter()), sorted(off.into_iter()));
        println!(
            "  {users} streams, {itl_ms} ms: {:.1} % of the tokens shared a read; stamps late by P50 {:.3}, P99 {:.3}, most {:.3} ms; gaps off by P99 {:.3} ms",
            summary.coalesced_chunks as f64 * 100.0 / (asked.requests * tokens) as f64,
            percentile(&late, 50),
            percentile(&late, 99),
            percentile(&late, 100),
            percentile(&off, 99),
        );
    }
}
