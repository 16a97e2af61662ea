//! The cells of a series, their keys, and the load test each of them is.

use crate::bench::{
    live::{Cache, Cell, CellState},
    spec::{Load, Matrix, Over, Prompts, Search, Spec},
};

/// Seconds a cell at a rate lasts when its profile says neither how long nor how many.
const AT_A_RATE_S: f64 = 30.0;
/// Most requests of the warm-up of a cell at a rate, unless the profile asks for more.
const MOST_WARMUP: u64 = 256;
/// A step is never made longer than this many times `step_s` for the sake of its number of requests.
const MOST_STEP_LENGTHS: f64 = 10.0;

/// One of the loads of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum At {
    Users(u32),
    Rate(f64),
}

/// Every cell of a matrix, in the order they run: input by input, the load rising; all of them once, then all again, so that a server
/// that drifts shows.
pub(super) fn cells(spec: &Spec, matrix: &Matrix) -> Vec<Cell> {
    let inputs = each(&matrix.input_len, spec.prompts.input_len());
    let outputs = each(&matrix.output_len, Some(spec.output_len));
    let mut users = matrix.concurrency.clone();
    users.sort_unstable();
    users.dedup();
    let mut rates = matrix.rate.clone();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let mut loads: Vec<At> = users.into_iter().map(At::Users).chain(rates.into_iter().map(At::Rate)).collect();
    if loads.is_empty() {
        loads.extend(spec.load.users().map(At::Users).or(spec.load.rate().map(At::Rate)));
    }
    let mut cells = Vec::new();
    for repeat in 1..=matrix.repeats.max(1) {
        for input in &inputs {
            for output in outputs.iter().flatten() {
                cells.extend(loads.iter().map(|at| cell(*input, *output, *at, repeat)));
            }
        }
    }
    cells
}

/// The lengths asked for, each once, in their order; the profile's own when none are.
fn each(lengths: &[u32], own: Option<u32>) -> Vec<Option<u32>> {
    let mut out: Vec<Option<u32>> = Vec::new();
    for length in lengths.iter().map(|length| Some(*length)) {
        if !out.contains(&length) {
            out.push(length);
        }
    }
    if out.is_empty() {
        out.push(own);
    }
    out
}

/// A cell that has not begun.
pub(super) fn cell(input_len: Option<u32>, output_len: u32, at: At, repeat: u32) -> Cell {
    let input = input_len.map(|len| format!("i{len}-")).unwrap_or_default();
    let (load, concurrency, rate) = match at {
        At::Users(users) => (format!("c{users}"), Some(users), None),
        At::Rate(rate) => (format!("r{rate}"), None, Some(rate)),
    };
    Cell {
        key: format!("{input}o{output_len}-{load}-{repeat}"),
        input_len,
        output_len,
        concurrency,
        rate,
        repeat,
        state: CellState::Waiting,
        cache: Cache::Unknown,
        client_limited: None,
        slo_met: None,
        failure: None,
        metrics: std::collections::BTreeMap::new(),
    }
}

/// The load of a search as a cell's.
pub(super) fn at(search: &Search, load: f64) -> At {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole users within the limits of a spec")]
    match search.over {
        Over::Concurrency => At::Users(load.round() as u32),
        Over::Rate => At::Rate(load),
    }
}

/// Users or requests per second of a cell.
pub(super) fn load_of(cell: &Cell) -> f64 {
    cell.concurrency.map(f64::from).or(cell.rate).unwrap_or(0.0)
}

/// The load test a cell is. `attempt` counts how often the cell was begun before: prompts never come twice, not even those of a
/// measurement that was cut. `pace` is the throughput in requests per second that is expected, if it is.
pub(super) fn spec_of(spec: &Spec, cell: &Cell, attempt: u32, pace: Option<f64>) -> Spec {
    let mut own = spec.clone();
    own.matrix = None;
    own.search = None;
    own.name.clone_from(&cell.key);
    if let (Prompts::Random(random), Some(len)) = (&mut own.prompts, cell.input_len) {
        random.input_len = len;
    }
    own.output_len = cell.output_len;
    own.load = load(&spec.load, cell);
    let users = cell.concurrency.map(u64::from);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "requests of a checked rate and duration")]
    let in_seconds = |seconds: f64| cell.rate.map(|rate| ((rate * seconds).ceil() as u64).max(1));
    own.warmup = spec.warmup.max(users.or(in_seconds(1.0).map(|n| n.min(MOST_WARMUP))).unwrap_or(0));
    if let Some(matrix) = &spec.matrix {
        own.cold |= matrix.cold;
        match users {
            Some(users) => own.requests = Some(spec.requests.unwrap_or(0).max(users * u64::from(matrix.requests_per_user)).max(1)),
            None if spec.duration_s.is_none() && spec.requests.is_none() => own.duration_s = Some(AT_A_RATE_S),
            None => {}
        }
    } else if let Some(search) = &spec.search {
        own.cold |= matches!(own.prompts, Prompts::Random(_));
        if let Some(planned) = in_seconds(search.step_s) {
            own.requests = Some(spec.requests.unwrap_or(0).max(planned));
            own.duration_s = None;
        } else {
            let needed = spec.requests.zip(pace.filter(|pace| *pace > 0.0)).map_or(0.0, |(requests, pace)| requests as f64 / pace);
            own.duration_s = Some(search.step_s.max(needed.min(search.step_s * MOST_STEP_LENGTHS)));
            own.requests = None;
        }
    }
    own.seed = if own.cold { spread(spec.seed, &cell.key, attempt) } else { spec.seed.wrapping_add(u64::from(cell.repeat) - 1) };
    own
}

