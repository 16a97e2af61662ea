//! The worker's end: whatever a face does, slow, gone or garbled, the work neither waits nor stops.

use super::{
    Ask, Frame, KEPT_FACT_BYTES, KEPT_FACTS, MAX_FRAME_BYTES, PROTOCOL, SOCKET,
    wire::{Folder, Line, one_line, read_line},
};
use rustix::net::Shutdown;
use serde::Serialize;
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{self, BufReader, BufWriter, Write as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a new connection may take to say hello.
const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// How long [`Publisher::bye`] waits for watchers to take what is queued.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);
/// Connections at once; one more is refused.
const MAX_CONNECTIONS: usize = 64;
/// Commands waiting for the worker before a face has to wait.
const COMMANDS_QUEUED: usize = 256;

/// Publishes a worker's state on its control socket. Clones share one socket; when the last is dropped, faces are told.
#[derive(Clone)]
pub struct Publisher(Arc<Owner>);

struct Owner {
    shared: Arc<Shared>,
    listener: Arc<UnixListener>,
    folder: Folder,
}

struct Shared {
    hello: Vec<u8>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The newest snapshot's line and how many there have been.
    snapshot: Option<Arc<[u8]>>,
    snapshots: u64,
    /// Lines of kept facts; `None` for one too long to send. The first has number `first_fact`.
    facts: VecDeque<Option<Arc<[u8]>>>,
    first_fact: u64,
    fact_bytes: usize,
    connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    closing: bool,
}

struct Connection {
    stream: UnixStream,
    /// It has said hello.
    watching: bool,
    /// Its reader saw the end.
    ended: bool,
    /// What its writer says last.
    refusal: Option<String>,
}

impl Publisher {
    /// Listens on `job_dir/control.sock`, mode 0600, and returns the publisher and the commands of all faces. A socket left by
    /// a dead worker is replaced. `kind` and `id` are told to faces.
    ///
    /// # Errors
    /// `AddrInUse` when a live worker listens there, else what the system says.
    pub fn bind(job_dir: &Path, kind: &str, id: &str) -> io::Result<(Self, Receiver<Box<RawValue>>)> {
        let folder = Folder::open(job_dir)?;
        let socket = folder.path(SOCKET);
        if UnixStream::connect(&socket).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another worker listens on this job's control socket"));
        }
        // Made under another name and renamed, so that the socket is never there with a wider mode, and a stale one is replaced at once.
        let fresh = folder.path(&format!(".{SOCKET}.{}.tmp", std::process::id()));
        let _ = fs::remove_file(&fresh);
        let listener = Arc::new(UnixListener::bind(&fresh)?);
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
        fs::rename(&fresh, &socket)?;

        let hello =
            Frame::Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned(), kind: kind.to_owned(), id: id.to_owned() };
        let shared = Arc::new(Shared { hello: line(&hello)?, state: Mutex::default(), changed: Condvar::new() });
        let (commands, received) = sync_channel(COMMANDS_QUEUED);
        let publisher = Self(Arc::new(Owner { shared: Arc::clone(&shared), listener: Arc::clone(&listener), folder }));
        thread::Builder::new().name("control".to_owned()).spawn(move || accept(&listener, &shared, &commands))?;
        Ok((publisher, received))
    }

    /// Publishes the newest state. A watcher that has not yet been sent the last one never gets it.
    pub fn snapshot(&self, body: &impl Serialize) {
        let Some(frame) = body_line("{\"frame\":\"snapshot\",\"body\":", body) else { return };
        let mut state = self.0.shared.lock();
        state.snapshot = Some(frame.into());
        state.snapshots += 1;
        drop(state);
        self.0.shared.changed.notify_all();
    }

    /// Publishes something that happened once. Facts reach every watcher in order; what falls out of the bound is counted.
    pub fn fact(&self, body: &impl Serialize) {
        let body = one_line(body).ok();
        let mut state = self.0.shared.lock();
        let seq = state.first_fact + state.facts.len() as u64;
        let frame = body.and_then(|body| framed(&format!("{{\"frame\":\"fact\",\"seq\":{seq},\"body\":"), &body));
        state.fact_bytes += frame.as_ref().map_or(0, Vec::len);
        state.facts.push_back(frame.map(Into::into));
        while state.facts.len() > KEPT_FACTS || state.fact_bytes > KEPT_FACT_BYTES {
            let Some(oldest) = state.facts.pop_front() else { break };
            state.fact_bytes -= oldest.map_or(0, |frame| frame.len());
            state.first_fact += 1;
        }
        drop(state);
        self.0.shared.changed.notify_all();
    }

    /// Faces connected now.
    pub fn watchers(&self) -> usize {
        self.0.shared.lock().connections.values().filter(|c| c.watching && !c.ended).count()
    }

    /// Tells every face what it has not been sent yet and that the worker is ending, for at most two seconds, then closes and removes the socket.
    /// What is published later reaches nobody.
    pub fn bye(&self) {
        self.0.close();
    }
}

