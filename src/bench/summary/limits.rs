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
/// Least lag of a request that counts as late at a rate, ms; at low rates a tenth of the mean spacing does, up to [`MAX_SEND_LAG_P99_MS`].
const LATE_MS: f64 = 1.0;
/// Share of requests sent late at a rate above which a run measured its client, percent.
pub const MAX_LATE_SENDS_PCT: f64 = 5.0;
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
    /// Of these, later than [`late_from_ms`](Self::late_from_ms).
    pub(super) late: u64,
    /// Arrivals of tokens in all, warm-up included: about as many reads.
    pub(super) reads: u64,
    /// First and last planned moment of sent requests, µs.
    pub(super) planned: Option<(u64, u64)>,
    /// First and last moment of sending, µs.
    pub(super) sending: Option<(u64, u64)>,
}

impl Seen {
    /// The lag from which on a request was late, ms. What distorts a load is lag beside the time between its requests: two ms are nothing
    /// to ten requests a second.
    pub(super) fn late_from_ms(&self) -> f64 {
        let spacing = self.planned.map_or(0.0, |(first, last)| (last - first) as f64 / 1e3 / self.sent.max(1) as f64);
        (spacing / 10.0).clamp(LATE_MS, MAX_SEND_LAG_P99_MS)
    }
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
        let late = format!("the share of requests sent more than {:.1} ms late", seen.late_from_ms());
        over(&late, " %", share(seen.late, seen.sent), MAX_LATE_SENDS_PCT);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::testing;

    /// A thousand requests, sent as planned over so many seconds.
    fn seen(seconds: u64) -> Seen {
        let span = Some((1_000_000, 1_000_000 + seconds * 1_000_000));
        Seen { sent: 1_000, reads: 10_000, planned: span, sending: span, ..Seen::default() }
    }

    fn why(load: &str, more: &str, seen: &Seen, end: Option<&End>) -> Vec<String> {
        let header = testing::header(&testing::spec(&format!(r#", "load": {load}{more}"#)), "2026-03-01T10:00:00Z");
        reasons(&header, end, seen)
    }

    #[test]
    fn each_limit_is_told_by_itself_and_a_run_within_all_of_them_by_none() {
        let rate = r#"{"rate": 100.0}"#;
        assert_eq!(why(rate, "", &seen(10), Some(&testing::end(1))), Vec::<String>::new());
        let sending = Some((1_000_000, 12_000_000));
        let cases: [(Seen, &str); 4] = [
            (Seen { send_lag_p99_ms: Some(10.1), ..seen(10) }, "the send lag"),
            (Seen { loop_lag_p99_ms: Some(10.1), ..seen(10) }, "the client loop's lag"),
            (Seen { late: 51, ..seen(10) }, "sent more than 1.0 ms late was 5.1 %"),
            (Seen { sending, ..seen(10) }, "at 91 % of the scheduled rate"),
        ];
        for (seen, words) in cases {
            let told = why(rate, "", &seen, None);
            assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
        }
        let mut end = testing::end(1);
        end.client_cpu_pct = Some(91.0);
        assert!(why(rate, "", &seen(10), Some(&end))[0].contains("the CPU of a client thread"));
        end = testing::end(1);
        end.user_stamped_reads = 501;
        assert!(why(rate, "", &seen(10), Some(&end))[0].contains("without a kernel stamp"));
    }

    #[test]
    fn a_closed_loop_is_never_late_and_a_cap_holds_a_schedule_up_by_right() {
        let slow = Seen { late: 500, sending: Some((0, 99_000_000)), ..seen(10) };
        assert_eq!(why(r#"{"concurrency": 4}"#, "", &slow, None), Vec::<String>::new());
        let slow = Seen { late: 0, ..slow };
        assert_eq!(why(r#"{"rate": 100.0}"#, r#", "max_concurrency": 4"#, &slow, None), Vec::<String>::new());
    }

    #[test]
    fn late_is_a_tenth_of_the_time_between_requests_and_never_less_than_a_millisecond() {
        let late_from = [seen(1), seen(10), seen(25), seen(1_000)].map(|seen| format!("{:.1}", seen.late_from_ms()));
        assert_eq!(late_from, ["1.0", "1.0", "2.5", "10.0"]);
        let told = why(r#"{"rate": 40.0}"#, "", &Seen { late: 60, ..seen(25) }, None);
        assert!(told[0].contains("more than 2.5 ms late was 6.0 %"), "{told:?}");
    }
}
