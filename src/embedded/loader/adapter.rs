//! PEFT adapter folders: `adapter_config.json` and `adapter_model.safetensors`.

use super::{LoadError, Source, read_config, weights::Weights};
use crate::embedded::{
    adapter::{Adapter, AdapterLayer, LowRank, Part},
    bundled,
    model::Model,
};
use candle_core::DType;
use serde::Deserialize;
use std::{collections::HashSet, path::Path, sync::Arc};

#[derive(Deserialize)]
struct Config {
    peft_type: String,
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    fan_in_fan_out: bool,
    bias: Option<String>,
    modules_to_save: Option<Vec<String>>,
    #[serde(default)]
    rank_pattern: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    alpha_pattern: serde_json::Map<String, serde_json::Value>,
}

impl Adapter {
    /// Loads an adapter of `model` under the name requests will call it by.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn open(source: &Source, name: &str, model: &Model) -> Result<Arc<Self>, LoadError> {
        let (config, config_file, weights, root) = match source {
            Source::Folder(folder) => {
                let config = read_config(folder, "adapter_config.json")?;
                let weights = Weights::of_file(&folder.join("adapter_model.safetensors"))?;
                (config, folder.join("adapter_config.json"), weights, folder.display().to_string())
            }
            Source::Bundled => {
                let place = Path::new(bundled::ADAPTER);
                let weights = Weights::of_bytes(bundled::ADAPTER_WEIGHTS, &place.join("adapter_model.safetensors").display().to_string())?;
                (bundled::ADAPTER_CONFIG.to_vec(), place.join("adapter_config.json"), weights, bundled::ADAPTER.to_owned())
            }
        };
        let config: Config = serde_json::from_slice(&config).map_err(|error| LoadError::bad_json(&config_file, &error))?;
        config.check(&config_file)?;
        let rank = config.r;
        let scale = if config.use_rslora { config.lora_alpha / (rank as f64).sqrt() } else { config.lora_alpha / rank as f64 };
        let mut reader = Reader { weights: &weights, used: HashSet::new(), rank, scale };
        let layers = (0..model.config.layers).map(|index| reader.layer(model, index)).collect::<Result<_, _>>()?;
        let used = reader.used;
        if let Some((name, file)) = weights.names().find(|(name, _)| !used.contains(*name)) {
            return Err(LoadError::StrayTensor { file: file.to_owned(), name: name.to_owned() });
        }
        Ok(Arc::new(Self { name: name.into(), root, rank, layers }))
    }
}

impl Config {
    fn check(&self, file: &Path) -> Result<(), LoadError> {
        let unsupported = |field: &'static str, value: String| Err(LoadError::Unsupported { file: file.to_owned(), field, value });
        if self.peft_type != "LORA" {
            return unsupported("peft_type", self.peft_type.clone());
        }
        if self.r == 0 {
            return unsupported("r", "0".to_owned());
        }
        for (field, set) in [("use_dora", self.use_dora), ("fan_in_fan_out", self.fan_in_fan_out)] {
            if set {
                return unsupported(field, "true".to_owned());
            }
        }
        if let Some(bias) = self.bias.as_deref().filter(|bias| *bias != "none") {
            return unsupported("bias", bias.to_owned());
        }
        if let Some(modules) = self.modules_to_save.as_ref().filter(|modules| !modules.is_empty()) {
            return unsupported("modules_to_save", modules.join(", "));
        }
        for (field, pattern) in [("rank_pattern", &self.rank_pattern), ("alpha_pattern", &self.alpha_pattern)] {
            if let Some(module) = pattern.keys().next() {
                return unsupported(field, module.clone());
            }
        }
        Ok(())
    }
}

struct Reader<'a> {
    weights: &'a Weights,
    used: HashSet<String>,
    rank: usize,
    scale: f64,
}

impl Reader<'_> {
    fn layer(&mut self, model: &Model, index: usize) -> Result<AdapterLayer, LoadError> {
        let config = &model.config;
        let hidden = config.hidden_size;
        let (query, kv, ff) = (config.heads * config.head_dim, config.kv_heads * config.head_dim, config.intermediate_size);
        Ok(AdapterLayer {
            qkv: self.product(index, hidden, &[("self_attn.q_proj", query), ("self_attn.k_proj", kv), ("self_attn.v_proj", kv)])?,
            output: self.product(index, query, &[("self_attn.o_proj", hidden)])?,
            gate_up: self.product(index, hidden, &[("mlp.gate_proj", ff), ("mlp.up_proj", ff)])?,
            down: self.product(index, ff, &[("mlp.down_proj", hidden)])?,
        })
    }

    /// What the adapter has for the modules of one fused product.
    fn product(&mut self, layer: usize, inputs: usize, modules: &[(&str, usize)]) -> Result<Option<LowRank>, LoadError> {
        let (mut all_a, mut parts, mut output_from) = (Vec::new(), Vec::new(), 0);
        for (module, outputs) in modules {
            let name = |matrix: &str| format!("base_model.model.model.layers.{layer}.{module}.{matrix}.weight");
            let (name_a, name_b) = (name("lora_A"), name("lora_B"));
            if self.weights.names().any(|(name, _)| name == name_a || name == name_b) {
                let a = self.weights.tensor(&name_a, &[self.rank, inputs])?;
                let b = self.weights.tensor(&name_b, &[*outputs, self.rank])?;
                let scaled = b.to_dtype(DType::F32).and_then(|b| b * self.scale).map_err(|error| self.weights.tensor_error(&error))?;
                parts.push(Part { rank_from: all_a.len() * self.rank, output_from, b: self.weights.pack(&[scaled])? });
                all_a.push(a);
                self.used.extend([name_a, name_b]);
            }
            output_from += outputs;
        }
        if parts.is_empty() {
            return Ok(None);
        }
        Ok(Some(LowRank { a: self.weights.pack(&all_a)?, parts, outputs: output_from }))
    }
}
