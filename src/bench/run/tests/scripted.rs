//! Runs against servers that say exactly these bytes.

use super::*;
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

#[test]
fn a_server_that_refuses_running_counts_is_asked_without_them() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || refuse_running_counts(stream));
        }
    });
    let done = go(&spec(&url, r#"{"concurrency": 1}"#, r#", "requests": 2, "ignore_eos": false"#));
    let summary = done.summary();
    assert_eq!((summary.completed, summary.failed, summary.usage), (2, 0, Usage::Final));
    // Two chunks, three tokens by the usage at the end: the total is the server's.
    assert_eq!(summary.total_output_tokens, 6);
    assert!(done.records().iter().all(|r| r.gaps_us.len() == 2 && r.tokens.is_empty()));
}

fn refuse_running_counts(mut stream: TcpStream) -> Option<()> {
    let mut asked = Vec::new();
    loop {
        let length = read_request(&mut stream, &mut asked)?;
        let text = String::from_utf8_lossy(&asked[..length]).into_owned();
        asked.drain(..length);
        let (kind, body) = if text.starts_with("GET") {
            ("application/json", MODELS.to_owned())
        } else if text.contains("continuous_usage_stats") {
            let body = r#"{"object":"error","message":"extra fields not permitted","code":400}"#;
            write!(stream, "HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()?;
            continue;
        } else {
            let event = |rest: &str| format!("data: {{\"choices\":[{rest}\n\n");
            let token = event(r#"{"text":"x"}]}"#);
            let usage = event(r#"],"usage":{"prompt_tokens":16,"completion_tokens":3}}"#);
            ("text/event-stream", format!("{token}{token}{usage}data: [DONE]\n\n"))
        };
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()?;
    }
}

/// A server that answers the first `POST` properly (the try-out) and every later one with the bytes of `script`, piece by piece.
fn scripted(script: &'static [&'static [u8]], close: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let posts = Arc::new(std::sync::atomic::AtomicU64::new(0));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let posts = Arc::clone(&posts);
            thread::spawn(move || converse(stream, &posts, script, close));
        }
    });
    url
}

const MODELS: &str = r#"{"object":"list","data":[{"id":"m","object":"model","max_model_len":4096}]}"#;

