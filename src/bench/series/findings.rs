//! What a series shows beyond its figures.

mod trend;

use super::{plan, search};
use crate::{
    base::Said,
    bench::live::{Cell, CellState, Series, SeriesKind},
    said,
};
use std::collections::BTreeSet;

/// One thing a series shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// One sentence.
    pub text: Said,
    /// Key of the cell it is about, when it is about one.
    pub cell: Option<String>,
}

/// What the measured cells of `series` show: the slope of TTFT over input length, the spread of TPOT over load, knees, drift between
/// repeats, and cells that break the trend, with the likely cause.
#[must_use]
pub fn findings(series: &Series) -> Vec<Finding> {
    let done: Vec<&Cell> = series.cells.iter().filter(|cell| cell.state == CellState::Done).collect();
    let mut out = Vec::new();
    slopes(&done, &mut out);
    shapes(&done, &mut out);
    drift(&done, &mut out);
    trend::breaks(&done, &mut out);
    let limited = done.last().filter(|cell| series.kind == SeriesKind::Search && cell.client_limited == Some(true));
    if let Some(cell) = limited {
        let load = words(cell);
        out.push(Finding {
            text: Said {
                en: format!("the search ended at {}: its figures are about the client, not the server", load.en),
                zh: format!("搜索止于 {}：其数据反映的是客户端而非服务器", load.zh),
            },
            cell: Some(cell.key.clone()),
        });
    }
    out
}

/// The slope of TTFT over input length, load by load: least squares over the cells' medians.
fn slopes(done: &[&Cell], out: &mut Vec<Finding>) {
    for group in groups(done, load_key) {
        let points: Vec<(f64, f64)> = group.iter().filter_map(|c| Some((f64::from(c.input_len?), metric(c, "median_ttft_ms")?))).collect();
        let lengths: BTreeSet<u64> = points.iter().map(|p| p.0.to_bits()).collect();
        let Some((slope, r2)) = line(&points).filter(|_| lengths.len() >= 3) else { continue };
        let (per_1k, load) = (slope * 1e3, group.first().map(|cell| words(cell)).unwrap_or_else(|| Said::same("")));
        out.push(Finding {
            text: Said {
                en: format!("at {}, TTFT grows by {per_1k:.1} ms per 1,000 prompt tokens (R² {r2:.2})", load.en),
                zh: format!("{}时，每 1000 个输入 token 使 TTFT 增加 {per_1k:.1} 毫秒（R² {r2:.2}）", load.zh),
            },
            cell: None,
        });
    }
}

/// Of each shape (lengths), how TPOT spreads over the loads, and where throughput has its knee.
fn shapes(done: &[&Cell], out: &mut Vec<Finding>) {
    for group in groups(done, |cell| (cell.input_len, cell.output_len)) {
        let Some(shape) = group.first().map(|cell| lengths(cell)) else { continue };
        let with_tpot = || group.iter().filter_map(|cell| Some((metric(cell, "median_tpot_ms")?, *cell)));
        let least = with_tpot().min_by(|a, b| a.0.total_cmp(&b.0));
        let most = with_tpot().max_by(|a, b| a.0.total_cmp(&b.0));
        if let (Some((low, at_low)), Some((high, at_high))) = (least, most)
            && low > 0.0
            && load_key(at_low) != load_key(at_high)
        {
            let (a, b, times) = (words(at_low), words(at_high), high / low);
            out.push(Finding {
                text: Said {
                    en: format!("{}: TPOT from {low:.1} ms at {} to {high:.1} ms at {} (×{times:.1})", shape.en, a.en, b.en),
                    zh: format!("{}：TPOT 从 {low:.1} 毫秒（{}）到 {high:.1} 毫秒（{}），×{times:.1}", shape.zh, a.zh, b.zh),
                },
                cell: None,
            });
        }
        if let Some(knee) = knee_of(&group) {
            let (load, tokens) = (words(knee), metric(knee, "output_throughput").unwrap_or(0.0));
            out.push(Finding {
                text: Said {
                    en: format!("{}: the knee is at {} ({tokens:.0} tokens/s); more load mostly adds latency", shape.en, load.en),
                    zh: format!("{}：拐点在 {}（{tokens:.0} token/秒），再加负载主要增加延迟", shape.zh, load.zh),
                },
                cell: Some(knee.key.clone()),
            });
        }
    }
}

