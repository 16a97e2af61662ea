mod server;

use super::*;
use crate::{
    base::Lang,
    openai::{
        captures::{capture, streams},
        chunk::Usage,
        progress::Finish,
        types::{Message, Prompt, Sampling},
    },
};
use futures_util::StreamExt;
use server::{Reply, Server, Then};
use tokio::net::TcpListener;

fn question() -> ChatRequest {
    ChatRequest { model: "tiny".into(), messages: vec![Message::new("user", "你好")], sampling: Sampling::default() }
}

/// Everything an answer tells, with a deadline that only a hanging client meets.
async fn all(mut answer: Answer) -> (Vec<AnswerEvent>, Option<ClientError>) {
    let mut events = Vec::new();
    let error = timeout(Duration::from_secs(20), async {
        while let Some(event) = answer.next().await {
            match event {
                Ok(event) => events.push(event),
                Err(error) => return Some(error),
            }
        }
        None
    })
    .await
    .expect("the answer ends");
    assert!(answer.next().await.is_none(), "nothing follows the end");
    (events, error)
}

async fn chat(reply: Reply) -> (Vec<AnswerEvent>, Option<ClientError>) {
    let server = Server::start(vec![reply]).await;
    all(server.client().stream_chat(&question()).expect("a stream")).await
}

fn content(events: &[AnswerEvent]) -> String {
    events.iter().filter_map(|event| if let AnswerEvent::Content(text) = event { Some(text.as_str()) } else { None }).collect()
}

fn ended(events: &[AnswerEvent]) -> &Ended {
    match events.last() {
        Some(AnswerEvent::Ended(ended)) => ended,
        other => panic!("the last event is {other:?}"),
    }
}

#[tokio::test]
async fn every_captured_stream_is_told_from_start_to_end_even_byte_by_byte() {
    for capture in streams() {
        let (whole, error) = chat(Reply::of(&capture)).await;
        assert_eq!(error, None, "{}", capture.name);
        let started = AnswerEvent::Started { status: 200, content_type: Some(capture.content_type.clone()) };
        assert_eq!(whole.first(), Some(&started), "{}", capture.name);
        assert!(!content(&whole).is_empty(), "{}", capture.name);
        assert_eq!(ended(&whole).truncated, capture.name.ends_with("abort"), "{}", capture.name);
        let bytes: Vec<&[u8]> = capture.body.as_bytes().chunks(1).collect();
        assert_eq!(chat(Reply::stream(&bytes)).await, (whole, None), "{} byte by byte", capture.name);
    }
}

#[tokio::test]
async fn text_reasoning_tools_usage_and_finish_come_typed_and_in_order() {
    let body = concat!(
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\r\n",
        ": ping\r\n\r\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"Hm\"}}]}\r\n\r\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\".\",\"content\":\"Hi\"}}]}\r\n\r\n",
        "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"another answer\"}}]}\r\n\r\n",
        "data: junk\r\n\r\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\",\"stop_reason\":7}]}\r\n\r\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"total_tokens\":7,\"completion_tokens\":4}}\r\n\r\n",
        "data: [DONE]\r\n\r\n",
    );
    let (events, error) = chat(Reply::stream(&[body.as_bytes()])).await;
    assert_eq!(error, None);
    let part = ToolCallPart { index: 0, id: Some("c1".into()), name: "f".into(), arguments: "{}".into() };
    let usage = Usage { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7, prompt_tokens_details: None };
    assert!(matches!(&events[4], AnswerEvent::Unreadable(m) if m.excerpt == "junk"), "{events:?}");
    let rest: Vec<AnswerEvent> = events.into_iter().skip(1).filter(|e| !matches!(e, AnswerEvent::Unreadable(_))).collect();
    assert_eq!(
        rest,
        [
            AnswerEvent::Reasoning("Hm".into()),
            AnswerEvent::Reasoning(".".into()),
            AnswerEvent::Content("Hi".into()),
            AnswerEvent::ToolCalls(vec![part]),
            AnswerEvent::Finished { reason: Finish::ToolCalls, stop_reason: Some(crate::openai::chunk::StopReason::Token(7)) },
            AnswerEvent::Usage(usage),
            AnswerEvent::Ended(Ended { truncated: false, why: None, replaced: 0 }),
        ]
    );
}