/// Reads until `asked` begins with a whole request; its length.
fn read_request(stream: &mut TcpStream, asked: &mut Vec<u8>) -> Option<usize> {
    loop {
        let text = String::from_utf8_lossy(asked).into_owned();
        if let Some(at) = text.find("\r\n\r\n") {
            let length = text.lines().find_map(|l| l.strip_prefix("Content-Length: ")).map_or(0, |n| n.parse().expect("a length"));
            if asked.len() >= at + 4 + length {
                return Some(at + 4 + length);
            }
        }
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        asked.extend_from_slice(&buffer[..n]);
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn converse(mut stream: TcpStream, posts: &std::sync::atomic::AtomicU64, script: &[&[u8]], close: bool) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut asked = Vec::new();
    loop {
        let length = read_request(&mut stream, &mut asked)?;
        let get = asked.starts_with(b"GET");
        asked.drain(..length);
        if get {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{MODELS}", MODELS.len()).ok()?;
        } else if posts.fetch_add(1, Ordering::Relaxed) == 0 {
            let event = "data: {\"choices\":[{\"text\":\"x\",\"finish_reason\":\"length\"}]}\n\n";
            write!(stream, "{HEAD}{:x}\r\n{event}\r\n0\r\n\r\n", event.len()).ok()?;
        } else {
            for piece in script {
                stream.write_all(piece).ok()?;
                stream.flush().ok()?;
                thread::yield_now();
            }
            if close {
                return None;
            }
        }
    }
}

/// The one class that all three requests of a run against `script` failed with; empty for success.
fn class_of(script: &'static [&'static [u8]], close: bool) -> (String, String) {
    let url = scripted(script, close);
    let more = r#", "requests": 3, "limits": {"max_error_rate_pct": 100.0, "first_token_s": 0.3, "stall_s": 0.3}"#;
    let done = go(&spec(&url, r#"{"concurrency": 1}"#, more));
    let summary = done.summary();
    if summary.completed == 3 {
        return (String::new(), String::new());
    }
    assert_eq!(summary.failed, 3, "{summary:?}");
    let (class, _) = summary.errors_by_class.iter().next().expect("a class");
    (class.clone(), summary.error_examples[class].clone())
}

const TOKEN: &[u8] = b"2e\r\ndata: {\"choices\":[{\"text\":\"x\",\"index\":0}]}\r\n\r\n\r\n";

#[test]
fn an_answer_is_judged_by_its_bytes_whatever_their_shape() {
    const H: &[u8] = HEAD.as_bytes();
    const DONE: &[u8] = b"e\r\ndata: [DONE]\n\n\r\n";
    const END: &[u8] = b"0\r\n\r\n";
    let judged: &[(&'static [&'static [u8]], bool, &str, &str)] = &[
        (&[H, TOKEN, DONE, END], false, "", ""),
        (&[H, TOKEN, DONE], true, "", ""),
        (&[H, TOKEN, END], false, "truncated", "without finish_reason"),
        (&[H, TOKEN], true, "truncated", "closed the connection after 1 chunks"),
        (&[H, DONE, END], false, "empty", "without a token"),
        (&[H], true, "truncated", "before a token"),
        (&[], true, "no_response", "before it answered"),
        (&[H], false, "timeout_first_token", "no token within 0.3 s"),
        (&[H, TOKEN], false, "timeout_stall", "after 1 tokens"),
        (&[b"SSH-2.0-OpenSSH\r\n\r\n"], true, "protocol", "not HTTP"),
        (&[H, b"zz\r\n"], true, "protocol", "chunked"),
        (&[H, b"e\r\ndata: {broken\n\r\n", b"1\r\n\n\r\n", TOKEN, DONE, END], false, "protocol", "no chunk"),
        (&[b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: text/html\r\n\r\n<p>hi"], false, "protocol", "<p>hi"),
        (&[b"HTTP/1.1 200 OK\r\ncontent-length: 35\r\n\r\n{\"object\":\"error\",\"message\":\"nope\"}"], true, "in_stream_error", "nope"),
        (&[b"HTTP/1.1 429 Too Many\r\ncontent-length: 23\r\n\r\n{\"detail\":\"slow \x1b[2Jdown\"}"], true, "http_status", "HTTP 429"),
        (&[b"HTTP/1.1 100 Continue\r\n\r\n", H, TOKEN, DONE, END], false, "", ""),
    ];
    for (script, close, class, example) in judged {
        let (found, told) = class_of(script, *close);
        assert_eq!(&found, class, "{told} for {:?}", script.iter().map(|p| String::from_utf8_lossy(p)).collect::<Vec<_>>());
        assert!(told.contains(example) && !told.contains('\u{1b}'), "{told}");
    }
}

#[test]
fn a_stream_that_comes_byte_by_byte_is_the_same_stream() {
    static BYTES: std::sync::LazyLock<Vec<[u8; 1]>> = std::sync::LazyLock::new(|| {
        let token = |n: usize| {
            let event = format!(
                "data: {{\"choices\":[{{\"text\":\"é\",\"index\":0}}],\"usage\":{{\"prompt_tokens\":16,\"completion_tokens\":{n}}}}}\r\n\r\n"
            );
            format!("{:x}\r\n{event}\r\n", event.len())
        };
        format!("{HEAD}{}{}{}e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", token(1), token(2), token(5)).bytes().map(|b| [b]).collect()
    });
    let script: &'static [&'static [u8]] = BYTES.iter().map(<[u8; 1]>::as_slice).collect::<Vec<_>>().leak();
    let done = go(&spec(&scripted(script, false), r#"{"concurrency": 1}"#, r#", "requests": 2, "ignore_eos": false"#));
    assert_eq!((done.summary().completed, done.summary().total_output_tokens), (2, 10), "{:?}", done.summary().error_examples);
    assert!(done.records().iter().all(|r| r.tokens == [1, 1, 3]));
}

#[test]
fn where_no_counter_tells_of_the_prefix_cache_the_usage_of_each_answer_does() {
    use crate::bench::live::Cache;
    for (cached, cache) in [(None, Cache::Unknown), (Some(0), Cache::Cold), (Some(8), Cache::Mixed), (Some(15), Cache::Warm)] {
        let details = cached.map_or(String::new(), |n| format!(r#","prompt_tokens_details":{{"cached_tokens":{n}}}"#));
        let usage = format!("data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":16,\"completion_tokens\":1{details}}}}}\n\n");
        let end = format!("{:x}\r\n{usage}\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", usage.len());
        let script: &'static [&'static [u8]] = vec![HEAD.as_bytes(), TOKEN, end.leak().as_bytes()].leak();
        let done = go(&spec(&scripted(script, false), r#"{"concurrency": 1}"#, r#", "requests": 3, "ignore_eos": false"#));
        let summary = done.summary();
        assert_eq!((summary.completed, summary.total_input_tokens), (3, Some(48)), "{:?}", summary.error_examples);
        assert_eq!((summary.cache, summary.cached_input_tokens), (cache, cached.map(|n| n * 3)));
    }
}

#[test]
fn a_kept_connection_the_server_closed_meanwhile_costs_no_request() {
    const SCRIPT: &[&[u8]] = &[HEAD.as_bytes(), TOKEN, b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"];
    let done = go(&spec(&scripted(SCRIPT, true), r#"{"concurrency": 2}"#, r#", "requests": 12"#));
    assert_eq!((done.summary().completed, done.summary().failed), (12, 0), "{:?}", done.summary().error_examples);
}

#[test]
fn a_server_that_goes_away_ends_the_run_by_its_failures() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    // The list of models, the try-out, the connections of four users; then nobody.
    let server = thread::spawn(move || {
        let posts = std::sync::atomic::AtomicU64::new(0);
        for _ in 0..2 {
            converse(listener.accept().expect("accepts").0, &posts, &[], true);
        }
        drop((0..4).map(|_| listener.accept().expect("accepts")).collect::<Vec<_>>());
    });
    let done = go(&spec(&url, r#"{"concurrency": 4}"#, ""));
    server.join().expect("ends");
    let summary = done.summary();
    assert_eq!((summary.stopped_by, summary.completed), (StoppedBy::ErrorRate, 0));
    assert!((20..30).contains(&summary.failed), "{summary:?}");
    assert!(summary.errors_by_class.contains_key("connect"), "{:?}", summary.error_examples);
    assert_eq!(crate::bench::exit_code(summary), crate::base::Exit::Failed);
}
