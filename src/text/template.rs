//! Chat templates: Jinja as Hugging Face's transformers sets it up (`trim_blocks`, `lstrip_blocks`, Python's string and map
//! methods, `raise_exception`, `strftime_now`, loop controls).

use super::TextError;
use minijinja::{Environment, Error, ErrorKind, Value as JinjaValue, context, syntax::SyntaxConfig};
use serde_json::Value;

const NAME: &str = "chat_template";

/// A compiled chat template with the special tokens it may name.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos_token: String,
    eos_token: String,
}

impl ChatTemplate {
    /// From the text of a `tokenizer_config.json`; `None` when it has no template. Where it names several, the one called
    /// `default` is taken, as transformers does.
    ///
    /// # Errors
    /// When the text is no JSON or the template does not compile.
    pub fn from_config(config: &str) -> Result<Option<Self>, TextError> {
        let config: Value = serde_json::from_str(config).map_err(|error| TextError(error.to_string()))?;
        let source = match &config["chat_template"] {
            Value::String(source) => Some(source.clone()),
            Value::Array(named) => named.iter().find(|t| t["name"] == "default").and_then(|t| t["template"].as_str()).map(str::to_owned),
            _ => None,
        };
        source.map(|source| Self::new(source, token(&config["bos_token"]), token(&config["eos_token"]))).transpose()
    }

    /// From the template's source.
    ///
    /// # Errors
    /// When it does not compile.
    pub fn new(source: String, bos_token: String, eos_token: String) -> Result<Self, TextError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| told(&error))?);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", |format: String| jiff::Zoned::now().strftime(&format).to_string());
        environment.add_template_owned(NAME, source).map_err(|error| told(&error))?;
        Ok(Self { environment, bos_token, eos_token })
    }

    /// The prompt of a conversation. `messages` are OpenAI's: objects with at least `role` and `content`.
    ///
    /// # Errors
    /// What the template raised, or what it asked for and did not find.
    pub fn render(&self, messages: &[Value], add_generation_prompt: bool) -> Result<String, TextError> {
        let template = self.environment.get_template(NAME).map_err(|error| told(&error))?;
        let (bos_token, eos_token) = (&self.bos_token, &self.eos_token);
        template
            .render(context! { messages => JinjaValue::from_serialize(messages), add_generation_prompt, bos_token, eos_token })
            .map_err(|error| told(&error))
    }
}

/// A special token is a string, or an object with its `content`.
fn token(value: &Value) -> String {
    value.as_str().or_else(|| value["content"].as_str()).unwrap_or_default().to_owned()
}

/// A template's own `raise_exception` text, or what Jinja says with its line.
fn told(error: &Error) -> TextError {
    let detail = error.detail().map_or_else(|| error.to_string(), str::to_owned);
    TextError(error.line().map_or_else(|| detail.clone(), |line| format!("{detail} (chat template, line {line})")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_reference_of_the_bundled_model_is_rendered_alike() {
        let config = include_str!("../../fixtures/models/eye-tiny/tokenizer_config.json");
        let template = ChatTemplate::from_config(config).expect("compiles").expect("has one");
        let references: Value = serde_json::from_str(include_str!("../../fixtures/references/chat_template.json")).expect("is JSON");
        let cases = references["cases"].as_array().expect("has cases");
        assert!(!cases.is_empty());
        for case in cases {
            let messages = case["messages"].as_array().expect("has messages");
            let text = template.render(messages, case["add_generation_prompt"] == true).expect("renders");
            assert_eq!(text, case["text"].as_str().expect("has a text"));
        }
    }

    #[test]
    fn templates_written_for_python_work() {
        let source = "{% for m in messages %}\n  {% if m.role.startswith('u') %}\n{{ m['content'].strip() }}|{{ m.get('name', 'none') }}\n\
                      {% endif %}\n{% endfor %}\n{% if add_generation_prompt %}{{ bos_token }}{% endif %}";
        let template = ChatTemplate::new(source.to_owned(), "<s>".to_owned(), String::new()).expect("compiles");
        let messages = [json!({ "role": "user", "content": "  hi " }), json!({ "role": "system", "content": "x" })];
        assert_eq!(template.render(&messages, true).expect("renders"), "hi|none\n<s>");
    }

    #[test]
    fn what_a_template_raises_is_told() {
        let source = "{{ raise_exception('roles must alternate') }}";
        let template = ChatTemplate::new(source.to_owned(), String::new(), String::new()).expect("compiles");
        assert!(template.render(&[], false).expect_err("raises").to_string().starts_with("roles must alternate"));
    }
}
