//! Qwen2 and Llama in float32 over packed tokens of many sequences.

use super::{
    adapter::Adapter,
    attention::{Attention, attend},
    cache::{BlockShape, Cache},
    config::ModelConfig,
    elementwise::{gated_silu, rms_norm, rotate},
    isa::Isa,
    product::{Packed, Strided, StridedMut},
};

/// A model's weights, ready to compute with. Shared read-only by the engine's threads.
#[derive(Debug)]
pub struct Model {
    pub(crate) config: ModelConfig,
    pub(crate) embedding: Packed,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Vec<f32>,
    /// `None`: tied, the embedding is the output layer.
    pub(crate) head: Option<Packed>,
}

/// One transformer layer; query, key and value are one product, gate and up another.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) attention_norm: Vec<f32>,
    pub(crate) qkv: Linear,
    pub(crate) output: Linear,
    pub(crate) mlp_norm: Vec<f32>,
    pub(crate) gate_up: Linear,
    pub(crate) down: Linear,
}

/// `W x + b`.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) weight: Packed,
    pub(crate) bias: Option<Vec<f32>>,
}

impl Linear {
    /// Adds the layer's result for packed rows to `out`.
    fn add_to(&self, isa: Isa, rows: usize, x: &[f32], out: &mut [f32]) {
        let (inputs, outputs) = (self.weight.inputs(), self.weight.outputs());
        if let Some(bias) = &self.bias {
            for out in out.chunks_exact_mut(outputs).take(rows) {
                out.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
            }
        }
        self.weight.add_to(isa, rows, Strided { data: x, stride: inputs }, StridedMut { data: out, stride: outputs });
    }
}

/// What a step computes of one sequence.
#[derive(Debug)]
pub(crate) struct Span<'a> {
    /// Its next tokens.
    pub(crate) tokens: &'a [u32],
    /// Position of the first of them.
    pub(crate) start: usize,
    /// Keys and values of the tokens before; has room for these.
    pub(crate) cache: &'a mut Cache,
    /// Added to the weights for it.
    pub(crate) adapter: Option<&'a Adapter>,
    /// Whether the last token's logits are wanted.
    pub(crate) logits: bool,
}

/// Room to compute in, kept between steps; and cosines and sines by position.
#[derive(Debug)]
pub(crate) struct Workspace {
    isa: Isa,
    cos: Vec<f32>,
    sin: Vec<f32>,
    x: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    attended: Vec<f32>,
    gate_up: Vec<f32>,
    gated: Vec<f32>,
    low_rank: Vec<f32>,
    scores: Vec<f32>,
    logits: Vec<f32>,
}

impl Workspace {
    /// For positions below `max_model_len`.
    pub(crate) fn new(config: &ModelConfig, max_model_len: usize, isa: Isa) -> Self {
        let frequencies = config.rope_frequencies();
        let angles = || (0..max_model_len).flat_map(|position| frequencies.iter().map(move |frequency| position as f32 * frequency));
        let (cos, sin) = (angles().map(f32::cos).collect(), angles().map(f32::sin).collect());
        let [x, normed, qkv, attended, gate_up, gated, low_rank, scores, logits] = [const { Vec::new() }; 9];
        Self { isa, cos, sin, x, normed, qkv, attended, gate_up, gated, low_rank, scores, logits }
    }
}

fn cleared(room: &mut Vec<f32>, len: usize) -> &mut [f32] {
    room.clear();
    room.resize(len, 0.0);
    room
}

impl Model {
    /// Its shape.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Shape of its cache blocks.
    pub(crate) fn block_shape(&self) -> BlockShape {
        BlockShape { layers: self.config.layers, kv_heads: self.config.kv_heads, head_dim: self.config.head_dim }
    }

