//! The server's own figures: `/metrics` of vLLM (V0 and V1) and of the embedded engine, scraped on the run's time axis.
//!
//! A thread of its own asks each server once a second and never holds the run up: a server that does not answer is asked less and less
//! often, and told of once when it stops and once when it answers again.

mod follow;
mod page;
#[cfg(test)]
mod tests;

use self::{
    follow::{Follow, stands_still},
    page::Reading,
};
use super::{
    client::Message,
    live::{Event, Mark},
    results::ServerSetup,
    target::Access,
};
use crate::{
    base::{clean, clock},
    openai::client::{Client, ClientError, Patience},
};
use std::{
    sync::mpsc::Sender,
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
    time::{Instant, timeout_at},
};

/// How often a server is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How long it may take for an answer: the page of a busy API server waits behind its streams.
const WITHIN: Duration = Duration::from_secs(5);
/// How long the last page, after the last request, may take.
const LAST_WITHIN: Duration = Duration::from_secs(2);
/// Longest pause before a server that does not answer is asked again.
const BACK_OFF: Duration = Duration::from_secs(30);
/// How long a question outside a run may take.
const QUESTION: Duration = Duration::from_secs(5);

/// The thread that scrapes during a run.
pub(super) struct Scraper {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Starts to ask `servers` (base URLs), the n-th sample's `server` being its place in the list. Times count from `zero_us` of
/// `CLOCK_MONOTONIC`. Behind a router whose page holds several models' figures, only those of `models` count.
pub(super) fn start(servers: Vec<String>, models: Vec<String>, access: Access, zero_us: u64, messages: Sender<Message>) -> Scraper {
    let (stop, stopped) = watch::channel(false);
    let scrape = move || {
        // Without a runtime nothing is scraped; the run goes on.
        let Ok(runtime) = runtime() else { return };
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for (server, url) in (0..).zip(servers) {
                let (tell, stopped) = (messages.clone(), stopped.clone());
                let watcher = Watcher { follow: Follow::new(server), zero_us, models: models.clone(), tell, silent: false, well: false };
                let client = client(&url, &access, WITHIN);
                tasks.spawn(watcher.watch(client, stopped));
            }
            while tasks.join_next().await.is_some() {}
        });
    };
    let thread = thread::Builder::new().name("scrape".to_owned()).stack_size(512 << 10).spawn(scrape).ok();
    Scraper { stop, thread }
}

impl Scraper {
    /// Takes the last page, after the last request, and ends.
    pub(super) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.end();
    }
}

struct Watcher {
    follow: Follow,
    zero_us: u64,
    models: Vec<String>,
    tell: Sender<Message>,
    /// It is known not to answer, and that was told.
    silent: bool,
    /// It has answered.
    well: bool,
}

impl Watcher {
    async fn watch(mut self, client: Result<Client, ClientError>, mut stopped: watch::Receiver<bool>) {
        let client = match client {
            Ok(client) => client,
            Err(error) => return self.mark(self.now_us(), false, Some(&error.to_string())),
        };
        let (mut due, mut pause) = (Instant::now(), EVERY);
        loop {
            // A stop while the page is on its way gives it up: the last one is asked for at once.
            let answered = tokio::select! {
                answered = self.ask(&client, WITHIN) => answered,
                () = ended(&mut stopped) => break,
            };
            pause = match answered {
                Ok(()) => EVERY,
                // It has none, and will not get one during a run.
                Err(ClientError::Api(error)) if !self.well && matches!(error.status, 404 | 405) => return,
                Err(_) => (pause * 2).min(BACK_OFF),
            };
            due += pause;
            // Seconds that a slow page took are left out, not made up for.
            due = due.max(Instant::now());
            if timeout_at(due, ended(&mut stopped)).await.is_ok() {
                break;
            }
        }
        if !self.silent {
            let _ = self.ask(&client, LAST_WITHIN).await;
        }
    }

    /// Asks for one page and tells what it says.
    async fn ask(&mut self, client: &Client, within: Duration) -> Result<(), ClientError> {
        let at_us = self.now_us();
        let page = client.metrics(within).await;
        match page.as_deref().map(|text| Reading::of(text, &self.models)) {
            Ok(Some(reading)) => {
                if std::mem::take(&mut self.silent) {
                    self.mark(at_us, true, None);
                }
                self.well = true;
                let sample = self.follow.take(at_us, reading);
                let _ = self.tell.send(Message::Server(sample));
            }
            Ok(None) => self.fail(at_us, "its /metrics has none of the names known here"),
            Err(error) => self.fail(at_us, &error.to_string()),
        }
        page.map(drop)
    }

