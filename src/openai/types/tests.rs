use super::*;
use crate::openai::captures::capture;
use serde::de::DeserializeOwned;

/// What both captured servers answered, read as `T`.
fn both<T: DeserializeOwned>(name: &str) -> [T; 2] {
    ["vllm-0.8.5", "vllm-0.32"].map(|server| {
        let capture = capture(&format!("{server}/{name}"));
        assert_eq!(capture.status, 200);
        serde_json::from_str(&capture.body).unwrap_or_else(|e| panic!("{server}/{name}: {e}"))
    })
}

#[test]
fn whole_answers_of_both_servers_are_read() {
    for answer in both::<ChatAnswer>("chat") {
        let choice = &answer.choices[0];
        assert_eq!((choice.message.role.as_str(), choice.finish_reason.as_deref()), ("assistant", Some("length")));
        assert!(choice.message.content.is_some() && choice.logprobs.is_some() && choice.message.reasoning().is_empty());
        assert_eq!(answer.usage.expect("usage").completion_tokens, 16);
    }
    for answer in both::<CompletionAnswer>("completions_n2_echo") {
        assert_eq!(answer.choices.iter().map(|c| c.index).collect::<Vec<_>>(), [0, 1, 2, 3], "two prompts, two answers each");
    }
    let called: ChatAnswer = serde_json::from_str(&capture("vllm-0.8.5/chat_tool_required").body).expect("an answer");
    assert_eq!(called.choices[0].message.tool_calls.as_ref().expect("a call")[0].function.name, "f");
}

#[test]
fn a_list_of_models_tells_adapters_from_models() {
    for list in both::<ModelList>("get_models_after_lora") {
        let of = |id: &str| list.data.iter().find(|m| m.id == id).expect("served");
        assert_eq!((of("tiny-alias").parent.as_deref(), of("tiny-alias").max_model_len), (None, Some(2048)));
        assert_eq!((of("hot-lora").parent.as_deref(), of("hot-lora").max_model_len), (Some("tiny-qwen2"), None));
    }
}

#[test]
fn version_and_tokens_are_read() {
    assert_eq!(both::<Version>("get_version")[0].version, "0.8.5.post2");
    for answer in both::<Tokenized>("post_tokenize_prompt") {
        assert_eq!((answer.count, answer.max_model_len, answer.tokens.len()), (5, 2048, 5));
    }
    assert_eq!(both::<Detokenized>("post_detokenize")[1].prompt, "ion b if");
}

#[test]
fn a_request_says_only_what_was_set_and_survives_the_way_there_and_back() {
    let mut request = ChatRequest { model: "m".into(), messages: vec![Message::new("user", "青光眼?")], sampling: Sampling::default() };
    assert_eq!(serde_json::to_string(&request).expect("JSON"), r#"{"model":"m","messages":[{"role":"user","content":"青光眼?"}]}"#);
    request.sampling = Sampling {
        max_tokens: Some(32),
        temperature: Some(0.0),
        seed: Some(-7),
        stop: Some(Stop::Many(vec!["\n".into()])),
        stream_options: Some(StreamOptions { include_usage: true, continuous_usage_stats: false }),
        extra: [("guided_choice".to_owned(), serde_json::json!(["a", "b"]))].into_iter().collect(),
        ..Sampling::default()
    };
    let text = serde_json::to_string(&request).expect("JSON");
    assert_eq!(serde_json::from_str::<ChatRequest>(&text).expect("a request"), request);
    assert!(text.contains(r#""guided_choice":["a","b"]"#) && !text.contains("null"), "{text}");
}

#[test]
fn every_form_of_prompt_stop_and_content_is_read() {
    for (text, want) in [
        (r#""import os""#, Prompt::Text("import os".into())),
        ("[5,6]", Prompt::Tokens(vec![5, 6])),
        (r#"["a","b"]"#, Prompt::Texts(vec!["a".into(), "b".into()])),
        ("[[5],[6,7]]", Prompt::TokenLists(vec![vec![5], vec![6, 7]])),
    ] {
        assert_eq!(serde_json::from_str::<Prompt>(text).expect(text), want);
    }
    let parts: Message = serde_json::from_str(
        r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"b"}]}"#,
    )
    .expect("a message");
    assert_eq!(parts.text(), "ab");
    let called: Message = serde_json::from_str(r#"{"role":"assistant","content":null,"tool_calls":[]}"#).expect("a message");
    assert_eq!((called.text().as_str(), called.extra.len()), ("", 1));
}
