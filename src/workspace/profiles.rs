//! Profiles: named YAML files that say how to train, serve or load-test. Those built in are overlaid, file by file, by
//! `WORKSPACE/profiles/KIND/NAME.yaml`.
//!
//! What the keys mean is the engines' affair: this module finds a profile and reads it into whatever type it is asked for.

use super::{Workspace, nearest::nearest};
use crate::{base::Problem, said};
use serde::de::DeserializeOwned;
use serde_saphyr::{DefaultMessageFormatter, Error, MessageFormatter as _};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Profiles in the program itself: kind, name, text.
const BUILT_IN: &[(&str, &str, &str)] = &[
    ("bench", "ab", include_str!("../../profiles/bench/ab.yaml")),
    ("bench", "agent-prefix", include_str!("../../profiles/bench/agent-prefix.yaml")),
    ("bench", "chat", include_str!("../../profiles/bench/chat.yaml")),
    ("bench", "long-context", include_str!("../../profiles/bench/long-context.yaml")),
    ("bench", "lora-mix", include_str!("../../profiles/bench/lora-mix.yaml")),
    ("bench", "matrix", include_str!("../../profiles/bench/matrix.yaml")),
    ("bench", "quick", include_str!("../../profiles/bench/quick.yaml")),
    ("bench", "ramp", include_str!("../../profiles/bench/ramp.yaml")),
    ("bench", "slo-search", include_str!("../../profiles/bench/slo-search.yaml")),
    ("bench", "steady", include_str!("../../profiles/bench/steady.yaml")),
    ("bench", "trace", include_str!("../../profiles/bench/trace.yaml")),
];

/// A profile that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its file; `None` for one built in.
    pub file: Option<PathBuf>,
}

/// The profiles of `kind` in the program itself, by name: name and text.
pub fn built_in(kind: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILT_IN.iter().filter(move |(of, _, _)| *of == kind).map(|(_, name, text)| (*name, *text))
}

/// The profiles of `kind` (such as `bench`), by name; a file hides the built-in profile of the same name.
pub fn list(workspace: &Workspace, kind: &str) -> Vec<Profile> {
    let mut found: BTreeMap<String, Option<PathBuf>> =
        BUILT_IN.iter().filter(|(of, _, _)| *of == kind).map(|(_, name, _)| ((*name).to_owned(), None)).collect();
    for entry in fs::read_dir(workspace.profiles().join(kind)).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "yaml")
            && path.is_file()
            && let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
        {
            found.insert(name.to_owned(), Some(path.clone()));
        }
    }
    found.into_iter().map(|(name, file)| Profile { name, file }).collect()
}

/// The text of a profile and the file it came from, `builtin:KIND/NAME` for one built in. A `name` that holds a `/` or ends in
/// `.yaml` or `.yml` is a path.
///
/// # Errors
/// When there is no such profile (the nearest name is told) or its file cannot be read.
pub fn text(workspace: &Workspace, kind: &str, name: &str) -> Result<(String, PathBuf), Problem> {
    let is_path = name.contains('/') || [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
    let path = if is_path { PathBuf::from(name) } else { workspace.profiles().join(kind).join(format!("{name}.yaml")) };
    match fs::read_to_string(&path) {
        Ok(text) => return Ok((text, path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_path => {}
        Err(error) => {
            let problem = Problem::bad_input("profile.unreadable", said!("the profile cannot be read: {error}", "无法读取配置：{error}"));
            return Err(problem.file(path));
        }
    }
    if let Some((_, _, text)) = BUILT_IN.iter().find(|(of, known, _)| *of == kind && *known == name) {
        return Ok(((*text).to_owned(), PathBuf::from(format!("builtin:{kind}/{name}"))));
    }
    let known: Vec<String> = list(workspace, kind).into_iter().map(|profile| profile.name).collect();
    let all = known.join(", ");
    let fix = match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => said!("did you mean {meant}? There are {all}", "是否想写 {meant}？现有 {all}"),
        None => said!("there are {all}; or give the path of a YAML file", "现有 {all}；也可给出 YAML 文件路径"),
    };
    Err(Problem::bad_input("profile.unknown", said!("no {kind} profile is named {name}", "没有名为 {name} 的 {kind} 配置")).fix(fix))
}

/// Finds a profile as [`text`] does and reads it.
///
/// # Errors
/// As [`text`] and [`parse`].
pub fn load<T: DeserializeOwned>(workspace: &Workspace, kind: &str, name: &str) -> Result<T, Problem> {
    let (text, file) = text(workspace, kind, name)?;
    parse(&text, &file)
}

/// Reads YAML from `file` into a type.
///
/// # Errors
/// One problem with its line and, where there is one, its key: an unknown key with the nearest legal one, a value of another
/// type, a key missing or given twice, or what is no YAML at all.
pub fn parse<T: DeserializeOwned>(text: &str, file: &Path) -> Result<T, Problem> {
    serde_saphyr::from_str(text).map_err(|error| told(&error, text, file))
}

fn told(error: &Error, text: &str, file: &Path) -> Problem {
    let line = error.location().map(|location| location.line()).filter(|line| *line > 0);
    let error = error.without_snippet();
    let (problem, key) = match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let all = expected.join(", ");
            let fix = match nearest(field, expected.iter().copied()) {
                Some(meant) => said!("did you mean {meant}?", "是否想写 {meant}？"),
                None => said!("keys here are {all}", "此处可用的键：{all}"),
            };
            (Problem::bad_input("profile.unknown_key", said!("unknown key", "未知的键")).fix(fix), Some(field.clone()))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let all = expected.join(", ");
            let fix = match nearest(variant, expected.iter().copied()) {
                Some(meant) => said!("did you mean {meant}? It is one of {all}", "是否想写 {meant}？可取 {all}"),
                None => said!("it is one of {all}", "可取 {all}"),
            };
            let problem = Problem::bad_input("profile.value", said!("{variant} is not known here", "此处不能用 {variant}")).fix(fix);
            (problem, key_on(text, line).filter(|key| key != variant))
        }
        Error::SerdeMissingField { field, .. } => {
            (Problem::bad_input("profile.missing_key", said!("the key is missing", "缺少该键")), Some((*field).to_owned()))
        }
        Error::DuplicateMappingKey { key, .. } => {
            (Problem::bad_input("profile.duplicate_key", said!("the key is given twice", "该键重复")), key.clone())
        }
        other => {
            let message = DefaultMessageFormatter.format_message(other);
            let message = message.lines().next().unwrap_or_default().to_owned();
            (Problem::bad_input("profile.value", crate::base::Said::same(message)), key_on(text, line))
        }
    };
    let problem = problem.file(file);
    let problem = line.map_or(problem.clone(), |line| problem.line(line));
    key.map_or(problem.clone(), |key| problem.field(key))
}

