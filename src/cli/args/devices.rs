//! `dcudeck devices …`

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `dcudeck devices`: without a command every card once.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Devices {
    /// Where readings come from.
    #[command(flatten)]
    pub source: SourceFlags,
    /// Replay so many times as fast as it was recorded
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = crate::cli::devices::speed)]
    pub speed: f64,
    /// Print every card once and end (what happens without --watch)
    #[arg(long, conflicts_with = "watch")]
    pub once: bool,
    /// Print every card again and again, so many seconds apart
    #[arg(long, value_name = "S", value_parser = crate::cli::devices::seconds)]
    pub watch: Option<f64>,
    /// Print a JSON document; with --watch one a line
    #[arg(long)]
    pub json: bool,
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<DevicesCommand>,
}

/// `dcudeck devices …`
#[derive(Debug, Subcommand)]
pub enum DevicesCommand {
    /// Record every reading into a new file until ctrl-C; `--source replay FILE` plays it
    Record {
        /// File to write, a line of JSON a reading
        file: PathBuf,
        /// End after so many seconds
        #[arg(long = "for", value_name = "S", value_parser = crate::cli::devices::seconds)]
        seconds: Option<f64>,
        /// Where readings come from.
        #[command(flatten)]
        source: SourceFlags,
    },
}

/// Where readings come from.
#[derive(Debug, Clone, Args)]
pub struct SourceFlags {
    /// auto, rocm (librocm_smi64, libhydmi), sysfs, or replay FILE
    #[arg(long, value_name = "SOURCE", num_args = 1..=2, default_value = "auto")]
    pub source: Vec<String>,
}
