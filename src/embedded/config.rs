//! `config.json` of a Hugging Face model folder: the shape of a Qwen2 or Llama model.

use super::loader::LoadError;
use serde::Deserialize;
use std::path::Path;

/// Architectures the engine runs, by the name `config.json` gives them.
pub const ARCHITECTURES: [&str; 2] = ["Qwen2ForCausalLM", "LlamaForCausalLM"];

/// Shape and constants of a model.
#[expect(clippy::struct_excessive_bools, reason = "each is one field of config.json")]
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Name of its class, one of [`ARCHITECTURES`].
    pub architecture: String,
    /// Token ids are below this.
    pub vocab_size: usize,
    /// Elements of a token's state.
    pub hidden_size: usize,
    /// Elements between the feed-forward products.
    pub intermediate_size: usize,
    /// Transformer layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Elements of a head.
    pub head_dim: usize,
    /// Added to the mean square in norms.
    pub rms_norm_eps: f32,
    /// Base of the rotary frequencies.
    pub rope_theta: f32,
    /// How the rotary frequencies are stretched.
    pub rope_scaling: RopeScaling,
    /// Context length it was made for, tokens.
    pub max_position_embeddings: usize,
    /// The output layer is the embedding.
    pub tied: bool,
    /// Query, key and value have a bias.
    pub qkv_bias: bool,
    /// The attention's output has a bias.
    pub output_bias: bool,
    /// The feed-forward products have a bias.
    pub mlp_bias: bool,
    /// Ends a sequence; several in Llama 3.
    pub eos: Vec<u32>,
}

/// Stretching of the rotary frequencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// As they are.
    None,
    /// All divided by a factor.
    Linear(f32),
    /// Low frequencies divided by a factor, high ones kept, between them a blend (Llama 3.1).
    Llama3 {
        /// Divides low frequencies.
        factor: f32,
        /// Wave lengths above the original context over this are low.
        low_freq_factor: f32,
        /// Wave lengths below the original context over this are high.
        high_freq_factor: f32,
        /// Context before stretching, tokens.
        original_context: f32,
    },
}

#[derive(Deserialize)]
struct Raw {
    architectures: Option<Vec<String>>,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_act: Option<String>,
    rms_norm_eps: f32,
    rope_theta: Option<f32>,
    rope_scaling: Option<RawRope>,
    /// Transformers 5 keeps both here.
    rope_parameters: Option<RawRope>,
    max_position_embeddings: usize,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    use_sliding_window: Option<bool>,
    eos_token_id: Option<OneOrMore>,
    quantization_config: Option<serde_json::Value>,
}

#[derive(Deserialize, Clone)]
struct RawRope {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f32>,
    factor: Option<f32>,
    low_freq_factor: Option<f32>,
    high_freq_factor: Option<f32>,
    original_max_position_embeddings: Option<f32>,
}

/// A token id or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMore {
    One(u32),
    More(Vec<u32>),
}

impl OneOrMore {
    pub(crate) fn into_vec(self) -> Vec<u32> {
        match self {
            Self::One(id) => vec![id],
            Self::More(ids) => ids,
        }
    }
}

impl ModelConfig {
    /// Reads `config.json`'s text; `file` is named in errors.
    ///
    /// # Errors
    /// [`LoadError::BadJson`], [`LoadError::Architecture`], [`LoadError::Unsupported`].
    pub fn parse(text: &[u8], file: &Path) -> Result<Self, LoadError> {
        // The class first: another architecture's file need not have this one's fields.
        let loose: serde_json::Value = serde_json::from_slice(text).map_err(|error| LoadError::bad_json(file, &error))?;
        let names = loose.get("architectures").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        let architecture = names.first().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        if !ARCHITECTURES.contains(&architecture.as_str()) {
            return Err(LoadError::Architecture { file: file.to_owned(), found: architecture });
        }
        let raw: Raw = serde_json::from_slice(text).map_err(|error| LoadError::bad_json(file, &error))?;
        let unsupported = |field: &'static str, value: String| LoadError::Unsupported { file: file.to_owned(), field, value };
        if let Some(act) = raw.hidden_act.as_deref().filter(|act| *act != "silu") {
            return Err(unsupported("hidden_act", act.to_owned()));
        }
        if raw.use_sliding_window == Some(true) {
            return Err(unsupported("use_sliding_window", "true".to_owned()));
        }
        if let Some(quantized) = &raw.quantization_config {
            let method = quantized.get("quant_method").and_then(serde_json::Value::as_str).unwrap_or("given");
            return Err(unsupported("quantization_config", method.to_owned()));
        }
        let kv_heads = raw.num_key_value_heads.unwrap_or(raw.num_attention_heads);
        for (field, value) in [
            ("vocab_size", raw.vocab_size),
            ("hidden_size", raw.hidden_size),
            ("intermediate_size", raw.intermediate_size),
            ("num_hidden_layers", raw.num_hidden_layers),
            ("num_attention_heads", raw.num_attention_heads),
            ("num_key_value_heads", kv_heads),
            ("max_position_embeddings", raw.max_position_embeddings),
        ] {
            if value == 0 || value > 1 << 24 {
                return Err(unsupported(field, value.to_string()));
            }
        }
        let head_dim = raw.head_dim.unwrap_or(raw.hidden_size / raw.num_attention_heads);
        if head_dim == 0 || !head_dim.is_multiple_of(2) || head_dim > 1 << 16 {
            return Err(unsupported("head_dim", head_dim.to_string()));
        }
        if !raw.num_attention_heads.is_multiple_of(kv_heads) {
            return Err(unsupported("num_key_value_heads", kv_heads.to_string()));
        }
        let rope = raw.rope_parameters.clone().or(raw.rope_scaling.clone());
        let qwen = architecture == "Qwen2ForCausalLM";
        Ok(Self {
            vocab_size: raw.vocab_size,
            hidden_size: raw.hidden_size,
            intermediate_size: raw.intermediate_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            kv_heads,
            head_dim,
            rms_norm_eps: raw.rms_norm_eps,
            rope_theta: raw.rope_theta.or(rope.as_ref().and_then(|rope| rope.rope_theta)).unwrap_or(10_000.0),
            rope_scaling: rope.map_or(Ok(RopeScaling::None), |rope| scaling(&rope, &unsupported))?,
            max_position_embeddings: raw.max_position_embeddings,
            tied: raw.tie_word_embeddings.unwrap_or(false),
            qkv_bias: qwen || raw.attention_bias == Some(true),
            output_bias: !qwen && raw.attention_bias == Some(true),
            mlp_bias: !qwen && raw.mlp_bias == Some(true),
            eos: raw.eos_token_id.map(OneOrMore::into_vec).unwrap_or_default(),
            architecture: raw.architectures.and_then(|names| names.into_iter().next()).unwrap_or_default(),
        })
    }

