//! Random numbers of the distributions that arrivals, lengths and routes need, each from a stream of its own.

use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// The finaliser of `SplitMix64` (Steele et al. 2014): neighbouring numbers give unrelated states.
pub(in crate::bench) const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Number `index` of the generators of one purpose: other purposes and other numbers give unrelated ones.
pub(in crate::bench) fn rng(seed: u64, purpose: u64, index: u64) -> Pcg64Mcg {
    let high = mix(seed ^ mix(purpose ^ mix(index)));
    Pcg64Mcg::from_seed((u128::from(high) << 64 | u128::from(mix(high))).to_le_bytes())
}

/// Evenly between 0 and 1, 1 left out.
pub(in crate::bench) fn uniform(rng: &mut Pcg64Mcg) -> f64 {
    rng.random::<f64>()
}

/// Exponential, mean 1.
pub(super) fn exponential(rng: &mut Pcg64Mcg) -> f64 {
    -(1.0 - uniform(rng)).ln()
}

/// Standard normal: Marsaglia's polar method.
fn normal(rng: &mut Pcg64Mcg) -> f64 {
    loop {
        let (x, y) = (2.0 * uniform(rng) - 1.0, 2.0 * uniform(rng) - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * square.ln() / square).sqrt();
        }
    }
}

/// Gamma of scale 1: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000); below shape 1 by their boost.
pub(super) fn gamma(rng: &mut Pcg64Mcg, shape: f64) -> f64 {
    if shape < 1.0 {
        let boost = (1.0 - uniform(rng)).powf(1.0 / shape);
        return gamma(rng, shape + 1.0) * boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - uniform(rng)).ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
            return d * v;
        }
    }
}
