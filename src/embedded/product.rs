//! Products of activations with packed weights: `out += x · Wᵀ`.
//!
//! Every element is one sum over the inputs in order, whatever the number of rows, so that a sequence's tokens do not
//! depend on what else is in its batch. (A general matrix library picks another order for one row than for many.)
//! bf16 weights stay bf16 in memory and are widened exactly: at one row the product is bound by reading them.

use super::isa::{Isa, Lanes, for_each_isa};
use half::bf16;

/// Outputs per panel; a panel holds its outputs' weights input by input.
pub(crate) const PANEL: usize = 32;

/// A linear layer's weights, `[outputs / 32][inputs][32]`, the last panel filled with zeros.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    inputs: usize,
    outputs: usize,
    weights: Weights,
}

#[derive(Debug, Clone)]
enum Weights {
    F32(Vec<[f32; PANEL]>),
    Bf16(Vec<[bf16; PANEL]>),
}

/// A matrix as it is stored: row-major `[outputs][inputs]`.
#[derive(Debug, Clone)]
pub(crate) enum Stored {
    /// 32 bits.
    F32(Vec<f32>),
    /// The upper half of 32 bits.
    Bf16(Vec<bf16>),
}

impl Stored {
    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    /// All elements widened.
    pub(crate) fn to_f32(&self) -> Vec<f32> {
        match self {
            Self::F32(values) => values.clone(),
            Self::Bf16(values) => values.iter().map(|v| v.to_f32()).collect(),
        }
    }
}

impl Packed {
    /// Packs matrices `[outputs][inputs]` one below the other: a fused layer. One f32 part makes all f32.
    /// Each part's length must be a multiple of `inputs`.
    pub(crate) fn new(inputs: usize, parts: &[&Stored]) -> Self {
        let outputs = parts.iter().map(|part| part.len() / inputs).sum();
        let halves: Option<Vec<&[bf16]>> =
            parts.iter().map(|part| if let Stored::Bf16(v) = part { Some(v.as_slice()) } else { None }).collect();
        let weights = if let Some(parts) = halves {
            Weights::Bf16(panels(inputs, outputs, &parts))
        } else {
            let wide: Vec<Vec<f32>> = parts.iter().map(|part| part.to_f32()).collect();
            Weights::F32(panels(inputs, outputs, &wide.iter().map(Vec::as_slice).collect::<Vec<_>>()))
        };
        Self { inputs, outputs, weights }
    }

    /// Length of a row going in.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Length of a row coming out.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// The weights of one output, as an embedding is looked up.
    pub(crate) fn row(&self, output: usize, into: &mut [f32]) {
        let (panel, column) = (output / PANEL * self.inputs, output % PANEL);
        match &self.weights {
            Weights::F32(w) => into.iter_mut().zip(&w[panel..]).for_each(|(to, w)| *to = w[column]),
            Weights::Bf16(w) => into.iter_mut().zip(&w[panel..]).for_each(|(to, w)| *to = w[column].to_f32()),
        }
    }

    /// `out += x · Wᵀ` for `rows` rows.
    pub(crate) fn add_to(&self, isa: Isa, rows: usize, x: Strided<'_>, out: StridedMut<'_>) {
        match &self.weights {
            Weights::F32(w) => product_f32(isa, self.inputs, self.outputs, w, Rows { count: rows, x, out }),
            Weights::Bf16(w) => product_bf16(isa, self.inputs, self.outputs, w, Rows { count: rows, x, out }),
        }
    }
}

/// Rows to read: row `r` begins at `r * stride`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strided<'a> {
    /// From the first row's first element.
    pub(crate) data: &'a [f32],
    /// Elements from one row's beginning to the next one's.
    pub(crate) stride: usize,
}

/// Rows to write, as [`Strided`].
#[derive(Debug)]
pub(crate) struct StridedMut<'a> {
    /// From the first row's first element.
    pub(crate) data: &'a mut [f32],
    /// Elements from one row's beginning to the next one's.
    pub(crate) stride: usize,
}

fn panels<W: Copy + Default>(inputs: usize, outputs: usize, parts: &[&[W]]) -> Vec<[W; PANEL]> {
    let mut packed = vec![[W::default(); PANEL]; outputs.div_ceil(PANEL) * inputs];
    for (output, row) in parts.iter().flat_map(|part| part.chunks_exact(inputs)).enumerate() {
        for (panel, weight) in packed[output / PANEL * inputs..].iter_mut().zip(row) {
            panel[output % PANEL] = *weight;
        }
    }
    packed
}

