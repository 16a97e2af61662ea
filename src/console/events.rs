//! What reaches the event loop, and the threads that bring it: input, signals, the log.

use super::{decode::Decoder, news::News};
use crate::base::log::Line as LogLine;
use crossterm::event::Event;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::SyncSender,
    },
    thread,
};
use tokio::signal::unix::{SignalKind, signal};

/// Messages that may wait; whoever sends more waits, only the log drops.
pub const CHANNEL: usize = 1024;
/// A sequence that is cut for longer than this was not one: ESC was the key. Well above the gaps of a slow link's packets.
const ESC_AFTER: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// What the event loop takes in.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a few a second, moved once: a box each would cost more")]
pub enum Msg {
    /// A key, a click, a paste.
    Input(Event),
    /// A signal.
    Signal(Signal),
    /// The terminal is gone.
    Hangup,
    /// News, not yet cleaned.
    News(News),
    /// A line of the log.
    Logged(LogLine),
}

/// Signals the console answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, SIGHUP, SIGINT, SIGQUIT: end.
    End,
    /// SIGTSTP: stop for a while.
    Suspend,
    /// SIGCONT: somebody had stopped us.
    Continue,
    /// SIGWINCH: the terminal has another size.
    Resize,
}

/// Reads the terminal on a thread of its own until it hangs up.
///
/// # Errors
/// When there can be no thread.
pub fn read_input(to: SyncSender<Msg>) -> io::Result<()> {
    thread::Builder::new().name("input".to_owned()).spawn(move || {
        let mut decoder = Decoder::default();
        let mut buffer = [0_u8; 4096];
        loop {
            let events = match next(&mut buffer, decoder.is_waiting()) {
                Read::Bytes(count) => decoder.feed(buffer.get(..count).unwrap_or_default()),
                Read::Nothing => decoder.give_up(),
                Read::Gone => {
                    let _ = to.send(Msg::Hangup);
                    return;
                }
            };
            for event in events {
                if to.send(Msg::Input(event)).is_err() {
                    return;
                }
            }
        }
    })?;
    Ok(())
}

enum Read {
    Bytes(usize),
    Nothing,
    Gone,
}

/// Waits for input, not long when a sequence has begun. End of file and any error mean that the terminal is gone: asking
/// again would spin.
fn next(buffer: &mut [u8], waiting: bool) -> Read {
    let stdin = rustix::stdio::stdin();
    loop {
        let limit = waiting.then_some(&ESC_AFTER);
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut fds, limit) {
            Ok(0) => return Read::Nothing,
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return Read::Gone,
        }
        match rustix::io::read(stdin, &mut *buffer) {
            Ok(0) => return Read::Gone,
            Ok(count) => return Read::Bytes(count),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return Read::Gone,
        }
    }
}

/// Catches signals on a thread of its own. `stop` is set by one that ends the console, so that a write to a stalled
/// terminal gives up.
///
/// # Errors
/// What the system says.
pub fn catch_signals(to: SyncSender<Msg>, stop: Arc<AtomicBool>) -> io::Result<()> {
    // SIGTSTP has no name in tokio; on every Linux it is 20, SIGCONT 18.
    let (tstp, cont) = (SignalKind::from_raw(20), SignalKind::from_raw(18));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut caught = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::quit())?,
            signal(tstp)?,
            signal(cont)?,
            signal(SignalKind::window_change())?,
        )
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                let signal = tokio::select! {
                    _ = caught.0.recv() => Signal::End,
                    _ = caught.1.recv() => Signal::End,
                    _ = caught.2.recv() => Signal::End,
                    _ = caught.3.recv() => Signal::End,
                    _ = caught.4.recv() => Signal::Suspend,
                    _ = caught.5.recv() => Signal::Continue,
                    _ = caught.6.recv() => Signal::Resize,
                };
                if signal == Signal::End {
                    stop.store(true, Ordering::SeqCst);
                }
                if to.send(Msg::Signal(signal)).is_err() {
                    return;
                }
            }
        });
    })?;
    Ok(())
}

/// Sends log lines on; when the console is too busy to take one, the file still has it.
pub fn log_sink(to: SyncSender<Msg>) -> impl Fn(LogLine) + Send + Sync + 'static {
    move |line| {
        let _ = to.try_send(Msg::Logged(line));
    }
}
