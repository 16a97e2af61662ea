//! Request bodies: read leniently where pydantic does, refused in its words where it refuses. Fields nobody knows are ignored.

use super::{errors::ApiError, python};
use serde_json::{Map, Value};

/// A body that is a JSON object.
pub(super) fn parse(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Err(ApiError::fields(&["{'type': 'missing', 'loc': ('body',), 'msg': 'Field required', 'input': None}".to_owned()]));
    }
    let text = String::from_utf8_lossy(body);
    let value: Value = serde_json::from_str(&text).map_err(|error| ApiError::json(&error, &text))?;
    if !value.is_object() {
        let input = python::repr(&value);
        return Err(ApiError::fields(&[format!(
            "{{'type': 'model_attributes_type', 'loc': ('body',), 'msg': 'Input should be a valid dictionary or object to extract fields from', 'input': {input}}}"
        )]));
    }
    Ok(value)
}

/// The fields of one body and what is wrong with them so far, in the order they are asked for.
pub(super) struct Fields<'a> {
    map: Option<&'a Map<String, Value>>,
    whole: &'a Value,
    errors: Vec<String>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(whole: &'a Value) -> Self {
        Self { map: whole.as_object(), whole, errors: Vec::new() }
    }

    /// A field that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map?.get(name).filter(|value| !value.is_null())
    }

    /// Python's truth of a field.
    fn truthy(&self, name: &str) -> bool {
        match self.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(b)) => *b,
            Some(Value::Number(n)) => n.as_f64() != Some(0.0),
            Some(Value::String(s)) => !s.is_empty(),
            Some(Value::Array(a)) => !a.is_empty(),
            Some(Value::Object(o)) => !o.is_empty(),
        }
    }

    fn wrong(&mut self, kind: &str, name: &str, message: &str, input: &Value) {
        let input = python::repr(input);
        self.errors.push(format!("{{'type': '{kind}', 'loc': ('body', {}), 'msg': '{message}', 'input': {input}}}", python::quoted(name)));
    }

    pub(super) fn missing(&mut self, name: &str) {
        self.wrong("missing", name, "Field required", self.whole);
    }

    /// A field read by `read`; what it does not read is wrong in one of pydantic's ways.
    fn typed<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Option<T>,
        wrong: impl FnOnce(&Value) -> (&'static str, &'static str),
    ) -> Option<T> {
        let value = self.get(name)?;
        let found = read(value);
        if found.is_none() {
            let (kind, message) = wrong(value);
            self.wrong(kind, name, message, value);
        }
        found
    }

    pub(super) fn integer(&mut self, name: &str) -> Option<i64> {
        let read = |value: &Value| match value {
            Value::Bool(b) => Some(i64::from(*b)),
            Value::Number(n) => n.as_i64().or_else(|| whole_number(n.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        self.typed(name, read, |value| match value {
            Value::Number(_) => ("int_from_float", "Input should be a valid integer, got a number with a fractional part"),
            Value::String(_) => ("int_parsing", "Input should be a valid integer, unable to parse string as an integer"),
            _ => ("int_type", "Input should be a valid integer"),
        })
    }

    pub(super) fn number(&mut self, name: &str) -> Option<f64> {
        let read = |value: &Value| match value {
            Value::Bool(b) => Some(f64::from(u8::from(*b))),
            Value::Number(n) => n.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        self.typed(name, read, |value| match value {
            Value::String(_) => ("float_parsing", "Input should be a valid number, unable to parse string as a number"),
            _ => ("float_type", "Input should be a valid number"),
        })
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let read = |value: &Value| match value {
            Value::Bool(b) => Some(*b),
            Value::Number(n) if n.as_f64() == Some(0.0) => Some(false),
            Value::Number(n) if n.as_f64() == Some(1.0) => Some(true),
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" | "t" | "y" => Some(true),
                "false" | "no" | "off" | "0" | "f" | "n" => Some(false),
                _ => None,
            },
            _ => None,
        };
        self.typed(name, read, |value| match value {
            Value::String(_) => ("bool_parsing", "Input should be a valid boolean, unable to interpret input"),
            _ => ("bool_type", "Input should be a valid boolean"),
        })
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) => Some(text.clone()),
            other => {
                self.wrong("string_type", name, "Input should be a valid string", other);
                None
            }
        }
    }

    pub(super) fn list(&mut self, name: &str) -> Option<&'a [Value]> {
        match self.get(name)? {
            Value::Array(items) => Some(items),
            other => {
                self.wrong("list_type", name, "Input should be a valid list", other);
                None
            }
        }
    }

    /// A text or a list of texts.
    fn texts(&mut self, name: &str) -> Vec<String> {
        match self.get(name) {
            None => Vec::new(),
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
            }
            Some(other) => {
                self.wrong("string_type", name, "Input should be a valid string or a list of strings", other);
                Vec::new()
            }
        }
    }

    /// A list of token ids; a negative one stays as `u32::MAX`, which no vocabulary has.
    pub(super) fn ids(&mut self, name: &str) -> Vec<u32> {
        let Some(items) = self.list(name) else { return Vec::new() };
        let ids: Option<Vec<u32>> = items.iter().map(id).collect();
        ids.unwrap_or_else(|| {
            self.wrong("int_type", name, "Input should be a valid integer", &Value::Array(items.to_vec()));
            Vec::new()
        })
    }

    /// All that was wrong, if anything was.
    pub(super) fn done(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::fields(&self.errors)) }
    }

    fn check(&self, fails: bool, message: &str) -> Result<(), ApiError> {
        if fails { Err(ApiError::body_check(message, self.whole)) } else { Ok(()) }
    }
}

