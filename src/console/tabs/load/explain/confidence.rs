//! How sure the percentiles are: what can be said while the run goes, and the intervals of the result once it is there.

use super::{Metric, Panel, Watched};
use crate::{
    base::{Said, Text},
    bench::{
        live::{BINS_PER_OCTAVE, Dist},
        stats::interval,
    },
    said, text,
};
use dcudeck_widgets::figure;

const CI: Text = text!("95 % CI", "95 % 区间");

/// The figures an interval is told of: their names, their names in a result, and the share below them.
const FIGURES: [(Text, &str, Option<f64>); 4] = [
    (text!("mean", "均值"), "mean", None),
    (text!("P50", "P50"), "median", Some(0.5)),
    (text!("P90", "P90"), "p90", Some(0.9)),
    (text!("P99", "P99"), "p99", Some(0.99)),
];

/// How sure the figures of `panel` are; `None` where it has no percentiles.
pub(super) fn confidence(panel: Panel, run: &Watched) -> Option<(Text, Said)> {
    let metric = panel.metric()?;
    let of = match metric {
        Metric::Ttft => "ttft",
        Metric::Tpot => "tpot",
        Metric::Itl => "itl",
    };
    if let Some(exact) = told(|key, _| run.ci95.get(&format!("{key}_{of}_ms")).copied()) {
        return Some((CI, exact));
    }
    if run.ended() {
        return Some((CI, said!("n/a: too few samples, or the result is not read yet", "n/a：样本太少，或结果尚未读取")));
    }
    if metric == Metric::Itl {
        return Some((
            CI,
            said!(
                "not while it runs: tokens of one request are not independent, so it needs every request's own sums; with the result",
                "运行中不给出：同一请求的 token 互不独立，须有每个请求的合计；随结果给出"
            ),
        ));
    }
    let Some(so_far) = told(|_, share| live(run.dist(metric), share?)) else {
        return Some((CI, said!("too few samples for one yet", "样本尚不足以给出")));
    };
    let Said { en, zh } = so_far;
    Some((
        CI,
        said!(
            "so far {en}: order statistics of requests taken as independent, read off buckets of 4 %; exact ones, and the mean's, with the result",
            "目前 {zh}：次序统计量，视请求为独立，按 4 % 的分桶读出；精确值与均值的区间随结果给出"
        ),
    ))
}

/// The intervals that `of` gives for a figure's name in a result and the share below it, ms; `None` without any.
fn told(of: impl Fn(&str, Option<f64>) -> Option<[f64; 2]>) -> Option<Said> {
    let mut all = (Vec::new(), Vec::new());
    for (name, key, share) in FIGURES {
        if let Some([from, to]) = of(key, share) {
            let range = format!("{} .. {}", figure::compact(from), figure::compact(to));
            all.0.push(format!("{} {range}", name.en));
            all.1.push(format!("{} {range}", name.zh));
        }
    }
    (!all.0.is_empty()).then(|| Said { en: format!("{} ms", all.0.join(", ")), zh: format!("{} ms", all.1.join("，")) })
}

/// Interval of the quantile at `share`, ms, as wide as the buckets of its two ranks.
fn live(dist: &Dist, share: f64) -> Option<[f64; 2]> {
    let (low, high) = interval::ranks(dist.bins.iter().map(|&(_, count)| count).sum(), share)?;
    // Lower edge of a bucket, ms.
    let edge = |bin: u16| 2_f64.powf(f64::from(bin) / f64::from(BINS_PER_OCTAVE)) / 1_000.0;
    let bin_of_rank = |rank: u64| {
        let mut below = 0;
        dist.bins.iter().find(|&&(_, count)| {
            below += count;
            below >= rank
        })
    };
    let (from, to) = (edge(bin_of_rank(low)?.0), edge(bin_of_rank(high)?.0 + 1));
    // No sample lies outside the least and the greatest.
    let ms = |us: Option<u64>| us.map(|us| us as f64 / 1_000.0);
    Some([ms(dist.min_us).map_or(from, |min| from.max(min)), ms(dist.max_us).map_or(to, |max| to.min(max))])
}

#[cfg(test)]
mod tests {
    use super::{super::super::made_up, *};

    #[test]
    fn an_interval_while_it_runs_holds_the_percentile_and_widens_with_fewer_samples() {
        let run = made_up::running();
        for (share, us) in [(0.5, run.ttft.p50_us), (0.9, run.ttft.p90_us), (0.99, run.ttft.p99_us)] {
            let [from, to] = live(&run.ttft, share).unwrap();
            let value = us.unwrap() as f64 / 1_000.0;
            assert!(from <= value && value <= to && from < to, "{from} {value} {to}");
        }
        let few = Dist { bins: vec![(250, 3), (255, 2)], ..Dist::default() };
        assert_eq!(live(&few, 0.99), None, "five samples say nothing of a P99");
    }

    #[test]
    fn itl_says_why_it_has_none_while_it_runs() {
        let mut run = Watched::new("load-1".to_owned(), made_up::spec());
        run.snapshot(&made_up::running());
        let said = |panel| confidence(panel, &run).unwrap().1.en;
        assert!(said(Panel::Itl).starts_with("not while it runs"));
        assert!(said(Panel::Ttft).contains("P99") && said(Panel::Ttft).contains("so far"), "{}", said(Panel::Ttft));
        assert_eq!(confidence(Panel::Server, &run), None);
    }
}
