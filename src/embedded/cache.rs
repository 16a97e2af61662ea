//! Keys and values of a sequence, in blocks of 16 token positions taken from one pool.

/// Token positions per block: one AVX-512 register of scores.
pub(crate) const BLOCK: usize = 16;

/// Shape of a block: `[layers][kv heads]( keys [head dim][16] | values [16][head dim padded to 32] )`.
///
/// Keys stand position by position, so that a query's scores against a block's sixteen positions are sums in lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockShape {
    /// Transformer layers.
    pub(crate) layers: usize,
    /// Key and value heads.
    pub(crate) kv_heads: usize,
    /// Elements of a head.
    pub(crate) head_dim: usize,
}

impl BlockShape {
    /// Elements of a head's values at one position, padded.
    pub(crate) fn value_stride(self) -> usize {
        self.head_dim.next_multiple_of(32)
    }

    /// Elements of a head's keys and values.
    fn head_len(self) -> usize {
        BLOCK * (self.head_dim + self.value_stride())
    }

    /// Elements of a block.
    pub(crate) fn len(self) -> usize {
        self.layers * self.kv_heads * self.head_len()
    }

    /// Where a head's keys and then its values begin in a block.
    pub(crate) fn offsets(self, layer: usize, kv_head: usize) -> (usize, usize) {
        let keys = (layer * self.kv_heads + kv_head) * self.head_len();
        (keys, keys + BLOCK * self.head_dim)
    }
}

/// Sixteen positions of one sequence.
pub(crate) type Block = Box<[f32]>;

/// A sequence's blocks, in order of position.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) blocks: Vec<Block>,
}

impl Cache {
    /// Writes one head's key and value at a position, whose block must be there.
    pub(crate) fn put(&mut self, shape: BlockShape, layer: usize, kv_head: usize, position: usize, key: &[f32], value: &[f32]) {
        let (keys, values) = shape.offsets(layer, kv_head);
        let (block, slot) = (&mut self.blocks[position / BLOCK], position % BLOCK);
        for (row, key) in block[keys..values].chunks_exact_mut(BLOCK).zip(key) {
            row[slot] = *key;
        }
        block[values + slot * shape.value_stride()..][..value.len()].copy_from_slice(value);
    }
}

/// All blocks there may be. Blocks are promised at admission, so that an admitted sequence always finishes, and made when
/// first needed.
#[derive(Debug)]
pub(crate) struct Pool {
    shape: BlockShape,
    blocks: usize,
    promised: usize,
    free: Vec<Block>,
}

impl Pool {
    /// A pool of so many blocks.
    pub(crate) fn new(shape: BlockShape, blocks: usize) -> Self {
        Self { shape, blocks, promised: 0, free: Vec::new() }
    }

    /// Blocks in all.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Promises blocks for so many positions; `false` if there are not enough.
    #[must_use]
    pub(crate) fn promise(&mut self, positions: usize) -> bool {
        let wanted = positions.div_ceil(BLOCK);
        let enough = self.promised + wanted <= self.blocks;
        if enough {
            self.promised += wanted;
        }
        enough
    }

    /// Lets a cache reach so many positions; within what was promised to it.
    pub(crate) fn extend(&mut self, cache: &mut Cache, positions: usize) {
        while cache.blocks.len() * BLOCK < positions {
            cache.blocks.push(self.free.pop().unwrap_or_else(|| vec![0.0; self.shape.len()].into_boxed_slice()));
        }
    }

    /// Takes back a cache and the promise of so many positions.
    pub(crate) fn release(&mut self, cache: Cache, positions: usize) {
        self.promised -= positions.div_ceil(BLOCK);
        self.free.extend(cache.blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_promised_no_further_than_there_are_and_come_back() {
        let mut pool = Pool::new(BlockShape { layers: 1, kv_heads: 1, head_dim: 8 }, 3);
        assert!(pool.promise(17), "two blocks");
        assert!(!pool.promise(17), "one is left");
        let mut cache = Cache::default();
        pool.extend(&mut cache, 17);
        assert_eq!(cache.blocks.len(), 2);
        pool.release(cache, 17);
        assert!(pool.promise(48));
    }
}
