//! What is typed into the form, read; or what is wrong with it, in a sentence that fits beside the field.

use crate::{
    base::Said,
    bench::{
        Url,
        spec::{Load, Over, Stage},
    },
    said,
};

/// A base URL, without `/v1` and trailing slashes.
pub(super) fn url(text: &str) -> Result<String, Said> {
    let trimmed = text.trim_end_matches('/');
    let base = trimmed.strip_suffix("/v1").unwrap_or(trimmed).trim_end_matches('/');
    if base.is_empty() {
        return Err(said!("no server yet; e: type a URL", "还没有服务器；e 输入地址"));
    }
    // A password belongs into a key file; here it would reach screens and results.
    if base.contains('@') {
        return Err(said!("no password here: use a key file", "此处不能含密码：请用密钥文件"));
    }
    // https has the same form; which client measures it is the engine's affair.
    let plain = base.strip_prefix("https://").map(|rest| format!("http://{rest}"));
    match Url::parse(plain.as_deref().unwrap_or(base)) {
        Ok(_) => Ok(base.to_owned()),
        Err(_) => Err(said!("no URL such as http://127.0.0.1:8000", "不是 http://127.0.0.1:8000 这样的地址")),
    }
}

/// Whether `url` leads to this machine itself.
pub(super) fn is_loopback(url: &str) -> bool {
    let plain = url.strip_prefix("https://").map(|rest| format!("http://{rest}"));
    Url::parse(plain.as_deref().unwrap_or(url)).is_ok_and(|url| url.is_loopback())
}

/// `4` users, `8/s`, `8/s poisson`, `8/s gamma 0.5`, `trace FILE` or `trace 2x FILE`, stages `8 30s, ..64 60s` (`..` ramps up to it).
pub(super) fn load(text: &str) -> Result<Load, Said> {
    let fault = || said!("neither users (16) nor a rate (8/s)", "既非用户数（16）也非速率（8/s）");
    if let Some(trace) = text.strip_prefix("trace ") {
        let trace = trace.trim();
        let (speed, path) = match trace.split_once(' ') {
            Some((speed, path)) if speed.ends_with('x') => match speed.trim_end_matches('x').parse() {
                Ok(speed) => (speed, path.trim()),
                Err(_) => (1.0, trace),
            },
            _ => (1.0, trace),
        };
        let wrong = path.is_empty() || !(speed > 0.0 && speed <= 1e6);
        return if wrong { Err(fault()) } else { Ok(Load::Trace { path: path.into(), speed }) };
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [rate] if rate.ends_with("/s") => per_second(rate).map(Load::Rate).ok_or_else(fault),
        [users] => user_count(users).map(Load::Concurrency).ok_or_else(fault),
        [rate, "poisson"] => per_second(rate).map(Load::Poisson).ok_or_else(fault),
        [rate, "gamma", shape] => {
            let burstiness = shape.parse().ok().filter(|shape| *shape > 0.0 && *shape <= 1e3);
            let (rate, burstiness) = per_second(rate)
                .zip(burstiness)
                .ok_or_else(|| said!("gamma needs a shape: 8/s gamma 0.5", "gamma 需形状：8/s gamma 0.5"))?;
            Ok(Load::Gamma { rate, burstiness })
        }
        _ => text
            .split(',')
            .map(stage)
            .collect::<Option<Vec<_>>>()
            .filter(|s| same_kind(s))
            .map(Load::Stages)
            .ok_or_else(|| said!("no stages such as 8 30s, ..64 60s", "不是 8 30s, ..64 60s 这样的阶段")),
    }
}

fn per_second(text: &str) -> Option<f64> {
    text.strip_suffix("/s")?.parse().ok().filter(|rate| *rate > 0.0 && *rate <= 1e6)
}

fn user_count(text: &str) -> Option<u32> {
    text.parse().ok().filter(|users| (1..=65_536).contains(users))
}

fn stage(text: &str) -> Option<Stage> {
    let (level, seconds) = text.trim().split_once(' ')?;
    let (level, ramp) = level.strip_prefix("..").map_or((level, false), |level| (level, true));
    let (_, duration_s) = until(seconds.trim()).ok()?;
    let (concurrency, rate) = if level.ends_with("/s") { (None, Some(per_second(level)?)) } else { (Some(user_count(level)?), None) };
    Some(Stage { concurrency, rate, duration_s: duration_s?, ramp })
}

fn same_kind(stages: &[Stage]) -> bool {
    stages.windows(2).all(|pair| matches!(pair, [a, b] if a.rate.is_some() == b.rate.is_some()))
}

/// What [`load`] reads back.
pub(super) fn load_text(load: &Load) -> String {
    match load {
        Load::Concurrency(users) => users.to_string(),
        Load::Rate(rate) => format!("{rate}/s"),
        Load::Poisson(rate) => format!("{rate}/s poisson"),
        Load::Gamma { rate, burstiness } => format!("{rate}/s gamma {burstiness}"),
        Load::Trace { path, speed } if (speed - 1.0).abs() < f64::EPSILON => format!("trace {}", path.display()),
        Load::Trace { path, speed } => format!("trace {speed}x {}", path.display()),
        Load::Stages(stages) => {
            let stage = |s: &Stage| {
                let level = s.concurrency.map_or_else(|| format!("{}/s", s.rate.unwrap_or_default()), |users| users.to_string());
                format!("{}{level} {}s", if s.ramp { ".." } else { "" }, s.duration_s)
            };
            stages.iter().map(stage).collect::<Vec<_>>().join(", ")
        }
    }
}