/// The key on a line of plain block YAML.
fn key_on(text: &str, line: Option<u64>) -> Option<String> {
    let line = text.lines().nth(usize::try_from(line?).ok()?.checked_sub(1)?)?;
    let (key, _) = line.trim_start_matches(['-', ' ']).split_once(':')?;
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    plain.then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        users: u32,
        #[serde(default)]
        limits: Limits,
        #[serde(default)]
        api: Api,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Limits {
        stall_s: f64,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Api {
        #[default]
        Completions,
        Chat,
    }

    fn told(text: &str) -> String {
        parse::<Shape>(text, Path::new("p.yaml")).expect_err("wrong").to_string()
    }

    #[test]
    fn a_mistake_is_told_with_line_key_and_mend() {
        for (text, said) in [
            ("users: 3\nlimts:\n  stall_s: 1\n", "p.yaml:2: limts: unknown key; did you mean limits?"),
            ("users: 3\nlimits:\n  # slow\n  stal_s: 1\n", "p.yaml:4: stal_s: unknown key; did you mean stall_s?"),
            ("users: 3\nlimits:\n  zebra: 1\n", "p.yaml:3: zebra: unknown key; keys here are stall_s"),
            ("api: chatt\nusers: 1\n", "p.yaml:1: api: chatt is not known here; did you mean chat? It is one of completions, chat"),
            ("users: 1\nusers: 2\n", "p.yaml:2: users: the key is given twice"),
        ] {
            assert_eq!(told(text), said);
        }
        assert!(told("api: chat\n").contains("users: the key is missing"), "{}", told("api: chat\n"));
        let wrong = told("api: chat\nusers: many\n");
        assert!(wrong.starts_with("p.yaml:2: users: ") && wrong.len() < 120, "{wrong}");
        let broken = told("users: [1\n");
        assert!(broken.starts_with("p.yaml:") && !broken.contains('\n') && broken.len() < 200, "{broken}");
    }

    #[test]
    fn a_workspace_file_hides_the_built_in_profile_and_a_path_is_a_path() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let workspace = Workspace::at(dir.path());
        let names = |workspace: &Workspace| list(workspace, "bench").into_iter().map(|p| (p.name, p.file.is_some())).collect::<Vec<_>>();
        let built_in = names(&workspace);
        assert!(built_in.contains(&("quick".to_owned(), false)) && built_in.iter().all(|(_, file)| !file), "{built_in:?}");
        assert_eq!(text(&workspace, "bench", "quick").expect("built in").1, Path::new("builtin:bench/quick"));

        let folder = workspace.profiles().join("bench");
        fs::create_dir_all(&folder).expect("makes");
        fs::write(folder.join("quick.yaml"), "users: 7\n").expect("writes");
        fs::write(folder.join("notes.txt"), "").expect("writes");
        let own = |(name, _): &(String, bool)| (name.clone(), name == "quick");
        assert_eq!(names(&workspace), built_in.iter().map(own).collect::<Vec<_>>());
        let shape: Shape = load(&workspace, "bench", "quick").expect("loads");
        assert_eq!((shape.users, shape.limits.stall_s, matches!(shape.api, Api::Completions)), (7, 0.0, true));
        let path = folder.join("quick.yaml").display().to_string();
        assert_eq!(load::<Shape>(&workspace, "bench", &path).expect("loads").users, 7);
        assert!(load::<Shape>(&workspace, "bench", "no/such.yaml").is_err_and(|problem| problem.kind() == "profile.unreadable"));
    }

    #[test]
    fn an_unknown_profile_names_the_nearest_and_all_there_are() {
        let workspace = Workspace::at("/nonexistent");
        let problem = text(&workspace, "bench", "quik").expect_err("unknown");
        let names = BUILT_IN.iter().filter(|(kind, _, _)| *kind == "bench").map(|(_, name, _)| *name).collect::<Vec<_>>().join(", ");
        assert_eq!(problem.to_string(), format!("no bench profile is named quik; did you mean quick? There are {names}"));
        assert_eq!(problem.exit(), crate::base::Exit::BadInput);
    }
}
