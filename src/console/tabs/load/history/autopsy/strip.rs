//! One request on its own time axis: columns of equal time, what falls into each, and the axis below them.

use crate::{
    bench::live::ServerSample,
    console::results::{Arrived, Autopsy},
};

/// Longest time a server's word about itself holds without a newer one, µs.
const HOLDS_US: u64 = 5_000_000;

/// The time from the planned moment to the end, in columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from_us: u64,
    pub(super) until_us: u64,
    pub(super) columns: u16,
}

impl Span {
    pub(super) fn of(autopsy: &Autopsy, columns: u16) -> Self {
        let request = &autopsy.request;
        let last = request.last_us.unwrap_or(0).max(request.end_us);
        Self { from_us: request.planned_us, until_us: last.max(request.planned_us + 1), columns: columns.max(1) }
    }

    /// The column of `at_us`; those before and after fall into the first and the last.
    pub(super) fn column(&self, at_us: u64) -> u16 {
        let share = at_us.saturating_sub(self.from_us) as f64 / (self.until_us - self.from_us) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a few hundred columns")]
        let column = (share * f64::from(self.columns)) as u16;
        column.min(self.columns - 1)
    }

    /// The moment in the middle of `column`.
    fn middle(&self, column: u16) -> u64 {
        let each = (self.until_us - self.from_us) as f64 / f64::from(self.columns);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the run")]
        let us = ((f64::from(column) + 0.5) * each) as u64;
        self.from_us + us
    }

    /// The longest gap that ended in each column, ms; `None` where no token arrived. The wait for the first token is no gap.
    pub(super) fn gaps(&self, arrivals: &[Arrived]) -> Vec<Option<f64>> {
        let mut out: Vec<Option<f64>> = vec![None; usize::from(self.columns)];
        for arrival in arrivals.iter().skip(1) {
            let gap = arrival.gap_us as f64 / 1_000.0;
            if let Some(slot) = out.get_mut(usize::from(self.column(arrival.at_us))) {
                *slot = Some(slot.map_or(gap, |most| most.max(gap)));
            }
        }
        out
    }

    /// What `of` a server's samples was in each column: the last word before the column's middle, as long as it holds.
    pub(super) fn server(&self, samples: &[ServerSample], of: fn(&ServerSample) -> Option<f64>) -> Vec<Option<f64>> {
        (0..self.columns)
            .map(|column| {
                let middle = self.middle(column);
                let word = samples.iter().rev().find(|sample| sample.at_us <= middle)?;
                (middle - word.at_us <= HOLDS_US).then(|| of(word)).flatten()
            })
            .collect()
    }
}

/// What a request was doing: waited in the client, for its first token, for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Queued,
    First,
    Tokens,
    /// Nothing came any more: after the last token, or without any.
    Silent,
}

impl Span {
    /// What the request was doing in each column.
    pub(super) fn doing(&self, autopsy: &Autopsy) -> Vec<Doing> {
        let request = &autopsy.request;
        (0..self.columns)
            .map(|column| {
                let at = self.middle(column);
                match (request.sent_us, request.first_us, request.last_us) {
                    (Some(sent), ..) if at < sent => Doing::Queued,
                    (None, ..) => Doing::Queued,
                    (_, Some(first), _) if at < first => Doing::First,
                    (_, None, _) if request.error.is_none() => Doing::First,
                    (_, None, _) => Doing::Silent,
                    (_, _, Some(last)) if at <= last => Doing::Tokens,
                    _ => Doing::Silent,
                }
            })
            .collect()
    }
}

/// The `n` longest gaps, longest first, with the number of the token that ended each.
pub(super) fn longest(arrivals: &[Arrived], n: usize) -> Vec<(Arrived, u64)> {
    let mut token = 0;
    let mut gaps: Vec<(Arrived, u64)> = arrivals
        .iter()
        .map(|arrival| {
            let first = token + 1;
            token += u64::from(arrival.tokens);
            (*arrival, first)
        })
        .skip(1)
        .collect();
    gaps.sort_by_key(|(arrival, _)| std::cmp::Reverse(arrival.gap_us));
    gaps.truncate(n);
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_falls_into_the_column_in_which_it_ended_and_the_longest_wins() {
        let arrived = |at_us, gap_us| Arrived { at_us, gap_us, tokens: 1 };
        let span = Span { from_us: 1_000, until_us: 5_000, columns: 4 };
        let arrivals = [arrived(1_500, 500), arrived(1_600, 100), arrived(1_900, 300), arrived(5_000, 3_100)];
        assert_eq!(span.gaps(&arrivals), [Some(0.3), None, None, Some(3.1)]);
        assert_eq!(longest(&arrivals, 1).first().map(|(gap, token)| (gap.gap_us, *token)), Some((3_100, 4)));
    }

    #[test]
    fn a_servers_word_holds_until_the_next_and_no_longer_than_five_seconds() {
        let sample = |at_us, running| ServerSample { at_us, running: Some(running), ..ServerSample::default() };
        let span = Span { from_us: 0, until_us: 12_000_000, columns: 6 };
        let of = span.server(&[sample(500_000, 3.0), sample(4_500_000, 8.0)], |sample| sample.running);
        assert_eq!(of, [Some(3.0), Some(3.0), Some(8.0), Some(8.0), Some(8.0), None]);
    }
}
