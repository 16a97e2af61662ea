//! What `engine serve` and the engine's worker are asked to serve.

use super::ReasoningParser;
use crate::{base::Problem, said};
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, path::PathBuf};

/// Name of the bundled model where a folder is expected.
pub const BUNDLED: &str = "eye-tiny";

/// A server to be started. As JSON it is the payload of the engine's job; keys left out have their defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeOptions {
    /// Hugging Face folder, or [`BUNDLED`].
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

impl Default for ServeOptions {
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

impl ServeOptions {
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

    /// The reasoning parser by its name.
    ///
    /// # Errors
    /// No parser has this name.
    pub fn reasoning_parser(&self) -> Result<Option<ReasoningParser>, Problem> {
        let Some(name) = &self.reasoning_parser else { return Ok(None) };
        name.parse().map(Some).map_err(|_| {
            Problem::bad_input("engine.reasoning_parser", said!("no reasoning parser is named {name:?}", "没有名为 {name:?} 的推理解析器"))
                .field("--reasoning-parser")
                .fix(said!("the one known is deepseek_r1", "目前只有 deepseek_r1"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_with_a_key_nobody_knows_is_refused_and_the_rest_has_defaults() {
        let options: ServeOptions = serde_json::from_str(r#"{"model":"/m/qwen","port":8001}"#).expect("parses");
        assert_eq!(options, ServeOptions { model: "/m/qwen".into(), port: 8001, ..ServeOptions::default() });
        assert_eq!(options.name(), "qwen");
        assert!(serde_json::from_str::<ServeOptions>(r#"{"prot":8001}"#).is_err());
    }

    #[test]
    fn an_adapter_without_a_name_or_with_a_taken_one_is_bad_input() {
        for loras in [vec!["/a"], vec!["=/a"], vec!["a="], vec!["a=/a", "a=/b"], vec!["eye-tiny=/a"]] {
            let options = ServeOptions { loras: loras.iter().map(|l| (*l).to_owned()).collect(), ..ServeOptions::default() };
            assert_eq!(options.adapters().expect_err("refused").exit(), crate::base::Exit::BadInput, "{loras:?}");
        }
        let options = ServeOptions { loras: vec!["a=/b=c".to_owned()], ..ServeOptions::default() };
        assert_eq!(options.adapters().expect("fine"), [("a".to_owned(), PathBuf::from("/b=c"))]);
        let options = ServeOptions { reasoning_parser: Some("qwen3".to_owned()), ..ServeOptions::default() };
        assert!(options.reasoning_parser().expect_err("unknown").to_string().contains("deepseek_r1"));
    }
}
