//! Choosing the next token from logits.

use super::api::{Sampling, Token};
use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64;

/// One sequence's choices; its random numbers are its own, so that they do not depend on other sequences.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    random: Pcg64,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling) -> Self {
        let random = Pcg64::seed_from_u64(sampling.seed.unwrap_or_else(rand::random));
        Self { sampling, random }
    }

    /// The next token; ids in `banned` are not chosen. Log-probabilities are those of the logits as the model gave them, as
    /// vLLM's V1 engine reports them.
    pub(crate) fn next(&mut self, logits: &[f32], banned: &[u32]) -> Token {
        let id = if self.sampling.temperature <= 0.0 || self.sampling.top_k == Some(1) {
            greedy(logits, banned)
        } else {
            self.draw(logits, banned)
        };
        Token { id, logprobs: self.sampling.logprobs.map(|top| logprobs(logits, id, top)) }
    }

    fn draw(&mut self, logits: &[f32], banned: &[u32]) -> u32 {
        let Sampling { temperature, top_p, top_k, .. } = self.sampling;
        let mut candidates: Vec<(f32, u32)> = logits
            .iter()
            .zip(0..)
            .map(|(logit, id)| (if banned.contains(&id) { f32::NEG_INFINITY } else { logit / temperature }, id))
            .collect();
        let likelier = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if let Some(k) = top_k.filter(|k| (1..candidates.len()).contains(k)) {
            candidates.select_nth_unstable_by(k - 1, likelier);
            candidates.truncate(k);
        }
        let top = candidates.iter().map(|c| c.0).fold(f32::NEG_INFINITY, f32::max);
        for candidate in &mut candidates {
            candidate.0 = (candidate.0 - top).exp();
        }
        let mut total: f64 = candidates.iter().map(|c| f64::from(c.0)).sum();
        let mut kept = candidates.len();
        if top_p < 1.0 {
            (kept, total) = nucleus(&mut candidates, f64::from(top_p) * total, likelier);
        } else {
            // An order that does not depend on how the selection above went.
            candidates.sort_unstable_by_key(|c| c.1);
        }
        let mut left = self.random.random::<f64>() * total;
        let candidates = &candidates[..kept];
        for (weight, id) in candidates {
            left -= f64::from(*weight);
            if left < 0.0 {
                return *id;
            }
        }
        // Rounding used up the whole sum: the last that can be chosen.
        candidates.iter().rev().find(|c| c.0 > 0.0).map_or(0, |c| c.1)
    }
}

/// Sorts the likeliest candidates to the front until their weights reach `mass`: how many, and their sum.
fn nucleus(candidates: &mut [(f32, u32)], mass: f64, likelier: impl Fn(&(f32, u32), &(f32, u32)) -> std::cmp::Ordering) -> (usize, f64) {
    let (mut sum, mut sorted) = (0.0, 0);
    // A vocabulary is large and a nucleus mostly small: sort a growing part.
    let mut part = 64;
    while sorted < candidates.len() {
        let rest = &mut candidates[sorted..];
        let here = part.min(rest.len());
        if here < rest.len() {
            rest.select_nth_unstable_by(here - 1, &likelier);
        }
        rest[..here].sort_unstable_by(&likelier);
        for (index, candidate) in rest[..here].iter().enumerate() {
            sum += f64::from(candidate.0);
            if sum >= mass {
                return (sorted + index + 1, sum);
            }
        }
        (sorted, part) = (sorted + here, part * 8);
    }
    (candidates.len(), sum)
}

/// The largest, the first of equals.
fn greedy(logits: &[f32], banned: &[u32]) -> u32 {
    let mut best = (f32::NEG_INFINITY, 0);
    for (logit, id) in logits.iter().zip(0..) {
        if *logit > best.0 && !banned.contains(&id) {
            best = (*logit, id);
        }
    }
    best.1
}

