//! Prompts from a file: JSON Lines or a JSON array in the shapes datasets come in, else one prompt a line.

use super::{Message, Prompt, Turn};
use crate::{
    base::{Problem, Said},
    said,
};
use serde_json::Value;
use std::{fs, path::Path};

/// One row: a text, or a conversation with the places where the server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bench) struct Row {
    what: What,
    /// Tokens wanted back, where the row says so.
    output_len: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Text(String),
    /// Messages, and for each turn how many of them its prompt has.
    Messages(Vec<Message>, Vec<usize>),
}

impl Row {
    /// Requests of this row.
    pub(super) fn turns(&self) -> usize {
        match &self.what {
            What::Text(_) => 1,
            What::Messages(_, asks) => asks.len(),
        }
    }

    /// Its prompts, `mark` put before the first text.
    pub(super) fn prompts(&self, mark: Option<&str>, output_len: u32) -> Vec<Turn> {
        let output_len = self.output_len.unwrap_or(output_len).max(1);
        let mark = mark.unwrap_or_default();
        match &self.what {
            What::Text(text) => vec![Turn { prompt: Prompt::Text(format!("{mark}{text}")), output_len }],
            What::Messages(messages, asks) => {
                let mut messages = messages.clone();
                if let Some(first) = messages.first_mut() {
                    first.content.insert_str(0, mark);
                }
                let prompt = |&count: &usize| Prompt::Messages(messages.get(..count).unwrap_or_default().to_vec());
                asks.iter().map(|count| Turn { prompt: prompt(count), output_len }).collect()
            }
        }
    }
}

/// Reads every row of `path`; with `multi_turn` a conversation asks at each of its answers, else at the last alone.
pub(super) fn read(path: &Path, multi_turn: bool) -> Result<Vec<Row>, Problem> {
    let text = fs::read_to_string(path).map_err(|error| {
        Problem::bad_input("bench.prompts_unreadable", said!("the prompt file cannot be read: {error}", "无法读取提示文件：{error}"))
            .file(path)
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let rows = match text.trim_start().chars().next() {
        Some('[') => array(path, text, multi_turn)?,
        Some('{') => {
            let lines = numbered(text);
            lines
                .map(|(line, text)| json(text).and_then(|value| row(&value, multi_turn)).map_err(|why| bad_row(path, line, &why)))
                .collect::<Result<_, _>>()?
        }
        _ => numbered(text).map(|(_, line)| Row { what: What::Text(line.to_owned()), output_len: None }).collect::<Vec<_>>(),
    };
    if rows.is_empty() {
        return Err(Problem::bad_input("bench.prompts_empty", said!("the file holds no prompt", "文件中没有提示")).file(path));
    }
    Ok(rows)
}

fn array(path: &Path, text: &str, multi_turn: bool) -> Result<Vec<Row>, Problem> {
    let rows: Vec<Value> = serde_json::from_str(text).map_err(|error| bad_row(path, error.line() as u64, &said!("{error}", "{error}")))?;
    rows.iter()
        .enumerate()
        .map(|(k, value)| {
            row(value, multi_turn)
                .map_err(|why| Problem::bad_input("bench.prompts_row", why).file(path).field(format!("row {}", k + 1)).fix(shapes()))
        })
        .collect()
}

/// Lines that are not blank, with their numbers from 1.
fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(text.lines()).map(|(n, line)| (n, line.trim_end())).filter(|(_, line)| !line.trim().is_empty())
}

fn json(line: &str) -> Result<Value, Said> {
    serde_json::from_str(line).map_err(|error| said!("not JSON: {error}", "不是 JSON：{error}"))
}

fn bad_row(path: &Path, line: u64, why: &Said) -> Problem {
    Problem::bad_input("bench.prompts_row", why.clone()).file(path).line(line).fix(shapes())
}

fn shapes() -> Said {
    said!(
        "a row has prompt, messages, instruction (and input), or conversations",
        "每行应含 prompt、messages、instruction（及 input）或 conversations"
    )
}

/// One row: `prompt` (text); `messages` (OpenAI); `instruction` and `input`, with `system` and `history` where they are (alpaca);
/// `conversations`, with `system` (ShareGPT). `output_len` or `max_tokens` says how many tokens are wanted back.
fn row(value: &Value, multi_turn: bool) -> Result<Row, Said> {
    let output_len = ["output_len", "max_tokens"]
        .into_iter()
        .find_map(|key| Some((key, value.get(key).filter(|v| !v.is_null())?)))
        .map(|(key, tokens)| {
            let tokens = tokens.as_u64().and_then(|tokens| u32::try_from(tokens).ok()).filter(|tokens| (1..=4_000_000).contains(tokens));
            tokens.ok_or_else(|| said!("{key} is not a number of tokens from 1 to 4000000", "{key} 不是 1 到 4000000 之间的词元数"))
        })
        .transpose()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(prompt) = text("prompt") {
        return Ok(Row { what: What::Text(prompt.to_owned()), output_len });
    }
    let mut messages: Vec<Message> = text("system").map(|system| Message::new("system", system)).into_iter().collect();
    if let Some(instruction) = text("instruction") {
        let input = text("input").map(|input| format!("\n{input}")).unwrap_or_default();
        let question = format!("{instruction}{input}");
        for pair in value.get("history").and_then(Value::as_array).into_iter().flatten() {
            let part = |k: usize| pair.get(k).and_then(Value::as_str);
            let (Some(asked), Some(answered)) = (part(0), part(1)) else {
                return Err(said!("history holds something other than pairs of texts", "history 中有不是文本对的内容"));
            };
            messages.extend([Message::new("user", asked), Message::new("assistant", answered)]);
        }
        if messages.is_empty() {
            return Ok(Row { what: What::Text(question), output_len });
        }
        messages.push(Message::new("user", question));
        return conversation(messages, multi_turn, output_len, "instruction");
    }
    for (list, role, content) in [("messages", "role", "content"), ("conversations", "from", "value")] {
        let Some(turns) = value.get(list).and_then(Value::as_array) else { continue };
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
            messages.push(Message::new(role, content));
        }
        return conversation(messages, multi_turn, output_len, list);
    }
    Err(said!("no prompt in this row", "此行没有提示"))
}

