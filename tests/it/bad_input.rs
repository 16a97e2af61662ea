//! Bad input gets one clear sentence that names what was read and what to do, exit status 2, and an error document for scripts.

use crate::program::{Server, dcudeck, output};
use serde_json::Value;
use std::{fs, net::TcpListener, path::Path};

/// Runs with `--json` and checks the contract: status 2, one document, one sentence on stderr holding each of `words`.
fn refused(home: &Path, arguments: &[&str], words: &[&str]) -> Value {
    let output = output(home, &[arguments, &["--json"]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {stderr}"));
    assert_eq!(document["schema"], "dcudeck.error/1");
    for word in words {
        assert!(stderr.contains(word), "{arguments:?}: no {word:?} in: {stderr}");
    }
    document["error"].clone()
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[cfg(feature = "embedded")]
mod models {
    use super::*;

    fn model(home: &Path) -> std::path::PathBuf {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models/eye-tiny");
        let to = home.join("model");
        fs::create_dir(&to).expect("mkdir");
        for entry in fs::read_dir(from).expect("lists") {
            let entry = entry.expect("is there");
            fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
        }
        to
    }

    #[test]
    fn a_model_folder_without_config_is_named() {
        let home = home();
        let model = model(home.path());
        fs::remove_file(model.join("config.json")).expect("removes");
        refused(home.path(), &["engine", "serve", &model.to_string_lossy(), "--port", "0"], &["config.json"]);
        refused(home.path(), &["engine", "serve", "/nowhere/at/all", "--port", "0"], &["/nowhere/at/all"]);
    }

    #[test]
    fn truncated_weights_are_named_with_their_file() {
        let home = home();
        let model = model(home.path());
        let weights = model.join("model.safetensors");
        let bytes = fs::read(&weights).expect("reads");
        fs::write(&weights, &bytes[..bytes.len() / 2]).expect("writes");
        refused(home.path(), &["engine", "serve", &model.to_string_lossy(), "--port", "0"], &["model.safetensors"]);
    }

    #[test]
    fn a_wrong_architecture_is_named_beside_those_that_work() {
        let home = home();
        let model = model(home.path());
        let config = fs::read_to_string(model.join("config.json")).expect("reads");
        let changed = config.replace("Qwen2ForCausalLM", "MambaForCausalLM").replace("\"qwen2\"", "\"mamba\"");
        fs::write(model.join("config.json"), changed).expect("writes");
        let words = ["MambaForCausalLM", "Qwen2ForCausalLM", "LlamaForCausalLM"];
        refused(home.path(), &["engine", "serve", &model.to_string_lossy(), "--port", "0"], &words);
    }

    #[test]
    fn a_port_in_use_is_named_for_the_engine_too() {
        let home = home();
        let holder = TcpListener::bind("127.0.0.1:0").expect("binds");
        let port = holder.local_addr().expect("has one").port().to_string();
        refused(home.path(), &["engine", "serve", "eye-tiny", "--port", &port], &[&port]);
    }
}

#[test]
fn a_port_in_use_is_named() {
    let home = home();
    let holder = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = holder.local_addr().expect("has one").port().to_string();
    refused(home.path(), &["engine", "sim", "--port", &port], &[&port]);
}

#[test]
fn an_unknown_profile_key_is_named_with_file_and_line() {
    let home = home();
    let profile = home.path().join("mine.yaml");
    fs::write(&profile, "name: mine\nload:\n  concurrency: 2\noutput_lne: 12\n").expect("writes");
    let error = refused(
        home.path(),
        &["bench", "run", &profile.to_string_lossy(), "--url", "http://127.0.0.1:9", "--requests", "1"],
        &["mine.yaml:4", "output_lne", "output_len"],
    );
    assert_eq!(error["line"], 4);
    refused(home.path(), &["bench", "run", "no-such-profile"], &["no-such-profile", "quick"]);
}

#[test]
fn an_unreachable_server_is_named() {
    let home = home();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port nobody listens on").port();
    let url = format!("http://127.0.0.1:{free}");
    refused(home.path(), &["bench", "run", "--url", &url, "--requests", "1"], &[&url]);
    refused(home.path(), &["bench", "run", "--url", "ftp://x", "--requests", "1"], &["ftp://x"]);
    refused(home.path(), &["bench", "run", "--requests", "1"], &["--url"]);
}

#[test]
fn a_model_that_is_not_served_is_named_beside_those_that_are() {
    let home = home();
    let server = Server::start(home.path(), &["sim", "--model", "there"]);
    refused(home.path(), &["bench", "run", "--url", &server.url, "--model", "absent", "--requests", "1"], &["absent", "there"]);
}

#[test]
fn without_a_terminal_the_headless_commands_are_named() {
    let home = home();
    let output = dcudeck(home.path(), &[]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    for word in ["terminal", "bench run", "engine serve"] {
        assert!(stderr.contains(word), "no {word:?} in: {stderr}");
    }
}

#[test]
fn a_wrong_flag_is_an_error_document_too() {
    let home = home();
    refused(home.path(), &["bench", "run", "--no-such-flag"], &["--no-such-flag"]);
}

#[test]
fn a_setting_that_makes_no_sense_is_named() {
    let home = home();
    fs::create_dir_all(home.path().join("ws")).expect("mkdir");
    fs::write(home.path().join("ws/dcudeck.toml"), "lang = \"en\"\nthem = \"dark\"\n").expect("writes");
    refused(home.path(), &["config", "print"], &["dcudeck.toml:2", "them", "theme"]);
}
