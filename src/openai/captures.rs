//! What real servers answered, for the tests of this module: `fixtures/captures/openai/`.

use std::{fs, path::PathBuf};

/// One recorded answer: `HTTP <status>`, `content-type: …`, a blank line, the body as sent.
pub(super) struct Capture {
    pub(super) name: String,
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: String,
}

impl Capture {
    pub(super) fn is_stream(&self) -> bool {
        self.content_type.starts_with("text/event-stream")
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures/openai")
}

/// The capture of that name, such as `vllm-0.8.5/chat_stream_usage`.
pub(super) fn capture(name: &str) -> Capture {
    let text = fs::read_to_string(folder().join(format!("{name}.http"))).unwrap_or_else(|e| panic!("{name}: {e}"));
    let (head, body) = text.split_once("\n\n").expect("head, blank line, body");
    let (status, content_type) = head.split_once('\n').expect("two lines of head");
    Capture {
        name: name.to_owned(),
        status: status.strip_prefix("HTTP ").and_then(|s| s.parse().ok()).expect("a status"),
        content_type: content_type.strip_prefix("content-type: ").expect("a content type").to_owned(),
        body: body.to_owned(),
    }
}

/// All of them.
pub(super) fn captures() -> Vec<Capture> {
    let mut all = Vec::new();
    for server in fs::read_dir(folder()).expect("the folder").flatten() {
        for file in fs::read_dir(server.path()).expect("a server's folder").flatten() {
            let stem = file.path().file_stem().expect("a name").to_string_lossy().into_owned();
            all.push(capture(&format!("{}/{stem}", server.file_name().to_string_lossy())));
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(all.len() >= 40, "captures are missing");
    all
}

/// Those that are event streams.
pub(super) fn streams() -> Vec<Capture> {
    captures().into_iter().filter(Capture::is_stream).collect()
}
