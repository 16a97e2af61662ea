//! The epoll loop: connections, dues, writes. One thread, no runtime, no allocation per token in the plain case.

use super::{
    Fault, Options,
    answer::{Job, Refusal, rough_tokens, schedule},
    http::{self, Parsed},
    stamp,
    truth::{Arrival, End, Record, Stamp, Summary, Truth},
};
use crate::embedded::wire::{self, ModelCard, ModelList};
use rustix::{
    event::epoll::{self, EventData, EventFlags},
    io::Errno,
    net::{SendAncillaryBuffer, SendFlags, SocketFlags, accept_with, sendmsg, sockopt},
    process::{Resource, getrlimit, setrlimit},
    time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create, timerfd_settime,
    },
};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, IoSlice},
    net::TcpListener,
    os::fd::OwnedFd,
};

/// Unsent bytes beyond which a slow reader's stream pauses.
const MAX_UNSENT: usize = 1 << 20;

const LISTENER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
const STOP: u64 = u64::MAX - 2;

/// An answer under way.
struct Active {
    job: Job,
    record: Record,
    keep_alive: bool,
    /// `(events before, events after, ns since body_ns)`, the next one at `next`.
    writes: Vec<(usize, usize, u64)>,
    next: usize,
    body_ns: u64,
    fault: Option<Fault>,
}

struct Connection {
    socket: OwnedFd,
    number: u64,
    input: Vec<u8>,
    /// Stamps of the first byte in `input`: kernel's if any, ours.
    first: Option<(Option<u64>, u64)>,
    unsent: Vec<u8>,
    /// Waiting for EPOLLOUT.
    full: bool,
    /// Close once `unsent` is empty.
    closing: bool,
    continued: bool,
    active: Option<Active>,
}

struct Reactor<'a> {
    options: &'a Options,
    listener: &'a TcpListener,
    /// Descriptors ran out: nothing is accepted until a connection closes.
    paused: bool,
    epoll: OwnedFd,
    timer: OwnedFd,
    armed_ns: u64,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    accepted: u64,
    requests: u64,
    running: usize,
    dues: BinaryHeap<Reverse<(u64, usize, u64)>>,
    truth: Truth,
    prompt_tokens: u64,
    read_buffer: Vec<u8>,
    scratch: Vec<u8>,
}

/// Serves until `stop` is written to.
pub(super) fn run(options: &Options, listener: &TcpListener, truth: Option<File>, stop: &OwnedFd) -> io::Result<Summary> {
    let cpu_before = cpu_us();
    more_descriptors();
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
    epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    // Edge-triggered: an expired timer needs no read, setting it again re-arms it.
    epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
    epoll::add(&epoll, stop, EventData::new_u64(STOP), EventFlags::IN)?;
    let mut reactor = Reactor {
        options,
        listener,
        paused: false,
        epoll,
        timer,
        armed_ns: 0,
        connections: Vec::new(),
        free: Vec::new(),
        accepted: 0,
        requests: 0,
        running: 0,
        dues: BinaryHeap::new(),
        truth: Truth::new(options, truth)?,
        prompt_tokens: 0,
        read_buffer: vec![0; 64 << 10],
        scratch: Vec::new(),
    };
    reactor.serve()?;
    for slot in 0..reactor.connections.len() {
        reactor.drop_connection(slot, End::Stopped)?;
    }
    reactor.truth.finish(cpu_us().saturating_sub(cpu_before))
}

/// A connection is a descriptor: as many as the system allows, rather than the soft limit of often 1024.
fn more_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!("the limit of descriptors stays: {error}");
    }
}

/// CPU time of this thread, µs.
fn cpu_us() -> u64 {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1000
}

