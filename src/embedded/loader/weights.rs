//! Tensors of safetensors files, read one at a time: the format is eight bytes of header length, a JSON header, data.

use super::error::LoadError;
use crate::embedded::product::Packed;
use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Where a file's bytes are.
#[derive(Debug)]
enum Bytes {
    File(File),
    Bundled(&'static [u8]),
}

impl Bytes {
    fn len(&self) -> std::io::Result<u64> {
        match self {
            Self::File(file) => Ok(file.metadata()?.len()),
            Self::Bundled(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// `len` bytes from `from`; both are known to lie inside.
    fn read(&self, from: u64, len: usize) -> std::io::Result<Vec<u8>> {
        match self {
            Self::File(file) => {
                let mut bytes = vec![0; len];
                file.read_exact_at(&mut bytes, from)?;
                Ok(bytes)
            }
            Self::Bundled(all) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                all.get(from..).and_then(|rest| rest.get(..len)).map(<[u8]>::to_vec).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
            }
        }
    }
}

/// One safetensors file.
#[derive(Debug)]
struct Shard {
    path: PathBuf,
    bytes: Bytes,
    /// Where the data begins.
    data: u64,
    tensors: HashMap<String, Info>,
}

#[derive(Debug, Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// More than any real header; a length beyond it means another kind of file.
const HEADER_LIMIT: u64 = 100 << 20;

impl Shard {
    fn open(path: PathBuf, bytes: Bytes) -> Result<Self, LoadError> {
        let unreadable = |error| LoadError::Unreadable(path.clone(), error);
        let found = bytes.len().map_err(unreadable)?;
        if found < 8 {
            return Err(LoadError::Truncated { file: path, expected: 8, found });
        }
        let length: [u8; 8] = bytes.read(0, 8).map_err(unreadable)?.try_into().unwrap_or_default();
        let header = u64::from_le_bytes(length);
        let bad = |what: String| LoadError::BadHeader { file: path.clone(), what };
        if &length == b"version " {
            return Err(bad("it is a pointer of Git LFS, fetch the file itself with git lfs pull".to_owned()));
        }
        if header > HEADER_LIMIT {
            return Err(bad(format!("its header length is {header}")));
        }
        let data = 8 + header;
        if data > found {
            return Err(LoadError::Truncated { file: path, expected: data, found });
        }
        let text = bytes.read(8, usize::try_from(header).unwrap_or(0)).map_err(unreadable)?;
        let raw: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        let mut tensors = HashMap::new();
        let mut end = 0;
        for (name, value) in raw {
            if name == "__metadata__" {
                continue;
            }
            let info: Info = serde_json::from_value(value).map_err(|error| bad(format!("{name}: {error}")))?;
            if info.data_offsets.0 > info.data_offsets.1 {
                return Err(bad(format!("{name}: its data ends before it begins")));
            }
            end = end.max(info.data_offsets.1);
            tensors.insert(name, info);
        }
        let expected = data.saturating_add(end);
        if found < expected {
            return Err(LoadError::Truncated { file: path, expected, found });
        }
        Ok(Self { path, bytes, data, tensors })
    }

    fn read(&self, name: &str, info: &Info) -> Result<Tensor, LoadError> {
        let dtype = match info.dtype.as_str() {
            "F32" => DType::F32,
            "F16" => DType::F16,
            "BF16" => DType::BF16,
            other => return Err(LoadError::DType { file: self.path.clone(), name: name.to_owned(), dtype: other.to_owned() }),
        };
        let bad = |what: &str| LoadError::BadHeader { file: self.path.clone(), what: format!("{name}: {what}") };
        let elements =
            info.shape.iter().try_fold(1_usize, |all, dim| all.checked_mul(*dim)).ok_or_else(|| bad("its shape is too large"))?;
        let len = usize::try_from(info.data_offsets.1 - info.data_offsets.0).unwrap_or(usize::MAX);
        if elements.checked_mul(dtype.size_in_bytes()) != Some(len) {
            return Err(bad("its shape and its data disagree"));
        }
        let bytes =
            self.bytes.read(self.data + info.data_offsets.0, len).map_err(|error| LoadError::Unreadable(self.path.clone(), error))?;
        Tensor::from_raw_buffer(&bytes, dtype, &info.shape, &Device::Cpu).map_err(|error| bad(&error.to_string()))
    }
}

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
struct Index {
    /// File by tensor.
    weight_map: BTreeMap<String, String>,
}

/// All tensors of a model or an adapter.
#[derive(Debug)]
pub(crate) struct Weights {
    /// The file, or the folder of several.
    place: PathBuf,
    shards: Vec<Shard>,
}

impl Weights {
    /// `model.safetensors` of a folder, or the shards its index names.
    pub(crate) fn of_model(folder: &Path) -> Result<Self, LoadError> {
        let single = folder.join("model.safetensors");
        if single.is_file() {
            return Self::of_file(&single);
        }
        let index = folder.join("model.safetensors.index.json");
        let text = match std::fs::read(&index) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(LoadError::NoWeights(folder.to_owned())),
            Err(error) => return Err(LoadError::Unreadable(index, error)),
        };
        let index: Index = serde_json::from_slice(&text).map_err(|error| LoadError::bad_json(&index, &error))?;
        let mut names: Vec<String> = index.weight_map.into_values().collect();
        names.sort_unstable();
        names.dedup();
        let shards = names.into_iter().map(|name| open(folder.join(name))).collect::<Result<_, _>>()?;
        Ok(Self { place: folder.to_owned(), shards })
    }

    /// One file.
    pub(crate) fn of_file(file: &Path) -> Result<Self, LoadError> {
        Ok(Self { place: file.to_owned(), shards: vec![open(file.to_owned())?] })
    }

    /// One file in memory; `name` stands for it in errors.
    pub(crate) fn of_bytes(bytes: &'static [u8], name: &str) -> Result<Self, LoadError> {
        Ok(Self { place: name.into(), shards: vec![Shard::open(name.into(), Bytes::Bundled(bytes))?] })
    }

    /// Names of all tensors with the file each is in.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.shards.iter().flat_map(|shard| shard.tensors.keys().map(|name| (name.as_str(), shard.path.as_path())))
    }

