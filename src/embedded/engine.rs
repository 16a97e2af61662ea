//! The engine: a thread that runs steps while there are sequences and sleeps when there are none.

#[cfg(test)]
mod tests;

use super::{
    adapter::Adapter,
    api::{Gauges, Handle, Refused, Request},
    cache::BLOCK,
    isa::Isa,
    model::{Model, Span, Workspace},
    schedule::{Scheduler, Sequence, Waiting},
};
use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Instant,
};
use tokio::sync::mpsc::unbounded_channel;

/// How an engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Sequences computed together at most.
    pub max_num_seqs: usize,
    /// Context length, tokens: prompt and new ones.
    pub max_model_len: usize,
    /// Threads that compute, 1 or 2 for tiny models.
    pub threads: usize,
    /// Tokens a step computes at most on each thread, prompt and new ones together.
    pub token_budget: usize,
    /// Memory for keys and values, bytes; one sequence of full length always fits.
    pub cache_bytes: usize,
}

impl Options {
    /// Tokens per step when nothing else is said: a step of a tiny model then takes some 20 ms at most.
    pub const TOKEN_BUDGET: usize = 256;
    /// Memory for keys and values when nothing else is said.
    pub const CACHE_BYTES: usize = 1 << 30;

    /// Of this context length, on one thread.
    pub fn new(max_num_seqs: usize, max_model_len: usize) -> Self {
        Self { max_num_seqs, max_model_len, threads: 1, token_budget: Self::TOKEN_BUDGET, cache_bytes: Self::CACHE_BYTES }
    }
}

/// Rows below which another thread costs more than it brings.
const LEAST_ROWS_PER_THREAD: usize = 4;

/// A running engine. Dropping it ends the thread after its current step; handles still open are closed.
#[derive(Debug)]
pub struct Engine {
    // Before `thread`, so that dropping ends it; `None` only while dropping.
    requests: Option<mpsc::Sender<Waiting>>,
    thread: Option<JoinHandle<()>>,
    gauges: Arc<Mutex<Gauges>>,
    adapters: Vec<Arc<Adapter>>,
    vocab_size: usize,
    max_model_len: usize,
}

