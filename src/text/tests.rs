//! The bundled model's tokenizer and template against transformers' references, and what other models' templates use.

use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::LazyLock;

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))).expect(path)
}

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let config = fixture("models/eye-tiny/tokenizer_config.json");
    Tokenizer::from_bytes(&fixture("models/eye-tiny/tokenizer.json"), Some(&config)).expect("tokenizer")
});

#[derive(Deserialize)]
struct References<T> {
    cases: Vec<T>,
}

fn references<T: for<'a> Deserialize<'a>>(file: &str) -> Vec<T> {
    serde_json::from_slice::<References<T>>(&fixture(&format!("references/{file}"))).expect("references").cases
}

#[test]
fn texts_become_the_reference_s_tokens_and_come_back() {
    #[derive(Deserialize)]
    struct Case {
        text: String,
        ids: Vec<u32>,
        decoded: String,
        decoded_skip_special: String,
    }
    for case in references::<Case>("tokenizer.json") {
        assert_eq!(TOKENIZER.encode(&case.text, true).expect("encoded"), case.ids, "{:?}", case.text);
        assert_eq!(TOKENIZER.decode(&case.ids, false).expect("decoded"), case.decoded);
        assert_eq!(TOKENIZER.decode(&case.ids, true).expect("decoded"), case.decoded_skip_special);
    }
}

#[test]
fn conversations_are_rendered_as_the_reference_does() {
    #[derive(Deserialize)]
    struct Case {
        messages: Vec<Value>,
        add_generation_prompt: bool,
        text: String,
        ids: Vec<u32>,
    }
    let template = ChatTemplate::from_config(&fixture("models/eye-tiny/tokenizer_config.json")).expect("template").expect("there");
    for case in references::<Case>("chat_template.json") {
        let with = Render { add_generation_prompt: case.add_generation_prompt, ..Render::default() };
        let text = template.render(&case.messages, with).expect("rendered");
        assert_eq!(text, case.text);
        assert_eq!(TOKENIZER.encode(&text, false).expect("encoded"), case.ids);
    }
}

#[test]
fn tokens_are_found_by_text_and_by_id() {
    let eos = TOKENIZER.eos().expect("there");
    assert_eq!(TOKENIZER.token_id("<｜end▁of▁sentence｜>"), Some(eos));
    assert_eq!(TOKENIZER.token(eos).as_deref(), Some("<｜end▁of▁sentence｜>"));
    assert_eq!(TOKENIZER.token_id("no such token"), None);
    let last = u32::try_from(TOKENIZER.vocab_size() - 1).expect("small");
    assert!(TOKENIZER.token(last).is_some() && TOKENIZER.token(last + 1).is_none());
}

#[test]
fn llama_tokenizers_get_their_first_token_from_the_configuration() {
    let tokenizer = fixture("models/eye-tiny/tokenizer.json");
    let with = |config: Value| Tokenizer::from_bytes(&tokenizer, Some(config.to_string().as_bytes())).expect("tokenizer");
    let bos = json!({"content": "<｜begin▁of▁sentence｜>", "lstrip": false});
    let llama = with(json!({"tokenizer_class": "LlamaTokenizerFast", "bos_token": bos, "add_bos_token": true, "add_eos_token": false}));
    assert_eq!(llama.encode("a", true).expect("encoded")[0], llama.token_id("<｜begin▁of▁sentence｜>").expect("there"));
    assert_eq!(llama.encode("a", false).expect("encoded"), TOKENIZER.encode("a", false).expect("encoded"));
    let without = with(json!({"tokenizer_class": "LlamaTokenizerFast", "bos_token": bos, "add_bos_token": false}));
    assert_eq!(without.encode("a", true).expect("encoded"), without.encode("a", false).expect("encoded"));
}

