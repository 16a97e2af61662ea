//! Reading the layers: each says something about some settings, the strongest that is right holds.

use super::{Kind, SETTINGS, Setting, Settings, Source, Value, setting};
use crate::{
    base::{Lang, Problem, Said},
    said,
    workspace::nearest::nearest,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use toml::de::{DeTable, DeValue};

/// What one layer says about one setting.
struct Saying {
    setting: &'static Setting,
    text: String,
    source: Source,
}

pub(super) fn gather(
    flags: &[(&'static str, String)],
    env: &dyn Fn(&str) -> Option<String>,
    files: &[PathBuf],
) -> (Settings, Vec<Problem>) {
    let mut sayings = Vec::new();
    let mut problems = Vec::new();
    for (name, text) in flags {
        if let Some(setting) = setting(name) {
            heard(setting, text, Source::Flag(setting.flag), &mut sayings, &mut problems);
        }
    }
    for setting in SETTINGS {
        if let Some(text) = env(setting.env) {
            heard(setting, &text, Source::Env(setting.env), &mut sayings, &mut problems);
        } else if setting.name == "color" && env("NO_COLOR").is_some() {
            sayings.push(Saying { setting, text: "off".to_owned(), source: Source::Env("NO_COLOR") });
        }
    }
    for path in files {
        match fs::read_to_string(path) {
            Ok(text) => read_file(path, &text, &mut sayings, &mut problems),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => {
                problems.push(Problem::bad_input("settings.unreadable", said!("cannot be read: {error}", "无法读取：{error}")).file(path));
            }
        }
    }
    let mut settings = Settings { locale: locale(env), ..Settings::default() };
    for value in &mut settings.values {
        if let Some(at) = sayings.iter().position(|saying| saying.setting == value.setting) {
            let saying = sayings.remove(at);
            *value = Value { setting: saying.setting, text: saying.text, source: saying.source };
        }
    }
    (settings, problems)
}

/// POSIX order; an empty variable counts as unset.
fn locale(env: &dyn Fn(&str) -> Option<String>) -> Lang {
    ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| env(name)).map_or(Lang::En, |locale| Lang::of_locale(&locale))
}

/// A flag's or variable's text.
fn heard(setting: &'static Setting, text: &str, source: Source, sayings: &mut Vec<Saying>, problems: &mut Vec<Problem>) {
    let switch = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some("true"),
        "false" | "0" | "no" | "off" => Some("false"),
        _ => None,
    };
    let plain = match setting.kind {
        Kind::Choice(words) => words.iter().find(|word| word.eq_ignore_ascii_case(text)).map(|word| (*word).to_owned()),
        Kind::AutoSwitch if text.eq_ignore_ascii_case("auto") => Some("auto".to_owned()),
        Kind::Switch | Kind::AutoSwitch => switch(text).map(str::to_owned),
        Kind::Number { min, max } => {
            text.parse::<u32>().ok().filter(|number| (min..=max).contains(number)).map(|number| number.to_string())
        }
    };
    match plain {
        Some(text) => sayings.push(Saying { setting, text, source }),
        None => problems.push(wrong(setting, &format!("{text:?}")).field(match source {
            Source::Flag(name) | Source::Env(name) => name,
            Source::File { .. } | Source::BuiltIn => setting.name,
        })),
    }
}

fn read_file(path: &Path, text: &str, sayings: &mut Vec<Saying>, problems: &mut Vec<Problem>) {
    let line_of = |offset: usize| text.bytes().take(offset).filter(|byte| *byte == b'\n').count() as u64 + 1;
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        let problem = Problem::bad_input("settings.syntax", said!("not TOML: {message}", "不是 TOML：{message}")).file(path);
        problems.push(match error.span() {
            Some(span) => problem.line(line_of(span.start)),
            None => problem,
        });
    }
    // A broken line may leave half a key behind: unknown keys are told only of a file that is whole.
    let whole = problems.iter().all(|problem| problem.kind() != "settings.syntax");
    let mut rows: Vec<_> = table.get_ref().iter().collect();
    rows.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in rows {
        let (name, line) = (key.get_ref().as_ref(), line_of(key.span().start));
        let Some(setting) = setting(name) else {
            if whole {
                problems.push(unknown(name).file(path).line(line).field(name));
            }
            continue;
        };
        match plain(setting.kind, value.get_ref()) {
            Some(text) => sayings.push(Saying { setting, text, source: Source::File { path: path.to_path_buf(), line } }),
            None => problems.push(wrong(setting, &shown(value.get_ref())).file(path).line(line).field(name)),
        }
    }
}

/// A TOML value of the setting's type and within its bounds, as text.
fn plain(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match (kind, value) {
        (Kind::Choice(words), DeValue::String(text)) => words.contains(&text.as_ref()).then(|| text.to_string()),
        (Kind::Switch | Kind::AutoSwitch, DeValue::Boolean(on)) => Some(on.to_string()),
        (Kind::AutoSwitch, DeValue::String(text)) => (text == "auto").then(|| text.to_string()),
        (Kind::Number { min, max }, DeValue::Integer(number)) => {
            let number = u32::from_str_radix(number.as_str(), number.radix()).ok()?;
            (min..=max).contains(&number).then(|| number.to_string())
        }
        _ => None,
    }
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Boolean(on) => on.to_string(),
        other => other.type_str().to_owned(),
    }
}

fn unknown(name: &str) -> Problem {
    let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    let all = names.join(", ");
    let fix = match nearest(name, names) {
        Some(meant) => said!("did you mean {meant}?", "是否想写 {meant}？"),
        None => said!("settings are {all}", "可用的设置：{all}"),
    };
    Problem::bad_input("settings.unknown_key", said!("unknown setting", "未知的设置")).fix(fix)
}

fn wrong(setting: &Setting, found: &str) -> Problem {
    let fix = match setting.kind {
        Kind::Choice(words) => {
            let all = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            said!("it is one of {all}", "可取 {all}")
        }
        Kind::Switch => said!("it is true or false", "可取 true 或 false"),
        Kind::AutoSwitch => said!("it is true, false or \"auto\"", "可取 true、false 或 \"auto\""),
        Kind::Number { min, max } => said!("it is a whole number from {min} to {max}", "应为 {min} 到 {max} 的整数"),
    };
    let message: Said = said!("{found} is no value of {}", "{found} 不是 {} 的有效值", setting.name);
    Problem::bad_input("settings.value", message).fix(fix)
}
