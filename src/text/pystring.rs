//! Methods of Python's strings and dictionaries that chat templates call.

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{ValueKind, from_args},
};

/// Called for methods that the template engine does not know.
pub(super) fn unknown_method(state: &mut State<'_, '_>, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => of_string(text, method, args),
        (None, ValueKind::Map) => of_map(state, value, method, args),
        _ => Err(ErrorKind::UnknownMethod.into()),
    }
}

fn of_string(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    Ok(match method {
        "strip" | "lstrip" | "rstrip" => {
            let (chars,): (Option<&str>,) = from_args(args)?;
            let goes = |c: char| chars.map_or(c.is_whitespace(), |chars| chars.contains(c));
            match method {
                "strip" => text.trim_matches(goes),
                "lstrip" => text.trim_start_matches(goes),
                _ => text.trim_end_matches(goes),
            }
            .into()
        }
        "startswith" | "endswith" => {
            let (affix,): (Value,) = from_args(args)?;
            let has = |affix: &str| if method == "startswith" { text.starts_with(affix) } else { text.ends_with(affix) };
            match affix.as_str() {
                Some(affix) => has(affix),
                None => affix.try_iter()?.any(|affix| affix.as_str().is_some_and(has)),
            }
            .into()
        }
        "split" | "rsplit" => split(text, method == "rsplit", args)?,
        "splitlines" => {
            from_args::<()>(args)?;
            text.lines().map(Value::from).collect()
        }
        "replace" => {
            let (from, to, count): (&str, &str, Option<i64>) = from_args(args)?;
            match count.and_then(|count| usize::try_from(count).ok()) {
                Some(count) => text.replacen(from, to, count),
                None => text.replace(from, to),
            }
            .into()
        }
        "removeprefix" => text.strip_prefix(from_args::<(&str,)>(args)?.0).unwrap_or(text).into(),
        "removesuffix" => text.strip_suffix(from_args::<(&str,)>(args)?.0).unwrap_or(text).into(),
        "upper" => text.to_uppercase().into(),
        "lower" => text.to_lowercase().into(),
        "capitalize" => {
            let mut chars = text.chars();
            chars
                .next()
                .map(|first| first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect::<String>())
                .unwrap_or_default()
                .into()
        }
        "title" => title(text).into(),
        "find" | "rfind" => {
            let (what,): (&str,) = from_args(args)?;
            let at = if method == "find" { text.find(what) } else { text.rfind(what) };
            at.map_or(-1, |at| i64::try_from(text[..at].chars().count()).unwrap_or(i64::MAX)).into()
        }
        "count" => text.matches(from_args::<(&str,)>(args)?.0).count().into(),
        "join" => {
            let (parts,): (Value,) = from_args(args)?;
            parts.try_iter()?.map(|part| part.to_string()).collect::<Vec<_>>().join(text).into()
        }
        "isdigit" => (!text.is_empty() && text.chars().all(char::is_numeric)).into(),
        "isalpha" => (!text.is_empty() && text.chars().all(char::is_alphabetic)).into(),
        "isspace" => (!text.is_empty() && text.chars().all(char::is_whitespace)).into(),
        "isupper" => (text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)).into(),
        "islower" => (text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)).into(),
        _ => return Err(ErrorKind::UnknownMethod.into()),
    })
}

/// Python's `split` and `rsplit`: at a separator, or at runs of white space.
fn split(text: &str, from_end: bool, args: &[Value]) -> Result<Value, Error> {
    let (separator, most): (Option<Value>, Option<i64>) = from_args(args)?;
    let separator = separator.filter(|separator| !separator.is_none());
    let parts = most.and_then(|most| usize::try_from(most).ok()).map(|most| most.saturating_add(1));
    let mut found: Vec<&str> = match (&separator, parts) {
        (Some(separator), parts) => {
            let separator =
                separator.as_str().filter(|s| !s.is_empty()).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "empty separator"))?;
            match (parts, from_end) {
                (None, _) => return Ok(text.split(separator).map(Value::from).collect()),
                (Some(parts), false) => return Ok(text.splitn(parts, separator).map(Value::from).collect()),
                (Some(parts), true) => text.rsplitn(parts, separator).collect(),
            }
        }
        (None, None) => return Ok(text.split_whitespace().map(Value::from).collect()),
        (None, Some(parts)) => {
            let mut rest = text.trim();
            let mut found = Vec::new();
            while !rest.is_empty() && found.len() + 1 < parts {
                let cut = if from_end { rest.rsplit_once(char::is_whitespace) } else { rest.split_once(char::is_whitespace) };
                let Some((front, back)) = cut else { break };
                let (part, left) = if from_end { (back, front.trim_end()) } else { (front, back.trim_start()) };
                found.push(part);
                rest = left;
            }
            if !rest.is_empty() {
                found.push(rest);
            }
            found
        }
    };
    if from_end {
        found.reverse();
    }
    Ok(found.into_iter().map(Value::from).collect())
}

fn title(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .flat_map(|c| {
            let cased: Vec<char> = if inside { c.to_lowercase().collect() } else { c.to_uppercase().collect() };
            inside = c.is_alphabetic();
            cased
        })
        .collect()
}

fn of_map(state: &mut State<'_, '_>, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "items" => {
            from_args::<()>(args)?;
            state.apply_filter("items", std::slice::from_ref(value))
        }
        "keys" => {
            from_args::<()>(args)?;
            Ok(value.try_iter()?.collect())
        }
        "values" => {
            from_args::<()>(args)?;
            value.try_iter()?.map(|key| value.get_item(&key)).collect()
        }
        "get" => {
            let (key, default): (Value, Option<Value>) = from_args(args)?;
            let found = value.get_item(&key)?;
            Ok(if found.is_undefined() { default.unwrap_or(Value::from(())) } else { found })
        }
        _ => Err(ErrorKind::UnknownMethod.into()),
    }
}
