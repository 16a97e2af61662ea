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
