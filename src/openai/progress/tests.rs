use super::*;
use crate::openai::{captures::capture, sse::Parser};

fn read(body: &str) -> (Progress, Vec<(bool, Option<u64>)>) {
    let (mut progress, mut seen) = (Progress::new(), Vec::new());
    Parser::new()
        .push(body.as_bytes(), |event| {
            let one = progress.take(event.data);
            seen.push((one.token, one.new_tokens));
        })
        .expect("short");
    (progress, seen)
}

fn chunks(bodies: &[&str]) -> (Progress, Vec<(bool, Option<u64>)>) {
    read(&format!("data: {}\n\n", bodies.join("\n\ndata: ")))
}

#[test]
fn the_captured_chats_of_both_servers_count_32_tokens_after_a_role_chunk() {
    for server in ["vllm-0.8.5", "vllm-0.32"] {
        let (progress, seen) = read(&capture(&format!("{server}/chat_stream_usage")).body);
        assert_eq!(seen.first(), Some(&(false, None)), "{server}: the role chunk is no token");
        assert_eq!(seen.last(), Some(&(false, None)), "{server}: [DONE] is no token");
        assert_eq!(progress.counted_tokens(), Some(32), "{server}");
        assert_eq!(progress.usage().map(|u| u.prompt_tokens), Some(27), "{server}");
        assert_eq!(progress.finish(), Some(&Finish::Length), "{server}");
        assert!(progress.done() && progress.succeeded(), "{server}");
    }
}

#[test]
fn usage_in_every_chunk_tells_the_tokens_of_each() {
    for server in ["vllm-0.8.5", "vllm-0.32"] {
        let (progress, seen) = read(&capture(&format!("{server}/chat_stream_continuous_usage")).body);
        let sum: u64 = seen.iter().filter_map(|(token, new)| new.filter(|_| *token)).sum();
        assert_eq!((sum, progress.tokens()), (12, 12), "{server}");
        assert_eq!(seen.first(), Some(&(false, Some(0))), "{server}");
    }
}

#[test]
fn without_usage_token_events_are_counted_and_not_called_exact() {
    let (progress, _) = read(&capture("vllm-0.8.5/chat_stream_no_usage").body);
    assert_eq!(progress.counted_tokens(), None);
    assert!(progress.tokens() > 0 && progress.tokens() == progress.token_events());
}

#[test]
fn a_completion_stream_counts_its_24_tokens_although_chunks_carry_several() {
    for server in ["vllm-0.8.5", "vllm-0.32"] {
        let (progress, _) = read(&capture(&format!("{server}/completions_stream_usage")).body);
        assert_eq!(progress.counted_tokens(), Some(24), "{server}");
        assert!(progress.token_events() <= 24, "{server}");
    }
}

#[test]
fn two_answers_are_counted_apart() {
    let (progress, seen) = chunks(&[
        r#"{"choices":[{"index":0,"text":"a"}],"usage":{"completion_tokens":1}}"#,
        r#"{"choices":[{"index":1,"text":"b"}],"usage":{"completion_tokens":2}}"#,
        r#"{"choices":[{"index":0,"text":"c"}],"usage":{"completion_tokens":3}}"#,
        r#"{"choices":[{"index":4000000000,"text":"d"}],"usage":{"completion_tokens":1}}"#,
    ]);
    assert_eq!(seen, [(true, Some(1)), (true, Some(2)), (true, Some(2)), (true, Some(1))]);
    assert_eq!(progress.tokens(), 6);
}

#[test]
fn a_token_that_a_parser_swallowed_is_an_event_by_its_count() {
    let (progress, seen) = chunks(&[
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":{"completion_tokens":0}}"#,
        r#"{"choices":[{"index":0,"delta":{"content":""}}],"usage":{"completion_tokens":1}}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning_content":"Hm"}}],"usage":{"completion_tokens":1}}"#,
    ]);
    assert_eq!(seen, [(false, Some(0)), (true, Some(1)), (true, Some(0))]);
    assert_eq!((progress.tokens(), progress.token_events()), (1, 2));
}

#[test]
fn a_stream_that_is_cut_is_not_complete_and_one_with_either_sign_is() {
    let (cut, _) = read(&capture("vllm-0.8.5/chat_stream_client_abort").body);
    assert!(cut.begun() && !cut.complete() && !cut.succeeded());
    let (finished, _) = chunks(&[r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#]);
    assert!(!finished.done() && finished.succeeded());
    let (done, _) = chunks(&[r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#, "[DONE]"]);
    assert!(done.finish().is_none() && done.succeeded());
}

#[test]
fn an_error_then_done_is_no_success_and_neither_is_an_empty_answer() {
    let (failed, _) = chunks(&[r#"{"error":{"message":"boom","type":"InternalServerError","code":500}}"#, "[DONE]"]);
    assert_eq!(failed.error().map(ApiError::meant_status), Some(500));
    assert!(failed.complete() && !failed.succeeded());
    let (empty, _) = chunks(&["[DONE]"]);
    assert!(empty.complete() && !empty.succeeded());
}

#[test]
fn an_event_that_is_no_chunk_is_counted_and_the_rest_still_read() {
    let (progress, _) = chunks(&["garbage", r#"{"choices":[{"index":0,"text":"a"}]}"#, "[DONE]"]);
    assert_eq!((progress.malformed(), progress.tokens()), (1, 1));
    assert!(progress.succeeded());
}

#[test]
fn an_unknown_finish_reason_keeps_its_word_without_control_sequences() {
    assert_eq!(Finish::of("repetition\u{1b}[2J").as_str(), "repetition");
    for word in ["stop", "length", "tool_calls", "content_filter", "abort"] {
        assert_eq!(Finish::of(word).as_str(), word);
    }
}
