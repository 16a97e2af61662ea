//! The requests of the result that is looked at: read a handful at a time, kept, so that another order does not read the file again.

use crate::{
    base::Problem,
    bench::results::Records,
    console::results::{
        Requests, Told, Wanted,
        requests::{Request, Wish, arrange},
    },
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Requests that are read before somebody who asks meanwhile is answered.
const HANDFUL: usize = 4_096;
/// Requests after which the first are told; then whenever there are four times as many, so that telling costs a third of reading at most.
const FIRST: usize = 1_000;

/// Requests of a result, as far as they were read.
pub(super) struct Held {
    /// Folder of the result.
    pub(super) dir: PathBuf,
    rows: Rows,
    /// Which were asked for last, and in which order.
    wish: Wish,
    /// The run's P99 by key of `bench.run`, ms.
    pub(super) p99_ms: BTreeMap<String, f64>,
}

enum Rows {
    All(Arc<[Request]>),
    /// The first of them, the rest of the file, and how many there are to be before they are told.
    First(Vec<Request>, Box<Records>, usize),
}

impl Held {
    /// The requests of the result in `dir`, none read yet.
    pub(super) fn open(dir: &Path, wish: Wish) -> Result<Self, Problem> {
        let records = Records::open(dir)?;
        let p99_ms = super::summary_made(dir).map(|summary| summary.metrics()).unwrap_or_default();
        let p99_ms = p99_ms.into_iter().filter(|(key, _)| key.starts_with("p99_")).collect();
        Ok(Self { dir: dir.to_path_buf(), rows: Rows::First(Vec::new(), Box::new(records), FIRST), wish, p99_ms })
    }

    /// There are more to be read.
    pub(super) const fn goes_on(&self) -> bool {
        matches!(self.rows, Rows::First(..))
    }

    /// Reads a handful more; what is to be told of it.
    pub(super) fn read_on(&mut self) -> Option<Told> {
        let Rows::First(rows, records, tell_at) = &mut self.rows else { return None };
        let until = (rows.len() + HANDFUL).min((*tell_at).max(rows.len() + 1));
        while rows.len() < until {
            match records.next_record() {
                Ok(Some(record)) => rows.push(Request::of(&record)),
                Ok(None) => {
                    self.rows = Rows::All(std::mem::take(rows).into());
                    return Some(self.told());
                }
                Err(problem) => {
                    // Those before the damage are shown all the same.
                    self.rows = Rows::All(std::mem::take(rows).into());
                    let wanted = Wanted::Requests { dir: self.dir.clone(), wish: self.wish.clone() };
                    return Some(Told::Refused { wanted, problem });
                }
            }
        }
        if rows.len() < *tell_at {
            return None;
        }
        *tell_at = rows.len() * 4;
        Some(self.told())
    }

    fn told(&self) -> Told {
        let (rows, read_pct): (Arc<[Request]>, _) = match &self.rows {
            Rows::All(rows) => (Arc::clone(rows), None),
            Rows::First(rows, records, _) => (rows.as_slice().into(), Some(records.read_pct())),
        };
        let order = arrange(&rows, &self.wish).into();
        Told::Requests(Requests { dir: self.dir.clone(), wish: self.wish.clone(), rows, order, read_pct })
    }

    /// Those asked for, of those that were read; the rest follows in the same order.
    pub(super) fn arranged(&mut self, wish: Wish) -> Told {
        self.wish = wish;
        self.told()
    }

    /// The request of this part, number and route; looked for in the rest of the file where it was not read yet.
    pub(super) fn find(&mut self, (warmup, i, route): (bool, u64, u16)) -> Result<Option<Request>, Problem> {
        let is = |row: &Request| (row.warmup, row.i, row.route) == (warmup, i, route);
        match &mut self.rows {
            Rows::All(rows) => Ok(rows.iter().find(|row| is(row)).cloned()),
            Rows::First(rows, records, _) => {
                let mut found = rows.iter().find(|row| is(row)).cloned();
                while found.is_none()
                    && let Some(record) = records.next_record()?
                {
                    let row = Request::of(&record);
                    found = is(&row).then(|| row.clone());
                    rows.push(row);
                }
                Ok(found)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Epoch, bench::record::Record, console::tabs::load::made_up};
    use std::fmt::Write as _;

    /// A result of so many requests, of which the last is the slowest.
    fn result(n: u64) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("temporary folder");
        let epoch = Epoch::now();
        let setup =
            serde_json::json!({"model": "m", "max_model_len": null, "usage": "final", "client": "own", "stamps": "user", "threads": 1});
        let header = serde_json::json!({"schema": "dcudeck.bench.requests/1", "epoch": epoch, "spec": made_up::spec(), "setup": setup});
        let mut text = format!("{header}\n");
        for i in 0..n {
            let record = Record { i, sent_us: Some(i), first_us: Some(i * 2), last_us: Some(i * 2), end_us: i * 2, ..Record::default() };
            writeln!(text, "{}", serde_json::to_string(&record).expect("a line")).expect("writes");
        }
        std::fs::write(dir.path().join(crate::bench::results::REQUESTS), text).expect("writes");
        dir
    }

    fn told(told: Told) -> Requests {
        match told {
            Told::Requests(requests) => requests,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_requests_are_told_before_the_last_are_read_and_all_of_them_in_the_order_asked_for_meanwhile() {
        let dir = result(9_000);
        let mut held = Held::open(dir.path(), Wish::default()).expect("opens");
        let mut tellings = Vec::new();
        while held.goes_on() {
            if let Some(news) = held.read_on() {
                let requests = told(news);
                tellings.push((requests.rows.len(), requests.read_pct.is_some(), requests.get(0).map(|row| row.i)));
                if tellings.len() == 1 {
                    let first_of_all = Wish { by: crate::console::results::requests::By::Time, ..Wish::default() };
                    assert_eq!(told(held.arranged(first_of_all)).get(0).map(|row| row.i), Some(0));
                }
            }
        }
        assert_eq!(tellings, [(1_000, true, Some(999)), (4_000, true, Some(0)), (9_000, false, Some(0))]);
    }

    #[test]
    fn a_request_that_was_not_read_yet_is_found_all_the_same_and_none_is_lost_over_it() {
        let dir = result(3_000);
        let mut held = Held::open(dir.path(), Wish::default()).expect("opens");
        assert_eq!(held.find((false, 2_500, 0)).expect("reads").map(|row| row.i), Some(2_500));
        assert_eq!(held.find((false, 3_000, 0)).expect("reads"), None);
        while held.goes_on() {
            held.read_on();
        }
        assert_eq!(told(held.arranged(Wish::default())).rows.len(), 3_000);
    }
}