/// Whole numbers with blanks between them, each from 1 on; none for an empty text.
pub(super) fn numbers(text: &str) -> Result<Vec<u32>, Said> {
    let number = |word: &str| word.parse::<u32>().ok().filter(|n| (1..=4_000_000).contains(n));
    text.split_whitespace()
        .map(number)
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| said!("no numbers such as 128 512 2048", "不是 128 512 2048 这样的数列"))
}

/// `1 8 64` users, or `1/s 2/s 8/s`.
pub(super) fn loads(text: &str) -> Result<(Vec<u32>, Vec<f64>), Said> {
    if text.contains("/s") {
        let rates = text.split_whitespace().map(per_second).collect::<Option<Vec<_>>>();
        return rates.map(|rates| (Vec::new(), rates)).ok_or_else(|| said!("no rates such as 1/s 4/s", "不是 1/s 4/s 这样的速率"));
    }
    let users = numbers(text)?;
    if users.is_empty() {
        Err(said!("users (1 8 64) or rates (1/s 4/s)", "用户数（1 8 64）或速率（1/s 4/s）"))
    } else {
        Ok((users, Vec::new()))
    }
}

/// `1..256` users or `0.5..64/s`: from, to and what it is of.
pub(super) fn range(text: &str) -> Result<(f64, f64, Over), Said> {
    let fault = || said!("no range: 1..256 users or 0.5..64/s", "不是范围：1..256 用户或 0.5..64/s");
    let (plain, over) = text.strip_suffix("/s").map_or((text, Over::Concurrency), |plain| (plain, Over::Rate));
    let (from, to) = plain.split_once("..").ok_or_else(fault)?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|v| *v > 0.0 && *v <= 1e6);
    let (from, to) = number(from).zip(number(to)).filter(|(from, to)| from <= to).ok_or_else(fault)?;
    Ok((from, to, over))
}

/// `64` requests, `30s` or `2min`, or both: whichever comes first.
pub(super) fn until(text: &str) -> Result<(Option<u64>, Option<f64>), Said> {
    let fault = || said!("no requests (64) or time (30s, 2min)", "非请求数（64）或时长（30s、2min）");
    let mut until = (None, None);
    for word in text.split_whitespace() {
        let (number, unit_s) = match (word.strip_suffix("min"), word.strip_suffix('s')) {
            (Some(minutes), _) => (minutes, Some(60.0)),
            (None, Some(seconds)) => (seconds, Some(1.0)),
            (None, None) => (word, None),
        };
        if let Some(unit_s) = unit_s {
            let seconds = number.parse::<f64>().map_err(|_| fault())? * unit_s;
            if !(seconds > 0.0 && seconds <= 864_000.0) || until.1.replace(seconds).is_some() {
                return Err(fault());
            }
        } else {
            let requests = number.parse::<u64>().ok().filter(|n| (1..=1_000_000_000).contains(n)).ok_or_else(fault)?;
            if until.0.replace(requests).is_some() {
                return Err(fault());
            }
        }
    }
    if until == (None, None) { Err(fault()) } else { Ok(until) }
}

/// Milliseconds, or nothing for no goal.
pub(super) fn goal(text: &str) -> Result<Option<f64>, Said> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(ms) if ms > 0.0 && ms <= 1e8 => Ok(Some(ms)),
        _ => Err(said!("no time in ms; empty for no goal", "不是毫秒数；留空表示无目标")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_with_v1_means_the_same_server() {
        assert_eq!(url("http://127.0.0.1:8000/v1/").unwrap(), "http://127.0.0.1:8000");
    }

    #[test]
    fn loopback_is_known_by_its_address() {
        for url in ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:80", "http://127.8.0.1"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["http://10.0.0.7:8000", "http://localhost.example.org", "http://127.0.0.1.example.org", "http://[fe80::1]", ""] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn every_load_that_can_be_typed_is_written_back_as_it_reads() {
        for text in
            ["16", "8/s", "2.5/s poisson", "8/s gamma 0.5", "trace a b.jsonl", "trace 2x t.csv", "8 30s, ..64 60s", "1/s 5s, ..8/s 60s"]
        {
            assert_eq!(load_text(&load(text).unwrap()), text);
        }
        for text in ["", "0", "-1/s", "8/s gamma", "8/s gamma 0", "8/s poison", "trace ", "8 30s, 2/s 10s", "8 x", "..8"] {
            assert!(load(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_range_says_what_it_is_of() {
        assert_eq!(range("1..256").unwrap(), (1.0, 256.0, Over::Concurrency));
        assert_eq!(range("0.5..64/s").unwrap(), (0.5, 64.0, Over::Rate));
        assert!(range("9..1").is_err() && range("4").is_err());
    }

    #[test]
    fn minutes_and_requests_may_stand_together() {
        assert_eq!(until("100 2min").unwrap(), (Some(100), Some(120.0)));
        assert_eq!(until("1.5s").unwrap(), (None, Some(1.5)));
    }
}
