//! Thresholds of `--fail-on`: `p99_ttft_ms>+10%`, `output_throughput<-5%`, `p99_ttft_ms>500`.

use super::{Compared, points::point_of};
use crate::{
    base::Problem,
    bench::report::figures::{compared, number, percent},
    said,
};
use std::str::FromStr;

/// One threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    text: String,
    metric: String,
    above: bool,
    bound: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    /// Of the change against the base, percent.
    Change(f64),
    /// Of the other result's own figure.
    Value(f64),
}

impl FromStr for Threshold {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let bad = |message| {
            Problem::bad_input("bench.fail_on", message).field(text).fix(said!(
                "write METRIC>+N% or METRIC<-N% for a change against the base, METRIC>N or METRIC<N for the figure itself",
                "相对基准的变化写作 METRIC>+N% 或 METRIC<-N%，数值本身写作 METRIC>N 或 METRIC<N"
            ))
        };
        let at = text.find(['>', '<']).ok_or_else(|| bad(said!("this threshold has neither > nor <", "阈值中没有 > 或 <")))?;
        let (metric, rest) = text.split_at(at);
        let (metric, above) = (metric.trim(), rest.starts_with('>'));
        // Both signs are one byte.
        let rest = rest.get(1..).unwrap_or_default().trim();
        let bare = metric.rsplit('/').next().unwrap_or(metric);
        let known = compared();
        if !known.iter().any(|k| k == bare) {
            let mut near: Vec<(usize, &String)> = known.iter().map(|k| (distance(bare, k), k)).collect();
            near.sort();
            let near = near.iter().take(3).map(|(_, k)| k.as_str()).collect::<Vec<_>>().join(", ");
            let known = known.join(", ");
            return Err(Problem::bad_input(
                "bench.fail_on",
                said!("{bare:?} is no figure that results are compared by", "{bare:?} 不是可比较的指标"),
            )
            .field(text)
            .fix(said!("near it: {near}; all of them: {known}", "相近的有：{near}；全部：{known}")));
        }
        let digits = rest.strip_suffix('%').map(str::trim_end);
        let value = digits.unwrap_or(rest).parse::<f64>().ok().filter(|v| v.is_finite());
        let value = value.ok_or_else(|| bad(said!("{rest:?} is no number", "{rest:?} 不是数")))?;
        let bound = match digits {
            Some(_) => Bound::Change(value),
            None if rest.starts_with(['+', '-']) => {
                return Err(bad(said!("{rest:?} has a sign but no %: a change is written with %", "{rest:?} 带符号却没有 %：变化须写 %")));
            }
            None => Bound::Value(value),
        };
        Ok(Self { text: text.to_owned(), metric: metric.to_owned(), above, bound })
    }
}

impl Threshold {
    /// Sentences for every figure that crosses it: with a bare metric the figures of all cells of a series. A figure that is missing
    /// crosses: it cannot be shown to hold.
    pub(super) fn crossed(&self, metrics: &[Compared]) -> Vec<String> {
        // A repeat of a cell is compared together with the others of its point.
        let point = self.metric.split_once('/').map(|(key, metric)| format!("{}/{metric}", point_of(key)));
        let meant =
            |name: &str| name == self.metric || point.as_deref() == Some(name) || name.rsplit('/').next() == Some(self.metric.as_str());
        let figures: Vec<&Compared> = metrics.iter().filter(|c| meant(&c.name)).collect();
        if figures.is_empty() {
            return vec![format!("{}: neither result has this figure", self.text)];
        }
        figures.into_iter().filter_map(|figure| self.crossed_by(figure)).collect()
    }

    fn crossed_by(&self, figure: &Compared) -> Option<String> {
        let beyond = |value: f64, bound: f64| if self.above { value > bound } else { value < bound };
        let (text, name) = (&self.text, &figure.name);
        let Some(b) = figure.b else { return Some(format!("{text}: {name} is missing in the result compared")) };
        match self.bound {
            Bound::Value(bound) => beyond(b, bound).then(|| format!("{text}: {name} is {}", number(b))),
            Bound::Change(bound) => {
                let Some(a) = figure.a else { return Some(format!("{text}: {name} is missing in the base")) };
                // From nothing to something is more than any percentage.
                let change = figure.change_pct.unwrap_or(if b > a { f64::INFINITY } else { 0.0 });
                let told = figure.change_pct.map_or_else(|| "from nothing".to_owned(), percent);
                beyond(change, bound).then(|| format!("{text}: {name} went from {} to {} ({told})", number(a), number(b)))
            }
        }
    }
}

