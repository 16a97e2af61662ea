//! Writes that are due, what a socket does not take, and the end of an answer.

use super::{
    super::{Fault, answer::Job, stamp, truth::End},
    LISTENER, MAX_UNSENT, Reactor,
};
use rustix::{
    event::epoll::{self, EventData, EventFlags},
    io::Errno,
    net::{SendAncillaryBuffer, SendFlags, sendmsg, sockopt},
};
use std::{
    cmp::Reverse,
    io::{self, IoSlice},
};

impl Reactor<'_> {
    /// The next write of this connection's answer.
    pub(super) fn write_due(&mut self, slot: usize, due_ns: u64) -> io::Result<()> {
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
            Some(fault) if last && !matches!(fault, Fault::NoDone | Fault::Short) => Job::fault(fault, active.next > 1, &mut scratch),
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

    pub(super) fn send_middle(&mut self, slot: usize, repeats: usize) -> io::Result<()> {
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
    pub(super) fn send(&mut self, slot: usize, bytes: &[u8]) -> io::Result<()> {
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
    pub(super) fn ended(&mut self, slot: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return Ok(()) };
        let Some(active) = &mut connection.active else { return Ok(()) };
        if matches!(active.fault, Some(Fault::Stall | Fault::SlowHeaders)) {
            // Stays as it is until the client gives up.
            return Ok(());
        }
        active.record.end = if active.fault.is_some() { End::Fault } else { End::Done };
        let reset = matches!(active.fault, Some(Fault::Refuse | Fault::Reset));
        let close = !active.keep_alive || reset || active.fault == Some(Fault::Truncate);
        if reset {
            // With no time to linger, closing sends a reset; where it is refused, an end is sent.
            let _ = sockopt::set_socket_linger(&connection.socket, Some(std::time::Duration::ZERO));
        }
        self.record(slot)?;
        if close {
            let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return Ok(()) };
            connection.closing = true;
            return self.send(slot, &[]);
        }
        self.take_requests(slot)
    }

    /// Writes the record of the answer under way, which is over.
    pub(super) fn record(&mut self, slot: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else { return Ok(()) };
        let Some(mut active) = connection.active.take() else { return Ok(()) };
        active.record.end_us = self.truth.us(stamp::now_ns());
        self.running -= 1;
        self.truth.ended(&active.record)
    }

    pub(super) fn drop_connection(&mut self, slot: usize, end: End) -> io::Result<()> {
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
