//! Chat templates: Jinja as transformers sets it up (`chat_template_utils.py`).

use super::{TextError, optional, tokenizer::SpecialToken};
use minijinja::{
    Environment, Error, ErrorKind, Value,
    syntax::SyntaxConfig,
    value::{Kwargs, Serde},
};
use serde::Serialize;
use std::{collections::BTreeMap, io, path::Path};

/// A model's chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// `bos_token`, `eos_token` and the like, by the names templates use.
    special_tokens: BTreeMap<String, String>,
}

/// What a conversation is rendered with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Render<'a> {
    /// Begin the assistant's answer.
    pub add_generation_prompt: bool,
    /// Leave the last message open, to be continued.
    pub continue_final_message: bool,
    /// Descriptions of tools, as the API's `tools`.
    pub tools: Option<&'a serde_json::Value>,
    /// Further variables for the template, such as `enable_thinking`.
    pub variables: Option<&'a serde_json::Map<String, serde_json::Value>>,
}

const NAME: &str = "chat_template";

impl ChatTemplate {
    /// Of a model folder: `chat_template.jinja`, or in `tokenizer_config.json`; `None` if it has none.
    ///
    /// # Errors
    /// [`TextError::Unreadable`], [`TextError::BadJson`], [`TextError::BadTemplate`].
    pub fn from_folder(folder: &Path) -> Result<Option<Self>, TextError> {
        let config = optional(folder, "tokenizer_config.json")?.unwrap_or_else(|| b"{}".to_vec());
        match optional(folder, "chat_template.jinja")? {
            Some(template) => {
                let template = String::from_utf8(template).map_err(|error| TextError::BadTemplate(error.to_string()))?;
                Ok(Some(Self::new(template, special_tokens(&parse(&config)?))?))
            }
            None => Self::from_config(&config),
        }
    }

    /// Of the content of `tokenizer_config.json`; `None` if it has none.
    ///
    /// # Errors
    /// [`TextError::BadJson`], [`TextError::BadTemplate`].
    pub fn from_config(config: &[u8]) -> Result<Option<Self>, TextError> {
        let config = parse(config)?;
        let template = match config.get("chat_template") {
            Some(serde_json::Value::String(template)) => Some(template.as_str()),
            // Several, by name.
            Some(serde_json::Value::Array(named)) => named
                .iter()
                .find(|one| one.get("name").and_then(serde_json::Value::as_str) == Some("default"))
                .and_then(|one| one.get("template"))
                .and_then(serde_json::Value::as_str),
            _ => None,
        };
        template.map(|template| Self::new(template.to_owned(), special_tokens(&config))).transpose()
    }

    fn new(template: String, special_tokens: BTreeMap<String, String>) -> Result<Self, TextError> {
        let bad = |error: &Error| TextError::BadTemplate(error.to_string());
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(|error| bad(&error))?;
        environment.set_syntax(syntax);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", |format: String| {
            jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::system()).strftime(&format).to_string()
        });
        environment.add_filter("tojson", to_json);
        environment.add_template_owned(NAME, template).map_err(|error| bad(&error))?;
        Ok(Self { environment, special_tokens })
    }

    /// A conversation as the model expects it. Messages are the API's objects.
    ///
    /// # Errors
    /// [`TextError::Refused`] with what the template says.
    pub fn render(&self, messages: &[serde_json::Value], with: Render<'_>) -> Result<String, TextError> {
        let refused = |error: &Error| TextError::Refused(error.detail().map_or_else(|| error.to_string(), str::to_owned));
        let mut variables: BTreeMap<&str, Value> =
            self.special_tokens.iter().map(|(name, token)| (name.as_str(), Value::from(token))).collect();
        variables.extend(with.variables.into_iter().flatten().map(|(name, value)| (name.as_str(), Value::from(Serde(value)))));
        variables.insert("messages", Value::from(Serde(messages)));
        variables.insert("tools", with.tools.map_or(Value::from(()), |tools| Value::from(Serde(tools))));
        variables.insert("documents", Value::from(()));
        variables.insert("add_generation_prompt", Value::from(with.add_generation_prompt));
        let template = self.environment.get_template(NAME).map_err(|error| refused(&error))?;
        let text = template.render(variables).map_err(|error| refused(&error))?;
        if with.continue_final_message { open_end(text, messages) } else { Ok(text) }
    }
}

/// Cuts what the template puts after the last message.
fn open_end(mut text: String, messages: &[serde_json::Value]) -> Result<String, TextError> {
    let content = messages.last().and_then(|last| last.get("content")).and_then(serde_json::Value::as_str).unwrap_or_default();
    let at = text.rfind(content.trim()).ok_or_else(|| {
        TextError::Refused("continue_final_message is set, but the template does not write the final message as it stands".to_owned())
    })?;
    // White space at its end stays where the template keeps it.
    let whole = content.trim_start();
    let kept = if text[at..].starts_with(whole) { whole } else { content.trim() };
    text.truncate(at + kept.len());
    Ok(text)
}

fn parse(config: &[u8]) -> Result<serde_json::Value, TextError> {
    serde_json::from_slice(config).map_err(|error| TextError::BadJson("tokenizer_config.json", error))
}

/// The config's fields that end in `_token` and hold one.
fn special_tokens(config: &serde_json::Value) -> BTreeMap<String, String> {
    let fields = config.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("_token"));
    fields
        .filter_map(|(name, value)| {
            let token: SpecialToken = serde_json::from_value(value.clone()).ok()?;
            Some((name.clone(), token.text().to_owned()))
        })
        .collect()
}

/// As Python's `json.dumps(…, ensure_ascii=False)` writes: a blank after colons and commas, nothing escaped for HTML.
#[expect(clippy::needless_pass_by_value, reason = "the signature of a filter")]
fn to_json(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    // Others of Python's arguments change nothing in what a value means.
    for ignored in ["ensure_ascii", "sort_keys", "separators"] {
        let _: Option<Value> = options.get(ignored)?;
    }
    options.assert_all_used()?;
    let bad = |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
    let mut out = Vec::new();
    if let Some(indent) = indent {
        let indent = " ".repeat(indent);
        let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter)).map_err(bad)?;
    } else {
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Spaced)).map_err(bad)?;
    }
    String::from_utf8(out).map(Value::from_safe_string).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// One line with Python's blanks.
struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
