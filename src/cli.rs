//! The headless face: command line, JSON documents, exit codes. Commands, flags, JSON and logs are English; sentences for
//! people are in their language.

pub mod args;
mod bench;
mod columns;
mod config;
mod devices;
mod engine;
mod jobs;
mod out;
pub mod worker;

use crate::{
    base::{Exit, Problem},
    said,
    workspace::{Workspace, settings::Settings},
};
use args::{Cli, Command};
use clap::{CommandFactory as _, FromArgMatches as _, error::ErrorKind};
use out::{Ended, Out};
use std::{ffi::OsString, process::ExitCode};

/// What the process does after its arguments were read.
#[derive(Debug)]
pub enum Next {
    /// End with this status: a headless command ran, or the arguments were wrong.
    Exit(Exit),
    /// Open the console.
    Console {
        /// Where work lives.
        workspace: Workspace,
        /// The settings in force.
        settings: Box<Settings>,
    },
}

/// Reads the arguments and runs the headless command they name.
pub fn run(arguments: &[OsString]) -> Next {
    let json = arguments.iter().any(|a| a == "--json");
    let cli = match Cli::command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return Next::Exit(usage(&error, json)),
    };
    let global = cli.global;
    let workspace = match Workspace::resolve(global.workspace.as_deref()) {
        Ok(workspace) => workspace,
        Err(problem) => return Next::Exit(Out { lang: Settings::default().lang(), json }.problem(&problem)),
    };
    let (settings, mut problems) = Settings::gather(&workspace, &global.flags());
    let out = Out { lang: settings.lang(), json };
    // `config check` lists what is wrong; everything else ends with the first of it.
    if !problems.is_empty() && !matches!(cli.command, Some(Command::Config(args::Config::Check { .. }))) {
        return Next::Exit(out.problem(&problems.swap_remove(0)));
    }
    let Some(command) = cli.command else {
        return Next::Console { workspace, settings: Box::new(settings) };
    };
    let ended = match command {
        Command::Engine(command) => engine::run(command, out),
        Command::Bench(command) => bench::run(command, &workspace, settings.read_only(), out),
        Command::Devices(command) => devices::run(command, out),
        Command::Jobs(command) => jobs::run(command, &workspace, settings.read_only(), out),
        Command::Config(command) => config::run(&command, &global, &workspace, &settings, out),
        Command::Completions { shell } => completions(shell, out),
        Command::Man => man(out),
    };
    Next::Exit(match ended {
        Ok(exit) => exit,
        Err(Ended::Problem(problem)) => out.problem(&problem),
        Err(Ended::Closed) => Exit::Done,
    })
}

/// Ends a face: status 0, or its problem told.
pub fn told(ended: Result<(), Problem>, settings: &Settings) -> ExitCode {
    match ended {
        Ok(()) => Exit::Done.into(),
        Err(problem) => Out { lang: settings.lang(), json: false }.problem(&problem).into(),
    }
}

/// Why there is no console: this program was built without it.
#[cfg(not(feature = "console"))]
pub fn no_console() -> Problem {
    Problem::bad_input("console.not_built", said!("this program was built without the console", "此程序未包含控制台")).fix(said!(
        "use a command (dcudeck --help) or build with --features console",
        "请使用子命令（dcudeck --help）或以 --features console 构建"
    ))
}

/// Help and version go to stdout with status 0; anything else is told on stderr (and as a document with `--json`), status 2.
fn usage(error: &clap::Error, json: bool) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return Exit::Done;
    }
    let text = error.render().to_string();
    if json {
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let problem = Problem::bad_input("usage", said!("{first}", "{first}")).fix(said!("see dcudeck --help", "见 dcudeck --help"));
        let _ = Out { lang: crate::base::Lang::En, json }.document(&problem.document());
    }
    let _ = error.print();
    Exit::BadInput
}

fn completions(shell: clap_complete::Shell, out: Out) -> Result<Exit, Ended> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dcudeck", &mut script);
    out.line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}

fn man(out: Out) -> Result<Exit, Ended> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|e| Problem::failed("man", said!("cannot make the page: {e}", "无法生成手册页：{e}")))?;
    out.line(String::from_utf8_lossy(&page).trim_end())?;
    Ok(Exit::Done)
}
