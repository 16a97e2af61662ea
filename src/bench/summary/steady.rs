//! The steady part of a run: ramp and drain cut.

use super::super::results::RequestRow;

/// Share of the load's level that counts as steady.
const STEADY: f64 = 0.9;
/// Shortest and longest slice, µs.
const SLICE_US: (u64, u64) = (10_000, 1_000_000);
/// Slices a run is cut into, as far as they are not too short or too long.
const SLICES: u64 = 200;
/// Of an open loop: a time without any request, longer than this part of the run, was a pause.
const PAUSE: usize = 10;

/// A span of the run, µs since its start, and the mean number of requests under way in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) from_us: u64,
    pub(super) until_us: u64,
    pub(super) in_flight_mean: f64,
}

impl Span {
    pub(super) const fn holds(&self, at_us: u64) -> bool {
        self.from_us <= at_us && at_us < self.until_us
    }

    /// The share of a request's time that lies in it.
    pub(super) fn share(&self, sent_us: u64, end_us: u64) -> f64 {
        if end_us <= sent_us {
            return f64::from(self.holds(end_us));
        }
        let inside = end_us.min(self.until_us).saturating_sub(sent_us.max(self.from_us));
        inside as f64 / (end_us - sent_us) as f64
    }

    pub(super) fn seconds(&self) -> f64 {
        (self.until_us - self.from_us) as f64 / 1e6
    }
}

/// The longest span, of two slices at least; the earlier of equal ones.
///
/// In a closed loop the level is the greatest number under way, and a time below it ends the span unless it is shorter than half a request: the
/// users of a round end together, and begin together again. In an open loop the number under way is the server's doing and swings by
/// itself: the level is its median while requests were sent, only the ramp before and the drain after are cut, and pauses.
pub(super) fn longest(rows: &[RequestRow], from_us: u64, until_us: u64, closed: bool) -> Option<Span> {
    let all = until_us.checked_sub(from_us).filter(|&us| us > 0)?;
    let width = (all / SLICES).clamp(SLICE_US.0, SLICE_US.1);
    let slices = usize::try_from(all.div_ceil(width)).ok()?;
    // Time under way in each slice: the ends of a request by themselves, the slices it fills by a difference at their borders.
    let (mut busy, mut steps) = (vec![0_u64; slices], vec![0_i64; slices + 1]);
    let slice = |us: u64| usize::try_from((us - from_us) / width).unwrap_or(usize::MAX).min(slices - 1);
    let begin = |slice: usize| from_us + slice as u64 * width;
    for row in rows {
        let Some(sent) = row.sent_us() else { continue };
        let (sent, end) = (sent.clamp(from_us, until_us), row.end_us.clamp(from_us, until_us));
        let (first, last) = (slice(sent), slice(end));
        let mut add = |slice: usize, us: u64| {
            if let Some(busy) = busy.get_mut(slice) {
                *busy += us;
            }
        };
        if first >= last {
            add(first, end.saturating_sub(sent));
            continue;
        }
        add(first, begin(first + 1) - sent);
        add(last, end - begin(last));
        for (at, step) in [(first + 1, 1), (last, -1)] {
            if let Some(steps) = steps.get_mut(at) {
                *steps += step;
            }
        }
    }
    let mut full = 0_i64;
    let means: Vec<f64> = busy
        .iter()
        .zip(&steps)
        .enumerate()
        .map(|(k, (&busy, step))| {
            full += step;
            let width = width.min(until_us - begin(k));
            full as f64 + busy as f64 / width as f64
        })
        .collect();
    let sending = rows.iter().filter_map(RequestRow::sent_us).max().map_or(0, |sent| slice(sent.clamp(from_us, until_us)) + 1);
    let (level, searched, most_between) = if closed {
        let level = means.iter().copied().fold(0.0, f64::max);
        let mut times: Vec<u64> = rows.iter().filter_map(|row| row.end_us.checked_sub(row.sent_us()?)).collect();
        let between = median(&mut times).unwrap_or(0) / 2 / width;
        (level, slices, usize::try_from(between).unwrap_or(usize::MAX))
    } else {
        (median(&mut means.iter().take(sending).copied().collect::<Vec<_>>()).unwrap_or(0.0), sending, slices / PAUSE)
    };
    let mut best = 0..0;
    let (mut span, mut between) = (None::<std::ops::Range<usize>>, 0);
    for (k, &mean) in means.iter().enumerate().take(searched) {
        if mean < STEADY * level || (closed && mean <= 0.0) {
            between += usize::from(closed || mean <= 0.0);
            continue;
        }
        let start = span.as_ref().filter(|_| between <= most_between).map_or(k, |span| span.start);
        between = 0;
        if k + 1 - start > best.len() {
            best = start..k + 1;
        }
        span = Some(start..k + 1);
    }
    let inside = means.get(best.clone()).filter(|means| means.len() >= 2)?;
    let in_flight_mean = inside.iter().sum::<f64>() / inside.len() as f64;
    (in_flight_mean > 0.0).then(|| Span { from_us: begin(best.start), until_us: begin(best.end).min(until_us), in_flight_mean })
}

