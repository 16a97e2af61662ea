//! Products of activations with packed weights: `out += x · Wᵀ`.
//!
//! Every element is one sum over the inputs in order, whatever the number of rows, so that a sequence's tokens do not
//! depend on what else is in its batch. (A general matrix library picks another order for one row than for many.)
//! bf16 weights stay bf16 in memory and are widened exactly: at one row the product is bound by reading them.

#![expect(clippy::inline_always, reason = "a body takes on the instruction set of the function that it is inlined into")]

use super::isa::{Isa, Lanes, for_each_isa};
use candle_core::{DType, Tensor};
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

impl Packed {
    /// Packs matrices `[outputs][inputs]` one below the other: a fused layer. bf16 stays, anything else becomes f32.
    ///
    /// # Errors
    /// Matrices of different widths.
    pub(crate) fn new(parts: &[Tensor]) -> candle_core::Result<Self> {
        let narrow = parts.iter().all(|part| part.dtype() == DType::BF16);
        let dtype = if narrow { DType::BF16 } else { DType::F32 };
        let fused = Tensor::cat(&parts.iter().map(|part| part.to_dtype(dtype)).collect::<candle_core::Result<Vec<_>>>()?, 0)?;
        let (outputs, inputs) = fused.dims2()?;
        let all = fused.flatten_all()?;
        let weights = if narrow {
            Weights::Bf16(panels(inputs, &all.to_vec1::<bf16>()?))
        } else {
            Weights::F32(panels(inputs, &all.to_vec1::<f32>()?))
        };
        Ok(Self { inputs, outputs, weights })
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

fn panels<W: Copy + Default>(inputs: usize, weights: &[W]) -> Vec<[W; PANEL]> {
    let rows = weights.chunks_exact(inputs);
    let mut packed = vec![[W::default(); PANEL]; rows.len().div_ceil(PANEL) * inputs];
    for (output, row) in rows.enumerate() {
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
#[expect(clippy::needless_pass_by_value, reason = "a view of the rows, made for this call")]
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
        for (r, sums) in sums.into_iter().enumerate() {
            let mut row = [0.0; PANEL];
            for (c, sum) in sums.into_iter().enumerate() {
                L::store(sum, &mut row[c * L::LANES..]);
            }
            for (to, sum) in out.data[r * out.stride..][from..columns].iter_mut().zip(&row[..C * L::LANES]) {
                *to += sum;
            }
        }
        from += C * L::LANES;
    }
}
