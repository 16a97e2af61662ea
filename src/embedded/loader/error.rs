//! Why a model or an adapter can't be loaded, as data and as a sentence.

use crate::{
    base::{Lang, Problem, Said},
    embedded::config::ARCHITECTURES,
    said,
    text::TextError,
};
use std::{fmt, io, path::PathBuf};

/// Why a model or an adapter can't be loaded.
#[derive(Debug)]
pub enum LoadError {
    /// The path is not a folder.
    NotAFolder(PathBuf),
    /// A folder lacks the file that makes it a model (`config.json`) or an adapter (`adapter_config.json`).
    NoConfig {
        /// The folder.
        folder: PathBuf,
        /// The file it lacks.
        file: &'static str,
    },
    /// A file can't be read.
    Unreadable(PathBuf, io::Error),
    /// A JSON file is not JSON, or a field is missing or of the wrong type.
    BadJson {
        /// The file.
        file: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What the parser says.
        what: String,
    },
    /// Another architecture than [`ARCHITECTURES`].
    Architecture {
        /// The file that names it.
        file: PathBuf,
        /// The name; empty if there is none.
        found: String,
    },
    /// A field's value that the engine has no code for.
    Unsupported {
        /// The file.
        file: PathBuf,
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// Neither `model.safetensors` nor its index.
    NoWeights(PathBuf),
    /// A safetensors file ends too early.
    Truncated {
        /// The file.
        file: PathBuf,
        /// What its header says, bytes.
        expected: u64,
        /// What is there, bytes.
        found: u64,
    },
    /// A file that does not begin as safetensors do.
    BadHeader {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A tensor is in none of the files.
    MissingTensor {
        /// The file, or the folder of several.
        place: PathBuf,
        /// Its name.
        name: String,
    },
    /// A tensor's shape is not what the configuration says.
    Shape {
        /// The file.
        file: PathBuf,
        /// The tensor.
        name: String,
        /// By the configuration.
        expected: Vec<usize>,
        /// In the file.
        found: Vec<usize>,
    },
    /// A tensor of a type other than F32, F16, BF16.
    DType {
        /// The file.
        file: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// An adapter's tensor belongs to no layer of the model.
    StrayTensor {
        /// The file.
        file: PathBuf,
        /// The tensor.
        name: String,
    },
    /// The tokenizer or the chat template.
    Text(PathBuf, TextError),
    /// A longer context than the model's.
    ContextTooLong {
        /// The model's `config.json`.
        file: PathBuf,
        /// What was asked for, tokens.
        asked: usize,
        /// The most, tokens.
        derived: usize,
    },
}

impl LoadError {
    pub(crate) fn bad_json(file: &std::path::Path, error: &serde_json::Error) -> Self {
        Self::BadJson { file: file.to_owned(), line: error.line(), what: error.to_string() }
    }

    /// For a person, in both languages; exit status 2.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::NotAFolder(path) => {
                Problem::bad_input("model.not_a_folder", said!("this is not a folder", "这不是文件夹")).file(path).fix(said!(
                    "give the folder with config.json and model.safetensors",
                    "请给出含有 config.json 和 model.safetensors 的文件夹"
                ))
            }
            Self::NoConfig { folder, file } => {
                Problem::bad_input("model.no_config", said!("there is no {file} in it", "其中没有 {file}")).file(folder).fix(said!(
                    "give the folder that directly holds {file}, as Hugging Face lays it out",
                    "请给出直接含有 {file} 的 Hugging Face 格式文件夹"
                ))
            }
            Self::Unreadable(path, error) => {
                Problem::bad_input("model.unreadable", said!("it can't be read: {error}", "无法读取：{error}")).file(path)
            }
            Self::BadJson { file, line, what } => {
                Problem::bad_input("model.bad_json", Said::same(what.clone())).file(file).line(*line as u64)
            }
            Self::Architecture { file, found } => {
                let supported = ARCHITECTURES.join(", ");
                let message = if found.is_empty() {
                    said!("no architecture is named", "没有写明模型结构")
                } else {
                    said!("the embedded engine does not run {found}", "内置引擎不支持 {found}")
                };
                Problem::bad_input("model.architecture", message)
                    .file(file)
                    .field("architectures")
                    .fix(said!("it runs {supported}; serve others with vLLM", "它支持 {supported}；其他模型请用 vLLM 部署"))
            }
            Self::Unsupported { file, field, value } => {
                Problem::bad_input("model.unsupported", said!("the embedded engine has no support for {value}", "内置引擎不支持 {value}"))
                    .file(file)
                    .field(*field)
            }
            Self::ContextTooLong { file, asked, derived } => Problem::bad_input(
                "model.context_too_long",
                said!(
                    "{asked} is more than the model's context of {derived} tokens (max_position_embeddings)",
                    "{asked} 超过了模型的上下文长度 {derived} 个 token（max_position_embeddings）"
                ),
            )
            .file(file)
            .field("--max-model-len")
            .fix(said!("give at most {derived}", "请给出不超过 {derived} 的值")),
            Self::Text(path, error) => error.problem(path),
            weights => weights.weights_problem(),
        }
    }

    /// What is wrong with safetensors files.
    fn weights_problem(&self) -> Problem {
        match self {
            Self::NoWeights(folder) => Problem::bad_input(
                "model.no_weights",
                said!(
                    "there is neither model.safetensors nor model.safetensors.index.json in it",
                    "其中既没有 model.safetensors 也没有 model.safetensors.index.json"
                ),
            )
            .file(folder)
            .fix(said!("convert the weights to safetensors", "请将权重转换为 safetensors")),
            Self::Truncated { file, expected, found } => Problem::bad_input(
                "model.truncated",
                said!("it is cut off: {expected} bytes expected, {found} found", "文件不完整：应有 {expected} 字节，实有 {found} 字节"),
            )
            .file(file)
            .fix(said!("copy or download it again", "请重新复制或下载")),
            Self::BadHeader { file, what } => {
                Problem::bad_input("model.bad_header", said!("it is not a safetensors file: {what}", "它不是 safetensors 文件：{what}"))
                    .file(file)
            }
            Self::MissingTensor { place, name } => {
                Problem::bad_input("model.missing_tensor", said!("tensor {name} is missing", "缺少张量 {name}")).file(place)
            }
            Self::Shape { file, name, expected, found } => Problem::bad_input(
                "model.shape",
                said!(
                    "tensor {name} has shape {found:?}, the configuration says {expected:?}",
                    "张量 {name} 的形状是 {found:?}，配置中为 {expected:?}"
                ),
            )
            .file(file),
            Self::DType { file, name, dtype } => Problem::bad_input(
                "model.dtype",
                said!(
                    "tensor {name} is of type {dtype}; F32, F16 and BF16 can be read",
                    "张量 {name} 的类型是 {dtype}；可读取 F32、F16 和 BF16"
                ),
            )
            .file(file),
            Self::StrayTensor { file, name } => Problem::bad_input(
                "adapter.stray_tensor",
                said!("tensor {name} belongs to no linear layer of this model", "张量 {name} 不属于此模型的任何线性层"),
            )
            .file(file)
            .fix(said!("load the adapter with the model it was trained on", "请与训练时所用的模型一起加载")),
            other => Problem::bad_input("model.bad", Said::same(format!("{other:?}"))),
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem().sentence(Lang::En))
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) => Some(error),
            _ => None,
        }
    }
}
