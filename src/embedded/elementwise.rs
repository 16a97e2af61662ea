//! The loops between the products: norms, the gate of the feed-forward part, rotary positions.

#![expect(clippy::inline_always, reason = "a body takes on the instruction set of the function that it is inlined into")]

use super::isa::{Lanes, for_each_isa};

/// eˣ within 2 units in the last place for |x| ≤ 87, without branches so that compilers make vectors of it; outside, the
/// value at the border. Cody and Waite's reduction, then Cephes' polynomial for `expf`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2²³ rounds to an integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()))
}

for_each_isa! {
    /// Root-mean-square norm of each row of `x` times `weight`, into `out`.
    pub(crate) fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) = rms_norm_body
}

#[inline(always)]
fn rms_norm_body<L: Lanes>(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(weight.len()).zip(out.chunks_exact_mut(weight.len())) {
        let mut lanes = [0.0_f32; 16];
        let (whole, rest) = x.as_chunks::<16>();
        for x in whole {
            for (lane, x) in lanes.iter_mut().zip(x) {
                *lane += x * x;
            }
        }
        let sum = lanes.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>();
        let scale = (sum / weight.len() as f32 + epsilon).sqrt().recip();
        for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
            *out = x * scale * weight;
        }
    }
}

for_each_isa! {
    /// `silu(gate) · up` for rows `gate | up`, into rows of half the length.
    pub(crate) fn gated_silu(gate_up: &[f32], width: usize, out: &mut [f32]) = gated_silu_body
}

#[inline(always)]
fn gated_silu_body<L: Lanes>(gate_up: &[f32], width: usize, out: &mut [f32]) {
    for (row, out) in gate_up.chunks_exact(2 * width).zip(out.chunks_exact_mut(width)) {
        let (gate, up) = row.split_at(width);
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = gate / (1.0 + exp(-gate)) * up;
        }
    }
}

/// Turns each value into e to its distance from `top`, and adds them up lane by lane in `sums`; `values` are a multiple of 16.
#[inline(always)]
pub(crate) fn exponentials(values: &mut [f32], top: f32, sums: &mut [f32; 16]) {
    let (whole, _) = values.as_chunks_mut::<16>();
    for values in whole {
        for (value, sum) in values.iter_mut().zip(sums.iter_mut()) {
            *value = exp(*value - top);
            *sum += *value;
        }
    }
}

/// Turns a head by its position: pairs `(i, i + d/2)`, as Hugging Face lays them out.
pub(crate) fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (low, high) = head.split_at_mut(cos.len());
    for (((low, high), cos), sin) in low.iter_mut().zip(high).zip(cos).zip(sin) {
        (*low, *high) = (*low * cos - *high * sin, *high * cos + *low * sin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::isa::Isa;

    #[test]
    fn the_exponential_is_within_two_units_in_the_last_place() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) - want).abs() <= 2.5e-7 * want, "{x}");
        }
        assert_eq!(exp(0.0).to_bits(), 1.0_f32.to_bits());
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn a_norm_of_odd_width_counts_every_element() {
        for isa in Isa::usable() {
            let x: Vec<f32> = (0..19).map(|i| i as f32 - 9.0).collect();
            let mut out = vec![0.0; 19];
            rms_norm(isa, &x, &[1.0; 19], 0.0, &mut out);
            let mean = out.iter().map(|x| x * x).sum::<f32>() / 19.0;
            assert!((mean - 1.0).abs() < 1e-5, "{isa:?} {mean}");
        }
    }
}
