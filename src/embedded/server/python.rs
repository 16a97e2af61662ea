//! Python's notation of JSON values: vLLM puts pydantic's list of errors into its messages as Python prints it.

use serde_json::Value;

/// Longest value shown; a prompt of megabytes is not sent back.
const LONGEST: usize = 2000;

/// `repr(value)`, cut when long.
pub(super) fn repr(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    if out.len() > LONGEST {
        out.truncate(out.floor_char_boundary(LONGEST));
        out.push_str("...");
    }
    out
}

/// `repr` of a string: single quotes unless it has one and no double quote.
pub(super) fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 || (0x7f..0xa0).contains(&u32::from(c)) => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

fn write(value: &Value, out: &mut String) {
    if out.len() > LONGEST {
        return;
    }
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => out.push_str(&quoted(text)),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (i, (name, field)) in fields.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                out.push_str(&quoted(name));
                out.push_str(": ");
                write(field, out);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_look_as_python_prints_them() {
        for (value, want) in [
            (json!(null), "None"),
            (json!([true, false, 1, -1.5, "a"]), "[True, False, 1, -1.5, 'a']"),
            (json!({"k": "it's", "n": {"q": "\"'"}}), r#"{'k': "it's", 'n': {'q': '"\''}}"#),
            (json!("\n\\\u{1b}眼"), r"'\n\\\x1b眼'"),
        ] {
            assert_eq!(repr(&value), want);
        }
        assert!(repr(&json!("眼".repeat(5000))).len() < 2100);
    }
}
