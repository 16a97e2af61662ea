//! What a client gets: text, streams, usage, reasoning, log-probabilities.

use super::*;

fn contents(chunks: &[Value]) -> String {
    chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect()
}

#[test]
fn a_stream_begins_with_the_role_and_ends_with_reason_and_done() {
    let model = Scripted::saying("视网膜 means retina");
    let server = start(&model, |_| {});
    let answer = server.raw().ask(&chat(r#""stream":true,"#));
    let chunks = answer.chunks();
    assert_eq!(chunks[0]["choices"][0]["delta"], serde_json::json!({"role": "assistant", "content": ""}));
    assert!(chunks[1..].iter().all(|chunk| chunk["choices"][0]["delta"].get("role").is_none()));
    assert_eq!(contents(&chunks), "视网膜 means retina");
    let last = &chunks[chunks.len() - 1]["choices"][0];
    assert_eq!((&last["finish_reason"], &last["stop_reason"], &last["delta"]["content"]), (&"stop".into(), &Value::Null, &"".into()));
    assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
    server.stop();
}

#[test]
fn usage_comes_as_asked_for_and_counts_the_end_of_sequence() {
    let model = Scripted::saying("one two");
    let tokens = model.ids("one two").len() + 1;
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    let whole = connection.ask(&chat("")).json();
    assert_eq!(whole["usage"]["completion_tokens"], tokens);
    let prompt = whole["usage"]["prompt_tokens"].as_u64().expect("a count");
    assert_eq!(whole["usage"]["total_tokens"], prompt + tokens as u64);

    let plain = connection.ask(&chat(r#""stream":true,"#)).chunks();
    assert!(plain.iter().all(|chunk| chunk.get("usage").is_none()));
    let last = connection.ask(&chat(r#""stream":true,"stream_options":{"include_usage":true},"#)).chunks();
    assert_eq!(last.iter().filter(|chunk| chunk.get("usage").is_some()).count(), 1);
    assert_eq!(
        (&last[last.len() - 1]["choices"], &last[last.len() - 1]["usage"]),
        (
            &serde_json::json!([]),
            &serde_json::json!({"prompt_tokens": prompt, "total_tokens": prompt + tokens as u64, "completion_tokens": tokens})
        )
    );
    let running = connection.ask(&chat(r#""stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true},"#)).chunks();
    let counts: Vec<u64> = running.iter().map(|chunk| chunk["usage"]["completion_tokens"].as_u64().expect("in every chunk")).collect();
    assert_eq!(counts, (0..=tokens as u64).chain([tokens as u64]).collect::<Vec<_>>());
    // Without include_usage the other asks for nothing, as in vLLM.
    let alone = connection.ask(&chat(r#""stream":true,"stream_options":{"continuous_usage_stats":true},"#)).chunks();
    assert!(alone.iter().all(|chunk| chunk.get("usage").is_none()));
    server.stop();
}

#[test]
fn a_stop_string_is_cut_across_tokens_and_never_sent_in_part() {
    let text = "The answer: see a doctor. STOPPING HERE now";
    let model = Scripted::saying(text);
    assert!(model.ids("STOPPING").len() > 2, "the stop string spans tokens");
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    for (more, want, reason) in [
        (r#""stop":"STOPPING","#, "The answer: see a doctor. ", Some("STOPPING")),
        (r#""stop":["never said","PING HE"],"#, "The answer: see a doctor. STOP", Some("PING HE")),
        (r#""stop":["STOPPING"],"include_stop_str_in_output":true,"#, "The answer: see a doctor. STOPPING", Some("STOPPING")),
        (r#""stop":["STOPPING NOT"],"#, text, None),
        (r#""stop":"STOPPING","min_tokens":500,"#, text, None),
    ] {
        let more = format!(r#"{more}"max_tokens":1000,"#);
        let whole = connection.ask(&chat(&more)).json();
        assert_eq!(whole["choices"][0]["message"]["content"], want, "{more}");
        assert_eq!((whole["choices"][0]["finish_reason"].as_str(), whole["choices"][0]["stop_reason"].as_str()), (Some("stop"), reason));
        let more = format!(r#"{more}"stream":true,"#);
        let chunks = connection.ask(&chat(&more)).chunks();
        assert_eq!(contents(&chunks), want, "streamed {more}");
        let last = &chunks[chunks.len() - 1]["choices"][0];
        assert_eq!((last["finish_reason"].as_str(), last["stop_reason"].as_str()), (Some("stop"), reason));
        let chunks = connection.ask(&completion(&more)).chunks();
        let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
        assert_eq!(text, want, "completion {more}");
    }
    server.stop();
}

#[test]
fn a_stop_token_is_the_reason_and_its_text_is_not_sent() {
    let model = Scripted::saying("one two three");
    let ids = model.ids("one two three");
    let server = start(&model, |_| {});
    let stop = ids[ids.len() - 1];
    let whole = server.raw().ask(&chat(&format!(r#""stop_token_ids":[{stop}],"#))).json();
    let choice = &whole["choices"][0];
    let before = model.tokenizer.decode(&ids[..ids.len() - 1], true).expect("decodes");
    assert_eq!(
        (&choice["message"]["content"], &choice["stop_reason"], &choice["finish_reason"]),
        (&before.into(), &stop.into(), &"stop".into())
    );
    assert_eq!(whole["usage"]["completion_tokens"], ids.len());
    server.stop();
}

#[test]
fn the_second_end_token_of_the_generation_config_is_a_stop_reason() {
    let model = Scripted::new(|_| Some(vec![100, 2, 101]));
    let server = start(&model, |_| {});
    let whole = server.raw().ask(&chat("")).json();
    assert_eq!((&whole["choices"][0]["stop_reason"], &whole["choices"][0]["finish_reason"]), (&2.into(), &"stop".into()));
    let (asked, _) = model.submitted();
    assert_eq!(asked.stop_token_ids, [2]);
    server.stop();
}

#[test]
fn a_character_of_several_tokens_comes_whole() {
    let text = "a𠮷b👁c";
    let model = Scripted::saying(text);
    assert!(model.ids("𠮷").len() > 1, "the character spans tokens");
    let server = start(&model, |_| {});
    let chunks = server.raw().ask(&chat(r#""stream":true,"#)).chunks();
    assert_eq!(contents(&chunks), text);
    // One chunk a token, empty while the character is incomplete; the role and the end of sequence beside.
    assert_eq!(chunks.len(), model.ids(text).len() + 2);
    assert!(chunks[1..].iter().any(|chunk| chunk["choices"][0]["delta"]["content"] == ""));
    server.stop();
}

#[test]
fn bytes_that_are_no_character_are_dropped_at_the_end_and_replaced_within() {
    let model = Scripted::new(|_| None);
    let part = model.ids("𠮷")[0];
    let letter = model.ids("a")[0];
    let within = Scripted::new(move |_| Some(vec![part, letter, EOS]));
    let server = start(&within, |_| {});
    assert_eq!(server.raw().ask(&chat("")).json()["choices"][0]["message"]["content"], "\u{fffd}a");
    server.stop();
    let at_end = Scripted::new(move |_| Some(vec![letter, part]));
    let server = start(&at_end, |_| {});
    let whole = server.raw().ask(&chat(r#""max_tokens":2,"#)).json();
    assert_eq!((&whole["choices"][0]["message"]["content"], &whole["choices"][0]["finish_reason"]), (&"a".into(), &"length".into()));
    server.stop();
}

#[test]
fn reasoning_is_apart_from_the_answer_with_the_parser_and_in_it_without() {
    let model = Scripted::saying("<think>red eye, pain</think>See a doctor.");
    let server = start(&model, |presented| presented.reasoning_parser = Some(ReasoningParser::DeepseekR1));
    let mut connection = server.raw();
    let message = &connection.ask(&chat("")).json()["choices"][0]["message"];
    assert_eq!((&message["reasoning_content"], &message["content"]), (&"red eye, pain".into(), &"See a doctor.".into()));
    for stop in ["", r#""stop":"doctor.","#] {
        let chunks = connection.ask(&chat(&format!(r#"{stop}"stream":true,"#))).chunks();
        let reasoning: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["reasoning_content"].as_str()).collect();
        assert_eq!(reasoning, "red eye, pain");
        let content = if stop.is_empty() { "See a doctor." } else { "See a " };
        assert_eq!(contents(&chunks), content);
        assert_eq!(chunks[chunks.len() - 1]["choices"][0]["finish_reason"], "stop");
    }
    // A completion knows no parser.
    let text = &connection.ask(&completion(r#""max_tokens":100,"#)).json()["choices"][0]["text"];
    assert_eq!(text, "<think>red eye, pain</think>See a doctor.");
    server.stop();
    let server = start(&model, |_| {});
    let message = &server.raw().ask(&chat("")).json()["choices"][0]["message"];
    assert_eq!((&message["reasoning_content"], &message["content"]), (&Value::Null, &"<think>red eye, pain</think>See a doctor.".into()));
    server.stop();
}

#[test]
fn all_is_reasoning_until_it_ends() {
    let model = Scripted::saying("still thinking");
    let server = start(&model, |presented| presented.reasoning_parser = Some(ReasoningParser::DeepseekR1));
    let message = &server.raw().ask(&chat("")).json()["choices"][0]["message"];
    assert_eq!((&message["reasoning_content"], &message["content"]), (&"still thinking".into(), &Value::Null));
    server.stop();
}

#[test]
fn several_prompts_are_answered_by_index_whole_and_streamed() {
    let model = Scripted::new(|request| Some(request.prompt.iter().copied().chain([EOS]).collect()));
    let (one, two) = (model.ids("one"), model.ids("two"));
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    let prompts = [r#"["one","two"]"#.to_owned(), serde_json::json!([one, two]).to_string()];
    for prompt in prompts {
        let whole = connection.ask(&post("/v1/completions", &format!(r#"{{"prompt":{prompt}}}"#))).json();
        let texts: Vec<(&Value, &Value)> =
            whole["choices"].as_array().expect("choices").iter().map(|c| (&c["index"], &c["text"])).collect();
        assert_eq!(texts, [(&0.into(), &"one".into()), (&1.into(), &"two".into())]);
        assert_eq!(whole["usage"]["completion_tokens"], one.len() + two.len() + 2);
        let answer = connection
            .ask(&post("/v1/completions", &format!(r#"{{"prompt":{prompt},"stream":true,"stream_options":{{"include_usage":true}}}}"#)));
        let mut texts = [String::new(), String::new()];
        for chunk in answer.chunks().iter().filter(|chunk| chunk["choices"] != serde_json::json!([])) {
            let choice = &chunk["choices"][0];
            texts[usize::try_from(choice["index"].as_u64().expect("an index")).expect("small")]
                .push_str(choice["text"].as_str().expect("text"));
        }
        assert_eq!(texts, ["one", "two"]);
        assert_eq!(answer.chunks().last().expect("usage")["usage"]["completion_tokens"], one.len() + two.len() + 2);
        assert_eq!(answer.events().iter().filter(|event| *event == "[DONE]").count(), 1);
    }
    let ids = connection.ask(&post("/v1/completions", &format!(r#"{{"prompt":{}}}"#, serde_json::json!(one)))).json();
    assert_eq!(ids["choices"][0]["text"], "one");
    server.stop();
}

#[test]
fn log_probabilities_have_the_chosen_token_first() {
    let model = Scripted::saying("one");
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    let listed = connection.ask(&chat(r#""logprobs":true,"top_logprobs":2,"max_tokens":1,"#)).json();
    let entry = &listed["choices"][0]["logprobs"]["content"][0];
    assert_eq!(entry["token"], entry["top_logprobs"][0]["token"]);
    assert_eq!((entry["top_logprobs"].as_array().map(Vec::len), &entry["logprob"]), (Some(2), &serde_json::json!(-1.0)));
    let listed = connection.ask(&completion(r#""logprobs":0,"#)).json();
    let logprobs = &listed["choices"][0]["logprobs"];
    let count = listed["usage"]["completion_tokens"].as_u64().map(|n| usize::try_from(n).expect("small"));
    for list in ["text_offset", "token_logprobs", "tokens", "top_logprobs"] {
        assert_eq!(logprobs[list].as_array().map(Vec::len), count, "{list}");
    }
    assert_eq!(connection.ask(&chat("")).json()["choices"][0]["logprobs"], Value::Null);
    server.stop();
}

#[test]
fn a_model_name_chooses_the_adapter_and_a_header_the_id() {
    let model = Scripted::saying("x");
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    for (name, adapter) in [("tiny-qwen2", None), ("boot-lora", Some("boot-lora"))] {
        let body = format!(r#"{{"model":"{name}","prompt":"x"}}"#);
        let answer = connection.ask(&post_with("/v1/completions", "X-Request-Id: my-own\r\n", &body)).json();
        assert_eq!((&answer["model"], &answer["id"]), (&name.into(), &"cmpl-my-own".into()));
        assert_eq!(model.submitted().0.adapter.as_deref(), adapter);
    }
    assert_eq!(connection.ask(&chat(r#""request_id":"of-the-body","#)).json()["id"], "chatcmpl-of-the-body");
    let random = connection.ask(&chat("")).json()["id"].as_str().expect("an id").to_owned();
    assert!(random.len() == "chatcmpl-".len() + 32 && random.starts_with("chatcmpl-"), "{random}");
    server.stop();
}
