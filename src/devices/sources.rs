//! The samplers.

pub mod hydmi;
pub mod replay;
pub mod rocm_smi;
pub mod sysfs;