#[tokio::test]
async fn the_request_asks_for_a_stream_with_counts_and_carries_the_key_in_its_header_alone() {
    let server = Server::start(vec![Reply::of(&capture("vllm-0.8.5/chat_stream_usage"))]).await;
    let client = Client::new(&format!("{}/v1/", server.url), Some(Secret::new("sk-very-secret\n")), Patience::default()).expect("a URL");
    assert!(!format!("{client:?}").contains("very"));
    let (_, error) = all(client.stream_chat(&question()).expect("a stream")).await;
    assert_eq!(error, None);
    let requests = server.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert_eq!(head.to_lowercase().matches("authorization: bearer sk-very-secret").count(), 1, "{head}");
    assert!(!body.contains("very") && body.contains(r#""stream":true,"stream_options":{"include_usage":true"#), "{body}");
}

#[tokio::test]
async fn a_generation_is_asked_for_once_however_the_server_ends_it() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
    let token = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    for (reply, what) in [
        (Reply::new("", Then::Close), "closed without an answer"),
        (Reply::new("", Then::Reset), "reset without an answer"),
        (Reply::new("HTTP/1.1 2", Then::Close), "closed amid the head"),
        (Reply::new(format!("{head}\r\n"), Then::Close), "closed after the head"),
        (Reply::new(format!("{head}\r\nretry: 0\nid: 7\n{token}"), Then::Close), "a clean end that invites reconnecting"),
        (Reply::cut_stream(&[token.as_bytes()], Then::Close), "closed amid the answer"),
        (Reply::cut_stream(&[token.as_bytes()], Then::Reset), "reset amid the answer"),
        (Reply::new("HTTP/1.1 307 X\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n", Then::Keep), "redirected"),
        (Reply::new("HTTP/1.1 503 X\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n", Then::Keep), "told to come later"),
        (Reply::cut_stream(&[b"data: \xff\n\n", token.as_bytes()], Then::Close), "sent ill-formed text"),
    ] {
        // On a connection that was used before, too: there a client may think the request was never seen.
        for warm in [false, true] {
            let mut replies = vec![reply.clone()];
            if warm {
                replies.insert(0, Reply::whole(200, "application/json", r#"{"version":"1"}"#));
            }
            let server = Server::start(replies).await;
            let client = server.client();
            if warm {
                client.version().await.expect("a version");
            }
            let mut answer = client.stream_chat(&question()).expect("a stream");
            // Beneath our own end, so that eventsource-client itself must have no more to give.
            let beneath = timeout(Duration::from_secs(20), async { while answer.events.next().await.is_some() {} });
            beneath.await.expect("the stream ends");
            let posts = server.requests().iter().filter(|request| request.starts_with("POST")).count();
            assert_eq!(posts, 1, "{what}, warm {warm}");
        }
    }
}

#[tokio::test]
async fn the_transport_refuses_a_second_request_itself() {
    use launchdarkly_sdk_transport::HttpTransport;
    let server = Server::start(vec![Reply::stream(&[b"data: [DONE]\n\n"])]).await;
    let transport = Transport { http: server.client().http, authorization: None, limit_bytes: DEFAULT_LIMIT_BYTES, tally: Arc::default() };
    let request = || http::Request::post(format!("{}/v1/chat/completions", server.url)).body(None).expect("a request");
    assert!(transport.request(request()).await.is_ok());
    assert!(transport.request(request()).await.is_err());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_truncated_and_one_that_never_began_is_an_error() {
    let token = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    for then in [Then::Close, Then::Reset] {
        let (events, error) = chat(Reply::cut_stream(&[token], then)).await;
        assert_eq!((content(&events).as_str(), error), ("a", None));
        assert!(ended(&events).truncated && ended(&events).why.is_some(), "{events:?}");
    }
    let (events, _) = chat(Reply::stream(&[token])).await;
    assert_eq!(ended(&events), &Ended { truncated: true, why: None, replaced: 0 });
    let (events, _) = chat(Reply::stream(&[token, b"data: {\"cho"])).await;
    assert_eq!(ended(&events).why.as_deref(), Some("the stream ended amid an event"));
    let (_, error) = chat(Reply::new("", Then::Close)).await;
    assert!(matches!(error, Some(ClientError::Unreachable { .. })), "{error:?}");
}

#[tokio::test]
async fn a_stream_that_lacks_done_or_the_finish_reason_is_still_whole() {
    let finished = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    let (events, _) = chat(Reply::stream(&[finished])).await;
    assert!(!ended(&events).truncated);
    let (events, _) = chat(Reply::stream(&[b"data: {\"choices\":[{\"text\":\"a\"}]}\n\ndata: [DONE]\n\n"])).await;
    assert!(!ended(&events).truncated);
}

#[tokio::test]
async fn refusals_of_a_stream_request_are_told_from_their_json() {
    for (name, want) in [
        ("vllm-0.8.5/err_too_long_stream", "the server answered 400 BadRequestError: This model's maximum context length is 2048 tokens."),
        ("vllm-0.32/err_too_long_stream", "the server answered 400 BadRequestError: This model's maximum context length is 2048 tokens."),
        ("vllm-0.8.5/err_unknown_model", "the server answered 404 NotFoundError: The model `nope` does not exist."),
        ("vllm-0.8.5/embeddings_on_generate", "the server answered 400 BadRequestError: The model does not support Embeddings API"),
        ("vllm-0.8.5/get_404", "the server answered 404: Not Found"),
    ] {
        let (events, error) = chat(Reply::of(&capture(name))).await;
        assert!(events.is_empty(), "{name}: {events:?}");
        let error = error.expect(name).to_string();
        assert!(error.starts_with(want), "{error}");
    }
    let (_, error) = chat(Reply::whole(502, "text/html", "<html><title>502 Bad Gateway</title></html>")).await;
    assert_eq!(error.expect("an error").to_string(), "the server answered 502: 502 Bad Gateway");
}

#[tokio::test]
async fn an_error_inside_a_stream_ends_it_without_the_key_it_echoes() {
    let body =
        b"data: {\"error\":{\"message\":\"sk-very-secret is unwell\",\"type\":\"InternalServerError\",\"code\":500}}\n\ndata: [DONE]\n\n";
    let server =
        Server::start(vec![Reply::stream(&[body]), Reply::whole(401, "application/json", r#"{"error":"no sk-very-secret"}"#)]).await;
    let client = Client::new(&server.url, Some(Secret::new("sk-very-secret")), Patience::default()).expect("a URL");
    let (_, error) = all(client.stream_chat(&question()).expect("a stream")).await;
    assert_eq!(error.expect("an error").to_string(), "the server answered 500 InternalServerError: *** is unwell");
    let error = client.models().await.expect_err("refused");
    assert_eq!(error.to_string(), "the server answered 401: no ***");
}

#[tokio::test]
async fn a_server_that_ignores_stream_is_told_as_if_it_had_not() {
    let (events, error) = chat(Reply::of(&capture("vllm-0.8.5/chat_tool_required"))).await;
    assert_eq!(error, None);
    assert!(matches!(&events[0], AnswerEvent::Started { status: 200, content_type: Some(kind) } if kind == "application/json"));
    assert!(events.iter().any(|e| matches!(e, AnswerEvent::ToolCalls(calls) if calls[0].name == "f")), "{events:?}");
    let (events, _) = chat(Reply::of(&capture("vllm-0.32/completions"))).await;
    assert_eq!(content(&events), " def".repeat(16));
    assert!(matches!(&events[events.len() - 2], AnswerEvent::Finished { reason: Finish::Length, .. }), "{events:?}");
}

#[tokio::test]
async fn something_else_that_listens_there_is_said_to_be_something_else() {
    let (_, error) = chat(Reply::whole(200, "text/html", "<html><title>Router login</title></html>")).await;
    let Some(ClientError::NotAnAnswer { content_type, why, .. }) = error else { panic!("{error:?}") };
    assert_eq!((content_type.as_str(), why.as_str()), ("text/html", "Router login"));
    let server = Server::start(vec![Reply::whole(200, "application/json", "{\"a\":1}")]).await;
    assert!(matches!(server.client().models().await, Err(ClientError::NotAnAnswer { .. })));
}

#[tokio::test]
async fn ill_formed_utf_8_is_replaced_and_counted() {
    let body = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\xffb\"}}]}\n\ndata: [DONE]\n\n";
    let (events, _) = chat(Reply::stream(&[body])).await;
    assert_eq!((content(&events).as_str(), ended(&events).replaced), ("a\u{fffd}b", 1));
}

#[tokio::test]
async fn an_endless_line_is_an_error_after_what_came_before() {
    let token = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    let server = Server::start(vec![Reply::stream(&[token, &[b'x'; 3000]])]).await;
    let mut client = server.client();
    client.limit_bytes = 1000;
    let (events, error) = all(client.stream_chat(&question()).expect("a stream")).await;
    assert_eq!(content(&events), "a");
    assert!(matches!(error, Some(ClientError::TooLong(e)) if e.limit_bytes == 1000), "{error:?}");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_and_its_connection_closed() {
    let token = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    let short = Duration::from_millis(50);
    for (reply, patience) in [
        (Reply::new("", Then::Hang), Patience { first_token: short, ..Patience::default() }),
        (Reply::cut_stream(&[token], Then::Hang), Patience { stall: short, ..Patience::default() }),
    ] {
        let server = Server::start(vec![reply]).await;
        let client = Client::new(&server.url, None, patience).expect("a URL");
        let mut answer = client.stream_chat(&question()).expect("a stream");
        let mut last = answer.next().await;
        while let Some(Ok(_)) = last {
            last = answer.next().await;
        }
        assert_eq!(last, Some(Err(ClientError::TimedOut { url: server.url.clone(), waited: short })));
        server.left_alone().await;
    }
    let server = Server::start(vec![Reply::new("", Then::Hang)]).await;
    let client = Client::new(&server.url, None, Patience { question: short, ..Patience::default() }).expect("a URL");
    assert!(matches!(client.version().await, Err(ClientError::TimedOut { .. })));
}

#[tokio::test]
async fn an_answer_that_is_dropped_closes_its_connection() {
    let token = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    let server = Server::start(vec![Reply::cut_stream(&[token], Then::Hang)]).await;
    let mut answer = server.client().stream_chat(&question()).expect("a stream");
    while answer.next().await != Some(Ok(AnswerEvent::Content("a".into()))) {}
    drop(answer);
    server.left_alone().await;
}

#[tokio::test]
async fn answers_one_after_the_other_share_a_connection() {
    let stream = || Reply::of(&capture("vllm-0.32/chat_stream_usage"));
    let server = Server::start(vec![stream(), stream(), Reply::of(&capture("vllm-0.32/chat"))]).await;
    let client = server.client();
    for _ in 0..2 {
        assert_eq!(all(client.stream_chat(&question()).expect("a stream")).await.1, None);
    }
    assert_eq!(client.chat(&question()).await.expect("an answer").usage.expect("usage").completion_tokens, 16);
    assert_eq!(server.connections(), 1);
    assert!(!server.requests()[2].contains("stream"), "{}", server.requests()[2]);
}

#[tokio::test]
async fn the_questions_of_a_probe_are_answered_by_both_servers() {
    for server_name in ["vllm-0.8.5", "vllm-0.32"] {
        let reply = |name: &str| Reply::of(&capture(&format!("{server_name}/{name}")));
        let replies = vec![
            reply("get_models"),
            reply("get_version"),
            Reply::whole(200, "text/plain", ""),
            Reply::whole(500, "text/plain", ""),
            reply("post_tokenize_chat"),
            reply("post_detokenize"),
            reply("completions"),
            reply("completions_stream_usage"),
        ];
        let server = Server::start(replies).await;
        let client = server.client();
        assert_eq!(client.models().await.expect("models")[0].id, "tiny-qwen2");
        assert!(client.version().await.expect("a version").starts_with("0."));
        assert_eq!(client.health().await, Ok(()));
        assert_eq!(client.health().await.expect_err("unhealthy").to_string(), "the server answered 500: Internal Server Error");
        let text = TokenizeRequest::Chat { model: "tiny".into(), messages: question().messages, add_generation_prompt: None };
        assert_eq!(client.tokenize(&text).await.expect("tokens").count, 27);
        let tokens = DetokenizeRequest { model: "tiny".into(), tokens: vec![300, 301, 302] };
        assert_eq!(client.detokenize(&tokens).await.expect("text").prompt, "ion b if");
        let prompt = CompletionRequest { model: "tiny".into(), prompt: Prompt::Text("import os".into()), sampling: Sampling::default() };
        assert_eq!(client.complete(&prompt).await.expect("text").choices.len(), 1);
        let (events, _) = all(client.stream_completion(&prompt).expect("a stream")).await;
        assert!(events.contains(&AnswerEvent::Finished { reason: Finish::Length, stop_reason: None }), "{events:?}");
        let paths: Vec<String> = server.requests().iter().map(|r| r.split(" HTTP").next().unwrap_or_default().to_owned()).collect();
        assert_eq!(
            paths,
            [
                "GET /v1/models",
                "GET /version",
                "GET /health",
                "GET /health",
                "POST /tokenize",
                "POST /detokenize",
                "POST /v1/completions",
                "POST /v1/completions"
            ]
        );
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_said_with_its_url_and_the_systems_words() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", free.local_addr().expect("bound"));
    drop(free);
    let client = Client::new(&url, None, Patience::default()).expect("a URL");
    let error = client.models().await.expect_err("nobody there");
    assert!(error.to_string().starts_with(&format!("cannot reach {url}: Connection refused")), "{error}");
    assert_eq!(error.problem().exit(), crate::base::Exit::BadInput);
    assert!(error.problem().sentence(Lang::Zh).contains("无法连接"));
    let (_, error) = all(client.stream_chat(&question()).expect("a stream")).await;
    assert!(matches!(error, Some(ClientError::Unreachable { .. })), "{error:?}");
}

#[test]
fn a_url_is_taken_with_or_without_v1_and_refused_with_a_reason() {
    for (given, root) in [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        (" http://127.0.0.1:8000/v1/ ", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/v1", "http://[::1]:8000"),
        ("http://gateway/llm/v1", "http://gateway/llm"),
    ] {
        assert_eq!(Client::new(given, None, Patience::default()).expect(given).url(), root);
    }
    for given in
        ["", "127.0.0.1:8000", "localhost:8000", "ftp://host", "http://host/?a=b", "http://user:hunter2@host", "http://u:hunter2@ho st"]
    {
        let error = Client::new(given, None, Patience::default()).expect_err(given).to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = Client::new("http://host", Some(Secret::new("a\nb")), Patience::default()).expect_err("no header value");
    assert_eq!(error, ClientError::BadKey);
}

#[test]
fn a_proxy_is_never_asked_for_this_machine() {
    for (url, here) in [
        ("http://localhost:1", true),
        ("http://127.0.0.2:1", true),
        ("http://[::1]:1", true),
        ("http://0.0.0.0:1", true),
        ("http://10.0.0.1", false),
        ("https://localhost.example", false),
    ] {
        assert_eq!(is_loopback(&reqwest::Url::parse(url).expect("a URL")), here, "{url}");
    }
}
