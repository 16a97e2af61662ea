//! What lets a load test in: the key it shows, and whose certificates it believes.

use crate::{
    base::{Problem, Secret},
    bench::spec,
    openai::client::Trust,
    said,
};
use std::{fmt, path::Path};

/// How the servers of a spec are asked, by its load and beside it.
#[derive(Clone, Default)]
pub(in crate::bench) struct Access {
    /// Goes into the `Authorization` header and nowhere else.
    pub(in crate::bench) key: Option<Secret>,
    /// Authorities besides the system's.
    pub(in crate::bench) trust: Trust,
    /// In HTTP/2.
    pub(in crate::bench) http2: bool,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("key", &self.key.is_some()).field("trust", &self.trust).field("http2", &self.http2).finish()
    }
}

impl Access {
    /// As a spec has it.
    ///
    /// # Errors
    /// A file that cannot be read, a key that no header can carry, a file of certificates without one.
    pub(in crate::bench) fn of(target: &spec::Target) -> Result<Self, Problem> {
        let trust = target.ca_file.as_deref().map_or_else(|| Ok(Trust::default()), trust)?;
        Ok(Self { key: api_key(target)?, trust, http2: target.http2 })
    }
}

fn trust(file: &Path) -> Result<Trust, Problem> {
    Trust::read(file).map_err(|why| {
        Problem::bad_input("bench.ca_file", said!("the certificates cannot be used: {why}", "无法使用该证书文件：{why}"))
            .file(file)
            .field("target.ca_file")
    })
}

/// The key of a spec: its file, else `DCUDECK_API_KEY`, else `OPENAI_API_KEY`.
fn api_key(target: &spec::Target) -> Result<Option<Secret>, Problem> {
    let key = match &target.api_key_file {
        None => Secret::from_env(&["DCUDECK_API_KEY", "OPENAI_API_KEY"]),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Problem::bad_input("bench.key_unreadable", said!("the API key cannot be read: {error}", "无法读取 API 密钥：{error}"))
                    .file(path)
            })?;
            Some(Secret::new(&text))
        }
    };
    if key.as_ref().is_some_and(|key| key.reveal().is_empty() || key.reveal().chars().any(|c| !c.is_ascii_graphic())) {
        return Err(Problem::bad_input(
            "bench.key_malformed",
            said!("the API key is empty or has characters that no header can carry", "API 密钥为空或含有请求头不允许的字符"),
        ));
    }
    Ok(key)
}
