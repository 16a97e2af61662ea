//! A page of `/metrics`: the Prometheus text format (version 0.0.4, and `OpenMetrics` as far as it differs here), and what of
//! vLLM's names is read from it.
//!
//! Names as vLLM 0.8.5 has them (`engine/metrics.py`, `v1/metrics/loggers.py`), and as later ones renamed them: `kv_cache_usage_perc`,
//! `prefix_cache_queries_total`. Several label sets of one name (engines of a data-parallel server, finish reasons) are added up, shares
//! averaged. `_created` samples and buckets are not read: vLLM's least buckets are too wide for a queue or a prefill.

use std::borrow::Cow;

/// One sample line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample<'a> {
    pub(super) name: &'a str,
    labels: &'a str,
    pub(super) value: f64,
}

impl<'a> Sample<'a> {
    /// The value of a label, escapes undone.
    pub(super) fn label(&self, name: &str) -> Option<Cow<'a, str>> {
        labels(self.labels).find(|(found, _)| *found == name).map(|(_, value)| unescaped(value))
    }
}

/// The samples of a page whose names begin with `prefix`. Lines that are none are passed over: one broken exporter on the page must not
/// hide the rest.
pub(super) fn samples<'a>(text: &'a str, prefix: &str) -> impl Iterator<Item = Sample<'a>> {
    text.lines().filter(move |line| line.starts_with(prefix)).filter_map(sample)
}

/// `name{labels} value [timestamp] [# exemplar]`.
fn sample(line: &str) -> Option<Sample<'_>> {
    let name_ends = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))?;
    let (name, rest) = line.split_at_checked(name_ends)?;
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(inside) => inside.split_at_checked(labels_end(inside)?).map(|(labels, rest)| (labels, rest.get(1..).unwrap_or_default()))?,
        None => ("", rest),
    };
    let value = rest.split_ascii_whitespace().next()?;
    // Rust reads NaN, +Inf, -Inf and exponents as the format writes them.
    Some(Sample { name, labels, value: value.parse().ok()? })
}

/// Where the closing brace stands, quoted ones left out.
fn labels_end(inside: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// `name="value"` pairs, values as they are written.
fn labels(mut text: &str) -> impl Iterator<Item = (&str, &str)> {
    std::iter::from_fn(move || {
        let (name, rest) = text.split_once('=')?;
        let value = rest.trim_start().strip_prefix('"')?;
        let mut escaped = false;
        let end = value.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        text = value.get(end + 1..)?.trim_start_matches([',', ' ']);
        Some((name.trim(), value.get(..end)?))
    })
}

fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let (mut out, mut escaped) = (String::with_capacity(value.len()), false);
    for c in value.chars() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            'n' if escaped => out.push('\n'),
            c => out.push(c),
        }
        escaped = false;
    }
    Cow::Owned(out)
}

/// A histogram's sum and count.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Total {
    pub(super) sum: Option<f64>,
    pub(super) count: Option<f64>,
}

/// What one page says, counters since the server's start.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Reading {
    pub(super) running: Option<f64>,
    pub(super) waiting: Option<f64>,
    pub(super) kv_pct: Option<f64>,
    pub(super) preemptions: Option<f64>,
    pub(super) prompt_tokens: Option<f64>,
    pub(super) output_tokens: Option<f64>,
    pub(super) cache_queries: Option<f64>,
    pub(super) cache_hits: Option<f64>,
    pub(super) ttft: Total,
    pub(super) queue: Total,
    pub(super) prefill: Total,
    pub(super) decode: Total,
    /// Samples carry vLLM V1's label `engine`, or names only V1 has.
    pub(super) v1: bool,
}