/// Letters to change, add or drop.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, cell) in b.chars().zip(row.iter_mut().skip(1)) {
            let here = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            (diagonal, left) = (*cell, here);
            *cell = here;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::compare::Verdict;

    fn threshold(text: &str) -> Result<Threshold, Problem> {
        text.parse()
    }

    fn figure(name: &str, a: Option<f64>, b: Option<f64>) -> Compared {
        let change_pct = a.zip(b).filter(|(a, _)| *a != 0.0).map(|(a, b)| (b - a) * 100.0 / a);
        Compared { name: name.to_owned(), a, b, change_pct, ci_low_pct: None, ci_high_pct: None, verdict: Verdict::Unclear }
    }

    #[test]
    fn a_change_beyond_the_bound_crosses_and_one_at_it_does_not() {
        for (text, a, b, crosses) in [
            ("p99_ttft_ms>+10%", 100.0, 110.1, true),
            ("p99_ttft_ms>+10%", 100.0, 110.0, false),
            ("p99_ttft_ms > 10 %", 100.0, 111.0, true),
            ("p99_ttft_ms<-5%", 100.0, 94.0, true),
            ("p99_ttft_ms<-5%", 100.0, 200.0, false),
            ("p99_ttft_ms>500", 1.0, 500.5, true),
            ("p99_ttft_ms>500", 1.0, 500.0, false),
            ("p99_ttft_ms<2", 9.0, 1.5, true),
        ] {
            let crossed = threshold(text).expect(text).crossed(&[figure("p99_ttft_ms", Some(a), Some(b))]);
            assert_eq!(!crossed.is_empty(), crosses, "{text} {a} {b}: {crossed:?}");
        }
    }

    #[test]
    fn a_missing_figure_crosses_and_so_does_one_that_was_nothing_before() {
        let crossed = |text: &str, a, b| threshold(text).expect(text).crossed(&[figure("error_rate_pct", a, b)]);
        assert!(!crossed("error_rate_pct>+10%", Some(0.0), Some(1.0)).is_empty());
        assert!(crossed("error_rate_pct>+10%", Some(0.0), Some(0.0)).is_empty());
        assert!(!crossed("error_rate_pct>+10%", Some(1.0), None).is_empty());
        assert!(!crossed("error_rate_pct>+10%", None, Some(1.0)).is_empty());
        assert!(!crossed("goodput<-5%", Some(1.0), Some(1.0)).is_empty(), "no such figure in either");
    }

    #[test]
    fn in_a_series_a_bare_metric_means_every_cell_and_a_key_one() {
        let cells = [figure("i1-o1-c1-1/p99_ttft_ms", Some(1.0), Some(2.0)), figure("i1-o1-c2-1/p99_ttft_ms", Some(1.0), Some(2.0))];
        assert_eq!(threshold("p99_ttft_ms>+10%").expect("a threshold").crossed(&cells).len(), 2);
        assert_eq!(threshold("i1-o1-c2-1/p99_ttft_ms>+10%").expect("a threshold").crossed(&cells).len(), 1);
    }

    #[test]
    fn a_threshold_that_cannot_be_understood_says_why_and_what_there_is() {
        for (text, why) in [
            ("p99_ttft_ms", "neither > nor <"),
            ("p99_tft_ms>+10%", "p99_ttft_ms"),
            ("p99_ttft_ms>ten%", "\"ten%\" is no number"),
            ("p99_ttft_ms>+10", "a change is written with %"),
            ("p99_ttft_ms>", "is no number"),
            ("slo_met>1", "is no figure"),
        ] {
            let problem = threshold(text).expect_err(text).to_string();
            assert!(problem.contains(why), "{text}: {problem}");
        }
    }
}
