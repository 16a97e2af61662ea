use super::*;
use crate::openai::captures::{capture, captures};

fn of(body: &str) -> ApiError {
    ApiError::from_body(400, body.as_bytes(), None)
}

#[test]
fn every_shape_of_body_gives_its_sentence() {
    for (body, message, kind, param, code) in [
        (
            r#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#,
            "too long",
            "BadRequestError",
            None,
            Some("400"),
        ),
        (
            r#"{"error":{"message":"too long","type":"BadRequestError","param":"input_tokens","code":400}}"#,
            "too long",
            "BadRequestError",
            Some("input_tokens"),
            Some("400"),
        ),
        (r#"{"error":{"message":"no","type":"x","code":"model_not_found"}}"#, "no", "x", None, Some("model_not_found")),
        (r#"{"error":"Unauthorized"}"#, "Unauthorized", "", None, None),
        (r#"{"detail":"Not Found"}"#, "Not Found", "", None, None),
        (
            r#"{"detail":[{"loc":["body","messages"],"msg":"Field required","type":"missing"},{"msg":"other"}]}"#,
            "body.messages: Field required; other",
            "",
            None,
            None,
        ),
        (r#"{"message":"flat"}"#, "flat", "", None, None),
        (r#"{"error":{"code":7}}"#, r#"{"code":7}"#, "", None, Some("7")),
        ("<html><head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway", "", None, None),
        ("upstream gone\n", "upstream gone", "", None, None),
        ("", "Bad Request", "", None, None),
        ("<p>", "Bad Request", "", None, None),
        ("{}", "{}", "", None, None),
    ] {
        let error = of(body);
        assert_eq!((error.message.as_str(), error.kind.as_str()), (message, kind), "{body}");
        assert_eq!((error.param.as_deref(), error.code.as_deref()), (param, code), "{body}");
    }
}

#[test]
fn every_captured_refusal_gives_a_sentence_of_the_servers() {
    let mut refusals = 0;
    for capture in captures().iter().filter(|c| c.status >= 400) {
        let error = ApiError::from_body(capture.status, capture.body.as_bytes(), None);
        assert!(error.message.len() > 5 && !error.message.starts_with('{'), "{}: {error}", capture.name);
        assert_eq!(error.meant_status(), capture.status, "{}", capture.name);
        refusals += 1;
    }
    assert!(refusals >= 12, "{refusals}");
}

#[test]
fn the_two_servers_say_the_same_in_their_two_shapes() {
    for server in ["vllm-0.8.5", "vllm-0.32"] {
        let body = capture(&format!("{server}/err_unknown_model")).body;
        let error = ApiError::from_body(404, body.as_bytes(), None);
        assert_eq!(error.kind, "NotFoundError");
        assert!(error.to_string().starts_with("the server answered 404 NotFoundError: The model `nope` does not exist."), "{error}");
    }
}

#[test]
fn an_error_that_came_with_status_200_means_its_own_code() {
    let body = capture("vllm-0.8.5/embeddings_on_generate");
    assert_eq!(body.status, 200);
    let json = serde_json::from_str(&body.body).expect("JSON");
    let error = ApiError::in_json(200, &json).expect("an error");
    assert_eq!((error.status, error.meant_status()), (200, 400));
    let answer = serde_json::from_str(&capture("vllm-0.8.5/chat").body).expect("JSON");
    assert_eq!(ApiError::in_json(200, &answer), None);
}

#[test]
fn neither_the_key_nor_a_control_sequence_survives_in_any_field() {
    let key = Secret::new("sk-very-secret");
    let body = r#"{"error":{"message":"bad key sk-very-\u001b[31msecret \u001b]52;c;x\u0007","type":"sk-very-secret","param":"sk-very-secret","code":"sk-very-secret"}}"#;
    let error = ApiError::from_body(401, body.as_bytes(), Some(&key));
    let all = format!("{error} {error:?}");
    assert!(!all.contains("very") && !all.contains('\u{1b}') && error.message.starts_with("bad key ***"), "{all}");
    let text = ApiError::from_body(401, b"proxy says: sk-very-\x1b[1msecret", Some(&key));
    assert_eq!(text.message, "proxy says: ***");
}

#[test]
fn a_long_message_is_cut_after_the_key_is_gone() {
    let key = Secret::new("sk-very-secret");
    let body = format!(r#"{{"error":"{}sk-very-secret {}"}}"#, "眼".repeat(MESSAGE_CHARS - 8), "x".repeat(100_000));
    let error = ApiError::from_body(400, body.as_bytes(), Some(&key));
    assert_eq!(error.message.chars().count(), MESSAGE_CHARS + 1);
    assert!(!error.message.contains("sk-"));
}
