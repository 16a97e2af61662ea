//! The command line that runs the same load test without the console.

use crate::bench::spec::{Endpoint, Limits, Prompts, Spec};

/// `dcudeck bench run …` for `spec`, quoted for a POSIX shell. Holds no secret: a spec has none.
pub fn as_command(spec: &Spec) -> String {
    let mut words = vec!["dcudeck".to_owned(), "bench".to_owned(), "run".to_owned()];
    let mut flag = |name: &str, value: String| words.extend([name.to_owned(), quoted(&value)]);
    flag("--url", spec.target.url.clone());
    if let Some(model) = &spec.target.model {
        flag("--model", model.clone());
    }
    if spec.target.endpoint == Endpoint::Chat {
        flag("--endpoint", "chat".to_owned());
    }
    if let Some(users) = spec.load.users() {
        flag("--concurrency", users.to_string());
    } else if let Some(rate) = spec.load.rate() {
        flag("--rate", rate.to_string());
    }
    if let Some(requests) = spec.requests {
        flag("--requests", requests.to_string());
    }
    if let Some(seconds) = spec.duration_s {
        flag("--duration", seconds.to_string());
    }
    match &spec.prompts {
        Prompts::Random(random) => flag("--input-len", random.input_len.to_string()),
        Prompts::File { path, .. } => flag("--prompts", path.display().to_string()),
    }
    flag("--output-len", spec.output_len.to_string());
    flag("--warmup", spec.warmup.to_string());
    flag("--seed", spec.seed.to_string());
    let max_error_rate_pct = spec.limits.max_error_rate_pct;
    if (max_error_rate_pct - Limits::default().max_error_rate_pct).abs() > f64::EPSILON {
        flag("--max-error-rate", max_error_rate_pct.to_string());
    }
    if let Some(path) = &spec.target.api_key_file {
        flag("--api-key-file", path.display().to_string());
    }
    if !spec.ignore_eos {
        words.push("--respect-eos".to_owned());
    }
    let slo = &spec.slo;
    let goals = [("ttft", slo.ttft_ms), ("tpot", slo.tpot_ms), ("itl", slo.itl_ms), ("e2el", slo.e2el_ms)];
    let goals: Vec<String> = goals.iter().filter_map(|(name, ms)| Some(format!("{name}:{}", (*ms)?))).collect();
    if !goals.is_empty() {
        words.push("--goodput".to_owned());
        words.extend(goals);
    }
    words.join(" ")
}

/// `word` as one word of a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,[]".contains(c);
    if !word.is_empty() && word.chars().all(plain) && !word.contains('[') {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_outside_stay_one_word() {
        assert_eq!(quoted("my model; rm -rf ~"), "'my model; rm -rf ~'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$(id)"), "'$(id)'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("http://127.0.0.1:8000"), "http://127.0.0.1:8000");
    }
}