/// A stored weight.
trait Weight: Copy {
    fn load<L: Lanes>(from: &[Self]) -> L::Vector;
}

impl Weight for f32 {
    #[inline(always)]
    fn load<L: Lanes>(from: &[Self]) -> L::Vector {
        L::load(from)
    }
}

impl Weight for bf16 {
    #[inline(always)]
    fn load<L: Lanes>(from: &[Self]) -> L::Vector {
        L::load_bf16(from)
    }
}

/// Rows in and out of a product.
struct Rows<'a> {
    count: usize,
    x: Strided<'a>,
    out: StridedMut<'a>,
}

for_each_isa! {
    fn product_f32(inputs: usize, outputs: usize, weights: &[[f32; PANEL]], rows: Rows<'_>) = product_of_f32
}
for_each_isa! {
    fn product_bf16(inputs: usize, outputs: usize, weights: &[[bf16; PANEL]], rows: Rows<'_>) = product_of_bf16
}

#[inline(always)]
fn product_of_f32<L: Lanes>(inputs: usize, outputs: usize, weights: &[[f32; PANEL]], rows: Rows<'_>) {
    product::<L, f32>(inputs, outputs, weights, rows);
}

#[inline(always)]
fn product_of_bf16<L: Lanes>(inputs: usize, outputs: usize, weights: &[[bf16; PANEL]], rows: Rows<'_>) {
    product::<L, bf16>(inputs, outputs, weights, rows);
}

#[inline(always)]
fn product<L: Lanes, W: Weight>(inputs: usize, outputs: usize, weights: &[[W; PANEL]], mut rows: Rows<'_>) {
    for (index, panel) in weights.chunks_exact(inputs).enumerate() {
        panel_product::<L, W>(panel, &mut rows, index * PANEL, PANEL.min(outputs - index * PANEL));
    }
}

#[inline(always)]
fn panel_product<L: Lanes, W: Weight>(panel: &[[W; PANEL]], rows: &mut Rows<'_>, first: usize, columns: usize) {
    let mut row = 0;
    while row < rows.count {
        let here = (rows.count - row).min(L::ROWS);
        let x = Strided { data: &rows.x.data[row * rows.x.stride..], stride: rows.x.stride };
        let out = StridedMut { data: &mut rows.out.data[row * rows.out.stride + first..], stride: rows.out.stride };
        match here {
            // One row needs more registers across to keep the multipliers busy.
            1 if L::LANES == 8 => tile::<L, W, 1, 4>(panel, x, out, columns),
            1 => tile::<L, W, 1, 2>(panel, x, out, columns),
            2 => tile::<L, W, 2, 2>(panel, x, out, columns),
            3 => tile::<L, W, 3, 2>(panel, x, out, columns),
            4 => tile::<L, W, 4, 2>(panel, x, out, columns),
            5 => tile::<L, W, 5, 2>(panel, x, out, columns),
            6 => tile::<L, W, 6, 2>(panel, x, out, columns),
            7 => tile::<L, W, 7, 2>(panel, x, out, columns),
            _ => tile::<L, W, 8, 2>(panel, x, out, columns),
        }
        row += here;
    }
}

/// `R` rows by a panel, `C` registers of outputs at a time: their sums stay in registers over all inputs.
#[inline(always)]
fn tile<L: Lanes, W: Weight, const R: usize, const C: usize>(panel: &[[W; PANEL]], x: Strided<'_>, out: StridedMut<'_>, columns: usize) {
    let inputs = panel.len();
    let xs: [&[f32]; R] = std::array::from_fn(|r| &x.data[r * x.stride..][..inputs]);
    let mut from = 0;
    while from < columns {
        let mut sums = [[L::splat(0.0); C]; R];
        for i in 0..inputs {
            let weights = &panel[i][from..];
            let mut w = [L::splat(0.0); C];
            for c in 0..C {
                w[c] = W::load::<L>(&weights[c * L::LANES..]);
            }
            for r in 0..R {
                let x = L::splat(xs[r][i]);
                for c in 0..C {
                    sums[r][c] = L::mul_add(x, w[c], sums[r][c]);
                }
            }
        }
        for r in 0..R {
            let mut row = [0.0; PANEL];
            for c in 0..C {
                L::store(sums[r][c], &mut row[c * L::LANES..]);
            }
            for (to, sum) in out.data[r * out.stride..][from..columns].iter_mut().zip(&row[..C * L::LANES]) {
                *to += sum;
            }
        }
        from += C * L::LANES;
    }
}
