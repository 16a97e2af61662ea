//! The files of a result while the run goes.

use super::lines::Lines;
use crate::{
    base::{Problem, clock::Epoch},
    bench::{
        live::{Event, ServerSample},
        record::Record,
        results::{EVENTS, Header, LinesHeader, REQUESTS, SECONDS, SERVER},
        spec::SaveTokens,
        tokens::{ARRIVALS, Encoder, Head},
    },
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// More than a line of `requests.jsonl` has, the words of a failure among it.
const LINE_BYTES: usize = 16 << 10;

/// Finished requests and what is told once a second; each request's line only after its arrivals, so that no line lacks them.
pub(super) struct Files {
    dir: PathBuf,
    epoch: Epoch,
    requests: Lines,
    arrivals: Lines,
    seconds: Lines,
    events: Lines,
    /// Once a server was asked.
    server: Option<Lines>,
    encoder: Encoder,
    frame: Vec<u8>,
}

impl Files {
    /// Creates the files of `dir`, which holds none of them yet.
    pub(super) fn create(dir: &Path, header: &Header) -> Result<Self, Problem> {
        let lines = |name| Lines::create(dir.join(name));
        let mut files = Self {
            requests: lines(REQUESTS)?,
            arrivals: lines(ARRIVALS)?,
            seconds: lines(SECONDS)?,
            events: lines(EVENTS)?,
            server: None,
            dir: dir.to_path_buf(),
            epoch: header.epoch.clone(),
            encoder: Encoder::default(),
            frame: Vec::new(),
        };
        files.requests.lock();
        // The working file holds every arrival, whatever is kept in the end.
        let head = Head::new(&header.epoch, SaveTokens::All, 1).bytes();
        files.arrivals.bytes(&head.map_err(|e| super::lines::unwritable(dir, &e))?)?;
        files.requests.line(header)?;
        files.seconds.line(header)?;
        files.events.line(&files.header("dcudeck.bench.events/1"))?;
        files.flush()?;
        Ok(files)
    }

    fn header(&self, schema: &str) -> LinesHeader {
        LinesHeader { schema: schema.to_owned(), epoch: self.epoch.clone() }
    }

    pub(super) fn record(&mut self, record: &Record) -> Result<(), Problem> {
        self.frame.clear();
        self.encoder.frame(record, &mut self.frame);
        self.arrivals.bytes(&self.frame)?;
        if !self.requests.has_room(LINE_BYTES) {
            self.arrivals.flush()?;
            self.requests.flush()?;
        }
        self.requests.line(record)
    }

    /// The last line of the requests.
    pub(super) fn end(&mut self, line: &impl Serialize) -> Result<(), Problem> {
        self.requests.line(line)
    }

    pub(super) fn second(&mut self, line: &impl Serialize) -> Result<(), Problem> {
        self.seconds.line(line)
    }

    pub(super) fn event(&mut self, event: &Event) -> Result<(), Problem> {
        self.events.line(event)
    }

    pub(super) fn server(&mut self, sample: &ServerSample) -> Result<(), Problem> {
        let server = match &mut self.server {
            Some(server) => server,
            none => {
                let mut lines = Lines::create(self.dir.join(SERVER))?;
                let schema = "dcudeck.bench.server/1".to_owned();
                lines.line(&LinesHeader { schema, epoch: self.epoch.clone() })?;
                none.insert(lines)
            }
        };
        server.line(sample)
    }

    /// Arrivals first: see [`Files`].
    pub(super) fn flush(&mut self) -> Result<(), Problem> {
        self.arrivals.flush()?;
        self.requests.flush()?;
        self.seconds.flush()?;
        self.events.flush()?;
        self.server.as_mut().map_or(Ok(()), Lines::flush)
    }

    pub(super) fn sync(&mut self) -> Result<(), Problem> {
        self.arrivals.sync()?;
        self.requests.sync()?;
        self.seconds.sync()?;
        self.events.sync()?;
        self.server.as_mut().map_or(Ok(()), Lines::sync)
    }
}
