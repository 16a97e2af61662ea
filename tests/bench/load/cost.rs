//! What the client costs besides the token path: memory, the recorder, and how fast it takes in a flood.

use crate::{
    clients::{Asked, Watch, own, raw, resident, unwatched},
    figures::{Seen, median},
    line,
    server::against,
};
use dcudeck::{bench::Sink, embedded::sim::Options};
use std::sync::Arc;

/// Whole answers at once: how many tokens a second the client takes in.
pub(crate) fn flood(tokens: usize, rounds: usize) {
    let asked = Asked { users: 16, requests: 512, tokens };
    let options = || Options { ttft_ms: 0.0, itl_ms: 0.0, flood: true, ..Options::default() };
    let all = (asked.requests * tokens) as f64;
    let per_second = |seen: &[Seen]| {
        let (from, to) = (seen.iter().map(|s| s.sent).min(), seen.iter().filter_map(|s| s.chunks.last()).max());
        all * 1e6 / (to.expect("some") - from.expect("some")) as f64
    };
    let (mut ours, mut raws, mut cpus) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (seen, ..) = against(options(), |url| raw(url.trim_start_matches("http://"), asked));
        raws.push(per_second(&seen));
        let ((_, seen, cpu_us), ..) = against(options(), |url| own(url, asked, None, &unwatched()));
        ours.push(per_second(&seen));
        cpus.push(cpu_us as f64 / all);
    }
    println!("flood: {} streams, {tokens} tokens an answer", asked.users);
    line("  million tokens a second", median(ours.into_iter()) / 1e6, Some(median(raws.into_iter()) / 1e6), Some((">=", 1.5)), 3);
    line("  CPU per token, µs", median(cpus.into_iter()), None, None, 3);
}

/// Memory of open streams and of finished requests, and what the recorder takes for one.
pub(crate) fn memory(tokens: usize) {
    let asked = Asked { users: 1024, requests: 1024, tokens };
    let watched = Arc::new(Watch::default());
    let before = resident();
    against(Options { ttft_ms: 500.0, itl_ms: 20.0, ..Options::default() }, |url| {
        drop(own(url, asked, None, &(Arc::clone(&watched) as Arc<dyn Sink>)));
    });
    let peak = watched.samples().iter().filter(|s| s.in_flight > 0).map(|s| s.resident).max().unwrap_or(before);
    println!("memory and the recorder");
    line("  per open stream, kB", peak.saturating_sub(before) as f64 / asked.users as f64 / 1e3, None, Some(("<=", 20.0)), 1);
    let watched = Arc::new(Watch::default());
    let asked = Asked { users: 64, requests: 20_000, tokens: 4 };
    against(Options { ttft_ms: 1.0, itl_ms: 0.1, ..Options::default() }, |url| {
        drop(own(url, asked, None, &(Arc::clone(&watched) as Arc<dyn Sink>)));
    });
    let samples = watched.samples();
    // Between the first sample with a quarter of the requests and the last one still under way.
    let (Some(from), Some(to)) = (samples.iter().find(|s| s.done >= 5_000), samples.iter().rev().find(|s| s.in_flight > 0)) else {
        panic!("too few samples: {samples:?}")
    };
    let finished = to.done.saturating_sub(from.done).max(1) as f64;
    line("  per finished request, B", to.resident.saturating_sub(from.resident) as f64 / finished, None, Some(("<=", 200.0)), 0);
    line("  recorder per finished request, µs", (to.recorder_us - from.recorder_us) as f64 / finished, None, None, 2);
}
