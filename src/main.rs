//! Picks the face: a worker or shim of ours, a headless command, or the console.

use dcudeck::cli::{self, Next};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(code) = cli::worker::entry(&arguments) {
        return code;
    }
    match cli::run(&arguments) {
        Next::Exit(exit) => exit.into(),
        #[cfg(feature = "console")]
        Next::Console { workspace, settings } => cli::told(dcudeck::console::run(&workspace, &settings), &settings),
        #[cfg(not(feature = "console"))]
        Next::Console { settings, .. } => cli::told(Err(cli::no_console()), &settings),
    }
}
