//! The terminal as it is taken and given back: on return, on panic, on signals, around a suspension.
//!
//! The only place that writes to the terminal. What is written goes to a description of its own that never blocks, so that
//! a stalled link cannot keep the console from ending.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    io::Errno,
    process::{Signal, kill_current_process_group},
    termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetwinsize, tcsetattr},
};
use std::{
    io::{self, Write},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    panic::PanicHookInfo,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ratatui::layout::Size;

const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?1049l\x1b[?25h";
const PASTE_OFF: &[u8] = b"\x1b[?2004l";
/// Presses, releases and the wheel (1000) with wide coordinates (1006); not every motion (1002, 1003), which floods a slow link.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";
/// Ends a synchronized frame that a panic may have left open, and its colours.
const SETTLE: &[u8] = b"\x1b[?2026l\x1b[0m";
/// How long giving back may wait for a terminal that takes nothing.
const GIVE_BACK_WITHIN: Duration = Duration::from_millis(500);

/// How the terminal was before it was taken; `None` while it is not taken.
static TAKEN: Mutex<Option<Taken>> = Mutex::new(None);

struct Taken {
    cooked: Termios,
    mouse: bool,
}

fn taken() -> MutexGuard<'static, Option<Taken>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The terminal while the console has it. Dropping gives it back.
#[derive(Debug)]
pub struct Session {
    mouse: bool,
    /// We stopped ourselves: the SIGCONT that follows was answered already.
    answered: bool,
}

impl Session {
    /// Takes the terminal on stdin and stdout: raw input, the other screen, bracketed paste, and the mouse if wanted. From now on a
    /// panic on this thread gives it back before it is printed.
    ///
    /// # Errors
    /// What the system says.
    pub fn take(mouse: bool) -> io::Result<Self> {
        let session = Self { mouse, answered: false };
        session.enter()?;
        let ui = thread::current().id();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            tracing::error!("{}", sentence(info));
            // Another thread's panic is in the log and its work missing; the screen goes on.
            if thread::current().id() == ui {
                give_back();
                before(info);
            }
        }));
        Ok(session)
    }

    fn enter(&self) -> io::Result<()> {
        let stdin = rustix::stdio::stdin();
        let cooked = tcgetattr(stdin)?;
        let mut raw = cooked.clone();
        raw.make_raw();
        tcsetattr(stdin, OptionalActions::Now, &raw)?;
        *taken() = Some(Taken { cooked, mouse: self.mouse });
        let mut out = Output::open(Arc::new(AtomicBool::new(false)));
        out.write_all(ENTER)?;
        if self.mouse {
            out.write_all(MOUSE_ON)?;
        }
        Ok(())
    }

    /// Whether clicks come to the console instead of the terminal's own selection.
    pub fn mouse(&self) -> bool {
        self.mouse
    }

    /// Takes the mouse or leaves it to the terminal; the bytes for that are to be written between frames.
    pub fn set_mouse(&mut self, mouse: bool) -> &'static [u8] {
        self.mouse = mouse;
        if let Some(taken) = taken().as_mut() {
            taken.mouse = mouse;
        }
        if mouse { MOUSE_ON } else { MOUSE_OFF }
    }

    /// Gives the terminal back, stops the process group, and takes the terminal again once it goes on. SIGSTOP, as SIGTSTP
    /// would come back to our own handler; the group, as whoever waits for us in a pipeline stops with us.
    ///
    /// # Errors
    /// What the system says on the way back.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        self.answered = true;
        kill_current_process_group(Signal::STOP)?;
        self.enter()
    }

    /// Takes the terminal again after SIGCONT, when somebody else had stopped us.
    ///
    /// # Errors
    /// What the system says.
    pub fn resume(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.answered) {
            return Ok(());
        }
        if taken().is_none() {
            return self.enter();
        }
        let mut raw = tcgetattr(rustix::stdio::stdin())?;
        raw.make_raw();
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &raw)?;
        let mut out = Output::open(Arc::new(AtomicBool::new(false)));
        out.write_all(ENTER)?;
        if self.mouse {
            out.write_all(MOUSE_ON)?;
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back as it was; does nothing when it is not taken.
pub fn give_back() {
    let Some(Taken { cooked, mouse }) = taken().take() else { return };
    let stdin = rustix::stdio::stdin();
    let mut out = Output { fd: own(), stop: Arc::new(AtomicBool::new(false)), patience: Some(GIVE_BACK_WITHIN) };
    let _ = out.write_all(SETTLE);
    if mouse {
        let _ = out.write_all(MOUSE_OFF);
    }
    let _ = out.write_all(PASTE_OFF);
    // Reports the terminal sent before it read the above would be typed into the shell.
    let _ = tcflush(stdin, QueueSelector::IFlush);
    let _ = out.write_all(LEAVE);
    let _ = tcsetattr(stdin, OptionalActions::Now, &cooked);
}

/// Writes a last line to the terminal that was given back.
pub fn farewell(line: &str) {
    let mut out = Output { fd: own(), stop: Arc::new(AtomicBool::new(false)), patience: Some(GIVE_BACK_WITHIN) };
    let _ = out.write_all(format!("{}\n", crate::base::clean(line)).as_bytes());
}

/// Columns and rows of the terminal; 80×24 for one that does not know its size.
pub fn size() -> Size {
    match tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size::new(size.ws_col, size.ws_row),
        _ => Size::new(80, 24),
    }
}

fn sentence(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let what =
        payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    match info.location() {
        Some(at) => format!("panic at {}:{}: {what}", at.file(), at.line()),
        None => format!("panic: {what}"),
    }
}

/// The way to the terminal.
#[derive(Debug)]
pub struct Output {
    fd: Option<OwnedFd>,
    stop: Arc<AtomicBool>,
    patience: Option<Duration>,
}

/// A description of stdout's terminal of our own: setting the shared one to non-blocking would hit the shell as well.
fn own() -> Option<OwnedFd> {
    rustix::fs::open("/proc/self/fd/1", OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).ok()
}

impl Output {
    /// A way to stdout that gives up once `stop` is set.
    pub fn open(stop: Arc<AtomicBool>) -> Self {
        Self { fd: own(), stop, patience: None }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.fd {
            Some(fd) => fd.as_fd(),
            None => rustix::stdio::stdout(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let until = self.patience.map(|patience| Instant::now() + patience);
        loop {
            match rustix::io::write(self.fd(), bytes) {
                Err(Errno::AGAIN) => {}
                Err(Errno::INTR) => continue,
                written => return Ok(written?),
            }
            if self.stop.load(Ordering::SeqCst) || until.is_some_and(|until| Instant::now() >= until) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let look_again = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
            let _ = poll(&mut [PollFd::new(&self.fd(), PollFlags::OUT)], Some(&look_again));
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
