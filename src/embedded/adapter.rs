//! `LoRA` adapters (Hu et al. 2021, arXiv:2106.09685) as PEFT writes them: `y += B (A x) · scale`.

use super::{
    isa::Isa,
    product::{Packed, Strided, StridedMut},
};
use std::sync::Arc;

/// A loaded adapter.
#[derive(Debug)]
pub struct Adapter {
    pub(crate) name: Arc<str>,
    pub(crate) root: String,
    pub(crate) rank: usize,
    pub(crate) layers: Vec<AdapterLayer>,
}

impl Adapter {
    /// The name requests call it by.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Folder it was read from, or a name for a bundled one.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Its rank.
    pub fn rank(&self) -> usize {
        self.rank
    }
}

/// What it adds to one layer's four products.
#[derive(Debug, Default)]
pub(crate) struct AdapterLayer {
    pub(crate) qkv: Option<LowRank>,
    pub(crate) output: Option<LowRank>,
    pub(crate) gate_up: Option<LowRank>,
    pub(crate) down: Option<LowRank>,
}

/// What it adds to one fused product: all parts' A one below the other, then each part's B on its own columns.
#[derive(Debug)]
pub(crate) struct LowRank {
    /// `[sum of ranks][inputs]`.
    pub(crate) a: Packed,
    pub(crate) parts: Vec<Part>,
    /// Outputs of the fused product.
    pub(crate) outputs: usize,
}

/// One module's share of a fused product.
#[derive(Debug)]
pub(crate) struct Part {
    /// First of its ranks in A's outputs.
    pub(crate) rank_from: usize,
    /// First of its outputs in the fused product's.
    pub(crate) output_from: usize,
    /// `[outputs][rank]`, scale multiplied in.
    pub(crate) b: Packed,
}

impl LowRank {
    /// Adds to rows `first..first + rows`.
    pub(crate) fn add_to(&self, isa: Isa, first: usize, rows: usize, x: &[f32], out: &mut [f32], room: &mut Vec<f32>) {
        let (inputs, ranks) = (self.a.inputs(), self.a.outputs());
        room.clear();
        room.resize(rows * ranks, 0.0);
        self.a.add_to(isa, rows, Strided { data: &x[first * inputs..], stride: inputs }, StridedMut { data: room, stride: ranks });
        for part in &self.parts {
            let low = Strided { data: &room[part.rank_from..], stride: ranks };
            let out = StridedMut { data: &mut out[first * self.outputs + part.output_from..], stride: self.outputs };
            part.b.add_to(isa, rows, low, out);
        }
    }
}
