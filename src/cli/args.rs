//! The command line as clap sees it. Units are in the help of each flag; cli.md of the docs is generated from here.

#![expect(clippy::doc_markdown, reason = "doc comments here are what --help prints")]

mod bench;
mod devices;

pub use bench::{Bench, BenchCompare, BenchExport, BenchMatrix, BenchRun, BenchSearch, LoadFlags, StartFlags, TargetFlags};

pub use devices::{Devices, DevicesCommand, SourceFlags};

use crate::embedded::sim;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Console and command line for fine-tuning, serving and load-testing large language models on an accelerator node.
///
/// Without a command the full-screen console opens. Exit status: 0 done, 1 findings (an SLO missed, too many errors,
/// the client was the limit), 2 usage or bad input, 3 could not be done, 130 interrupted before there was a result.
#[derive(Debug, Parser)]
#[command(name = "dcudeck", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do; none opens the console.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that every command takes. Each is also a setting; `dcudeck config print` names where its value comes from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Folder that holds results, jobs and profiles [default: nearest dcudeck-workspace upward, else the data home]
    #[arg(long, global = true, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// Language of the console and of messages: zh, en or auto
    #[arg(long, global = true, value_name = "LANG")]
    pub lang: Option<String>,
    /// Colours: auto, dark, light, 16 or mono
    #[arg(long, global = true, value_name = "THEME")]
    pub theme: Option<String>,
    /// Use colour: auto, on or off
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<String>,
    /// Draw with plain ASCII signs only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Mouse: auto, on or off
    #[arg(long, global = true, value_name = "WHEN")]
    pub mouse: Option<String>,
    /// Most data frames a second, 1 to 30
    #[arg(long, global = true, value_name = "N")]
    pub fps: Option<u32>,
    /// Show only: no command that starts, stops or deletes anything
    #[arg(long, global = true)]
    pub read_only: bool,
}

impl Global {
    /// The flags that were given, by setting name, for [`crate::workspace::settings`].
    #[must_use]
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let text = |name, value: &Option<String>| value.clone().map(|v| (name, v));
        let yes = |name, value: bool| value.then(|| (name, "true".to_owned()));
        [
            text("lang", &self.lang),
            text("theme", &self.theme),
            text("color", &self.color),
            yes("ascii", self.ascii),
            text("mouse", &self.mouse),
            self.fps.map(|v| ("fps", v.to_string())),
            yes("read_only", self.read_only),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The headless commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The embedded engine and the simulated server
    #[command(subcommand)]
    Engine(Engine),
    /// Load tests
    #[command(subcommand)]
    Bench(Bench),
    /// Accelerators of this node: use, memory, power, temperatures, processes
    Devices(Devices),
    /// Jobs of this workspace: list them, stop one
    Jobs(Jobs),
    /// Settings and where they come from
    #[command(subcommand)]
    Config(Config),
    /// Print shell completions
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// `dcudeck engine …`
#[derive(Debug, Subcommand)]
pub enum Engine {
    /// Serve a model folder over an OpenAI-compatible API
    #[cfg(feature = "embedded")]
    Serve(EngineServe),
    /// Serve the same API without a model, with known timing, to measure a load client
    Sim(EngineSim),
}

/// `dcudeck engine serve MODEL`
#[cfg(feature = "embedded")]
#[derive(Debug, Args)]
pub struct EngineServe {
    /// Hugging Face folder of a Qwen2 or Llama model in safetensors, or `eye-tiny` for the bundled one
    pub model: PathBuf,
    /// TCP port; 0 picks a free one
    #[arg(long, default_value_t = 8000, value_name = "N")]
    pub port: u16,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDR")]
    pub host: std::net::IpAddr,
    /// Name clients ask for [default: the folder's name]
    #[arg(long, value_name = "NAME")]
    pub served_model_name: Option<String>,
    /// Most sequences in one batch
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub max_num_seqs: usize,
    /// Context length, tokens [default: the model's]
    #[arg(long, value_name = "N")]
    pub max_model_len: Option<usize>,
    /// Threads that compute
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub threads: usize,
    /// LoRA adapter to serve beside the model; may be repeated
    #[arg(long = "lora", value_name = "NAME=PATH")]
    pub loras: Vec<String>,
    /// Take <think> … </think> out of the content into reasoning_content; `deepseek_r1` is the one known
    #[arg(long, value_name = "NAME")]
    pub reasoning_parser: Option<String>,
    /// File with the key clients must send [env: DCUDECK_ENGINE_API_KEY holds the key itself]
    #[arg(long, value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,
    /// Print one JSON line once it listens
    #[arg(long)]
    pub json: bool,
}

/// `dcudeck engine sim`
#[derive(Debug, Args)]
pub struct EngineSim {
    /// How the simulated server behaves.
    #[command(flatten)]
    pub sim: SimArgs,
    /// Print one JSON line once it listens
    #[arg(long)]
    pub json: bool,
}

/// Timing and faults of the simulated server.
#[derive(Debug, Args)]
pub struct SimArgs {
    /// TCP port; 0 picks a free one
    #[arg(long, default_value_t = 8000, value_name = "N")]
    pub port: u16,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDR")]
    pub host: std::net::IpAddr,
    /// Model name it answers to
    #[arg(long, default_value = "sim", value_name = "NAME")]
    pub model: String,
    /// Time to the first token, milliseconds
    #[arg(long, default_value_t = 50.0, value_name = "MS")]
    pub ttft_ms: f64,
    /// Time between tokens, milliseconds
    #[arg(long, default_value_t = 10.0, value_name = "MS")]
    pub itl_ms: f64,
    /// Uniform jitter around both, milliseconds each way
    #[arg(long, default_value_t = 0.0, value_name = "MS")]
    pub jitter_ms: f64,
    /// Seed of the jitter
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Tokens in one event
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub tokens_per_chunk: u32,
    /// Events in one write
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub coalesce: u32,
    /// Write each answer at once, as fast as the socket takes it
    #[arg(long)]
    pub flood: bool,
    /// Write what really happened, a JSON line a request, to this file
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Let every N-th request go wrong
    #[arg(long, value_name = "N", requires = "fail")]
    pub fail_every: Option<u64>,
    /// How: status500, error_in_stream, truncate, empty or stall
    #[arg(long, value_name = "KIND", requires = "fail_every")]
    pub fail: Option<sim::Fault>,
}

/// `dcudeck jobs`
#[derive(Debug, Args)]
pub struct Jobs {
    /// What to do; none lists.
    #[command(subcommand)]
    pub command: Option<JobsCommand>,
    /// Print one JSON document
    #[arg(long, global = true)]
    pub json: bool,
}

/// `dcudeck jobs …`
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// List the jobs of this workspace, live ones first
    List,
    /// Stop a job and say what is left of it
    Stop {
        /// The job's id
        id: String,
    },
}

/// `dcudeck config …`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print every setting, its value and where it comes from
    Print {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Check the settings files of the workspace and of the user
    Check {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}
