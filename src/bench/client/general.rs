//! The general client: through reqwest, for servers the own client does not speak to (https, HTTP/2). Its stamps are taken in this
//! process, after TLS and HTTP were undone, so they are wider than the kernel's; results say so (`setup.client`, `setup.protocol`,
//! `setup.stamps`).
//!
//! One thread with a runtime of its own does what a thread of the own client does: the same requests, due at the same moments, told
//! to the same recorder. A request counts as sent when its connection is there and takes the body: neither connecting nor the
//! handshake is the server's time to first token.

mod alarm;
mod door;
mod lines;

pub(in crate::bench) use door::{Door, class_of};

use super::{
    Message, Order, Outcome, Part, Prepared, Share, Shared,
    conn::verdict,
    dispatch::{Dispatch, Due, LONGEST_WAIT_US},
    failure,
    http::{Framing, Head},
    stream::Arrivals,
    thread::Watch,
};
use crate::{
    bench::{
        record::{Class, Record},
        spec::Limits,
    },
    openai::sse,
};
use alarm::Alarm;
use futures_util::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use lines::Lines;
use std::{
    cell::{Cell, RefCell},
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
    time::Duration,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Notify, watch},
    task::yield_now,
    time::timeout,
};

/// The recorder is told of live times this often at most, µs.
const TELL_EVERY_US: u64 = 100_000;
/// After `[DONE]` the end of the body is awaited this long.
const AFTER_DONE_US: u64 = 1_000_000;
/// Most bytes of a body kept that is no event stream.
const MAX_PLAIN_BYTES: usize = 64 << 10;

/// One thread of the general client.
pub(super) struct General {
    runtime: Runtime,
    shared: Arc<Shared>,
    share: Share,
    messages: Sender<Message>,
    /// By [`Prepared::to`].
    lines: Vec<Lines>,
    alarm: Alarm,
    live: RefCell<Live>,
    in_flight: Cell<u32>,
}

/// What is told to the recorder while requests are under way.
#[derive(Default)]
struct Live {
    ttft_us: Vec<u64>,
    itl_us: Vec<(u32, u32)>,
    told_us: u64,
    second: u32,
    tokens: u64,
    busy_us: u64,
    counted_until_us: u64,
}

/// A request under way.
struct Flight {
    request: Prepared,
    planned_us: u64,
    started_us: u64,
    sent: Arc<Sent>,
    head: RefCell<Option<Head>>,
    arrivals: RefCell<Arrivals>,
    heard_us: Cell<u64>,
    done_us: Cell<Option<u64>>,
}

/// What the connection that takes a request tells of it.
#[derive(Default)]
struct Sent {
    /// When the connection took the body, µs since the run's start; 0: not yet.
    at_us: AtomicU64,
    /// Word that another limit holds from now on: it was sent, its first token came, all of it came.
    turned: Notify,
}

impl Flight {
    fn sent_us(&self) -> Option<u64> {
        Some(self.sent.at_us.load(Ordering::Relaxed)).filter(|&at| at > 0)
    }

    /// When the limit that holds now is passed, µs since the run's start; until it is sent, connecting has a limit of its own.
    fn deadline_us(&self, limits: Limits) -> Option<u64> {
        if let Some(done_us) = self.done_us.get() {
            return Some(done_us.saturating_add(AFTER_DONE_US));
        }
        let sent_us = self.sent_us()?;
        let (since_us, within_s) =
            if self.arrivals.borrow().started() { (self.heard_us.get(), limits.stall_s) } else { (sent_us, limits.first_token_s) };
        Some(since_us.saturating_add(u64::try_from(Duration::from_secs_f64(within_s).as_micros()).unwrap_or(u64::MAX)))
    }
}

/// A request that ended.
struct Landed {
    flight: Flight,
    end_us: u64,
    error: Option<(Class, String)>,
}

