//! Generated documents are current, and what the README shows is what the program does.

use clap::CommandFactory as _;
use dcudeck::cli::args::Cli;
use std::{fs, path::Path, process::Command};

/// Compares a generated document with the committed one; with `DCUDECK_UPDATE=1` writes it.
fn current(path: &str, content: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("DCUDECK_UPDATE").is_some() {
        fs::write(&file, content).expect("writes the document");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == content, "{path} is stale; run DCUDECK_UPDATE=1 cargo test --release and commit it");
}

fn help(command: &mut clap::Command, path: &str, out: &mut String) {
    let name = if path.is_empty() { command.get_name().to_owned() } else { format!("{path} {}", command.get_name()) };
    out.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", command.clone().bin_name(&name).render_long_help().to_string().trim_end()));
    for sub in command.get_subcommands_mut().filter(|sub| !sub.is_hide_set()) {
        help(sub, &name, out);
    }
}

#[test]
fn the_command_reference_is_what_help_prints() {
    let mut text = String::from("# Commands and flags\n\nMade from the program's own help by a test; don't edit.\n");
    let mut command = Cli::command().term_width(100);
    command.build();
    help(&mut command, "", &mut text);
    let text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n";
    current("docs/CLI.md", &text);
}

#[test]
fn the_readmes_name_the_two_commands_and_only_commands_that_exist() {
    for readme in ["README.md", "README.zh-CN.md"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(readme)).expect("reads");
        for command in ["cargo run --release", "cargo test --workspace --release"] {
            assert!(text.lines().any(|line| line.split("  ").next() == Some(command)), "{readme} lacks {command}");
        }
        for line in text.lines().filter(|line| line.starts_with("dcudeck ")) {
            let line = line.split("   ").next().unwrap_or(line).trim();
            let words: Vec<&str> = line.split_whitespace().collect();
            Cli::command().try_get_matches_from(&words).unwrap_or_else(|error| panic!("{readme}: {line}: {error}"));
        }
    }
}

#[test]
fn the_manual_page_and_every_shells_completions_are_made() {
    for arguments in [&["man"][..], &["completions", "bash"], &["completions", "zsh"], &["completions", "fish"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_dcudeck")).args(arguments).output().expect("runs");
        assert!(output.status.success(), "{arguments:?}");
        let text = String::from_utf8(output.stdout).expect("is text");
        assert!(text.contains("dcudeck") && text.contains("bench"), "{arguments:?}");
    }
}
