//! Loaded models compute what their definition says, in every layout; bad folders give their sentences.

use super::*;
use crate::{
    base::Lang,
    embedded::{
        adapter::Adapter,
        cache::{Cache, Pool},
        isa::Isa,
        model::{Span, Workspace},
    },
};
use half::{bf16, f16};
use rand::{Rng as _, SeedableRng as _};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::json;
use std::{collections::BTreeMap, fs};

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A random model of this configuration, rounded to bf16 so that every layout holds the same numbers.
fn random(config: &serde_json::Value, seed: u64) -> Tensors {
    let size = |field: &str| usize::try_from(config[field].as_u64().expect(field)).expect("small");
    let (hidden, vocab, ff) = (size("hidden_size"), size("vocab_size"), size("intermediate_size"));
    let (query, kv) = (size("num_attention_heads") * size("head_dim"), size("num_key_value_heads") * size("head_dim"));
    let mut random = rand_pcg::Pcg64::seed_from_u64(seed);
    let mut tensors = Tensors::new();
    let mut add = |name: String, shape: &[usize], centre: f32| {
        let scale = if shape.len() == 2 { 1.5 / (shape[1] as f32).sqrt() } else { 0.3 };
        let values =
            (0..shape.iter().product()).map(|_| bf16::from_f32(centre + scale * random.random_range(-1.0..1.0)).to_f32()).collect();
        tensors.insert(name, (shape.to_vec(), values));
    };
    add("model.embed_tokens.weight".into(), &[vocab, hidden], 0.0);
    add("model.norm.weight".into(), &[hidden], 1.0);
    if config["tie_word_embeddings"] == false {
        add("lm_head.weight".into(), &[vocab, hidden], 0.0);
    }
    for layer in 0..size("num_hidden_layers") {
        let qwen = config["architectures"][0] == "Qwen2ForCausalLM";
        let attention = qwen || config["attention_bias"] == true;
        for (module, outputs, inputs, bias) in [
            ("self_attn.q_proj", query, hidden, attention),
            ("self_attn.k_proj", kv, hidden, attention),
            ("self_attn.v_proj", kv, hidden, attention),
            ("self_attn.o_proj", hidden, query, attention && !qwen),
            ("mlp.gate_proj", ff, hidden, config["mlp_bias"] == true),
            ("mlp.up_proj", ff, hidden, config["mlp_bias"] == true),
            ("mlp.down_proj", hidden, ff, config["mlp_bias"] == true),
        ] {
            add(format!("model.layers.{layer}.{module}.weight"), &[outputs, inputs], 0.0);
            if bias {
                add(format!("model.layers.{layer}.{module}.bias"), &[outputs], 0.0);
            }
        }
        add(format!("model.layers.{layer}.input_layernorm.weight"), &[hidden], 1.0);
        add(format!("model.layers.{layer}.post_attention_layernorm.weight"), &[hidden], 1.0);
    }
    tensors
}

fn save<'a>(path: &Path, tensors: impl IntoIterator<Item = (&'a String, &'a (Vec<usize>, Vec<f32>))>, dtype: Dtype) {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .into_iter()
        .map(|(name, (shape, values))| {
            let bytes = match dtype {
                Dtype::BF16 => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
                Dtype::F16 => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
                _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            };
            (name.clone(), shape.clone(), bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| (name, TensorView::new(dtype, shape.clone(), bytes).expect("view")));
    fs::write(path, safetensors::serialize(views, None).expect("serialised")).expect("written");
}

fn llama() -> serde_json::Value {
    json!({"architectures": ["LlamaForCausalLM"], "vocab_size": 50, "hidden_size": 36, "intermediate_size": 44, "num_hidden_layers": 2,
        "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 10, "rms_norm_eps": 1e-5, "rope_theta": 500.0,
        "max_position_embeddings": 64, "tie_word_embeddings": false, "attention_bias": true, "mlp_bias": true,
        "rope_scaling": {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}})
}

fn qwen() -> serde_json::Value {
    json!({"architectures": ["Qwen2ForCausalLM"], "vocab_size": 70, "hidden_size": 32, "intermediate_size": 33, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8, "rms_norm_eps": 1e-6, "rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"},
        "max_position_embeddings": 64, "tie_word_embeddings": true, "hidden_act": "silu", "sliding_window": null, "use_sliding_window": false})
}

