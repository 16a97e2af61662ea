//! One answer as it arrives: every chunk's stamp and tokens, counted without keeping text.
//!
//! What a token event is, `openai::progress` decides, for chat and for load tests alike; here it gets its time.

use super::template::Template;
use crate::{
    base::Secret,
    bench::record::{Class, Failure, Record},
    openai::{
        chunk::Chunk,
        progress::{Finish, Progress},
    },
};

/// Shapes looked for in one answer: a server whose chunks never repeat is not asked for ever.
const MOST_SHAPES: u8 = 4;

/// The arrivals of one answer.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    progress: Progress,
    gaps_us: Vec<u32>,
    /// Empty as long as every chunk carried one token.
    tokens: Vec<u32>,
    /// Stamp the next gap counts from.
    previous_us: u64,
    /// Stamp of the last read that brought an event.
    read_us: Option<u64>,
    coalesced: u32,
    first_us: Option<u64>,
    answer_us: Option<u64>,
    last_us: Option<u64>,
    event_us: Option<u64>,
    counted: u64,
    malformed: Option<String>,
    /// The shape of its chunks, once one was seen.
    template: Option<Box<Template>>,
    shapes: u8,
}

/// What an event brought, for the live figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Brought {
    /// Tokens.
    pub(super) tokens: u32,
    /// µs since the arrival before; `None` for the first token.
    pub(super) gap_us: Option<u64>,
}

impl Arrivals {
    /// An answer to a request of `expected` tokens, sent at `sent_us`.
    pub(super) fn begin(&mut self, sent_us: u64, expected: usize) {
        self.previous_us = sent_us;
        // Usage and role chunks come on top; what a server sends beyond grows the list.
        self.gaps_us.reserve(expected.min(1 << 16) + 2);
    }

    /// Takes in one event's data, read at `at_us`; `None` when it brought no token.
    pub(super) fn event(&mut self, data: &str, at_us: u64) -> Option<Brought> {
        if let Some(brought) = self.known(data.as_bytes(), at_us) {
            return brought;
        }
        self.read_at(at_us);
        let seen = self.progress.take(data);
        let delta = match seen.chunk {
            Ok(Chunk::Done) => return None,
            Ok(Chunk::Failed(_)) => {
                self.event_us = Some(at_us);
                return None;
            }
            Err(malformed) => {
                self.malformed.get_or_insert_with(|| malformed.to_string());
                return None;
            }
            Ok(Chunk::Delta(delta)) => delta,
        };
        self.event_us = Some(at_us);
        let (mut any, mut answer) = (false, false);
        for choice in delta.choices() {
            any = true;
            answer |= !choice.content().is_empty() || !choice.tool_calls().is_empty();
        }
        if !any {
            return None;
        }
        if self.shapes < MOST_SHAPES
            && let Some(template) = Template::of(data, &delta)
        {
            self.shapes += 1;
            self.template = Some(Box::new(template));
        }
        self.arrival(seen.new_tokens, seen.token, answer, at_us)
    }

    /// Takes in a whole event as it stands in the stream, when it has the shape seen before; `None` leaves it to be parsed.
    #[expect(clippy::option_option, reason = "whether it is known, and whether it brought a token")]
    pub(super) fn whole(&mut self, event: &[u8], at_us: u64) -> Option<Option<Brought>> {
        self.known(event.strip_prefix(b"data: ")?.strip_suffix(b"\n\n")?, at_us)
    }

    /// Takes in an event's data when it has the shape seen before.
    #[expect(clippy::option_option, reason = "whether it is known, and whether it brought a token")]
    fn known(&mut self, data: &[u8], at_us: u64) -> Option<Option<Brought>> {
        let usage = self.template.as_ref()?.matches(data)?;
        self.read_at(at_us);
        let rise = self.progress.take_text(usage);
        self.event_us = Some(at_us);
        Some(self.arrival(rise, true, true, at_us))
    }

    /// An event came with the read at `at_us`.
    fn read_at(&mut self, at_us: u64) {
        self.coalesced += u32::from(self.read_us == Some(at_us));
        self.read_us = Some(at_us);
    }

