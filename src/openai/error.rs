//! What servers answer when they refuse: six shapes of body, one [`ApiError`].

use crate::base::{Secret, clean};
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// Longest message kept, characters: a server that echoes a whole prompt back must not fill a log.
const MESSAGE_CHARS: usize = 600;

/// A refusal as a server put it, cleaned of control sequences and of the API key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ApiError {
    /// HTTP status; 200 for an error told inside a stream, or by vLLM 0.8.5 for a task the model cannot do.
    pub status: u16,
    /// The server's word for it (`BadRequestError`, `NotFoundError` …); empty where it gives none.
    pub kind: String,
    /// The server's sentence, on one line.
    pub message: String,
    /// The parameter it is about.
    pub param: Option<String>,
    /// The server's own code: a number in vLLM, a word in OpenAI's service.
    pub code: Option<String>,
}

impl ApiError {
    /// The error in an answer's body. It never fails: what is no JSON is told as text, an empty body by the status.
    /// `key` is what must not appear in it.
    ///
    /// Shapes: `{"object":"error","message",…}` (vLLM up to 0.10.0), `{"error":{"message",…}}` (later, and OpenAI),
    /// `{"error":"text"}` (vLLM's API key check), `{"detail":…}` (`FastAPI`), and HTML or plain text of a proxy.
    #[must_use]
    pub fn from_body(status: u16, body: &[u8], key: Option<&Secret>) -> Self {
        let mut error = match serde_json::from_slice::<Value>(body) {
            Ok(json) => Self::from_json(status, &json),
            Err(_) => Self { status, message: plain(&String::from_utf8_lossy(body)), ..Self::default() },
        };
        if error.message.trim().is_empty() {
            let reason = http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
            error.message = reason.map_or_else(|| "no reason given".to_owned(), str::to_owned);
        }
        error.redacted(key)
    }

    /// The error that a JSON document holds, if it holds one: for bodies that came with status 200 and for events.
    /// Where the request carried a key, [`redacted`](Self::redacted) comes next.
    #[must_use]
    pub fn in_json(status: u16, json: &Value) -> Option<Self> {
        let told = json.get("error").is_some_and(|e| !e.is_null()) || json.get("object").and_then(Value::as_str) == Some("error");
        told.then(|| Self::from_json(status, json))
    }

    /// Without `key`, and cut to a length that a log can bear.
    #[must_use]
    pub fn redacted(self, key: Option<&Secret>) -> Self {
        let tidy = |text: String| cut(key.map_or(text.clone(), |key| key.redact(&text)));
        Self {
            status: self.status,
            kind: tidy(self.kind),
            message: tidy(self.message),
            param: self.param.map(tidy),
            code: self.code.map(tidy),
        }
    }

    fn from_json(status: u16, json: &Value) -> Self {
        let (object, message) = match (json.get("error"), json.get("detail")) {
            (Some(inner @ Value::Object(_)), _) => (inner, inner.get("message").map(text)),
            (Some(Value::Null) | None, Some(detail)) => (json, Some(self::detail(detail))),
            (Some(Value::Null) | None, None) => (json, json.get("message").map(text)),
            (Some(word), _) => (json, Some(text(word))),
        };
        let field = |name: &str| object.get(name).filter(|v| !v.is_null()).map(text);
        Self {
            status,
            kind: field("type").unwrap_or_default(),
            message: message.unwrap_or_else(|| text(object)),
            param: field("param"),
            code: field("code"),
        }
    }

    /// The status it amounts to: the one inside the body where HTTP said 200 (vLLM puts it in `code`).
    #[must_use]
    pub fn meant_status(&self) -> u16 {
        let inner = self.code.as_deref().and_then(|code| code.parse().ok()).filter(|code| (400..600).contains(code));
        if self.status < 400 { inner.unwrap_or(self.status) } else { self.status }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {}", self.meant_status())?;
        if !self.kind.is_empty() {
            write!(f, " {}", self.kind)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ApiError {}

/// A JSON value as a person writes it: strings without quotes; cleaned, so that a key broken by control characters is whole
/// again when it is looked for.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| clean(&value.to_string()).into_owned(), |text| clean(text).into_owned())
}

/// `FastAPI`'s `detail`: a sentence, or a list of `{loc, msg}`.
fn detail(detail: &Value) -> String {
    let Some(list) = detail.as_array() else { return text(detail) };
    let one = |item: &Value| {
        let place: Vec<String> = item.get("loc").and_then(Value::as_array).map(|loc| loc.iter().map(text).collect()).unwrap_or_default();
        let message = item.get("msg").map_or_else(|| text(item), text);
        if place.is_empty() { message } else { format!("{}: {message}", place.join(".")) }
    };
    list.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// The sentence in a body that is no JSON: the title of an HTML page, else the text itself.
fn plain(body: &str) -> String {
    if !body.trim_start().starts_with('<') {
        return clean(body.trim()).into_owned();
    }
    let title = |open: &str, close: &str| body.split_once(open)?.1.split_once(close).map(|(title, _)| clean(title.trim()).into_owned());
    title("<title>", "</title>").or_else(|| title("<TITLE>", "</TITLE>")).unwrap_or_default()
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MESSAGE_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