/// Whether the last pass over a matrix found another server than the first: the median change of throughput over all cells.
fn drift(done: &[&Cell], out: &mut Vec<Finding>) {
    /// A change that repeats of one and the same server do not show, percent.
    const DRIFTS_PCT: f64 = 5.0;
    let last = done.iter().map(|cell| cell.repeat).max().unwrap_or(1);
    let shape = |cell: &Cell| (cell.input_len, cell.output_len, load_key(cell));
    let of = |repeat: u32| done.iter().filter(move |cell| cell.repeat == repeat);
    let mut changes: Vec<f64> = of(1)
        .filter_map(|first| {
            let again = of(last).find(|cell| shape(cell) == shape(first))?;
            Some((metric(again, "output_throughput")? / metric(first, "output_throughput")? - 1.0) * 100.0)
        })
        .filter(|change| change.is_finite())
        .collect();
    let change = median(&mut changes);
    if let Some(change) = change.filter(|change| last > 1 && changes.len() >= 3 && change.abs() > DRIFTS_PCT) {
        out.push(Finding {
            text: said!(
                "the server drifted: throughput of pass {last} is {change:+.1} % against the first",
                "服务器状态有漂移：第 {last} 轮吞吐较首轮变化 {change:+.1} %"
            ),
            cell: None,
        });
    }
}

/// Slope and R² of a least squares line.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in points {
        xx += (x - mx).powi(2);
        xy += (x - mx) * (y - my);
        yy += (y - my).powi(2);
    }
    (xx > 0.0).then(|| (xy / xx, if yy > 0.0 { xy * xy / (xx * yy) } else { 1.0 }))
}

fn metric(cell: &Cell, name: &str) -> Option<f64> {
    cell.metrics.get(name).copied().filter(|value| value.is_finite())
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

fn load_key(cell: &Cell) -> (Option<u32>, Option<u64>) {
    (cell.concurrency, cell.rate.map(f64::to_bits))
}

/// Cells with the same key, in the order they ran.
fn groups<'a, K: PartialEq>(cells: &[&'a Cell], key: impl Fn(&Cell) -> K) -> Vec<Vec<&'a Cell>> {
    let mut out: Vec<(K, Vec<&Cell>)> = Vec::new();
    for cell in cells {
        let own = key(cell);
        match out.iter_mut().find(|(key, _)| *key == own) {
            Some((_, group)) => group.push(cell),
            None => out.push((own, vec![cell])),
        }
    }
    out.into_iter().map(|(_, group)| group).collect()
}

/// The load of a cell in words.
fn words(cell: &Cell) -> Said {
    match (cell.concurrency, cell.rate) {
        (Some(1), _) => said!("1 user", "1 个并发"),
        (Some(users), _) => said!("{users} users", "{users} 个并发"),
        (None, rate) => {
            let rate = rate.unwrap_or(0.0);
            said!("{rate} requests/s", "{rate} 请求/秒")
        }
    }
}

/// The lengths of a cell in words.
fn lengths(cell: &Cell) -> Said {
    let output = cell.output_len;
    match cell.input_len {
        Some(input) => said!("input {input}, output {output}", "输入 {input}、输出 {output}"),
        None => said!("output {output}", "输出 {output}"),
    }
}

