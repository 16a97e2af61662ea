//! Fields of a JSON body, read leniently where pydantic does and refused in its words where it refuses.

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
    pub(super) fn truthy(&self, name: &str) -> bool {
        match self.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(b)) => *b,
            Some(Value::Number(n)) => n.as_f64() != Some(0.0),
            Some(Value::String(s)) => !s.is_empty(),
            Some(Value::Array(a)) => !a.is_empty(),
            Some(Value::Object(o)) => !o.is_empty(),
        }
    }

    pub(super) fn wrong(&mut self, kind: &str, name: &str, message: &str, input: &Value) {
        let input = python::repr(input);
        self.errors.push(format!("{{'type': '{kind}', 'loc': ('body', {}), 'msg': '{message}', 'input': {input}}}", python::quoted(name)));
    }

    /// One more error, in Python's notation.
    pub(super) fn add(&mut self, error: String) {
        self.errors.push(error);
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
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
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

    pub(super) fn check(&self, fails: bool, message: &str) -> Result<(), ApiError> {
        if fails { Err(ApiError::body_check(message, self.whole)) } else { Ok(()) }
    }
}

fn whole_number(value: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
    (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64)
}

/// A token id; one outside of `u32` becomes `u32::MAX`, which no vocabulary has.
pub(super) fn id(value: &Value) -> Option<u32> {
    let number = value.as_i64()?;
    Some(u32::try_from(number).unwrap_or(u32::MAX))
}