/// The profile's own arrivals at this load; Poisson when it has none at a rate.
fn load(base: &Load, cell: &Cell) -> Load {
    match (cell.concurrency, cell.rate, base) {
        (Some(users), ..) => Load::Concurrency(users),
        (None, Some(rate), Load::Rate(_)) => Load::Rate(rate),
        (None, Some(rate), Load::Gamma { burstiness, .. }) => Load::Gamma { rate, burstiness: *burstiness },
        (None, Some(rate), _) => Load::Poisson(rate),
        (None, None, base) => base.clone(),
    }
}

/// A seed of a cell's own: FNV-1a over the seed, the key and the attempt.
fn spread(seed: u64, key: &str, attempt: u32) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(key.bytes()).chain(attempt.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Spec {
        serde_json::from_str(text).expect(text)
    }

    const MATRIX: &str = r#"{"load": {"concurrency": 1}, "requests": 10, "matrix":
        {"input_len": [128, 64, 128], "output_len": [8, 16], "concurrency": [4, 1], "repeats": 2}}"#;

    #[test]
    fn cells_run_input_by_input_with_rising_load_and_repeat_as_a_whole() {
        let spec = spec(MATRIX);
        let cells = cells(&spec, spec.matrix.as_ref().expect("a matrix"));
        let keys: Vec<&str> = cells.iter().map(|cell| cell.key.as_str()).collect();
        assert_eq!(keys.len(), 16);
        assert_eq!(keys[..5], ["i128-o8-c1-1", "i128-o8-c4-1", "i128-o16-c1-1", "i128-o16-c4-1", "i64-o8-c1-1"]);
        assert_eq!((keys[8], keys[15]), ("i128-o8-c1-2", "i64-o16-c4-2"));
    }

    #[test]
    fn lengths_and_loads_that_are_not_asked_for_are_the_profiles() {
        let spec = spec(r#"{"load": {"rate": 2.5}, "prompts": {"file": {"path": "p.jsonl"}}, "output_len": 7, "matrix": {}}"#);
        let cells = cells(&spec, spec.matrix.as_ref().expect("a matrix"));
        assert_eq!(cells.iter().map(|c| c.key.as_str()).collect::<Vec<_>>(), ["o7-r2.5-1"]);
        let own = spec_of(&spec, &cells[0], 0, None);
        assert_eq!((own.load, own.requests, own.duration_s, own.warmup), (Load::Rate(2.5), None, Some(AT_A_RATE_S), 3));
    }

    #[test]
    fn a_cell_is_a_load_test_of_its_own_with_enough_requests_and_prompts_nobody_has_seen() {
        let spec = spec(MATRIX);
        let cells = cells(&spec, spec.matrix.as_ref().expect("a matrix"));
        let own = spec_of(&spec, &cells[1], 0, None);
        assert_eq!((own.prompts.input_len(), own.output_len, own.load.clone()), (Some(128), 8, Load::Concurrency(4)));
        assert_eq!((own.requests, own.warmup, own.cold, own.matrix.is_none()), (Some(16), 4, true, true));
        assert_eq!(spec_of(&spec, &cells[0], 0, None).requests, Some(10), "no fewer than the profile's");
        let seeds: std::collections::BTreeSet<u64> =
            cells.iter().flat_map(|cell| [0, 1].map(|attempt| spec_of(&spec, cell, attempt, None).seed)).collect();
        assert_eq!(seeds.len(), 32, "every cell, repeat and attempt has its own");
        assert_eq!(spec_of(&spec, &cells[1], 0, None).seed, own.seed, "and the same again tomorrow");
    }

    #[test]
    fn a_step_is_as_long_as_asked_and_longer_for_its_requests() {
        let step = |text: &str, load: f64, pace| {
            let spec = spec(text);
            let search = spec.search.expect("a search");
            let own = spec_of(&spec, &cell(Some(128), 128, at(&search, load), 1), 0, pace);
            (own.requests, own.duration_s, own.load)
        };
        let users = r#"{"load": {"concurrency": 1}, "requests": 100, "search": {"over": "concurrency", "step_s": 20}}"#;
        assert_eq!(step(users, 8.0, None), (None, Some(20.0), Load::Concurrency(8)));
        assert_eq!(step(users, 8.0, Some(2.5)).1, Some(40.0));
        assert_eq!(step(users, 8.0, Some(0.01)).1, Some(200.0));
        let rate = r#"{"load": {"gamma": {"rate": 1, "burstiness": 0.5}}, "requests": 100, "search": {"over": "rate", "step_s": 20}}"#;
        assert_eq!(step(rate, 1.5, None), (Some(100), None, Load::Gamma { rate: 1.5, burstiness: 0.5 }));
        assert_eq!(step(rate, 8.0, None).0, Some(160));
    }
}
