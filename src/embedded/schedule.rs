//! Which sequences a step computes, and how many tokens of each.
//!
//! Every running sequence gets its next token in every step; what is left of the step's token budget goes to prompts, in
//! the order of arrival. So a long prompt delays the others by at most one budget's worth of work a step.

use super::{
    adapter::Adapter,
    api::{Event, Finish, Gauges, Request, Timing, Token},
    cache::{BLOCK, Cache, Pool},
    engine::Options,
    model::{Model, Span},
    sample::Sampler,
};
use std::{collections::VecDeque, sync::Arc, time::Instant};
use tokio::sync::mpsc::UnboundedSender;

/// A sequence from admission to its end.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// Prompt and new tokens.
    tokens: Vec<u32>,
    prompt: usize,
    /// Tokens whose keys and values are cached.
    computed: usize,
    /// Tokens the coming step computes.
    chunk: usize,
    cache: Cache,
    /// Positions promised by the pool.
    promised: usize,
    adapter: Option<Arc<Adapter>>,
    sampler: Sampler,
    limits: Limits,
    events: UnboundedSender<Event>,
    arrived: Instant,
    scheduled: Instant,
    first_token: Option<Instant>,
    /// What the last step chose.
    chosen: Option<Token>,
}

/// When a sequence ends.
#[derive(Debug)]
struct Limits {
    max_tokens: usize,
    min_tokens: usize,
    /// Tokens that end it.
    stops: Vec<u32>,
    /// Tokens not chosen before `min_tokens`.
    banned: Vec<u32>,
}

impl Sequence {
    /// What the coming step computes of it.
    pub(crate) fn span(&mut self) -> Span<'_> {
        let end = self.computed + self.chunk;
        Span {
            tokens: &self.tokens[self.computed..end],
            start: self.computed,
            cache: &mut self.cache,
            adapter: self.adapter.as_deref(),
            logits: end == self.tokens.len(),
        }
    }

    /// Whether the coming step chooses a token.
    pub(crate) fn wants_logits(&self) -> bool {
        self.computed + self.chunk == self.tokens.len()
    }

    /// Tokens the coming step computes.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    /// Orders sequences so that rows of one adapter lie together.
    pub(crate) fn adapter_key(&self) -> usize {
        self.adapter.as_ref().map_or(0, |adapter| Arc::as_ptr(adapter).addr())
    }

    /// Chooses the next token.
    pub(crate) fn choose(&mut self, logits: &[f32]) {
        let banned = if self.tokens.len() - self.prompt < self.limits.min_tokens { self.limits.banned.as_slice() } else { &[] };
        self.chosen = Some(self.sampler.next(logits, banned));
    }

    /// Takes in a finished step. `Some` at the sequence's end.
    fn settle(&mut self, now: Instant) -> Option<Finish> {
        self.computed += std::mem::take(&mut self.chunk);
        let token = self.chosen.take()?;
        let id = token.id;
        self.tokens.push(id);
        self.first_token.get_or_insert(now);
        // A receiver that went away is noticed before the next step.
        let _ = self.events.send(Event::Token(token));
        let made = self.tokens.len() - self.prompt;
        if made >= self.limits.min_tokens && self.limits.stops.contains(&id) {
            Some(Finish::Stop)
        } else {
            (made >= self.limits.max_tokens).then_some(Finish::Length)
        }
    }
}

/// A request that waits for a slot.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) request: Request,
    pub(crate) adapter: Option<Arc<Adapter>>,
    pub(crate) events: UnboundedSender<Event>,
}

/// All sequences between steps.
#[derive(Debug)]
pub(crate) struct Scheduler {
    pool: Pool,
    eos: Vec<u32>,
    max_num_seqs: usize,
    /// Tokens of one sequence in a step at most, and of all for each thread.
    token_budget: usize,
    threads: usize,
    waiting: VecDeque<Waiting>,
    /// In order of admission; those of a step are away while it is computed.
    running: Vec<Sequence>,
    gauges: Gauges,
}

/// Prompt tokens a step takes at least, however many sequences are running.
const LEAST_PROMPT_TOKENS: usize = 16;

