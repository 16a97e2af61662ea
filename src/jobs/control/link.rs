//! The face's end: news arrive on a thread of their own, commands go out, dropping the link detaches and nothing else.

use super::{
    Ask, Frame, MAX_FRAME_BYTES, PROTOCOL, SOCKET,
    wire::{Folder, Line, one_line, read_line},
};
use crate::{
    base::{Problem, Said, Text},
    jobs::{Job, State, folder::Changes},
    said,
};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{
    io::{self, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a worker may take to say hello, and to take a command.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What a worker tells.
#[derive(Debug)]
pub enum News {
    /// The newest state.
    Snapshot(Box<RawValue>),
    /// Something that happened once; on attaching, all kept facts come first.
    Fact {
        /// Counts from 0 within the job.
        seq: u64,
        /// The engine's own type.
        body: Box<RawValue>,
    },
    /// So many facts were missed.
    Dropped(u64),
    /// The worker ended or the connection broke; nothing follows.
    Gone,
}

/// Why a job cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// No socket, or nobody behind it.
    #[error("no worker listens in {}", .dir.display())]
    NotListening {
        /// The job's folder.
        dir: PathBuf,
    },
    /// The job ended before it listened.
    #[error("the job in {} ended before it could be watched: {}", .dir.display(), .state.word())]
    Ended {
        /// The job's folder.
        dir: PathBuf,
        /// How it ended.
        state: State,
    },
    /// The worker speaks a newer protocol than this program.
    #[error("the worker is dcudeck {version} and speaks protocol {theirs}; this program speaks {PROTOCOL}")]
    Newer {
        /// The worker's protocol.
        theirs: u32,
        /// Its program's version.
        version: String,
    },
    /// Something answers, but not with a hello.
    #[error("what listens in {} does not greet as a worker: {found}", .dir.display())]
    NoHello {
        /// The job's folder.
        dir: PathBuf,
        /// What came instead.
        found: String,
    },
    /// The system refuses.
    #[error("cannot attach to {}: {source}", .dir.display())]
    Io {
        /// The job's folder.
        dir: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

impl From<AttachError> for Problem {
    fn from(error: AttachError) -> Self {
        match error {
            AttachError::NotListening { dir } => {
                Self::failed("jobs.not_listening", said!("no worker listens here", "此处没有正在监听的任务进程"))
                    .file(dir)
                    .fix(said!("look at the job's log file beside it", "请查看同目录下的任务日志"))
            }
            AttachError::Ended { dir, state } => {
                let Text { en, zh } = state.text();
                let message = Said {
                    en: format!("the job ended before it could be watched ({en})"),
                    zh: format!("任务在可查看之前已结束（{zh}）"),
                };
                Self::failed("jobs.ended", message).file(dir.join(crate::jobs::LOG)).fix(said!("its log says why", "原因见其日志"))
            }
            AttachError::Newer { theirs, version } => Self::failed(
                "jobs.newer_protocol",
                said!(
                    "the worker is dcudeck {version} and speaks protocol {theirs}, this program speaks {PROTOCOL}",
                    "任务进程为 dcudeck {version}，使用协议 {theirs}，本程序使用协议 {PROTOCOL}"
                ),
            )
            .fix(said!("attach with that version", "请用该版本连接")),
            AttachError::NoHello { dir, found } => {
                Self::failed("jobs.no_hello", said!("what listens here does not greet as a worker: {found}", "监听者并非任务进程：{found}"))
                    .file(dir)
            }
            AttachError::Io { dir, source } => {
                Self::failed("jobs.attach", said!("cannot attach: {source}", "无法连接：{source}")).file(dir)
            }
        }
    }
}

/// A connection to a worker. Dropping it detaches; the work goes on.
pub struct Link {
    stream: Mutex<UnixStream>,
    detached: Arc<AtomicBool>,
    kind: String,
    id: String,
    version: String,
}

impl Link {
    /// Sends a command: for a load test `bench::live::Steer`.
    ///
    /// # Errors
    /// When the worker is gone or takes nothing for five seconds; the link is of no more use then and `Gone` follows.
    pub fn command(&self, body: &impl Serialize) -> io::Result<()> {
        let body = serde_json::value::to_raw_value(body)?;
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = send(&mut stream, &Ask::Command { body });
        if sent.is_err() {
            // Part of a line may have gone out: nothing sent after it would be understood.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        sent
    }

    /// The worker's kind, such as `bench`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The job's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Version of the worker's program.
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.detached.store(true, Ordering::SeqCst);
        let _ = self.stream.lock().unwrap_or_else(PoisonError::into_inner).shutdown(std::net::Shutdown::Both);
    }
}

/// Watches the worker in `job_dir`. `on_news` is called on a thread of its own, first with all kept facts; the last call is
/// [`News::Gone`], which does not come after the link was dropped.
///
/// # Errors
/// When nobody listens there, or what listens does not greet within five seconds or is newer.
pub fn attach(job_dir: &Path, on_news: impl FnMut(News) + Send + 'static) -> Result<Link, AttachError> {
    greet(job_dir)?.follow(job_dir, on_news)
}

/// As [`attach`], waiting up to `timeout` for the worker to listen. Returns early when the job ended before it did.
///
/// # Errors
/// As [`attach`]; [`AttachError::Ended`] with the state when there is nothing left to wait for.
pub fn attach_when_ready(job_dir: &Path, timeout: Duration, on_news: impl FnMut(News) + Send + 'static) -> Result<Link, AttachError> {
    let changes = Changes::of(job_dir);
    let until = Instant::now() + timeout;
    loop {
        match greet(job_dir) {
            Err(AttachError::NotListening { .. }) => {}
            greeted => return greeted?.follow(job_dir, on_news),
        }
        if let Ok(job) = Job::open(job_dir)
            && let state = job.state()
            && state.ended()
        {
            return Err(AttachError::Ended { dir: job_dir.to_path_buf(), state });
        }
        if !changes.wait(until) {
            return Err(AttachError::NotListening { dir: job_dir.to_path_buf() });
        }
    }
}

/// A worker that said hello.
struct Greeted {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
    kind: String,
    id: String,
    version: String,
}

fn greet(job_dir: &Path) -> Result<Greeted, AttachError> {
    let io_error = |source| AttachError::Io { dir: job_dir.to_path_buf(), source };
    let no_hello = |found: &str| AttachError::NoHello { dir: job_dir.to_path_buf(), found: found.to_owned() };
    let not_listening = || AttachError::NotListening { dir: job_dir.to_path_buf() };
    let connected = Folder::open(job_dir).and_then(|folder| UnixStream::connect(folder.path(SOCKET)));
    let stream = connected.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => not_listening(),
        _ => io_error(error),
    })?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).map_err(io_error)?;
    stream.set_write_timeout(Some(ANSWER_WITHIN)).map_err(io_error)?;
    let mut reader = BufReader::with_capacity(1 << 16, stream.try_clone().map_err(io_error)?);
    let mut line = Vec::new();
    match read_line(&mut reader, &mut line, MAX_FRAME_BYTES) {
        Ok(Line::Whole) => {}
        Ok(Line::TooLong) => return Err(no_hello("a line without end")),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(no_hello("nothing for five seconds")),
        // It went away while we came.
        Ok(Line::End) | Err(_) => return Err(not_listening()),
    }
    match serde_json::from_slice(&line) {
        Ok(Frame::Hello { protocol, version, .. }) if protocol > PROTOCOL => Err(AttachError::Newer { theirs: protocol, version }),
        Ok(Frame::Hello { kind, id, version, .. }) => Ok(Greeted { stream, reader, kind, id, version }),
        Ok(_) => Err(no_hello("another frame")),
        Err(error) => Err(no_hello(&error.to_string())),
    }
}

