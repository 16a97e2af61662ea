//! The tabs, one file (or folder) each.

pub mod load;

use super::tab::Tab;
use crate::bench::spec::Spec;

/// The tabs that are built, in the order of their numbers.
/// `load_tests` are those to choose from, by name.
#[must_use]
pub fn all(load_tests: Vec<(String, Spec)>) -> Vec<Box<dyn Tab>> {
    vec![Box::new(load::Load::new(load_tests))]
}