impl Scheduler {
    pub(crate) fn new(model: &Model, blocks: usize, options: &Options) -> Self {
        let &Options { max_num_seqs, token_budget, threads, .. } = options;
        let pool = Pool::new(model.block_shape(), blocks);
        let (waiting, running) = (VecDeque::new(), Vec::new());
        let gauges = Gauges { num_blocks: blocks, block_size: BLOCK, ..Gauges::default() };
        Self { pool, eos: model.config.eos.clone(), max_num_seqs, token_budget, threads, waiting, running, gauges }
    }

    pub(crate) fn push(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// The sequences of the coming step, each with its chunk. They come back by [`Scheduler::settle`].
    pub(crate) fn step(&mut self) -> Vec<Sequence> {
        self.drop_cancelled();
        self.admit();
        let decoding = self.running.iter().filter(|seq| seq.computed + 1 == seq.tokens.len()).count();
        let mut prompt_budget = (self.token_budget * self.threads).saturating_sub(decoding).max(LEAST_PROMPT_TOKENS);
        for seq in &mut self.running {
            let left = seq.tokens.len() - seq.computed;
            seq.chunk = if left == 1 { 1 } else { left.min(prompt_budget).min(self.token_budget) };
            if left > 1 {
                prompt_budget -= seq.chunk;
            }
            self.pool.extend(&mut seq.cache, seq.computed + seq.chunk);
        }
        self.count();
        let (step, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.running).into_iter().partition(|seq| seq.chunk > 0);
        self.running = rest;
        if !step.is_empty() {
            self.gauges.steps.record(step.iter().map(|seq| seq.chunk).sum());
        }
        step
    }

    /// Takes the step's sequences back, reports their tokens, ends those that are done. Gives their last events, to be sent
    /// when the gauges no longer count them.
    pub(crate) fn settle(&mut self, step: Vec<Sequence>, now: Instant) -> Vec<(UnboundedSender<Event>, Event)> {
        let mut ended = Vec::new();
        for mut seq in step {
            if let Some(finish) = seq.settle(now) {
                let timing =
                    Timing { arrived: seq.arrived, scheduled: seq.scheduled, first_token: seq.first_token.unwrap_or(now), last_token: now };
                self.pool.release(std::mem::take(&mut seq.cache), seq.promised);
                ended.push((seq.events, Event::Done { finish, timing }));
            } else {
                self.running.push(seq);
            }
        }
        // Steps may come back in another order.
        self.running.sort_by_key(|seq| seq.scheduled);
        self.count();
        ended
    }

    /// State as of the last step's beginning or end.
    pub(crate) fn gauges(&self) -> Gauges {
        self.gauges
    }

    fn count(&mut self) {
        let used: usize = self.running.iter().map(|seq| seq.cache.blocks.len()).sum();
        self.gauges.running = self.running.len();
        self.gauges.waiting = self.waiting.len();
        self.gauges.cache_usage = used as f64 / self.pool.blocks().max(1) as f64;
    }

    fn drop_cancelled(&mut self) {
        self.waiting.retain(|waiting| !waiting.events.is_closed());
        let pool = &mut self.pool;
        self.running.retain_mut(|seq| {
            let stays = !seq.events.is_closed();
            if !stays {
                pool.release(std::mem::take(&mut seq.cache), seq.promised);
            }
            stays
        });
    }

    /// First come, first served, while there is a slot and cache for all a sequence may want.
    fn admit(&mut self) {
        while self.running.len() < self.max_num_seqs
            && let Some(next) = self.waiting.front()
        {
            // The last token's keys and values are never needed.
            let positions = next.request.prompt.len() + next.request.max_tokens - 1;
            if !self.pool.promise(positions) {
                return;
            }
            let Some(Waiting { request, adapter, events }) = self.waiting.pop_front() else { return };
            let scheduled = Instant::now();
            let _ = events.send(Event::Started(scheduled));
            let mut stops = request.stop_token_ids;
            let mut banned = stops.clone();
            banned.extend(&self.eos);
            if !request.ignore_eos {
                stops.extend(&self.eos);
            }
            self.running.push(Sequence {
                prompt: request.prompt.len(),
                tokens: request.prompt,
                computed: 0,
                chunk: 0,
                cache: Cache::default(),
                promised: positions,
                adapter,
                sampler: Sampler::new(request.sampling),
                limits: Limits { max_tokens: request.max_tokens, min_tokens: request.min_tokens, stops, banned },
                events,
                arrived: request.arrived,
                scheduled,
                first_token: None,
                chosen: None,
            });
        }
    }
}
