//! What a load test is asked to do: the one description that flags, profiles and the Load tab build and the worker runs.

use crate::{base::Problem, said};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One load test. YAML profiles have exactly these keys; an unknown key is refused with its line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name, used in the result's id.
    #[serde(default = "defaults::name")]
    pub name: String,
    /// The server under test.
    #[serde(default)]
    pub target: Target,
    /// Arrivals.
    pub load: Load,
    /// What is asked.
    #[serde(default)]
    pub prompts: Prompts,
    /// Tokens wanted back per request (`max_tokens`).
    #[serde(default = "defaults::output_len")]
    pub output_len: u32,
    /// Send `ignore_eos`, so that every answer has the full length. vLLM and this engine know it; not part of OpenAI's API.
    #[serde(default = "defaults::yes")]
    pub ignore_eos: bool,
    /// End after this many requests were sent and answered.
    #[serde(default)]
    pub requests: Option<u64>,
    /// End sending after this many seconds; what is under way is awaited.
    #[serde(default)]
    pub duration_s: Option<f64>,
    /// Requests sent first at the measured load, with other prompts, and left out of every figure.
    #[serde(default)]
    pub warmup: u64,
    /// Seed of prompts and arrivals.
    #[serde(default)]
    pub seed: u64,
    /// Time limits and the error share that ends a run.
    #[serde(default)]
    pub limits: Limits,
    /// Goals; a request that meets all of them counts as goodput.
    #[serde(default)]
    pub slo: Slo,
}

/// The server under test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Base URL without `/v1`, such as `http://127.0.0.1:8000`. Empty in a profile means: the server chosen on the console or by `--url`.
    #[serde(default)]
    pub url: String,
    /// Model name in requests; `None` takes the first of `/v1/models`.
    #[serde(default)]
    pub model: Option<String>,
    /// Which API is used.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// File that holds the API key; else `DCUDECK_API_KEY`, else `OPENAI_API_KEY`. The key itself is never part of a spec.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
}

/// API under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// `POST /v1/completions`: random prompts are sent as token ids, so that their length is exact.
    #[default]
    Completions,
    /// `POST /v1/chat/completions`.
    Chat,
}

/// Arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Load {
    /// Closed loop: this many users, each sending its next request when the last one ended.
    Concurrency(u32),
    /// Open loop: this many requests per second at constant spacing on an absolute schedule.
    Rate(f64),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Prompts {
    /// Random token ids of exact length.
    Random {
        /// Prompt length, tokens.
        input_len: u32,
    },
    /// One prompt a line: JSON with `prompt` (text) or `messages`, or alpaca / sharegpt fields; plain text lines otherwise.
    File {
        /// The file.
        path: PathBuf,
    },
}

impl Default for Prompts {
    fn default() -> Self {
        Self::Random { input_len: 128 }
    }
}

/// Limits, seconds and percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// TCP connect.
    pub connect_s: f64,
    /// From the request's last byte sent to its first token.
    pub first_token_s: f64,
    /// Between two reads of a stream.
    pub stall_s: f64,
    /// Share of failed requests, percent of those ended, that stops the run (looked at from the 20th request on).
    pub max_error_rate_pct: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect_s: 10.0, first_token_s: 600.0, stall_s: 120.0, max_error_rate_pct: 5.0 }
    }
}

/// Goals per request, milliseconds, `<=`; absent goals are not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slo {
    /// Time to first token.
    pub ttft_ms: Option<f64>,
    /// Time per output token of the request.
    pub tpot_ms: Option<f64>,
    /// Longest token-true inter-token latency of the request.
    pub itl_ms: Option<f64>,
    /// End-to-end latency.
    pub e2el_ms: Option<f64>,
}

impl Spec {
    /// Whether this can be run at all: figures within bounds that make sense, fields that agree.
    ///
    /// # Errors
    /// The first field that cannot be, with what it may be.
    pub fn check(&self) -> Result<(), Problem> {
        let within = |field: &str, value: f64, least: f64, most: f64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(Problem::bad_input("bench.spec", said!("{value} is not between {least} and {most}", "{value} 不在 {least} 到 {most} 之间"))
                .field(field))
        };
        match self.load {
            Load::Concurrency(users) => within("concurrency", f64::from(users), 1.0, 65_536.0)?,
            Load::Rate(rate) => within("rate", rate, 0.001, 1_000_000.0)?,
        }
        if let Prompts::Random { input_len } = self.prompts {
            within("input_len", f64::from(input_len), 1.0, 4_000_000.0)?;
        }
        within("output_len", f64::from(self.output_len), 1.0, 4_000_000.0)?;
        if let Some(requests) = self.requests {
            within("requests", requests as f64, 1.0, 1e12)?;
        }
        if let Some(seconds) = self.duration_s {
            within("duration_s", seconds, 0.001, 30.0 * 86_400.0)?;
        }
        let limits = &self.limits;
        for (field, seconds) in
            [("limits.connect_s", limits.connect_s), ("limits.first_token_s", limits.first_token_s), ("limits.stall_s", limits.stall_s)]
        {
            within(field, seconds, 0.001, 3_600.0)?;
        }
        within("limits.max_error_rate_pct", limits.max_error_rate_pct, 0.0, 100.0)?;
        let slo = &self.slo;
        for (field, goal) in
            [("slo.ttft_ms", slo.ttft_ms), ("slo.tpot_ms", slo.tpot_ms), ("slo.itl_ms", slo.itl_ms), ("slo.e2el_ms", slo.e2el_ms)]
        {
            goal.map_or(Ok(()), |ms| within(field, ms, 0.001, 3_600_000.0))?;
        }
        Ok(())
    }
}

mod defaults {
    pub(super) fn name() -> String {
        "load".to_owned()
    }
    pub(super) fn output_len() -> u32 {
        128
    }
    pub(super) fn yes() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_cannot_be_is_named_with_its_bounds() {
        let spec = |text: &str| serde_json::from_str::<Spec>(text).expect(text);
        assert!(spec(r#"{"load": {"concurrency": 4}}"#).check().is_ok());
        for (text, field) in [
            (r#"{"load": {"concurrency": 0}}"#, "concurrency: 0"),
            (r#"{"load": {"rate": -1.0}}"#, "rate: -1"),
            (r#"{"load": {"rate": 1.0}, "output_len": 0}"#, "output_len: 0"),
            (r#"{"load": {"rate": 1.0}, "prompts": {"random": {"input_len": 0}}}"#, "input_len: 0"),
            (r#"{"load": {"rate": 1.0}, "limits": {"stall_s": 0.0}}"#, "limits.stall_s: 0"),
            (r#"{"load": {"rate": 1.0}, "slo": {"ttft_ms": -3.0}}"#, "slo.ttft_ms: -3"),
            (r#"{"load": {"rate": 1.0}, "duration_s": 0.0}"#, "duration_s: 0"),
        ] {
            let problem = spec(text).check().expect_err(text).to_string();
            assert!(problem.starts_with(field), "{problem}");
        }
        assert!(serde_json::from_str::<Spec>(r#"{"load": {"rate": 1.0}, "usres": 3}"#).is_err());
    }
}
