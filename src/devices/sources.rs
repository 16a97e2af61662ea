//! The samplers.

pub mod hydmi;
pub mod rocm_smi;
pub mod sysfs;