    /// Counts a chunk with a choice: the rise of the server's count, whether it is a token event, whether it is of the answer.
    fn arrival(&mut self, rise: Option<u64>, token: bool, answer: bool, at_us: u64) -> Option<Brought> {
        // The server's own count decides; where it gives none, an event with text is a token.
        let tokens = rise.map_or(u32::from(token), |n| u32::try_from(n).unwrap_or(u32::MAX));
        self.chunk(tokens, at_us);
        // Text held back earlier comes without a new token; only as the very first it is an arrival of its own.
        if !token || (tokens == 0 && self.first_us.is_some()) {
            return None;
        }
        if answer {
            self.answer_us.get_or_insert(at_us);
        }
        let gap_us = self.last_us.map(|last| at_us.saturating_sub(last));
        self.first_us.get_or_insert(at_us);
        self.last_us = Some(at_us);
        self.counted += u64::from(tokens);
        Some(Brought { tokens, gap_us })
    }

    fn chunk(&mut self, tokens: u32, at_us: u64) {
        let gap = at_us.saturating_sub(self.previous_us);
        self.previous_us = at_us;
        if tokens != 1 && self.tokens.is_empty() {
            self.tokens.reserve(self.gaps_us.capacity());
            self.tokens.resize(self.gaps_us.len(), 1);
            self.tokens.push(tokens);
        } else if !self.tokens.is_empty() {
            self.tokens.push(tokens);
        }
        // Limits keep every gap below an hour.
        self.gaps_us.push(u32::try_from(gap).unwrap_or(u32::MAX));
    }

    /// The stream said it was complete, by `[DONE]`.
    pub(super) fn done(&self) -> bool {
        self.progress.done()
    }

    /// A token has arrived.
    pub(super) const fn started(&self) -> bool {
        self.first_us.is_some()
    }

    /// Tokens counted so far.
    pub(super) const fn counted(&self) -> u64 {
        self.counted
    }

    /// Events that shared their read with an earlier one.
    pub(super) const fn coalesced(&self) -> u32 {
        self.coalesced
    }

    /// What is wrong with the answer now that its body is over, if anything; `cut` says how it was cut off rather than ended.
    /// `asked` tokens were asked for exactly (0: not exactly).
    pub(super) fn verdict(&self, cut: Option<&str>, asked: u32) -> Option<(Class, String)> {
        if let Some(error) = self.progress.error() {
            return Some((Class::InStreamError, error.message.clone()));
        }
        if let Some(malformed) = &self.malformed {
            return Some((Class::Protocol, malformed.clone()));
        }
        match (self.progress.complete(), self.first_us) {
            // Without the server's own count, chunks are no measure of tokens.
            (true, Some(_)) => self.progress.counted_tokens().filter(|&came| came < u64::from(asked)).map(|came| {
                let reason = self.progress.finish().map_or("none", Finish::as_str);
                (Class::ShortOutput, format!("{came} tokens came, {asked} were asked for with ignore_eos (finish_reason {reason})"))
            }),
            (true, None) => Some((Class::Empty, "the stream ended properly without a token".to_owned())),
            (false, first) => {
                let how = cut.unwrap_or("the body ended");
                let tokens = if first.is_some() { format!("after {} chunks", self.gaps_us.len()) } else { "before a token".to_owned() };
                Some((Class::Truncated, format!("{how} {tokens}, without finish_reason and without [DONE]")))
            }
        }
    }

    /// Writes what arrived into a record.
    pub(super) fn into_record(self, record: &mut Record) {
        record.first_us = self.first_us;
        record.answer_us = self.answer_us;
        record.last_us = self.last_us;
        record.event_us = self.event_us;
        record.prompt_tokens = self.progress.usage().map(|usage| usage.prompt_tokens);
        record.cached_tokens = self.progress.usage().and_then(|usage| usage.cached_tokens());
        record.output_tokens = self.progress.counted_tokens().unwrap_or(self.counted);
        record.finish = self.progress.finish().map(ToString::to_string);
        record.gaps_us = self.gaps_us;
        record.tokens = self.tokens;
        record.coalesced = self.coalesced;
    }
}

