//! The state of the console and what input and news do to it. Knows no terminal, no thread and no clock.

mod draw;
mod effects;
mod hands;
mod layer;
#[cfg(test)]
mod tests;

use super::{
    bars::{Header, Status},
    command::{self, Command, Scope, Spec},
    copy::Multiplexer,
    log_pane::LogPane,
    look::Look,
    menu::{Kind, Menu},
    news::{Bench, News},
    pacer::Urgency,
    results::Wanted,
    tab::{Live, Tab, TabId},
};
use crate::{
    base::{Lang, log::Line as LogLine},
    bench::{live::Steer, spec::Spec as LoadSpec},
    said,
};
use crossterm::event::Event;
use effects::hold;
use layer::Layer;
use ratatui::layout::Size;
use std::path::Path;

/// Facts held back while the view is frozen; more end the freeze.
const MAX_HELD: usize = 50_000;

/// What the event loop is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Draw a frame.
    Draw(Urgency),
    /// Have work done.
    Order(Order),
    /// Write a control sequence to the terminal between frames.
    Write(Vec<u8>),
    /// Draw everything anew.
    Repaint,
    /// Take the mouse, or leave it.
    Mouse(bool),
    /// Give the terminal to the shell for a while.
    Suspend,
    /// Leave.
    Quit,
}

/// Work that others do: the console's state never waits for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Start a load test and watch it.
    Start(Box<LoadSpec>),
    /// Steer the load test that is watched.
    Steer(Steer),
    /// Watch this job.
    Watch(String),
    /// Ask whether this server answers.
    Probe(String),
    /// Ask something of results on disk.
    Results(Wanted),
}

/// How the console is opened.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// How to draw.
    pub look: Look,
    /// Name of the node.
    pub host: String,
    /// The log's file.
    pub log: Option<&'a Path>,
    /// Nothing may be started or stopped.
    pub read_only: bool,
    /// Clicks come here.
    pub mouse: bool,
    /// What copies pass through.
    pub multiplexer: Multiplexer,
    /// The terminal's size.
    pub size: Size,
}

/// The console.
pub struct App {
    look: Look,
    size: Size,
    tabs: Vec<Box<dyn Tab>>,
    active: usize,
    layers: Vec<Layer>,
    header: Header,
    log: LogPane,
    status: Option<Status>,
    /// Tabs where something went wrong while another one was shown.
    marked: Vec<TabId>,
    /// News held back while the view is frozen.
    held: Option<Vec<News>>,
    mouse: bool,
    /// A text field takes the keys.
    typing: bool,
    multiplexer: Multiplexer,
    /// The last key was ctrl-C.
    leaving: bool,
    /// The load test under way, for the last line after leaving.
    live_run: Option<String>,
}

impl App {
    /// The console with `tabs`, the last one shown.
    #[must_use]
    pub fn new(setup: &Setup<'_>, tabs: Vec<Box<dyn Tab>>) -> Self {
        Self {
            look: setup.look,
            size: setup.size,
            active: tabs.len().saturating_sub(1),
            tabs,
            layers: Vec::new(),
            header: Header { host: crate::base::clean(&setup.host).into_owned(), read_only: setup.read_only, ..Header::default() },
            log: LogPane::new(setup.log),
            status: None,
            marked: Vec::new(),
            held: None,
            mouse: setup.mouse,
            typing: false,
            multiplexer: setup.multiplexer,
            leaving: false,
            live_run: None,
        }
    }

    /// The terminal has another size.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// So many seconds since the start; a frame is asked for when the screen shows it.
    pub fn second(&mut self, second: u64) -> Vec<Ask> {
        if self.look.second == second {
            return Vec::new();
        }
        self.look.second = second;
        if self.ticking() { vec![Ask::Draw(Urgency::Data)] } else { Vec::new() }
    }

    /// Whether the passing of a second changes the screen.
    #[must_use]
    pub fn ticking(&self) -> bool {
        self.held.is_none() && self.tabs.get(self.active).is_some_and(|tab| tab.ticking())
    }

    /// The load test that goes on after leaving, if there is one.
    #[must_use]
    pub fn live_run(&self) -> Option<&str> {
        self.live_run.as_deref()
    }

    /// The language on screen.
    #[must_use]
    pub fn lang(&self) -> Lang {
        self.look.lang
    }

    /// A key, a click, a paste.
    pub fn input(&mut self, event: Event) -> Vec<Ask> {
        let asks = match event {
            Event::Key(key) => self.key(key),
            Event::Mouse(mouse) => self.mouse(mouse),
            Event::Paste(text) => self.paste(&text),
            Event::Resize(..) | Event::FocusGained | Event::FocusLost => Vec::new(),
        };
        self.typing = self.field().is_some();
        asks
    }

    /// News, already cleaned.
    pub fn news(&mut self, news: News) -> Vec<Ask> {
        let mut asks = Vec::new();
        match &news {
            News::Servers(servers) => {
                let before = self.header.engine.clone();
                self.header.servers(servers);
                if self.header.engine != before {
                    asks.push(Ask::Draw(Urgency::Data));
                }
            }
            News::Jobs(jobs) => {
                let before = self.header.jobs;
                self.header.count(jobs);
                if self.header.jobs != before {
                    asks.push(Ask::Draw(Urgency::Data));
                }
            }
            News::Bench(Bench::Watching { job, .. }) => self.live_run = Some(job.to_string()),
            News::Bench(Bench::Snapshot { snapshot, .. }) if snapshot.phase.ended() => self.live_run = None,
            News::Bench(Bench::Gone { .. }) => self.live_run = None,
            News::Bench(_) | News::Results(_) => {}
        }
        match &mut self.held {
            Some(held) => {
                hold(held, news);
                if held.len() > MAX_HELD {
                    asks.extend(self.freeze());
                }
            }
            None => asks.extend(self.tell(&news)),
        }
        self.typing = self.field().is_some();
        asks
    }

