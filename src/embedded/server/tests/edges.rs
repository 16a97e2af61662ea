//! Refusals, keys, clients that leave, engines that end.

use super::*;

#[test]
fn a_client_that_leaves_cancels_its_sequence_at_once() {
    let model = Scripted::new(|_| None);
    let server = start(&model, |_| {});
    for (request, begun) in [
        (chat(r#""stream":true,"#), true),
        (chat(r#""stream":true,"#), false),
        (completion(r#""stream":true,"#), true),
        (chat(""), false),
        (completion(""), false),
    ] {
        let mut connection = server.raw();
        connection.send(&request);
        let (_, events) = model.submitted();
        let events = events.expect("left to the test");
        if begun {
            events.send(Event::Started(Instant::now())).expect("wanted");
            events.send(token(100, None)).expect("wanted");
            connection.head();
            connection.chunk(&mut false).expect("a first chunk");
        }
        assert!(!events.is_closed());
        drop(connection);
        until("the sequence is cancelled", || events.is_closed());
    }
    until("five are counted as aborted", || server.app.figures().1.aborted == 5);
    let text = server.raw().ask(&get("/metrics")).text();
    assert!(text.contains(r#"finished_reason="abort",model_name="tiny-qwen2"} 5.0"#));
    server.stop();
}

#[test]
fn a_stop_string_ends_an_engine_that_would_go_on() {
    let model = Scripted::new(|_| None);
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    connection.send(&chat(r#""stop":"red","#));
    let (_, events) = model.submitted();
    let events = events.expect("left to the test");
    for id in model.ids("a red eye") {
        let _ = events.send(token(id, None));
    }
    assert_eq!(connection.answer().json()["choices"][0]["message"]["content"], "a ");
    until("the sequence is cancelled", || events.is_closed());
    let totals = server.app.figures().1;
    assert_eq!((totals.finished, totals.aborted), (1, 0));
    server.stop();
}

#[test]
fn an_engine_that_ends_is_told_in_the_stream_or_by_status() {
    let model = Scripted::new(|_| None);
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    connection.send(&chat(r#""stream":true,"#));
    let (_, events) = model.submitted();
    events.as_ref().expect("left to the test").send(token(100, None)).expect("wanted");
    drop(events);
    let answer = connection.answer();
    let told = answer.events();
    assert!(answer.status == 200 && answer.whole);
    assert!(told[told.len() - 2].starts_with(r#"{"error":{"object":"error","message":"the engine has stopped""#), "{told:?}");
    assert_eq!(told[told.len() - 1], "[DONE]");
    connection.send(&completion(""));
    drop(model.submitted());
    assert_eq!(connection.answer().status, 500);
    server.stop();
}

#[test]
fn the_key_guards_v1_and_nothing_else() {
    let model = Scripted::saying("x");
    let server = start(&model, |presented| presented.api_key = Some(Secret::new("sk-very-secret")));
    let mut connection = server.raw();
    for path in ["/health", "/ping", "/version", "/metrics", "/load"] {
        assert_eq!(connection.ask(&get(path)).status, 200, "{path}");
    }
    assert_eq!(connection.ask(&post("/tokenize", r#"{"prompt":"x"}"#)).status, 200);
    for header in
        ["", "Authorization: Bearer wrong\r\n", "Authorization: sk-very-secret\r\n", "Authorization: Bearer sk-very-secret \x01\r\n"]
    {
        let answer = connection.ask(&post_with("/v1/completions", header, r#"{"prompt":"x"}"#));
        if answer.status == 400 {
            // Not a header at all: the connection is refused before anybody looks at a key.
            connection = server.raw();
            continue;
        }
        assert_eq!((answer.status, answer.text().as_str()), (401, r#"{"error":"Unauthorized"}"#), "{header:?}");
    }
    assert_eq!(connection.ask(&get("/v1/models")).status, 401);
    assert_eq!(connection.ask(&get("/v1/nope")).status, 401);
    let answer = connection.ask(&post_with("/v1/completions", "Authorization: Bearer sk-very-secret\r\n", r#"{"prompt":"x"}"#));
    assert_eq!(answer.status, 200);
    server.stop();
}

#[test]
fn what_cannot_be_done_is_refused_and_what_nobody_knows_is_ignored() {
    let model = Scripted::saying("x");
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    for (more, words) in [
        (r#""n":2,"#, "n other than 1 is not supported by this server"),
        (r#""best_of":3,"#, "best_of other than 1"),
        (r#""presence_penalty":0.5,"#, "presence_penalty other than 0.0"),
        (r#""repetition_penalty":1.1,"#, "repetition_penalty other than 1.0"),
        (r#""min_p":0.1,"#, "min_p other than 0.0"),
        (r#""logit_bias":{"5":1},"#, "logit_bias"),
        (r#""guided_choice":["a"],"#, "guided_choice"),
        (r#""response_format":{"type":"json_object"},"#, "response_format json_object"),
        (r#""echo":true,"#, "echo"),
        (r#""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required","#, "tool_choice"),
        (r#""tool_choice":"auto","#, "When using `tool_choice`, `tools` must be set."),
        (r#""stream_options":{"include_usage":true},"#, "Stream options can only be defined when `stream=True`."),
        (r#""top_logprobs":3,"#, "when using `top_logprobs`, `logprobs` must be set to true."),
        (
            r#""temperature":"warm","#,
            "'loc': ('body', 'temperature'), 'msg': 'Input should be a valid number, unable to parse string as a number', 'input': 'warm'",
        ),
        (r#""max_tokens":1.5,"#, "'type': 'int_from_float', 'loc': ('body', 'max_tokens')"),
        (r#""max_tokens":0,"#, "max_tokens must be at least 1, got 0."),
        (r#""stop":"","#, "stop cannot contain an empty string."),
        (r#""logprobs":true,"top_logprobs":21,"#, "Cannot request more than 20 logprobs."),
    ] {
        let answer = connection.ask(&chat(more));
        let body = answer.json();
        assert_eq!(
            (answer.status, &body["object"], &body["type"], &body["code"]),
            (400, &"error".into(), &"BadRequestError".into(), &400.into()),
            "{more}"
        );
        assert!(body["message"].as_str().expect("a message").contains(words), "{more}: {body}");
    }
    for more in [
        r#""brand_new_field":{"a":1},"user":"u","parallel_tool_calls":true,"#,
        r#""n":1,"best_of":null,"presence_penalty":0,"frequency_penalty":0.0,"repetition_penalty":1.0,"min_p":0,"logit_bias":{},"#,
        r#""tool_choice":"none","tools":[],"response_format":{"type":"text"},"#,
        r#""max_completion_tokens":3,"max_tokens":"4","temperature":"0.5","#,
    ] {
        assert_eq!(connection.ask(&chat(more)).status, 200, "{more}");
    }
    server.stop();
}

#[test]
fn max_completion_tokens_goes_before_max_tokens_and_absence_means_what_vllm_means() {
    let model = Scripted::saying("x");
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    let mut wanted = |request: Vec<u8>| {
        assert_eq!(connection.ask(&request).status, 200);
        let (asked, _) = model.submitted();
        (asked.max_tokens, asked.prompt.len())
    };
    assert_eq!(wanted(chat(r#""max_completion_tokens":3,"max_tokens":4,"#)).0, 3);
    assert_eq!(wanted(chat(r#""max_completion_tokens":0,"max_tokens":4,"#)).0, 4);
    let (all, prompt) = wanted(chat(""));
    assert_eq!(all, 2048 - prompt);
    assert_eq!(wanted(completion("")).0, 16);
    server.stop();
}

#[test]
fn sampling_reaches_the_engine() {
    let model = Scripted::saying("x");
    let server = start(&model, |_| {});
    let more = r#""temperature":0.7,"top_p":0.9,"top_k":40,"seed":-7,"min_tokens":2,"max_tokens":9,"ignore_eos":true,"stop_token_ids":[5],"logprobs":true,"#;
    server.raw().ask(&chat(more));
    let (asked, _) = model.submitted();
    let sampling = &asked.sampling;
    assert_eq!((sampling.temperature, sampling.top_p, sampling.top_k, sampling.logprobs), (0.7, 0.9, Some(40), Some(0)));
    assert_eq!(sampling.seed, Some((-7_i64).cast_unsigned()));
    // The engine stops at end tokens by itself; with ignore_eos the second one of the generation config is ignored too.
    assert_eq!((asked.min_tokens, asked.max_tokens, asked.ignore_eos, asked.stop_token_ids.as_slice()), (2, 9, true, [5].as_slice()));
    server.stop();
}

#[test]
fn a_token_outside_the_vocabulary_and_a_prompt_without_tokens_are_refused() {
    let model = Scripted::saying("x");
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    for (path, body) in [
        ("/v1/completions", r#"{"prompt":[5,2048]}"#),
        ("/v1/completions", r#"{"prompt":[-1]}"#),
        ("/v1/completions", r#"{"prompt":""}"#),
        ("/v1/completions", r#"{"prompt":[]}"#),
        ("/v1/completions", r#"{"prompt":{"a":1}}"#),
        ("/v1/completions", "[]"),
        ("/v1/completions", ""),
        ("/detokenize", r#"{"tokens":[5,99999]}"#),
        ("/tokenize", "{}"),
    ] {
        let answer = connection.ask(&post(path, body));
        assert_eq!((answer.status, &answer.json()["object"]), (400, &"error".into()), "{path} {body}");
    }
    server.stop();
}

#[test]
fn another_content_type_and_a_body_too_long_are_refused() {
    let model = Scripted::saying("x");
    let server = start(&model, |_| {});
    let answer = server.raw().ask(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}");
    assert_eq!(answer.status, 415);
    let mut connection = server.raw();
    connection.send(
        format!(
            "POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            MAX_BODY_BYTES + 1
        )
        .as_bytes(),
    );
    assert_eq!(connection.answer().status, 413);
    server.stop();
}

#[test]
fn a_stop_lets_a_stream_end_and_cuts_one_that_does_not() {
    let model = Scripted::new(|_| None);
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    connection.send(&chat(r#""stream":true,"#));
    let (_, events) = model.submitted();
    let events = events.expect("left to the test");
    events.send(token(100, None)).expect("wanted");
    connection.head();
    let Running { stop, thread, address, .. } = server;
    let _ = stop.send(());
    until("no new connection is taken", || std::net::TcpStream::connect(&address).is_err());
    events.send(token(101, None)).expect("still served");
    events.send(token(EOS, None)).expect("still served");
    let mut whole = false;
    while connection.chunk(&mut whole).is_some() {}
    assert!(whole, "the stream ended as it should");
    thread.join().expect("served");

    let server = start(&model, |_| {});
    let mut connection = server.raw();
    connection.send(&chat(r#""stream":true,"#));
    let events = model.submitted().1.expect("left to the test");
    let asked = Instant::now();
    server.stop();
    assert!(asked.elapsed() < LAST_WORDS * 10, "{:?}", asked.elapsed());
    until("the sequence is cancelled", || events.is_closed());
}

#[test]
fn idle_counts_from_the_last_request_and_not_while_one_runs() {
    let model = Scripted::new(|_| None);
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    connection.ask(&get("/metrics"));
    until("looking is not serving", || server.app.idle() > Duration::from_millis(1));
    connection.send(&chat(r#""stream":true,"#));
    let (_, events) = model.submitted();
    assert_eq!(server.app.idle(), Duration::ZERO);
    drop(events);
    connection.answer();
    until("it is over", || server.app.idle() > Duration::ZERO);
    server.stop();
}

#[test]
fn a_parser_whose_tags_are_no_tokens_is_refused_at_the_start() {
    let model = Scripted::new(|_| None);
    let mut model = Arc::into_inner(model).expect("the only one");
    let empty = br#"{"model":{"type":"BPE","vocab":{},"merges":[]}}"#;
    model.tokenizer = Tokenizer::from_bytes(empty, None).expect("an empty tokenizer");
    let presented = Presented { reasoning_parser: Some(ReasoningParser::DeepseekR1), ..Presented::default() };
    let problem = App::new(Arc::new(model), presented).err().expect("refused");
    assert_eq!((problem.kind(), problem.exit()), ("engine.no_think_tokens", crate::base::Exit::BadInput));
}
