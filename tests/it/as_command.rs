//! The command line that the console copies for a load test is one the program takes and understands the same way.

use clap::Parser;
use dcudeck::{
    bench::spec::{Load, Prompts, Spec},
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

/// What the copied command asks for, in a workspace without profiles.
fn parsed(spec: &Spec) -> Spec {
    let line = as_command(spec);
    assert!(!line.contains('\''), "these values need no quoting: {line}");
    let cli = Cli::try_parse_from(line.split(' ')).expect("taken");
    match cli.command {
        Some(Command::Bench(Bench::Run(run))) => run.spec(&Workspace::at("/nonexistent")).expect("a spec"),
        _ => panic!("{line}"),
    }
}

#[test]
fn a_copied_command_means_what_the_form_said() {
    let mut spec = spec();
    spec.ignore_eos = false;
    spec.duration_s = Some(60.0);
    (spec.slo.ttft_ms, spec.slo.tpot_ms) = (Some(500.0), Some(50.0));
    spec.limits.max_error_rate_pct = 2.5;
    assert_eq!(parsed(&spec), Spec { name: "load".to_owned(), ..spec });
}

#[test]
fn a_rate_and_a_file_of_prompts_are_copied_too() {
    let mut spec = spec();
    spec.load = Load::Rate(2.5);
    spec.prompts = Prompts::File { path: "/tmp/prompts.jsonl".into(), multi_turn: false };
    assert_eq!(parsed(&spec), Spec { name: "load".to_owned(), ..spec });
}
