//! Instruction sets: each hot loop is written once over [`Lanes`] and compiled for AVX-512, for AVX2 with FMA, and for
//! whatever the target has at least.
//!
//! Lanes lie across outputs, never along a sum, so that every set adds in the same order; they differ by fused
//! multiply-add alone.

#![expect(clippy::inline_always, reason = "a body takes on the instruction set of the function that it is inlined into")]

use half::bf16;
use std::sync::OnceLock;

/// What the processor can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    /// AVX-512 F, BW, DQ, VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What the target guarantees: SSE2 or NEON.
    Portable,
}

impl Isa {
    /// The best this processor has.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::usable().first().copied().unwrap_or(Self::Portable))
    }

    /// All this processor has, best first.
    pub(crate) fn usable() -> Vec<Self> {
        let mut usable = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            if avx2 && avx512 {
                usable.push(Self::Avx512);
            }
            if avx2 {
                usable.push(Self::Avx2);
            }
        }
        usable.push(Self::Portable);
        usable
    }
}

/// A register of f32 and the instructions on it.
pub(crate) trait Lanes {
    /// The register.
    type Vector: Copy;
    /// Its elements: 16 or a divisor of it.
    const LANES: usize;
    /// Rows of a product's tile.
    const ROWS: usize;
    /// `value` in every lane.
    fn splat(value: f32) -> Self::Vector;
    /// The first lanes of `from`, which must have them.
    fn load(from: &[f32]) -> Self::Vector;
    /// As [`Lanes::load`], widened exactly.
    fn load_bf16(from: &[bf16]) -> Self::Vector;
    /// Into the first elements of `to`, which must have them.
    fn store(vector: Self::Vector, to: &mut [f32]);
    /// `a * b + c`, fused where that is one instruction.
    fn mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use half::bf16;
    #[allow(clippy::wildcard_imports, reason = "every name begins with _mm or __m")]
    use std::arch::x86_64::*;

    /// 8 × 32 tiles: sixteen of the 32 registers.
    pub(crate) struct Avx512;
    impl Lanes for Avx512 {
        type Vector = __m512;
        const LANES: usize = 16;
        const ROWS: usize = 8;
        #[inline(always)]
        fn splat(value: f32) -> __m512 {
            // SAFETY: reached only through `for_each_isa!` after the processor said it has AVX-512; so below.
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        fn load(from: &[f32]) -> __m512 {
            let from = &from[..16];
            // SAFETY: sixteen elements are there.
            unsafe { _mm512_loadu_ps(from.as_ptr()) }
        }
        #[inline(always)]
        fn load_bf16(from: &[bf16]) -> __m512 {
            let from = &from[..16];
            // SAFETY: sixteen elements of two bytes are there.
            unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast())))) }
        }
        #[inline(always)]
        fn store(vector: __m512, to: &mut [f32]) {
            let to = &mut to[..16];
            // SAFETY: there is room for sixteen elements.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), vector) }
        }
        #[inline(always)]
        fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: as above.
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
    }

    /// 6 × 16 tiles: twelve of the 16 registers.
    pub(crate) struct Avx2;
    impl Lanes for Avx2 {
        type Vector = __m256;
        const LANES: usize = 8;
        const ROWS: usize = 6;
        #[inline(always)]
        fn splat(value: f32) -> __m256 {
            // SAFETY: reached only through `for_each_isa!` after the processor said it has AVX2 and FMA; so below.
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        fn load(from: &[f32]) -> __m256 {
            let from = &from[..8];
            // SAFETY: eight elements are there.
            unsafe { _mm256_loadu_ps(from.as_ptr()) }
        }
        #[inline(always)]
        fn load_bf16(from: &[bf16]) -> __m256 {
            let from = &from[..8];
            // SAFETY: eight elements of two bytes are there.
            unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(from.as_ptr().cast())))) }
        }
        #[inline(always)]
        fn store(vector: __m256, to: &mut [f32]) {
            let to = &mut to[..8];
            // SAFETY: there is room for eight elements.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), vector) }
        }
        #[inline(always)]
        fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            // SAFETY: as above.
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
    }
}
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

/// 4 × 8 tiles of four lanes, which compilers turn into SSE2 or NEON.
pub(crate) struct Portable;
impl Lanes for Portable {
    type Vector = [f32; 4];
    const LANES: usize = 4;
    const ROWS: usize = 4;
    #[inline(always)]
    fn splat(value: f32) -> [f32; 4] {
        [value; 4]
    }
    #[inline(always)]
    fn load(from: &[f32]) -> [f32; 4] {
        [from[0], from[1], from[2], from[3]]
    }
    #[inline(always)]
    fn load_bf16(from: &[bf16]) -> [f32; 4] {
        // Exact also without `to_f32`'s care for signalling NaN, which would be a branch.
        let wide = |v: bf16| f32::from_bits(u32::from(v.to_bits()) << 16);
        [wide(from[0]), wide(from[1]), wide(from[2]), wide(from[3])]
    }
    #[inline(always)]
    fn store(vector: [f32; 4], to: &mut [f32]) {
        to[..4].copy_from_slice(&vector);
    }
    #[inline(always)]
    fn mul_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        // Without the instruction `mul_add` is a library call an element; NEON has it.
        let one = |a: f32, b: f32, c: f32| if cfg!(target_arch = "aarch64") { a.mul_add(b, c) } else { a * b + c };
        [one(a[0], b[0], c[0]), one(a[1], b[1], c[1]), one(a[2], b[2], c[2]), one(a[3], b[3], c[3])]
    }
}

/// Compiles a body `fn body<L: Lanes>(…)`, which must be `#[inline(always)]`, for every instruction set, and makes the
/// function that picks one by its first argument.
macro_rules! for_each_isa {
    ($(#[$attribute:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$attribute])*
        $vis fn $name(isa: $crate::embedded::isa::Isa, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            fn avx512($($arg: $type),*) {
                $body::<$crate::embedded::isa::Avx512>($($arg),*);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) {
                $body::<$crate::embedded::isa::Avx2>($($arg),*);
            }
            match isa {
                // SAFETY: `Isa::usable` names an instruction set only after the processor said it has it.
                #[cfg(target_arch = "x86_64")]
                $crate::embedded::isa::Isa::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::embedded::isa::Isa::Avx2 => unsafe { avx2($($arg),*) },
                $crate::embedded::isa::Isa::Portable => $body::<$crate::embedded::isa::Portable>($($arg),*),
            }
        }
    };
}
pub(crate) use for_each_isa;
