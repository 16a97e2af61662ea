//! What is loaded: servers, routes to them, which API.

use super::{defaults, is_default};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// The server under test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Base URL without `/v1`, such as `http://127.0.0.1:8000`. Empty in a profile means: the server chosen on the console or by `--url`.
    #[serde(default)]
    pub url: String,
    /// Model name in requests; `None` takes the first of `/v1/models`.
    #[serde(default)]
    pub model: Option<String>,
    /// Which API is used.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// File that holds the API key; else `DCUDECK_API_KEY`, else `OPENAI_API_KEY`. The key itself is never part of a spec.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// More base URLs of the same server (replicas): requests go to `url` and these in turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_urls: Vec<String>,
    /// Headers of every request. `Authorization` is refused here: keys have their own place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Fields of every request's JSON body, put in last.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra_body: serde_json::Map<String, serde_json::Value>,
    /// PEM file of the certificate authority an https server is signed by, besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// HTTP/2, several streams to a connection: agreed on in the handshake of https, known beforehand to an `http://` server. As https it
    /// goes through the general client (reqwest), whose stamps are wider than those of the own one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub http2: bool,
}

/// One of several things that are loaded in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Name in reports; unique in a spec.
    pub name: String,
    /// Base URL; `None`: the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Model or adapter name in requests; `None`: the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Share of the requests, relative to the others'; only in a weighted mix.
    #[serde(default = "defaults::one")]
    pub weight: f64,
}

/// How requests are shared among routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mix {
    /// Each request draws its route by weight, from the seed.
    #[default]
    Weighted,
    /// Interleaved comparison: every prompt goes to every route, one after another from one schedule, the order turning.
    Paired,
}

/// API under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// `POST /v1/completions`: random prompts are sent as token ids, so that their length is exact.
    #[default]
    Completions,
    /// `POST /v1/chat/completions`.
    Chat,
}