/// The model's definition, read word by word in f64: every position's state again for each token, no cache, no fusing.
struct Definition<'a> {
    config: &'a ModelConfig,
    tensors: &'a Tensors,
    /// What an adapter adds to a weight.
    delta: &'a BTreeMap<String, Vec<f64>>,
}

impl Definition<'_> {
    fn vector(&self, name: &str) -> Vec<f64> {
        self.tensors.get(name).map(|(_, values)| values.iter().map(|v| f64::from(*v)).collect()).unwrap_or_default()
    }

    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let (mut weight, bias) = (self.vector(&format!("{name}.weight")), self.vector(&format!("{name}.bias")));
        if let Some(delta) = self.delta.get(name) {
            weight.iter_mut().zip(delta).for_each(|(w, d)| *w += d);
        }
        let dot = |row: &[f64]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        weight.chunks_exact(x.len()).enumerate().map(|(i, row)| dot(row) + bias.get(i).copied().unwrap_or(0.0)).collect()
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        let scale = (mean + f64::from(self.config.rms_norm_eps)).sqrt();
        x.iter().zip(self.vector(&format!("{name}.weight"))).map(|(x, w)| x / scale * w).collect()
    }

    fn turned(&self, head: &[f64], position: usize) -> Vec<f64> {
        let half = head.len() / 2;
        let angles: Vec<f64> = self.config.rope_frequencies().iter().map(|f| f64::from(*f) * position as f64).collect();
        (0..head.len())
            .map(|i| {
                let (sin, cos) = angles[i % half].sin_cos();
                if i < half { head[i] * cos - head[i + half] * sin } else { head[i] * cos + head[i - half] * sin }
            })
            .collect()
    }

    /// Logits after the last of `tokens`.
    fn logits(&self, tokens: &[u32]) -> Vec<f64> {
        let (c, dim) = (self.config, self.config.head_dim);
        let embedding = self.vector("model.embed_tokens.weight");
        let mut states: Vec<Vec<f64>> = tokens.iter().map(|t| embedding[*t as usize * c.hidden_size..][..c.hidden_size].to_vec()).collect();
        for layer in 0..c.layers {
            let name = |part: &str| format!("model.layers.{layer}.{part}");
            let normed: Vec<Vec<f64>> = states.iter().map(|x| self.norm(&name("input_layernorm"), x)).collect();
            let project = |part: &str| normed.iter().map(|x| self.linear(&name(part), x)).collect::<Vec<_>>();
            let (q, k, v) = (project("self_attn.q_proj"), project("self_attn.k_proj"), project("self_attn.v_proj"));
            for (position, state) in states.iter_mut().enumerate() {
                let mut heads = Vec::new();
                for head in 0..c.heads {
                    let kv = head / (c.heads / c.kv_heads) * dim;
                    let query = self.turned(&q[position][head * dim..][..dim], position);
                    let scores: Vec<f64> = (0..=position)
                        .map(|p| {
                            let key = self.turned(&k[p][kv..][..dim], p);
                            (key.iter().zip(&query).map(|(k, q)| k * q).sum::<f64>() / (dim as f64).sqrt()).exp()
                        })
                        .collect();
                    let sum: f64 = scores.iter().sum();
                    heads.extend((0..dim).map(|d| scores.iter().zip(&v).map(|(s, v)| s / sum * v[kv + d]).sum::<f64>()));
                }
                let attended = self.linear(&name("self_attn.o_proj"), &heads);
                state.iter_mut().zip(attended).for_each(|(x, a)| *x += a);
            }
            for state in &mut states {
                let normed = self.norm(&name("post_attention_layernorm"), state);
                let (gate, up) = (self.linear(&name("mlp.gate_proj"), &normed), self.linear(&name("mlp.up_proj"), &normed));
                let gated: Vec<f64> = gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
                let down = self.linear(&name("mlp.down_proj"), &gated);
                state.iter_mut().zip(down).for_each(|(x, d)| *x += d);
            }
        }
        let last = self.norm("model.norm", states.last().expect("tokens"));
        self.linear(if c.tied { "model.embed_tokens" } else { "lm_head" }, &last)
    }
}

