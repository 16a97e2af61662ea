//! Servers that speak TLS: whole runs through the general client.

use super::*;
use crate::{bench::record::Class, openai::client::install_crypto};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    sync::atomic::AtomicU32,
};

pub(super) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls").join(name)
}

/// What came: the number of the connection, and whether it was a request for tokens.
type Log = Arc<Mutex<Vec<(u32, bool)>>>;

/// An https server. It keeps a connection open after whatever is no stream. After `handshakes` connections it shuts each in the face of the handshake.
pub(super) struct Tls {
    pub(super) url: String,
    log: Log,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A last connection wakes the accepting thread.
        let _ = std::net::TcpStream::connect(self.url.trim_start_matches("https://"));
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

pub(super) fn serve_tls(handshakes: u32) -> Tls {
    install_crypto();
    let certificates = CertificateDer::pem_file_iter(fixture("server.pem")).expect("opens").collect::<Result<_, _>>().expect("PEM");
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).expect("a key");
    let config = Arc::new(ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key).expect("a pair"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("https://{}", listener.local_addr().expect("bound"));
    let (stop, count) = (Arc::new(AtomicBool::new(false)), AtomicU32::new(0));
    let (stopped, log) = (Arc::clone(&stop), Log::default());
    let kept = Arc::clone(&log);
    let thread = thread::spawn(move || {
        for socket in listener.incoming() {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            let Ok(mut socket) = socket else { continue };
            let number = count.fetch_add(1, Ordering::Relaxed);
            if number >= handshakes {
                // Not TLS at all.
                let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
                continue;
            }
            let (config, log) = (Arc::clone(&config), Arc::clone(&kept));
            thread::spawn(move || {
                let connection = ServerConnection::new(config).expect("a connection");
                let mut stream = BufReader::new(StreamOwned::new(connection, socket));
                while let Ok(Some(())) = answer(&mut stream, |post| log.lock().expect("lock").push((number, post))) {}
            });
        }
    });
    Tls { url, log, stop, thread: Some(thread) }
}

/// Answers one request; closes the connection properly after a stream.
fn answer(stream: &mut BufReader<StreamOwned<ServerConnection, std::net::TcpStream>>, came: impl FnOnce(bool)) -> io::Result<Option<()>> {
    let (mut first, mut length, mut line) = (String::new(), 0, String::new());
    stream.read_line(&mut first)?;
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        assert!(!line.to_ascii_lowercase().starts_with("transfer-encoding"), "a body of known length is sent as such");
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    came(first.starts_with("POST"));
    let out = stream.get_mut();
    if first.starts_with("POST") {
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")?;
        let asked = serde_json::from_slice::<serde_json::Value>(&body).expect("JSON")["max_tokens"].as_u64().expect("a length");
        for n in 1..=asked {
            let finish = if n == asked { "\"length\"" } else { "null" };
            let usage = format!(r#"{{"prompt_tokens":16,"completion_tokens":{n},"total_tokens":{}}}"#, 16 + n);
            let choice = format!(r#"{{"index":0,"text":" a","finish_reason":{finish}}}"#);
            out.write_all(format!("data: {{\"choices\":[{choice}],\"usage\":{usage}}}\n\n").as_bytes())?;
            out.flush()?;
        }
        out.write_all(b"data: [DONE]\n\n")?;
    } else {
        let body = r#"{"object":"list","data":[{"id":"m"}]}"#;
        let found = first.starts_with("GET /v1/models");
        let (status, body) = if found { ("200 OK", body) } else { ("404 Not Found", "{}") };
        write!(out, "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
        out.flush()?;
        return Ok(Some(()));
    }
    out.conn.send_close_notify();
    out.flush().map(|()| None)
}

pub(super) fn trusting(url: &str, ca: &str, load: &str, more: &str) -> Spec {
    let mut spec = spec(url, load, more);
    spec.target.ca_file = Some(fixture(ca));
    spec
}

#[test]
fn an_https_server_with_an_authority_of_its_own_is_measured_and_the_result_says_by_what() {
    let served = serve_tls(u32::MAX);
    for load in [r#"{"concurrency": 2}"#, r#"{"rate": 100.0}, "max_concurrency": 2"#] {
        let done = go(&trusting(&served.url, "ca.pem", load, r#", "requests": 6, "warmup": 2"#));
        let summary = done.summary();
        assert_eq!((summary.completed, summary.failed, summary.total_output_tokens), (6, 0, 48), "{:?}", summary.error_examples);
        let header = read(&done.result_dir(), |_, _| {}).expect("reads").0;
        assert_eq!((header.setup.client.as_str(), header.setup.stamps.as_str()), ("reqwest", "user"));
        for record in done.records() {
            assert!(record.sent_us >= Some(record.started_us) && record.first_us >= record.sent_us, "{record:?}");
            assert!(record.end_us >= record.last_us.expect("tokens"), "{record:?}");
        }
    }
}

#[test]
fn connections_are_open_before_the_load_so_that_no_request_waits_for_a_handshake() {
    let served = serve_tls(u32::MAX);
    let done = go(&trusting(&served.url, "ca.pem", r#"{"concurrency": 3}"#, r#", "requests": 3"#));
    assert_eq!(done.summary().completed, 3);
    let end = read(&done.result_dir(), |_, _| {}).expect("reads").1.expect("an end");
    assert_eq!(end.connections_opened, 3);
    let log = served.log.lock().expect("lock");
    // The first request for tokens was the one that was tried out.
    let load: Vec<_> = log.iter().enumerate().filter(|(_, (_, post))| *post).skip(1).collect();
    assert_eq!(load.len(), 3);
    for (at, (connection, _)) in load {
        assert!(log[..at].contains(&(*connection, false)), "{connection} was opened by its request: {log:?}");
    }
}

#[test]
fn a_certificate_of_another_authority_is_refused_before_any_load() {
    let served = serve_tls(u32::MAX);
    let done = go(&trusting(&served.url, "other-ca.pem", r#"{"concurrency": 1}"#, r#", "requests": 1"#));
    let problem = done.outcome.as_ref().expect_err("refused");
    assert_eq!(problem.kind(), "bench.unreachable");
    assert!(problem.to_string().contains("TLS: "), "{problem}");
}

#[test]
fn a_handshake_that_fails_amid_a_run_has_the_class_tls() {
    // The list of models and the request that is tried, and then none.
    let served = serve_tls(2);
    let done = go(&trusting(&served.url, "ca.pem", r#"{"concurrency": 1}"#, r#", "requests": 2"#));
    let records = done.records();
    assert!(!records.is_empty() && records.iter().all(|r| r.error.as_ref().is_some_and(|e| e.class == Class::Tls)), "{records:?}");
}

#[test]
fn a_stop_gives_up_what_is_under_way_over_tls_too() {
    let served = serve_tls(u32::MAX);
    let done = go_with(&trusting(&served.url, "ca.pem", r#"{"concurrency": 1}"#, ""), |watched, steering| {
        watched.wait_for(|s| s.done >= 3);
        steering.signal();
    });
    assert!(done.summary().completed >= 3);
}