/// Log-probability of `id`, and the `top` highest.
fn logprobs(logits: &[f32], id: u32, top: usize) -> (f32, Vec<(u32, f32)>) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from((logit - most).exp())).sum();
    #[expect(clippy::cast_possible_truncation, reason = "a logarithm of a sum of at most a few hundred thousand ones")]
    let log_sum = sum.ln() as f32;
    let of = |id: u32| logits.get(id as usize).map_or(f32::NEG_INFINITY, |logit| logit - most - log_sum);
    let mut ids: Vec<u32> = (0..).take(logits.len()).collect();
    let likelier = |a: &u32, b: &u32| of(*b).total_cmp(&of(*a)).then(a.cmp(b));
    let top = top.min(ids.len());
    if (1..ids.len()).contains(&top) {
        ids.select_nth_unstable_by(top - 1, likelier);
    }
    ids.truncate(top);
    ids.sort_unstable_by(likelier);
    (of(id), ids.into_iter().map(|id| (id, of(id))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampling(temperature: f32, top_p: f32, top_k: Option<usize>) -> Sampling {
        Sampling { temperature, top_p, top_k, seed: Some(7), logprobs: None }
    }

    fn share(sampling: Sampling, logits: &[f32]) -> Vec<f64> {
        let (mut sampler, mut counts) = (Sampler::new(sampling), vec![0; logits.len()]);
        for _ in 0..20_000 {
            counts[sampler.next(logits, &[]).id as usize] += 1;
        }
        counts.into_iter().map(|count| f64::from(count) / 20_000.0).collect()
    }

    #[test]
    fn shares_follow_the_softmax_at_the_temperature() {
        let got = share(sampling(2.0, 1.0, None), &[0.0, 2.0, 4.0, f32::NEG_INFINITY]);
        let weights = [0.0_f64, 1.0, 2.0].map(f64::exp);
        for (got, weight) in got.iter().zip(weights) {
            assert!((got - weight / weights.iter().sum::<f64>()).abs() < 0.015);
        }
        assert_eq!(got[3].to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn top_k_and_top_p_leave_out_the_unlikely() {
        let logits = [0.5_f32.ln(), 0.3_f32.ln(), 0.15_f32.ln(), 0.05_f32.ln()];
        assert!((share(sampling(1.0, 1.0, Some(2)), &logits)[0] - 0.625).abs() < 0.015);
        let nucleus = share(sampling(1.0, 0.79, None), &logits);
        assert!(nucleus[1] > 0.3 && nucleus[2] == 0.0, "0.5 + 0.3 reach 0.79: {nucleus:?}");
        let nucleus = share(sampling(1.0, 0.81, None), &logits);
        assert!(nucleus[2] > 0.0 && nucleus[3] == 0.0, "{nucleus:?}");
    }

    #[test]
    fn a_nucleus_larger_than_the_first_sorted_part_is_whole() {
        let flat = vec![0.0_f32; 1000];
        let kept = share(sampling(1.0, 0.9, None), &flat).iter().filter(|share| **share > 0.0).count();
        assert!((850..=900).contains(&kept), "{kept}");
    }

    #[test]
    fn equal_seeds_draw_equal_tokens_and_greedy_takes_the_first_of_equals() {
        let logits: Vec<f32> = (0..100).map(|i| (i % 10) as f32 * 0.1).collect();
        let draw = || {
            let mut sampler = Sampler::new(sampling(1.0, 0.9, Some(50)));
            (0..50).map(|_| sampler.next(&logits, &[]).id).collect::<Vec<_>>()
        };
        assert_eq!(draw(), draw());
        assert_eq!(greedy(&[1.0, 3.0, 3.0], &[]), 1);
        assert_eq!(greedy(&[1.0, 3.0, 3.0], &[1, 2]), 0);
    }

    #[test]
    fn log_probabilities_are_normalised_and_sorted() {
        let (own, top) = logprobs(&[0.2_f32.ln() + 3.0, 0.7_f32.ln() + 3.0, 0.1_f32.ln() + 3.0], 2, 2);
        assert!((own - 0.1_f32.ln()).abs() < 1e-5);
        assert_eq!(top.iter().map(|t| t.0).collect::<Vec<_>>(), [1, 0]);
        assert!((top[0].1 - 0.7_f32.ln()).abs() < 1e-5);
    }
}