impl Greeted {
    fn follow(mut self, job_dir: &Path, on_news: impl FnMut(News) + Send + 'static) -> Result<Link, AttachError> {
        let detached = Arc::new(AtomicBool::new(false));
        let (seen, reader) = (Arc::clone(&detached), self.reader);
        send(&mut self.stream, &Ask::Hello { protocol: PROTOCOL })
            .and_then(|()| self.stream.set_read_timeout(None))
            .and_then(|()| thread::Builder::new().name("control-news".to_owned()).spawn(move || pump(reader, &seen, on_news)))
            .map_err(|source| AttachError::Io { dir: job_dir.to_path_buf(), source })?;
        Ok(Link { stream: Mutex::new(self.stream), detached, kind: self.kind, id: self.id, version: self.version })
    }
}

fn send(stream: &mut UnixStream, ask: &Ask) -> io::Result<()> {
    let mut line = one_line(ask)?;
    line.push(b'\n');
    if line.len() > MAX_FRAME_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a command of {} bytes; {MAX_FRAME_BYTES} is the bound", line.len()),
        ));
    }
    stream.write_all(&line)
}

fn pump(mut reader: BufReader<UnixStream>, detached: &AtomicBool, mut on_news: impl FnMut(News)) {
    let mut buffer = Vec::new();
    loop {
        let frame = match read_line(&mut reader, &mut buffer, MAX_FRAME_BYTES + 1) {
            Ok(Line::Whole) => serde_json::from_slice::<Frame>(&buffer),
            Ok(Line::End) | Err(_) => break,
            Ok(Line::TooLong) => {
                tracing::warn!("a worker sent a line over {MAX_FRAME_BYTES} bytes; detached");
                break;
            }
        };
        if detached.load(Ordering::SeqCst) {
            return;
        }
        match frame {
            Ok(Frame::Snapshot { body }) => on_news(News::Snapshot(body)),
            Ok(Frame::Fact { seq, body }) => on_news(News::Fact { seq, body }),
            Ok(Frame::Dropped { count }) => on_news(News::Dropped(count)),
            Ok(Frame::Hello { .. }) => {}
            Ok(Frame::Bye {}) => break,
            Ok(Frame::Refused { message }) => {
                tracing::warn!("the worker refused this connection: {message}");
                break;
            }
            Err(error) => {
                tracing::warn!("a worker sent what is no frame of protocol {PROTOCOL}: {error}");
                break;
            }
        }
    }
    let _ = reader.get_ref().shutdown(std::net::Shutdown::Both);
    if !detached.load(Ordering::SeqCst) {
        on_news(News::Gone);
    }
}
