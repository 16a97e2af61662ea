//! Load tests that can be chosen by name: two built in, and those of the workspace.

use crate::{
    base::Text,
    bench::spec::{Limits, Load, Prompts, Slo, Spec, Target},
    text,
};

/// A load test under a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Profile {
    pub(super) name: String,
    /// What it is for; the workspace's own have only their name.
    pub(super) purpose: Text,
    pub(super) spec: Spec,
}

/// A first look, some seconds.
pub(super) fn quick() -> Spec {
    Spec {
        name: "quick".to_owned(),
        target: Target::default(),
        load: Load::Concurrency(4),
        prompts: Prompts::Random { input_len: 128 },
        output_len: 64,
        ignore_eos: true,
        requests: Some(64),
        duration_s: None,
        warmup: 4,
        seed: 7,
        limits: Limits::default(),
        slo: Slo { ttft_ms: Some(500.0), tpot_ms: Some(50.0), ..Slo::default() },
    }
}

/// What every installation has: a look in seconds, and figures worth keeping.
pub(super) fn built_in() -> Vec<Profile> {
    let quick = quick();
    let steady = Spec {
        name: "steady".to_owned(),
        load: Load::Concurrency(8),
        output_len: 128,
        requests: None,
        duration_s: Some(120.0),
        warmup: 16,
        slo: Slo { ttft_ms: Some(500.0), tpot_ms: Some(50.0), itl_ms: Some(200.0), e2el_ms: None },
        ..quick.clone()
    };
    vec![
        Profile { name: "quick".to_owned(), purpose: text!("a first look, some seconds", "先看一眼，数秒"), spec: quick },
        Profile {
            name: "steady".to_owned(),
            purpose: text!("two minutes, enough samples for a P99", "两分钟，样本够算 P99"),
            spec: steady,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::{super::form::Form, *};

    #[test]
    fn every_built_in_profile_can_be_started_once_it_has_a_target() {
        for profile in built_in() {
            let mut form = Form::new(&profile.name, &profile.spec);
            form.set(super::super::form::Field::Target, "http://127.0.0.1:8000");
            assert!(form.spec().is_some(), "{}: {:?}", profile.name, form.first_fault());
        }
    }
}
