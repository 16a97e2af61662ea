//! From a request to what the engine is asked: defaults of the generation config, vLLM's checks in its order and words
//! (`serving_engine.py` `_validate_input`, `sampling_params.py` `_verify_args`).

use super::{ask::Common, errors::ApiError};
use crate::embedded::api::Sampling;

/// Below this a temperature above zero is raised to it (`_MAX_TEMP`).
const LEAST_TEMPERATURE: f64 = 0.01;
/// Below this it is greedy (`_SAMPLING_EPS`).
const GREEDY_BELOW: f64 = 1e-5;
/// Most log-probabilities a token may be asked for (vLLM's `--max-logprobs`).
const MAX_LOGPROBS: i64 = 20;

/// What a model's `generation_config.json` sets for requests that do not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Defaults {
    /// `temperature`.
    pub temperature: Option<f64>,
    /// `top_p`.
    pub top_p: Option<f64>,
    /// `top_k`; vLLM passes a 0 on as it stands, here it disables, as transformers means it.
    pub top_k: Option<i64>,
    /// `max_new_tokens`.
    pub max_tokens: Option<i64>,
}

/// A request checked, ready to be submitted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) sampling: Sampling,
    pub(super) max_tokens: usize,
    pub(super) min_tokens: usize,
}

/// Checks a request whose prompt has `prompt_tokens` tokens.
pub(super) fn plan(
    ask: &Common,
    logprobs: Option<i64>,
    prompt_tokens: usize,
    max_model_len: usize,
    defaults: &Defaults,
) -> Result<Plan, ApiError> {
    length(ask.max_tokens, prompt_tokens, max_model_len)?;
    let room = i64::try_from(max_model_len - prompt_tokens.min(max_model_len)).unwrap_or(i64::MAX);
    let max_tokens = [ask.max_tokens, defaults.max_tokens].into_iter().flatten().fold(room, i64::min);
    let temperature = ask.temperature.or(defaults.temperature).unwrap_or(1.0);
    let top_p = ask.top_p.or(defaults.top_p).unwrap_or(1.0);
    let top_k = ask.top_k.or(defaults.top_k.filter(|k| *k != 0)).unwrap_or(-1);
    let check = |ok: bool, message: String| if ok { Ok(()) } else { Err(ApiError::bad(message)) };
    check(temperature >= 0.0, format!("temperature must be non-negative, got {temperature:?}."))?;
    check(temperature.is_finite(), "temperature must be finite.".to_owned())?;
    check(top_p > 0.0 && top_p <= 1.0, format!("top_p must be in (0, 1], got {top_p:?}."))?;
    check(top_k == -1 || top_k >= 1, format!("top_k must be -1 (disable), or at least 1, got {top_k}."))?;
    check(max_tokens >= 1, format!("max_tokens must be at least 1, got {max_tokens}."))?;
    let min_tokens = ask.min_tokens;
    check(min_tokens >= 0, format!("min_tokens must be greater than or equal to 0, got {min_tokens}."))?;
    check(min_tokens <= max_tokens, format!("min_tokens must be less than or equal to max_tokens={max_tokens}, got {min_tokens}."))?;
    let count = logprobs.unwrap_or(0);
    check(count <= MAX_LOGPROBS, format!("Cannot request more than {MAX_LOGPROBS} logprobs."))?;
    check(!ask.stop.iter().any(String::is_empty), "stop cannot contain an empty string.".to_owned())?;
    let greedy = temperature < GREEDY_BELOW;
    #[expect(clippy::cast_possible_truncation, reason = "sampling runs in f32")]
    let sampling = Sampling {
        temperature: if greedy { 0.0 } else { temperature.max(LEAST_TEMPERATURE) as f32 },
        top_p: if greedy { 1.0 } else { top_p as f32 },
        top_k: usize::try_from(top_k).ok().filter(|_| !greedy),
        seed: ask.seed.map(i64::cast_unsigned),
        logprobs: logprobs.map(|k| usize::try_from(k).unwrap_or(0)),
    };
    let size = |n: i64| usize::try_from(n).unwrap_or(0);
    Ok(Plan { sampling, max_tokens: size(max_tokens), min_tokens: size(min_tokens) })
}

fn length(max_tokens: Option<i64>, prompt_tokens: usize, max_model_len: usize) -> Result<(), ApiError> {
    let over = format!("This model's maximum context length is {max_model_len} tokens. However, you requested");
    match max_tokens {
        None if prompt_tokens >= max_model_len => {
            Err(ApiError::bad(format!("{over} {prompt_tokens} tokens in the messages, Please reduce the length of the messages.")))
        }
        Some(wanted) if i128::from(wanted) + prompt_tokens as i128 > max_model_len as i128 => Err(ApiError::bad(format!(
            "{over} {} tokens ({prompt_tokens} in the messages, {wanted} in the completion). Please reduce the length of the messages or completion.",
            i128::from(wanted) + prompt_tokens as i128
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(change: impl FnOnce(&mut Common)) -> Result<Plan, String> {
        let mut common = Common::default();
        change(&mut common);
        let defaults = Defaults { temperature: Some(0.6), top_p: Some(0.95), top_k: None, max_tokens: None };
        plan(&common, None, 10, 100, &defaults).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn the_generation_config_fills_what_a_request_leaves_open() {
        let plan = ask(|_| {}).expect("planned");
        assert_eq!((plan.sampling.temperature, plan.sampling.top_p, plan.max_tokens), (0.6, 0.95, 90));
        let plan = ask(|a| (a.temperature, a.max_tokens) = (Some(0.0), Some(5))).expect("planned");
        assert_eq!((plan.sampling.temperature, plan.sampling.top_p, plan.max_tokens), (0.0, 1.0, 5));
    }

    #[test]
    fn each_value_out_of_range_is_refused_in_vllms_words() {
        type Change = fn(&mut Common);
        let cases: [(Change, &str); 9] = [
            (|a| a.temperature = Some(-1.0), "temperature must be non-negative, got -1.0."),
            (|a| a.top_p = Some(0.0), "top_p must be in (0, 1], got 0.0."),
            (|a| a.top_k = Some(0), "top_k must be -1 (disable), or at least 1, got 0."),
            (|a| a.max_tokens = Some(0), "max_tokens must be at least 1, got 0."),
            (|a| a.min_tokens = -1, "min_tokens must be greater than or equal to 0, got -1."),
            (|a| (a.min_tokens, a.max_tokens) = (6, Some(5)), "min_tokens must be less than or equal to max_tokens=5, got 6."),
            (|a| a.stop = vec![String::new()], "stop cannot contain an empty string."),
            (|a| a.max_tokens = Some(91), "However, you requested 101 tokens (10 in the messages, 91 in the completion)."),
            (|a| a.max_tokens = Some(i64::MAX), "maximum context length is 100 tokens"),
        ];
        for (change, words) in cases {
            let error = ask(change).expect_err(words);
            assert!(error.contains(words), "{error}");
        }
    }
}