    fn find(&self, name: &str) -> Option<(&Shard, &Info)> {
        self.shards.iter().find_map(|shard| shard.tensors.get(name).map(|info| (shard, info)))
    }

    /// A tensor of this shape.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, LoadError> {
        let (shard, info) = self.find(name).ok_or_else(|| LoadError::MissingTensor { place: self.place.clone(), name: name.to_owned() })?;
        if info.shape != shape {
            let (expected, found) = (shape.to_vec(), info.shape.clone());
            return Err(LoadError::Shape { file: shard.path.clone(), name: name.to_owned(), expected, found });
        }
        shard.read(name, info)
    }

    /// A vector of this length in f32.
    pub(crate) fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, LoadError> {
        let tensor = self.tensor(name, &[len])?;
        tensor.to_dtype(DType::F32).and_then(|tensor| tensor.to_vec1()).map_err(|error| self.tensor_error(&error))
    }

    /// Matrices packed as one layer.
    pub(crate) fn pack(&self, parts: &[Tensor]) -> Result<Packed, LoadError> {
        Packed::new(parts).map_err(|error| self.tensor_error(&error))
    }

    /// What candle could not do with tensors whose shapes were checked before.
    pub(crate) fn tensor_error(&self, error: &candle_core::Error) -> LoadError {
        LoadError::BadHeader { file: self.place.clone(), what: error.to_string() }
    }
}

fn open(path: PathBuf) -> Result<Shard, LoadError> {
    let file = File::open(&path).map_err(|error| LoadError::Unreadable(path.clone(), error))?;
    Shard::open(path, Bytes::File(file))
}
