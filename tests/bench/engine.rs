//! Tokens per CPU-second and per second of the embedded engine, beside candle-transformers' own qwen2 on the same weights
//! in the same run.
//!
//! `cargo bench --bench engine --features bench-peers`. The bundled model, prompts of 8 tokens and 256 new ones for decode,
//! of 256 and 1 for prefill; greedy; each figure is the best of five rounds, the engines by turns. The peer holds one scalar
//! position, so its sequences run in lock-step and of equal length. It computes on one thread (`RAYON_NUM_THREADS=1`).

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use candle_core::{D, DType, Device, Tensor, safetensors};
use candle_nn::VarBuilder;
use candle_transformers::models::qwen2;
use dcudeck::embedded::{
    adapter::Adapter,
    api::{Request, Sampling},
    bundled,
    engine::{Engine, Options},
    loader::{Loaded, Source},
};
use rustix::time::{ClockId, clock_gettime};
use std::{
    error::Error,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;
const NEW_TOKENS: usize = 256;

/// What is run: sequences, prompt tokens, new tokens.
#[derive(Clone, Copy)]
struct Load {
    sequences: usize,
    prompt: usize,
    new: usize,
}

impl Load {
    /// Tokens that count: new ones, or the prompt's where hardly any are new.
    fn tokens(self) -> usize {
        self.sequences * if self.new > 1 { self.new } else { self.prompt }
    }

    fn prompt_of(self, sequence: usize) -> Vec<u32> {
        (0..self.prompt).map(|i| u32::try_from((i * 31 + sequence * 17) % 2000 + 5).unwrap_or(5)).collect()
    }
}

/// Seconds of a round.
#[derive(Clone, Copy)]
struct Spent {
    cpu_s: f64,
    wall_s: f64,
}

impl Spent {
    const MOST: Self = Self { cpu_s: f64::INFINITY, wall_s: f64::INFINITY };

    fn least(self, other: Self) -> Self {
        Self { cpu_s: self.cpu_s.min(other.cpu_s), wall_s: self.wall_s.min(other.wall_s) }
    }
}

fn main() -> Result<()> {
    if std::env::var_os("RAYON_NUM_THREADS").is_none() {
        // Read once by candle's pool, so it must stand before the process does anything.
        let status = Command::new(std::env::current_exe()?).args(std::env::args_os().skip(1)).env("RAYON_NUM_THREADS", "1").status()?;
        std::process::exit(status.code().unwrap_or(1));
    }
    let loaded = Loaded::open(&Source::Bundled, None)?;
    let adapter = Adapter::open(&Source::Bundled, bundled::ADAPTER, &loaded.model)?;
    let engine =
        |threads| Engine::start(loaded.model.clone(), vec![adapter.clone()], Options { threads, ..Options::new(16, loaded.max_model_len) });
    let (one, two) = (engine(1)?, engine(2)?);
    let mut peer = peer()?;

    println!("{:<24} {:>32} {:>32} {:>9} {:>9}", "", "tokens per CPU-second", "tokens per second", "", "2 threads");
    println!(
        "{:<24} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>9} {:>9}",
        "", "1 thread", "2 threads", "candle", "1 thread", "2 threads", "candle", "ratio", "over 1"
    );
    let decode = |sequences| Load { sequences, prompt: 8, new: NEW_TOKENS };
    let mut peer_at_one = None;
    for (name, load, adapted) in [
        ("decode, batch 1", decode(1), false),
        ("decode, batch 4", decode(4), false),
        ("decode, batch 16", decode(16), false),
        ("decode, batch 16, LoRA", decode(16), true),
        ("prefill 256, batch 1", Load { sequences: 1, prompt: 256, new: 1 }, false),
        ("prefill 256, batch 4", Load { sequences: 4, prompt: 256, new: 1 }, false),
    ] {
        let [mut own, mut on_two, mut theirs] = [Spent::MOST; 3];
        for _ in 0..ROUNDS {
            own = own.least(timed(|| run(&one, load, adapted))?);
            on_two = on_two.least(timed(|| run(&two, load, adapted))?);
            theirs = theirs.least(timed(|| run_peer(&mut peer, load))?);
        }
        let tokens = load.tokens() as f64;
        let peer_rate = tokens / theirs.cpu_s;
        let at_one = *peer_at_one.get_or_insert(peer_rate);
        println!(
            "{name:<24} {:>10.0} {:>10.0} {peer_rate:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>9.2} {:>9.2}",
            tokens / own.cpu_s,
            tokens / on_two.cpu_s,
            tokens / own.wall_s,
            tokens / on_two.wall_s,
            tokens / theirs.wall_s,
            theirs.cpu_s / own.cpu_s,
            own.wall_s / on_two.wall_s,
        );
        if load.sequences > 1 && load.new > 1 {
            println!("{:<24} {:>74.2} of candle's at batch 1", "", tokens / own.cpu_s / at_one);
        }
    }
    let idle = timed(|| {
        let until = Instant::now() + Duration::from_secs(1);
        wait(|| Instant::now() >= until, Duration::from_secs(1))
    })?;
    println!("idle, both engines: {:.1} ms of CPU in a second", idle.cpu_s * 1e3);
    Ok(())
}

fn cpu_s() -> f64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}

