//! Which tool wrote a document, and what the readers of all of them share.

use super::{Imported, aiperf, evalscope, guidellm, vllm};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

/// The results in `document`, whichever tool wrote it; none when no tool is known that writes such a document.
pub(super) fn all(document: &Value, beside: &Path) -> Vec<Imported> {
    if document.get("benchmarks").is_some_and(Value::is_array) {
        return guidellm::read(document);
    }
    let one = vllm::read(document).or_else(|| evalscope::read(document, beside)).or_else(|| aiperf::read(document));
    one.into_iter().collect()
}

/// A result of `source`, whose formulas it follows, without its model and moment.
pub(super) fn of_tool(
    source: &str,
    asked: Asked,
    metrics: BTreeMap<String, f64>,
    theirs: BTreeMap<String, f64>,
    notes: &[&str],
) -> Imported {
    Imported {
        source: source.to_owned(),
        definitions: source.to_owned(),
        load: load(asked),
        max_concurrency: asked.max_concurrency,
        request_rate: asked.request_rate,
        metrics,
        theirs,
        notes: notes.iter().map(|note| (*note).to_owned()).collect(),
        ..Imported::default()
    }
}

/// The load a tool was asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) request_rate: Option<f64>,
    pub(super) max_concurrency: Option<u32>,
    /// What to call it where the tool wrote neither.
    pub(super) otherwise: &'static str,
}

/// A load in one line: a rate with its cap, or users.
fn load(asked: Asked) -> String {
    match (asked.request_rate, asked.max_concurrency) {
        (Some(rate), Some(cap)) => format!("{rate} req/s, at most {cap} in flight"),
        (Some(rate), None) => format!("{rate} req/s"),
        (None, Some(1)) => "1 user".to_owned(),
        (None, Some(users)) => format!("{users} users"),
        (None, None) => asked.otherwise.to_owned(),
    }
}

/// `failed` of all requests, percent, under our name; nothing where none ended.
pub(super) fn error_rate(metrics: &mut BTreeMap<String, f64>) {
    if let (Some(done), Some(failed)) = (metrics.get("completed"), metrics.get("failed"))
        && done + failed > 0.0
    {
        let rate = failed * 100.0 / (done + failed);
        metrics.insert("error_rate_pct".to_owned(), rate);
    }
}

pub(super) fn keep(into: &mut BTreeMap<String, f64>, key: &str, value: Option<f64>) {
    if let Some(value) = value.filter(|v| v.is_finite()) {
        into.insert(key.to_owned(), value);
    }
}

pub(super) fn first_text(document: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| document.pointer(pointer)?.as_str()).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole number within u32")]
pub(super) fn whole(value: f64) -> Option<u32> {
    (value >= 1.0 && value <= f64::from(u32::MAX)).then_some(value.round() as u32)
}
