//! What a spec will cost, before any server is asked: for the plan shown ahead of a start.

use crate::{
    base::Problem,
    bench::{
        schedule::Schedule,
        spec::{Prompts, SaveTokens, Spec},
    },
};

/// Bytes of one token's arrival in `tokens.bin`: gaps of 16 to 2,000 ms take three bytes as a varint of µs, shorter ones two.
const BYTES_PER_TOKEN: u64 = 3;
/// Bytes around the arrivals of a request.
const BYTES_PER_REQUEST: u64 = 16;
/// Share of the requests that a sample keeps: 1 in 100 and the slowest 1 %.
const SAMPLED: f64 = 0.02;

/// What a run will cost. `None`: it depends on the server, or on when somebody ends it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Estimate {
    /// Requests, turns counted, the warm-up left out.
    pub requests: Option<u64>,
    /// Prompt tokens, history of conversations included; a file's are not known.
    pub tokens_in: Option<u64>,
    /// Output tokens, where every answer has the length asked for.
    pub tokens_out: Option<u64>,
    /// Seconds of sending: known where the duration, the stages, the trace or a rate and a count say so.
    pub seconds: Option<f64>,
    /// Size of `tokens.bin`, bytes.
    pub token_file_bytes: Option<u64>,
}

/// What `spec` will cost, as a single run: of a series ask for each of its cells.
///
/// # Errors
/// A trace that cannot be read.
pub fn estimate(spec: &Spec) -> Result<Estimate, Problem> {
    let schedule = Schedule::open(spec)?;
    let (turns, input) = match &spec.prompts {
        Prompts::Random(random) => (u64::from(random.turns), Some(u64::from(random.input_len))),
        Prompts::File { .. } => (1, None),
    };
    let output = u64::from(spec.output_len);
    let arrivals = schedule.arrivals(spec.requests.map_or(u64::MAX, |requests| requests.div_ceil(turns)));
    let requests = match arrivals {
        Some(arrivals) => {
            let all = arrivals.saturating_mul(turns);
            Some(spec.requests.map_or(all, |requests| requests.min(all)))
        }
        None => spec.requests,
    };
    let by_count = || Some(requests? as f64 / turns as f64 / spec.load.rate()?);
    let last = || schedule.trace().and_then(|trace| trace.rows().last()).map(|row| row.at_us as f64 / 1e6);
    let ends = spec.duration_s.into_iter().chain(schedule.end_s()).chain(by_count()).chain(last());
    let (mut tokens_in, mut tokens_out) = (None, requests.map(|n| n.saturating_mul(output)));
    if let (Some(requests), Some(input)) = (requests, input) {
        // Turn t repeats the t turns before it: mean history over a whole conversation is (turns - 1) / 2 turns.
        let history = (input + output) * (turns - 1) / 2;
        tokens_in = Some(requests.saturating_mul(input + history));
    }
    if let (Some(trace), Some(requests), 1) = (schedule.trace(), requests, turns) {
        let rows = || trace.rows().iter().zip(0..requests).map(|(row, _)| row);
        tokens_out = Some(rows().map(|row| row.output_len.map_or(output, u64::from)).sum());
        tokens_in = input.map(|input| rows().map(|row| row.input_len.map_or(input, u64::from)).sum());
    }
    let kept = match spec.save_tokens {
        SaveTokens::All => 1.0,
        SaveTokens::Sample => SAMPLED,
        SaveTokens::None => 0.0,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count of bytes")]
    let bytes = |tokens: u64, requests: u64| ((tokens * BYTES_PER_TOKEN + requests * BYTES_PER_REQUEST) as f64 * kept) as u64;
    Ok(Estimate {
        requests,
        tokens_in,
        tokens_out,
        seconds: ends.reduce(f64::min),
        token_file_bytes: tokens_out.zip(requests).map(|(tokens, requests)| bytes(tokens, requests)),
    })
}