fn whole_number(value: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
    (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64)
}

fn id(value: &Value) -> Option<u32> {
    let number = value.as_i64()?;
    Some(u32::try_from(number).unwrap_or(u32::MAX))
}

/// What both generating endpoints take.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the API's own switches")]
pub(super) struct Common {
    pub(super) model: Option<String>,
    pub(super) max_tokens: Option<i64>,
    pub(super) min_tokens: i64,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<i64>,
    pub(super) seed: Option<i64>,
    pub(super) stop: Vec<String>,
    pub(super) stop_token_ids: Vec<u32>,
    pub(super) include_stop_str: bool,
    pub(super) ignore_eos: bool,
    pub(super) skip_special_tokens: bool,
    pub(super) add_special_tokens: Option<bool>,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    pub(super) continuous_usage: bool,
    /// The first thing asked for that this server cannot do.
    pub(super) unsupported: Option<ApiError>,
}

impl Common {
    fn read(fields: &mut Fields<'_>) -> Self {
        let options = fields.get("stream_options").and_then(Value::as_object);
        let option = |name: &str| options.and_then(|o| o.get(name)).and_then(Value::as_bool).unwrap_or(false);
        let (include_usage, continuous) = (option("include_usage"), option("continuous_usage_stats"));
        let mut common = Self {
            model: fields.text("model").filter(|name| !name.is_empty()),
            max_tokens: fields.integer("max_tokens"),
            min_tokens: fields.integer("min_tokens").unwrap_or(0),
            temperature: fields.number("temperature"),
            top_p: fields.number("top_p"),
            top_k: fields.integer("top_k"),
            seed: fields.integer("seed").filter(|seed| *seed != -1),
            stop: fields.texts("stop"),
            stop_token_ids: fields.ids("stop_token_ids"),
            include_stop_str: fields.flag("include_stop_str_in_output").unwrap_or(false),
            ignore_eos: fields.flag("ignore_eos").unwrap_or(false),
            skip_special_tokens: fields.flag("skip_special_tokens").unwrap_or(true),
            add_special_tokens: fields.flag("add_special_tokens"),
            stream: fields.flag("stream").unwrap_or(false),
            include_usage,
            continuous_usage: include_usage && continuous,
            unsupported: None,
        };
        common.unsupported = unsupported(fields).map(|what| ApiError::unsupported(&what));
        common
    }
}