    /// The rotary frequencies of a head's pairs, radians a position, computed in f32 as the reference does.
    pub(crate) fn rope_frequencies(&self) -> Vec<f32> {
        let pairs = self.head_dim / 2;
        let plain = (0..pairs).map(|i| self.rope_theta.powf(2.0 * i as f32 / self.head_dim as f32).recip());
        match self.rope_scaling {
            RopeScaling::None => plain.collect(),
            RopeScaling::Linear(factor) => plain.map(|f| f / factor).collect(),
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => plain
                .map(|f| {
                    let wavelength = 2.0 * std::f32::consts::PI / f;
                    if wavelength < original_context / high_freq_factor {
                        f
                    } else if wavelength > original_context / low_freq_factor {
                        f / factor
                    } else {
                        let blend = (original_context / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
                        (1.0 - blend) * f / factor + blend * f
                    }
                })
                .collect(),
        }
    }
}

fn scaling(rope: &RawRope, unsupported: &impl Fn(&'static str, String) -> LoadError) -> Result<RopeScaling, LoadError> {
    let lacks = |part: &'static str| move || unsupported("rope_scaling", format!("without {part}"));
    match rope.rope_type.as_deref().unwrap_or("default") {
        "default" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear(rope.factor.ok_or_else(lacks("factor"))?)),
        "llama3" => Ok(RopeScaling::Llama3 {
            factor: rope.factor.ok_or_else(lacks("factor"))?,
            low_freq_factor: rope.low_freq_factor.ok_or_else(lacks("low_freq_factor"))?,
            high_freq_factor: rope.high_freq_factor.ok_or_else(lacks("high_freq_factor"))?,
            original_context: rope.original_max_position_embeddings.ok_or_else(lacks("original_max_position_embeddings"))?,
        }),
        other => Err(unsupported("rope_scaling", other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama_3_stretches_low_frequencies_only() {
        let text = r#"{"architectures":["LlamaForCausalLM"],"vocab_size":32,"hidden_size":128,"intermediate_size":64,"num_hidden_layers":1,
            "num_attention_heads":1,"rms_norm_eps":1e-5,"rope_theta":500000.0,"max_position_embeddings":131072,
            "rope_scaling":{"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3"}}"#;
        let config = ModelConfig::parse(text.as_bytes(), Path::new("config.json")).expect("valid");
        let stretched = config.rope_frequencies();
        let plain = ModelConfig { rope_scaling: RopeScaling::None, ..config }.rope_frequencies();
        assert_eq!(stretched[0].to_bits(), plain[0].to_bits());
        assert!((plain[63] / stretched[63] - 8.0).abs() < 1e-4);
        assert!(stretched.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn a_scaling_without_code_for_it_is_named() {
        let text = r#"{"architectures":["Qwen2ForCausalLM"],"vocab_size":32,"hidden_size":128,"intermediate_size":64,"num_hidden_layers":1,
            "num_attention_heads":1,"rms_norm_eps":1e-5,"max_position_embeddings":64,"rope_scaling":{"type":"yarn","factor":4.0}}"#;
        let error = ModelConfig::parse(text.as_bytes(), Path::new("config.json")).expect_err("yarn");
        assert!(matches!(error, LoadError::Unsupported { field: "rope_scaling", value, .. } if value == "yarn"));
    }
}