/// The lower median of values that can be ordered.
fn median<T: PartialOrd + Copy>(values: &mut [T]) -> Option<T> {
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable_by(middle, |a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{record::Record, spec::Slo};

    fn row(sent: u64, end: u64) -> RequestRow {
        let record = Record { planned_us: sent, sent_us: Some(sent), end_us: end, ..Record::default() };
        RequestRow::new(&record, &Slo::default())
    }

    /// Ten users that start a second apart, are all at work from 10 s to 30 s, and stop a second apart.
    #[test]
    fn ramp_and_drain_are_cut() {
        let second = 1_000_000;
        let rows: Vec<_> = (0..10).map(|k| row(k * second, (30 + k) * second)).collect();
        let span = longest(&rows, 0, 39 * second, true).expect("a steady part");
        // Nine tenths under way: from the ninth user's begin to the second one's end.
        assert!(span.from_us.abs_diff(8 * second) <= second / 4, "{span:?}");
        assert!(span.until_us.abs_diff(31 * second) <= second / 4, "{span:?}");
        assert!(span.in_flight_mean > 9.8 && span.in_flight_mean <= 10.0, "{span:?}");
    }

    #[test]
    fn a_user_between_two_requests_does_not_end_it() {
        let rows: Vec<_> = (0..100).map(|k| row(k * 100_000, k * 100_000 + 99_500)).collect();
        let span = longest(&rows, 0, 9_999_500, true).expect("a steady part");
        assert_eq!((span.from_us, span.until_us), (0, 9_999_500));
    }

    #[test]
    fn without_time_there_is_none() {
        for closed in [true, false] {
            assert_eq!(longest(&[], 5, 5, closed), None);
            assert_eq!(longest(&[row(5, 5)], 5, 5, closed), None);
            assert_eq!(longest(&[], 0, 1_000_000, closed), None);
        }
    }

    /// Eight users whose requests end together and begin again 8 ms later: for a whole slice nobody is there.
    #[test]
    fn rounds_of_users_that_wait_for_one_another_are_one_steady_part() {
        let rows: Vec<_> = (0..8).flat_map(|round| (0..8).map(move |_| row(round * 368_000, round * 368_000 + 360_000))).collect();
        let until = 7 * 368_000 + 360_000;
        let span = longest(&rows, 0, until, true).expect("a steady part");
        assert_eq!((span.from_us, span.until_us), (0, until));
    }

    /// Requests that come by chance and take a second: five under way in the mean, at times ten.
    #[test]
    fn a_rates_steady_part_is_the_run_without_its_ramp_and_drain_and_not_its_greatest_crowd() {
        let mut state = 1_u64;
        let mut at = 0;
        let rows: Vec<_> = (0..500)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let even = (state >> 11) as f64 / (1_u64 << 53) as f64;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a gap of some 200 ms")]
                let gap = (-200_000.0 * (1.0 - even).ln()) as u64;
                at += gap;
                row(at, at + 1_000_000)
            })
            .collect();
        let span = longest(&rows, 0, at + 1_000_000, false).expect("a steady part");
        assert!(span.from_us < 5_000_000 && span.until_us + 5_000_000 > at && span.until_us <= at + 1_000_000, "{span:?} of {at}");
        let rate = 500.0 * 1e6 / at as f64;
        assert!((span.in_flight_mean / rate - 1.0).abs() < 0.03, "{span:?} at {rate} a second");
    }

    #[test]
    fn a_pause_splits_a_rates_steady_part() {
        let begins = (0..100).map(|k| k * 100_000).chain((0..300).map(|k| 20_000_000 + k * 100_000));
        let rows: Vec<_> = begins.map(|at| row(at, at + 1_000_000)).collect();
        let span = longest(&rows, 0, 51_000_000, false).expect("a steady part");
        assert!(span.from_us >= 20_000_000 && span.from_us < 22_000_000 && span.until_us > 49_000_000, "{span:?}");
    }
}