fn pieces(ids: &[u32], skip: bool) -> Vec<String> {
    let mut detokenizer = Detokenizer::new(skip);
    let mut pieces: Vec<String> = ids.iter().map(|id| detokenizer.push(&TOKENIZER, *id).expect("decoded")).collect();
    pieces.push(detokenizer.finish(&TOKENIZER).expect("decoded"));
    pieces
}

#[test]
fn a_character_of_many_tokens_comes_at_once() {
    let text = "𠮷👩‍⚕️龘";
    let ids = TOKENIZER.encode(text, false).expect("encoded");
    let pieces = pieces(&ids, true);
    assert!(ids.len() > text.chars().count(), "the vocabulary has none of them whole");
    assert!(pieces.iter().all(|piece| !piece.contains(char::REPLACEMENT_CHARACTER)), "{pieces:?}");
    assert_eq!(pieces.concat(), text);
}

proptest! {
    #[test]
    fn pieces_joined_are_the_whole_decoding_of_any_tokens(ids in prop::collection::vec(0_u32..4096, 0..60), skip: bool) {
        let size = u32::try_from(TOKENIZER.vocab_size()).expect("small");
        let ids: Vec<u32> = ids.into_iter().map(|id| id % size).collect();
        prop_assert_eq!(pieces(&ids, skip).concat(), TOKENIZER.decode(&ids, skip).expect("decoded"));
    }

    #[test]
    fn pieces_of_real_text_never_show_a_broken_character(text in "(\\PC|[眼科青光𠮷🙂é]){0,30}") {
        let ids = TOKENIZER.encode(&text, false).expect("encoded");
        let pieces = pieces(&ids, false);
        prop_assert!(text.contains(char::REPLACEMENT_CHARACTER) || pieces.iter().all(|piece| !piece.contains(char::REPLACEMENT_CHARACTER)));
        prop_assert_eq!(pieces.concat(), TOKENIZER.decode(&ids, false).expect("decoded"));
    }
}

fn template(source: &str) -> ChatTemplate {
    let config = json!({"chat_template": source, "bos_token": "<s>", "eos_token": {"content": "</s>"}, "unk_token": null});
    ChatTemplate::from_config(config.to_string().as_bytes()).expect("parsed").expect("there")
}

fn rendered(source: &str, messages: &Value) -> Result<String, String> {
    let messages = messages.as_array().expect("list");
    template(source).render(messages, Render { add_generation_prompt: true, ..Render::default() }).map_err(|error| error.to_string())
}

#[test]
fn blocks_leave_no_blank_lines_behind() {
    let source = "{% for m in messages %}\n  {% if m.role == 'user' %}\nQ: {{ m.content }}\n  {% endif %}\n{% endfor %}\n{{ bos_token }}{{ eos_token }}";
    let got = rendered(source, &json!([{"role": "user", "content": "hi"}, {"role": "system", "content": "x"}]));
    assert_eq!(got.expect("rendered"), "Q: hi\n<s></s>");
}

#[test]
fn python_s_string_methods_work_as_in_python() {
    for (expression, want) in [
        ("' a b '.strip()", " a b ".trim()),
        ("'xxaxx'.lstrip('x') ~ 'xxaxx'.rstrip('x')", "axxxxa"),
        ("'<think>a</think>b'.split('</think>')[-1]", "b"),
        ("'a b  c'.split()|join('|')", "a|b|c"),
        ("'a,b,c'.split(',', 1)|join('|')", "a|b,c"),
        ("'a b c'.split(none, 1)|join('|')", "a|b c"),
        ("'abc'.startswith('ab') and not 'abc'.endswith('x')", "True"),
        ("'aXbX'.replace('X', '-', 1) ~ 'a'.upper() ~ 'bC'.capitalize() ~ 'ab cd'.title()", "a-bXABcAb Cd"),
        ("'眼科'.find('科') ~ 'a'.find('b')", "1-1"),
        ("', '.join(['a', 'b'])", "a, b"),
        ("{'a': 1}.get('a') ~ {'a': 1}.get('b', 2)", "12"),
        ("{'k': 'v'}.items()|list|tojson", "[[\"k\", \"v\"]]"),
        ("messages[::-1][0].content", "hi"),
        ("{'a': [1, '<é>']}|tojson", "{\"a\": [1, \"<é>\"]}"),
    ] {
        let got = rendered(&format!("{{{{ {expression} }}}}"), &json!([{"role": "user", "content": "hi"}]));
        assert_eq!(got.as_deref(), Ok(want), "{expression}");
    }
}

