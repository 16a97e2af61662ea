//! The loop: take everything in that waits, then draw once if something changed.

use super::{
    app::{App, Ask},
    events::{Msg, Signal},
    pacer::{Pacer, Urgency},
    painter::Painter,
    pumps::Pumps,
    terminal::{self, Session},
};
use crate::said;
use std::{
    io::{self, Write},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

/// Messages taken in before a frame is drawn at the latest: an endless stream of news must not freeze the screen.
const DRAIN: usize = 4096;

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Somebody left.
    Left,
    /// A signal asked for it.
    Signal,
    /// There is no terminal any more.
    Hangup,
}

/// The loop's parts.
pub struct EventLoop<W> {
    /// The state.
    pub app: App,
    /// Frames.
    pub painter: Painter<W>,
    /// When to draw.
    pub pacer: Pacer,
    /// The terminal.
    pub session: Session,
    /// When the console was opened.
    pub opened: Instant,
}

impl<W: Write> EventLoop<W> {
    /// Runs until somebody leaves, a signal ends it or the terminal is gone.
    ///
    /// # Errors
    /// What the terminal says, unless it hung up.
    pub fn run(&mut self, messages: &Receiver<Msg>, pumps: &Pumps) -> io::Result<End> {
        loop {
            let first = match self.wait() {
                Some(limit) => match messages.recv_timeout(limit) {
                    Ok(message) => Some(message),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return Ok(End::Hangup),
                },
                None => match messages.recv() {
                    Ok(message) => Some(message),
                    Err(_) => return Ok(End::Hangup),
                },
            };
            for message in first.into_iter().chain(messages.try_iter().take(DRAIN)) {
                if let Some(end) = self.message(message, pumps)? {
                    return Ok(end);
                }
            }
            let asks = self.app.second(self.opened.elapsed().as_secs());
            if let Some(end) = self.carry_out(asks, pumps)? {
                return Ok(end);
            }
            if self.pacer.wait(Instant::now()) == Some(Duration::ZERO) {
                self.draw()?;
            }
        }
    }

    /// How long to wait for messages: until a frame is due, or the next second if the screen shows seconds.
    fn wait(&self) -> Option<Duration> {
        let frame = self.pacer.wait(Instant::now());
        if !self.app.ticking() {
            return frame;
        }
        let second = Duration::from_secs(1).saturating_sub(Duration::from_nanos(self.opened.elapsed().subsec_nanos().into()));
        Some(frame.map_or(second, |frame| frame.min(second)))
    }

    /// Draws what there is to draw.
    ///
    /// # Errors
    /// What the terminal says.
    pub fn draw(&mut self) -> io::Result<()> {
        let begin = Instant::now();
        self.painter.frame(|frame| self.app.draw(frame))?;
        self.pacer.drawn(Instant::now(), begin.elapsed());
        Ok(())
    }

    fn message(&mut self, message: Msg, pumps: &Pumps) -> io::Result<Option<End>> {
        let asks = match message {
            Msg::Input(event) => self.app.input(event),
            Msg::News(news) => self.app.news(news.cleaned()),
            Msg::Logged(line) => self.app.logged(line),
            Msg::Hangup => return Ok(Some(End::Hangup)),
            Msg::Signal(Signal::End) => return Ok(Some(End::Signal)),
            Msg::Signal(Signal::Suspend) => vec![Ask::Suspend],
            Msg::Signal(Signal::Continue) => {
                self.session.resume()?;
                vec![Ask::Repaint]
            }
            Msg::Signal(Signal::Resize) => vec![Ask::Repaint],
        };
        self.carry_out(asks, pumps)
    }

    fn carry_out(&mut self, asks: Vec<Ask>, pumps: &Pumps) -> io::Result<Option<End>> {
        for ask in asks {
            match ask {
                Ask::Draw(urgency) => self.pacer.request(urgency),
                Ask::Order(order) => {
                    if !pumps.order(order) {
                        for ask in self.app.complain(said!("the part that does the work has ended; see the log", "后台处理已结束，见日志"))
                        {
                            if let Ask::Draw(urgency) = ask {
                                self.pacer.request(urgency);
                            }
                        }
                    }
                }
                Ask::Write(bytes) => self.painter.send(&bytes)?,
                Ask::Repaint => self.repaint()?,
                Ask::Mouse(on) => {
                    let sequence = self.session.set_mouse(on);
                    self.painter.send(sequence)?;
                }
                Ask::Suspend => {
                    self.session.suspend()?;
                    self.repaint()?;
                }
                Ask::Quit => return Ok(Some(End::Left)),
            }
        }
        Ok(None)
    }

    fn repaint(&mut self) -> io::Result<()> {
        let size = terminal::size();
        self.app.resize(size);
        self.painter.renew(size)?;
        self.pacer.request(Urgency::Input);
        Ok(())
    }
}