/// A conversation up to its last question: the recorded answer is what the server is asked for.
fn conversation(mut messages: Vec<Message>, multi_turn: bool, output_len: Option<u32>, list: &str) -> Result<Row, Said> {
    while messages.last().is_some_and(|m| m.role == "assistant") {
        messages.pop();
    }
    if messages.iter().all(|m| m.role == "system") {
        return Err(said!("{list} asks nothing", "{list} 中没有提问"));
    }
    let mut asks = Vec::new();
    if multi_turn {
        // Wherever an answer follows something else, that something was the question.
        let answered = messages.windows(2).enumerate().filter(|(_, pair)| pair.iter().map(|m| m.role == "assistant").eq([false, true]));
        asks.extend(answered.map(|(k, _)| k + 1));
    }
    asks.push(messages.len());
    Ok(Row { what: What::Messages(messages, asks), output_len })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &str, multi_turn: bool) -> Result<Vec<Row>, Problem> {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("p.jsonl");
        fs::write(&path, content).expect("writes");
        read(&path, multi_turn)
    }

    fn prompts(content: &str, multi_turn: bool) -> Vec<Prompt> {
        let rows = of(content, multi_turn).expect("reads");
        rows.iter().flat_map(|row| row.prompts(None, 8)).map(|turn| turn.prompt).collect()
    }

    fn talk(said: &[(&str, &str)]) -> Prompt {
        Prompt::Messages(said.iter().map(|(role, content)| Message::new(role, *content)).collect())
    }

    #[test]
    fn every_shape_a_dataset_comes_in_is_read() {
        let rows = prompts(
            concat!(
                "{\"prompt\": \"a\"}\n\n",
                "{\"instruction\": \"b\", \"input\": \"c\", \"output\": \"d\"}\n",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"e\"}, {\"role\": \"assistant\", \"content\": \"f\"}]}\n",
                "{\"conversations\": [{\"from\": \"human\", \"value\": \"g\"}, {\"from\": \"gpt\", \"value\": \"h\"}], \"system\": \"s\"}\n",
                "{\"instruction\": \"k\", \"output\": \"l\", \"history\": [[\"i\", \"j\"]]}\n",
            ),
            false,
        );
        let text = |text: &str| Prompt::Text(text.to_owned());
        let with_system = talk(&[("system", "s"), ("user", "g")]);
        let with_history = talk(&[("user", "i"), ("assistant", "j"), ("user", "k")]);
        assert_eq!(rows, [text("a"), text("b\nc"), talk(&[("user", "e")]), with_system, with_history]);
        assert_eq!(prompts("[{\"prompt\": \"a\"}]", false), [text("a")]);
        assert_eq!(prompts("眼睛红\nwhat is it?\n", false).len(), 2);
    }

    #[test]
    fn a_conversation_is_replayed_question_by_question_with_the_recorded_answers() {
        let row = r#"{"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "a"}, {"from": "gpt", "value": "b"},
            {"from": "human", "value": "c"}, {"from": "gpt", "value": "d"}]}"#
            .replace('\n', " ");
        let first = talk(&[("system", "s"), ("user", "a")]);
        let second = talk(&[("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c")]);
        assert_eq!(prompts(&row, true), [first, second.clone()]);
        assert_eq!(prompts(&row, false), [second]);
    }

    #[test]
    fn a_row_may_say_how_much_it_wants_back_and_a_mark_goes_first() {
        let rows = of("{\"prompt\": \"a\", \"output_len\": 5}\n{\"prompt\": \"b\", \"max_tokens\": 6}\n{\"prompt\": \"c\"}\n", false);
        let turns: Vec<Turn> = rows.expect("reads").iter().flat_map(|row| row.prompts(Some("[x]\n"), 8)).collect();
        assert_eq!(turns.iter().map(|turn| turn.output_len).collect::<Vec<_>>(), [5, 6, 8]);
        assert_eq!(turns.first().map(|turn| &turn.prompt), Some(&Prompt::Text("[x]\na".to_owned())));
    }

    #[test]
    fn a_bad_row_is_named_by_file_and_line() {
        for (content, place) in [
            ("{\"prompt\": \"a\"}\n{\"prompt\": \n", "p.jsonl:2: not JSON"),
            ("{\"prompt\": \"a\"}\n\n{\"text\": \"b\"}\n", "p.jsonl:3: no prompt in this row"),
            ("[{\"prompt\": \"a\"}, {}]", "p.jsonl: row 2: no prompt"),
            ("{\"messages\": [{\"role\": \"user\"}]}", "p.jsonl:1: messages 1 lacks"),
            ("{\"prompt\": \"a\", \"output_len\": 0}", "p.jsonl:1: output_len is not"),
            ("\n \n", "holds no prompt"),
        ] {
            let problem = of(content, false).expect_err(content).to_string();
            assert!(problem.contains(place), "{problem}");
        }
    }
}
