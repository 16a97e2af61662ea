//! Counts over a part of the requests, and what they are per second and of the whole.

use super::super::results::RequestRow;

/// Counts over a part of the requests.
#[derive(Default)]
pub(super) struct Part {
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) good: u64,
    /// Prompt tokens by the server's count; `None` unless it counted every one.
    pub(super) input: Option<u64>,
    pub(super) output: u64,
    pub(super) given_up: u64,
    busy_us: u64,
    pub(super) seconds: f64,
}

impl Part {
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a RequestRow>, span_us: u64) -> Self {
        let mut part = Self { seconds: span_us as f64 / 1e6, ..Self::default() };
        let mut input = Some(0);
        for row in rows {
            part.busy_us += row.sent_us().map_or(0, |sent| row.end_us.saturating_sub(sent));
            if row.ok() {
                part.completed += 1;
                part.good += u64::from(row.good);
                part.output += u64::from(row.output_tokens);
                input = input.zip(row.prompt_tokens).map(|(sum, tokens)| sum + u64::from(tokens));
            } else if row.stopped() {
                part.given_up += u64::from(row.output_tokens);
            } else {
                part.failed += 1;
            }
        }
        part.input = input.filter(|_| part.completed > 0);
        part
    }

    pub(super) fn per_s(&self, count: u64) -> Option<f64> {
        (self.seconds > 0.0).then(|| count as f64 / self.seconds)
    }

    /// Percent of the requests that succeeded or failed.
    pub(super) fn pct(&self, count: u64) -> Option<f64> {
        let ended = self.completed + self.failed;
        (ended > 0).then(|| count as f64 * 100.0 / ended as f64)
    }

    pub(super) fn in_flight(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.busy_us as f64 / 1e6 / self.seconds)
    }
}