fn assert_close(model: &Model, adapter: Option<&Adapter>, definition: &Definition<'_>, what: &str) {
    let tokens: Vec<u32> = (0..37).map(|i| (i * i * 3 + 1) % 50).collect();
    let want = definition.logits(&tokens);
    for isa in Isa::usable() {
        let (mut pool, mut cache) = (Pool::new(model.block_shape(), 4), Cache::default());
        pool.extend(&mut cache, tokens.len());
        let mut workspace = Workspace::new(&model.config, 64, isa);
        let span = Span { tokens: &tokens, start: 0, cache: &mut cache, adapter, logits: true };
        let got = model.forward(&mut [span], &mut workspace);
        let scale = want.iter().fold(0.0_f64, |most, logit| most.max(logit.abs()));
        for (got, want) in got.iter().zip(&want) {
            assert!((f64::from(*got) - want).abs() < 1e-4 * scale, "{what}, {isa:?}: {got} {want}");
        }
    }
}

#[test]
fn models_of_both_architectures_and_all_layouts_compute_their_definition() {
    for raw in [llama(), qwen()] {
        let (text, file) = (raw.to_string(), Path::new("config.json"));
        let config = || ModelConfig::parse(text.as_bytes(), file).expect("config");
        let (tensors, own) = (random(&raw, 11), config());
        let definition = Definition { config: &own, tensors: &tensors, delta: &BTreeMap::new() };
        for dtype in [Dtype::BF16, Dtype::F16, Dtype::F32] {
            let folder = tempfile::tempdir().expect("folder");
            save(&folder.path().join("model.safetensors"), &tensors, dtype);
            let model = Model::load(config(), &Weights::of_model(folder.path()).expect("weights")).expect("model");
            assert_close(&model, None, &definition, &format!("{dtype:?}"));
        }
        // Two shards, of different types, by their index.
        let folder = tempfile::tempdir().expect("folder");
        let map: BTreeMap<&String, &str> =
            tensors.keys().map(|name| (name, if name.len() % 2 == 0 { "a.safetensors" } else { "b.safetensors" })).collect();
        for (file, dtype) in [("a.safetensors", Dtype::F32), ("b.safetensors", Dtype::BF16)] {
            save(&folder.path().join(file), tensors.iter().filter(|(name, _)| map[name] == file), dtype);
        }
        fs::write(folder.path().join("model.safetensors.index.json"), json!({"weight_map": map}).to_string()).expect("written");
        let model = Model::load(config(), &Weights::of_model(folder.path()).expect("weights")).expect("model");
        assert_close(&model, None, &definition, "sharded");
    }
}

