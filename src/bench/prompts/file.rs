//! Prompts from a file: JSON Lines or a JSON array in the shapes datasets come in, else one prompt a line.

use super::{Message, Prompt};
use crate::{base::Problem, said};
use serde_json::Value;
use std::{fs, path::Path};

/// Reads every prompt of `path`.
pub(super) fn read(path: &Path) -> Result<Vec<Prompt>, Problem> {
    let text = fs::read_to_string(path).map_err(|error| {
        Problem::bad_input("bench.prompts_unreadable", said!("the prompt file cannot be read: {error}", "无法读取提示文件：{error}"))
            .file(path)
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let prompts = match text.trim_start().chars().next() {
        Some('[') => array(path, text)?,
        Some('{') => {
            let lines = numbered(text);
            lines
                .map(|(line, text)| json(text).and_then(|row| prompt(&row)).map_err(|why| bad_row(path, line, &why)))
                .collect::<Result<_, _>>()?
        }
        _ => numbered(text).map(|(_, line)| Prompt::Text(line.to_owned())).collect::<Vec<_>>(),
    };
    if prompts.is_empty() {
        return Err(Problem::bad_input("bench.prompts_empty", said!("the file holds no prompt", "文件中没有提示")).file(path));
    }
    Ok(prompts)
}

fn array(path: &Path, text: &str) -> Result<Vec<Prompt>, Problem> {
    let rows: Vec<Value> = serde_json::from_str(text).map_err(|error| bad_row(path, error.line() as u64, &said!("{error}", "{error}")))?;
    rows.iter()
        .enumerate()
        .map(|(k, row)| {
            prompt(row).map_err(|why| Problem::bad_input("bench.prompts_row", why).file(path).field(format!("row {}", k + 1)).fix(shapes()))
        })
        .collect()
}

/// Lines that are not blank, with their numbers from 1.
fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(text.lines()).map(|(n, line)| (n, line.trim_end())).filter(|(_, line)| !line.trim().is_empty())
}

fn json(line: &str) -> Result<Value, crate::base::Said> {
    serde_json::from_str(line).map_err(|error| said!("not JSON: {error}", "不是 JSON：{error}"))
}

fn bad_row(path: &Path, line: u64, why: &crate::base::Said) -> Problem {
    Problem::bad_input("bench.prompts_row", why.clone()).file(path).line(line).fix(shapes())
}

fn shapes() -> crate::base::Said {
    said!(
        "a row has prompt, messages, instruction (and input), or conversations",
        "每行应含 prompt、messages、instruction（及 input）或 conversations"
    )
}

/// The prompt of one row: `prompt` (text); `messages` (OpenAI); `instruction` and `input` (alpaca); `conversations` (ShareGPT: the turns
/// up to the last that is not the assistant's).
fn prompt(row: &Value) -> Result<Prompt, crate::base::Said> {
    let text = |key: &str| row.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(prompt) = text("prompt") {
        return Ok(Prompt::Text(prompt.to_owned()));
    }
    if let Some(instruction) = text("instruction") {
        let input = text("input").map(|input| format!("\n{input}")).unwrap_or_default();
        return Ok(Prompt::Text(format!("{instruction}{input}")));
    }
    for (list, role, content) in [("messages", "role", "content"), ("conversations", "from", "value")] {
        let Some(turns) = row.get(list).and_then(Value::as_array) else { continue };
        let mut messages = Vec::with_capacity(turns.len());
        for (k, turn) in turns.iter().enumerate() {
            let (Some(role), Some(content)) = (turn.get(role).and_then(Value::as_str), turn.get(content).and_then(Value::as_str)) else {
                let at = k + 1;
                return Err(said!("{list} {at} lacks {role} or {content} as text", "{list} 第 {at} 项缺少文本 {role} 或 {content}"));
            };
            let role = match role {
                "human" => "user",
                "gpt" => "assistant",
                "observation" => "tool",
                other => other,
            };
            messages.push(Message { role: role.to_owned(), content: content.to_owned() });
        }
        // The recorded answer is what the server is asked for.
        while messages.last().is_some_and(|m| m.role == "assistant") {
            messages.pop();
        }
        if messages.is_empty() {
            return Err(said!("{list} asks nothing", "{list} 中没有提问"));
        }
        return Ok(Prompt::Messages(messages));
    }
    Err(said!("no prompt in this row", "此行没有提示"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &str) -> Result<Vec<Prompt>, Problem> {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("p.jsonl");
        fs::write(&path, content).expect("writes");
        read(&path)
    }

    #[test]
    fn every_shape_a_dataset_comes_in_is_read() {
        let rows = of(concat!(
            "{\"prompt\": \"a\"}\n\n",
            "{\"instruction\": \"b\", \"input\": \"c\", \"output\": \"d\"}\n",
            "{\"messages\": [{\"role\": \"user\", \"content\": \"e\"}, {\"role\": \"assistant\", \"content\": \"f\"}]}\n",
            "{\"conversations\": [{\"from\": \"human\", \"value\": \"g\"}, {\"from\": \"gpt\", \"value\": \"h\"}]}\n",
        ))
        .expect("reads");
        let user = |content: &str| Prompt::Messages(vec![Message { role: "user".to_owned(), content: content.to_owned() }]);
        assert_eq!(rows, [Prompt::Text("a".to_owned()), Prompt::Text("b\nc".to_owned()), user("e"), user("g")]);
        assert_eq!(of("[{\"prompt\": \"a\"}]").expect("array"), [Prompt::Text("a".to_owned())]);
        assert_eq!(of("眼睛红\nwhat is it?\n").expect("lines").len(), 2);
    }

    #[test]
    fn a_bad_row_is_named_by_file_and_line() {
        for (content, place) in [
            ("{\"prompt\": \"a\"}\n{\"prompt\": \n", "p.jsonl:2: not JSON"),
            ("{\"prompt\": \"a\"}\n\n{\"text\": \"b\"}\n", "p.jsonl:3: no prompt in this row"),
            ("[{\"prompt\": \"a\"}, {}]", "p.jsonl: row 2: no prompt"),
            ("{\"messages\": [{\"role\": \"user\"}]}", "p.jsonl:1: messages 1 lacks"),
            ("\n \n", "holds no prompt"),
        ] {
            let problem = of(content).expect_err(content).to_string();
            assert!(problem.contains(place), "{problem}");
        }
    }
}
