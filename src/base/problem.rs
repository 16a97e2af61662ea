//! A problem as it is told to a person or a script: what was read, where, what is wrong, what to do.
//!
//! Engines keep their own error enums; each turns into a [`Problem`] at the face that shows it.

use super::lang::{Lang, Said};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, path::PathBuf};

/// Exit status of the process, the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Done, with findings: a check failed, an SLO was missed, the client was the limit.
    Findings = 1,
    /// Usage or bad input.
    BadInput = 2,
    /// Could not be done: interrupted, unreachable midway, no request succeeded.
    Failed = 3,
    /// Interrupted by SIGINT before there was a result.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// One problem, ready to be told in either language, also by another process than the one that met it. Boxed inside, so that
/// `Result<T, Problem>` stays small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Inner {
    kind: Cow<'static, str>,
    exit: Exit,
    message: Said,
    fix: Option<Said>,
    file: Option<PathBuf>,
    line: Option<u64>,
    field: Option<String>,
}

impl Problem {
    /// Bad input or usage (exit status 2). `kind` is a stable word for scripts, such as `model.no_config`.
    #[must_use]
    pub fn bad_input(kind: &'static str, message: Said) -> Self {
        Self::new(kind, Exit::BadInput, message)
    }

    /// Something that could not be done (exit status 3).
    #[must_use]
    pub fn failed(kind: &'static str, message: Said) -> Self {
        Self::new(kind, Exit::Failed, message)
    }

    fn new(kind: &'static str, exit: Exit, message: Said) -> Self {
        Self(Box::new(Inner { kind: Cow::Borrowed(kind), exit, message, fix: None, file: None, line: None, field: None }))
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn fix(mut self, fix: Said) -> Self {
        self.0.fix = Some(fix);
        self
    }

    /// The file it was found in.
    #[must_use]
    pub fn file(mut self, file: impl Into<PathBuf>) -> Self {
        self.0.file = Some(file.into());
        self
    }

    /// The line in that file, from 1.
    #[must_use]
    pub fn line(mut self, line: u64) -> Self {
        self.0.line = Some(line);
        self
    }

    /// The field or flag it is about.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Stable word for scripts.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Exit status of a command that ends with it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.0.exit
    }

    /// One line: place, what is wrong, what to do.
    #[must_use]
    pub fn sentence(&self, lang: Lang) -> String {
        let inner = &*self.0;
        let mut out = String::new();
        if let Some(file) = &inner.file {
            out.push_str(&file.display().to_string());
            if let Some(line) = inner.line {
                out.push_str(&format!(":{line}"));
            }
            out.push_str(": ");
        }
        if let Some(field) = &inner.field {
            out.push_str(field);
            out.push_str(": ");
        }
        out.push_str(inner.message.get(lang));
        if let Some(fix) = &inner.fix {
            out.push_str(match lang {
                Lang::En => "; ",
                Lang::Zh => "；",
            });
            out.push_str(fix.get(lang));
        }
        super::clean(&out).into_owned()
    }

    /// The error document of `--json`: `{schema: "dcudeck.error/1", error: {…}}`, always in English.
    #[must_use]
    pub fn document(&self) -> serde_json::Value {
        #[derive(Serialize)]
        struct Error<'a> {
            kind: &'a str,
            message: &'a str,
            file: Option<String>,
            line: Option<u64>,
            field: Option<&'a str>,
            fix: Option<&'a str>,
        }
        let inner = &*self.0;
        serde_json::json!({
            "schema": "dcudeck.error/1",
            "error": Error {
                kind: &inner.kind,
                message: &inner.message.en,
                file: inner.file.as_ref().map(|f| f.display().to_string()),
                line: inner.line,
                field: inner.field.as_deref(),
                fix: inner.fix.as_ref().map(|f| f.en.as_str()),
            }
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(Lang::En))
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::said;

    #[test]
    fn a_sentence_names_place_fault_and_mend() {
        let problem = Problem::bad_input("profile.unknown_key", said!("unknown key", "未知的键"))
            .file("p.yaml")
            .line(3)
            .field("usres")
            .fix(said!("did you mean users?", "是否想写 users？"));
        assert_eq!(problem.sentence(Lang::En), "p.yaml:3: usres: unknown key; did you mean users?");
        assert_eq!(problem.sentence(Lang::Zh), "p.yaml:3: usres: 未知的键；是否想写 users？");
        assert_eq!(problem.exit(), Exit::BadInput);
        assert_eq!(problem.document()["error"]["line"], 3);
        let passed_on: Problem = serde_json::from_str(&serde_json::to_string(&problem).expect("writes")).expect("reads");
        assert_eq!(passed_on, problem);
    }
}
