//! What is typed into the form, read; or what is wrong with it, in a sentence that fits beside the field.

use crate::{
    base::Said,
    bench::{Url, spec::Load},
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
    if base.starts_with("https://") {
        return Err(said!("https cannot be measured yet; use http", "暂不能测量 https；请用 http"));
    }
    match Url::parse(base) {
        Ok(_) => Ok(base.to_owned()),
        Err(_) => Err(said!("no URL such as http://127.0.0.1:8000", "不是 http://127.0.0.1:8000 这样的地址")),
    }
}

/// Whether `url` leads to this machine itself.
pub(super) fn is_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.is_loopback())
}

/// `4` users or `8/s`.
pub(super) fn load(text: &str) -> Result<Load, Said> {
    let fault = || said!("neither users (16) nor a rate (8/s)", "既非用户数（16）也非速率（8/s）");
    match text.strip_suffix("/s") {
        Some(rate) => {
            let rate: f64 = rate.trim().parse().map_err(|_| fault())?;
            if rate > 0.0 && rate <= 1e6 { Ok(Load::Rate(rate)) } else { Err(fault()) }
        }
        None => match text.parse::<u32>() {
            Ok(users @ 1..=65_536) => Ok(Load::Concurrency(users)),
            _ => Err(fault()),
        },
    }
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
    fn minutes_and_requests_may_stand_together() {
        assert_eq!(until("100 2min").unwrap(), (Some(100), Some(120.0)));
        assert_eq!(until("1.5s").unwrap(), (None, Some(1.5)));
    }
}
