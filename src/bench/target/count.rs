//! Counting tokens: by the model's tokenizer file, or by the server's `/tokenize`.

use super::{Address, Asked};
use crate::{base::Problem, bench::prompts::Count};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

/// How long a server may take to count.
const WITHIN: Duration = Duration::from_secs(30);

/// The server's own `/tokenize` (vLLM's): what it will count in `usage`, chat template included.
pub(super) struct Server<'a> {
    pub(super) asked: &'a Asked<'a>,
    pub(super) address: &'a Address,
    pub(super) model: &'a str,
    pub(super) chat: bool,
}

#[derive(Deserialize)]
struct Tokenized {
    count: u64,
}

impl Count for Server<'_> {
    fn by(&self) -> &'static str {
        "server"
    }

    fn count(&mut self, said: &[&str]) -> Result<Option<u64>, Problem> {
        let body = if self.chat {
            json!({"model": self.model, "messages": messages(said), "add_generation_prompt": true})
        } else {
            json!({"model": self.model, "prompt": said.join(" ")})
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let answer = self.asked.ask(self.address, &self.address.post("/tokenize", &body), WITHIN)?;
        // A server without it says so in many ways; none of them stops a load test.
        Ok((answer.status == 200).then(|| serde_json::from_slice::<Tokenized>(&answer.body).ok()).flatten().map(|found| found.count))
    }
}

fn messages(said: &[&str]) -> Vec<Value> {
    let role = |k: usize| if k.is_multiple_of(2) { "user" } else { "assistant" };
    said.iter().enumerate().map(|(k, text)| json!({"role": role(k), "content": text})).collect()
}

/// A counter of `path`: a `tokenizer.json` or its folder. The chat template beside it is counted too; without one, a chat prompt has
/// the length asked for before the server puts its template around it.
///
/// # Errors
/// When it cannot be read, or this build has no tokenizers in it.
#[cfg(feature = "embedded")]
pub(super) fn by_tokenizer(path: &Path, chat: bool) -> Result<Box<dyn Count>, Problem> {
    use crate::text::{ChatTemplate, Tokenizer};
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let wrong = |error: crate::text::TextError| error.problem(folder).field("prompts.random.tokenizer");
    let tokenizer = if path.is_dir() || path.file_name().is_some_and(|name| name == "tokenizer.json") {
        Tokenizer::from_folder(folder).map_err(wrong)?
    } else {
        let bytes = std::fs::read(path).map_err(|error| {
            Problem::bad_input("model.unreadable", crate::said!("it can't be read: {error}", "无法读取：{error}"))
                .file(path)
                .field("prompts.random.tokenizer")
        })?;
        Tokenizer::from_bytes(&bytes, None).map_err(wrong)?
    };
    let template = if chat { ChatTemplate::from_folder(folder).map_err(wrong)? } else { None };
    Ok(Box::new(local::File { tokenizer, template, chat }))
}

/// As above, in a build without tokenizers.
#[cfg(not(feature = "embedded"))]
pub(super) fn by_tokenizer(path: &Path, _: bool) -> Result<Box<dyn Count>, Problem> {
    use crate::said;
    Err(Problem::bad_input(
        "bench.no_tokenizers",
        said!("this build of dcudeck cannot read a tokenizer.json", "此版本的 dcudeck 无法读取 tokenizer.json"),
    )
    .file(path)
    .field("prompts.random.tokenizer")
    .fix(said!("leave it out: the server's /tokenize counts then", "请去掉该项：将由服务器的 /tokenize 计数")))
}

#[cfg(feature = "embedded")]
mod local {
    use super::{Count, Problem, messages};
    use crate::text::{ChatTemplate, Render, Tokenizer};

    pub(super) struct File {
        pub(super) tokenizer: Tokenizer,
        pub(super) template: Option<ChatTemplate>,
        pub(super) chat: bool,
    }

    impl Count for File {
        fn by(&self) -> &'static str {
            "tokenizer"
        }

        fn count(&mut self, said: &[&str]) -> Result<Option<u64>, Problem> {
            let counted = |text: &str, around: bool| self.tokenizer.encode(text, around).map(|ids| ids.len() as u64);
            let tokens = match &self.template {
                Some(template) => {
                    let with = Render { add_generation_prompt: true, ..Render::default() };
                    template.render(&messages(said), with).and_then(|text| counted(&text, false))
                }
                None if self.chat => said.iter().map(|text| counted(text, false)).sum(),
                None => counted(&said.join(" "), true),
            };
            // A template that refuses made-up messages cannot count them.
            Ok(tokens.ok())
        }
    }
}
