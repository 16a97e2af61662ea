//! The shape of a stream's chunks: servers send the same JSON for each token but for its text and the running counts. Once one chunk
//! was decoded in full, those that differ from it in nothing else need no decoding.

use crate::openai::chunk::{Delta, Usage};
use memchr::{memchr2, memmem};

/// Longest event taken as a shape, bytes: one is kept for each stream under way.
const MOST_BYTES: usize = 1_024;
const COMPLETION: &str = "\"completion_tokens\":";
const TOTAL: &str = "\"total_tokens\":";

/// A chunk with one choice and text, and the places where others of its stream differ.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    /// Up to the text, quote included.
    before: Box<str>,
    /// From the quote after the text on, without the counts.
    after: Box<str>,
    /// Where in `after` the counts were taken out, in their order; which of them is `completion_tokens`.
    counts: [usize; 2],
    completion: usize,
    usage: Option<Usage>,
}

impl Template {
    /// The shape of `data`, which decoded to `delta`; `None` where it is not simple enough.
    pub(super) fn of(data: &str, delta: &Delta<'_>) -> Option<Self> {
        let mut choices = delta.choices();
        let (choice, None) = (choices.next()?, choices.next()) else { return None };
        let text = choice.content();
        let plain =
            choice.index == 0 && choice.finish_reason().is_none() && choice.tool_calls().is_empty() && choice.reasoning().is_empty();
        // Only text that is a slice of the data has no escapes.
        let from = (text.as_ptr() as usize).checked_sub(data.as_ptr() as usize)?;
        let (before, rest) = (data.get(..from)?, data.get(from..)?);
        let rest = rest.strip_prefix(text)?;
        if !plain || text.is_empty() || data.len() > MOST_BYTES || !before.ends_with('"') || !rest.starts_with('"') {
            return None;
        }
        let Some(usage) = delta.usage else {
            let (before, after) = (before.into(), rest.into());
            return Some(Self { before, after, counts: [rest.len(); 2], completion: 0, usage: None });
        };
        let places = [number(rest, COMPLETION, usage.completion_tokens)?, number(rest, TOTAL, usage.total_tokens)?];
        let completion = usize::from(places[0].0 > places[1].0);
        let (first, second) = if completion == 0 { (places[0], places[1]) } else { (places[1], places[0]) };
        let (head, middle, tail) = (rest.get(..first.0)?, rest.get(first.1..second.0)?, rest.get(second.1..)?);
        let counts = [head.len(), head.len() + middle.len()];
        Some(Self { before: before.into(), after: [head, middle, tail].concat().into(), counts, completion, usage: Some(usage) })
    }

    /// Whether `data` has this shape: its usage, where the shape has one.
    #[expect(clippy::option_option, reason = "whether it matches, and whether this shape has a usage at all")]
    pub(super) fn matches(&self, data: &str) -> Option<Option<Usage>> {
        let rest = data.as_bytes().strip_prefix(self.before.as_bytes())?;
        let end = memchr2(b'"', b'\\', rest)?;
        if end == 0 {
            return None;
        }
        let mut rest = rest.get(end..)?;
        let after = self.after.as_bytes();
        let Some(usage) = self.usage else { return (rest == after).then_some(None) };
        let mut values = [0; 2];
        let mut from = 0;
        for (to, value) in self.counts.iter().zip(&mut values) {
            rest = rest.strip_prefix(after.get(from..*to)?)?;
            let digits = rest.iter().take(16).take_while(|b| b.is_ascii_digit()).count();
            let number = rest.get(..digits).filter(|d| (1..=15).contains(&d.len()) && (d.len() == 1 || !d.starts_with(b"0")))?;
            *value = number.iter().fold(0_u64, |n, &digit| n * 10 + u64::from(digit - b'0'));
            rest = rest.get(digits..)?;
            from = *to;
        }
        let [first, second] = values;
        let (completion_tokens, total_tokens) = if self.completion == 0 { (first, second) } else { (second, first) };
        (rest == after.get(from..)?).then_some(Some(Usage { completion_tokens, total_tokens, ..usage }))
    }
}

/// Where the number after `key` is, if the key is there once and the number is `value`.
fn number(text: &str, key: &str, value: u64) -> Option<(usize, usize)> {
    let mut found = memmem::find_iter(text.as_bytes(), key.as_bytes());
    let (at, None) = (found.next()? + key.len(), found.next()) else { return None };
    let digits = text.get(at..)?.bytes().take_while(u8::is_ascii_digit).count();
    (text.get(at..at + digits)?.parse() == Ok(value)).then_some((at, at + digits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::{
        chunk::{Chunk, decode},
        progress::Progress,
    };

    fn template(data: &str) -> Option<Template> {
        match decode(data) {
            Ok(Chunk::Delta(delta)) => Template::of(data, &delta),
            _ => None,
        }
    }

    fn chunk(text: &str, n: u64, finish: &str) -> String {
        format!(
            r#"{{"id":"cmpl-1","choices":[{{"index":0,"text":"{text}","logprobs":null,"finish_reason":{finish}}}],"usage":{{"prompt_tokens":5,"total_tokens":{},"completion_tokens":{n}}}}}"#,
            n + 5
        )
    }

    #[test]
    fn a_chunk_of_the_same_shape_counts_as_if_it_had_been_decoded_and_every_other_is_left_to_the_decoder() {
        let first = chunk(" a", 9, "null");
        let shape = template(&first).expect("a shape");
        for data in [chunk(" b", 10, "null"), chunk("é longer", 1234, "null")] {
            let usage = shape.matches(&data).expect("the same shape");
            let (mut whole, mut known) = (Progress::new(), Progress::new());
            whole.take(&first);
            known.take(&first);
            let seen = whole.take(&data);
            assert_eq!((seen.token, seen.new_tokens), (true, known.take_text(usage)));
            assert_eq!((whole.tokens(), whole.token_events()), (known.tokens(), known.token_events()));
            assert_eq!(whole.usage(), known.usage());
        }
        let others = [
            chunk(" b", 10, "\"stop\""),
            chunk("", 10, "null"),
            chunk("\\n", 10, "null"),
            chunk(" b\",\"x\":\"y", 10, "null"),
            chunk(" b", 10, "null").replace("cmpl-1", "cmpl-2"),
            chunk(" b", 10, "null").replace("\"prompt_tokens\":5", "\"prompt_tokens\":6"),
            chunk(" b", 10, "null").replace(":10}", ":x}"),
            format!("{} ", chunk(" b", 10, "null")),
            "[DONE]".to_owned(),
            String::new(),
        ];
        for data in others {
            assert_eq!(shape.matches(&data), None, "{data}");
        }
    }

    #[test]
    fn what_is_no_plain_text_has_no_shape_and_counts_are_not_needed() {
        for data in [chunk("", 1, "null"), chunk("\\n", 1, "null"), chunk("x", 1, "\"length\"")] {
            assert_eq!(template(&data), None, "{data}");
        }
        let chat = |text: &str| format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#);
        assert_eq!(template(&chat("a")).expect("a shape").matches(&chat("bcd")), Some(None));
        assert_eq!(template(r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#), None);
        assert_eq!(template(r#"{"choices":[{"text":"a"},{"index":1,"text":"b"}]}"#), None);
    }
}