impl Engine {
    /// Starts the engine's threads.
    ///
    /// # Errors
    /// What the system says when a thread can't be made.
    pub fn start(model: Arc<Model>, adapters: Vec<Arc<Adapter>>, options: Options) -> std::io::Result<Self> {
        // Nothing runs with none of these.
        let options = Options {
            max_num_seqs: options.max_num_seqs.max(1),
            threads: options.threads.max(1),
            token_budget: options.token_budget.max(1),
            ..options
        };
        let vocab_size = model.config().vocab_size;
        let max_model_len = options.max_model_len;
        let block_bytes = model.block_shape().len() * size_of::<f32>();
        let per_sequence = max_model_len.div_ceil(BLOCK);
        let blocks = (options.cache_bytes / block_bytes.max(1)).clamp(per_sequence, per_sequence * options.max_num_seqs);
        let scheduler = Scheduler::new(&model, blocks, &options);
        let gauges = Arc::new(Mutex::new(scheduler.gauges()));
        let mut helpers = Vec::new();
        for _ in 1..options.threads {
            helpers.push(Helper::start(model.clone(), max_model_len)?);
        }
        let (requests, inbox) = mpsc::channel();
        let shown = gauges.clone();
        let workspace = Workspace::new(model.config(), max_model_len, Isa::best());
        let mut run = Run { model, workspace, helpers, scheduler, gauges: shown };
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || run.until_closed(&inbox))?;
        Ok(Self { requests: Some(requests), thread: Some(thread), gauges, adapters, vocab_size, max_model_len })
    }

    /// Queues a sequence.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn submit(&self, request: Request) -> Result<Handle, Refused> {
        if request.prompt.is_empty() {
            return Err(Refused::BadPrompt("has no tokens"));
        }
        if request.prompt.iter().any(|id| *id as usize >= self.vocab_size) {
            return Err(Refused::BadPrompt("has a token id outside the vocabulary"));
        }
        let wanted = request.prompt.len().saturating_add(request.max_tokens.max(1));
        if wanted > self.max_model_len {
            return Err(Refused::TooLong { max_model_len: self.max_model_len, wanted });
        }
        let adapter = match &request.adapter {
            None => None,
            Some(name) => Some(
                self.adapters.iter().find(|adapter| adapter.name == *name).ok_or_else(|| Refused::NoAdapter(name.to_string()))?.clone(),
            ),
        };
        let request = Request { max_tokens: request.max_tokens.max(1), ..request };
        let (events, receiver) = unbounded_channel();
        let requests = self.requests.as_ref().ok_or(Refused::Stopped)?;
        requests.send(Waiting { request, adapter, events }).map_err(|_| Refused::Stopped)?;
        Ok(Handle { events: receiver })
    }

    /// State as of the last step.
    pub fn gauges(&self) -> Gauges {
        *self.gauges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loaded adapters.
    pub fn adapters(&self) -> &[Arc<Adapter>] {
        &self.adapters
    }

    /// Context length, tokens.
    pub fn max_model_len(&self) -> usize {
        self.max_model_len
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the engine's thread owns.
struct Run {
    model: Arc<Model>,
    workspace: Workspace,
    helpers: Vec<Helper>,
    scheduler: Scheduler,
    gauges: Arc<Mutex<Gauges>>,
}

impl Run {
    fn until_closed(&mut self, inbox: &mpsc::Receiver<Waiting>) {
        loop {
            if self.scheduler.is_idle() {
                match inbox.recv() {
                    Ok(waiting) => self.scheduler.push(waiting),
                    Err(mpsc::RecvError) => return,
                }
            }
            loop {
                match inbox.try_recv() {
                    Ok(waiting) => self.scheduler.push(waiting),
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
            }
            let step = self.scheduler.step();
            self.show();
            let Some(step) = self.compute(step) else { return };
            let ended = self.scheduler.settle(step, Instant::now());
            self.show();
            for (to, last) in ended {
                let _ = to.send(last);
            }
        }
    }

    fn show(&self) {
        *self.gauges.lock().unwrap_or_else(PoisonError::into_inner) = self.scheduler.gauges();
    }

    /// Computes a step, spread over the threads if it is large enough. `None` when one of them has ended.
    fn compute(&mut self, mut step: Vec<Sequence>) -> Option<Vec<Sequence>> {
        let rows: usize = step.iter().map(Sequence::chunk).sum();
        let threads = (1 + self.helpers.len()).min(rows / LEAST_ROWS_PER_THREAD).min(step.len());
        if threads < 2 {
            forward(&self.model, &mut step, &mut self.workspace);
            return Some(step);
        }
        let mut shares = share(step, threads);
        let mut own = shares.pop().unwrap_or_default();
        let busy: Vec<&Helper> = self.helpers.iter().zip(shares).map(|(helper, share)| helper.give(share)).collect();
        forward(&self.model, &mut own, &mut self.workspace);
        for helper in busy {
            own.extend(helper.take()?);
        }
        Some(own)
    }
}

/// Shares sequences out so that the threads have about as many rows each: the longest first, always to the one with least.
fn share(mut step: Vec<Sequence>, threads: usize) -> Vec<Vec<Sequence>> {
    step.sort_by_key(|seq| std::cmp::Reverse(seq.chunk()));
    let mut shares: Vec<(usize, Vec<Sequence>)> = (0..threads).map(|_| (0, Vec::new())).collect();
    for seq in step {
        if let Some((rows, share)) = shares.iter_mut().min_by_key(|(rows, _)| *rows) {
            *rows += seq.chunk();
            share.push(seq);
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

/// Computes sequences' chunks and chooses their next tokens.
fn forward(model: &Model, step: &mut [Sequence], workspace: &mut Workspace) {
    step.sort_by_key(Sequence::adapter_key);
    let mut spans: Vec<Span<'_>> = step.iter_mut().map(Sequence::span).collect();
    let logits = model.forward(&mut spans, workspace);
    let wanting = step.iter_mut().filter(|seq| seq.wants_logits());
    for (seq, logits) in wanting.zip(logits.chunks_exact(model.config().vocab_size)) {
        seq.choose(logits);
    }
}

/// Another thread that computes a share of a step.
struct Helper {
    work: Option<mpsc::Sender<Vec<Sequence>>>,
    done: mpsc::Receiver<Vec<Sequence>>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    fn start(model: Arc<Model>, max_model_len: usize) -> std::io::Result<Self> {
        let (work, inbox) = mpsc::channel::<Vec<Sequence>>();
        let (outbox, done) = mpsc::channel();
        let run = move || {
            let mut workspace = Workspace::new(model.config(), max_model_len, Isa::best());
            while let Ok(mut share) = inbox.recv() {
                forward(&model, &mut share, &mut workspace);
                if outbox.send(share).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("engine-2".to_owned()).spawn(run)?;
        Ok(Self { work: Some(work), done, thread: Some(thread) })
    }

    /// Hands over a share; [`Helper::take`] gives it back.
    fn give(&self, share: Vec<Sequence>) -> &Self {
        if let Some(work) = &self.work {
            // A thread that is gone is noticed when the share is taken back.
            let _ = work.send(share);
        }
        self
    }

    fn take(&self) -> Option<Vec<Sequence>> {
        self.done.recv().ok()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
