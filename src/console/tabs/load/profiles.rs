//! Load tests that can be chosen by name: those of the program and of the workspace, as they were read.

use crate::{base::Text, bench::spec::Spec, text, workspace::profiles::parse};
use std::path::Path;

/// A load test under a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) spec: Spec,
}

impl Profile {
    /// What it is for; only the program's own say so.
    pub(super) fn purpose(&self) -> Text {
        match self.name.as_str() {
            "quick" => text!("a first look, half a minute", "先看一眼，半分钟"),
            "steady" => text!("a steady state to compare by", "稳态，供比较"),
            _ => text!("", ""),
        }
    }
}

/// The texts of the profiles in the program itself.
const BUILT_IN: [(&str, &str); 2] =
    [("quick", include_str!("../../../../profiles/bench/quick.yaml")), ("steady", include_str!("../../../../profiles/bench/steady.yaml"))];

/// The profiles in the program itself.
pub(super) fn built_in() -> Vec<(String, Spec)> {
    BUILT_IN.into_iter().filter_map(|(name, text)| Some((name.to_owned(), parse(text, Path::new(name)).ok()?))).collect()
}

/// What the form starts from when there is no profile at all.
pub(super) fn bare() -> Spec {
    Spec { output_len: 64, requests: Some(16), warmup: 1, seed: 1, ..Spec::default() }
}

#[cfg(test)]
mod tests {
    use super::{
        super::form::{Field, Form},
        *,
    };

    #[test]
    fn every_built_in_profile_can_be_started_once_it_has_a_target() {
        let all = built_in();
        assert_eq!(all.len(), BUILT_IN.len());
        for (name, spec) in all.into_iter().chain([("bare".to_owned(), bare())]) {
            let mut form = Form::new(&name, &spec);
            form.set(Field::Target, "http://127.0.0.1:8000");
            assert!(form.spec().is_some(), "{name}: {:?}", form.first_fault());
        }
    }
}