impl General {
    pub(super) fn new(shared: Arc<Shared>, share: Share, messages: Sender<Message>, doors: &[Door]) -> io::Result<Self> {
        let lines = doors.iter().map(|door| Lines::new(door.clone(), &shared).map_err(io::Error::other)).collect::<io::Result<_>>()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let alarm = {
            let _inside = runtime.enter();
            Alarm::new(&shared.orders, share)?
        };
        Ok(Self { runtime, shared, share, messages, lines, alarm, live: RefCell::default(), in_flight: Cell::new(0) })
    }

    /// Opens the connections of `streams` requests under way at once, shared out among the addresses, or gives up when the run is stopped.
    pub(super) fn connect(&self, streams: u32) -> Outcome {
        let watch = Watch::start();
        let all = u32::try_from(self.lines.len()).unwrap_or(1).max(1);
        let opening = (0..).zip(&self.lines).map(|(index, lines)| lines.connect(Share { index, all }.of(streams)));
        let stopped = async {
            while self.shared.orders.now() < Order::Stop {
                self.alarm.wait(u64::MAX >> 1).await;
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                _ = join_all(opening) => {}
                () = stopped => {}
            }
        });
        watch.stop()
    }

    /// Runs one part: sends what is due until there is no more, awaits what is under way.
    pub(super) fn part(&self, part: &Part) -> Outcome {
        let watch = Watch::start();
        self.live.borrow_mut().counted_until_us = self.shared.now_us();
        let mut dispatch = Dispatch::new(&self.shared, part, self.share);
        self.runtime.block_on(self.drive(&mut dispatch, part.warmup));
        self.tell(true, &dispatch);
        Outcome { by_time: dispatch.by_time, ..watch.stop() }
    }

    async fn drive(&self, dispatch: &mut Dispatch, warmup: bool) {
        let (stop, stopped) = watch::channel(false);
        let mut flights = FuturesUnordered::new();
        loop {
            if self.shared.orders.now() == Order::Stop {
                let _ = stop.send(true);
            }
            let wait_us = loop {
                let now_us = self.shared.now_us();
                match dispatch.next(now_us) {
                    Due::Over => break None,
                    Due::Wait(us) => break Some(us),
                    Due::Send { request, planned_us } => {
                        self.count_busy(now_us);
                        self.in_flight.set(self.in_flight.get() + 1);
                        if !warmup {
                            self.shared.sent.fetch_add(1, Ordering::Relaxed);
                        }
                        flights.push(self.fly(request, planned_us, now_us, warmup, stopped.clone()));
                    }
                }
            };
            if wait_us.is_none() && flights.is_empty() {
                return;
            }
            // A planned moment: the load is what waits here, not the code for something to have happened.
            let until_us = crate::base::clock::monotonic_us() + wait_us.unwrap_or(LONGEST_WAIT_US);
            tokio::select! {
                Some(landed) = flights.next(), if !flights.is_empty() => {
                    self.land(landed, dispatch, warmup);
                    // The task of its connection has to run before the connection counts as idle: the next request would open another.
                    yield_now().await;
                }
                () = self.alarm.wait(until_us) => {}
            }
            self.tell(false, dispatch);
        }
    }

    /// One request from its sending to its end.
    async fn fly(&self, request: Prepared, planned_us: u64, started_us: u64, warmup: bool, mut stopped: watch::Receiver<bool>) -> Landed {
        let flight = Flight {
            request,
            planned_us,
            started_us,
            sent: Arc::default(),
            head: RefCell::default(),
            arrivals: RefCell::default(),
            heard_us: Cell::new(started_us),
            done_us: Cell::new(None),
        };
        let error = tokio::select! {
            biased;
            error = self.stream(&flight, warmup) => error,
            _ = stopped.wait_for(|stop| *stop) => Some((Class::Stopped, "the run was stopped".to_owned())),
            error = self.limits(&flight) => error,
        };
        let end_us = flight.done_us.get().filter(|_| error.is_none()).unwrap_or_else(|| self.shared.now_us());
        Landed { flight, end_us, error }
    }

    /// Sends the request and reads its answer; what is wrong with it, if anything.
    async fn stream(&self, flight: &Flight, warmup: bool) -> Option<(Class, String)> {
        let unsendable = |why: &str| Some((Class::Protocol, why.to_owned()));
        let Some(lines) = self.lines.get(usize::from(flight.request.to)) else { return unsendable("the request has no address") };
        let line = match lines.take() {
            Ok(line) => line,
            Err(why) => return unsendable(&why),
        };
        let asked = lines.door.take_apart(line.client(), &flight.request.bytes);
        let Some((request, body)) = asked else { return unsendable("the request cannot be sent") };
        let (sent, zero_us) = (Arc::clone(&flight.sent), self.shared.zero_us);
        let body = futures_util::stream::once(async move {
            sent.at_us.store(crate::base::clock::monotonic_us().saturating_sub(zero_us), Ordering::Relaxed);
            sent.turned.notify_one();
            Ok::<_, io::Error>(body)
        });
        let mut response = match request.body(reqwest::Body::wrap_stream(body)).send().await {
            Ok(response) => response,
            Err(error) => return Some(class_of(&error, false)),
        };
        let sent_us = flight.sent_us().unwrap_or(flight.started_us);
        flight.heard_us.set(self.shared.now_us());
        flight.arrivals.borrow_mut().begin(sent_us, self.shared.expected);
        let kind = response.headers().get(http::header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
        let events = kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"));
        let status = response.status().as_u16();
        let head = || Head { status, events, keep_alive: true, framing: Framing::Close };
        flight.head.replace(Some(head()));
        let (mut parser, mut plain) = (sse::Parser::new(), Vec::new());
        loop {
            let cut = match response.chunk().await {
                Ok(Some(bytes)) => {
                    let at_us = self.shared.now_us();
                    flight.heard_us.set(at_us);
                    self.shared.user_stamps.fetch_add(1, Ordering::Relaxed);
                    if status == 200 && events {
                        let before = flight.arrivals.borrow().started();
                        if let Err(error) = parser.push(&bytes, |event| self.event(flight, event.data, (sent_us, at_us), warmup)) {
                            return Some((Class::Protocol, error.to_string()));
                        }
                        if flight.done_us.get().is_none() && flight.arrivals.borrow().done() {
                            flight.done_us.set(Some(at_us));
                            flight.sent.turned.notify_one();
                        } else if !before && flight.arrivals.borrow().started() {
                            flight.sent.turned.notify_one();
                        }
                    } else {
                        let room = MAX_PLAIN_BYTES.saturating_sub(plain.len()).min(bytes.len());
                        plain.extend_from_slice(bytes.get(..room).unwrap_or_default());
                    }
                    continue;
                }
                Ok(None) => None,
                Err(error) => Some(format!("the connection broke ({})", class_of(&error, true).1)),
            };
            return verdict(&head(), &plain, &flight.arrivals.borrow(), cut.as_deref(), flight.request.asked);
        }
    }

    /// One event of an answer.
    fn event(&self, flight: &Flight, data: &str, (sent_us, at_us): (u64, u64), warmup: bool) {
        let Some(brought) = flight.arrivals.borrow_mut().event(data, at_us) else { return };
        let mut live = self.live.borrow_mut();
        live.tokens += u64::from(brought.tokens);
        if warmup {
            return;
        }
        self.shared.tokens.fetch_add(u64::from(brought.tokens), Ordering::Relaxed);
        match brought.gap_us {
            None => live.ttft_us.push(at_us.saturating_sub(sent_us)),
            Some(gap) if gap > 0 && brought.tokens > 0 => {
                live.itl_us.push((u32::try_from(gap / u64::from(brought.tokens)).unwrap_or(u32::MAX), brought.tokens));
            }
            Some(_) => {}
        }
    }

    /// Ends when a limit has passed, or with `None` when only the body's end is missing after `[DONE]`.
    async fn limits(&self, flight: &Flight) -> Option<(Class, String)> {
        let limits = self.shared.limits;
        loop {
            let now_us = self.shared.now_us();
            let Some(deadline_us) = flight.deadline_us(limits) else {
                flight.sent.turned.notified().await;
                continue;
            };
            if now_us < deadline_us {
                // A chunk moves the deadline of a stall without a word: it is looked at again when it would have passed.
                let _ = timeout(Duration::from_micros(deadline_us - now_us), flight.sent.turned.notified()).await;
                continue;
            }
            let arrivals = flight.arrivals.borrow();
            return if flight.done_us.get().is_some() {
                arrivals.verdict(None, flight.request.asked)
            } else if arrivals.started() {
                let tokens = arrivals.counted();
                Some((Class::TimeoutStall, format!("nothing more within {} s, after {tokens} tokens", limits.stall_s)))
            } else {
                Some((Class::TimeoutFirstToken, format!("no token within {} s", limits.first_token_s)))
            };
        }
    }

    /// A request is over: tell the recorder, free its user.
    fn land(&self, landed: Landed, dispatch: &mut Dispatch, warmup: bool) {
        let Landed { mut flight, end_us, error } = landed;
        self.count_busy(self.shared.now_us());
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
        let then = flight.request.then.take();
        if error.is_some() {
            let turns = std::iter::successors(then.as_deref(), |turn| turn.then.as_deref()).count();
            self.shared.skipped.fetch_add(turns as u64, Ordering::Relaxed);
        }
        dispatch.ended(end_us, then.filter(|_| error.is_none()));
        self.shared.count_end(error.as_ref().map(|(class, _)| *class));
        let arrivals = flight.arrivals.take();
        self.shared.coalesced.fetch_add(u64::from(arrivals.coalesced()), Ordering::Relaxed);
        let mut record = Record {
            i: flight.request.i,
            warmup,
            route: flight.request.route,
            turn: flight.request.turn,
            planned_us: flight.planned_us,
            started_us: flight.started_us,
            sent_us: flight.sent_us(),
            status: flight.head.borrow().as_ref().map(|head| head.status),
            end_us,
            error: error.map(|(class, message)| failure(class, &message, self.shared.key.as_ref())),
            ..Record::default()
        };
        arrivals.into_record(&mut record);
        // A recorder that is gone has said why; the run ends by itself.
        let _ = self.messages.send(Message::Finished(Box::new(record)));
    }

    /// Adds the time since the last change to the requests under way, second by second.
    fn count_busy(&self, now_us: u64) {
        let mut live = self.live.borrow_mut();
        while live.counted_until_us < now_us {
            let second = live.counted_until_us / 1_000_000;
            if second != u64::from(live.second) {
                self.close_second(&mut live, u32::try_from(second).unwrap_or(u32::MAX));
            }
            let until = now_us.min((second + 1) * 1_000_000);
            live.busy_us += u64::from(self.in_flight.get()) * (until - live.counted_until_us);
            live.counted_until_us = until;
        }
    }

    fn close_second(&self, live: &mut Live, next: u32) {
        let over = Message::Second { second: live.second, tokens: live.tokens, busy_us: live.busy_us, lag: Vec::new() };
        (live.second, live.tokens, live.busy_us) = (next, 0, 0);
        let _ = self.messages.send(over);
    }

    /// Tells the recorder what has gathered.
    fn tell(&self, all: bool, dispatch: &Dispatch) {
        let now_us = self.shared.now_us();
        self.count_busy(now_us);
        let mut live = self.live.borrow_mut();
        if all && (live.tokens > 0 || live.busy_us > 0) {
            let second = live.second;
            self.close_second(&mut live, second);
        }
        if !all && now_us.saturating_sub(live.told_us) < TELL_EVERY_US {
            return;
        }
        live.told_us = now_us;
        if self.share.index == 0 && dispatch.capped() && self.shared.orders.set_held(if all { 0 } else { dispatch.held(now_us) }) {
            let _ = self.messages.send(self.shared.orders.asking());
        }
        if !live.itl_us.is_empty() || !live.ttft_us.is_empty() {
            let (ttft_us, itl_us) = (std::mem::take(&mut live.ttft_us), std::mem::take(&mut live.itl_us));
            let _ = self.messages.send(Message::Live { at_us: now_us, ttft_us, itl_us });
        }
    }
}
