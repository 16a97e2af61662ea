//! The JSON schema of settings files, for editors: `docs/settings.schema.json` is this text.

use super::{Kind, SETTINGS, Setting};
use serde_json::{Map, Value, json};

/// The schema, indented, with a line end.
#[must_use]
pub fn text() -> String {
    let properties: Map<String, Value> = SETTINGS.iter().map(|setting| (setting.name.to_owned(), property(setting))).collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dcudeck settings: WORKSPACE/dcudeck.toml and $XDG_CONFIG_HOME/dcudeck/config.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    format!("{schema:#}\n")
}

fn property(setting: &Setting) -> Value {
    let mut property = match setting.kind {
        Kind::Choice(words) => json!({ "enum": words, "default": setting.default }),
        Kind::Switch => json!({ "type": "boolean", "default": setting.default == "true" }),
        Kind::AutoSwitch => json!({ "enum": [true, false, "auto"], "default": setting.default }),
        Kind::Number { min, max } => {
            json!({ "type": "integer", "minimum": min, "maximum": max, "default": setting.default.parse::<u32>().ok() })
        }
    };
    property["description"] = format!("{} ({} or ${})", setting.help.en, setting.flag, setting.env).into();
    property
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_the_tables_own() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.schema.json");
        if std::env::var_os("DCUDECK_UPDATE").is_some() {
            std::fs::write(path, text()).expect("writes");
        }
        let committed = std::fs::read_to_string(path).expect("docs/settings.schema.json is there");
        assert_eq!(committed, text(), "run the tests once with DCUDECK_UPDATE=1");
    }
}
