//! The command line that runs the same load test without the console.
//!
//! Flags where they say all of it; else the whole profile goes with the command as a here-document, which the program reads from
//! `/dev/stdin` (JSON, which is YAML too).

use crate::bench::spec::{Endpoint, Form, Launcher, Limits, Load, Mix, Prompts, Random, Route, SaveTokens, Spec};
use std::path::{Path, PathBuf};

/// `dcudeck bench …` for `spec`, quoted for a POSIX shell. Holds no secret: a spec has none.
pub fn as_command(spec: &Spec) -> String {
    let mut spec = spec.clone();
    // A coordinator's part of a load is not what a person asked for.
    spec.share = None;
    paths_anywhere(&mut spec);
    by_flags(&spec).unwrap_or_else(|| with_profile(&spec))
}

/// The command with its profile behind it.
fn with_profile(spec: &Spec) -> String {
    let what = if spec.matrix.is_some() {
        "matrix"
    } else if spec.search.is_some() {
        "search"
    } else {
        "run"
    };
    let profile = serde_json::to_string_pretty(spec).unwrap_or_default();
    // No line of pretty JSON is bare letters, so none can end the document early.
    format!("dcudeck bench {what} /dev/stdin <<'EOF'\n{profile}\nEOF")
}

/// The command in flags alone; `None` where they cannot say all of it.
fn by_flags(spec: &Spec) -> Option<String> {
    let mut words = Words(vec!["dcudeck".to_owned(), "bench".to_owned(), "run".to_owned()]);
    // What is left of the spec once everything a flag can say is taken out of it.
    let mut left = Spec { name: Spec::default().name, ..spec.clone() };
    target(&mut left, &mut words)?;
    arrivals(&left.load, &mut words)?;
    left.load = Spec::default().load;
    words.maybe("--max-concurrency", left.max_concurrency.take());
    words.maybe("--requests", left.requests.take());
    words.maybe("--duration", left.duration_s.take());
    prompts(&left.prompts, &mut words);
    left.prompts = Prompts::default();
    words.only_if(std::mem::take(&mut left.cold), "--cold");
    words.flag("--output-len", left.output_len);
    left.output_len = Spec::default().output_len;
    words.only_if(!std::mem::replace(&mut left.ignore_eos, true), "--respect-eos");
    words.flag("--warmup", std::mem::take(&mut left.warmup));
    words.flag("--seed", std::mem::take(&mut left.seed));
    let usual = Limits::default().max_error_rate_pct;
    let max_error_rate_pct = std::mem::replace(&mut left.limits.max_error_rate_pct, usual);
    if (max_error_rate_pct - usual).abs() > f64::EPSILON {
        words.flag("--max-error-rate", max_error_rate_pct);
    }
    match std::mem::take(&mut left.save_tokens) {
        SaveTokens::All => words.flag("--save-tokens", "all"),
        SaveTokens::Sample => {}
        SaveTokens::None => words.flag("--save-tokens", "none"),
    }
    if let Some(workers) = left.workers.take() {
        words.flag("--workers", workers.count);
        words.flag("--launcher", if workers.launcher == Launcher::Local { "local" } else { "slurm" });
        for argument in workers.srun_args {
            words.word(format!("--srun-arg={argument}"));
        }
    }
    let slo = std::mem::take(&mut left.slo);
    let goals = [("ttft", slo.ttft_ms), ("tpot", slo.tpot_ms), ("itl", slo.itl_ms), ("e2el", slo.e2el_ms)];
    let goals: Vec<String> = goals.iter().filter_map(|(name, ms)| Some(format!("{name}:{}", (*ms)?))).collect();
    if !goals.is_empty() {
        words.word("--goodput".to_owned());
        words.0.extend(goals);
    }
    (left == Spec::default() && words.sayable()).then(|| words.0.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))
}

/// Server and routes, taken out of `left`.
fn target(left: &mut Spec, words: &mut Words) -> Option<()> {
    let target = std::mem::take(&mut left.target);
    if !target.url.is_empty() {
        words.flag("--url", target.url);
    }
    for url in target.more_urls {
        words.flag("--more-url", url);
    }
    words.maybe("--model", target.model);
    if target.endpoint == Endpoint::Chat {
        words.flag("--endpoint", "chat");
    }
    words.maybe("--api-key-file", target.api_key_file.as_deref().map(Path::display));
    for (name, value) in target.headers {
        if name.contains(':') || name.trim() != name || value.trim() != value {
            return None;
        }
        words.flag("--header", format!("{name}:{value}"));
    }
    if !target.extra_body.is_empty() {
        words.flag("--extra-body", serde_json::to_string(&target.extra_body).ok()?);
    }
    words.maybe("--ca-file", target.ca_file.as_deref().map(Path::display));
    words.only_if(target.http2, "--http2");
    let any = !left.routes.is_empty();
    for known in std::mem::take(&mut left.routes) {
        words.flag("--route", route(&known)?);
    }
    if any && std::mem::take(&mut left.mix) == Mix::Paired {
        words.word("--paired".to_owned());
    }
    Some(())
}

