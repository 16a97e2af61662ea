//! Servers that speak HTTP/2: whole runs against one made of the h2 crate, with TLS and without.

use super::{
    tls::{fixture, serve_tls, trusting},
    *,
};
use bytes::Bytes;
use h2::server;
use http::{Method, Request, Response};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Runtime,
    sync::Barrier,
};

/// What came: the number of the connection, and what was asked on it.
type Log = Arc<Mutex<Vec<(usize, String)>>>;

/// A server of HTTP/2 only. It allows a hundred streams a connection, and answers `together` requests of the load only once all of them
/// are there.
struct Served {
    url: String,
    log: Log,
    _runtime: Runtime,
}

impl Served {
    fn new(tls: bool, together: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("binds");
        let at = listener.local_addr().expect("bound");
        let (log, barrier) = (Log::default(), Arc::new(Barrier::new(together)));
        let (kept, acceptor) = (Arc::clone(&log), tls.then(acceptor));
        runtime.spawn(async move {
            for number in 0.. {
                let Ok((socket, _)) = listener.accept().await else { return };
                let (log, barrier, acceptor) = (Arc::clone(&kept), Arc::clone(&barrier), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => match acceptor.accept(socket).await {
                            Ok(stream) => serve(stream, number, log, barrier).await,
                            Err(_) => Ok(()),
                        },
                        None => serve(socket, number, log, barrier).await,
                    }
                });
            }
        });
        let scheme = if tls { "https" } else { "http" };
        Self { url: format!("{scheme}://{at}"), log, _runtime: runtime }
    }

    /// The requests of the load by the connections they came on, each with whether something else had opened it.
    fn load(&self) -> BTreeMap<usize, (usize, bool)> {
        let log = self.log.lock().expect("lock");
        let mut found = BTreeMap::new();
        for (at, (connection, _)) in log.iter().enumerate().filter(|(_, (_, what))| what == "load") {
            let before = log[..at].iter().any(|(other, what)| other == connection && what == "GET /v1/models");
            let of = found.entry(*connection).or_insert((0, before));
            of.0 += 1;
        }
        found
    }
}

