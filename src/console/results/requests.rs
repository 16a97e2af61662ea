//! The requests of a result as a list: which of them, in which order. Pure; a pump does the work on its own thread.

use crate::{
    base::Text,
    bench::record::{Failure, Record},
    text,
};
use std::cmp::Ordering;

/// One request of a result; times in µs since the run's start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    /// Its number within its part.
    pub i: u64,
    /// Part of the warm-up.
    pub warmup: bool,
    /// Which route it took.
    pub route: u16,
    /// Which turn of its conversation it was.
    pub turn: u16,
    /// When it should have been sent.
    pub planned_us: u64,
    /// When it was.
    pub sent_us: Option<u64>,
    /// Its first token.
    pub first_us: Option<u64>,
    /// Its last.
    pub last_us: Option<u64>,
    /// When it was over.
    pub end_us: u64,
    /// Time to first token.
    pub ttft_us: Option<u64>,
    /// Time per output token.
    pub tpot_us: Option<f64>,
    /// End-to-end latency.
    pub e2el_us: Option<u64>,
    /// Longest wait between two arrivals of tokens.
    pub longest_gap_us: Option<u64>,
    /// Output tokens.
    pub output_tokens: u64,
    /// Why it failed: class and what was seen.
    pub error: Option<Box<(String, String)>>,
}

impl Request {
    /// What `record` says.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let seen = |Failure { class, message }: &Failure| Box::new((class.word().to_owned(), crate::base::clean(message).into_owned()));
        Self {
            i: record.i,
            warmup: record.warmup,
            route: record.route,
            turn: record.turn,
            planned_us: record.planned_us,
            sent_us: record.sent_us,
            first_us: record.first_us,
            last_us: record.last_us,
            end_us: record.end_us,
            ttft_us: record.ttft_us(),
            tpot_us: record.tpot_us(),
            e2el_us: record.e2el_us(),
            longest_gap_us: record.longest_gap_us,
            output_tokens: record.output_tokens,
            error: record.error.as_ref().map(seen),
        }
    }

    /// How long it waited in the client past its planned moment, µs.
    #[must_use]
    pub fn queue_us(&self) -> Option<u64> {
        Some(self.sent_us?.saturating_sub(self.planned_us))
    }

    /// The figure that `by` sorts by: ms, or tokens.
    #[must_use]
    pub fn figure(&self, by: By) -> Option<f64> {
        let ms = |us: Option<u64>| us.map(|us| us as f64 / 1_000.0);
        match by {
            By::Time => Some(self.planned_us as f64 / 1_000.0),
            By::Ttft => ms(self.ttft_us),
            By::Tpot => self.tpot_us.map(|us| us / 1_000.0),
            By::E2el => ms(self.e2el_us),
            By::LongestGap => ms(self.longest_gap_us),
            By::Queue => ms(self.queue_us()),
            By::Tokens => Some(self.output_tokens as f64),
        }
    }
}

/// What requests are sorted by: all but the time with the greatest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// When they were planned, earliest first.
    Time,
    /// Time to first token.
    #[default]
    Ttft,
    /// Time per output token.
    Tpot,
    /// End-to-end latency.
    E2el,
    /// Longest gap between arrivals.
    LongestGap,
    /// Wait in the client past the planned moment.
    Queue,
    /// Output tokens.
    Tokens,
}

impl By {
    /// All of them, in the order in which a key goes through them.
    pub const ALL: [Self; 7] = [Self::Ttft, Self::Tpot, Self::E2el, Self::LongestGap, Self::Queue, Self::Tokens, Self::Time];

    /// The one after.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|&by| by == self).unwrap_or(0);
        Self::ALL.get((at + 1) % Self::ALL.len()).copied().unwrap_or_default()
    }

    /// What it is called.
    #[must_use]
    pub const fn word(self) -> Text {
        match self {
            Self::Time => text!("time", "时间"),
            Self::Ttft => text!("TTFT", "TTFT"),
            Self::Tpot => text!("TPOT", "TPOT"),
            Self::E2el => text!("E2EL", "E2EL"),
            Self::LongestGap => text!("longest gap", "最长间隔"),
            Self::Queue => text!("client queue", "客户端排队"),
            Self::Tokens => text!("tokens", "token"),
        }
    }
}

/// Which requests, in which order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wish {
    /// Sorted by.
    pub by: By,
    /// Those that failed stand on top.
    pub failed_first: bool,
    /// Words that all must hold; see [`matches()`].
    pub filter: String,
}

