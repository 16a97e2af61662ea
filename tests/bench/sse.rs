//! Events per CPU-second of our SSE parser beside eventsource-client's, on the same bytes in the same run.
//!
//! `cargo bench --bench sse`. Each case is the best of five rounds; both parsers are driven on one thread from memory, so
//! that no socket is in the figures. eventsource-client's parser is only reachable through its client, which is fed by a
//! transport that hands out the same pieces.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use bytes::Bytes;
use dcudeck::openai::{progress::Progress, sse::Parser};
use eventsource_client::{Client as _, ClientBuilder, ReconnectOptions, SSE};
use futures_util::{StreamExt, stream};
use launchdarkly_sdk_transport::{ByteStream, HttpTransport, ResponseFuture};
use rustix::time::{ClockId, clock_gettime};
use std::{error::Error, hint::black_box, sync::Arc};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;

/// A chunk as vLLM 0.8.5 writes it.
const CHUNK: &str = concat!(
    r#"data: {"id":"chatcmpl-4f86afabafe84bc3b772d845be0b25e5","object":"chat.completion.chunk","created":1795459259,"#,
    r#""model":"tiny-qwen2","choices":[{"index":0,"delta":{"content":" key"},"logprobs":null,"finish_reason":null}]}"#,
    "\n\n"
);

struct Case {
    name: &'static str,
    pieces: Vec<Bytes>,
    events: usize,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    println!("{:<34} {:>12} {:>12} {:>12} {:>7}", "events per CPU-second", "ours", "ours+decode", "eventsource", "ratio");
    for case in cases() {
        let ours = best(&case, || Ok(parse(&case.pieces)?))?;
        let decoded = best(&case, || Ok(decode(&case.pieces)?))?;
        let theirs = best(&case, || runtime.block_on(eventsource(&case.pieces)))?;
        println!("{:<34} {ours:>12.0} {decoded:>12.0} {theirs:>12.0} {:>7.2}", case.name, ours / theirs);
    }
    Ok(())
}

fn cases() -> [Case; 3] {
    let many = 200_000;
    let mut long = b"data: \"".to_vec();
    long.resize(10 << 20, b'x');
    long.extend_from_slice(b"\"\n\n");
    [
        Case { name: "one event a read, 230 B", pieces: vec![Bytes::from_static(CHUNK.as_bytes()); many], events: many },
        Case { name: "32 events a read", pieces: vec![Bytes::from(CHUNK.repeat(32)); many / 32], events: many },
        Case {
            name: "one event of 10 MiB, reads of 16 KiB",
            pieces: long.chunks(16 << 10).map(Bytes::copy_from_slice).collect(),
            events: 1,
        },
    ]
}

/// Events per CPU-second of the fastest round; every round must find every event.
fn best(case: &Case, mut run: impl FnMut() -> Result<usize>) -> Result<f64> {
    let mut best = 0.0_f64;
    for _ in 0..ROUNDS {
        let start_s = cpu_s();
        let events = run()?;
        let took_s = cpu_s() - start_s;
        if events != case.events {
            return Err(format!("{}: {events} events instead of {}", case.name, case.events).into());
        }
        best = best.max(events as f64 / took_s);
    }
    Ok(best)
}

fn cpu_s() -> f64 {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
}

fn parse(pieces: &[Bytes]) -> std::result::Result<usize, dcudeck::openai::sse::TooLong> {
    let (mut parser, mut events) = (Parser::new(), 0);
    for piece in pieces {
        parser.push(piece, |event| {
            black_box(event.data);
            events += 1;
        })?;
    }
    Ok(events)
}

fn decode(pieces: &[Bytes]) -> std::result::Result<usize, dcudeck::openai::sse::TooLong> {
    let (mut parser, mut progress, mut events) = (Parser::new(), Progress::new(), 0);
    for piece in pieces {
        parser.push(piece, |event| {
            let _ = black_box(progress.take(event.data));
            events += 1;
        })?;
    }
    Ok(events)
}

/// Answers every request with the same pieces.
#[derive(Clone)]
struct Memory(Arc<[Bytes]>);

impl HttpTransport for Memory {
    fn request(&self, _: http::Request<Option<Bytes>>) -> ResponseFuture {
        let pieces = Arc::clone(&self.0);
        Box::pin(async move {
            let body: ByteStream = Box::pin(stream::iter((0..pieces.len()).filter_map(move |i| pieces.get(i).cloned()).map(Ok)));
            Ok(http::Response::new(body))
        })
    }
}

async fn eventsource(pieces: &[Bytes]) -> Result<usize> {
    let client = ClientBuilder::for_url("http://localhost/")
        .map_err(|e| e.to_string())?
        .reconnect(ReconnectOptions::reconnect(false).retry_initial(false).build())
        .build_with_transport(Memory(pieces.into()));
    let (mut stream, mut events) = (client.stream(), 0);
    while let Some(Ok(sse)) = stream.next().await {
        if let SSE::Event(event) = sse {
            black_box(&event.data);
            events += 1;
        }
    }
    Ok(events)
}
