//! From bytes to requests, and the answers that need no schedule.

use super::{
    super::{
        Fault,
        answer::{Job, Refusal, rough_tokens, schedule},
        http::{self, Parsed},
        stamp,
        truth::{Arrival, End, Record, Stamp},
    },
    Active, Reactor,
};
use crate::embedded::wire::{self, ModelCard, ModelList};
use std::{cmp::Reverse, io};

impl Reactor<'_> {
    /// Answers what lies whole in the input, one request at a time.
    pub(super) fn take_requests(&mut self, slot: usize) -> io::Result<()> {
        loop {
            let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return Ok(()) };
            if connection.active.is_some() || connection.closing || connection.input.is_empty() {
                return Ok(());
            }
            let head = match http::parse(&connection.input) {
                Parsed::Partial => return Ok(()),
                Parsed::Bad(status) => {
                    connection.closing = true;
                    return self.send(slot, &http::answer(status, "text/plain; charset=utf-8", None, b"Invalid HTTP request received."));
                }
                Parsed::Head(head) => head,
            };
            let headers_ns = stamp::now_ns();
            if connection.input.len() < head.length + head.body {
                if head.waits && !connection.continued {
                    connection.continued = true;
                    return self.send(slot, b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                return Ok(());
            }
            connection.continued = false;
            let rest = connection.input.split_off(head.length + head.body);
            let request = std::mem::replace(&mut connection.input, rest);
            let (kernel_ns, read_ns) = connection.first.take().unwrap_or((None, headers_ns));
            // What is left came in the same read.
            connection.first = (!connection.input.is_empty()).then_some((kernel_ns, read_ns));
            let at_us = self.truth.us(kernel_ns.unwrap_or(read_ns));
            let by = if kernel_ns.is_some() { Stamp::Kernel } else { Stamp::User };
            let arrival = Arrival { at_us, by, read_us: self.truth.us(read_ns) };
            self.route(slot, &head, request.get(head.length..).unwrap_or_default(), arrival, headers_ns)?;
        }
    }

    pub(super) fn route(&mut self, slot: usize, head: &http::Head, body: &[u8], arrival: Arrival, headers_ns: u64) -> io::Result<()> {
        let json = |status, body: &[u8]| http::answer(status, "application/json", None, body);
        let reply = match (head.method.as_str(), head.path.as_str()) {
            ("POST", "/v1/chat/completions" | "/v1/completions") => {
                match Job::read(self.options, head.path.contains("chat"), head.id.as_deref(), body) {
                    Ok(job) => {
                        self.begin(slot, job, head.keep_alive, arrival, headers_ns);
                        return Ok(());
                    }
                    Err(Refusal { status, body }) => json(status, &body),
                }
            }
            ("POST", "/tokenize") => json(200, &self.tokenize(body)),
            ("GET", "/health" | "/ping") => http::answer(200, "", None, b""),
            ("GET", "/version") => json(200, format!("{{\"version\":\"{}\"}}", wire::VERSION).as_bytes()),
            ("GET", "/v1/models") => {
                let card = ModelCard::new(&self.options.model, &self.options.model, None, Some(self.options.max_model_len));
                json(200, &serde_json::to_vec(&ModelList { object: "list", data: vec![card] }).unwrap_or_default())
            }
            ("GET", "/metrics") => http::answer(200, "text/plain; version=0.0.4; charset=utf-8", None, self.metrics().as_bytes()),
            (_, "/v1/chat/completions" | "/v1/completions" | "/tokenize") => {
                http::answer(405, "application/json", Some("POST"), br#"{"detail":"Method Not Allowed"}"#)
            }
            (_, "/health" | "/ping" | "/version" | "/v1/models" | "/metrics") => {
                http::answer(405, "application/json", Some("GET"), br#"{"detail":"Method Not Allowed"}"#)
            }
            _ => json(404, br#"{"detail":"Not Found"}"#),
        };
        if let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) {
            connection.closing = !head.keep_alive;
        }
        self.send(slot, &reply)
    }

    pub(super) fn tokenize(&self, body: &[u8]) -> Vec<u8> {
        let text = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|body| Some(body.get("prompt")?.as_str()?.len()));
        let count = rough_tokens(text.unwrap_or(0));
        let tokens = (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
        serde_json::to_vec(&wire::Tokenized { count, max_model_len: self.options.max_model_len, tokens }).unwrap_or_default()
    }

    /// The few figures of vLLM's that mean something here.
    pub(super) fn metrics(&self) -> String {
        let model = &self.options.model;
        let mut out = String::new();
        for (name, kind, value) in [
            ("num_requests_running", "gauge", self.running as u64),
            ("num_requests_waiting", "gauge", 0),
            ("prompt_tokens_total", "counter", self.prompt_tokens),
            ("generation_tokens_total", "counter", self.truth.summary.tokens),
        ] {
            out.push_str(&format!("# TYPE vllm:{name} {kind}\nvllm:{name}{{model_name={model:?}}} {value}.0\n"));
        }
        out
    }

    pub(super) fn begin(&mut self, slot: usize, mut job: Job, keep_alive: bool, arrival: Arrival, headers_ns: u64) {
        self.requests += 1;
        self.running += 1;
        self.prompt_tokens += job.prompt_tokens as u64;
        let number = self.requests;
        let body_ns = stamp::now_ns();
        let fault = self.options.fail.filter(|fail| number.is_multiple_of(fail.every)).map(|fail| match fail.kind {
            Fault::ErrorInStream | Fault::Empty | Fault::Garbage if !job.stream => Fault::Status500,
            kind => kind,
        });
        if let Some(fault) = fault {
            job.spoil(fault);
        }
        let mut writes = schedule(self.options, &job, number);
        match fault {
            Some(Fault::Status500 | Fault::Status429 | Fault::Empty | Fault::Refuse | Fault::SlowHeaders) => writes.truncate(1),
            Some(Fault::NoDone | Fault::Short) | None => {}
            // Half of the writes as planned, then one more turn in which it goes wrong.
            Some(_) => writes.truncate(writes.len() / 2 + 1),
        }
        let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return };
        let record = Record {
            id: job.id.clone(),
            number,
            connection: connection.number,
            arrival,
            headers_us: self.truth.us(headers_ns),
            body_us: self.truth.us(body_ns),
            prompt_tokens: job.prompt_tokens,
            max_tokens: job.max_tokens,
            stream: job.stream,
            writes: Vec::with_capacity(writes.len()),
            end: End::Done,
            fault,
            end_us: 0,
        };
        if let Some((.., after)) = writes.first() {
            self.dues.push(Reverse((body_ns + after, slot, connection.number)));
        }
        connection.active = Some(Active { job, record, keep_alive, writes, next: 0, body_ns, fault });
    }
}
