//! What must hold for any bytes a server may send. The fuzz target and the replay of its corpus both call [`check`]; each
//! has `error`, `progress` and `sse` of `dcudeck::openai` beside this module.

use super::{
    error::ApiError,
    progress::Progress,
    sse::{DEFAULT_LIMIT_BYTES, Parser},
};

/// What reading a stream gave: events, whether the end cut something, replaced sequences, whether it became too long.
type Outcome = (Vec<(String, String)>, bool, u64, bool);

fn read(bytes: &[u8], step: usize, limit_bytes: usize) -> Outcome {
    let mut parser = Parser::with_limit(limit_bytes);
    let mut events = Vec::new();
    let mut too_long = false;
    for piece in bytes.chunks(step) {
        too_long |= parser.push(piece, |event| events.push((event.name.to_owned(), event.data.to_owned()))).is_err();
    }
    (events, parser.finish(), parser.replaced(), too_long)
}

/// Panics if `input` breaks a promise of the parser, the decoder or the error reader. Its first byte chooses the limit and
/// the size of the reads, the rest is the stream.
pub(crate) fn check(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    let limit_bytes = if choice % 2 == 0 { DEFAULT_LIMIT_BYTES } else { 64 };
    let whole = read(bytes, bytes.len().max(1), limit_bytes);
    for step in [1, usize::from(choice / 2) + 1] {
        assert_eq!(read(bytes, step, limit_bytes), whole, "reads of {step} bytes");
    }
    if limit_bytes == 64 {
        assert!(whole.0.iter().all(|(_, data)| data.len() <= 64 * 3), "an event is longer than the limit allows");
    }

    let mut progress = Progress::new();
    let (mut tokens, mut token_events) = (0, 0);
    for (_, data) in &whole.0 {
        let seen = progress.take(data);
        token_events += u64::from(seen.token);
        if let Err(malformed) = &seen.chunk {
            calm(&malformed.to_string());
        }
        assert!(progress.begun() || progress.usage().is_some() || progress.tokens() == 0);
        if progress.counted_tokens().is_none() {
            assert!(progress.tokens() >= tokens, "the count of token events fell");
            tokens = progress.tokens();
        }
    }
    assert_eq!(progress.token_events(), token_events);
    assert!(!(progress.succeeded() && progress.error().is_some()));
    if let Some(error) = progress.error() {
        calm(&error.to_string());
    }
    calm(&ApiError::from_body(400, bytes, None).to_string());
}

/// Nothing a terminal could act on may be in a text made from a server's bytes.
fn calm(text: &str) {
    assert!(!text.chars().any(char::is_control), "control characters in {text:?}");
}
