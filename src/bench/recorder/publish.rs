//! What is published four times a second: the snapshot.

use super::{Book, dist::Hdr};
use crate::bench::{
    live::{Client, RouteNow},
    record::Record,
};
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::Ordering;

/// Least span over which a share of CPU time means something: the last snapshot may come right after the one before.
const MIN_CPU_SPAN_US: u64 = 200_000;

/// One route of several.
pub(super) struct Route {
    now: RouteNow,
    ttft: Hdr,
    tpot: Hdr,
}

impl Route {
    pub(super) fn new(name: &str) -> Self {
        Self { now: RouteNow { name: name.to_owned(), ..RouteNow::default() }, ttft: Hdr::new(), tpot: Hdr::new() }
    }

    pub(super) fn count(&mut self, record: &Record) {
        self.now.output_tokens += record.output_tokens;
        if !record.ok() {
            self.now.failed += u64::from(!record.stopped());
            return;
        }
        self.now.done += 1;
        if let Some(us) = record.ttft_us() {
            self.ttft.record(us, 1);
        }
        if let Some(us) = record.tpot_us() {
            self.tpot.record_f64(us);
        }
    }
}

impl Book {
    pub(super) fn publish(&mut self, now_us: u64) {
        let shared = &self.shared;
        let cpu = (cpu_us(), now_us);
        let wall_us = now_us.saturating_sub(self.cpu.1);
        let snapshot = &mut self.snapshot;
        snapshot.at_us = now_us;
        snapshot.sent = shared.sent.load(Ordering::Relaxed);
        snapshot.in_flight = shared.in_flight.load(Ordering::Relaxed);
        snapshot.output_tokens = shared.tokens.load(Ordering::Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "a share of a few cores, shown with no more than a digit")]
        let cpu_pct = (wall_us >= MIN_CPU_SPAN_US).then(|| (cpu.0.saturating_sub(self.cpu.0) as f64 * 100.0 / wall_us as f64) as f32);
        snapshot.client = Client {
            send_lag_p99_us: self.lag.p99_us(),
            cpu_pct: cpu_pct.or(snapshot.client.cpu_pct),
            connections: shared.connections.as_ref().map(|connections| connections.load(Ordering::Relaxed)),
            coalesced_chunks: shared.coalesced.load(Ordering::Relaxed),
            late_sends: self.late,
            loop_lag_p99_us: self.loop_lag.p99_us(),
        };
        if wall_us >= MIN_CPU_SPAN_US {
            self.cpu = cpu;
        }
        for (dist, hdr) in [
            (&mut snapshot.ttft, &self.ttft),
            (&mut snapshot.tpot, &self.tpot),
            (&mut snapshot.itl, &self.itl),
            (&mut snapshot.e2el, &self.e2el),
        ] {
            hdr.write(dist);
        }
        snapshot.routes.resize_with(self.routes.len(), RouteNow::default);
        for (now, route) in snapshot.routes.iter_mut().zip(&mut self.routes) {
            route.ttft.write(&mut route.now.ttft);
            route.tpot.write(&mut route.now.tpot);
            now.clone_from(&route.now);
        }
        self.sink.snapshot(snapshot);
    }
}

/// CPU time of this process, µs.
pub(super) fn cpu_us() -> u64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1_000
}