/// What vLLM would do and this server would silently not: refused rather than ignored.
fn unsupported(fields: &mut Fields<'_>) -> Option<String> {
    for name in ["n", "best_of"] {
        if fields.integer(name).is_some_and(|count| count != 1) {
            return Some(format!("{name} other than 1"));
        }
    }
    for (name, neutral) in [("presence_penalty", 0.0), ("frequency_penalty", 0.0), ("repetition_penalty", 1.0), ("min_p", 0.0)] {
        if fields.number(name).is_some_and(|value| (value - neutral).abs() > f64::EPSILON) {
            return Some(format!("{name} other than {neutral:?}"));
        }
    }
    let format = fields.get("response_format").and_then(|format| format.get("type")).and_then(Value::as_str);
    if let Some(format) = format.filter(|kind| *kind != "text") {
        return Some(format!("response_format {format}"));
    }
    [
        "logit_bias",
        "use_beam_search",
        "guided_json",
        "guided_regex",
        "guided_choice",
        "guided_grammar",
        "structural_tag",
        "logits_processors",
        "allowed_token_ids",
        "truncate_prompt_tokens",
        "prompt_logprobs",
        "echo",
        "return_tokens_as_token_ids",
        "chat_template",
        "documents",
    ]
    .into_iter()
    .find(|name| fields.truthy(name))
    .map(str::to_owned)
}

/// `/v1/chat/completions`.
#[derive(Debug)]
pub(super) struct ChatAsk {
    pub(super) common: Common,
    pub(super) messages: Vec<Value>,
    /// `Some(k)` when log-probabilities are wanted.
    pub(super) logprobs: Option<i64>,
    pub(super) add_generation_prompt: bool,
    pub(super) continue_final_message: bool,
}

impl ChatAsk {
    pub(super) fn read(body: &Value) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        generation_prompt_check(&fields)?;
        let top = fields.integer("top_logprobs");
        fields.check(top.is_some_and(|k| k < 0), "`top_logprobs` must be a positive value.")?;
        let asked = fields.truthy("logprobs");
        fields.check(top.is_some_and(|k| k > 0) && !asked, "when using `top_logprobs`, `logprobs` must be set to true.")?;
        stream_options_check(&fields)?;
        let messages = messages(&mut fields);
        let mut common = Common::read(&mut fields);
        let max_completion = fields.integer("max_completion_tokens");
        common.max_tokens = max_completion.filter(|n| *n != 0).or(common.max_tokens);
        let logprobs = fields.flag("logprobs").unwrap_or(false).then(|| top.unwrap_or(0));
        let add_generation_prompt = fields.flag("add_generation_prompt").unwrap_or(true);
        let continue_final_message = fields.flag("continue_final_message").unwrap_or(false);
        if common.unsupported.is_none() {
            common.unsupported = tools(&fields)?;
        }
        fields.done()?;
        Ok(Self { common, messages, logprobs, add_generation_prompt, continue_final_message })
    }
}

fn messages(fields: &mut Fields<'_>) -> Vec<Value> {
    match fields.list("messages") {
        Some(messages) => {
            for (i, message) in messages.iter().enumerate() {
                if message.get("role").and_then(Value::as_str).is_none() {
                    let input = python::repr(message);
                    fields.errors.push(format!(
                        "{{'type': 'missing', 'loc': ('body', 'messages', {i}, 'role'), 'msg': 'Field required', 'input': {input}}}"
                    ));
                }
            }
            messages.to_vec()
        }
        None if fields.get("messages").is_none() => {
            fields.missing("messages");
            Vec::new()
        }
        None => Vec::new(),
    }
}

fn generation_prompt_check(fields: &Fields<'_>) -> Result<(), ApiError> {
    let both = fields.truthy("continue_final_message") && fields.truthy("add_generation_prompt");
    fields.check(both, "Cannot set both `continue_final_message` and `add_generation_prompt` to True.")
}

fn stream_options_check(fields: &Fields<'_>) -> Result<(), ApiError> {
    let alone = fields.truthy("stream_options") && !fields.truthy("stream");
    fields.check(alone, "Stream options can only be defined when `stream=True`.")
}

/// Tools are refused in vLLM's words where it would refuse them too.
fn tools(fields: &Fields<'_>) -> Result<Option<ApiError>, ApiError> {
    let choice = fields.get("tool_choice");
    if choice.and_then(Value::as_str) == Some("none") {
        return Ok(None);
    }
    fields.check(choice.is_some() && !fields.truthy("tools"), "When using `tool_choice`, `tools` must be set.")?;
    Ok(match (choice.and_then(Value::as_str), fields.truthy("tools")) {
        (Some("auto"), _) | (None, true) if choice.is_none_or(Value::is_string) => {
            Some(ApiError::bad("\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"))
        }
        (_, true) => Some(ApiError::unsupported("tool_choice")),
        _ => None,
    })
}

