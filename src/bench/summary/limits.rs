//! Whether a run's figures are about the client rather than the server.

use super::super::{
    results::{End, Header},
    spec::Load,
};

/// Send lag above which a run measured its client, ms, at the 99th percentile.
pub const MAX_SEND_LAG_P99_MS: f64 = 10.0;
/// Lag of the client's loop above which a run measured its client, ms, at the 99th percentile.
pub const MAX_LOOP_LAG_P99_MS: f64 = 10.0;
/// CPU of a client thread above which a run measured its client, percent of one core.
pub const MAX_CLIENT_CPU_PCT: f64 = 90.0;
/// Share of requests sent late at a rate above which a run measured its client, percent.
pub const MAX_LATE_SENDS_PCT: f64 = 1.0;
/// Share of the scheduled rate below which a run measured its client, percent.
pub const MIN_OF_SCHEDULE_PCT: f64 = 95.0;
/// Share of reads the kernel did not stamp, on sockets that were to be stamped, above which latencies hold the client's own lag, percent.
pub const MAX_USER_STAMPED_PCT: f64 = 5.0;
/// Fewest requests a share is judged on: one late request of a handful is no finding.
const MIN_SENT: u64 = 20;

/// What was seen of the client.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) send_lag_p99_ms: Option<f64>,
    pub(super) loop_lag_p99_ms: Option<f64>,
    pub(super) sent: u64,
    pub(super) late: u64,
    /// Arrivals of tokens in all, warm-up included: about as many reads.
    pub(super) reads: u64,
    /// First and last planned moment of sent requests, µs.
    pub(super) planned: Option<(u64, u64)>,
    /// First and last moment of sending, µs.
    pub(super) sending: Option<(u64, u64)>,
}

/// Why the figures are about the client, one English sentence each; empty when they are not.
pub(super) fn reasons(header: &Header, end: Option<&End>, seen: &Seen) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut over = |what: &str, unit: &str, value: Option<f64>, limit: f64| {
        if let Some(value) = value.filter(|&v| v > limit) {
            reasons.push(format!("{what} was {value:.1}{unit}, more than {limit}{unit}"));
        }
    };
    over("the P99 of the send lag", " ms", seen.send_lag_p99_ms, MAX_SEND_LAG_P99_MS);
    over("the P99 of the client loop's lag", " ms", seen.loop_lag_p99_ms, MAX_LOOP_LAG_P99_MS);
    over("the CPU of a client thread", " %", end.and_then(|e| e.client_cpu_pct), MAX_CLIENT_CPU_PCT);
    let share = |part: u64, of: u64| (of >= MIN_SENT).then(|| part as f64 * 100.0 / of as f64);
    let open = !header.spec.load.closed();
    if open {
        over("the share of requests sent more than 1 ms late", " %", share(seen.late, seen.sent), MAX_LATE_SENDS_PCT);
    }
    if header.setup.stamps == "kernel" {
        let user = end.and_then(|e| share(e.user_stamped_reads, seen.reads));
        over("the share of reads without a kernel stamp", " %", user, MAX_USER_STAMPED_PCT);
    }
    // Held back by the cap, or by conversations whose turn has not come: that is the server's doing.
    let held = header.spec.max_concurrency.is_some() || matches!(header.spec.load, Load::Trace { .. });
    if let (true, false, Some(planned), Some(sending)) = (open, held, seen.planned, seen.sending) {
        let (planned, sending) = (planned.1 - planned.0, sending.1 - sending.0);
        let pct = planned as f64 * 100.0 / sending.max(1) as f64;
        if seen.sent >= MIN_SENT && planned > 0 && pct < MIN_OF_SCHEDULE_PCT {
            reasons.push(format!("requests were sent at {pct:.0} % of the scheduled rate, less than {MIN_OF_SCHEDULE_PCT} %"));
        }
    }
    reasons
}