    fn tell(&mut self, news: &News) -> Vec<Ask> {
        let mut asks = Vec::new();
        for index in 0..self.tabs.len() {
            let effects = self.tabs.get_mut(index).map(|tab| tab.news(news)).unwrap_or_default();
            asks.extend(self.effects(index, effects, Urgency::Data));
        }
        asks
    }

    /// A line of the log.
    pub fn logged(&mut self, line: LogLine) -> Vec<Ask> {
        let open = self.layers.iter().any(|layer| matches!(layer, Layer::Log(_)));
        let before = self.log.unseen();
        self.log.push(line);
        if open {
            self.log.seen();
        }
        self.header.unseen = self.log.unseen();
        if open || self.log.unseen() != before { vec![Ask::Draw(Urgency::Data)] } else { Vec::new() }
    }

    fn tab_id(&self) -> TabId {
        self.tabs.get(self.active).map_or(TabId::Load, |tab| tab.id())
    }

    fn tab_ids(&self) -> Vec<TabId> {
        self.tabs.iter().map(|tab| tab.id()).collect()
    }

    /// Commands of the tab that are live, with what the console adds to them.
    fn live(&self) -> Vec<Live> {
        let Some(tab) = self.tabs.get(self.active) else { return Vec::new() };
        let mut live = tab.commands();
        if tab.explain().is_some() && live.iter().all(|live| live.command != Command::Explain) {
            live.push(Live::ready(Command::Explain));
        }
        for live in &mut live {
            if self.header.read_only && command::spec(live.command).is_some_and(|spec| spec.acts) {
                live.disabled = Some(said!("read-only", "只读模式"));
            }
        }
        live
    }

    /// All that can be asked for here, the console's own last.
    fn offered(&self) -> Vec<Live> {
        let mut offered = self.live();
        offered.extend(command::table().filter(|spec| spec.scope == Scope::Console).filter_map(|spec| self.console_live(spec)));
        offered
    }

    fn console_live(&self, spec: &Spec) -> Option<Live> {
        match spec.command {
            Command::Goto(id) if !self.tab_ids().contains(&id) => None,
            Command::NextTab | Command::PreviousTab if self.tabs.len() < 2 => None,
            command => Some(Live::ready(command)),
        }
    }

    fn run(&mut self, command: Command) -> Vec<Ask> {
        let draw = vec![Ask::Draw(Urgency::Input)];
        match command {
            Command::Quit => self.leave(),
            Command::Suspend => vec![Ask::Suspend],
            Command::Redraw => vec![Ask::Repaint],
            Command::Help => {
                self.layers.push(Layer::Menu(Menu::new(Kind::Keys, self.offered())));
                draw
            }
            Command::Palette => {
                self.layers.push(Layer::Menu(Menu::new(Kind::Palette, self.offered())));
                draw
            }
            Command::Log => {
                self.log.seen();
                self.header.unseen = 0;
                self.layers.push(Layer::Log(None));
                draw
            }
            Command::Freeze => self.freeze(),
            Command::Language => {
                self.look.lang = super::other(self.look.lang);
                draw
            }
            Command::Mouse => {
                self.mouse = !self.mouse;
                let told = if self.mouse {
                    said!("mouse on", "鼠标已开启")
                } else {
                    said!("mouse off: the terminal selects text", "鼠标已关闭：由终端选择文本")
                };
                self.status = Some(Status { said: told, bad: false });
                vec![Ask::Mouse(self.mouse), Ask::Draw(Urgency::Input)]
            }
            Command::Goto(id) => self.goto(id),
            Command::NextTab => self.turn(1),
            Command::PreviousTab => self.turn(-1),
            Command::Explain => match self.tabs.get(self.active).and_then(|tab| tab.explain()) {
                Some(explained) => {
                    self.layers.push(Layer::Explain { explained, first: 0 });
                    draw
                }
                None => Vec::new(),
            },
            command => self.run_in_tab(command),
        }
    }

    fn run_in_tab(&mut self, command: Command) -> Vec<Ask> {
        match self.live().into_iter().find(|live| live.command == command) {
            None => Vec::new(),
            Some(Live { disabled: Some(reason), .. }) => {
                self.status = Some(Status { said: reason, bad: false });
                vec![Ask::Draw(Urgency::Input)]
            }
            Some(_) => {
                let effects = self.tabs.get_mut(self.active).map(|tab| tab.command(command)).unwrap_or_default();
                self.effects(self.active, effects, Urgency::Input)
            }
        }
    }

    fn goto(&mut self, id: TabId) -> Vec<Ask> {
        let Some(index) = self.tabs.iter().position(|tab| tab.id() == id) else { return Vec::new() };
        self.marked.retain(|marked| *marked != id);
        if index == self.active {
            return Vec::new();
        }
        self.active = index;
        vec![Ask::Draw(Urgency::Input)]
    }

    fn turn(&mut self, by: isize) -> Vec<Ask> {
        let count = isize::try_from(self.tabs.len()).unwrap_or(1).max(1);
        let to = (isize::try_from(self.active).unwrap_or(0) + by).rem_euclid(count);
        let id = usize::try_from(to).ok().and_then(|to| self.tabs.get(to)).map(|tab| tab.id());
        id.map(|id| self.goto(id)).unwrap_or_default()
    }
}
