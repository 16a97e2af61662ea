//! Errors as vLLM 0.8.5 sends them: its bodies, its words, its statuses.

use super::python;
use crate::embedded::wire::{ErrorBody, StreamError, event};
use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

/// A request that gets an error instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl ApiError {
    /// 400.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "BadRequestError", message: message.into() }
    }

    /// 400 for what vLLM can do and this server cannot.
    pub(super) fn unsupported(what: &str) -> Self {
        Self::bad(format!("{what} is not supported by this server"))
    }

    /// 404 for a model nobody serves here.
    pub(super) fn no_model(name: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, kind: "NotFoundError", message: format!("The model `{name}` does not exist.") }
    }

    /// 500: the engine ended.
    pub(super) fn engine_stopped() -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, kind: "InternalServerError", message: "the engine has stopped".to_owned() }
    }

    /// 413.
    pub(super) fn too_large(limit_bytes: usize) -> Self {
        let message = format!("the request body is longer than {limit_bytes} bytes");
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, kind: "BadRequestError", message }
    }

    /// Pydantic's errors of one body, each already in Python's notation.
    pub(super) fn fields(errors: &[String]) -> Self {
        Self::bad(format!("[{}]", errors.join(", ")))
    }

    /// A check over the whole body failed, as pydantic tells it.
    pub(super) fn body_check(message: &str, body: &Value) -> Self {
        let (msg, input, error) = (python::quoted(&format!("Value error, {message}")), python::repr(body), python::quoted(message));
        Self::bad(format!(
            "[{{'type': 'value_error', 'loc': ('body',), 'msg': {msg}, 'input': {input}, 'ctx': {{'error': ValueError({error})}}}}]"
        ))
    }

    /// The body is not JSON. Python's decoder counts characters; it and ours agree on where, mostly on what.
    pub(super) fn json(error: &serde_json::Error, body: &str) -> Self {
        let before = body.split_inclusive('\n').take(error.line().saturating_sub(1)).map(|line| line.chars().count()).sum::<usize>();
        let at = before + error.column().saturating_sub(1);
        let told = error.to_string();
        let reason = match told.as_str() {
            t if t.starts_with("key must be a string") => "Expecting property name enclosed in double quotes",
            t if t.starts_with("expected `:`") => "Expecting ':' delimiter",
            t if t.starts_with("expected `,`") => "Expecting ',' delimiter",
            t if t.starts_with("trailing characters") => "Extra data",
            t if t.starts_with("control character") => "Invalid control character at",
            t if t.contains("while parsing a string") => "Unterminated string starting at",
            t if t.starts_with("EOF while parsing an object") => "Expecting property name enclosed in double quotes",
            _ => "Expecting value",
        };
        let reason = python::quoted(reason);
        Self::bad(format!(
            "[{{'type': 'json_invalid', 'loc': ('body', {at}), 'msg': 'JSON decode error', 'input': {{}}, 'ctx': {{'error': {reason}}}}}]"
        ))
    }

    fn body(&self) -> ErrorBody<'_> {
        ErrorBody::new(&self.message, self.kind, self.status.as_u16())
    }

    /// As the last event but one of a stream.
    pub(super) fn event(&self) -> Vec<u8> {
        event(&StreamError { error: self.body() })
    }

    /// As vLLM 0.8.5 answers a task the model cannot do: the error with HTTP 200.
    pub(super) fn with_status_200(&self) -> Response {
        json(StatusCode::OK, &self.body())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        json(self.status, &self.body())
    }
}

/// `body` as JSON.
pub(super) fn json<T: serde::Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], Body::from(bytes)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The web framework's own errors: `{"detail": …}`.
pub(super) fn detail(status: StatusCode, text: &str) -> Response {
    json(status, &serde_json::json!({ "detail": text }))
}