fn arrivals(load: &Load, words: &mut Words) -> Option<()> {
    match load {
        Load::Concurrency(users) => words.flag("--concurrency", users),
        Load::Rate(rate) => words.flag("--rate", rate),
        Load::Poisson(rate) => words.flag("--poisson", rate),
        Load::Gamma { rate, burstiness } => words.flag("--gamma", format!("{rate}:{burstiness}")),
        Load::Trace { path, speed } => {
            words.flag("--trace", path.display());
            if (speed - 1.0).abs() > f64::EPSILON {
                words.flag("--speed", speed);
            }
        }
        Load::Stages(_) => return None,
    }
    Some(())
}

fn prompts(prompts: &Prompts, words: &mut Words) {
    let random = match prompts {
        Prompts::Random(random) => random,
        Prompts::File { path, multi_turn } => {
            words.flag("--prompts", path.display());
            words.only_if(*multi_turn, "--multi-turn");
            return;
        }
    };
    let usual = Random::of(random.input_len);
    words.flag("--input-len", random.input_len);
    words.maybe("--range-ratio", Some(random.range_ratio).filter(|share| share.abs() > 0.0));
    words.maybe("--prefix-ratio", Some(random.prefix_ratio).filter(|share| share.abs() > 0.0));
    words.maybe("--prefix-groups", Some(random.prefix_groups).filter(|groups| *groups != usual.prefix_groups));
    words.maybe("--turns", Some(random.turns).filter(|turns| *turns != usual.turns));
    match random.form {
        Form::Auto => {}
        Form::Ids => words.flag("--form", "ids"),
        Form::Text => words.flag("--form", "text"),
    }
    words.maybe("--tokenizer", random.tokenizer.as_deref().map(Path::display));
}

/// `NAME[=MODEL[@URL]][:WEIGHT]`; `None` where the signs between its parts would be mistaken.
fn route(route: &Route) -> Option<String> {
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c));
    if !plain(&route.name) || route.model.as_deref().is_some_and(|model| !plain(model)) {
        return None;
    }
    let mut text = route.name.clone();
    if route.model.is_some() || route.url.is_some() {
        text += "=";
        text += route.model.as_deref().unwrap_or_default();
    }
    let weighted = (route.weight - 1.0).abs() > f64::EPSILON;
    if let Some(url) = &route.url {
        // A weight is told from a port by the port before it.
        let authority = url.split_once("://").map_or(url.as_str(), |(_, authority)| authority);
        let port = authority.contains(':');
        if authority.contains(['/', '[', '@']) || (weighted && !port) {
            return None;
        }
        text += "@";
        text += url;
    }
    if weighted {
        text += &format!(":{}", route.weight);
    }
    Some(text)
}

/// The words of a command.
struct Words(Vec<String>);

impl Words {
    fn word(&mut self, word: String) {
        self.0.push(word);
    }

    #[expect(clippy::needless_pass_by_value, reason = "figures and texts alike, mostly made for this")]
    fn flag(&mut self, name: &str, value: impl ToString) {
        self.0.extend([name.to_owned(), value.to_string()]);
    }

    fn maybe(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.flag(name, value);
        }
    }

    fn only_if(&mut self, is: bool, name: &str) {
        if is {
            self.0.push(name.to_owned());
        }
    }

    /// No word a shell or the program would take for something else: no control sequence, no value that begins as a flag does.
    fn sayable(&self) -> bool {
        let flags = |word: &&String| word.starts_with('-');
        self.0.iter().all(|word| !word.chars().any(char::is_control))
            && self.0.iter().filter(flags).all(|word| word.starts_with("--") && word.len() > 2)
            && !self.0.windows(2).any(|pair| matches!(pair, [flag, value] if takes_value(flag) && value.starts_with('-')))
    }
}

/// Whether the next word is `flag`'s value.
fn takes_value(flag: &str) -> bool {
    let alone = ["--cold", "--respect-eos", "--multi-turn", "--paired", "--http2"];
    flag.starts_with("--") && !flag.contains('=') && !alone.contains(&flag)
}

/// Relative paths count from where the console runs; the command may run elsewhere.
fn paths_anywhere(spec: &mut Spec) {
    let absolute = |path: &mut PathBuf| {
        if let Ok(whole) = std::path::absolute(&path) {
            *path = whole;
        }
    };
    let target = &mut spec.target;
    target.api_key_file.iter_mut().chain(&mut target.ca_file).for_each(absolute);
    if let Load::Trace { path, .. } = &mut spec.load {
        absolute(path);
    }
    match &mut spec.prompts {
        Prompts::File { path, .. } => absolute(path),
        Prompts::Random(random) => random.tokenizer.iter_mut().for_each(absolute),
    }
}

/// `word` as one word of a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
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

    #[test]
    fn what_flags_cannot_say_goes_with_the_command_as_a_profile() {
        let mut spec = Spec::default();
        assert!(!as_command(&spec).contains("<<"));
        spec.limits.stall_s = 7.0;
        let command = as_command(&spec);
        assert!(command.starts_with("dcudeck bench run /dev/stdin <<'EOF'\n{") && command.ends_with("}\nEOF"), "{command}");
        let mut spec = Spec::default();
        spec.target.model = Some("--yes".to_owned());
        assert!(as_command(&spec).contains("<<'EOF'"), "a value that looks like a flag");
        spec.target.model = Some("a\nEOF\nrm -rf ~".to_owned());
        assert_eq!(as_command(&spec).lines().filter(|line| *line == "EOF").count(), 1, "the document ends where it ends");
    }
}
