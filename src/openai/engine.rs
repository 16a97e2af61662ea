//! An engine of ours: what it is asked to serve, by whoever starts it, in a job's payload.

use crate::{base::Problem, said};
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, path::PathBuf};

/// Name of the bundled model where a folder is expected.
pub const BUNDLED: &str = "eye-tiny";

/// A server to be started. As JSON it is the payload of the engine's job; keys left out have their defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSpec {
    /// Hugging Face folder, or [`BUNDLED`]. Given as an absolute path in a job: its worker may run elsewhere.
    pub model: PathBuf,
    /// Name that requests give; `None` is the folder's name.
    pub served_model_name: Option<String>,
    /// Address to listen on.
    pub host: IpAddr,
    /// TCP port; 0 takes a free one.
    pub port: u16,
    /// Threads that compute.
    pub threads: usize,
    /// Most sequences in one batch.
    pub max_num_seqs: usize,
    /// Context length, tokens; `None` is the model's.
    pub max_model_len: Option<usize>,
    /// Adapters served beside the model, `NAME=PATH`.
    pub loras: Vec<String>,
    /// `deepseek_r1` takes `<think>` … `</think>` out of the content.
    pub reasoning_parser: Option<String>,
    /// A worker ends by itself after so many seconds without a request and without a watcher; `None` never.
    pub idle_exit_s: Option<u64>,
}

impl Default for EngineSpec {
    fn default() -> Self {
        Self {
            model: PathBuf::from(BUNDLED),
            served_model_name: None,
            host: IpAddr::from([127, 0, 0, 1]),
            port: 0,
            threads: 1,
            max_num_seqs: 16,
            max_model_len: None,
            loras: Vec::new(),
            reasoning_parser: None,
            idle_exit_s: None,
        }
    }
}

impl EngineSpec {
    /// Name that requests give.
    #[must_use]
    pub fn name(&self) -> String {
        let own = || self.model.file_name().map_or_else(|| BUNDLED.to_owned(), |name| name.to_string_lossy().into_owned());
        self.served_model_name.clone().unwrap_or_else(own)
    }

    /// Adapters by name and folder.
    ///
    /// # Errors
    /// One that is not `NAME=PATH`, a name given twice or equal to the model's.
    pub fn adapters(&self) -> Result<Vec<(String, PathBuf)>, Problem> {
        let bad = |lora: &str, what: &str, what_zh: &str| {
            Err(Problem::bad_input("engine.lora", said!("{lora}: {what}", "{lora}：{what_zh}")).field("--lora"))
        };
        let mut found: Vec<(String, PathBuf)> = Vec::new();
        for lora in &self.loras {
            let Some((name, path)) = lora.split_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty()) else {
                return bad(lora, "an adapter is given as NAME=PATH", "适配器格式为 NAME=PATH");
            };
            if name == self.name() || found.iter().any(|(other, _)| other == name) {
                return bad(lora, "the name is taken", "名称已被使用");
            }
            found.push((name.to_owned(), PathBuf::from(path)));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_with_a_key_nobody_knows_is_refused_and_the_rest_has_defaults() {
        let options: EngineSpec = serde_json::from_str(r#"{"model":"/m/qwen","port":8001}"#).expect("parses");
        assert_eq!(options, EngineSpec { model: "/m/qwen".into(), port: 8001, ..EngineSpec::default() });
        assert_eq!(options.name(), "qwen");
        assert!(serde_json::from_str::<EngineSpec>(r#"{"prot":8001}"#).is_err());
    }

    #[test]
    fn an_adapter_without_a_name_or_with_a_taken_one_is_bad_input() {
        for loras in [vec!["/a"], vec!["=/a"], vec!["a="], vec!["a=/a", "a=/b"], vec!["eye-tiny=/a"]] {
            let options = EngineSpec { loras: loras.iter().map(|l| (*l).to_owned()).collect(), ..EngineSpec::default() };
            assert_eq!(options.adapters().expect_err("refused").exit(), crate::base::Exit::BadInput, "{loras:?}");
        }
        let options = EngineSpec { loras: vec!["a=/b=c".to_owned()], ..EngineSpec::default() };
        assert_eq!(options.adapters().expect("fine"), [("a".to_owned(), PathBuf::from("/b=c"))]);
    }
}
