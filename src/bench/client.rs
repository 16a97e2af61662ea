//! The load client: HTTP/1.1 over its own sockets, on its own threads; for https and HTTP/2 the [`general`] one.
//!
//! Each thread has its own epoll, connections and read buffer, and shares with others only the queue of prepared requests and
//! counters that nobody waits for. One round of its loop reads every ready socket first, each read with its stamp, and looks
//! into what was read afterwards: parsing one stream never delays the stamp of another. The stamp is the kernel's receive stamp
//! where the socket gives one, else `CLOCK_MONOTONIC` right after the read. What happened goes to the recorder over a channel
//! that never blocks and wakes nobody: the recorder looks by itself.

mod conn;
mod dispatch;
mod general;
mod http;
mod orders;
mod queue;
mod socket;
mod stream;
mod template;
mod thread;

pub(super) use general::{Door, class_of};
pub(super) use http::whole_answer;
pub(super) use orders::{Order, Orders};
pub(super) use queue::{Prepared, Queue};
pub(super) use stream::failure;

use super::{
    live::{Event, Phase, ServerSample},
    record::{Class, Record},
    results::End,
    spec::Limits,
};
use crate::base::Secret;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

/// What the client tells the recorder.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the large one comes once a second, the small ones with every answer")]
pub(super) enum Message {
    /// A request ended, well or not.
    Finished(Box<Record>),
    /// Times seen since the last of these, of measured requests still under way too.
    Live {
        /// When this was told, µs since the run's start.
        at_us: u64,
        /// Times to first token, µs.
        ttft_us: Vec<u64>,
        /// Token-true inter-token latencies, µs, and how many tokens had each.
        itl_us: Vec<(u32, u32)>,
    },
    /// A second is over on one thread.
    Second {
        /// Which, from the run's start.
        second: u32,
        /// Output tokens that arrived in it.
        tokens: u64,
        /// Requests under way, summed over its µs.
        busy_us: u64,
        /// Lags of the thread's loop in it, from the kernel's stamp to the read: `(bin, count)` on the grid of `live::bin_of`.
        lag: Vec<(u16, u32)>,
    },
    /// Somebody steered, or something is to be marked on the time axis.
    Event(Event),
    /// A server's own figures.
    Server(ServerSample),
    /// What is asked now changed: users, rate, paused; requests held by the cap.
    Asking { users: Option<u32>, rate: Option<f64>, paused: bool, held: u32 },
    /// A phase began; from the run itself.
    Phase { at_us: u64, phase: Phase },
    /// The run is over; from the run itself, last.
    Over(End),
}

/// What all threads and whoever watches share. Only counters: nobody waits here.
pub(super) struct Shared {
    /// `CLOCK_MONOTONIC` µs of the run's start.
    pub(super) zero_us: u64,
    /// The addresses requests go to, by [`Prepared::to`].
    pub(super) to: Vec<SocketAddr>,
    /// For redaction.
    pub(super) key: Option<Secret>,
    pub(super) limits: Limits,
    /// Output tokens asked for: how long a stream's list of stamps will be.
    pub(super) expected: usize,
    pub(super) orders: Orders,
    pub(super) sent: AtomicU64,
    pub(super) ended: AtomicU64,
    pub(super) failed: AtomicU64,
    /// Turns that are not sent since their conversations failed.
    pub(super) skipped: AtomicU64,
    pub(super) tokens: AtomicU64,
    pub(super) coalesced: AtomicU64,
    pub(super) in_flight: AtomicU32,
    /// Connections open; `None`: reqwest, which does not tell when one ends.
    pub(super) connections: Option<AtomicU32>,
    pub(super) opened: AtomicU64,
    /// A socket would not stamp what it receives.
    pub(super) unstamped: AtomicBool,
    /// Reads without a kernel stamp: stamped by this process.
    pub(super) user_stamps: AtomicU64,
    /// More failures than allowed.
    pub(super) too_many_failures: AtomicBool,
}

impl Shared {
    pub(super) fn new(zero_us: u64, to: Vec<SocketAddr>, key: Option<Secret>, limits: Limits, expected: u32, orders: Orders) -> Self {
        Self {
            zero_us,
            to,
            key,
            limits,
            expected: expected as usize,
            orders,
            sent: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
            coalesced: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            connections: Some(AtomicU32::new(0)),
            opened: AtomicU64::new(0),
            unstamped: AtomicBool::new(false),
            user_stamps: AtomicU64::new(0),
            too_many_failures: AtomicBool::new(false),
        }
    }

    /// An address, for messages.
    pub(super) fn address(&self, to: u16) -> String {
        self.to.get(usize::from(to)).map_or_else(String::new, ToString::to_string)
    }

    /// Now, µs since the run's start.
    pub(super) fn now_us(&self) -> u64 {
        crate::base::clock::monotonic_us().saturating_sub(self.zero_us)
    }

