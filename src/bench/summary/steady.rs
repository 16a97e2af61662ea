//! The steady part of a run: ramp and drain cut.

use super::super::results::RequestRow;

/// Share of the greatest number under way that counts as steady.
const STEADY: f64 = 0.9;
/// Shortest and longest slice, µs.
const SLICE_US: (u64, u64) = (10_000, 1_000_000);
/// Slices a run is cut into, as far as they are not too short or too long.
const SLICES: u64 = 200;

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

    pub(super) fn seconds(&self) -> f64 {
        (self.until_us - self.from_us) as f64 / 1e6
    }
}

/// The longest span, of two slices at least; the earlier of equal ones.
pub(super) fn longest(rows: &[RequestRow], from_us: u64, until_us: u64) -> Option<Span> {
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
    let peak = means.iter().copied().fold(0.0, f64::max);
    let mut best = 0..0;
    let mut first = None;
    for (k, mean) in means.iter().map(Some).chain([None]).enumerate() {
        if mean.is_some_and(|&mean| mean > 0.0 && mean >= STEADY * peak) {
            first.get_or_insert(k);
        } else if let Some(start) = first.take()
            && k - start > best.len()
        {
            best = start..k;
        }
    }
    let inside = means.get(best.clone()).filter(|means| means.len() >= 2)?;
    let in_flight_mean = inside.iter().sum::<f64>() / inside.len() as f64;
    Some(Span { from_us: begin(best.start), until_us: begin(best.end).min(until_us), in_flight_mean })
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
        let span = longest(&rows, 0, 39 * second).expect("a steady part");
        // Nine tenths under way: from the ninth user's begin to the second one's end.
        assert!(span.from_us.abs_diff(8 * second) <= second / 4, "{span:?}");
        assert!(span.until_us.abs_diff(31 * second) <= second / 4, "{span:?}");
        assert!(span.in_flight_mean > 9.8 && span.in_flight_mean <= 10.0, "{span:?}");
    }

    #[test]
    fn a_user_between_two_requests_does_not_end_it() {
        let rows: Vec<_> = (0..100).map(|k| row(k * 100_000, k * 100_000 + 99_500)).collect();
        let span = longest(&rows, 0, 9_999_500).expect("a steady part");
        assert_eq!((span.from_us, span.until_us), (0, 9_999_500));
    }

    #[test]
    fn without_time_there_is_none() {
        assert_eq!(longest(&[], 5, 5), None);
        assert_eq!(longest(&[row(5, 5)], 5, 5), None);
        assert_eq!(longest(&[], 0, 1_000_000), None);
    }
}