impl Reactor<'_> {
    fn serve(&mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(512);
        loop {
            let timeout = self.fire_dues()?;
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let epoll::Event { flags, data } = *event;
                match data.u64() {
                    STOP => return Ok(()),
                    LISTENER => self.accept()?,
                    TIMER => {}
                    slot => self.ready(usize::try_from(slot).unwrap_or(usize::MAX), flags)?,
                }
            }
        }
    }

    /// Writes all that is due; arms the timer for what comes next. The timeout is zero while writes are due.
    fn fire_dues(&mut self) -> io::Result<Option<Timespec>> {
        let mut fired = 0;
        while let Some(&Reverse((due_ns, slot, number))) = self.dues.peek() {
            let now = stamp::now_ns();
            if due_ns > now {
                if self.armed_ns != due_ns {
                    self.armed_ns = due_ns;
                    let value =
                        Timespec { tv_sec: (due_ns / 1_000_000_000).cast_signed(), tv_nsec: i64::from((due_ns % 1_000_000_000) as u32) };
                    let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
                    timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)?;
                }
                return Ok(None);
            }
            self.dues.pop();
            if self.connections.get(slot).and_then(Option::as_ref).is_some_and(|c| c.number == number) {
                self.write_due(slot, due_ns)?;
            }
            fired += 1;
            // New requests and closed connections are looked at between bursts.
            if fired == 256 {
                return Ok(Some(Timespec { tv_sec: 0, tv_nsec: 0 }));
            }
        }
        self.truth.flush()?;
        Ok(None)
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let socket = match accept_with(self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                // The client gave up.
                Err(Errno::CONNABORTED | Errno::INTR) => continue,
                // Descriptors ran out: the rest waits in the backlog.
                Err(Errno::MFILE | Errno::NFILE) => {
                    self.paused = true;
                    return Ok(epoll::delete(&self.epoll, self.listener)?);
                }
                Err(error) => return Err(error.into()),
            };
            sockopt::set_tcp_nodelay(&socket, true)?;
            let slot = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            epoll::add(&self.epoll, &socket, EventData::new_u64(slot as u64), EventFlags::IN | EventFlags::RDHUP)?;
            self.accepted += 1;
            let connection = Connection {
                socket,
                number: self.accepted,
                input: Vec::new(),
                first: None,
                unsent: Vec::new(),
                full: false,
                closing: false,
                continued: false,
                active: None,
            };
            if let Some(place) = self.connections.get_mut(slot) {
                *place = Some(connection);
            }
        }
    }

    fn ready(&mut self, slot: usize, flags: EventFlags) -> io::Result<()> {
        if flags.contains(EventFlags::OUT) {
            self.send(slot, &[])?;
        }
        if flags.intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
            loop {
                let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return Ok(()) };
                match stamp::read(&connection.socket, &mut self.read_buffer) {
                    Ok(read) if read.bytes > 0 => {
                        if connection.input.is_empty() {
                            connection.first = Some((read.kernel_ns, read.at_ns));
                        }
                        connection.input.extend_from_slice(self.read_buffer.get(..read.bytes).unwrap_or_default());
                        if connection.input.len() > http::MAX_REQUEST + (64 << 10) {
                            return self.drop_connection(slot, End::ClientGone);
                        }
                    }
                    Err(Errno::AGAIN) => break,
                    Err(Errno::INTR) => {}
                    // End of input: the client has gone, also while an answer is under way.
                    Ok(_) | Err(_) => return self.drop_connection(slot, End::ClientGone),
                }
            }
            self.take_requests(slot)?;
        }
        Ok(())
    }

    /// Answers what lies whole in the input, one request at a time.
    fn take_requests(&mut self, slot: usize) -> io::Result<()> {
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

    fn route(&mut self, slot: usize, head: &http::Head, body: &[u8], arrival: Arrival, headers_ns: u64) -> io::Result<()> {
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

    fn tokenize(&self, body: &[u8]) -> Vec<u8> {
        let text = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|body| Some(body.get("prompt")?.as_str()?.len()));
        let count = rough_tokens(text.unwrap_or(0));
        let tokens = (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
        serde_json::to_vec(&wire::Tokenized { count, max_model_len: self.options.max_model_len, tokens }).unwrap_or_default()
    }

    /// The few figures of vLLM's that mean something here.
    fn metrics(&self) -> String {
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

    fn begin(&mut self, slot: usize, job: Job, keep_alive: bool, arrival: Arrival, headers_ns: u64) {
        self.requests += 1;
        self.running += 1;
        self.prompt_tokens += job.prompt_tokens as u64;
        let number = self.requests;
        let body_ns = stamp::now_ns();
        let mut writes = schedule(self.options, &job, number);
        let fault = self.options.fail.filter(|fail| number.is_multiple_of(fail.every)).map(|fail| match fail.kind {
            Fault::ErrorInStream | Fault::Empty if !job.stream => Fault::Status500,
            kind => kind,
        });
        match fault {
            Some(Fault::Status500 | Fault::Empty) => writes.truncate(1),
            // Half of the writes as planned, then one more turn in which it goes wrong.
            Some(_) => writes.truncate(writes.len() / 2 + 1),
            None => {}
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

    /// The next write of this connection's answer.
    fn write_due(&mut self, slot: usize, due_ns: u64) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return Ok(()) };
        let Some(active) = &mut connection.active else { return Ok(()) };
        if connection.unsent.len() > MAX_UNSENT {
            // A reader this slow gets the rest when it has read; `send` puts the due back.
            return Ok(());
        }
        let Some(&(from, to, after)) = active.writes.get(active.next) else { return Ok(()) };
        if due_ns < active.body_ns + after {
            // A second due for a write that was already made, see `send`.
            return Ok(());
        }
        active.next += 1;
        let last = active.next == active.writes.len();
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let mut tokens = 0;
        let mut repeats = 0;
        match active.fault {
            Some(fault) if last => Job::fault(fault, active.next > 1, &mut scratch),
            _ => {
                tokens = active.job.tokens(from, to);
                if !active.job.stream {
                    scratch = active.job.whole(self.options);
                } else if active.job.all_middle(from, to) {
                    repeats = to - from;
                } else {
                    active.job.write(self.options, from, to, &mut scratch);
                }
            }
        }
        let now = stamp::now_ns();
        if tokens > 0 {
            active.record.writes.push((self.truth.us(now), tokens));
            self.truth.wrote(tokens, now.saturating_sub(due_ns));
        }
        if !last && let Some((.., after)) = active.writes.get(active.next) {
            self.dues.push(Reverse((active.body_ns + after, slot, connection.number)));
        }
        if repeats > 0 {
            // One iovec per event, all of the same bytes; long bursts go in several calls.
            while repeats > 0 {
                let n = repeats.min(512);
                self.send_middle(slot, n)?;
                repeats -= n;
            }
        } else {
            self.send(slot, &scratch)?;
        }
        self.scratch = scratch;
        Ok(())
    }

    fn send_middle(&mut self, slot: usize, repeats: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return Ok(()) };
        let Some(active) = &connection.active else { return Ok(()) };
        let middle = active.job.middle();
        let mut sent = 0;
        if connection.unsent.is_empty() {
            let slices = vec![IoSlice::new(middle); repeats];
            match sendmsg(&connection.socket, &slices, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL) {
                Ok(bytes) => sent = bytes,
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => return self.drop_connection(slot, End::ClientGone),
            }
        }
        if sent < repeats * middle.len() {
            let rest = middle.repeat(repeats).split_off(sent);
            return self.send(slot, &rest);
        }
        Ok(())
    }

    /// Sends what is unsent and then `bytes`; what the socket does not take waits for it to be writable.
    fn send(&mut self, slot: usize, bytes: &[u8]) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return Ok(()) };
        let queued = !connection.unsent.is_empty();
        if queued {
            connection.unsent.extend_from_slice(bytes);
        }
        let mut sent = 0;
        let left = if queued { &connection.unsent } else { bytes };
        while sent < left.len() {
            let rest = [IoSlice::new(left.get(sent..).unwrap_or_default())];
            match sendmsg(&connection.socket, &rest, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL) {
                Ok(n) => sent += n,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => return self.drop_connection(slot, End::ClientGone),
            }
        }
        if queued {
            connection.unsent.drain(..sent);
        } else {
            connection.unsent.extend_from_slice(bytes.get(sent..).unwrap_or_default());
        }
        let full = !connection.unsent.is_empty();
        if full != connection.full {
            connection.full = full;
            let mut interest = EventFlags::IN | EventFlags::RDHUP;
            interest.set(EventFlags::OUT, full);
            epoll::modify(&self.epoll, &connection.socket, EventData::new_u64(slot as u64), interest)?;
            if !full
                && let Some(active) = &connection.active
                && let Some((.., after)) = active.writes.get(active.next)
            {
                // It may have been passed over while the reader was slow; if it was not, the second due does nothing.
                self.dues.push(Reverse((active.body_ns + after, slot, connection.number)));
            }
        }
        if full {
            return Ok(());
        }
        match &connection.active {
            Some(active) if active.next == active.writes.len() => self.ended(slot),
            None if connection.closing => self.drop_connection(slot, End::Done),
            _ => Ok(()),
        }
    }

    /// The answer's last write has left.
    fn ended(&mut self, slot: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return Ok(()) };
        let Some(active) = &mut connection.active else { return Ok(()) };
        if active.fault == Some(Fault::Stall) {
            // Stays as it is until the client gives up.
            return Ok(());
        }
        active.record.end = if active.fault.is_some() { End::Fault } else { End::Done };
        let close = !active.keep_alive || active.fault == Some(Fault::Truncate);
        self.record(slot)?;
        if close {
            let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return Ok(()) };
            connection.closing = true;
            return self.send(slot, &[]);
        }
        self.take_requests(slot)
    }

    /// Writes the record of the answer under way, which is over.
    fn record(&mut self, slot: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return Ok(()) };
        let Some(mut active) = connection.active.take() else { return Ok(()) };
        active.record.end_us = self.truth.us(stamp::now_ns());
        self.running -= 1;
        self.truth.ended(&active.record)
    }

    fn drop_connection(&mut self, slot: usize, end: End) -> io::Result<()> {
        if let Some(active) = self.connections.get_mut(slot).and_then(Option::as_mut).and_then(|c| c.active.as_mut()) {
            active.record.end = end;
            self.record(slot)?;
        }
        if let Some(place) = self.connections.get_mut(slot)
            && place.take().is_some()
        {
            self.free.push(slot);
            if std::mem::take(&mut self.paused) {
                epoll::add(&self.epoll, self.listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
            }
        }
        Ok(())
    }
}
