//! What a server says of itself: its models and its version.
//!
//! Asked with the client that chat uses rather than with one of its own: https, proxies, keys in error texts and bodies without
//! end are handled there once.

use crate::{
    base::{Problem, Secret},
    openai::{
        client::{Client, Patience},
        types::Model,
    },
    said,
};
use std::time::Duration;

/// A server that answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Its URL without `/v1`.
    pub url: String,
    /// What it serves; an adapter names its model as `parent`.
    pub models: Vec<Model>,
    /// Its version; `None` for servers that tell none.
    pub version: Option<String>,
}

impl Server {
    /// The first model that is no adapter: what is asked when nobody says which.
    #[must_use]
    pub fn model(&self) -> Option<&Model> {
        self.models.iter().find(|model| model.parent.is_none()).or(self.models.first())
    }

    /// Context length of that model, tokens; `None` when the server does not tell.
    #[must_use]
    pub fn max_model_len(&self) -> Option<u64> {
        self.model()?.max_model_len
    }
}

/// Asks the server at `url` (`http://HOST:PORT`, with or without `/v1`) what it serves, giving it `within` for each answer. Blocks
/// the calling thread, which must not be one of an async runtime.
///
/// # Errors
/// When the URL is none, nobody answers in time, or what answers is no such server or wants another key.
pub fn probe(url: &str, key: Option<Secret>, within: Duration) -> Result<Server, Problem> {
    let patience = Patience { connect: within, question: within, ..Patience::default() };
    let client = Client::new(url, key, patience).map_err(|error| error.problem())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Problem::failed("serving.runtime", said!("no connection can be prepared: {error}", "无法准备网络连接：{error}"))
    })?;
    let (models, version) = runtime.block_on(async { tokio::join!(client.models(), client.version()) });
    Ok(Server { url: client.url().to_owned(), models: models.map_err(|error| error.problem())?, version: version.ok() })
}
