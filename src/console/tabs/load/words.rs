//! Words of this tab, and figures as it writes them.

use super::{heat::HeatOf, watched::Watched};
use crate::{
    base::{Said, Text},
    bench::{
        live::Phase,
        spec::{Load, Matrix, Over, Prompts, Spec},
    },
    said, text,
};
use dcudeck_widgets::figure;

/// What `phase` is called.
pub(super) const fn phase(phase: Phase) -> Text {
    match phase {
        Phase::Preparing => text!("preparing", "准备中"),
        Phase::Warmup => text!("warm-up", "预热中"),
        Phase::Running => text!("running", "运行中"),
        Phase::Draining => text!("draining", "排空中"),
        Phase::Finished => text!("finished", "已完成"),
        Phase::Stopped => text!("stopped", "已停止"),
        Phase::Failed => text!("failed", "已失败"),
    }
}

/// Where `run` stands.
pub(super) const fn state(run: &Watched) -> Text {
    if run.lost {
        text!("lost", "已失联")
    } else if run.now.paused && !run.now.phase.ended() {
        text!("PAUSED", "已暂停")
    } else {
        phase(run.now.phase)
    }
}

/// Host and port of `url`: the scheme says nothing to a reader.
pub(super) fn host(url: &str) -> &str {
    url.strip_prefix("http://").unwrap_or(url)
}

/// As [`host`]; of this machine the port alone.
fn short_host(url: &str) -> &str {
    let host = host(url);
    let port = ["127.0.0.1", "localhost", "[::1]"].into_iter().find_map(|name| host.strip_prefix(name));
    port.filter(|port| port.starts_with(':')).unwrap_or(host)
}

/// Model, server and shape of `spec`, in one line.
pub(super) fn shape(spec: &Spec, model: &str) -> Said {
    let model = if model.is_empty() { spec.target.model.as_deref().unwrap_or("?") } else { model };
    let host = short_host(&spec.target.url);
    let Said { en, zh } = asked(spec);
    Said { en: format!("{model} @ {host} · {en}"), zh: format!("{model} @ {host} · {zh}") }
}

/// What a run is asked now, from the longest to the shortest way to say it: its cell, users or rate as steered, and what waits for room.
pub(super) fn shapes_now(run: &Watched) -> Vec<Said> {
    let now = &run.now;
    let mut spec = run.spec.clone();
    if let Some(users) = now.users {
        spec.load = Load::Concurrency(users);
    } else if let Some(rate) = now.rate {
        spec.load = Load::Rate((rate * 1_000.0).round() / 1_000.0);
    }
    let model = if now.model.is_empty() { spec.target.model.as_deref().unwrap_or("?") } else { &now.model };
    let host = short_host(&spec.target.url);
    let cell = super::series_view::now_running(run);
    let long = cell.clone().unwrap_or_else(|| asked(&spec));
    let short = cell.unwrap_or_else(|| load(&spec));
    let held = now.held;
    let held = if held > 0 { said!(" · held {held}", " · 待发 {held}") } else { Said::same("") };
    let join = |head: &str, what: &Said| {
        let sep = if head.is_empty() { "" } else { " · " };
        Said { en: format!("{head}{sep}{}{}", what.en, held.en), zh: format!("{head}{sep}{}{}", what.zh, held.zh) }
    };
    vec![join(&format!("{model} @ {host}"), &long), join(model, &long), join(model, &short), join("", &short), Said::same(model)]
}

/// Lengths and load of `spec`.
pub(super) fn asked(spec: &Spec) -> Said {
    if let Some(matrix) = &spec.matrix {
        return matrix_asked(spec, matrix);
    }
    if let Some(search) = &spec.search {
        let (from, to) = (search.from, search.to);
        let over = match search.over {
            Over::Rate => said!("search {from}..{to} req/s", "搜索 {from}..{to} 请求/s"),
            Over::Concurrency => said!("search {from}..{to} users", "搜索 {from}..{to} 用户"),
        };
        let lengths = lengths(spec);
        return Said { en: format!("{} · {}", over.en, lengths.en), zh: format!("{} · {}", over.zh, lengths.zh) };
    }
    let (lengths, load) = (lengths(spec), load(spec));
    Said { en: format!("{} · {}", lengths.en, load.en), zh: format!("{} · {}", lengths.zh, load.zh) }
}

/// Lengths of prompts and answers of `spec`.
fn lengths(spec: &Spec) -> Said {
    let output = spec.output_len;
    let input = match &spec.prompts {
        Prompts::Random(random) => {
            let input_len = random.input_len;
            said!("in {input_len}", "输入 {input_len}")
        }
        Prompts::File { path, .. } => {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Said::same(crate::base::clean(&name))
        }
    };
    Said { en: format!("{} out {output}", input.en), zh: format!("{} 输出 {output}", input.zh) }
}