/// The places in `rows` of the requests that `wish` asks for, in its order. Those without the figure stand last.
#[must_use]
pub fn arrange(rows: &[Request], wish: &Wish) -> Vec<u32> {
    let tests: Vec<Test<'_>> = wish.filter.split_whitespace().map(Test::of).collect();
    let mut order: Vec<(bool, Option<f64>, u32)> = (0_u32..)
        .zip(rows)
        .filter(|(_, row)| tests.iter().all(|test| test.holds(row)))
        .map(|(at, row)| (wish.failed_first && row.error.is_some(), row.figure(wish.by), at))
        .collect();
    let earliest_first = wish.by == By::Time;
    order.sort_unstable_by(|(failed_a, a, at_a), (failed_b, b, at_b)| {
        let figures = match (a, b) {
            (Some(a), Some(b)) if earliest_first => a.total_cmp(b),
            (Some(a), Some(b)) => b.total_cmp(a),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        failed_b.cmp(failed_a).then(figures).then(at_a.cmp(at_b))
    });
    order.into_iter().map(|(_, _, at)| at).collect()
}

/// Whether `row` holds every word of `filter`: `failed`, `ok`, `warmup`, `ttft>500` (also tpot, e2el, gap, queue in ms, tokens, `<`),
/// `route=1`, a number (the request's), else a part of its error.
#[must_use]
pub fn matches(row: &Request, filter: &str) -> bool {
    filter.split_whitespace().map(Test::of).all(|test| test.holds(row))
}

enum Test<'a> {
    Failed(bool),
    Warmup,
    Over(By, bool, f64),
    Route(u16),
    Number(u64),
    Error(&'a str),
}

impl<'a> Test<'a> {
    fn of(word: &'a str) -> Self {
        let over = |sign: char| {
            let (name, value) = word.split_once(sign)?;
            let by = match name.to_ascii_lowercase().as_str() {
                "ttft" => By::Ttft,
                "tpot" => By::Tpot,
                "e2el" => By::E2el,
                "gap" => By::LongestGap,
                "queue" => By::Queue,
                "tokens" => By::Tokens,
                _ => return None,
            };
            Some(Self::Over(by, sign == '>', value.parse().ok()?))
        };
        match word {
            "failed" | "失败" => Self::Failed(true),
            "ok" | "成功" => Self::Failed(false),
            "warmup" | "预热" => Self::Warmup,
            _ => over('>')
                .or_else(|| over('<'))
                .or_else(|| word.strip_prefix("route=")?.parse().ok().map(Self::Route))
                .or_else(|| word.trim_start_matches('#').parse().ok().map(Self::Number))
                .unwrap_or(Self::Error(word)),
        }
    }

    fn holds(&self, row: &Request) -> bool {
        match self {
            Self::Failed(failed) => row.error.is_some() == *failed,
            Self::Warmup => row.warmup,
            Self::Over(by, true, limit) => row.figure(*by).is_some_and(|v| v > *limit),
            Self::Over(by, false, limit) => row.figure(*by).is_some_and(|v| v < *limit),
            Self::Route(route) => row.route == *route,
            Self::Number(i) => row.i == *i,
            Self::Error(part) => row.error.as_ref().is_some_and(|error| error.0.contains(part) || error.1.contains(part)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Request> {
        let row = |i, ttft_us, error: Option<(&str, &str)>| Request {
            i,
            ttft_us,
            planned_us: i * 1_000,
            sent_us: Some(i * 1_000 + 40),
            error: error.map(|(class, message)| Box::new((class.to_owned(), message.to_owned()))),
            ..Request::default()
        };
        vec![
            row(0, Some(90_000), None),
            row(1, Some(300_000), None),
            row(2, None, Some(("connect", "refused"))),
            row(3, Some(120_000), Some(("truncated", "after 3 chunks"))),
        ]
    }

    fn numbers(wish: &Wish) -> Vec<u32> {
        arrange(&rows(), wish)
    }

    #[test]
    fn the_greatest_stands_first_and_what_has_no_figure_last() {
        assert_eq!(numbers(&Wish::default()), [1, 3, 0, 2]);
        assert_eq!(numbers(&Wish { by: By::Time, ..Wish::default() }), [0, 1, 2, 3]);
        assert_eq!(numbers(&Wish { by: By::Queue, ..Wish::default() }), [0, 1, 2, 3], "equal ones keep their order");
    }

    #[test]
    fn failed_ones_come_on_top_by_the_same_order() {
        assert_eq!(numbers(&Wish { failed_first: true, ..Wish::default() }), [3, 2, 1, 0]);
    }

    #[test]
    fn every_word_of_a_filter_must_hold() {
        let of = |filter: &str| numbers(&Wish { filter: filter.to_owned(), ..Wish::default() });
        assert_eq!(of("ttft>100"), [1, 3]);
        assert_eq!(of("ttft>100 ok"), [1]);
        assert_eq!(of("failed refused"), [2]);
        assert_eq!(of("#3"), [3]);
        assert_eq!(of("nothing-like-it"), [0_u32; 0]);
    }

    #[test]
    fn a_key_goes_through_all_orders_and_comes_back() {
        let mut by = By::default();
        for _ in By::ALL {
            by = by.next();
        }
        assert_eq!(by, By::default());
    }
}
