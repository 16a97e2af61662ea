//! A server that speaks TLS, and what our client costs over it.

use crate::{
    clients::{Asked, Watch, own, resident},
    figures::figures,
    line, pin,
    server::{beside, truth},
};
use dcudeck::{
    base::{
        clock::{Epoch, monotonic_us},
        stamp::monotonic_ns,
    },
    bench::Sink,
    embedded::sim::{Arrival, End, Record, Stamp},
    openai::client::install_crypto,
};
use rustix::{
    thread::clock_nanosleep_absolute,
    time::{ClockId, Timespec},
};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

const TTFT_NS: u64 = 300_000_000;
const ITL_NS: u64 = 20_000_000;

fn fixture(name: &str) -> String {
    format!("{}/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The server's process: a thread for each connection; `log` gets the truth. Serves until its input ends.
pub(crate) fn serve(log: &str) {
    pin(0);
    install_crypto();
    let certificates = CertificateDer::pem_file_iter(fixture("server.pem")).expect("opens").collect::<Result<_, _>>().expect("PEM");
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).expect("a key");
    let config = Arc::new(ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key).expect("a pair"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    println!("https://{}", listener.local_addr().expect("bound"));
    let epoch = Epoch::now();
    let zero_us = epoch.mono_start_us;
    let mut file = File::create(Path::new(log)).expect("a log");
    writeln!(file, "{}", serde_json::to_string(&epoch).expect("JSON")).expect("writes");
    let file = Arc::new(Mutex::new(file));
    thread::spawn(move || {
        for socket in listener.incoming() {
            let socket = socket.expect("a connection");
            socket.set_nodelay(true).expect("option");
            let (config, file) = (Arc::clone(&config), Arc::clone(&file));
            thread::spawn(move || {
                let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config).expect("a connection"), socket));
                // Until the client has gone.
                while let Ok(Some(record)) = answer(&mut stream, zero_us) {
                    let mut line = serde_json::to_vec(&record).expect("JSON");
                    line.push(b'\n');
                    file.lock().expect("lock").write_all(&line).expect("writes");
                }
            });
        }
    });
    let _ = std::io::stdin().read(&mut [0]);
}

/// Answers one request; `None` when there is no other.
fn answer(stream: &mut BufReader<StreamOwned<ServerConnection, TcpStream>>, zero_us: u64) -> io::Result<Option<Record>> {
    let (mut first, mut length, mut id, mut line) = (String::new(), 0, String::new(), String::new());
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let arrived = monotonic_us() - zero_us;
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim())) {
            Some((name, value)) if name == "content-length" => length = value.parse().expect("a length"),
            Some((name, value)) if name == "x-request-id" => value.clone_into(&mut id),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let begun_ns = monotonic_ns();
    let out = stream.get_mut();
    let mut writes = Vec::new();
    if first.starts_with("POST /v1/completions") {
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        let asked = serde_json::from_slice::<serde_json::Value>(&body).expect("JSON")["max_tokens"].as_u64().expect("a length");
        for n in 1..=asked {
            let finish = if n == asked { "\"length\"" } else { "null" };
            let usage = format!(r#"{{"prompt_tokens":64,"total_tokens":{},"completion_tokens":{n}}}"#, 64 + n);
            let choice = format!(r#"{{"index":0,"text":" a","logprobs":null,"finish_reason":{finish}}}"#);
            let event = format!("data: {{\"id\":\"cmpl-{id}\",\"choices\":[{choice}],\"usage\":{usage}}}\n\n");
            let due_ns = begun_ns + TTFT_NS + (n - 1) * ITL_NS;
            let due = Timespec { tv_sec: (due_ns / 1_000_000_000).cast_signed(), tv_nsec: (due_ns % 1_000_000_000).cast_signed() };
            let _ = clock_nanosleep_absolute(ClockId::Monotonic, &due);
            writes.push((monotonic_us() - zero_us, 1));
            out.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
        }
        out.write_all(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")?;
    } else {
        let body = r#"{"object":"list","data":[{"id":"m"}]}"#;
        let (status, body) = if first.starts_with("GET /v1/models") { ("200 OK", body) } else { ("404 Not Found", "{}") };
        write!(out, "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    }
    out.flush()?;
    let end_us = monotonic_us() - zero_us;
    let arrival = Arrival { at_us: arrived, by: Stamp::User, read_us: arrived };
    Ok(Some(Record {
        id,
        number: 0,
        connection: 0,
        arrival,
        headers_us: arrived,
        body_us: begun_ns / 1_000 - zero_us,
        prompt_tokens: 64,
        max_tokens: writes.len(),
        stream: true,
        writes,
        end: End::Done,
        fault: None,
        end_us,
    }))
}

/// Our client over TLS: memory, errors, CPU.
pub(crate) fn case(tokens: usize) {
    let asked = Asked { users: 256, requests: 256, tokens };
    let log = tempfile::NamedTempFile::new().expect("temporary file");
    let path = log.path().to_string_lossy().into_owned();
    let watched = Arc::new(Watch::default());
    let before = resident();
    let ((summary, seen, cpu_us), _) =
        beside(&["--serve-tls", &path], |url| own(url, asked, Some(&fixture("ca.pem")), &(Arc::clone(&watched) as Arc<dyn Sink>)));
    assert_eq!((summary.client.as_str(), summary.stamps.as_str()), ("reqwest", "user"));
    let f = figures(&seen, &truth(log.path()), asked.users, cpu_us);
    println!("https: {} streams, 20 ms a token, {tokens} tokens (stamps of this process)", asked.users);
    let peak = watched.samples().iter().filter(|s| s.in_flight > 0).map(|s| s.resident).max().unwrap_or(before);
    line("  per open stream, kB", peak.saturating_sub(before) as f64 / asked.users as f64 / 1e3, None, Some(("<=", 60.0)), 1);
    line("  client error, mean ms", f.error_mean, None, None, 3);
    line("  client error, P99 ms", f.error_p99, None, None, 3);
    line("  ITL of a request, mean error %", f.itl_mean_pct.abs(), None, Some(("<=", 0.05)), 4);
    line("  ITL of a request, P99 of |error| %", f.itl_p99_pct, None, None, 3);
    line("  pooled gap P99 off by, ms", f.gap_p99_off.abs(), None, None, 3);
    line("  CPU per token, µs", f.cpu_per_token, None, None, 2);
}
