//! The command line that the console copies for a load test is one the program takes and understands the same way.

use clap::Parser;
use dcudeck::{
    bench::spec::{
        Endpoint, Form, Launcher, Load, Matrix, Mix, Over, Prompts, Random, Route, SaveTokens, Search, Spec, Stage, Target, Workers,
    },
    cli::args::{Bench, Cli, Command},
    console::tabs::load::as_command,
    workspace::{Workspace, profiles},
};

fn spec() -> Spec {
    let mut spec: Spec = profiles::load(&Workspace::at("/nonexistent"), "bench", "quick").expect("parses");
    "http://127.0.0.1:8000".clone_into(&mut spec.target.url);
    spec.target.model = Some("eye-tiny".to_owned());
    spec
}

/// A path beside the console: the copied command, which may run elsewhere, has it whole.
fn here(path: &str) -> std::path::PathBuf {
    std::path::absolute(path).expect("a path")
}

/// The words a POSIX shell makes of the line and, where there is one, the document behind it in a file instead of `/dev/stdin`.
fn words(command: &str, document: &std::path::Path) -> Vec<String> {
    let line = match command.split_once(" <<'EOF'\n") {
        None => command.to_owned(),
        Some((line, text)) => {
            std::fs::write(document, text.strip_suffix("\nEOF").expect("ends")).expect("writes");
            line.replace("/dev/stdin", &document.display().to_string())
        }
    };
    let printed = std::process::Command::new("sh").arg("-c").arg(format!("printf '%s\\n' {line}")).output().expect("sh");
    String::from_utf8(printed.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// What the copied command asks for, in a workspace without profiles.
fn parsed(spec: &Spec) -> Spec {
    let dir = tempfile::tempdir().expect("temporary folder");
    let command = as_command(spec);
    let cli = Cli::try_parse_from(words(&command, &dir.path().join("copied.yaml"))).unwrap_or_else(|error| panic!("{command}\n{error}"));
    let workspace = Workspace::at("/nonexistent");
    let made = match cli.command {
        Some(Command::Bench(Bench::Run(run))) => run.spec(&workspace),
        Some(Command::Bench(Bench::Matrix(matrix))) => matrix.spec(&workspace),
        Some(Command::Bench(Bench::Search(search))) => search.spec(&workspace),
        _ => panic!("{command}"),
    };
    made.unwrap_or_else(|problem| panic!("{command}\n{problem}"))
}

/// Flags give no name.
fn by_flags(spec: Spec) {
    assert!(!as_command(&spec).contains("<<"), "{}", as_command(&spec));
    assert_eq!(parsed(&spec), Spec { name: "load".to_owned(), ..spec });
}

fn by_profile(spec: &Spec) {
    assert!(as_command(spec).contains("<<'EOF'"), "{}", as_command(spec));
    assert_eq!(parsed(spec), *spec);
}

#[test]
fn a_copied_command_means_what_the_form_said() {
    let mut spec = spec();
    spec.ignore_eos = false;
    spec.duration_s = Some(60.0);
    (spec.slo.ttft_ms, spec.slo.tpot_ms) = (Some(500.0), Some(50.0));
    spec.limits.max_error_rate_pct = 2.5;
    by_flags(spec);
}

#[test]
fn every_arrival_and_every_prompt_is_copied() {
    for load in [
        Load::Concurrency(9),
        Load::Rate(2.5),
        Load::Poisson(0.125),
        Load::Gamma { rate: 4.0, burstiness: 0.5 },
        Load::Trace { path: here("data/a trace.jsonl"), speed: 2.5 },
    ] {
        by_flags(Spec { load, max_concurrency: Some(64), ..spec() });
    }
    let random = Random {
        range_ratio: 0.25,
        prefix_ratio: 0.29,
        prefix_groups: 4,
        turns: 3,
        form: Form::Text,
        tokenizer: Some(here("models/it's/tokenizer.json")),
        ..Random::of(256)
    };
    for prompts in [Prompts::Random(random), Prompts::File { path: here("data/prompts.jsonl"), multi_turn: true }] {
        for save_tokens in [SaveTokens::All, SaveTokens::None] {
            by_flags(Spec { prompts: prompts.clone(), save_tokens, cold: true, ..spec() });
        }
    }
}

#[test]
fn a_server_with_all_its_settings_and_routes_is_copied() {
    let target = Target {
        endpoint: Endpoint::Chat,
        api_key_file: Some(here("keys/api key")),
        more_urls: vec!["http://127.0.0.1:8001".to_owned(), "http://127.0.0.1:8002".to_owned()],
        headers: [("X-Team".to_owned(), "eye: $HOME".to_owned())].into(),
        extra_body: serde_json::from_str(r#"{"top_k": 20, "stop": ["it's"]}"#).expect("JSON"),
        ca_file: Some(here("tls/ca.pem")),
        http2: true,
        ..spec().target
    };
    let route = |name: &str, model: Option<&str>, url: Option<&str>, weight: f64| Route {
        name: name.to_owned(),
        model: model.map(str::to_owned),
        url: url.map(str::to_owned),
        weight,
    };
    let routes = vec![
        route("base", None, None, 2.0),
        route("a", Some("org/eye-07"), None, 0.5),
        route("b", Some("m"), Some("http://127.0.0.1:8003"), 3.0),
        route("c", None, Some("http://127.0.0.1:8004"), 1.0),
    ];
    let workers = Some(Workers { count: 2, launcher: Launcher::Slurm, srun_args: vec!["--partition=debug".to_owned()] });
    by_flags(Spec { target, routes: routes.clone(), mix: Mix::Paired, workers, ..spec() });
    let odd = vec![route("a=b:2", Some("x@y"), None, 1.0), route("c", None, Some("http://[::1]:8000/x"), 2.0)];
    by_profile(&Spec { routes: odd, ..spec() });
}

#[test]
fn what_flags_cannot_say_is_copied_as_a_profile() {
    let stage = |users, ramp| Stage { concurrency: Some(users), rate: None, duration_s: 5.0, ramp };
    by_profile(&Spec { load: Load::Stages(vec![stage(8, false), stage(64, true)]), ..spec() });
    let mut limits = spec();
    limits.limits.stall_s = 7.5;
    by_profile(&limits);
    let matrix = Matrix {
        input_len: vec![128, 512],
        output_len: Vec::new(),
        concurrency: vec![1, 8],
        rate: Vec::new(),
        repeats: 3,
        requests_per_user: 4,
        cold: true,
        drain_s: 60.0,
    };
    by_profile(&Spec { matrix: Some(matrix), ..spec() });
    let search = Search { over: Over::Rate, from: 0.5, to: 64.0, within_pct: 5.0, step_s: 30.0, to_saturation: true, drain_s: 60.0 };
    by_profile(&Spec { search: Some(search), ..spec() });
}