/// One prompt of a completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
}

/// `/v1/completions`.
#[derive(Debug)]
pub(super) struct CompletionAsk {
    pub(super) common: Common,
    pub(super) prompts: Vec<Prompt>,
    pub(super) logprobs: Option<i64>,
}

impl CompletionAsk {
    pub(super) fn read(body: &Value) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        stream_options_check(&fields)?;
        let logprobs = fields.integer("logprobs");
        fields.check(logprobs.is_some_and(|k| k < 0), "`logprobs` must be a positive value.")?;
        let prompts = match fields.get("prompt") {
            None => {
                fields.missing("prompt");
                Vec::new()
            }
            Some(value) => prompts(value).unwrap_or_else(|| {
                fields.wrong(
                    "string_type",
                    "prompt",
                    "Input should be a valid string, a list of strings, a list of integers or a list of lists of integers",
                    value,
                );
                Vec::new()
            }),
        };
        let mut common = Common::read(&mut fields);
        // Absent means 16; null means as much as fits.
        if body.get("max_tokens").is_none() {
            common.max_tokens = Some(16);
        }
        if fields.get("suffix").is_some() {
            common.unsupported = Some(ApiError::bad("suffix is not currently supported"));
        }
        fields.done()?;
        if prompts.is_empty() {
            return Err(ApiError::bad("please provide at least one prompt"));
        }
        Ok(Self { common, prompts, logprobs })
    }
}

fn prompts(value: &Value) -> Option<Vec<Prompt>> {
    let tokens = |items: &[Value]| items.iter().map(id).collect::<Option<Vec<u32>>>().map(Prompt::Tokens);
    match value {
        Value::String(text) => Some(vec![Prompt::Text(text.clone())]),
        Value::Array(items) => match items.first() {
            None => Some(Vec::new()),
            Some(Value::Number(_)) => tokens(items).map(|one| vec![one]),
            Some(Value::String(_)) => items.iter().map(|v| v.as_str().map(|text| Prompt::Text(text.to_owned()))).collect(),
            Some(Value::Array(_)) => items.iter().map(|v| tokens(v.as_array()?)).collect(),
            Some(_) => None,
        },
        _ => None,
    }
}

/// `/tokenize`: a prompt or messages.
#[derive(Debug)]
pub(super) struct TokenizeAsk {
    pub(super) model: Option<String>,
    pub(super) add_special_tokens: Option<bool>,
    /// Else `messages` are.
    pub(super) prompt: Option<String>,
    pub(super) messages: Vec<Value>,
    pub(super) add_generation_prompt: bool,
    pub(super) continue_final_message: bool,
}

impl TokenizeAsk {
    pub(super) fn read(body: &Value) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        generation_prompt_check(&fields)?;
        let prompt = fields.text("prompt");
        let messages = if fields.get("messages").is_some() { messages(&mut fields) } else { Vec::new() };
        if fields.get("prompt").is_none() && fields.get("messages").is_none() {
            fields.missing("prompt");
            fields.missing("messages");
        }
        let ask = Self {
            model: fields.text("model").filter(|name| !name.is_empty()),
            add_special_tokens: fields.flag("add_special_tokens"),
            prompt,
            messages,
            add_generation_prompt: fields.flag("add_generation_prompt").unwrap_or(true),
            continue_final_message: fields.flag("continue_final_message").unwrap_or(false),
        };
        fields.done()?;
        Ok(ask)
    }
}

/// `/detokenize`: a model and token ids.
pub(super) fn detokenize(body: &Value) -> Result<(Option<String>, Vec<u32>), ApiError> {
    let mut fields = Fields::new(body);
    if fields.get("tokens").is_none() {
        fields.missing("tokens");
    }
    let read = (fields.text("model").filter(|name| !name.is_empty()), fields.ids("tokens"));
    fields.done()?;
    Ok(read)
}
