use super::*;

use crate::bench::prompts::Message;

pub(in crate::bench) fn target(endpoint: Endpoint, usage: Usage, addresses: u16) -> Target {
    let address = |at: u16| Address {
        to: ([127, 0, 0, 1], at + 1).into(),
        url: format!("http://h{at}"),
        door: None,
        prefix: String::new(),
        common: format!("Host: h{at}\r\n"),
        models: Vec::new(),
    };
    let setup = RouteSetup { name: "m".to_owned(), url: "http://h0".to_owned(), model: "m".to_owned() };
    Target {
        model: "m".to_owned(),
        max_model_len: Some(4096),
        usage,
        addresses: (0..addresses).map(address).collect(),
        lanes: vec![Lane { setup, addresses: (0..addresses).collect() }],
        endpoint,
        ignore_eos: true,
        extra_body: Map::new(),
        material: Arc::new(Material::Ids),
        access: Access::default(),
    }
}

impl Target {
    /// With more routes of these names to all addresses.
    pub(in crate::bench) fn with_routes(mut self, names: &[&str]) -> Self {
        let addresses = self.lanes[0].addresses.clone();
        let setup = |name: &&str| RouteSetup { name: (*name).to_owned(), url: "http://h0".to_owned(), model: (*name).to_owned() };
        self.lanes = names.iter().map(|name| Lane { setup: setup(name), addresses: addresses.clone() }).collect();
        self
    }
}

fn sent(target: &Target, prompt: &Prompt) -> serde_json::Value {
    let bytes = target.request(prompt, (0, 0), "id-1", 7);
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains("X-Request-Id: id-1\r\n") && head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn a_request_asks_for_a_stream_of_full_length_with_running_counts() {
    let whole = sent(&target(Endpoint::Completions, Usage::Continuous, 1), &Prompt::Ids(vec![300, 301]));
    assert_eq!(
        whole,
        serde_json::json!({"model": "m", "prompt": [300, 301], "max_tokens": 7, "temperature": 0, "stream": true, "ignore_eos": true,
            "stream_options": {"include_usage": true, "continuous_usage_stats": true}})
    );
    assert_eq!(sent(&target(Endpoint::Chat, Usage::None, 1), &Prompt::Text("hi".to_owned()))["stream_options"], serde_json::Value::Null);
}

#[test]
fn a_prompt_of_any_shape_fits_either_endpoint() {
    let talk = || Prompt::Messages(vec![Message::new("system", "a"), Message::new("user", "b\"\n")]);
    let (completions, chat) = (target(Endpoint::Completions, Usage::Final, 1), target(Endpoint::Chat, Usage::Final, 1));
    assert_eq!(sent(&completions, &talk())["prompt"], "a\nb\"\n");
    assert_eq!(sent(&chat, &talk())["messages"][1], serde_json::json!({"role": "user", "content": "b\"\n"}));
    assert_eq!(sent(&chat, &Prompt::Text("t".to_owned()))["messages"], serde_json::json!([{"role": "user", "content": "t"}]));
}

#[test]
fn a_url_may_have_a_path_a_version_and_an_ipv6_host() {
    let url = |text: &str| Url::parse(text).expect(text);
    assert_eq!(url("http://127.0.0.1:8000/v1/").prefix, "");
    assert_eq!(url("http://h/llm/v1").prefix, "/llm");
    assert_eq!((url("http://[::1]:9").host.as_str(), url("http://[::1]:9").port), ("::1", 9));
    assert_eq!((url("https://h/v1").port, url("https://h").tls, url("http://h").port), (443, true, 80));
    assert!(url("http://localhost:1").is_loopback() && url("http://[::1]").is_loopback() && !url("http://10.0.0.1").is_loopback());
    for bad in ["", "127.0.0.1:8000", "http://", "http://h?x=1", "not a url"] {
        assert!(Url::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn fields_of_the_spec_go_in_last_and_take_the_place_of_ours() {
    let mut target = target(Endpoint::Completions, Usage::Final, 1);
    target.extra_body = serde_json::from_str(r#"{"temperature": 0.7, "top_k": 5, "stream_options": {"x": 1}}"#).expect("JSON");
    let bytes = target.request(&Prompt::Text("hi".to_owned()), (0, 0), "id", 3);
    let text = String::from_utf8(bytes).expect("text");
    let (_, json) = text.split_once("\r\n\r\n").expect("a body");
    assert_eq!(json.matches("temperature").count(), 1, "{json}");
    assert!(json.ends_with(r#""stream_options":{"x":1},"temperature":0.7,"top_k":5}"#), "{json}");
}
