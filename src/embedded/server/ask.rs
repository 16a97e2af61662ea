//! Request bodies: read leniently where pydantic does, refused in its words where it refuses. Fields nobody knows are ignored.

use super::{
    errors::ApiError,
    fields::{Fields, id},
    python,
};
use serde_json::Value;

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
                    fields.add(format!(
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
