//! The bytes of a request.

use crate::bench::{
    prompts::{Message, Prompt},
    results::Usage,
    spec::Endpoint,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A request about to be written down.
pub(in crate::bench) struct Body<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) model: &'a str,
    pub(super) prompt: &'a Prompt,
    pub(super) max_tokens: u32,
    pub(super) usage: Usage,
    pub(super) ignore_eos: bool,
    /// Put in last; takes the place of a field of the same name.
    pub(super) extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Asking<'a> {
    Ids(&'a [u32]),
    Text(Cow<'a, str>),
    List(Cow<'a, [Message]>),
}

#[derive(Serialize)]
struct Options {
    include_usage: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    continuous_usage_stats: Option<bool>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.put(&mut map, "model", &self.model)?;
        let (key, asking) = self.asking();
        self.put(&mut map, key, &asking)?;
        self.put(&mut map, "max_tokens", &self.max_tokens)?;
        self.put(&mut map, "temperature", &0)?;
        self.put(&mut map, "stream", &true)?;
        let running = match self.usage {
            Usage::Continuous => Some(Some(true)),
            Usage::Final => Some(None),
            Usage::None => None,
        };
        if let Some(continuous_usage_stats) = running {
            self.put(&mut map, "stream_options", &Options { include_usage: true, continuous_usage_stats })?;
        }
        if self.ignore_eos {
            self.put(&mut map, "ignore_eos", &true)?;
        }
        for (key, value) in self.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'a> Body<'a> {
    /// A field, unless the spec has its own.
    fn put<M: SerializeMap>(&self, map: &mut M, key: &str, value: &impl Serialize) -> Result<(), M::Error> {
        if self.extra.contains_key(key) { Ok(()) } else { map.serialize_entry(key, value) }
    }

    fn asking(&self) -> (&'static str, Asking<'a>) {
        let user = |content: String| Asking::List(vec![Message::new("user", content)].into());
        match (self.endpoint, self.prompt) {
            (Endpoint::Completions, Prompt::Ids(ids)) => ("prompt", Asking::Ids(ids)),
            (Endpoint::Completions, Prompt::Text(text)) => ("prompt", Asking::Text(text.into())),
            (Endpoint::Completions, Prompt::Messages(list)) => {
                let text = list.iter().map(|m| m.content.as_str()).collect::<Vec<_>>().join("\n");
                ("prompt", Asking::Text(text.into()))
            }
            (Endpoint::Chat, Prompt::Messages(list)) => ("messages", Asking::List(list.into())),
            (Endpoint::Chat, Prompt::Text(text)) => ("messages", user(text.clone())),
            // A checked spec sends no ids to the chat API.
            (Endpoint::Chat, Prompt::Ids(ids)) => ("messages", user(ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))),
        }
    }

    /// As JSON.
    pub(super) fn json(&self) -> Vec<u8> {
        // Strings, numbers and values that were JSON: there is nothing in it that JSON cannot say.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
