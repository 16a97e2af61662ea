//! A pseudo-terminal with the real binary in it. Waits are on screen content or process state, with a deadline; never a sleep
//! for its own sake: the reader thread wakes the waiter whenever bytes arrive.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, poll as poll_fds};
use std::{
    os::fd::{BorrowedFd, OwnedFd},
    path::Path,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

/// How long anything may take on a busy two-core machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
    closed: bool,
}

/// A terminal and the program in it.
pub(crate) struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<OwnedFd>,
    /// Closed to end the reader thread.
    reading: Option<OwnedFd>,
    reader: Option<std::thread::JoinHandle<()>>,
    child: Option<Box<dyn Child + Send + Sync>>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

/// The binary under test with a home of its own: nothing of the user's is read or written.
pub(crate) fn dcudeck(home: &Path, arguments: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_dcudeck"));
    command.args(["--workspace".as_ref(), home.join("ws").as_os_str()]);
    command.args(arguments);
    command.env_clear();
    command.env("HOME", home);
    command.env("XDG_STATE_HOME", home.join("state"));
    command.env("XDG_CONFIG_HOME", home.join("config"));
    command.env("XDG_DATA_HOME", home.join("data"));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.cwd(home);
    command
}

impl Terminal {
    /// Starts `command` in a terminal of this size.
    pub(crate) fn start(command: CommandBuilder, columns: u16, rows: u16) -> Self {
        let pair = native_pty_system().openpty(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).expect("opens a pty");
        let child = pair.slave.spawn_command(command).expect("starts the program");
        drop(pair.slave);
        let raw = pair.master.as_raw_fd().expect("is a file descriptor");
        // SAFETY: the master stays open while its descriptor is duplicated here.
        let borrowed = unsafe { BorrowedFd::borrow_raw(raw) };
        let duplicate = || rustix::io::fcntl_dupfd_cloexec(borrowed, 3).expect("duplicates");
        let (writer, theirs) = (duplicate(), duplicate());
        let (stop, reading) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("makes a pipe");
        let parser = vt100::Parser::new(rows.try_into().expect("rows"), columns.try_into().expect("columns"), 0);
        let seen = Arc::new((Mutex::new(Seen { parser, raw: Vec::new(), closed: false }), Condvar::new()));
        let shared = Arc::clone(&seen);
        let reader = std::thread::spawn(move || read_all(&theirs, &stop, &shared));
        Self { master: Some(pair.master), writer: Some(writer), reading: Some(reading), reader: Some(reader), child: Some(child), seen }
    }

    /// Types bytes.
    pub(crate) fn keys(&mut self, keys: &str) {
        let mut left = keys.as_bytes();
        while !left.is_empty() {
            let written = rustix::io::write(self.writer.as_ref().expect("is connected"), left).expect("types");
            left = &left[written..];
        }
    }

    /// Changes the size.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        let mut seen = self.seen.0.lock().expect("unpoisoned");
        seen.parser.screen_mut().set_size(rows.try_into().expect("rows"), columns.try_into().expect("columns"));
        drop(seen);
        self.master
            .as_ref()
            .expect("is connected")
            .resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 })
            .expect("resizes");
    }

    /// The screen as text.
    pub(crate) fn text(&self) -> String {
        self.seen.0.lock().expect("unpoisoned").parser.screen().contents()
    }

    /// Every byte the program wrote so far.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.seen.0.lock().expect("unpoisoned").raw.clone()
    }

    /// Whether the alternate screen is shown.
    pub(crate) fn alternate(&self) -> bool {
        self.seen.0.lock().expect("unpoisoned").parser.screen().alternate_screen()
    }

    /// Whether the cursor is hidden.
    pub(crate) fn cursor_hidden(&self) -> bool {
        self.seen.0.lock().expect("unpoisoned").parser.screen().hide_cursor()
    }

    /// Waits until the screen satisfies `wanted`; shows the screen when it never does.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.seen.0.lock().expect("unpoisoned");
        loop {
            let text = seen.parser.screen().contents();
            if wanted(&text) {
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !seen.closed, "never saw {what}; the screen is:\n{text}");
            seen = self.seen.1.wait_timeout(seen, left).expect("unpoisoned").0;
        }
    }

    /// Waits until `text` is on the screen.
    pub(crate) fn shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Waits for the program's end and gives its exit status.
    pub(crate) fn ends(&mut self) -> u32 {
        let child = self.child.as_mut().expect("is ours");
        poll("the program ends", || child.try_wait().expect("waits")).exit_code()
    }

    /// The program's process id.
    pub(crate) fn pid(&self) -> i32 {
        self.child.as_ref().and_then(|child| child.process_id()).and_then(|pid| i32::try_from(pid).ok()).expect("has a pid")
    }

    /// Closes the terminal as a dropped connection does, so that the kernel hangs it up, and hands the program over.
    pub(crate) fn hang_up(mut self) -> Box<dyn Child + Send + Sync> {
        self.reading = None;
        self.reader.take().expect("reads").join().expect("ends");
        self.writer = None;
        self.master = None;
        self.child.take().expect("is ours")
    }

    /// Sends a signal to the program alone.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid()).expect("is a pid");
        rustix::process::kill_process(pid, signal).expect("signals");
    }
}

/// Feeds the screen until the program's side or `stop`'s other end is closed.
fn read_all(master: &OwnedFd, stop: &OwnedFd, seen: &(Mutex<Seen>, Condvar)) {
    let mut buffer = [0_u8; 16384];
    loop {
        let mut fds = [PollFd::new(master, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        let _ = poll_fds(&mut fds, None);
        let [of_master, of_stop] = fds.map(|fd| fd.revents());
        if !of_stop.is_empty() {
            return;
        }
        let read = if of_master.is_empty() { continue } else { rustix::io::read(master, &mut buffer).unwrap_or(0) };
        let mut seen_now = seen.0.lock().expect("unpoisoned");
        match buffer.get(..read) {
            Some(bytes) if !bytes.is_empty() => {
                seen_now.parser.process(bytes);
                seen_now.raw.extend_from_slice(bytes);
            }
            _ => seen_now.closed = true,
        }
        let closed = seen_now.closed;
        drop(seen_now);
        seen.1.notify_all();
        if closed {
            return;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until `ready` gives something: for state that nothing announces, such as a process's end.
pub(crate) fn poll<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