fn acceptor() -> tokio_rustls::TlsAcceptor {
    crate::openai::client::install_crypto();
    let certificates = CertificateDer::pem_file_iter(fixture("server.pem")).expect("opens").collect::<Result<_, _>>().expect("PEM");
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).expect("a key");
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key).expect("a pair");
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config).into()
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, number: usize, log: Log, barrier: Arc<Barrier>) -> Result<(), h2::Error> {
    let mut connection = server::Builder::new().max_concurrent_streams(100).handshake(socket).await?;
    while let Some(asked) = connection.accept().await {
        let (request, respond) = asked?;
        tokio::spawn(answer(request, respond, number, Arc::clone(&log), Arc::clone(&barrier)));
    }
    Ok(())
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: server::SendResponse<Bytes>,
    number: usize,
    log: Log,
    barrier: Arc<Barrier>,
) -> Result<(), h2::Error> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (mut stream, mut body) = (request.into_body(), Vec::new());
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    if method == Method::GET {
        log.lock().expect("lock").push((number, format!("GET {path}")));
        let (status, text) = match path.as_str() {
            "/v1/models" => (200, r#"{"object":"list","data":[{"id":"m"}]}"#),
            "/metrics" => (200, "vllm:num_requests_running{model_name=\"m\"} 0\n"),
            _ => (404, "{}"),
        };
        let head = Response::builder().status(status).body(()).expect("a head");
        return respond.send_response(head, false)?.send_data(text.into(), true);
    }
    let tokens = serde_json::from_slice::<serde_json::Value>(&body).expect("JSON")["max_tokens"].as_u64().expect("a length");
    if tokens > 1 {
        log.lock().expect("lock").push((number, "load".to_owned()));
        barrier.wait().await;
    }
    let head = Response::builder().header("content-type", "text/event-stream").body(()).expect("a head");
    let mut out = respond.send_response(head, false)?;
    for n in 1..=tokens {
        let finish = if n == tokens { "\"length\"" } else { "null" };
        let usage = format!(r#"{{"prompt_tokens":16,"completion_tokens":{n},"total_tokens":{}}}"#, 16 + n);
        let choice = format!(r#"{{"index":0,"text":" a","finish_reason":{finish}}}"#);
        out.send_data(format!("data: {{\"choices\":[{choice}],\"usage\":{usage}}}\n\n").into(), false)?;
    }
    out.send_data("data: [DONE]\n\n".into(), true)
}

fn over_http2(url: &str, users: usize, more: &str) -> Spec {
    let load = format!(r#"{{"concurrency": {users}}}"#);
    let mut spec = if url.starts_with("https") { trusting(url, "ca.pem", &load, more) } else { spec(url, &load, more) };
    spec.target.http2 = true;
    spec
}

#[test]
fn streams_share_a_connection_that_was_open_before_the_load_and_the_result_says_so() {
    for tls in [false, true] {
        let served = Served::new(tls, 4);
        let done = go(&over_http2(&served.url, 4, r#", "requests": 12"#));
        let summary = done.summary();
        assert_eq!((summary.completed, summary.failed, summary.total_output_tokens), (12, 0, 96), "{:?}", summary.error_examples);
        assert_eq!((summary.client.as_str(), summary.protocol.as_str(), summary.stamps.as_str()), ("reqwest", "HTTP/2", "user"));
        let load: Vec<_> = served.load().into_values().collect();
        assert_eq!(load, [(12, true)], "all on one connection");
        let (header, end) = read(&done.result_dir(), |_, _| {}).expect("reads");
        assert_eq!((header.setup.protocol.as_str(), end.expect("an end").connections_opened), ("HTTP/2", 1));
        assert_eq!(header.setup.servers[0].engine.as_deref(), Some("vllm-v0"), "its figures come over HTTP/2 as well");
        for record in done.records() {
            assert!(record.sent_us >= Some(record.started_us) && record.first_us >= record.sent_us, "{record:?}");
        }
    }
}

#[test]
fn streams_beyond_what_a_connection_carries_get_another_and_wait_for_none() {
    let served = Served::new(false, 101);
    let done = go(&over_http2(&served.url, 101, r#", "requests": 101"#));
    assert_eq!((done.summary().completed, done.summary().failed), (101, 0), "{:?}", done.summary().error_examples);
    let mut load: Vec<_> = served.load().into_values().collect();
    load.sort_unstable();
    assert_eq!(load, [(50, true), (51, true)], "shared evenly");
}

#[test]
fn a_server_that_does_not_know_http2_is_refused_before_any_load() {
    let tls = serve_tls(u32::MAX);
    let problem = go(&over_http2(&tls.url, 1, r#", "requests": 1"#)).outcome.expect_err("refused");
    assert_eq!(problem.kind(), "bench.http2", "{problem}");
    let plain = super::serve(Options::default());
    let problem = go(&over_http2(&plain.url, 1, r#", "requests": 1"#)).outcome.expect_err("refused");
    assert_eq!(problem.kind(), "bench.unreachable", "{problem}");
    assert!(problem.to_string().contains("HTTP/2"), "{problem}");
}

#[test]
fn a_stop_gives_up_streams_that_are_not_answered() {
    let served = Served::new(false, 1_000);
    let done = go_with(&over_http2(&served.url, 3, ""), |watched, steering| {
        watched.wait_for(|s| s.in_flight == 3);
        steering.signal();
    });
    assert!(done.records().iter().all(|r| r.error.as_ref().is_some_and(|e| e.class == crate::bench::record::Class::Stopped)));
}

#[test]
fn limits_hold_over_http2_too() {
    let served = Served::new(false, 1_000);
    let done = go(&over_http2(&served.url, 1, r#", "requests": 1, "limits": {"first_token_s": 0.05}"#));
    let records = done.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].error.as_ref().map(|e| e.class), Some(crate::bench::record::Class::TimeoutFirstToken), "{records:?}");
}
