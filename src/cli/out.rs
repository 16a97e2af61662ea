//! What a command prints: one document on stdout, everything else on stderr, exit status 0 when the reader went away.

#![expect(clippy::unused_self, reason = "all that a command prints goes through `Out`, whatever it needs of it")]

use crate::base::{Exit, Lang, Problem};
use std::io::{self, Write as _};

/// Where results go and how a problem is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out {
    /// The reader's language.
    pub(super) lang: Lang,
    /// One JSON document on stdout instead of text.
    pub(super) json: bool,
}

impl Out {
    /// Prints `text` and a line end on stdout.
    ///
    /// # Errors
    /// [`Closed`] when stdout is: the command ends with status 0.
    pub(super) fn line(self, text: &str) -> Result<(), Closed> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
        written.map_err(|_| Closed)
    }

    /// Prints `document` as one line of JSON.
    ///
    /// # Errors
    /// As [`Out::line`].
    pub(super) fn document(self, document: &serde_json::Value) -> Result<(), Closed> {
        self.line(&document.to_string())
    }

    /// Tells something on stderr: progress, hints.
    pub(super) fn note(self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Asks something on stderr, without a line end.
    pub(super) fn ask(self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }

    /// Tells a problem: a sentence on stderr, with `--json` also the error document on stdout. Gives its exit status.
    pub(super) fn problem(self, problem: &Problem) -> Exit {
        if self.json {
            let _ = self.document(&problem.document());
        }
        self.note(&format!("dcudeck: {}", problem.sentence(self.lang)));
        problem.exit()
    }
}

/// Nobody reads stdout any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closed;

/// How a command ended, when not by reaching its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// Told to the reader, with its exit status.
    Problem(Problem),
    /// Nobody reads: status 0.
    Closed,
}

impl From<Problem> for Ended {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Closed> for Ended {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}
