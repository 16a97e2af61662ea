use super::*;
use crate::bench::{
    results::Usage,
    spec::{self, Endpoint},
    target::tests::target,
};
use std::collections::{BTreeMap, HashMap};

fn spec(text: &str) -> Spec {
    serde_json::from_str(text).expect(text)
}

fn workload(spec: &Spec, routes: &[&str], addresses: u16) -> Workload {
    let target = target(Endpoint::Completions, Usage::Final, addresses);
    let target = if routes.is_empty() { target } else { target.with_routes(routes) };
    Workload::open(spec, &target, "run 1").expect("opens")
}

fn json(prepared: &Prepared) -> serde_json::Value {
    let text = String::from_utf8(prepared.bytes.clone()).expect("text");
    serde_json::from_str(text.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
}

#[test]
fn requests_count_up_with_their_moments_and_ids_and_then_end() {
    let spec = spec(r#"{"load": {"rate": 4.0}, "requests": 3, "warmup": 2, "output_len": 9}"#);
    let workload = workload(&spec, &[], 1);
    let all: Vec<Prepared> = workload.part(false).collect();
    assert_eq!(
        all.iter().map(|p| (p.i, p.due_us, p.asked)).collect::<Vec<_>>(),
        [(0, Some(0), 9), (1, Some(250_000), 9), (2, Some(500_000), 9)]
    );
    let head = String::from_utf8(all[2].bytes.clone()).expect("text");
    assert!(head.contains("X-Request-Id: run-1-2\r\n"), "{head}");
    assert_eq!((workload.planned(false), workload.planned(true), workload.part(true).count()), (Some(3), Some(2), 2));
    assert_ne!(json(&workload.part(true).next().expect("one"))["prompt"], json(&all[0])["prompt"]);
}

#[test]
fn a_conversation_is_one_arrival_and_its_turns_are_requests_at_one_address() {
    let text = r#"{"load": {"concurrency": 2}, "requests": 8, "output_len": 4, "prompts": {"random": {"input_len": 5, "turns": 3}}}"#;
    let workload = workload(&spec(text), &[], 2);
    let heads: Vec<Prepared> = workload.part(false).collect();
    let mut seen = Vec::new();
    for head in &heads {
        let mut at = Some(head);
        while let Some(turn) = at {
            seen.push((turn.i, turn.turn, turn.to, json(turn)["prompt"].as_array().expect("ids").len()));
            at = turn.then.as_deref();
        }
    }
    let expected = [(0, 0, 0, 5), (1, 1, 0, 14), (2, 2, 0, 23), (3, 0, 1, 5), (4, 1, 1, 14), (5, 2, 1, 23), (6, 0, 0, 5), (7, 1, 0, 14)];
    assert_eq!((seen, workload.planned(false)), (expected.to_vec(), Some(8)));
}

const ROUTES: &str = r#""routes": [{"name": "a", "weight": 3.0}, {"name": "b", "weight": 1.0}]"#;

#[test]
fn a_weighted_mix_is_drawn_from_the_seed_apart_from_the_prompts() {
    let drawn = |more: &str| -> Vec<u16> {
        let text = format!(r#"{{"load": {{"concurrency": 2}}, "requests": 4000, {ROUTES}{more}}}"#);
        workload(&spec(&text), &["a", "b"], 1).part(false).map(|p| p.route).collect()
    };
    let routes = drawn("");
    let first = routes.iter().filter(|route| **route == 0).count();
    // 3000 expected; the standard deviation is 27.
    assert!((2_890..3_110).contains(&first), "{first}");
    assert_eq!(routes, drawn(r#", "prompts": {"random": {"input_len": 3}}"#));
    assert_ne!(routes, drawn(r#", "seed": 1"#));
}

#[test]
fn a_paired_mix_gives_every_prompt_to_every_route_in_turning_order() {
    let text = format!(r#"{{"load": {{"rate": 10.0}}, "requests": 6, "mix": "paired", {ROUTES}}}"#);
    let workload = workload(&spec(&text), &["a", "b"], 1);
    let all: Vec<Prepared> = workload.part(false).collect();
    assert_eq!(all.iter().map(|p| p.route).collect::<Vec<_>>(), [0, 1, 1, 0, 0, 1]);
    let mut models = HashMap::<String, Vec<String>>::new();
    for request in &all {
        let body = json(request);
        models.entry(body["prompt"].to_string()).or_default().push(body["model"].as_str().expect("a model").to_owned());
    }
    assert_eq!(models.len(), 3);
    assert!(models.values().all(|of| of.len() == 2 && of.contains(&"a".to_owned()) && of.contains(&"b".to_owned())), "{models:?}");
    assert_eq!(workload.routes().iter().map(|route| route.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

/// Every request of a part as it is sent, by its number, turns too: moment, route, turn, bytes.
type Sent = BTreeMap<u64, (Option<u64>, u16, u16, Vec<u8>)>;

fn sent_by(spec: &Spec, routes: &[&str], warmup: bool) -> Sent {
    let mut sent = Sent::new();
    for head in workload(spec, routes, 1).part(warmup) {
        for turn in std::iter::successors(Some(&head), |turn| turn.then.as_deref()) {
            let what = (turn.due_us, turn.route, turn.turn, turn.bytes.clone());
            assert!(sent.insert(turn.i, what).is_none(), "number {} is sent twice", turn.i);
        }
    }
    sent
}

#[test]
fn parts_of_a_load_together_send_the_very_requests_of_the_whole_and_none_twice() {
    let turns = r#", "prompts": {"random": {"input_len": 9, "range_ratio": 0.5, "turns": 3}}"#;
    let paired = format!(r#", "mix": "paired", {ROUTES}"#);
    for load in [r#"{"poisson": 50.0}"#, r#"{"concurrency": 8}"#, r#"{"stages": [{"rate": 40.0, "duration_s": 9.0}]}"#] {
        // A count that cuts the last conversation, or the last pair, short.
        for (more, routes) in [
            (String::new(), &[][..]),
            (turns.to_owned(), &[]),
            (format!(", {ROUTES}"), &["a", "b"]),
            (paired.clone(), &["a", "b"]),
            (format!("{paired}{turns}"), &["a", "b"]),
        ] {
            let mut spec = spec(&format!(r#"{{"load": {load}, "requests": 47, "warmup": 7, "output_len": 6{more}}}"#));
            for warmup in [false, true] {
                let whole = sent_by(&spec, routes, warmup);
                assert_eq!(whole.len(), if warmup { 7 } else { 47 });
                for of in 1..=4 {
                    let mut all = Sent::new();
                    for index in 0..of {
                        spec.share = Some(Share { index, of });
                        let mut part = sent_by(&spec, routes, warmup);
                        let count = all.len() + part.len();
                        all.append(&mut part);
                        assert_eq!(all.len(), count, "a request of part {index} of {of} is sent by another too: {load}{more}");
                    }
                    spec.share = None;
                    assert!(all == whole, "{of} parts of {load}{more} send something else than the whole");
                }
            }
        }
    }
}

#[test]
fn a_conversation_and_a_pair_stay_with_one_part() {
    let turns = r#""prompts": {"random": {"input_len": 9, "turns": 3}}"#;
    let mut spec = spec(&format!(r#"{{"load": {{"poisson": 50.0}}, "requests": 36, "mix": "paired", {ROUTES}, {turns}}}"#));
    let mut pairs = BTreeMap::<String, Vec<(u16, u16)>>::new();
    for index in 0..2 {
        spec.share = Some(Share { index, of: 2 });
        for head in workload(&spec, &["a", "b"], 1).part(false) {
            assert_eq!(std::iter::successors(Some(&head), |turn| turn.then.as_deref()).count(), 3);
            pairs.entry(json(&head)["prompt"].to_string()).or_default().push((index, head.route));
        }
    }
    assert_eq!(pairs.len(), 6);
    for of in pairs.values() {
        let (mut parts, mut routes): (Vec<u16>, Vec<u16>) = of.iter().copied().unzip();
        routes.sort_unstable();
        parts.dedup();
        assert_eq!((parts.len(), routes), (1, vec![0, 1]), "{pairs:?}");
    }
}

#[test]
fn the_plan_knows_what_a_rate_a_trace_and_turns_come_to() {
    let of = |text: &str| estimate(&spec(text)).expect("estimates");
    let rate = of(r#"{"load": {"rate": 10.0}, "duration_s": 6.0, "output_len": 100, "prompts": {"random": {"input_len": 50}}}"#);
    assert_eq!((rate.requests, rate.tokens_in, rate.tokens_out, rate.seconds), (Some(60), Some(3_000), Some(6_000), Some(6.0)));
    let closed = of(r#"{"load": {"concurrency": 3}, "requests": 30, "output_len": 10, "save_tokens": "all"}"#);
    assert_eq!((closed.requests, closed.tokens_out, closed.seconds), (Some(30), Some(300), None));
    assert_eq!(closed.token_file_bytes, Some(300 * 3 + 30 * 16));
    // Three turns of 10 in and 5 out: 10, 25 and 40 prompt tokens.
    let talks = of(r#"{"load": {"concurrency": 3}, "requests": 6, "output_len": 5, "prompts": {"random": {"input_len": 10, "turns": 3}}}"#);
    assert_eq!((talks.tokens_in, talks.tokens_out), (Some(150), Some(30)));
    let file = spec::Prompts::File { path: "p.jsonl".into(), multi_turn: false };
    let file = estimate(&Spec { prompts: file, duration_s: Some(5.0), ..Spec::default() }).expect("reads nothing");
    assert_eq!(file, Estimate { seconds: Some(5.0), ..Estimate::default() });
}

#[test]
fn a_poisson_plan_counts_the_very_arrivals_that_will_come() {
    let spec = spec(r#"{"load": {"poisson": 50.0}, "duration_s": 20.0, "seed": 4}"#);
    let workload = workload(&spec, &[], 1);
    let before = |p: &Prepared| p.due_us.is_some_and(|due| due < 20_000_000);
    assert_eq!(workload.planned(false), Some(workload.part(false).take_while(before).count() as u64));
}
