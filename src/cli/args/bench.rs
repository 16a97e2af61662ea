//! `dcudeck bench …`. Flags that a run, a matrix and a search share are written once and flattened into each.

#![expect(clippy::doc_markdown, reason = "doc comments here are what --help prints")]

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `dcudeck bench …`
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Run one load test, from a profile, from flags, or from a profile changed by flags
    Run(Box<BenchRun>),
    /// Run a matrix: every input length with every output length at every load
    Matrix(Box<BenchMatrix>),
    /// Search the greatest load that still meets the goals
    Search(Box<BenchSearch>),
    /// Write report.md and report.html of results, and finish the folder of a run that was killed
    Report {
        /// Folders of results
        #[arg(value_name = "DIR", required = true)]
        dirs: Vec<PathBuf>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Compare results with the first one: difference, confidence and verdict of every figure
    Compare(BenchCompare),
    /// List the results of this workspace, the newest first
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Bring a result of vLLM, guidellm, AIPerf or evalscope into this workspace
    Import {
        /// The other tool's result file
        file: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Write a result in another tool's format
    Export(BenchExport),
}

/// `dcudeck bench run`
#[derive(Debug, Args)]
pub struct BenchRun {
    /// Profile: a name under profiles/bench, or a YAML file
    #[arg(value_name = "PROFILE")]
    pub profile: Option<String>,
    /// Which server and what of it.
    #[command(flatten)]
    pub target: TargetFlags,
    /// What it is asked, how much and how long.
    #[command(flatten)]
    pub load: LoadFlags,
    /// Send from this many processes that begin together, one a machine with Slurm; users, arrivals and prompts are shared out
    #[arg(long, value_name = "N", help_heading = "More than one machine")]
    pub workers: Option<u32>,
    /// Who starts them: slurm (srun, inside an allocation or making one) or local (all on this machine)
    #[arg(long, value_name = "WHO", value_parser = ["slurm", "local"], requires = "workers", help_heading = "More than one machine")]
    pub launcher: Option<String>,
    /// One more argument for srun, such as --srun-arg=--partition=debug; may be repeated
    #[arg(long = "srun-arg", value_name = "ARG", requires = "workers", allow_hyphen_values = true, help_heading = "More than one machine")]
    pub srun_args: Vec<String>,
    /// How it is started and told.
    #[command(flatten)]
    pub start: StartFlags,
}

/// `dcudeck bench matrix`
#[derive(Debug, Args)]
pub struct BenchMatrix {
    /// Profile with a `matrix`: a name under profiles/bench, or a YAML file; left out with --resume
    #[arg(value_name = "PROFILE", required_unless_present = "resume")]
    pub profile: Option<String>,
    /// Go on with the matrix in this folder: what is measured stays, the rest is run
    #[arg(long, value_name = "DIR", conflicts_with_all = ["profile", "out", "url", "model", "input_len", "output_len", "concurrency", "rate", "repeats"])]
    pub resume: Option<PathBuf>,
    /// Measure this cell of the resumed matrix again (i128-o64-c8-1), its result moved aside; may be repeated
    #[arg(long, value_name = "KEY", requires = "resume", conflicts_with = "profile")]
    pub rerun: Vec<String>,
    /// Leave this cell of the resumed matrix out; may be repeated
    #[arg(long, value_name = "KEY", requires = "resume", conflicts_with = "profile")]
    pub skip: Vec<String>,
    /// Which server and what of it.
    #[command(flatten)]
    pub target: TargetFlags,
    /// Prompt lengths instead of the profile's, tokens, separated by commas
    #[arg(long, value_name = "I,I,…", value_delimiter = ',')]
    pub input_len: Vec<u32>,
    /// Answer lengths instead of the profile's, tokens, separated by commas
    #[arg(long, value_name = "O,O,…", value_delimiter = ',')]
    pub output_len: Vec<u32>,
    /// Users instead of the profile's loads, separated by commas
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', conflicts_with = "rate")]
    pub concurrency: Vec<u32>,
    /// Requests per second instead of the profile's loads, separated by commas
    #[arg(long, value_name = "R,R,…", value_delimiter = ',')]
    pub rate: Vec<f64>,
    /// Times every cell is measured
    #[arg(long, value_name = "N")]
    pub repeats: Option<u32>,
    /// How it is started and told.
    #[command(flatten)]
    pub start: StartFlags,
}

/// `dcudeck bench search`
#[derive(Debug, Args)]
pub struct BenchSearch {
    /// Profile with a `search`: a name under profiles/bench, or a YAML file; left out with --resume
    #[arg(value_name = "PROFILE", required_unless_present = "resume")]
    pub profile: Option<String>,
    /// Go on with the search in this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["profile", "out", "url", "model", "goodput", "from", "to", "step"])]
    pub resume: Option<PathBuf>,
    /// Which server and what of it.
    #[command(flatten)]
    pub target: TargetFlags,
    /// Goals per request, milliseconds: ttft:500 tpot:50 itl:200 e2el:5000
    #[arg(long, value_name = "METRIC:MS", num_args = 1..)]
    pub goodput: Vec<String>,
    /// Load of the first step, users or requests per second
    #[arg(long, value_name = "X")]
    pub from: Option<f64>,
    /// Load that is never passed
    #[arg(long, value_name = "X")]
    pub to: Option<f64>,
    /// Seconds that every step sends
    #[arg(long, value_name = "S")]
    pub step: Option<f64>,
    /// Go on past the goals until throughput stops to rise
    #[arg(long)]
    pub to_saturation: bool,
    /// How it is started and told.
    #[command(flatten)]
    pub start: StartFlags,
}

/// `dcudeck bench compare`
#[derive(Debug, Args)]
pub struct BenchCompare {
    /// Folder of the result that the others are compared with
    #[arg(value_name = "A")]
    pub base: PathBuf,
    /// Folders of the others
    #[arg(value_name = "B", required = true)]
    pub others: Vec<PathBuf>,
    /// Exit with 1 when a figure has changed so: p99_ttft_ms>+10%, output_throughput<-5%; may be repeated
    #[arg(long, value_name = "RULE", allow_hyphen_values = true)]
    pub fail_on: Vec<String>,
    /// Print one JSON document; with several others, one a line
    #[arg(long)]
    pub json: bool,
}

/// `dcudeck bench export`
#[derive(Debug, Args)]
pub struct BenchExport {
    /// Folder of the result
    pub dir: PathBuf,
    /// csv: one line a request; vllm: the JSON of vLLM 0.8.5's benchmark; hlog: an HdrHistogram interval log
    #[arg(long, value_name = "F", value_parser = ["csv", "vllm", "hlog"])]
    pub format: String,
    /// File to write [default: one beside the result]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// How a load is started, and how its result is told.
#[derive(Debug, Default, Args)]
pub struct StartFlags {
    /// Folder for the result [default: WORKSPACE/results/ID]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Don't ask before a server that is neither on this machine nor one of ours is loaded
    #[arg(long)]
    pub yes: bool,
    /// Print the result as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Which server, and what its requests carry besides the prompt.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Server")]
pub struct TargetFlags {
    /// Base URL of the server, without /v1
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Another base URL of the same server (a replica), used in turn; may be repeated
    #[arg(long = "more-url", value_name = "URL")]
    pub more_urls: Vec<String>,
    /// Model name in requests [default: the first of /v1/models]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// API under test: completions or chat
    #[arg(long, value_name = "API", value_parser = ["completions", "chat"])]
    pub endpoint: Option<String>,
    /// File with the API key [env: DCUDECK_API_KEY, else OPENAI_API_KEY hold the key itself]
    #[arg(long, value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,
    /// Header of every request; may be repeated. Keys don't belong here: see --api-key-file
    #[arg(long = "header", value_name = "NAME:VALUE")]
    pub headers: Vec<String>,
    /// JSON object whose fields are put into the body of every request
    #[arg(long, value_name = "JSON")]
    pub extra_body: Option<String>,
    /// PEM file of the authority that signed the certificate of an https server, besides the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Use HTTP/2, through the general client whose stamps are wider than the own one's
    #[arg(long)]
    pub http2: bool,
    /// One of several models, adapters or servers that share the load by weight; may be repeated. A weight after a URL needs its port
    #[arg(long = "route", value_name = "NAME[=MODEL[@URL]][:WEIGHT]")]
    pub routes: Vec<String>,
    /// Send every prompt to every route, one after the other, to compare them
    #[arg(long, requires = "routes")]
    pub paired: bool,
}

/// What is asked, how much and how long.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadFlags {
    /// Closed loop: this many users, each sending its next request when the last one ended
    #[arg(long, value_name = "N", group = "arrivals")]
    pub concurrency: Option<u32>,
    /// Open loop: requests per second at constant spacing
    #[arg(long, value_name = "R", group = "arrivals")]
    pub rate: Option<f64>,
    /// Open loop: a Poisson process of this many requests per second
    #[arg(long, value_name = "R", group = "arrivals")]
    pub poisson: Option<f64>,
    /// Open loop: gamma-distributed gaps; shape 1 is Poisson, below burstier (vLLM's --burstiness)
    #[arg(long, value_name = "RATE:SHAPE", group = "arrivals")]
    pub gamma: Option<String>,
    /// Open loop: arrivals of a recorded trace, Mooncake JSON lines or BurstGPT CSV
    #[arg(long, value_name = "FILE", group = "arrivals")]
    pub trace: Option<PathBuf>,
    /// Play the trace this many times as fast
    #[arg(long, value_name = "X", requires = "trace")]
    pub speed: Option<f64>,
    /// Open loop: most requests under way; what is due beyond waits in the client, and its wait is told
    #[arg(long, value_name = "N")]
    pub max_concurrency: Option<u32>,
    /// End after this many requests
    #[arg(long, value_name = "K")]
    pub requests: Option<u64>,
    /// Stop sending after this many seconds
    #[arg(long, value_name = "S")]
    pub duration: Option<f64>,
    /// Requests sent first and left out of every figure
    #[arg(long, value_name = "N")]
    pub warmup: Option<u64>,
    /// Random prompts of this many tokens
    #[arg(long, value_name = "I", conflicts_with = "prompts")]
    pub input_len: Option<u32>,
    /// Draw lengths evenly from this share below to this share above (vLLM's --random-range-ratio)
    #[arg(long, value_name = "SHARE", conflicts_with = "prompts")]
    pub range_ratio: Option<f64>,
    /// Share of a random prompt that all prompts of its group have in common
    #[arg(long, value_name = "SHARE", conflicts_with = "prompts")]
    pub prefix_ratio: Option<f64>,
    /// Groups with a common beginning of their own
    #[arg(long, value_name = "N", conflicts_with = "prompts")]
    pub prefix_groups: Option<u32>,
    /// Turns of a conversation; each is sent when the one before was answered
    #[arg(long, value_name = "N", conflicts_with = "prompts")]
    pub turns: Option<u32>,
    /// How random prompts are written: ids, text or auto
    #[arg(long, value_name = "FORM", value_parser = ["auto", "ids", "text"], conflicts_with = "prompts")]
    pub form: Option<String>,
    /// tokenizer.json of the served model, for random text of exact length
    #[arg(long, value_name = "FILE", conflicts_with = "prompts")]
    pub tokenizer: Option<PathBuf>,
    /// File of prompts, one a line
    #[arg(long, value_name = "FILE")]
    pub prompts: Option<PathBuf>,
    /// Replay the file's conversations turn by turn
    #[arg(long)]
    pub multi_turn: bool,
    /// Prompts no server has seen before, so that no prefix cache is warm from an earlier run
    #[arg(long)]
    pub cold: bool,
    /// Tokens wanted back per request
    #[arg(long, value_name = "O")]
    pub output_len: Option<u32>,
    /// Let answers end early instead of asking for the full length
    #[arg(long)]
    pub respect_eos: bool,
    /// Seed of prompts and arrivals
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Share of failed requests, percent, that stops the run
    #[arg(long, value_name = "PCT")]
    pub max_error_rate: Option<f64>,
    /// Goals per request, milliseconds: ttft:500 tpot:50 itl:200 e2el:5000
    #[arg(long, value_name = "METRIC:MS", num_args = 1..)]
    pub goodput: Vec<String>,
    /// Whose token arrivals are kept: all, sample (the slowest 1 %, all failures and a sample) or none
    #[arg(long, value_name = "WHOSE", value_parser = ["all", "sample", "none"])]
    pub save_tokens: Option<String>,
}