impl Owner {
    fn close(&self) {
        let mut state = self.shared.lock();
        if !state.closing {
            state.closing = true;
            let _ = rustix::net::shutdown(&*self.listener, Shutdown::Both);
            let _ = fs::remove_file(self.folder.path(SOCKET));
            self.shared.changed.notify_all();
        }
        let until = Instant::now() + FLUSH_WITHIN;
        while !state.connections.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.shared.wait(state, Some(left));
        }
        for connection in state.connections.values() {
            let _ = connection.stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Option<Duration>) -> MutexGuard<'a, State> {
        match at_most {
            Some(limit) => self.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0,
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn mark(&self, number: u64, change: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.lock().connections.get_mut(&number) {
            change(connection);
        }
        self.changed.notify_all();
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>, commands: &SyncSender<Box<RawValue>>) {
    loop {
        let accepted = listener.accept();
        let mut state = shared.lock();
        if state.closing {
            return;
        }
        match accepted {
            Ok((stream, _)) => {
                if state.connections.len() >= MAX_CONNECTIONS {
                    drop(state);
                    let _ = stream.set_nonblocking(true);
                    let refused = Frame::Refused { message: format!("{MAX_CONNECTIONS} faces watch this job already; close one") };
                    let _ = line(&refused).and_then(|last| (&stream).write_all(&[&shared.hello[..], &last].concat()));
                    continue;
                }
                let number = state.next_connection;
                state.next_connection += 1;
                let served = serve(&mut state, number, stream, shared, commands);
                if let Err(error) = served {
                    state.connections.remove(&number);
                    tracing::warn!("a face could not be served: {error}");
                }
            }
            // Out of file descriptors or the like: the work goes on, and accepting is tried again a little later.
            Err(error) => {
                tracing::warn!("the control socket cannot accept: {error}");
                drop(shared.wait(state, Some(Duration::from_millis(200))));
            }
        }
    }
}

fn serve(state: &mut State, number: u64, stream: UnixStream, shared: &Arc<Shared>, commands: &SyncSender<Box<RawValue>>) -> io::Result<()> {
    let (writing, reading) = (stream.try_clone()?, stream.try_clone()?);
    reading.set_read_timeout(Some(HELLO_WITHIN))?;
    state.connections.insert(number, Connection { stream, watching: false, ended: false, refusal: None });
    let (to_write, to_read, commands) = (Arc::clone(shared), Arc::clone(shared), commands.clone());
    thread::Builder::new().name("control-write".to_owned()).spawn(move || {
        let _ = write_frames(number, &writing, &to_write);
        to_write.lock().connections.remove(&number);
        let _ = writing.shutdown(std::net::Shutdown::Both);
        to_write.changed.notify_all();
    })?;
    thread::Builder::new().name("control-read".to_owned()).spawn(move || {
        let refusal = read_asks(number, &reading, &to_read, &commands).err();
        to_read.mark(number, |connection| {
            connection.ended = true;
            connection.refusal = refusal;
        });
    })?;
    Ok(())
}

/// Sends one connection everything it has not had, until it ends or the worker does.
fn write_frames(number: u64, stream: &UnixStream, shared: &Shared) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, stream);
    out.write_all(&shared.hello)?;
    out.flush()?;
    let (mut next_fact, mut snapshots_sent) = (0, 0);
    loop {
        let mut batch: Vec<Arc<[u8]>> = Vec::new();
        let mut last = None;
        let mut state = shared.lock();
        loop {
            let Some(connection) = state.connections.get(&number) else { return Ok(()) };
            if connection.ended {
                last = connection.refusal.clone().map(|message| Frame::Refused { message });
                if last.is_none() {
                    return Ok(());
                }
                break;
            }
            if connection.watching {
                collect(&state, &mut next_fact, &mut snapshots_sent, &mut batch)?;
            }
            if state.closing {
                last = Some(Frame::Bye {});
            }
            if !batch.is_empty() || last.is_some() {
                break;
            }
            state = shared.wait(state, None);
        }
        drop(state);
        for frame in &batch {
            out.write_all(frame)?;
        }
        if let Some(last) = last {
            out.write_all(&line(&last)?)?;
            return out.flush();
        }
        out.flush()?;
    }
}

