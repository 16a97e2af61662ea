//! The samplers.

pub mod rocm_smi;
