//! Loading a model and its adapters: a Hugging Face folder, or the model bundled into this binary.

mod adapter;
mod error;
#[cfg(test)]
mod tests;
mod weights;

pub use error::LoadError;

use super::{
    bundled,
    config::{ModelConfig, OneOrMore},
    model::{Layer, Linear, Model},
};
use crate::text::{ChatTemplate, Tokenizer};
use candle_core::Tensor;
use serde::Deserialize;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use weights::Weights;

/// Where a model or an adapter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder as Hugging Face or PEFT writes it.
    Folder(PathBuf),
    /// In this binary.
    Bundled,
}

/// A loaded model with its text side.
#[derive(Debug)]
pub struct Loaded {
    /// The weights.
    pub model: Arc<Model>,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// Its chat template, if it has one.
    pub template: Option<ChatTemplate>,
    /// `generation_config.json`, empty if there is none.
    pub generation: Generation,
    /// Context length, tokens.
    pub max_model_len: usize,
    /// The folder, or the bundled model's name.
    pub root: String,
}

/// What `generation_config.json` says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Generation {
    /// Tokens that end a sequence.
    pub eos: Vec<u32>,
    /// Default temperature.
    pub temperature: Option<f64>,
    /// Default nucleus.
    pub top_p: Option<f64>,
    /// Default number of tokens to choose among; 0 keeps all.
    pub top_k: Option<i64>,
    /// Default of new tokens at most.
    pub max_new_tokens: Option<i64>,
}

#[derive(Deserialize)]
struct RawGeneration {
    eos_token_id: Option<OneOrMore>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    max_new_tokens: Option<i64>,
}

impl Loaded {
    /// Loads a model. `max_model_len` shortens its context.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn open(source: &Source, max_model_len: Option<usize>) -> Result<Self, LoadError> {
        match source {
            Source::Folder(folder) => Self::open_folder(folder, max_model_len),
            Source::Bundled => Self::open_bundled(max_model_len),
        }
    }

    fn open_folder(folder: &Path, max_model_len: Option<usize>) -> Result<Self, LoadError> {
        let config_file = folder.join("config.json");
        let config = read_config(folder, "config.json")?;
        let config = ModelConfig::parse(&config, &config_file)?;
        let max_model_len = context(&config, max_model_len, &config_file)?;
        let generation_file = folder.join("generation_config.json");
        let generation = optional(&generation_file)?.map_or(Ok(Generation::default()), |text| generation(&text, &generation_file))?;
        // The text side first: it is small, and its absence is the commoner mistake.
        let tokenizer = Tokenizer::from_folder(folder).map_err(|error| LoadError::Text(folder.to_owned(), error))?;
        let template = ChatTemplate::from_folder(folder).map_err(|error| LoadError::Text(folder.to_owned(), error))?;
        let weights = Weights::of_model(folder)?;
        Self::assemble(config, &weights, (tokenizer, template), generation, max_model_len, folder.display().to_string())
    }

    fn open_bundled(max_model_len: Option<usize>) -> Result<Self, LoadError> {
        let name = |file: &str| Path::new(bundled::MODEL).join(file);
        let config = ModelConfig::parse(bundled::CONFIG, &name("config.json"))?;
        let max_model_len = context(&config, max_model_len, &name("config.json"))?;
        let generation = generation(bundled::GENERATION_CONFIG, &name("generation_config.json"))?;
        let text = |error| LoadError::Text(bundled::MODEL.into(), error);
        let tokenizer = Tokenizer::from_bytes(bundled::TOKENIZER, Some(bundled::TOKENIZER_CONFIG)).map_err(text)?;
        let template = ChatTemplate::from_config(bundled::TOKENIZER_CONFIG).map_err(text)?;
        let weights = Weights::of_bytes(bundled::WEIGHTS, &name("model.safetensors").display().to_string())?;
        Self::assemble(config, &weights, (tokenizer, template), generation, max_model_len, bundled::MODEL.to_owned())
    }

    fn assemble(
        mut config: ModelConfig,
        weights: &Weights,
        (tokenizer, template): (Tokenizer, Option<ChatTemplate>),
        generation: Generation,
        max_model_len: usize,
        root: String,
    ) -> Result<Self, LoadError> {
        // As vLLM does: the tokenizer's and the generation config's; config.json's only where neither says anything.
        let mut eos: Vec<u32> = tokenizer.eos().into_iter().chain(generation.eos.iter().copied()).collect();
        if eos.is_empty() {
            eos.clone_from(&config.eos);
        }
        eos.sort_unstable();
        eos.dedup();
        config.eos = eos;
        let model = Arc::new(Model::load(config, weights)?);
        Ok(Self { model, tokenizer, template, generation, max_model_len, root })
    }
}