/// Lengths and loads of a matrix.
fn matrix_asked(spec: &Spec, matrix: &Matrix) -> Said {
    let list = |values: &[String]| match values {
        [first, .., last] if values.len() > 4 => format!("{first}..{last} ({})", values.len()),
        values => values.join("/"),
    };
    let text = |values: &[u32]| list(&values.iter().map(ToString::to_string).collect::<Vec<_>>());
    let output = if matrix.output_len.is_empty() { spec.output_len.to_string() } else { text(&matrix.output_len) };
    let lengths = if matrix.input_len.is_empty() {
        said!("out {output}", "输出 {output}")
    } else {
        let input = text(&matrix.input_len);
        said!("in {input} out {output}", "输入 {input} 输出 {output}")
    };
    let load = if matrix.concurrency.is_empty() {
        let rates = list(&matrix.rate.iter().map(ToString::to_string).collect::<Vec<_>>());
        said!("{rates} req/s", "{rates} 请求/s")
    } else {
        let users = text(&matrix.concurrency);
        said!("{users} users", "{users} 用户")
    };
    Said { en: format!("matrix {} · {}", lengths.en, load.en), zh: format!("矩阵 {} · {}", lengths.zh, load.zh) }
}

/// The heading of a heat strip.
pub(super) const fn strip(of: HeatOf) -> Text {
    match of {
        HeatOf::Ttft => text!("TTFT over time, ms", "TTFT 随时间，ms"),
        HeatOf::Itl => text!("ITL over time, ms", "ITL 随时间，ms"),
    }
}

/// Users or rate of `spec`.
fn load(spec: &Spec) -> Said {
    match (spec.load.users(), spec.load.rate()) {
        (Some(1), _) => said!("1 user", "1 用户"),
        (Some(users), _) => said!("{users} users", "{users} 用户"),
        (None, Some(rate)) => said!("{rate} req/s", "{rate} 请求/s"),
        (None, None) => said!("trace", "轨迹回放"),
    }
}

/// A latency in at most 6 cells: ms, then seconds, then minutes with their unit.
pub(super) fn latency(ms: Option<f64>) -> String {
    match ms {
        None => "n/a".to_owned(),
        Some(ms) if ms < 9_999.5 => figure::compact(ms),
        Some(ms) if ms < 999_500.0 => {
            let s = ms / 1_000.0;
            if s < 99.95 { format!("{s:.1} s") } else { format!("{s:.0} s") }
        }
        Some(ms) => format!("{:.0} m", ms / 60_000.0),
    }
}

/// `us` since the start as minutes and seconds, or hours too: at least 5 cells.
pub(super) fn clock(us: u64) -> String {
    let s = us / 1_000_000;
    if s < 3_600 { format!("{:>2}:{:02}", s / 60, s % 60) } else { format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60) }
}

/// A share in percent, 5 cells at most: `0.08`, `12.5`, `100`.
pub(super) fn percent(pct: Option<f64>) -> String {
    pct.map_or_else(|| "n/a".to_owned(), figure::compact)
}

/// A span of time as a label of an axis.
pub(super) fn ago(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("-{seconds} s"),
        120..=7_199 => format!("-{} min", seconds / 60),
        _ => format!("-{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcudeck_widgets::text::width;

    #[test]
    fn a_latency_never_needs_more_than_six_cells() {
        for exponent in -4..9 {
            for mantissa in [1.0, 1.23456, 9.9949, 9.9951, 9.99999] {
                let text = latency(Some(mantissa * 10_f64.powi(exponent)));
                assert!(width(&text) <= 7 && (exponent > 7 || width(&text) <= 6), "{text}");
            }
        }
        assert_eq!(latency(None), "n/a");
        assert_eq!(latency(Some(12_345.0)), "12.3 s");
    }

    #[test]
    fn states_are_as_wide_in_both_languages_as_their_place() {
        for state in [Phase::Preparing, Phase::Warmup, Phase::Running, Phase::Draining, Phase::Finished, Phase::Stopped, Phase::Failed] {
            assert!(width(phase(state).en) <= 9 && width(phase(state).zh) <= 9);
        }
    }

    #[test]
    fn the_clock_counts_hours_only_when_there_are_some() {
        assert_eq!((clock(42_300_000).as_str(), clock(3_723_000_000).as_str()), (" 0:42", "1:02:03"));
    }
}