impl Reading {
    /// Reads a page. Samples of other models than `models` are left out when the page names any of these: behind a router one page
    /// holds several servers' figures. `None` when nothing on it is known.
    pub(super) fn of(text: &str, models: &[String]) -> Option<Self> {
        let all: Vec<Sample<'_>> = samples(text, "vllm").collect();
        let ours = |sample: &Sample<'_>| sample.label("model_name").is_some_and(|name| models.iter().any(|model| *model == name));
        let choose = !models.is_empty() && all.iter().any(ours);
        let (mut reading, mut known, mut shares) = (Self::default(), false, 0.0);
        for sample in all.iter().filter(|sample| !choose || ours(sample)) {
            // Exporters that do not allow a colon in names write an underscore.
            let Some(name) = sample.name.strip_prefix("vllm:").or_else(|| sample.name.strip_prefix("vllm_")) else { continue };
            reading.v1 |= name.ends_with("prefix_cache_queries_total");
            let field = match name {
                "num_requests_running" => &mut reading.running,
                "num_requests_waiting" => &mut reading.waiting,
                "gpu_cache_usage_perc" | "kv_cache_usage_perc" => {
                    shares += f64::from(u8::from(sample.value.is_finite()));
                    &mut reading.kv_pct
                }
                "num_preemptions_total" => &mut reading.preemptions,
                "prompt_tokens_total" => &mut reading.prompt_tokens,
                "generation_tokens_total" => &mut reading.output_tokens,
                "gpu_prefix_cache_queries_total" | "prefix_cache_queries_total" => &mut reading.cache_queries,
                "gpu_prefix_cache_hits_total" | "prefix_cache_hits_total" => &mut reading.cache_hits,
                "time_to_first_token_seconds_sum" => &mut reading.ttft.sum,
                "time_to_first_token_seconds_count" => &mut reading.ttft.count,
                "request_queue_time_seconds_sum" => &mut reading.queue.sum,
                "request_queue_time_seconds_count" => &mut reading.queue.count,
                "request_prefill_time_seconds_sum" => &mut reading.prefill.sum,
                "request_prefill_time_seconds_count" => &mut reading.prefill.count,
                "request_decode_time_seconds_sum" => &mut reading.decode.sum,
                "request_decode_time_seconds_count" => &mut reading.decode.count,
                _ => continue,
            };
            known = true;
            reading.v1 |= sample.label("engine").is_some();
            if sample.value.is_finite() {
                *field.get_or_insert(0.0) += sample.value;
            }
        }
        reading.kv_pct = reading.kv_pct.map(|sum| sum * 100.0 / shares);
        known.then_some(reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = concat!(
        "# HELP vllm:num_requests_running x\n# TYPE vllm:num_requests_running gauge\n",
        "vllm:num_requests_running{model_name=\"a \\\"b\\\" }, c\\\\\\nd\",engine=\"0\"} 3.0 1795459231007\n",
        "vllm:num_requests_running{model_name=\"other\",engine=\"0\"} 100 # {trace=\"x\"} 1\n",
        "vllm:gpu_cache_usage_perc{model_name=\"a \\\"b\\\" }, c\\\\\\nd\",engine=\"0\",} 0.25\n",
        "vllm:gpu_cache_usage_perc{model_name=\"a \\\"b\\\" }, c\\\\\\nd\",engine=\"1\"} 7.5e-1\r\n",
        "vllm:num_requests_waiting NaN\n",
        "vllm:num_preemptions_total{model_name=\"never closed} 5\n",
        "vllm:num_preemptions_created 1.7e9\n",
        "vllm:request_queue_time_seconds_bucket{le=\"+Inf\"} 4\n",
        "vllm:prompt_tokens_total five\nvllm:\nvllm\n{}\n\u{fffd}\n",
        "vllm:generation_tokens_total 12\n",
    );

    #[test]
    fn labels_with_quotes_braces_and_escapes_are_read_and_broken_lines_passed_over() {
        let model = "a \"b\" }, c\\\nd".to_owned();
        let reading = Reading::of(HOSTILE, &[model]).expect("known names");
        assert_eq!((reading.running, reading.kv_pct, reading.v1), (Some(3.0), Some(50.0), true));
        assert_eq!((reading.preemptions, reading.prompt_tokens), (None, None));
        let all = Reading::of(HOSTILE, &["no such model".to_owned()]).expect("known names");
        assert_eq!((all.running, all.waiting, all.output_tokens), (Some(103.0), None, Some(12.0)));
        assert_eq!(Reading::of("go_threads 5\nvllm:something_new 1\n", &[]), None);
    }

    #[test]
    fn a_page_cut_anywhere_is_still_read_without_a_fault() {
        for end in (0..HOSTILE.len()).filter(|end| HOSTILE.is_char_boundary(*end)) {
            let _ = Reading::of(&HOSTILE[..end], &["other".to_owned()]);
        }
    }
}
