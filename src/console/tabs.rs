//! The tabs, one file (or folder) each.

pub mod load;

use super::tab::Tab;
use crate::bench::spec::Spec;

/// The tabs that are built, in the order of their numbers, as they are without a workspace.
#[must_use]
pub fn all() -> Vec<Box<dyn Tab>> {
    vec![Box::new(load::Load::default())]
}

/// As [`all`], with these load tests to choose from, by name.
#[must_use]
pub fn with(load_tests: Vec<(String, Spec)>) -> Vec<Box<dyn Tab>> {
    vec![Box::new(load::Load::new(load_tests))]
}
