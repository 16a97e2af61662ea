//! `dcudeck engine serve MODEL`: the embedded engine in the foreground.

use super::told;
use crate::{
    base::{Exit, Problem, Secret},
    cli::{
        args::EngineServe,
        out::{Ended, Out},
    },
    embedded::server,
    openai::engine::EngineSpec,
    said,
};
use std::fs;

/// Environment variable of the key that clients must send.
pub(in crate::cli) const KEY: &str = "DCUDECK_ENGINE_API_KEY";

pub(super) fn run(command: EngineServe, out: Out) -> Result<Exit, Ended> {
    let key = match &command.api_key_file {
        Some(file) => {
            let text = fs::read_to_string(file).map_err(|error| {
                Problem::bad_input("engine.key_file", said!("cannot be read: {error}", "无法读取：{error}"))
                    .file(file)
                    .field("--api-key-file")
            })?;
            Some(Secret::new(&text))
        }
        None => Secret::from_env(&[KEY]),
    };
    let options = EngineSpec {
        model: command.model,
        served_model_name: command.served_model_name,
        host: command.host,
        port: command.port,
        threads: command.threads,
        max_num_seqs: command.max_num_seqs,
        max_model_len: command.max_model_len,
        loras: command.loras,
        reasoning_parser: command.reasoning_parser,
        idle_exit_s: None,
    };
    server::serve(&options, key, |listening| told(listening, out))?;
    Ok(Exit::Done)
}
