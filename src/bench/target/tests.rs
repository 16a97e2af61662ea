use super::*;

fn target(endpoint: Endpoint, usage: Usage) -> Target {
    Target {
        to: ([127, 0, 0, 1], 1).into(),
        model: "m".to_owned(),
        max_model_len: None,
        usage,
        head: "POST /v1/x HTTP/1.1\r\nHost: h\r\n".to_owned(),
        endpoint,
        output_len: 7,
        ignore_eos: true,
    }
}

fn body(target: &Target, prompt: &Prompt) -> serde_json::Value {
    let bytes = target.request(prompt, "id-1");
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains("X-Request-Id: id-1\r\n") && head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn a_request_asks_for_a_stream_of_full_length_with_running_counts() {
    let sent = body(&target(Endpoint::Completions, Usage::Continuous), &Prompt::Ids(vec![300, 301]));
    assert_eq!(
        sent,
        serde_json::json!({"model": "m", "prompt": [300, 301], "max_tokens": 7, "temperature": 0, "stream": true, "ignore_eos": true,
            "stream_options": {"include_usage": true, "continuous_usage_stats": true}})
    );
    assert_eq!(body(&target(Endpoint::Chat, Usage::None), &Prompt::Text("hi".to_owned()))["stream_options"], serde_json::Value::Null);
}

#[test]
fn a_prompt_of_any_shape_fits_either_endpoint() {
    let talk = || {
        let message = |role: &str, content: &str| Message { role: role.to_owned(), content: content.to_owned() };
        Prompt::Messages(vec![message("system", "a"), message("user", "b\"\n")])
    };
    let (completions, chat) = (target(Endpoint::Completions, Usage::Final), target(Endpoint::Chat, Usage::Final));
    assert_eq!(body(&completions, &talk())["prompt"], "a\nb\"\n");
    assert_eq!(body(&chat, &talk())["messages"][1], serde_json::json!({"role": "user", "content": "b\"\n"}));
    assert_eq!(body(&chat, &Prompt::Text("t".to_owned()))["messages"], serde_json::json!([{"role": "user", "content": "t"}]));
}

#[test]
fn a_url_may_have_a_path_a_version_and_an_ipv6_host() {
    let url = |text: &str| Url::parse(text).expect(text);
    assert_eq!(url("http://127.0.0.1:8000/v1/").prefix, "");
    assert_eq!(url("http://h/llm/v1").prefix, "/llm");
    assert_eq!((url("http://[::1]:9").host.as_str(), url("http://[::1]:9").port), ("::1", 9));
    assert!(url("http://localhost:1").is_loopback() && url("http://[::1]").is_loopback() && !url("http://10.0.0.1").is_loopback());
    for bad in ["", "127.0.0.1:8000", "http://", "http://h?x=1", "not a url"] {
        assert!(Url::parse(bad).is_err(), "{bad}");
    }
}
