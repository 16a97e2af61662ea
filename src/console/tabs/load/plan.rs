//! What a load test will cost, in one line under the form: requests, tokens, time, the file of token arrivals.

use crate::{
    base::Said,
    bench::{
        series,
        spec::{Load, Matrix, Prompts, Search, Spec},
        workload::{Estimate, estimate},
    },
    said,
};
use dcudeck_widgets::figure;

/// Cells that are estimated one by one; those of more stay uncounted.
const MOST_CELLS: usize = 5_000;

/// The cost of `spec` in a line, parts that nobody can know left out.
pub(super) fn sentence(spec: &Spec) -> Said {
    if let Some(matrix) = &spec.matrix {
        return of_matrix(spec, matrix);
    }
    if let Some(search) = &spec.search {
        return of_search(search);
    }
    if matches!(spec.load, Load::Trace { .. }) {
        // Reading it belongs to the run, not to drawing.
        return said!("what the trace says · warm-up {}", "依轨迹而定 · 预热 {}", spec.warmup);
    }
    let cost = estimate(spec).unwrap_or_default();
    let warmup = spec.warmup;
    let requests = cost.requests.map(figure::count);
    let first = match requests {
        Some(requests) => said!("{requests} requests + {warmup} warm-up", "{requests} 个请求 + 预热 {warmup}"),
        None => said!("requests as they come + {warmup} warm-up", "请求数视情况 + 预热 {warmup}"),
    };
    joined(first, &cost, matches!(spec.prompts, Prompts::File { .. }))
}

fn of_matrix(spec: &Spec, matrix: &Matrix) -> Said {
    let factors = [matrix.input_len.len(), matrix.output_len.len(), matrix.concurrency.len() + matrix.rate.len(), matrix.repeats as usize];
    let count = factors.into_iter().map(|n| n.max(1)).fold(1, usize::saturating_mul);
    if count > MOST_CELLS {
        let count = figure::count(count as u64);
        return said!("{count} cells", "{count} 个单元");
    }
    let cells = series::planned(spec);
    let count = figure::count(cells.len() as u64);
    let mut all = Estimate { requests: Some(0), tokens_in: Some(0), tokens_out: Some(0), seconds: Some(0.0), token_file_bytes: Some(0) };
    for cell in &cells {
        let one = estimate(cell).unwrap_or_default();
        let add = |sum: Option<u64>, one: Option<u64>| Some(sum?.saturating_add(one?));
        all = Estimate {
            requests: add(all.requests, one.requests),
            tokens_in: add(all.tokens_in, one.tokens_in),
            tokens_out: add(all.tokens_out, one.tokens_out),
            seconds: all.seconds.zip(one.seconds).map(|(sum, one)| sum + one),
            token_file_bytes: add(all.token_file_bytes, one.token_file_bytes),
        };
    }
    let first = match all.requests.map(figure::count) {
        Some(requests) => said!("{count} cells · {requests} requests", "{count} 个单元 · {requests} 个请求"),
        None => said!("{count} cells", "{count} 个单元"),
    };
    joined(first, &all, matches!(spec.prompts, Prompts::File { .. }))
}

fn of_search(search: &Search) -> Said {
    // Doubling to the limit, then halving the interval down to its width.
    let steps = (search.to / search.from).log2().max(0.0).ceil() + (100.0 / search.within_pct.max(0.1)).log2().max(0.0).ceil();
    let time = duration(steps * search.step_s);
    said!("up to {steps} steps · {time} of sending", "最多 {steps} 步 · 发送 {time}")
}

/// `first`, then tokens, time and file as far as they are known.
fn joined(first: Said, cost: &Estimate, from_file: bool) -> Said {
    let mut line = first;
    let mut add = |part: Said| {
        line.en = format!("{} · {}", line.en, part.en);
        line.zh = format!("{} · {}", line.zh, part.zh);
    };
    if let Some(output) = cost.tokens_out {
        let out = figure::compact(output as f64);
        match cost.tokens_in.map(|input| figure::compact(input as f64)) {
            Some(input) => add(said!("{input} tokens in, {out} out", "输入 {input}、输出 {out} token")),
            None if from_file => add(said!("{out} tokens out, prompts beside", "输出 {out} token，提示词另计")),
            None => add(said!("{out} tokens out", "输出 {out} token")),
        }
    }
    if let Some(seconds) = cost.seconds {
        let time = duration(seconds);
        add(said!("{time} of sending", "发送 {time}"));
    }
    if let Some(bytes) = cost.token_file_bytes.filter(|bytes| *bytes > 0) {
        let size = size(bytes);
        add(said!("tokens.bin {size}", "tokens.bin {size}"));
    }
    line
}

/// `30 s`, `4 min`, `2.5 h`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{} s", figure::compact(s)),
        s if s < 7_200.0 => format!("{} min", figure::compact(s / 60.0)),
        s => format!("{} h", figure::compact(s / 3_600.0)),
    }
}

/// `812 B`, `38 kB`, `4.2 MB`.
fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        b if b < 1e3 => format!("{} B", figure::compact(b)),
        b if b < 1e6 => format!("{} kB", figure::compact(b / 1e3)),
        b if b < 1e9 => format!("{} MB", figure::compact(b / 1e6)),
        b => format!("{} GB", figure::compact(b / 1e9)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_tells_requests_tokens_time_and_file() {
        let mut spec = Spec { requests: Some(100), warmup: 10, output_len: 50, prompts: Prompts::random(100), ..Spec::default() };
        assert_eq!(sentence(&spec).en, "100 requests + 10 warm-up · 10.0 k tokens in, 5,000 out · tokens.bin 332 B");
        (spec.load, spec.requests, spec.duration_s) = (Load::Rate(2.0), None, Some(600.0));
        assert!(
            sentence(&spec).en.contains("1,200 requests") && sentence(&spec).en.contains("10.0 min of sending"),
            "{}",
            sentence(&spec).en
        );
        spec.load = Load::Concurrency(4);
        assert!(sentence(&spec).en.starts_with("requests as they come"), "{}", sentence(&spec).en);
    }

    #[test]
    fn the_plan_of_a_matrix_is_the_sum_of_its_cells() {
        let text = "{load: {concurrency: 1}, output_len: 50, matrix: {input_len: [100, 200], concurrency: [1, 8], requests_per_user: 10}}";
        let spec: Spec = crate::workspace::profiles::parse(text, std::path::Path::new("m.yaml")).unwrap();
        // Each length: 10 + 80 requests.
        assert!(sentence(&spec).en.starts_with("4 cells · 180 requests · 27.0 k tokens in, 9,000 out"), "{}", sentence(&spec).en);
    }
}
