//! The server around the real engine and the bundled model.

use super::*;
use crate::openai::engine::EngineSpec;

fn bundled(change: impl FnOnce(&mut EngineSpec)) -> Result<App, Problem> {
    let mut options = EngineSpec { loras: vec!["eye-lora=eye-glaucoma".to_owned()], ..EngineSpec::default() };
    change(&mut options);
    super::load::load(&options, None)
}

#[test]
fn the_bundled_model_answers_and_its_adapter_answers_otherwise() {
    let app = bundled(|_| {}).expect("the bundled model");
    assert!(app.model.template().is_some());
    let server = run(Arc::new(app));
    let mut connection = server.raw();
    let ask = |model: &str, more: &str| {
        post(
            "/v1/chat/completions",
            &format!(
                r#"{{"model":"{model}",{more}"temperature":0,"max_tokens":40,"messages":[{{"role":"user","content":"What is glaucoma?"}}]}}"#
            ),
        )
    };
    let text = |answer: &Value| answer["choices"][0]["message"]["content"].as_str().expect("text").to_owned();
    let base = connection.ask(&ask("eye-tiny", "")).json();
    let adapted = connection.ask(&ask("eye-lora", "")).json();
    assert!(!text(&base).is_empty());
    assert_ne!(text(&base), text(&adapted));
    // Streamed it is the same text, and the counts are the same.
    let chunks = connection.ask(&ask("eye-tiny", r#""stream":true,"stream_options":{"include_usage":true},"#)).chunks();
    let streamed: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(streamed, text(&base));
    assert_eq!(chunks[chunks.len() - 1]["usage"]["completion_tokens"], base["usage"]["completion_tokens"]);
    let models = connection.ask(&get("/v1/models")).json();
    assert_eq!((&models["data"][1]["id"], &models["data"][1]["parent"]), (&"eye-lora".into(), &"eye-tiny".into()));
    let metrics = connection.ask(&get("/metrics")).text();
    assert!(metrics.contains(r"vllm:request_success_total{finished_reason=") && !metrics.contains(r#"num_gpu_blocks="0""#));
    server.stop();
}

#[test]
fn a_client_that_leaves_frees_the_engines_slot() {
    let server = run(Arc::new(bundled(|options| options.max_num_seqs = 1).expect("the bundled model")));
    let mut first = server.raw();
    first.send(&post("/v1/completions", r#"{"prompt":"a","max_tokens":2000,"ignore_eos":true,"stream":true}"#));
    first.head();
    first.chunk(&mut false).expect("a token");
    drop(first);
    // The only slot: another request is answered because the first was cancelled.
    assert_eq!(server.raw().ask(&post("/v1/completions", r#"{"prompt":"a","max_tokens":2}"#)).status, 200);
    assert_eq!(server.app.figures().1.aborted, 1);
    until("the engine is empty", || server.app.figures().0.running == 0);
    server.stop();
}

#[test]
fn what_cannot_be_served_is_bad_input_before_anything_listens() {
    type Change = fn(&mut EngineSpec);
    let cases: [(Change, &str); 5] = [
        (|o| o.model = "/nonexistent".into(), "/nonexistent"),
        (|o| o.max_model_len = Some(1 << 20), "1048576"),
        (|o| o.max_num_seqs = 0, "--max-num-seqs"),
        (|o| o.loras = vec!["a=/nonexistent".to_owned()], "/nonexistent"),
        (|o| o.reasoning_parser = Some("qwen3".to_owned()), "deepseek_r1"),
    ];
    for (change, words) in cases {
        let problem = bundled(change).err().expect(words);
        assert_eq!(problem.exit(), crate::base::Exit::BadInput, "{problem}");
        assert!(problem.to_string().contains(words), "{problem}");
    }
}
