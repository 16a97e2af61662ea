//! Load tests that can be chosen by name: those of the program and of the workspace, as they were read.

use crate::{
    base::Text,
    bench::spec::Spec,
    text,
    workspace::profiles::{self, parse},
};
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
            "ab" => text!("two sides in one run, prompt by prompt", "两方同场，逐条对比"),
            "agent-prefix" => text!("what the prefix cache is worth", "前缀缓存的价值"),
            "chat" => text!("people who read along, random arrivals", "随读随到的聊天，随机到达"),
            "long-context" => text!("long documents, few users", "长文档，少用户"),
            "lora-mix" => text!("several adapters at once, by weight", "多个适配器按权重同时压测"),
            "matrix" => text!("every length at every load", "各长度配各负载"),
            "ramp" => text!("where latency begins to rise", "延迟从何处上升"),
            "slo-search" => text!("the highest rate that meets the goals", "满足目标的最高速率"),
            "trace" => text!("recorded arrivals, replayed", "重放记录的到达"),
            _ => text!("", ""),
        }
    }
}

/// The profiles in the program itself.
pub(super) fn built_in() -> Vec<(String, Spec)> {
    profiles::built_in("bench").filter_map(|(name, text)| Some((name.to_owned(), parse(text, Path::new(name)).ok()?))).collect()
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
        assert_eq!(all.len(), profiles::built_in("bench").count());
        for (name, spec) in all.into_iter().chain([("bare".to_owned(), bare())]) {
            let mut form = Form::new(&name, &spec);
            form.set(Field::Target, "http://127.0.0.1:8000");
            assert!(form.spec().is_some(), "{name}: {:?}", form.first_fault());
            let purpose = Profile { name: name.clone(), spec }.purpose();
            assert!(name == "bare" || !(purpose.en.is_empty() || purpose.zh.is_empty()), "{name} says what it is for");
        }
    }
}