/// Facts from `next_fact` on, then the newest snapshot.
fn collect(state: &State, next_fact: &mut u64, snapshots_sent: &mut u64, batch: &mut Vec<Arc<[u8]>>) -> io::Result<()> {
    let end = state.first_fact + state.facts.len() as u64;
    let mut dropped = state.first_fact.saturating_sub(*next_fact);
    let skip = usize::try_from(next_fact.saturating_sub(state.first_fact)).unwrap_or(usize::MAX);
    for fact in state.facts.iter().skip(skip) {
        let Some(fact) = fact else {
            dropped += 1;
            continue;
        };
        if dropped > 0 {
            batch.push(line(&Frame::Dropped { count: std::mem::take(&mut dropped) })?.into());
        }
        batch.push(Arc::clone(fact));
    }
    if dropped > 0 {
        batch.push(line(&Frame::Dropped { count: dropped })?.into());
    }
    *next_fact = end;
    if let Some(snapshot) = state.snapshot.as_ref().filter(|_| state.snapshots > *snapshots_sent) {
        batch.push(Arc::clone(snapshot));
        *snapshots_sent = state.snapshots;
    }
    Ok(())
}

/// Reads one connection until it ends.
///
/// # Errors
/// The sentence it is refused with.
fn read_asks(number: u64, stream: &UnixStream, shared: &Shared, commands: &SyncSender<Box<RawValue>>) -> Result<(), String> {
    let mut reader = BufReader::new(stream);
    let mut buffer = Vec::new();
    let mut greeted = false;
    loop {
        match read_line(&mut reader, &mut buffer, MAX_FRAME_BYTES) {
            Ok(Line::Whole) => {}
            Ok(Line::TooLong) => return Err(format!("a line of {MAX_FRAME_BYTES} bytes or more; this socket takes shorter ones")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err("no hello came; the first line must be one".to_owned()),
            Ok(Line::End) | Err(_) => return Ok(()),
        }
        let ask =
            serde_json::from_slice::<Ask>(&buffer).map_err(|error| format!("a line that is no frame of protocol {PROTOCOL}: {error}"))?;
        match ask {
            Ask::Hello { protocol } if protocol > PROTOCOL => {
                return Err(format!(
                    "you speak protocol {protocol}, this worker (dcudeck {}) speaks {PROTOCOL}; stop the job or attach with the version that started it",
                    env!("CARGO_PKG_VERSION")
                ));
            }
            Ask::Hello { .. } => {
                greeted = true;
                let _ = stream.set_read_timeout(None);
                shared.mark(number, |connection| connection.watching = true);
            }
            Ask::Command { .. } if !greeted => return Err("a command before the hello; the first line must be a hello".to_owned()),
            // A worker that takes no commands has dropped its receiver; watching goes on.
            Ask::Command { body } => drop(commands.send(body)),
        }
    }
}

fn line(frame: &Frame) -> io::Result<Vec<u8>> {
    let mut out = one_line(frame)?;
    out.push(b'\n');
    Ok(out)
}

fn body_line(head: &str, body: &impl Serialize) -> Option<Vec<u8>> {
    match one_line(body) {
        Ok(body) => framed(head, &body),
        Err(error) => {
            tracing::warn!("a frame cannot be written as JSON: {error}");
            None
        }
    }
}

/// The line of a frame, `None` when it would be longer than faces accept.
fn framed(head: &str, body: &[u8]) -> Option<Vec<u8>> {
    let out = [head.as_bytes(), body, b"}\n"].concat();
    if out.len() > MAX_FRAME_BYTES {
        tracing::warn!("a frame of {} bytes is not sent; {MAX_FRAME_BYTES} is the bound", out.len());
        return None;
    }
    Some(out)
}
