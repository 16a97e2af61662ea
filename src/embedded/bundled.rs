//! The model and the adapter that this binary carries; `fixtures/models/eye-tiny/README.md` says what they are.

/// The model's name.
pub const MODEL: &str = "eye-tiny";
/// The adapter's name.
pub const ADAPTER: &str = "eye-glaucoma";

macro_rules! bundle {
    ($($name:ident = $file:literal, $doc:literal;)*) => {
        $(#[doc = $doc] pub const $name: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/", $file));)*
    };
}

bundle! {
    CONFIG = "models/eye-tiny/config.json", "`config.json`.";
    GENERATION_CONFIG = "models/eye-tiny/generation_config.json", "`generation_config.json`.";
    WEIGHTS = "models/eye-tiny/model.safetensors", "`model.safetensors`.";
    TOKENIZER = "models/eye-tiny/tokenizer.json", "`tokenizer.json`.";
    TOKENIZER_CONFIG = "models/eye-tiny/tokenizer_config.json", "`tokenizer_config.json`, with the chat template.";
    ADAPTER_CONFIG = "adapters/eye-glaucoma/adapter_config.json", "The adapter's `adapter_config.json`.";
    ADAPTER_WEIGHTS = "adapters/eye-glaucoma/adapter_model.safetensors", "The adapter's `adapter_model.safetensors`.";
}
