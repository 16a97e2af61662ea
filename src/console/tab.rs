//! A tab: state changes in [`Tab::command`], [`Tab::typed`] and [`Tab::news`]; drawing is a pure function of state.

use super::{
    command::Command,
    input::{TextInput, Typed},
    look::Look,
    news::News,
    results::Wanted,
};
use crate::{
    base::{Said, Text},
    bench::{live::Steer, spec::Spec},
    text,
};
use ratatui::{
    Frame,
    layout::{Position, Rect},
};

/// The six tabs; numbers are fixed, a tab that is not built is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TabId {
    /// Documents to training rows.
    Dataset,
    /// Fine-tuning runs.
    Training,
    /// Accelerators.
    Devices,
    /// Model servers.
    Serve,
    /// Conversations and blind comparison.
    Chat,
    /// Load tests.
    Load,
}

impl TabId {
    /// Its key and place in the bar, 1 to 6.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Title in the tab bar; at most 10 columns.
    #[must_use]
    pub const fn title(self) -> Text {
        match self {
            Self::Dataset => text!("Dataset", "数据"),
            Self::Training => text!("Training", "训练"),
            Self::Devices => text!("Devices", "设备"),
            Self::Serve => text!("Serve", "推理"),
            Self::Chat => text!("Chat", "对话"),
            Self::Load => text!("Load", "压测"),
        }
    }
}

/// A command that makes sense now; greyed with its reason when it cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Which one.
    pub command: Command,
    /// Why not, if it cannot run now.
    pub disabled: Option<Said>,
}

impl Live {
    /// Can run.
    #[must_use]
    pub const fn ready(command: Command) -> Self {
        Self { command, disabled: None }
    }

    /// Can run unless there is a reason against it.
    #[must_use]
    pub fn unless(command: Command, reason: Option<impl Into<Said>>) -> Self {
        Self { command, disabled: reason.map(Into::into) }
    }
}

/// What a tab wants done; the event loop carries it out, so that a tab stays pure and testable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Draw: at once when a key led here, at the next data frame when news did.
    Redraw,
    /// Ask first; the text names the target, default is no. On yes the effects are carried out, and [`Tab::news`] tells the outcome.
    Confirm {
        /// The question.
        ask: Said,
        /// What yes means.
        then: Vec<Effect>,
    },
    /// Hand a text to the terminal's clipboard.
    Copy(String),
    /// Tell the person on the status line, until the next key; also goes to the log.
    Tell(Said),
    /// Something went wrong here: status line, log, and a mark on the tab until seen.
    Complain(Said),
    /// Show another tab.
    Goto(TabId),
    /// Start a load test.
    Start(Box<Spec>),
    /// Steer the load test that is watched.
    Steer(Steer),
    /// Watch this job (a load test) instead of the present one.
    Watch(String),
    /// Ask whether this server answers; [`News::Servers`] tells.
    Probe(String),
    /// Ask something of results on disk; [`News::Results`] tells.
    Results(Wanted),
}

/// What `i` shows: the thing under the cursor, in rows of label and sentence (formula, samples, window, source, …).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What it is.
    pub title: Said,
    /// Rows, in reading order.
    pub rows: Vec<(Text, Said)>,
}

/// One screen.
pub trait Tab {
    /// Which of the six.
    fn id(&self) -> TabId;

    /// Commands live here now, most used first; drives the footer, `?` and the palette. Keys of other commands do nothing here.
    fn commands(&self) -> Vec<Live>;

    /// Carries out a command; only called with one that [`Tab::commands`] has, not disabled.
    fn command(&mut self, command: Command) -> Vec<Effect>;

    /// Takes in news, shown or not; no effects when nothing on screen changes.
    fn news(&mut self, news: &News) -> Vec<Effect>;

    /// The text field that has the keys, if one has: then every printable key is text.
    fn field(&mut self) -> Option<&mut TextInput> {
        None
    }

    /// The field that has the keys was typed into, or was left.
    fn typed(&mut self, typed: Typed) -> Vec<Effect> {
        let _ = typed;
        Vec::new()
    }

    /// A click at `at` in `area`, the area that [`Tab::draw`] was given.
    fn click(&mut self, look: &Look, area: Rect, at: Position) -> Vec<Effect> {
        let _ = (look, area, at);
        Vec::new()
    }

    /// What the thing under the cursor is.
    fn explain(&self) -> Option<Explained> {
        None
    }

    /// Whether the screen shows anything that changes with [`Look::second`], such as a running clock.
    /// While no tab on screen says so, an idle console writes nothing.
    fn ticking(&self) -> bool {
        false
    }

    /// Draws into `area`, of any size (0×0 too); complete from 80×21 up, stacked down to 40×7. No I/O, no locks, no clock.
    fn draw(&self, look: &Look, frame: &mut Frame<'_>, area: Rect);
}
