//! The epoll loop: connections, dues, writes. One thread, no runtime, no allocation per token in the plain case.

mod requests;
mod writes;

use super::{
    Fault, Options,
    answer::Job,
    http, stamp,
    truth::{End, Record, Summary, Truth},
};
use crate::base::clock::Epoch;
use rustix::{
    event::epoll::{self, EventData, EventFlags},
    io::Errno,
    net::{SocketFlags, accept_with, sockopt},
    process::{Resource, getrlimit, setrlimit},
    time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create, timerfd_settime,
    },
};
use std::{cmp::Reverse, collections::BinaryHeap, fs::File, io, net::TcpListener, os::fd::OwnedFd};

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
pub(super) fn run(options: &Options, epoch: &Epoch, listener: &TcpListener, truth: Option<File>, stop: &OwnedFd) -> io::Result<Summary> {
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
        truth: Truth::new(options, epoch, truth)?,
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
}
