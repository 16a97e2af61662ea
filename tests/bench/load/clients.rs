//! Our client, and the floor: a raw client that only counts.

use crate::{
    PROMPT,
    figures::Seen,
    server::{process_cpu_us, thread_cpu_us},
};
use dcudeck::{
    base::clock::monotonic_us,
    bench::{
        self, Sink, Steering,
        live::{Fact, Snapshot},
        results::read,
        spec::Spec,
        summary::Summary,
    },
};
use rustix::event::epoll;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex},
};

/// What one of our runs is asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) users: usize,
    pub(crate) requests: usize,
    pub(crate) tokens: usize,
}

/// Our client: its summary, every arrival, and the CPU time of the process, µs.
pub(crate) fn own(url: &str, asked: Asked, ca: Option<&str>, sink: &Arc<dyn Sink>) -> (Summary, Vec<Seen>, u64) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let mut target = serde_json::json!({"url": url});
    if let Some(ca) = ca {
        target["ca_file"] = ca.into();
    }
    let spec: Spec = serde_json::from_value(serde_json::json!({
        "target": target, "load": {"concurrency": asked.users}, "requests": asked.requests,
        "prompts": {"random": {"input_len": PROMPT}}, "output_len": asked.tokens, "save_tokens": "all",
    }))
    .expect("a spec");
    let before = process_cpu_us();
    let summary: Summary = bench::run(&spec, dir.path(), sink, &Steering::default()).expect("runs");
    let cpu_us = process_cpu_us() - before;
    assert_eq!(summary.failed, 0, "{:?}", summary.error_examples);
    let name = dir.path().file_name().expect("named").to_string_lossy().into_owned();
    let mut seen = Vec::new();
    read(dir.path(), |header, record| {
        let mut at = record.sent_us.expect("sent") + header.epoch.mono_start_us;
        let sent = at;
        let chunks = record.chunks().filter_map(|(gap, tokens)| {
            at += gap;
            (tokens > 0).then_some(at)
        });
        seen.push(Seen { id: format!("{name}-{}", record.i), sent, chunks: chunks.collect() });
    })
    .expect("reads");
    (summary, seen, cpu_us)
}

/// What is noted with every snapshot. Snapshots come on the recorder's thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) in_flight: u32,
    pub(crate) done: u64,
    /// Resident memory, bytes.
    pub(crate) resident: u64,
    /// CPU time of the recorder's thread, µs.
    pub(crate) recorder_us: u64,
}

/// A watcher that notes a sample with every snapshot.
#[derive(Default)]
pub(crate) struct Watch(Mutex<Vec<Sample>>);

impl Watch {
    pub(crate) fn samples(&self) -> Vec<Sample> {
        self.0.lock().expect("lock").clone()
    }
}

impl Sink for Watch {
    fn snapshot(&self, snapshot: &Snapshot) {
        let sample = Sample { in_flight: snapshot.in_flight, done: snapshot.done, resident: resident(), recorder_us: thread_cpu_us() };
        self.0.lock().expect("lock").push(sample);
    }
    fn fact(&self, _: &Fact) {}
}

struct Unwatched;

impl Sink for Unwatched {
    fn snapshot(&self, _: &Snapshot) {}
    fn fact(&self, _: &Fact) {}
}

/// Nobody watches.
pub(crate) fn unwatched() -> Arc<dyn Sink> {
    Arc::new(Unwatched)
}

/// Resident memory of this process that no file backs, bytes.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("reads");
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

struct Raw {
    socket: TcpStream,
    seen: Option<Seen>,
}

/// The floor: sends, counts `data:`, stamps after each read.
pub(crate) fn raw(address: &str, asked: Asked) -> Vec<Seen> {
    let Asked { users, requests, tokens } = asked;
    let mut count = 0;
    let mut send = |raw: &mut Raw| {
        if count == requests {
            return;
        }
        let body = format!(
            r#"{{"model":"sim","prompt":{:?},"max_tokens":{tokens},"ignore_eos":true,"stream":true,"stream_options":{{"include_usage":true,"continuous_usage_stats":true}}}}"#,
            (0..PROMPT).map(|k| 300 + (count * 7 + k) % 700).collect::<Vec<_>>()
        );
        let request = format!(
            "POST /v1/completions HTTP/1.1\r\nhost: sim\r\nx-request-id: raw-{count}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        raw.seen = Some(Seen { id: format!("raw-{count}"), sent: monotonic_us(), chunks: Vec::with_capacity(tokens + 2) });
        raw.socket.write_all(request.as_bytes()).expect("writes");
        count += 1;
    };
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
    let mut raws: Vec<Raw> = (0..users)
        .map(|k| {
            let socket = TcpStream::connect(address).expect("connects");
            socket.set_nodelay(true).expect("option");
            epoll::add(&poll, &socket, epoll::EventData::new_u64(k as u64), epoll::EventFlags::IN).expect("registers");
            Raw { socket, seen: None }
        })
        .collect();
    raws.iter_mut().for_each(&mut send);
    let (mut done, mut buffer, mut events) = (Vec::new(), vec![0; 64 << 10], Vec::with_capacity(256));
    let mut counted = 0;
    while done.len() < requests {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None).expect("waits");
        for event in &events {
            let raw = &mut raws[usize::try_from(event.data.u64()).expect("small")];
            let n = raw.socket.read(&mut buffer).expect("reads");
            let now = monotonic_us();
            assert!(n > 0, "the server closed a connection");
            let bytes = &buffer[..n];
            counted += memchr::memmem::find_iter(bytes, b"data:").count();
            let seen = raw.seen.as_mut().expect("asked");
            if memchr::memmem::find(bytes, b"\"text\"").is_some() {
                seen.chunks.push(now);
            }
            if bytes.ends_with(b"0\r\n\r\n") {
                done.extend(raw.seen.take());
                send(raw);
            }
        }
    }
    assert!(counted >= requests * tokens, "{counted} events for {requests} requests");
    done
}