    fn fail(&mut self, at_us: u64, why: &str) {
        if !std::mem::replace(&mut self.silent, true) {
            self.mark(at_us, false, Some(why));
        }
    }

    fn mark(&self, at_us: u64, ok: bool, why: Option<&str>) {
        let what = Mark::Scrape { ok, why: why.map(|why| clean(why).into_owned()) };
        // A run that is over listens no more.
        let _ = self.tell.send(Message::Event(Event { at_us, what }));
    }

    fn now_us(&self) -> u64 {
        clock::monotonic_us().saturating_sub(self.zero_us)
    }
}

/// Waits for the stop.
async fn ended(stopped: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Reaches the server as the load does.
fn client(url: &str, access: &Access, within: Duration) -> Result<Client, ClientError> {
    let patience = Patience { connect: within, first_token: within, stall: within, question: within };
    Client::direct(url, access.key.clone(), patience, &access.trust, access.http2)
}

/// What the server at `url` is: which engine, which version. Blocks for at most some seconds; not to be called from async code.
pub(super) fn identify(url: &str, access: &Access) -> ServerSetup {
    let nothing = || ServerSetup { url: url.to_owned(), engine: None, version: None };
    let Ok(client) = client(url, access, QUESTION) else { return nothing() };
    let Ok(runtime) = runtime() else { return nothing() };
    let (page, version) = runtime.block_on(async { tokio::join!(client.metrics(QUESTION), client.version()) });
    let version = version.ok().map(|version| clean(&version).into_owned());
    let engine = engine(page.ok().as_deref(), version.as_deref());
    ServerSetup { engine: engine.map(str::to_owned), version, ..nothing() }
}

/// The engine, from its page and its version. Forks of vLLM carry other versions: V0 and V1 are told apart by what they export.
fn engine(page: Option<&str>, version: Option<&str>) -> Option<&'static str> {
    let reading = Reading::of(page?, &[])?;
    if version.is_some_and(|version| version.contains("dcudeck")) {
        return Some("dcudeck");
    }
    Some(if reading.v1 { "vllm-v1" } else { "vllm-v0" })
}

/// Looks whether servers are empty, between two load tests.
pub(super) struct Quiet {
    runtime: Option<Runtime>,
    servers: Vec<(Client, Option<(Instant, Reading)>)>,
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Look {
    /// Every server that says so has nothing to do.
    Empty,
    /// Requests running and waiting, of all servers.
    Busy { running: f64, waiting: f64 },
    /// No server says.
    Silent,
}

/// A server that says it is busy and has done nothing for this long is empty: its figures are old.
const STALE_AFTER: Duration = Duration::from_secs(5);

impl Quiet {
    /// Of the servers at these base URLs.
    pub(super) fn new(urls: &[String], access: &Access) -> Self {
        let client = |url: &String| Some((client(url, access, QUESTION).ok()?, None));
        Self { runtime: runtime().ok(), servers: urls.iter().filter_map(client).collect() }
    }

    /// Asks all servers once, waiting for them.
    pub(super) fn look(&mut self) -> Look {
        let Some(runtime) = &self.runtime else { return Look::Silent };
        let (mut running, mut waiting, mut said, mut stale) = (0.0, 0.0, false, true);
        for (client, since) in &mut self.servers {
            let page = runtime.block_on(client.metrics(QUESTION)).ok();
            let Some(now) = page.and_then(|page| Reading::of(&page, &[])) else { continue };
            let (Some(runs), waits) = (now.running, now.waiting.unwrap_or(0.0)) else { continue };
            said = true;
            match since {
                Some((since, before)) if stands_still(before, &now) => stale &= since.elapsed() >= STALE_AFTER,
                _ => {
                    *since = Some((Instant::now(), now));
                    stale &= runs + waits <= 0.0;
                }
            }
            running += runs;
            waiting += waits;
        }
        match said {
            false => Look::Silent,
            true if running + waiting <= 0.0 || stale => Look::Empty,
            true => Look::Busy { running, waiting },
        }
    }
}