/// The cell at the knee of throughput over load, of cells that differ in their load only. Repeats count by their mean.
pub(super) fn knee_of<'a>(cells: &[&'a Cell]) -> Option<&'a Cell> {
    let mut points: Vec<(f64, f64, u32, &Cell)> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.state == CellState::Done) {
        let Some(throughput) = cell.metrics.get("output_throughput") else { continue };
        let load = plan::load_of(cell);
        match points.iter_mut().find(|point| (point.0 - load).abs() < 1e-9) {
            Some(point) => {
                point.1 += throughput;
                point.2 += 1;
            }
            None => points.push((load, *throughput, 1, cell)),
        }
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let curve: Vec<(f64, f64)> = points.iter().map(|(load, sum, n, _)| (*load, sum / f64::from(*n))).collect();
    search::knee(&curve).and_then(|at| points.get(at)).map(|point| point.3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A matrix of a server whose TTFT is 20 ms and 100 ms per 1,000 tokens, whose TPOT rises by a tenth of a ms a user, and whose
    /// throughput ends at 64 users.
    fn matrix() -> Series {
        let mut cells = Vec::new();
        for input in [128_u32, 512, 2048, 8192] {
            for users in [1_u32, 4, 16, 64, 256] {
                let mut cell = plan::cell(Some(input), 128, plan::At::Users(users), 1);
                cell.state = CellState::Done;
                let (input, users) = (f64::from(input), f64::from(users));
                cell.metrics.insert("median_ttft_ms".to_owned(), 20.0 + input * 0.1);
                cell.metrics.insert("median_tpot_ms".to_owned(), 10.0 + users * 0.1);
                cell.metrics.insert("output_throughput".to_owned(), (users * 90.0).min(64.0 * 90.0));
                cell.metrics.insert("completed".to_owned(), 500.0);
                cells.push(cell);
            }
        }
        let dir = PathBuf::from("/nowhere");
        Series { kind: SeriesKind::Matrix, dir, current: None, waiting_for: String::new(), cells, best: None, knee: None, over: true }
    }

    fn texts(series: &Series) -> Vec<String> {
        findings(series).into_iter().map(|finding| finding.text.en).collect()
    }

    #[test]
    fn slope_spread_and_knee_are_those_the_server_has_and_an_even_matrix_breaks_no_trend() {
        let texts = texts(&matrix());
        let has = |text: &str| assert!(texts.iter().any(|t| t == text), "{text} is not in {texts:#?}");
        has("at 16 users, TTFT grows by 100.0 ms per 1,000 prompt tokens (R² 1.00)");
        has("input 512, output 128: TPOT from 10.1 ms at 1 user to 35.6 ms at 256 users (×3.5)");
        has("input 512, output 128: the knee is at 64 users (5760 tokens/s); more load mostly adds latency");
        assert!(!texts.iter().any(|t| t.contains("trend")), "{texts:#?}");
    }

    #[test]
    fn a_cell_that_breaks_the_trend_is_named_with_its_likely_cause_and_its_neighbours_are_not() {
        let mut series = matrix();
        let at = series.cells.iter().position(|cell| cell.key == "i2048-o128-c16-1").expect("a cell");
        series.cells[at].metrics.insert("median_ttft_ms".to_owned(), 700.0);
        series.cells[at].metrics.insert("server_preemptions".to_owned(), 12.0);
        let broken: Vec<Finding> = findings(&series).into_iter().filter(|f| f.text.en.contains("trend")).collect();
        assert_eq!(broken.len(), 1, "{broken:#?}");
        assert_eq!(broken[0].cell.as_deref(), Some("i2048-o128-c16-1"));
        assert!(broken[0].text.en.contains("12 preemptions"), "{}", broken[0].text.en);
        series.cells[at].client_limited = Some(true);
        assert!(texts(&series).iter().any(|text| text.contains("trend") && text.contains("client")));
    }

    #[test]
    fn a_search_that_a_client_limited_step_ended_says_so_and_a_matrix_does_not() {
        let mut series = matrix();
        let last = series.cells.last_mut().expect("a cell");
        last.client_limited = Some(true);
        let sentence = "the search ended at 256 users: its figures are about the client, not the server";
        assert!(!texts(&series).iter().any(|text| text == sentence));
        series.kind = SeriesKind::Search;
        assert!(texts(&series).iter().any(|text| text == sentence), "{:#?}", texts(&series));
    }
}