/// Writes an adapter of some modules; gives what it adds to each weight.
fn save_adapter(folder: &Path, config: &ModelConfig, rslora: bool) -> BTreeMap<String, Vec<f64>> {
    let (rank, alpha) = (3_usize, 12.0_f64);
    let scale = if rslora { alpha / (rank as f64).sqrt() } else { alpha / rank as f64 };
    let mut random = rand_pcg::Pcg64::seed_from_u64(5);
    let (mut tensors, mut delta) = (Tensors::new(), BTreeMap::new());
    for layer in 0..config.layers {
        for (module, outputs, inputs) in [
            ("self_attn.q_proj", config.heads * config.head_dim, config.hidden_size),
            ("self_attn.v_proj", config.kv_heads * config.head_dim, config.hidden_size),
            ("mlp.up_proj", config.intermediate_size, config.hidden_size),
            ("mlp.down_proj", config.hidden_size, config.intermediate_size),
        ] {
            let mut matrix = |len: usize| (0..len).map(|_| random.random_range(-0.15_f32..0.15)).collect::<Vec<_>>();
            let (a, b) = (matrix(rank * inputs), matrix(outputs * rank));
            let product = b.chunks_exact(rank).flat_map(|b| {
                let a = &a;
                (0..inputs)
                    .map(move |i| b.iter().enumerate().map(|(r, b)| f64::from(*b) * f64::from(a[r * inputs + i])).sum::<f64>() * scale)
            });
            delta.insert(format!("model.layers.{layer}.{module}"), product.collect());
            let name = |matrix: &str| format!("base_model.model.model.layers.{layer}.{module}.{matrix}.weight");
            tensors.insert(name("lora_A"), (vec![rank, inputs], a.clone()));
            tensors.insert(name("lora_B"), (vec![outputs, rank], b));
        }
    }
    save(&folder.join("adapter_model.safetensors"), &tensors, Dtype::F32);
    let text =
        json!({"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "use_rslora": rslora, "bias": "none", "target_modules": ["q_proj"]});
    fs::write(folder.join("adapter_config.json"), text.to_string()).expect("written");
    delta
}

#[test]
fn an_adapter_of_some_modules_adds_its_scaled_product() {
    for (raw, rslora) in [(llama(), false), (qwen(), true)] {
        let config = ModelConfig::parse(raw.to_string().as_bytes(), Path::new("config.json")).expect("config");
        let (tensors, folder) = (random(&raw, 12), tempfile::tempdir().expect("folder"));
        save(&folder.path().join("model.safetensors"), &tensors, Dtype::BF16);
        let model = Model::load(config.clone(), &Weights::of_model(folder.path()).expect("weights")).expect("model");
        let delta = save_adapter(folder.path(), &config, rslora);
        let adapter = Adapter::open(&Source::Folder(folder.path().to_owned()), "a", &model).expect("adapter");
        assert_close(&model, Some(&adapter), &Definition { config: &config, tensors: &tensors, delta: &delta }, "adapted");
    }
}

/// A whole model folder.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models/eye-tiny");
    for file in ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(fixtures.join(file), folder.path().join(file)).expect(file);
    }
    folder
}

/// What loading says, the folder's own name left out.
fn told(folder: &Path, max_model_len: Option<usize>) -> (u8, String, String) {
    let error = Loaded::open(&Source::Folder(folder.to_owned()), max_model_len).expect_err("refused");
    let problem = error.problem();
    let without = |lang| problem.sentence(lang).replace(&folder.display().to_string(), "DIR");
    (problem.exit() as u8, without(Lang::En), without(Lang::Zh))
}

fn edited(edit: impl FnOnce(&mut serde_json::Value)) -> tempfile::TempDir {
    let folder = folder();
    let path = folder.path().join("config.json");
    let mut config = serde_json::from_slice(&fs::read(&path).expect("read")).expect("JSON");
    edit(&mut config);
    fs::write(path, config.to_string()).expect("written");
    folder
}

#[test]
fn a_whole_folder_loads_like_the_bundled_model() {
    let folder = folder();
    let loaded = Loaded::open(&Source::Folder(folder.path().to_owned()), Some(100)).expect("loaded");
    let bundled = Loaded::open(&Source::Bundled, None).expect("loaded");
    assert_eq!(loaded.model.config, bundled.model.config);
    assert_eq!((loaded.max_model_len, bundled.max_model_len), (100, 2048));
    assert!(loaded.template.is_some() && loaded.generation == bundled.generation);
}

