//! Causal attention of one sequence's new rows over its cached keys and values.
//!
//! Each query goes through the positions in order by itself: its result does not depend on how a prompt was cut into
//! chunks, nor on other sequences.

#![expect(clippy::inline_always, reason = "a body takes on the instruction set of the function that it is inlined into")]

use super::{
    cache::{BLOCK, Block, BlockShape},
    elementwise::exponentials,
    isa::{Lanes, for_each_isa},
};

/// One layer's attention of one sequence.
pub(crate) struct Attention<'a> {
    pub(crate) shape: BlockShape,
    pub(crate) layer: usize,
    /// Query heads; a multiple of the key and value heads.
    pub(crate) heads: usize,
    /// Position of the first row.
    pub(crate) start: usize,
    /// The sequence's blocks, with keys and values of all rows.
    pub(crate) blocks: &'a [Block],
    /// Rows whose first `heads · head dim` elements are the turned queries.
    pub(crate) queries: &'a [f32],
    /// Elements from one row of queries to the next.
    pub(crate) stride: usize,
}

for_each_isa! {
    /// Attention of rows `[heads · head dim]` into `out`; `scores` is room to work in.
    pub(crate) fn attend(attention: &Attention<'_>, out: &mut [f32], scores: &mut Vec<f32>) = attend_body
}

#[inline(always)]
fn attend_body<L: Lanes>(a: &Attention<'_>, out: &mut [f32], scores: &mut Vec<f32>) {
    let (dim, group) = (a.shape.head_dim, a.heads / a.shape.kv_heads);
    let width = a.heads * dim;
    for (row, out) in out.chunks_exact_mut(width).enumerate() {
        let query = &a.queries[row * a.stride..][..width];
        let positions = a.start + row + 1;
        for kv_head in 0..a.shape.kv_heads {
            let mut head = kv_head * group;
            let end = head + group;
            while head < end {
                let here = if end - head >= 2 { 2 } else { 1 };
                let (q, to) = (&query[head * dim..][..here * dim], &mut out[head * dim..][..here * dim]);
                if here == 2 {
                    heads::<L, 2>(a, kv_head, positions, q, to, scores);
                } else {
                    heads::<L, 1>(a, kv_head, positions, q, to, scores);
                }
                head += here;
            }
        }
    }
}

/// `H` query heads that share a key and value head.
#[inline(always)]
fn heads<L: Lanes, const H: usize>(a: &Attention<'_>, kv_head: usize, positions: usize, q: &[f32], out: &mut [f32], scores: &mut Vec<f32>) {
    let dim = a.shape.head_dim;
    let blocks = &a.blocks[..positions.div_ceil(BLOCK)];
    let padded = blocks.len() * BLOCK;
    let (keys, values) = a.shape.offsets(a.layer, kv_head);
    scores.clear();
    scores.resize(H * padded, 0.0);

    let scale = (dim as f32).sqrt().recip();
    let qs: [&[f32]; H] = std::array::from_fn(|h| &q[h * dim..][..dim]);
    for (index, block) in blocks.iter().enumerate() {
        let keys = &block[keys..][..dim * BLOCK];
        let mut from = 0;
        while from < BLOCK {
            let mut sums = [L::splat(0.0); H];
            for d in 0..dim {
                let key = L::load(&keys[d * BLOCK + from..]);
                for h in 0..H {
                    sums[h] = L::mul_add(L::splat(qs[h][d]), key, sums[h]);
                }
            }
            for h in 0..H {
                L::store(sums[h], &mut scores[h * padded + index * BLOCK + from..]);
            }
            from += L::LANES;
        }
    }

    let mut shares = [0.0_f32; H];
    for (h, share) in shares.iter_mut().enumerate() {
        let scores = &mut scores[h * padded..][..padded];
        for score in scores.iter_mut() {
            *score *= scale;
        }
        let top = scores[..positions].iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // Positions after the query are in its last block: as far below the top as counts for nothing.
        scores[positions..].fill(f32::NEG_INFINITY);
        let mut sums = [0.0; 16];
        exponentials(scores, top, &mut sums);
        *share = sums.iter().sum::<f32>().recip();
    }

    let stride = a.shape.value_stride();
    let mut from = 0;
    while from < dim {
        let mut sums = [[L::splat(0.0); 2]; H];
        for (index, block) in blocks.iter().enumerate() {
            let values = &block[values..][..BLOCK * stride];
            for slot in 0..BLOCK.min(positions - index * BLOCK) {
                let row = &values[slot * stride + from..];
                let value = [L::load(row), L::load(&row[L::LANES..])];
                for h in 0..H {
                    let score = L::splat(scores[h * padded + index * BLOCK + slot]);
                    sums[h] = [L::mul_add(score, value[0], sums[h][0]), L::mul_add(score, value[1], sums[h][1])];
                }
            }
        }
        for h in 0..H {
            let mut row = [0.0; 32];
            L::store(sums[h][0], &mut row);
            L::store(sums[h][1], &mut row[L::LANES..]);
            let width = (2 * L::LANES).min(dim - from);
            for (out, sum) in out[h * dim + from..][..width].iter_mut().zip(row) {
                *out = sum * shares[h];
            }
        }
        from += 2 * L::LANES;
    }
}
