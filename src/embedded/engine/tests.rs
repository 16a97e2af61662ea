//! The engine on the bundled model: against Hugging Face's references, and how sequences share it.

use super::*;
use crate::embedded::{
    api::{Event, Finish, Sampling},
    bundled,
    loader::{Loaded, Source},
};
use serde::Deserialize;
use std::{collections::HashMap, sync::LazyLock, time::Duration};

#[derive(Deserialize)]
struct References {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    prompt_ids: Vec<u32>,
    base: Continuation,
    adapter: Continuation,
}

#[derive(Deserialize)]
struct Continuation {
    ids: Vec<u32>,
}

impl Case {
    fn of(&self, adapted: bool) -> &[u32] {
        if adapted { &self.adapter.ids } else { &self.base.ids }
    }
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))).expect(path)
}

fn cases() -> Vec<Case> {
    serde_json::from_slice::<References>(&fixture("references/greedy.json")).expect("references").cases
}

static MODEL: LazyLock<(Arc<Model>, Arc<Adapter>)> = LazyLock::new(|| {
    let model = Loaded::open(&Source::Bundled, None).expect("bundled model").model;
    let adapter = Adapter::open(&Source::Bundled, bundled::ADAPTER, &model).expect("bundled adapter");
    (model, adapter)
});

fn engine(options: Options) -> Engine {
    let (model, adapter) = &*MODEL;
    Engine::start(model.clone(), vec![adapter.clone()], options).expect("threads")
}

fn request(prompt: &[u32], adapted: bool, max_tokens: usize) -> Request {
    Request {
        id: "test".to_owned(),
        prompt: prompt.to_vec(),
        adapter: adapted.then(|| bundled::ADAPTER.into()),
        sampling: Sampling { temperature: 0.0, top_p: 1.0, top_k: None, seed: None, logprobs: None },
        max_tokens,
        min_tokens: 0,
        ignore_eos: true,
        stop_token_ids: Vec::new(),
        arrived: Instant::now(),
    }
}

/// All tokens of a sequence, and how it ended.
fn collect(mut handle: Handle) -> (Vec<u32>, Option<Finish>) {
    let (mut ids, mut end) = (Vec::new(), None);
    while let Some(event) = handle.events.blocking_recv() {
        match event {
            Event::Started(_) => {}
            Event::Token(token) => ids.push(token.id),
            Event::Done { finish, .. } => end = Some(finish),
        }
    }
    (ids, end)
}

fn wait_until(engine: &Engine, what: &str, met: impl Fn(Gauges) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !met(engine.gauges()) {
        assert!(Instant::now() < deadline, "{what}: {:?}", engine.gauges());
        std::thread::yield_now();
    }
}

#[test]
fn every_reference_comes_back_token_for_token_alone() {
    let engine = engine(Options::new(4, 2048));
    for case in cases() {
        for adapted in [false, true] {
            let got = collect(engine.submit(request(&case.prompt_ids, adapted, 64)).expect("taken"));
            assert_eq!(got.0, case.of(adapted), "{} adapted: {adapted}", case.id);
            assert_eq!(got.1, Some(Finish::Length));
        }
    }
}

#[test]
fn every_reference_comes_back_token_for_token_among_fifteen_others_of_either_adapter() {
    for threads in [1, 2] {
        let engine = engine(Options { threads, ..Options::new(16, 2048) });
        let mut running = Vec::new();
        for case in cases() {
            for adapted in [false, true] {
                running.push((
                    case.id.clone(),
                    case.of(adapted).to_vec(),
                    engine.submit(request(&case.prompt_ids, adapted, 64)).expect("taken"),
                ));
            }
        }
        wait_until(&engine, "sixteen at once", |gauges| gauges.running == 16 || gauges.waiting == 0);
        for (id, want, handle) in running {
            assert_eq!(collect(handle).0, want, "{id} on {threads} threads");
        }
    }
}

