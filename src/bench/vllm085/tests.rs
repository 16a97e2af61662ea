//! The document against that release's own steps, walked over the lines of each answer as it saw them.

use super::*;
use crate::bench::{record::Failure, report::testing};

#[test]
fn the_date_is_written_as_that_release_writes_it() {
    assert_eq!(date("2026-11-23T18:40:31.123Z"), "20261123-184031");
}

/// An answer as it came: when each event was read, µs since sending, and whether it had a choice.
struct Answer {
    sent_us: u64,
    events: &'static [(u32, bool)],
    output_tokens: u64,
    prompt_tokens: u64,
    class: Option<Class>,
}

const fn answer(sent_us: u64, events: &'static [(u32, bool)], output_tokens: u64) -> Answer {
    Answer { sent_us, events, output_tokens, prompt_tokens: 100 + output_tokens, class: None }
}

/// Six answers of a chat: its role chunk first, the usage chunk last; two chunks in one read; a single token; an error inside the
/// stream instead of any chunk; a transfer that broke.
const ANSWERS: [Answer; 6] = [
    answer(1_000, &[(40_000, true), (41_500, true), (52_000, true), (63_250, true), (63_900, false)], 3),
    answer(2_000, &[(55_000, true), (55_000, true), (80_000, true), (91_000, true), (99_999, true), (100_500, false)], 9),
    answer(90_000, &[(33_000, true), (33_900, false)], 1),
    answer(120_000, &[(71_000, true), (90_000, true), (120_000, true), (120_300, false)], 2),
    Answer { class: Some(Class::InStreamError), ..answer(150_000, &[(5_000, false)], 0) },
    Answer { class: Some(Class::Truncated), ..answer(160_000, &[(30_000, true), (44_000, true)], 2) },
];

impl Answer {
    /// As our client records it.
    fn record(&self, i: u64) -> Record {
        let choices: Vec<u32> = self.events.iter().filter(|event| event.1).map(|event| event.0).collect();
        let last = self.events.last().map_or(0, |event| u64::from(event.0));
        Record {
            i,
            planned_us: self.sent_us - 150,
            started_us: self.sent_us - 100,
            sent_us: Some(self.sent_us),
            status: Some(200),
            event_us: Some(self.sent_us + last),
            end_us: self.sent_us + last + 200,
            prompt_tokens: self.class.is_none().then_some(self.prompt_tokens),
            output_tokens: self.output_tokens,
            gaps_us: choices.iter().scan(0, |before, &at| Some(at - std::mem::replace(before, at))).collect(),
            error: self.class.map(|class| Failure { class, message: "x".to_owned() }),
            ..Record::default()
        }
    }
}

/// `(ttft, itl, latency, output_len)` of a request that counted as a success, seconds: `async_request_openai_completions` and
/// `async_request_openai_chat_completions` of `backend_request_func.py`.
fn measured(answer: &Answer, chat: bool) -> Option<(f64, Vec<f64>, f64, u64)> {
    let (mut ttft, mut itl, mut most_recent, mut latency, mut first_chunk_received) = (0.0, Vec::new(), 0.0, 0.0, false);
    for &(us, choices) in answer.events {
        let timestamp = f64::from(us) / 1e6;
        if choices {
            if first_chunk_received {
                itl.push(timestamp - most_recent);
            } else {
                ttft = timestamp;
            }
            first_chunk_received = true;
        }
        if choices || chat {
            (most_recent, latency) = (timestamp, timestamp);
        }
    }
    // A payload that ends too early raises inside the loop over it.
    let success = answer.class != Some(Class::Truncated) && (chat || first_chunk_received);
    success.then_some((ttft, itl, latency, answer.output_tokens))
}

/// `np.percentile` of a sorted list.
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let at = (sorted.len() - 1) as f64 * p / 100.0;
    let (low, high) = (at.floor(), at.ceil());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks of a short list")]
    let of = |rank: f64| sorted[rank as usize];
    of(low) + (of(high) - of(low)) * (at - low)
}

/// `calculate_metrics` of `benchmark_serving.py`, for `--percentile-metrics ttft,tpot,itl,e2el --goodput ttft:60 tpot:20`.
fn metrics(chat: bool, input_len: Option<u64>) -> Vec<(String, f64)> {
    let dur_s = (ANSWERS.map(|a| a.record(0).end_us).into_iter().max().expect("six") - (ANSWERS[0].sent_us - 150)) as f64 / 1e6;
    let (mut ttfts, mut tpots, mut itls, mut e2els) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut input, mut output, mut good, mut completed) = (0, 0, 0, 0);
    for answer in &ANSWERS {
        let Some((ttft, itl, latency, output_len)) = measured(answer, chat) else { continue };
        let mut tpot = 0.0;
        if output_len > 1 {
            tpot = (latency - ttft) / (output_len - 1) as f64;
            tpots.push(tpot);
        }
        itls.extend(itl);
        ttfts.push(ttft);
        e2els.push(latency);
        good += u32::from(ttft * 1e3 <= 60.0 && tpot * 1e3 <= 20.0);
        completed += 1;
        // A server that answered with an error counted no prompt.
        input += input_len.unwrap_or(if answer.class.is_none() { answer.prompt_tokens } else { 0 });
        output += output_len;
    }
    let mut told = vec![
        ("completed".to_owned(), f64::from(completed)),
        ("duration".to_owned(), dur_s),
        ("total_input_tokens".to_owned(), input as f64),
        ("total_output_tokens".to_owned(), output as f64),
        ("request_throughput".to_owned(), f64::from(completed) / dur_s),
        ("request_goodput:".to_owned(), f64::from(good) / dur_s),
        ("output_throughput".to_owned(), output as f64 / dur_s),
        ("total_token_throughput".to_owned(), (input + output) as f64 / dur_s),
    ];
    for (name, mut values) in [("ttft", ttfts), ("tpot", tpots), ("itl", itls), ("e2el", e2els)] {
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        for (figure, s) in [("mean", mean), ("median", percentile(&values, 50.0)), ("std", std), ("p99", percentile(&values, 99.0))] {
            told.push((format!("{figure}_{name}_ms"), s * 1e3));
        }
    }
    told
}

#[test]
fn every_figure_is_what_that_release_would_have_found_by_its_own_steps() {
    for (endpoint, input_len, completed) in [("chat", None, 5), ("completions", Some(128), 4)] {
        let mut spec = testing::spec(r#", "load": {"concurrency": 4}, "slo": {"ttft_ms": 60.0, "tpot_ms": 20.0}"#);
        spec.target.endpoint = serde_json::from_value(serde_json::json!(endpoint)).expect("an endpoint");
        let mut figures = Figures::default();
        for (answer, i) in ANSWERS.iter().zip(0..) {
            figures.take(&spec, &answer.record(i));
        }
        // Of warm-up and of requests given up it knows nothing.
        figures.take(&spec, &Record { warmup: true, ..ANSWERS[0].record(0) });
        figures.take(&spec, &Answer { class: Some(Class::Stopped), ..answer(500_000, &[(9_000, true)], 1) }.record(9));
        let found = serde_json::to_value(figures.document(&testing::header(&spec, "2026-03-01T10:00:00Z"))).expect("JSON");
        assert_eq!((&found["num_prompts"], &found["completed"]), (&6.into(), &completed.into()));
        for (key, want) in metrics(endpoint == "chat", input_len) {
            let got = found[&key].as_f64().expect(&key);
            assert!((got - want).abs() <= 1e-9 * want.abs().max(1.0), "{endpoint} {key}: {got} {want}");
        }
    }
}