/// A file that makes a folder what it must be.
fn read_config(folder: &Path, file: &'static str) -> Result<Vec<u8>, LoadError> {
    if !folder.is_dir() {
        let error = std::fs::metadata(folder).err();
        return Err(match error {
            Some(error) if error.kind() != io::ErrorKind::NotADirectory => LoadError::Unreadable(folder.to_owned(), error),
            _ => LoadError::NotAFolder(folder.to_owned()),
        });
    }
    let path = folder.join(file);
    optional(&path)?.ok_or_else(|| LoadError::NoConfig { folder: folder.to_owned(), file })
}

/// A file's content; `None` if there is no such file.
fn optional(path: &Path) -> Result<Option<Vec<u8>>, LoadError> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LoadError::Unreadable(path.to_owned(), error)),
    }
}

fn generation(text: &[u8], file: &Path) -> Result<Generation, LoadError> {
    let raw: RawGeneration = serde_json::from_slice(text).map_err(|error| LoadError::bad_json(file, &error))?;
    Ok(Generation {
        eos: raw.eos_token_id.map(OneOrMore::into_vec).unwrap_or_default(),
        temperature: raw.temperature,
        top_p: raw.top_p,
        top_k: raw.top_k,
        max_new_tokens: raw.max_new_tokens,
    })
}

fn context(config: &ModelConfig, asked: Option<usize>, file: &Path) -> Result<usize, LoadError> {
    let derived = config.max_position_embeddings;
    match asked {
        Some(asked) if asked > derived => Err(LoadError::ContextTooLong { file: file.to_owned(), asked, derived }),
        asked => Ok(asked.unwrap_or(derived)),
    }
}

impl Model {
    /// Takes the weights that the configuration calls for.
    pub(crate) fn load(config: ModelConfig, weights: &Weights) -> Result<Self, LoadError> {
        let (hidden, vocab) = (config.hidden_size, config.vocab_size);
        let embedding = weights.pack(&[weights.tensor("model.embed_tokens.weight", &[vocab, hidden])?])?;
        let head = if config.tied { None } else { Some(weights.pack(&[weights.tensor("lm_head.weight", &[vocab, hidden])?])?) };
        let norm = weights.vector("model.norm.weight", hidden)?;
        let layers = (0..config.layers).map(|index| Layer::load(&config, weights, index)).collect::<Result<_, _>>()?;
        Ok(Self { config, embedding, layers, norm, head })
    }
}

impl Layer {
    fn load(config: &ModelConfig, weights: &Weights, index: usize) -> Result<Self, LoadError> {
        let hidden = config.hidden_size;
        let (query, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let norm = |name: &str| weights.vector(&format!("model.layers.{index}.{name}.weight"), hidden);
        let linear = |inputs: usize, parts: &[(&str, usize)], bias: bool| {
            let name = |part: &str, what: &str| format!("model.layers.{index}.{part}.{what}");
            let stored: Vec<Tensor> =
                parts.iter().map(|(part, outputs)| weights.tensor(&name(part, "weight"), &[*outputs, inputs])).collect::<Result<_, _>>()?;
            let mut biases = Vec::new();
            for (part, outputs) in parts.iter().filter(|_| bias) {
                biases.extend(weights.vector(&name(part, "bias"), *outputs)?);
            }
            Ok(Linear { weight: weights.pack(&stored)?, bias: bias.then_some(biases) })
        };
        let ff = config.intermediate_size;
        Ok(Self {
            attention_norm: norm("input_layernorm")?,
            qkv: linear(hidden, &[("self_attn.q_proj", query), ("self_attn.k_proj", kv), ("self_attn.v_proj", kv)], config.qkv_bias)?,
            output: linear(query, &[("self_attn.o_proj", hidden)], config.output_bias)?,
            mlp_norm: norm("post_attention_layernorm")?,
            gate_up: linear(hidden, &[("mlp.gate_proj", ff), ("mlp.up_proj", ff)], config.mlp_bias)?,
            down: linear(ff, &[("mlp.down_proj", hidden)], config.mlp_bias)?,
        })
    }
}