fn timed(run: impl FnOnce() -> Result<()>) -> Result<Spent> {
    let (cpu, wall) = (cpu_s(), Instant::now());
    run()?;
    Ok(Spent { cpu_s: cpu_s() - cpu, wall_s: wall.elapsed().as_secs_f64() })
}

/// Waits until `over`, looked at once in `every`, for two minutes at most.
fn wait(over: impl Fn() -> bool, every: Duration) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !over() {
        if Instant::now() >= deadline {
            return Err("not over within two minutes".into());
        }
        std::thread::park_timeout(every);
    }
    Ok(())
}

/// Runs a load to its end. Events are read afterwards: waking a reader is the server's cost.
fn run(engine: &Engine, load: Load, adapted: bool) -> Result<()> {
    let mut handles = Vec::new();
    for sequence in 0..load.sequences {
        let sampling = Sampling { temperature: 0.0, top_p: 1.0, top_k: None, seed: None, logprobs: None };
        handles.push(engine.submit(Request {
            id: String::new(),
            prompt: load.prompt_of(sequence),
            adapter: adapted.then(|| Arc::from(bundled::ADAPTER)),
            sampling,
            max_tokens: load.new,
            min_tokens: 0,
            ignore_eos: true,
            stop_token_ids: Vec::new(),
            arrived: Instant::now(),
        })?);
    }
    for mut handle in handles {
        wait(|| handle.events.len() >= load.new + 2 || handle.events.is_closed(), Duration::from_micros(500))?;
        while handle.events.blocking_recv().is_some() {}
    }
    Ok(())
}

fn peer() -> Result<qwen2::ModelForCausalLM> {
    let mut config: serde_json::Value = serde_json::from_slice(bundled::CONFIG)?;
    // Its reader wants a number where Hugging Face writes null.
    config["sliding_window"] = 4096.into();
    let config: qwen2::Config = serde_json::from_value(config)?;
    let tensors = safetensors::load_buffer(bundled::WEIGHTS, &Device::Cpu)?;
    Ok(qwen2::ModelForCausalLM::new(&config, VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))?)
}

fn run_peer(model: &mut qwen2::ModelForCausalLM, load: Load) -> Result<()> {
    model.clear_kv_cache();
    let prompt: Vec<u32> = (0..load.sequences).flat_map(|sequence| load.prompt_of(sequence)).collect();
    let mut tokens = Tensor::from_vec(prompt, (load.sequences, load.prompt), &Device::Cpu)?;
    for step in 0..load.new {
        let position = if step == 0 { 0 } else { load.prompt + step - 1 };
        let logits = model.forward(&tokens, position)?;
        tokens = logits.argmax(D::Minus1)?.reshape((load.sequences, 1))?;
        std::hint::black_box(tokens.flatten_all()?.to_vec1::<u32>()?);
    }
    Ok(())
}