#[test]
fn each_mistake_gets_its_sentence_and_exit_code_2() {
    type Break = fn(&Path);
    let cases: [(Break, &str); 6] = [
        (|dir| fs::remove_file(dir.join("config.json")).expect("removed"), "DIR: there is no config.json in it"),
        (|dir| fs::write(dir.join("config.json"), "{\n\"architectures\": [").expect("written"), "DIR/config.json:2: EOF while parsing"),
        (|dir| fs::remove_file(dir.join("tokenizer.json")).expect("removed"), "DIR: there is no tokenizer.json in it"),
        (|dir| fs::write(dir.join("tokenizer.json"), "{}").expect("written"), "DIR/tokenizer.json: "),
        (|dir| fs::remove_file(dir.join("model.safetensors")).expect("removed"), "DIR: there is neither model.safetensors nor"),
        (
            |dir| fs::write(dir.join("model.safetensors"), "version https://git-lfs").expect("written"),
            "DIR/model.safetensors: it is not a safetensors file: it is a pointer of Git LFS",
        ),
    ];
    for (spoil, sentence) in cases {
        let folder = folder();
        spoil(folder.path());
        let (exit, en, zh) = told(folder.path(), None);
        assert!(exit == 2 && en.starts_with(sentence), "{en}");
        assert!(!zh.is_empty());
    }
    let file = tempfile::NamedTempFile::new().expect("file");
    assert!(told(file.path(), None).1.starts_with("DIR: this is not a folder"));
    assert!(told(Path::new("/no/such/folder"), None).1.contains("No such file"));
}

#[test]
fn truncated_weights_say_how_much_is_missing() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).expect("read");
    for keep in [whole.len() - 1, whole.len() / 2, 100, 3] {
        fs::write(&path, &whole[..keep]).expect("written");
        let (exit, en, zh) = told(folder.path(), None);
        assert!(
            exit == 2 && en.contains("cut off") && en.contains(&format!("{keep} found")) && zh.contains(&format!("{keep} 字节")),
            "{en} {zh}"
        );
        assert!(keep < 1000 || en.contains(&whole.len().to_string()), "{en}");
    }
}

#[test]
fn what_the_engine_can_not_run_is_named_with_what_it_can() {
    let said = |edit: fn(&mut serde_json::Value)| told(edited(edit).path(), None).1;
    let other = said(|config| config["architectures"] = json!(["MistralForCausalLM"]));
    assert!(other.contains("MistralForCausalLM") && other.contains("Qwen2ForCausalLM, LlamaForCausalLM"), "{other}");
    assert!(said(|config| config["architectures"] = json!(null)).contains("no architecture is named"));
    let shape = said(|config| config["intermediate_size"] = json!(512));
    assert!(shape.contains("mlp.gate_proj.weight has shape [768, 256], the configuration says [512, 256]"), "{shape}");
    let missing = said(|config| config["num_hidden_layers"] = json!(9));
    assert!(missing.contains("tensor model.layers.") && missing.contains("is missing"), "{missing}");
    assert!(said(|config| config["quantization_config"] = json!({"quant_method": "awq"})).contains("awq"));
    assert!(said(|config| config["use_sliding_window"] = json!(true)).contains("use_sliding_window"));
    assert!(said(|config| config["hidden_size"] = json!("wide")).contains("config.json:"));
}

#[test]
fn a_context_beyond_the_model_s_is_refused_with_the_most_there_is() {
    let (exit, en, zh) = told(folder().path(), Some(4096));
    assert!(exit == 2 && en.contains("4096") && en.contains("2048") && en.contains("--max-model-len"), "{en}");
    assert!(zh.contains("2048"));
}

#[test]
fn an_adapter_of_another_model_or_kind_is_refused() {
    let model = Loaded::open(&Source::Bundled, None).expect("loaded").model;
    let config = ModelConfig::parse(qwen().to_string().as_bytes(), Path::new("config.json")).expect("config");
    let folder = tempfile::tempdir().expect("folder");
    let said = |model: &Model| Adapter::open(&Source::Folder(folder.path().to_owned()), "a", model).expect_err("refused").to_string();
    assert!(said(&model).contains("there is no adapter_config.json in it"));
    save_adapter(folder.path(), &config, false);
    assert!(said(&model).contains("has shape"), "{}", said(&model));
    fs::write(
        folder.path().join("adapter_config.json"),
        json!({"peft_type": "LORA", "r": 3, "lora_alpha": 1, "use_dora": true}).to_string(),
    )
    .expect("written");
    assert!(said(&model).contains("use_dora"));
}
