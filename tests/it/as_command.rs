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

fn parsed(spec: &Spec) -> dcudeck::cli::args::BenchRun {
    let line = as_command(spec);
    assert!(!line.contains('\''), "these values need no quoting: {line}");
    let cli = Cli::try_parse_from(line.split(' ')).expect("taken");
    match cli.command {
        Some(Command::Bench(Bench::Run(run))) => *run,
        _ => panic!("{line}"),
    }
}

#[test]
fn every_flag_of_a_copied_command_means_what_the_form_said() {
    let mut spec = spec();
    spec.ignore_eos = false;
    spec.duration_s = Some(60.0);
    (spec.slo.ttft_ms, spec.slo.tpot_ms) = (Some(500.0), Some(50.0));
    let run = parsed(&spec);
    assert_eq!(run.url.as_deref(), Some(spec.target.url.as_str()));
    assert_eq!(run.model, spec.target.model);
    assert_eq!((run.concurrency, run.rate), (Some(4), None));
    assert_eq!((run.requests, run.duration), (spec.requests, spec.duration_s));
    assert_eq!((run.input_len, run.output_len), (Some(64), Some(spec.output_len)));
    assert_eq!((run.warmup, run.seed, run.respect_eos), (Some(spec.warmup), Some(spec.seed), true));
    assert_eq!(run.goodput, ["ttft:500", "tpot:50"]);
}

#[test]
fn a_rate_and_a_file_of_prompts_are_copied_too() {
    let mut spec = spec();
    spec.load = Load::Rate(2.5);
    spec.prompts = Prompts::File { path: "prompts.jsonl".into(), multi_turn: false };
    let run = parsed(&spec);
    assert_eq!((run.concurrency, run.rate, run.input_len), (None, Some(2.5), None));
    assert_eq!(run.prompts.as_deref(), Some(std::path::Path::new("prompts.jsonl")));
}