    /// Computes all spans' tokens in one pass and extends their caches. Gives the wanted logits, `[vocab_size]` each, in the
    /// order of the spans. Spans of one adapter are best given next to each other: their rows are one product.
    pub(crate) fn forward<'w>(&self, spans: &mut [Span<'_>], w: &'w mut Workspace) -> &'w [f32] {
        let config = &self.config;
        let (isa, hidden) = (w.isa, config.hidden_size);
        let rows: usize = spans.iter().map(|span| span.tokens.len()).sum();
        let groups = groups(spans);

        let x = cleared(&mut w.x, rows * hidden);
        for (x, token) in x.chunks_exact_mut(hidden).zip(spans.iter().flat_map(|span| span.tokens)) {
            self.embedding.row(*token as usize, x);
        }
        let query_width = config.heads * config.head_dim;
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = cleared(&mut w.normed, rows * hidden);
            rms_norm(isa, x, &layer.attention_norm, config.rms_norm_eps, normed);
            let qkv = cleared(&mut w.qkv, rows * layer.qkv.weight.outputs());
            layer.qkv.add_to(isa, rows, normed, qkv);
            adapt(isa, &groups, |adapter| adapter.layers[index].qkv.as_ref(), normed, qkv, &mut w.low_rank);

            let attended = cleared(&mut w.attended, rows * query_width);
            self.attention(index, spans, qkv, attended, (&w.cos, &w.sin), isa, &mut w.scores);
            layer.output.add_to(isa, rows, attended, x);
            adapt(isa, &groups, |adapter| adapter.layers[index].output.as_ref(), attended, x, &mut w.low_rank);

            rms_norm(isa, x, &layer.mlp_norm, config.rms_norm_eps, normed);
            let gate_up = cleared(&mut w.gate_up, rows * layer.gate_up.weight.outputs());
            layer.gate_up.add_to(isa, rows, normed, gate_up);
            adapt(isa, &groups, |adapter| adapter.layers[index].gate_up.as_ref(), normed, gate_up, &mut w.low_rank);
            let gated = cleared(&mut w.gated, rows * config.intermediate_size);
            gated_silu(isa, gate_up, config.intermediate_size, gated);
            layer.down.add_to(isa, rows, gated, x);
            adapt(isa, &groups, |adapter| adapter.layers[index].down.as_ref(), gated, x, &mut w.low_rank);
        }

        // Only the rows that are asked for go on to the vocabulary.
        let mut wanted = 0;
        let mut end = 0;
        for span in spans.iter() {
            end += span.tokens.len();
            if span.logits {
                x.copy_within((end - 1) * hidden..end * hidden, wanted * hidden);
                wanted += 1;
            }
        }
        let normed = cleared(&mut w.normed, wanted * hidden);
        rms_norm(isa, &x[..wanted * hidden], &self.norm, config.rms_norm_eps, normed);
        let logits = cleared(&mut w.logits, wanted * config.vocab_size);
        let head = self.head.as_ref().unwrap_or(&self.embedding);
        head.add_to(isa, wanted, Strided { data: normed, stride: hidden }, StridedMut { data: logits, stride: config.vocab_size });
        &w.logits
    }

    /// Turns queries and keys by position, stores keys and values, attends.
    #[expect(clippy::too_many_arguments, reason = "the buffers belong to one workspace and are borrowed apart")]
    fn attention(
        &self,
        layer: usize,
        spans: &mut [Span<'_>],
        qkv: &mut [f32],
        attended: &mut [f32],
        (cos, sin): (&[f32], &[f32]),
        isa: Isa,
        scores: &mut Vec<f32>,
    ) {
        let (shape, config) = (self.block_shape(), &self.config);
        let (dim, pairs) = (config.head_dim, config.head_dim / 2);
        let (query_width, kv_width) = (config.heads * dim, config.kv_heads * dim);
        let stride = query_width + 2 * kv_width;
        let mut first = 0;
        for span in spans {
            let rows = span.tokens.len();
            let qkv = &mut qkv[first * stride..][..rows * stride];
            for (row, position) in qkv.chunks_exact_mut(stride).zip(span.start..) {
                let (cos, sin) = (&cos[position * pairs..][..pairs], &sin[position * pairs..][..pairs]);
                let (turned, values) = row.split_at_mut(query_width + kv_width);
                turned.chunks_exact_mut(dim).for_each(|head| rotate(head, cos, sin));
                let keys = &turned[query_width..];
                for (kv_head, (key, value)) in keys.chunks_exact(dim).zip(values.chunks_exact(dim)).enumerate() {
                    span.cache.put(shape, layer, kv_head, position, key, value);
                }
            }
            let attention =
                Attention { shape, layer, heads: config.heads, start: span.start, blocks: &span.cache.blocks, queries: qkv, stride };
            attend(isa, &attention, &mut attended[first * query_width..][..rows * query_width], scores);
            first += rows;
        }
    }
}

/// Runs of rows with the same adapter: it, first row, number of rows.
fn groups<'a>(spans: &[Span<'a>]) -> Vec<(&'a Adapter, usize, usize)> {
    let mut groups: Vec<(&Adapter, usize, usize)> = Vec::new();
    let mut first = 0;
    for span in spans {
        let rows = span.tokens.len();
        if let Some(adapter) = span.adapter {
            match groups.last_mut() {
                Some((last, start, count)) if std::ptr::eq(*last, adapter) && *start + *count == first => *count += rows,
                _ => groups.push((adapter, first, rows)),
            }
        }
        first += rows;
    }
    groups
}

/// Adds what each group's adapter adds to one product.
fn adapt<'a>(
    isa: Isa,
    groups: &[(&'a Adapter, usize, usize)],
    of: impl Fn(&'a Adapter) -> Option<&'a super::adapter::LowRank>,
    x: &[f32],
    out: &mut [f32],
    room: &mut Vec<f32>,
) {
    for (adapter, first, rows) in groups {
        if let Some(low_rank) = of(adapter) {
            low_rank.add_to(isa, *first, *rows, x, out, room);
        }
    }
}
