//! Mean, deviation, percentiles and intervals of every latency.

use super::super::{
    results::RequestRow,
    stats::{Samples, Sorted},
};
use std::collections::BTreeMap;

/// Microseconds as milliseconds.
pub(super) fn ms(us: Option<f64>) -> Option<f64> {
    us.map(|us| us / 1e3)
}

/// The percentiles told, by the beginning of their key.
pub(super) const PERCENTILES: [(&str, f64); 4] = [("median", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0)];

/// Every latency that is one sample a request, in ms by its key, with its intervals; gives the samples of the chief ones.
pub(super) fn latencies(
    rows: &[RequestRow],
    route: Option<u16>,
    found: &mut BTreeMap<String, f64>,
    ci95: &mut BTreeMap<String, [f64; 2]>,
) -> BTreeMap<String, u64> {
    let ok = || rows.iter().filter(|row| row.ok() && route.is_none_or(|route| route == row.route));
    let since = |at: Option<u64>, from: Option<u64>| Some(at?.saturating_sub(from?) as f64);
    let mut counts = BTreeMap::new();
    let mut one = |name: &str, of: &dyn Fn(&RequestRow) -> Option<f64>| {
        // One at a time: a copy of a figure of every request is all that is held beside the rows.
        let sorted = Sorted::from(ok().filter_map(of).collect::<Vec<_>>());
        counts.insert(name.to_owned(), sorted.n());
        let mut put = |figure: &str, us: Option<f64>, ci: Option<[f64; 2]>| {
            let key = format!("{figure}_{name}_ms");
            if let Some(ci) = ci {
                ci95.insert(key.clone(), ci.map(|us| us / 1e3));
            }
            if let Some(us) = us {
                found.insert(key, us / 1e3);
            }
        };
        put("mean", sorted.mean(), sorted.mean_ci95());
        put("std", sorted.std(), None);
        for (figure, p) in PERCENTILES {
            put(figure, sorted.percentile(p), sorted.percentile_ci95(p));
        }
    };
    one("ttft", &|row| row.ttft_us().map(|us| us as f64));
    one("tpot", &RequestRow::tpot_us);
    one("e2el", &|row| row.e2el_us().map(|us| us as f64));
    one("longest_gap", &|row| row.longest_gap_us().map(|us| us as f64));
    one("ttft_answer", &|row| since(row.answer_us(), row.sent_us()));
    one("ttft_response", &|row| since(row.first_us(), Some(row.planned_us)));
    one("e2el_response", &|row| since(row.last_us(), Some(row.planned_us)));
    counts.insert("itl".to_owned(), ok().filter(|row| row.itl_count > 0).count() as u64);
    counts.retain(|name, _| ["ttft", "tpot", "itl", "e2el"].contains(&name.as_str()));
    // Not told in the document: the figures beyond mean and P99 of the lesser ones.
    ci95.retain(|key, _| !is_lesser(key));
    found.retain(|key, _| !is_lesser(key));
    counts
}

fn is_lesser(key: &str) -> bool {
    let lesser = ["_longest_gap_", "_answer_", "_response_"].iter().any(|part| key.contains(part));
    lesser && !(key.starts_with("p99_") || (key.starts_with("mean_") && !key.contains("_longest_gap_")))
}

/// Mean, deviation and percentiles of pooled samples, in ms by their keys.
pub(super) fn spread(name: &str, samples: &Samples, found: &mut BTreeMap<String, f64>) {
    let mut put = |figure: &str, us: Option<f64>| {
        if let Some(us) = us {
            found.insert(format!("{figure}_{name}_ms"), us / 1e3);
        }
    };
    put("mean", samples.mean());
    put("std", samples.std());
    for (figure, p) in PERCENTILES {
        put(figure, samples.percentile(p));
    }
}