    /// Counts a request that ended; looks at the share of failures from the 20th on.
    fn count_end(&self, class: Option<Class>) {
        if class == Some(Class::Stopped) {
            return;
        }
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        let failed = self.failed.fetch_add(u64::from(class.is_some()), Ordering::Relaxed) + u64::from(class.is_some());
        if ended >= 20 && failed as f64 * 100.0 > self.limits.max_error_rate_pct * ended as f64 {
            self.too_many_failures.store(true, Ordering::Relaxed);
            self.orders.give(Order::Stop);
        }
    }
}

/// One part of a run: the warm-up or the measured requests.
#[derive(Clone)]
pub(super) struct Part {
    /// Requests wait for users; else for their moments.
    pub(super) closed: bool,
    /// Most requests under way, of all threads together.
    pub(super) cap: Option<u32>,
    /// Where requests come from.
    pub(super) queue: Arc<Queue>,
    /// The part's start, µs since the run's start.
    pub(super) from_us: u64,
    /// Nothing is sent once so much of the part has passed, µs, pauses left out.
    pub(super) until_us: Option<u64>,
    pub(super) warmup: bool,
}

enum Task {
    /// Open this many connections and say when that is over.
    Connect(u32),
    Part(Part),
}

/// What a thread says when a task is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    /// CPU time the thread used for it, µs.
    pub(super) cpu_us: u64,
    /// Wall time, µs.
    pub(super) wall_us: u64,
    /// The time was over before the requests were.
    pub(super) by_time: bool,
}

/// What a thread runs.
enum Kind {
    Own(Box<thread::Thread>),
    General(Box<general::General>),
}

impl Kind {
    fn new(shared: Arc<Shared>, share: Share, messages: Sender<Message>, doors: Option<&[Door]>) -> io::Result<Self> {
        Ok(match doors {
            None => Self::Own(Box::new(thread::Thread::new(shared, share, messages)?)),
            Some(doors) => Self::General(Box::new(general::General::new(shared, share, messages, doors)?)),
        })
    }

    fn carry_out(&mut self, task: Task) -> io::Result<Outcome> {
        match (self, task) {
            (Self::Own(client), Task::Connect(count)) => client.connect(count),
            (Self::Own(client), Task::Part(part)) => client.part(&part),
            (Self::General(client), Task::Connect(count)) => Ok(client.connect(count)),
            (Self::General(client), Task::Part(part)) => Ok(client.part(&part)),
        }
    }
}

/// The client's threads. Dropping it ends them.
pub(super) struct Client {
    tasks: Vec<Sender<Task>>,
    outcomes: Receiver<io::Result<Outcome>>,
    threads: Vec<JoinHandle<()>>,
}

impl Client {
    /// Starts the threads; each has its share of users and connections. With `doors` (one per address) they go through the general
    /// client.
    pub(super) fn start(shared: &Arc<Shared>, messages: &Sender<Message>, doors: Option<&[Door]>) -> io::Result<Self> {
        let (outcome, outcomes) = channel();
        let (mut tasks, mut threads) = (Vec::new(), Vec::new());
        for index in 0..shared.orders.threads() {
            let (task, received) = channel();
            let share = Share { index, all: shared.orders.threads() };
            let (shared, messages, outcome, doors) = (Arc::clone(shared), messages.clone(), outcome.clone(), doors.map(<[Door]>::to_vec));
            tasks.push(task);
            threads.push(std::thread::Builder::new().name(format!("load-{index}")).spawn(move || {
                let mut client = match Kind::new(shared, share, messages, doors.as_deref()) {
                    Ok(client) => client,
                    Err(error) => {
                        let _ = outcome.send(Err(error));
                        return;
                    }
                };
                while let Ok(task) = received.recv() {
                    if outcome.send(client.carry_out(task)).is_err() {
                        break;
                    }
                }
                if let Kind::Own(client) = &mut client {
                    client.close();
                }
            })?);
        }
        Ok(Self { tasks, outcomes, threads })
    }

    /// Opens `count` connections, spread over the threads, and waits until they are open or have failed.
    pub(super) fn connect(&self, count: u32) -> io::Result<Vec<Outcome>> {
        self.all(|share| Task::Connect(share.of(count)))
    }

    /// Runs one part on all threads and waits for its end.
    pub(super) fn part(&self, part: &Part) -> io::Result<Vec<Outcome>> {
        self.all(|_| Task::Part(part.clone()))
    }

    fn all(&self, task: impl Fn(Share) -> Task) -> io::Result<Vec<Outcome>> {
        let gone = || io::Error::other("a client thread ended early");
        let all = u32::try_from(self.tasks.len()).unwrap_or(1);
        for (index, to) in (0..).zip(&self.tasks) {
            to.send(task(Share { index, all })).map_err(|_| gone())?;
        }
        self.tasks.iter().map(|_| self.outcomes.recv().map_err(|_| gone())?).collect()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.tasks.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// One thread's share.
#[derive(Debug, Clone, Copy)]
struct Share {
    index: u32,
    all: u32,
}

impl Share {
    const fn of(self, count: u32) -> u32 {
        count / self.all + if self.index < count % self.all { 1 } else { 0 }
    }
}