#[test]
fn a_template_that_follows_the_field_s_shape_renders() {
    // The constructs of Qwen 2.5's and DeepSeek R1's templates: namespace, loop variables, slices, methods, whitespace control.
    let source = "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}\
        {%- set ns = namespace(system='', first=true) -%}\
        {%- for message in messages %}{%- if message['role'] == 'system' %}{%- set ns.system = message['content'] %}{%- endif %}{%- endfor -%}\
        {{ bos_token }}{{ ns.system }}\
        {%- for message in messages[1:] %}\
        {%- if message.role == 'user' %}{%- set ns.first = false -%}{{ '<|user|>' + message.content.strip() }}\
        {%- elif message.role == 'assistant' and message.content is not none %}\
        {%- set content = message.content %}{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}\
        {{- '<|assistant|>' + content }}{%- if not loop.last %}{{ eos_token }}{%- endif %}\
        {%- else %}{{ raise_exception('Unexpected role: ' ~ message.role) }}{%- endif %}\
        {%- endfor -%}\
        {% if add_generation_prompt and not ns.first %}{{ '<|assistant|><think>\\n' }}{% endif %}";
    let chat = json!([
        {"role": "system", "content": "S"},
        {"role": "user", "content": " q "},
        {"role": "assistant", "content": "<think>\nt\n</think>\n\na"},
        {"role": "user", "content": "r"},
    ]);
    assert_eq!(rendered(source, &chat).expect("rendered"), "<s>S<|user|>q<|assistant|>a</s><|user|>r<|assistant|><think>\n");
    let refused = rendered(source, &json!([{"role": "system", "content": ""}, {"role": "tool", "content": "x"}]));
    assert_eq!(refused, Err("Unexpected role: tool".to_owned()));
}

#[test]
fn a_final_message_can_be_left_open() {
    let template = template("{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}");
    let messages = [json!({"role": "user", "content": "a"}), json!({"role": "assistant", "content": "Sure, "})];
    let with = Render { continue_final_message: true, ..Render::default() };
    assert_eq!(template.render(&messages, with).expect("rendered"), "[user]a</s>[assistant]Sure, ");
}

#[test]
fn variables_and_tools_reach_the_template() {
    let template = template("{% if tools %}{{ tools[0].name }}{% endif %}{% if enable_thinking is false %}no{% endif %}");
    let variables = json!({"enable_thinking": false});
    let tools = json!([{"name": "look"}]);
    let with = Render { tools: Some(&tools), variables: variables.as_object(), ..Render::default() };
    assert_eq!(template.render(&[], with).expect("rendered"), "lookno");
}

#[test]
fn a_folder_gives_its_template_file_before_its_configuration() {
    let folder = tempfile::tempdir().expect("folder");
    assert!(ChatTemplate::from_folder(folder.path()).expect("none").is_none());
    let named = json!({"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]});
    std::fs::write(folder.path().join("tokenizer_config.json"), named.to_string()).expect("written");
    let text = |folder| ChatTemplate::from_folder(folder).expect("read").expect("there").render(&[], Render::default()).expect("rendered");
    assert_eq!(text(folder.path()), "D");
    std::fs::write(folder.path().join("chat_template.jinja"), "J").expect("written");
    assert_eq!(text(folder.path()), "J");
    std::fs::write(folder.path().join("chat_template.jinja"), "{% if %}").expect("written");
    assert!(matches!(ChatTemplate::from_folder(folder.path()), Err(TextError::BadTemplate(_))));
}