/// A failure as it is told: one line of at most 300 characters, without control sequences and without the key.
pub(in crate::bench) fn failure(class: Class, message: &str, key: Option<&Secret>) -> Failure {
    let message = key.map_or_else(|| message.to_owned(), |key| key.redact(message));
    Failure { class, message: crate::base::clean(&message).chars().take(300).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(text: &str, completion: Option<u64>) -> String {
        let usage = completion.map_or(String::new(), |n| format!(r#","usage":{{"prompt_tokens":5,"completion_tokens":{n}}}"#));
        format!(r#"{{"choices":[{{"index":0,"text":"{text}","finish_reason":null}}]{usage}}}"#)
    }

    fn record(arrivals: Arrivals) -> Record {
        let mut record = Record { sent_us: Some(100), ..Record::default() };
        arrivals.into_record(&mut record);
        record
    }

    #[test]
    fn the_running_count_says_how_many_tokens_a_chunk_carried() {
        let mut a = Arrivals::default();
        a.begin(100, 8);
        assert_eq!(a.event(&chunk("x", Some(1)), 150), Some(Brought { tokens: 1, gap_us: None }));
        assert_eq!(a.event(&chunk("abc", Some(4)), 180), Some(Brought { tokens: 3, gap_us: Some(30) }));
        // A token whose text is held back is a token; its text, later, is none.
        assert_eq!(a.event(&chunk("", Some(5)), 190).map(|b| b.tokens), Some(1));
        assert_eq!(a.event(&chunk("é", Some(5)), 195), None);
        a.event("[DONE]", 196);
        assert_eq!(a.verdict(None, 0), None);
        let r = record(a);
        assert_eq!((r.first_us, r.last_us, r.output_tokens, r.prompt_tokens), (Some(150), Some(190), 5, Some(5)));
        assert_eq!((r.gaps_us, r.tokens), (vec![50, 30, 10, 5], vec![1, 3, 1, 0]));
    }

    #[test]
    fn without_a_count_a_chunk_with_text_is_a_token_and_the_role_chunk_is_none() {
        let mut a = Arrivals::default();
        a.begin(100, 8);
        a.event(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#, 110);
        a.event(r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#, 120);
        a.event(r#"{"choices":[{"delta":{"content":"yes"},"finish_reason":"stop"}]}"#, 140);
        a.event(r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#, 150);
        let r = record(a);
        assert_eq!((r.first_us, r.answer_us, r.last_us, r.event_us), (Some(120), Some(140), Some(140), Some(150)));
        assert_eq!((r.ttft_us(), r.output_tokens, r.tokens), (Some(20), 3, vec![0, 1, 1]));
    }

    #[test]
    fn a_whole_event_of_a_known_shape_counts_as_if_it_had_been_parsed() {
        let (mut parsed, mut whole) = (Arrivals::default(), Arrivals::default());
        let chunk = |n: u64| chunk("b", Some(n)).replace("\"completion", &format!("\"total_tokens\":{},\"completion", n + 5));
        let first = chunk(1);
        assert_eq!(whole.whole(format!("data: {first}\n\n").as_bytes(), 1_000), None, "no shape was seen yet");
        assert_eq!(parsed.event(&first, 1_000), whole.event(&first, 1_000));
        for (n, at_us) in [(2, 2_000), (4, 3_500), (5, 3_500)] {
            let data = chunk(n);
            let event = format!("data: {data}\n\n");
            assert_eq!(whole.whole(&event.as_bytes()[..event.len() - 1], at_us), None, "it is not over");
            assert_eq!(Some(parsed.event(&data, at_us)), whole.whole(event.as_bytes(), at_us));
        }
        assert_eq!(record(parsed), record(whole));
    }

    #[test]
    fn events_of_one_read_share_its_stamp_and_are_counted() {
        let mut a = Arrivals::default();
        a.begin(100, 8);
        for at in [150, 150, 150, 170] {
            a.event(&chunk("x", None), at);
        }
        assert_eq!(record(a).coalesced, 2);
    }

    #[test]
    fn an_answer_without_token_end_or_sense_is_a_failure() {
        let class = |events: &[&str]| {
            let mut a = Arrivals::default();
            a.begin(100, 8);
            for event in events {
                a.event(event, 120);
            }
            a.verdict(None, 0).map(|(class, _)| class)
        };
        let token = chunk("x", None);
        assert_eq!(class(&[&token, "[DONE]"]), None);
        assert_eq!(class(&[&token]), Some(Class::Truncated));
        assert_eq!(class(&["[DONE]"]), Some(Class::Empty));
        assert_eq!(class(&[]), Some(Class::Truncated));
        assert_eq!(class(&[&token, r#"{"error":{"message":"boom"}}"#, "[DONE]"]), Some(Class::InStreamError));
        assert_eq!(class(&[&token, "{\"choices\":", "[DONE]"]), Some(Class::Protocol));
    }

    #[test]
    fn a_failure_message_shows_neither_key_nor_control_sequence() {
        let key = Secret::new("sk-abc");
        let failure = failure(Class::HttpStatus, "bad \u{1b}[31mkey sk-abc", Some(&key));
        assert_eq!(failure.message, "bad key ***");
    }
}