#[test]
fn logits_are_those_of_the_reference_within_a_thousandth() {
    let file = fixture("references/logits.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&file).expect("safetensors");
    let prompts: HashMap<String, Vec<u32>> = cases().into_iter().map(|case| (case.id, case.prompt_ids)).collect();
    let (model, adapter) = &*MODEL;
    let mut checked = 0;
    for (name, tensor) in tensors.tensors() {
        let (id, which) = name.split_once('.').expect("case.which");
        let want: Vec<f32> = tensor.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        for isa in Isa::usable() {
            let got = logits(model, &prompts[id], (which == "adapter").then_some(&**adapter), isa, usize::MAX);
            let scale = want.iter().fold(0.0_f32, |most, logit| most.max(logit.abs()));
            let off = got.iter().zip(&want).map(|(got, want)| (got - want).abs()).fold(0.0, f32::max);
            assert!(off <= 1e-3 * scale, "{name} {isa:?}: {off} of {scale}");
            checked += 1;
        }
    }
    assert!(checked >= 10);
}

/// The last token's logits, the prompt computed in chunks.
fn logits(model: &Model, prompt: &[u32], adapter: Option<&Adapter>, isa: Isa, chunk: usize) -> Vec<f32> {
    let mut workspace = Workspace::new(model.config(), prompt.len(), isa);
    let mut pool = crate::embedded::cache::Pool::new(model.block_shape(), prompt.len());
    let mut cache = crate::embedded::cache::Cache::default();
    pool.extend(&mut cache, prompt.len());
    let mut start = 0;
    let mut last = Vec::new();
    for tokens in prompt.chunks(chunk.min(prompt.len())) {
        let span = Span { tokens, start, cache: &mut cache, adapter, logits: true };
        last = model.forward(&mut [span], &mut workspace).to_vec();
        start += tokens.len();
    }
    last
}

#[test]
fn a_prompt_cut_into_chunks_gives_the_same_bits() {
    let (model, adapter) = &*MODEL;
    let prompt: Vec<u32> = (0..150).map(|i| i * 7 % 2000 + 5).collect();
    for isa in Isa::usable() {
        let whole = logits(model, &prompt, Some(adapter), isa, usize::MAX);
        for chunk in [1, 7, 16, 64] {
            assert_eq!(logits(model, &prompt, Some(adapter), isa, chunk), whole, "{isa:?} in chunks of {chunk}");
        }
    }
}

/// The ids a case's prompt begins with, repeated to a length.
fn long_prompt(len: usize) -> Vec<u32> {
    cases()[0].prompt_ids.iter().copied().cycle().take(len).collect()
}

#[test]
fn a_dropped_handle_frees_its_slot_for_the_next() {
    let engine = engine(Options::new(1, 2048));
    let mut endless = engine.submit(request(&long_prompt(8), false, 2000)).expect("taken");
    while !matches!(endless.events.blocking_recv(), Some(Event::Token(_))) {}
    let waiting = engine.submit(request(&long_prompt(8), false, 4)).expect("taken");
    let given_up = engine.submit(request(&long_prompt(8), false, 4)).expect("taken");
    wait_until(&engine, "two wait", |gauges| gauges.waiting == 2);
    drop(given_up);
    drop(endless);
    assert_eq!(collect(waiting).0.len(), 4);
    wait_until(&engine, "all free", |gauges| (gauges.running, gauges.waiting) == (0, 0) && gauges.cache_usage == 0.0);
    assert!(engine.gauges().steps.tokens < 1000, "the dropped sequence was not finished: {:?}", engine.gauges());
}

#[test]
fn a_long_prompt_holds_the_others_up_by_a_budget_a_step_at_most() {
    let engine = engine(Options { token_budget: 64, ..Options::new(2, 2048) });
    let mut short = engine.submit(request(&long_prompt(8), false, 500)).expect("taken");
    while !matches!(short.events.blocking_recv(), Some(Event::Token(_))) {}
    let steps = || engine.gauges().steps.counts.iter().sum::<u64>();
    let before = steps();
    let mut long = engine.submit(request(&long_prompt(1000), false, 1)).expect("taken");
    while !matches!(long.events.blocking_recv(), Some(Event::Token(_))) {}
    assert_eq!(engine.gauges().steps.counts[5..].iter().sum::<u64>(), 0, "no step computed more than 64 tokens");
    // 63 prompt tokens a step beside the other's one.
    assert!(steps() - before >= 15);
    let mut others = 0;
    while let Ok(event) = short.events.try_recv() {
        others += u64::from(matches!(event, Event::Token(_)));
    }
    assert!(others >= 15, "the other went on by a token each step: {others}");
}

#[test]
fn equal_seeds_draw_equal_tokens_whatever_runs_beside() {
    let sampled = |seed, prompt: &[u32]| {
        let mut request = request(prompt, false, 40);
        request.sampling = Sampling { temperature: 1.5, top_p: 0.95, top_k: Some(50), seed: Some(seed), logprobs: None };
        request
    };
    let engine = engine(Options::new(16, 2048));
    let prompt = long_prompt(12);
    let alone = collect(engine.submit(sampled(5, &prompt)).expect("taken")).0;
    let others: Vec<_> =
        (0..15_u8).map(|seed| engine.submit(sampled(100 + u64::from(seed), &long_prompt(5 + usize::from(seed)))).expect("taken")).collect();
    let again = collect(engine.submit(sampled(5, &prompt)).expect("taken")).0;
    let other = collect(engine.submit(sampled(6, &prompt)).expect("taken")).0;
    drop(others);
    assert_eq!(alone, again);
    assert_ne!(alone, other);
}

#[test]
fn stop_tokens_end_a_sequence_but_not_before_its_least_length() {
    let engine = engine(Options::new(4, 2048));
    let case = &cases()[0];
    let stop = case.base.ids[5];
    let first = case.base.ids.iter().position(|id| *id == stop).expect("there");
    let mut with_stop = request(&case.prompt_ids, false, 64);
    with_stop.stop_token_ids = vec![stop];
    let got = collect(engine.submit(with_stop.clone()).expect("taken"));
    assert_eq!(got, (case.base.ids[..=first].to_vec(), Some(Finish::Stop)));

    with_stop.min_tokens = 40;
    let got = collect(engine.submit(with_stop).expect("taken")).0;
    assert!(got.len() >= 40 && !got[..39].contains(&stop));

    let mut to_the_end = request(&case.prompt_ids, false, 200);
    to_the_end.ignore_eos = false;
    let (ids, finish) = collect(engine.submit(to_the_end).expect("taken"));
    assert_eq!((ids.last(), finish), (Some(&MODEL.0.config().eos[0]), Some(Finish::Stop)));
}

#[test]
fn log_probabilities_come_with_each_token() {
    let engine = engine(Options::new(1, 2048));
    let mut request = request(&long_prompt(9), false, 3);
    request.sampling.logprobs = Some(4);
    let mut handle = engine.submit(request).expect("taken");
    let mut seen = 0;
    while let Some(event) = handle.events.blocking_recv() {
        if let Event::Token(token) = event {
            let (own, top) = token.logprobs.expect("asked for");
            assert_eq!((top.len(), top[0]), (4, (token.id, own)), "greedy takes the likeliest");
            assert!(own <= 0.0 && top.is_sorted_by(|a, b| a.1 >= b.1));
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn what_does_not_fit_is_refused() {
    let engine = engine(Options::new(1, 64));
    let refused = |request| engine.submit(request).expect_err("refused");
    assert_eq!(refused(request(&[], false, 1)), Refused::BadPrompt("has no tokens"));
    assert!(matches!(refused(request(&[u32::MAX], false, 1)), Refused::BadPrompt(_)));
    assert_eq!(refused(request(&long_prompt(60), false, 5)), Refused::TooLong { max_model_len: 64, wanted: 65 });
    let unknown = Request { adapter: Some("none".into()), ..request(&[5], false, 1) };
    assert_eq!(refused(unknown), Refused::NoAdapter("none".to_owned()));
    assert_eq!(collect(engine.submit(request(&long_prompt(60), false, 4)).expect("fits")).0.len(), 4);
}

#[test]
fn a_short_cache_makes_sequences_wait_and_all_finish() {
    let block_bytes = MODEL.0.block_shape().len() * size_of::<f32>();
    let engine = engine(Options { cache_bytes: 8 * block_bytes, ..Options::new(16, 64) });
    assert_eq!(engine.gauges().num_blocks, 8);
    // Four blocks each: two at a time.
    let handles: Vec<_> = (0..6).map(|_| engine.submit(request(&long_prompt(30), false, 30)).expect("taken")).collect();
    let ended: Vec<_> = handles.into_iter().map(collect).collect();
    assert!(ended.iter().all(|(ids, end)| *ids == ended[0].0 && *end == Some(Finish::Length)));
    assert!(engine.gauges().steps.counts.iter().sum::<u64>() >= 85, "three pairs after each other: {:?}", engine.gauges());
}

#[test]
fn a_dropped_engine_closes_its_handles() {
    let engine = engine(Options { threads: 2, ..Options::new(2, 2048) });
    let mut handle = engine.submit(request(&long_prompt(8), false, 2000)).expect("taken");
    while !matches!(handle.events.blocking_recv(), Some(Event::Token(_))) {}
    drop(engine);
    let (_, end) = collect(handle);
    assert_eq!(end, None);
}
