//! The `deepseek_r1` reasoning parser of vLLM 0.8.5 (`reasoning/deepseek_r1_reasoning_parser.py`).
//!
//! Text before `</think>` is reasoning even when no `<think>` came; without `</think>` all of it is. In a stream the tags are
//! recognised by token id and a chunk that is only a tag is not sent at all, not even when it is the last: such a stream ends
//! without a finish reason, as there. In a whole answer they are recognised in the text.

use std::ops::Range;

/// Opens reasoning.
pub(super) const START: &str = "<think>";
/// Closes it.
pub(super) const END: &str = "</think>";

/// Ids of the two tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tags {
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A whole answer as reasoning and content. Both are `None` rather than empty where vLLM says null.
pub(super) fn whole(text: &str) -> (Option<&str>, Option<&str>) {
    let text = text.split_once(START).map_or(text, |(_, after)| after);
    match text.split_once(END) {
        Some((reasoning, content)) => (Some(reasoning), (!content.is_empty()).then_some(content)),
        None => (Some(text), None),
    }
}

/// What a chunk carries.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Part {
    pub(super) reasoning: Option<String>,
    pub(super) content: Option<String>,
}

/// Splits a stream. Works on positions in the whole text, so that text held back for a stop string is split right too.
#[derive(Debug)]
pub(super) struct Splitter {
    tags: Tags,
    /// Where tags stand in the text.
    cut: Vec<Range<usize>>,
    /// End of the first `</think>`.
    closed: Option<usize>,
}

impl Splitter {
    pub(super) fn new(tags: Tags) -> Self {
        Self { tags, cut: Vec::new(), closed: None }
    }

    /// The next chunk: token `id` whose text stands at `token` in the whole text, and `delta`, what is to be sent now,
    /// starting at `from`. `None`: send nothing.
    pub(super) fn part(&mut self, id: Option<u32>, token: Range<usize>, from: usize, delta: &str) -> Option<Part> {
        let tag = id == Some(self.tags.start) || id == Some(self.tags.end);
        if tag {
            if id == Some(self.tags.end) && self.closed.is_none() {
                self.closed = Some(token.end);
            }
            self.cut.push(token);
        }
        let (mut reasoning, mut content) = (String::new(), String::new());
        for (i, c) in delta.char_indices() {
            let at = from + i;
            if self.cut.iter().any(|tag| tag.contains(&at)) {
                continue;
            }
            if self.closed.is_none_or(|closed| at < closed) { reasoning.push(c) } else { content.push(c) }
        }
        if tag && reasoning.is_empty() && content.is_empty() {
            return None;
        }
        // An empty chunk belongs to where the text stands.
        let ended = self.closed.is_some_and(|closed| from + delta.len() >= closed);
        let both = !reasoning.is_empty() && !content.is_empty();
        Some(match (both, reasoning.is_empty() && (ended || !content.is_empty())) {
            (true, _) => Part { reasoning: Some(reasoning), content: Some(content) },
            (false, true) => Part { reasoning: None, content: Some(content) },
            (false, false) => Part { reasoning: Some(reasoning), content: None },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: Tags = Tags { start: 1, end: 2 };

    #[test]
    fn a_whole_answer_is_split_as_vllm_splits_it() {
        for (text, reasoning, content) in [
            ("<think>why</think>so", "why", Some("so")),
            ("why</think>so", "why", Some("so")),
            ("why, without an end", "why, without an end", None),
            ("<think>why", "why", None),
            ("<think>why</think>", "why", None),
            ("lost<think>why</think>so", "why", Some("so")),
            ("<think></think>so</think>again", "", Some("so</think>again")),
            ("", "", None),
        ] {
            assert_eq!(whole(text), (Some(reasoning), content), "{text:?}");
        }
    }

    /// Streams token texts, one chunk a token, holding back `hold` bytes; tags are single tokens.
    fn streamed(tokens: &[&str], hold: usize) -> (String, String, Vec<Option<Part>>) {
        let (mut splitter, mut text, mut sent) = (Splitter::new(TAGS), String::new(), 0);
        let (mut reasoning, mut content, mut parts) = (String::new(), String::new(), Vec::new());
        for (i, token) in tokens.iter().enumerate() {
            let id = match *token {
                START => 1,
                END => 2,
                _ => 9,
            };
            let span = text.len()..text.len() + token.len();
            text.push_str(token);
            let until = if i + 1 == tokens.len() { text.len() } else { text.len().saturating_sub(hold).max(sent) };
            let part = splitter.part(Some(id), span, sent, &text[sent..until]);
            sent = until;
            if let Some(part) = &part {
                reasoning.push_str(part.reasoning.as_deref().unwrap_or_default());
                content.push_str(part.content.as_deref().unwrap_or_default());
            }
            parts.push(part);
        }
        (reasoning, content, parts)
    }

    #[test]
    fn a_stream_is_split_by_tag_tokens_whatever_is_held_back() {
        for hold in [0, 1, 3, 8, 20] {
            for (tokens, reasoning, content) in [
                (vec!["<think>", "a", "b", "</think>", "c", "d"], "ab", "cd"),
                (vec!["a", "b", "</think>", "c"], "ab", "c"),
                (vec!["a", "b"], "ab", ""),
                (vec!["<think>", "</think>", "c"], "", "c"),
                (vec!["a", "</think>", "b", "<think>", "c"], "a", "bc"),
            ] {
                let (r, c, _) = streamed(&tokens, hold);
                assert_eq!((r.as_str(), c.as_str()), (reasoning, content), "{tokens:?} holding {hold}");
            }
        }
    }

    #[test]
    fn a_chunk_that_is_only_a_tag_is_not_sent() {
        let (.., parts) = streamed(&["<think>", "a", "</think>", "b", ""], 0);
        let reasoning = |text: &str| Some(Part { reasoning: Some(text.to_owned()), content: None });
        let content = |text: &str| Some(Part { reasoning: None, content: Some(text.to_owned()) });
        assert_eq!(parts, [None, reasoning("a"), None, content("b"), content("")]);
        let (.., parts) = streamed(&["a", ""], 0);
        assert_eq!(parts[1], reasoning(""));
    }
}
