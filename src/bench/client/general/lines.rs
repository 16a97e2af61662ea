//! The connections to one server: with HTTP/1.1 one a stream, which reqwest keeps by itself; with HTTP/2 a client each, since one client
//! has one connection, and a server lets no more than so many streams share it: what is beyond would wait unseen.

use super::door::Door;
use crate::bench::client::Shared;
use futures_util::future::join_all;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Most streams put on one connection: what HTTP/2 wants every server to allow at least (RFC 9113, 6.5.2).
const STREAMS: u32 = 100;

/// The connections to one server.
pub(super) struct Lines {
    pub(super) door: Door,
    shared: Arc<Shared>,
    lines: RefCell<Vec<Line>>,
}

/// With HTTP/2 one connection; with HTTP/1.1 all of them.
#[derive(Clone)]
struct Line {
    client: reqwest::Client,
    streams: Rc<Cell<u32>>,
}

/// A place on a line, given back when dropped.
pub(super) struct Taken(Line);

impl Taken {
    pub(super) const fn client(&self) -> &reqwest::Client {
        &self.0.client
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get().saturating_sub(1));
    }
}

impl Lines {
    pub(super) fn new(door: Door, shared: &Arc<Shared>) -> Result<Self, String> {
        let lines = Self { door, shared: Arc::clone(shared), lines: RefCell::default() };
        let first = lines.line()?;
        lines.lines.borrow_mut().push(first);
        Ok(lines)
    }

    fn line(&self) -> Result<Line, String> {
        let shared = Arc::clone(&self.shared);
        let opened = move || {
            shared.opened.fetch_add(1, Ordering::Relaxed);
        };
        let client = self.door.client(Duration::from_secs_f64(self.shared.limits.connect_s), opened)?;
        Ok(Line { client, streams: Rc::default() })
    }

    /// A place on the line with the fewest streams; on a new one, where all are full.
    pub(super) fn take(&self) -> Result<Taken, String> {
        let mut lines = self.lines.borrow_mut();
        let free =
            lines.iter().filter(|line| !self.door.http2() || line.streams.get() < STREAMS).min_by_key(|line| line.streams.get()).cloned();
        let line = match free {
            Some(line) => line,
            None => {
                let line = self.line()?;
                lines.push(line.clone());
                line
            }
        };
        line.streams.set(line.streams.get() + 1);
        Ok(Taken(line))
    }

    /// Opens the connections that so many streams need, all at once, and waits until each has answered or failed: no request of the load
    /// then waits for a handshake.
    pub(super) async fn connect(&self, streams: u32) {
        let wanted: Vec<_> = (0..streams).map_while(|_| self.take().ok()).collect();
        // Requests on an idle line of HTTP/1.1 that begin together each open a connection of their own; on a line of HTTP/2 one is enough.
        let mut lines: Vec<&Taken> = wanted.iter().collect();
        if self.door.http2() {
            lines.sort_by_key(|taken| Rc::as_ptr(&taken.0.streams));
            lines.dedup_by_key(|taken| Rc::as_ptr(&taken.0.streams));
        }
        join_all(lines.into_iter().map(|taken| self.knock(taken.client()))).await;
    }

    /// Whatever comes of it: a request opens what is missing, and says why it cannot.
    async fn knock(&self, client: &reqwest::Client) {
        let Some((question, body)) = self.door.take_apart(client, self.door.knock()) else { return };
        let within = Duration::from_secs_f64(self.shared.limits.connect_s);
        // Read to its end, the answer leaves the connection open.
        let asked = async { question.body(body).send().await?.bytes().await };
        let _ = tokio::time::timeout(within, asked).await;
    }
}
