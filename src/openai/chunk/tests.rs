use super::*;
use crate::openai::{captures::streams, sse::Parser};

fn delta(data: &str) -> Delta<'_> {
    match decode(data) {
        Ok(Chunk::Delta(delta)) => delta,
        other => panic!("{data}: {other:?}"),
    }
}

#[test]
fn every_event_of_every_capture_is_a_chunk_and_the_last_is_done() {
    for capture in streams() {
        let mut chunks = Vec::new();
        let mut last = String::new();
        Parser::new()
            .push(capture.body.as_bytes(), |event| {
                chunks.push(decode(event.data).is_ok());
                event.data.clone_into(&mut last);
            })
            .expect("short");
        assert!(chunks.iter().all(|ok| *ok), "{}", capture.name);
        assert_eq!(last == "[DONE]", !capture.name.ends_with("abort"), "{}", capture.name);
    }
}

#[test]
fn text_without_escapes_is_borrowed() {
    let data = r#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":" 眼"}}]}"#;
    let chunk = delta(data);
    let content = chunk.choices().next().expect("a choice").content();
    assert_eq!(content, " 眼");
    assert!(data.as_bytes().as_ptr_range().contains(&content.as_ptr()));
    assert!(data.as_bytes().as_ptr_range().contains(&chunk.id().expect("an id").as_ptr()));
}

#[test]
fn both_names_of_the_reasoning_are_read_and_it_is_never_told_twice() {
    for (body, want) in [
        (r#"{"reasoning_content":"Okay"}"#, "Okay"),
        (r#"{"reasoning":"Okay"}"#, "Okay"),
        (r#"{"reasoning_content":"Okay","reasoning":"Okay"}"#, "Okay"),
        (r#"{"reasoning_content":null,"reasoning":"Okay"}"#, "Okay"),
        (r#"{"content":"x","reasoning":null}"#, ""),
    ] {
        let data = format!(r#"{{"choices":[{{"index":0,"delta":{body}}}]}}"#);
        assert_eq!(delta(&data).choices().next().expect("a choice").reasoning(), want, "{body}");
    }
}

#[test]
fn the_role_chunk_has_no_text_and_a_tool_call_has() {
    let has_text = |body: &str| {
        let data = format!(r#"{{"choices":[{{"index":0,"delta":{body},"finish_reason":null}}]}}"#);
        delta(&data).choices().next().expect("a choice").has_text()
    };
    assert!(!has_text(r#"{"role":"assistant","content":""}"#));
    assert!(!has_text("{}"));
    assert!(!has_text(r#"{"content":null,"tool_calls":null}"#));
    assert!(!has_text(r#"{"tool_calls":[{"index":0}]}"#));
    assert!(has_text(r#"{"content":"x"}"#));
    assert!(has_text(r#"{"tool_calls":[{"index":0,"id":"call-1","type":"function","function":{"name":"f"}}]}"#));
    assert!(has_text(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}"#));
}

#[test]
fn a_completion_chunk_reads_as_a_chat_chunk_does() {
    let chunk = delta(r#"{"id":"cmpl-1","choices":[{"index":1,"text":"\n os","finish_reason":"stop","stop_reason":"\n\n"}],"usage":null}"#);
    let choice = chunk.choices().next().expect("a choice");
    assert_eq!((choice.index, choice.content(), choice.finish_reason()), (1, "\n os", Some("stop")));
    assert_eq!(choice.stop_reason, Some(StopReason::Text("\n\n".into())));
    assert_eq!(chunk.usage, None);
    let ended = delta(r#"{"choices":[{"text":"","stop_reason":151643}]}"#);
    assert_eq!(ended.choices().next().expect("a choice").stop_reason, Some(StopReason::Token(151_643)));
}

#[test]
fn several_choices_of_one_chunk_are_all_read() {
    let chunk = delta(r#"{"choices":[{"index":0,"text":"a"},{"index":1,"text":"b"},{"index":2,"text":"c"}]}"#);
    assert_eq!(chunk.choices().map(Choice::content).collect::<String>(), "abc");
}

#[test]
fn cached_tokens_are_absent_rather_than_zero_where_the_server_does_not_say() {
    let usage = |text: &str| delta(&format!(r#"{{"choices":[],"usage":{text}}}"#)).usage.expect("usage");
    let told = usage(r#"{"prompt_tokens":27,"total_tokens":59,"completion_tokens":32,"prompt_tokens_details":{"cached_tokens":16}}"#);
    assert_eq!((told.prompt_tokens, told.completion_tokens, told.total_tokens), (27, 32, 59));
    assert_eq!(told.cached_tokens(), Some(16));
    assert_eq!(
        usage(r#"{"prompt_tokens":9,"total_tokens":9,"completion_tokens":0,"completion_tokens_details":null}"#).cached_tokens(),
        None
    );
    assert_eq!(usage(r#"{"prompt_tokens":9,"total_tokens":9,"prompt_tokens_details":null}"#).completion_tokens, 0);
}

#[test]
fn an_error_inside_a_stream_is_found_in_every_shape() {
    for data in [
        r#"{"error":{"object":"error","message":"no think tokens","type":"BadRequestError","param":null,"code":400}}"#,
        r#"{"object":"error","message":"no think tokens","type":"BadRequestError","param":null,"code":400}"#,
        r#"{"error":"no think tokens"}"#,
        r#"{"error":{"message":"no think tokens"},"choices":"none"}"#,
    ] {
        let Ok(Chunk::Failed(error)) = decode(data) else { panic!("{data}") };
        assert_eq!((error.status, error.message.as_str()), (200, "no think tokens"), "{data}");
    }
    assert!(matches!(decode(r#"{"error":null,"choices":[]}"#), Ok(Chunk::Delta(_))));
}

#[test]
fn what_is_no_chunk_is_said_with_its_beginning_and_without_control_sequences() {
    for data in ["", "hello \u{1b}[31mworld", "[1,2]", "{\"choices\":[{\"delta\":{\"content\":", "{\"choices\":7}"] {
        let error = decode(data).expect_err(data);
        assert!(!error.to_string().contains('\u{1b}') && !error.reason.is_empty(), "{error}");
    }
}
