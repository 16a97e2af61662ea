//! The tabs, one file (or folder) each.

pub mod load;

use super::tab::Tab;

/// The tabs that are built, in the order of their numbers.
#[must_use]
pub fn all() -> Vec<Box<dyn Tab>> {
    vec![Box::new(load::Load::default())]
}
