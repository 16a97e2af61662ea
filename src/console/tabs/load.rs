//! Load tests: the form of a new one, and the run that is watched.
//!
//! The hero are three histograms, TTFT, TPOT and ITL, with their percentiles marked and the goal as a line. Deliberately
//! absent: processes, sockets and files. What is to be done leaves as [`Effect`]s, what was done comes back as [`News`].

mod as_command;
mod commands;
mod copied;
mod drawn;
mod explain;
mod form;
mod form_view;
pub(in crate::console) mod history;
mod layout;
mod lists_view;
#[cfg(test)]
pub(in crate::console) mod made_up;
mod panel;
mod parse;
mod pen;
mod picture;
mod profiles;
mod profiles_view;
mod run_view;
#[cfg(test)]
mod tests;
mod watched;
mod words;
mod zoom_view;

use self::{
    form::{Field, Form},
    history::{History, Leave, Step},
    layout::Layout,
    panel::Panel,
    parse::is_loopback,
    pen::Pen,
    profiles::Profile,
    watched::Watched,
};
use crate::{
    base::{Said, Text},
    bench::{
        live::{Phase, Steer},
        spec::Spec as LoadSpec,
    },
    console::{
        command::Command,
        input::{TextInput, Typed},
        look::Look,
        news::{Bench, News, Server},
        results::Told,
        tab::{Effect, Explained, Live, Tab, TabId},
    },
    said, text,
};
use ratatui::{
    Frame,
    layout::{Position, Rect},
};
use std::sync::Arc;

pub use as_command::as_command;
pub use commands::{COMMANDS, LoadCommand};
pub use history::{COMMANDS as HISTORY_COMMANDS, HistoryCommand};

/// What the body shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// The form of a new test.
    Form,
    /// The run that is watched.
    Run,
    /// Results of this workspace.
    History,
}

/// The Load tab.
#[derive(Debug)]
pub struct Load {
    servers: Arc<[Server]>,
    profiles: Vec<Profile>,
    form: Form,
    /// The field under the cursor is being typed into.
    editing: Option<TextInput>,
    /// The row of the list of profiles, while it is open.
    choosing: Option<usize>,
    run: Option<Watched>,
    history: Box<History>,
    view: View,
    panel: Panel,
    /// The panel under the cursor fills the body.
    enlarged: bool,
    /// A start was asked for and not yet answered.
    starting: bool,
    /// What the watched run was asked last.
    asked: Option<Steer>,
    /// A person chose the target: a server that becomes ready does not take its place.
    aimed: bool,
}

impl Default for Load {
    /// The tab with the profiles of the program itself.
    fn default() -> Self {
        Self::new(profiles::built_in())
    }
}

impl Load {
    /// The tab with these load tests to choose from, by name; the form starts with `quick`, or with the first.
    #[must_use]
    pub fn new(profiles: Vec<(String, LoadSpec)>) -> Self {
        let start = profiles.iter().find(|(name, _)| name == "quick").or(profiles.first());
        let form = start.map_or_else(|| Form::new("load", &profiles::bare()), |(name, spec)| Form::new(name, spec));
        Self {
            servers: Arc::from([]),
            form,
            profiles: profiles.into_iter().map(|(name, spec)| Profile { name, spec }).collect(),
            editing: None,
            choosing: None,
            run: None,
            history: Box::default(),
            view: View::Form,
            panel: Panel::Ttft,
            enlarged: false,
            starting: false,
            asked: None,
            aimed: false,
        }
    }

    /// A run that still measures.
    fn under_way(&self) -> Option<&Watched> {
        self.run.as_ref().filter(|run| !run.ended())
    }

    fn why_no_start(&self) -> Option<Said> {
        if self.starting {
            return Some(said!("the run is starting", "正在启动"));
        }
        if self.under_way().is_some() {
            return Some(said!("a run is under way: X stops it, d drains it", "已有压测在运行：X 停止，d 排空"));
        }
        let (field, fault) = self.form.first_fault()?;
        let label = form_view::label(field);
        Some(Said {
            en: format!("{}: {}", label.en.trim_end_matches([' ', '≤']), fault.en),
            zh: format!("{}：{}", label.zh.trim_end_matches([' ', '≤']), fault.zh),
        })
    }

    fn why_no_steer(&self, wanted: Steer) -> Option<Text> {
        match (self.under_way(), &self.asked) {
            (None, _) => Some(text!("nothing runs", "没有运行中的压测")),
            (Some(_), Some(Steer::Stop)) => Some(text!("it is stopping", "正在停止")),
            (Some(run), asked) if wanted == Steer::Drain && (asked.is_some() || run.now.phase == Phase::Draining) => {
                Some(text!("it is draining", "正在排空"))
            }
            (Some(_), _) => None,
        }
    }

    fn start(&mut self) -> Vec<Effect> {
        let Some(spec) = self.form.spec() else { return Vec::new() };
        let url = spec.target.url.clone();
        let start = Effect::Start(Box::new(spec));
        if is_loopback(&url) {
            self.starting = true;
            return vec![start, Effect::Redraw];
        }
        let what = self.form.estimate().unwrap_or_else(|| Said::same(""));
        let ask = Said {
            en: format!("Put load on {url}, which is not this machine? ({})", what.en),
            zh: format!("要对 {url} 施加压力吗？它不是本机。（{}）", what.zh),
        };
        vec![Effect::Confirm { ask, then: vec![start] }]
    }

    fn begin_editing(&mut self) {
        self.aimed |= self.form.cursor == Field::Target;
        self.editing = Some(TextInput::new(self.form.text(self.form.cursor)));
    }

    /// The text input's words go into the form.
    fn keep_typed(&mut self) {
        if let Some(input) = &self.editing {
            self.form.set(self.form.cursor, input.text());
        }
    }

    fn on_form(&mut self, command: Command) -> Vec<Effect> {
        match command {
            Command::Down => self.form.step(1),
            Command::Up => self.form.step(-1),
            Command::Top => self.form.cursor = Field::Target,
            Command::Bottom => self.form.cursor = Field::E2el,
            Command::Left | Command::Right => {
                self.aimed |= self.form.cursor == Field::Target;
                if !self.form.choose(&self.servers, command == Command::Right) {
                    return Vec::new();
                }
            }
            Command::Open | Command::Load(LoadCommand::Edit) => {
                if self.form.cursor == Field::Api {
                    self.form.choose(&self.servers, true);
                } else {
                    self.begin_editing();
                }
            }
            Command::CopyCommand => return self.form.spec().map(|spec| Effect::Copy(as_command(&spec))).into_iter().collect(),
            Command::Back if self.run.is_some() => self.view = View::Run,
            _ => return Vec::new(),
        }
        vec![Effect::Redraw]
    }

    fn on_profiles(&mut self, row: usize, command: Command) -> Vec<Effect> {
        let last = self.profiles.len().saturating_sub(1);
        self.choosing = match command {
            Command::Down => Some((row + 1).min(last)),
            Command::Up => Some(row.saturating_sub(1)),
            Command::Top => Some(0),
            Command::Bottom => Some(last),
            Command::Open => {
                if let Some(profile) = self.profiles.get(row) {
                    self.form.apply(&profile.name, &profile.spec);
                }
                None
            }
            _ => None,
        };
        vec![Effect::Redraw]
    }

    fn on_run(&mut self, command: Command) -> Vec<Effect> {
        match command {
            Command::Left => self.panel = self.panel.beside(-1),
            Command::Right => self.panel = self.panel.beside(1),
            Command::Up => self.panel = self.panel.above(),
            Command::Down => self.panel = self.panel.below(),
            Command::Top => self.panel = Panel::Ttft,
            Command::Bottom => self.panel = Panel::Events,
            Command::Open => self.enlarged = !self.enlarged,
            Command::Back if self.enlarged => self.enlarged = false,
            Command::Back | Command::Load(LoadCommand::Edit) => {
                self.enlarged = false;
                self.view = View::Form;
            }
            Command::CopyRow => return self.run.iter().map(|run| Effect::Copy(copied::row(run, self.panel))).collect(),
            Command::CopyPanel => return self.run.iter().map(|run| Effect::Copy(copied::rows(run))).collect(),
            Command::CopyCommand => return self.run.iter().map(|run| Effect::Copy(as_command(&run.spec))).collect(),
            _ => return Vec::new(),
        }
        vec![Effect::Redraw]
    }

    fn steer(&mut self, how: Steer) -> Vec<Effect> {
        self.asked = Some(how.clone());
        let said = match &how {
            Steer::Stop => said!("asked the run to stop; what was measured is kept", "已要求停止；已测得的结果保留"),
            Steer::Drain => said!("asked the run to drain: what is under way is awaited", "已要求排空：等待在途请求结束"),
            _ => Said::same(""),
        };
        vec![Effect::Steer(how), Effect::Tell(said)]
    }

    fn on_servers(&mut self, servers: &Arc<[Server]>) -> Vec<Effect> {
        if *servers == self.servers {
            return Vec::new();
        }
        self.servers = Arc::clone(servers);
        // The engine in this binary comes first; the form follows it until a person has chosen.
        let best = servers
            .iter()
            .filter(|server| server.url.is_some())
            .min_by_key(|server| (!server.state.ready(), !server.embedded))
            .filter(|_| !self.aimed);
        if let Some(server) = best {
            self.form.aim(server);
        }
        if self.view == View::Form { vec![Effect::Redraw] } else { Vec::new() }
    }

    fn on_bench(&mut self, news: &Bench) -> Vec<Effect> {
        let changed = match news {
            Bench::Watching { job, spec } => {
                self.run = Some(Watched::new(job.to_string(), (**spec).clone()));
                (self.starting, self.asked, self.enlarged, self.view) = (false, None, false, View::Run);
                true
            }
            Bench::Refused(problem) => {
                (self.starting, self.asked) = (false, None);
                let tell = |lang| problem.sentence(lang);
                return vec![Effect::Complain(Said { en: tell(crate::base::Lang::En), zh: tell(crate::base::Lang::Zh) })];
            }
            Bench::Snapshot { job, snapshot } => self.watched(job).is_some_and(|run| run.snapshot(snapshot)),
            Bench::Fact { job, fact } => self.watched(job).is_some_and(|run| run.fact(fact)),
            Bench::Dropped { job, count } => self.watched(job).is_some_and(|run| run.dropped(*count)),
            Bench::Gone { job, .. } => self.watched(job).is_some_and(Watched::gone),
        };
        let mut effects = if changed && self.view == View::Run { vec![Effect::Redraw] } else { Vec::new() };
        // Its process is gone: what it measured is on disk.
        if let (Bench::Gone { job, .. }, Some(run)) = (news, &self.run)
            && run.id == **job
        {
            effects.extend(self.history.ended(&run.now.result_dir));
        }
        effects
    }

    /// The history was left for the form, or for what was shown before.
    fn left_history(&mut self, step: Step) -> Vec<Effect> {
        match step.leave {
            None => {}
            Some(Leave::Back) => self.view = if self.run.is_some() { View::Run } else { View::Form },
            Some(Leave::Form(spec)) => {
                self.form.apply(&spec.name, &spec);
                // Its target is what was asked then: a server that becomes ready does not take its place.
                self.aimed = !spec.target.url.is_empty();
                (self.view, self.choosing, self.editing) = (View::Form, None, None);
            }
        }
        step.effects
    }

    /// The area of a watched run: the last row tells how one that ended stands against the last comparable, once that is known.
    fn run_area(&self, area: Rect) -> Rect {
        let ended = self.run.as_ref().filter(|run| run.ended() && self.view == View::Run);
        let known = ended.is_some_and(|run| self.history.regression(&run.now.result_dir).is_some());
        Rect { height: area.height.saturating_sub(u16::from(known && area.height > 10)), ..area }
    }

    fn watched(&mut self, job: &str) -> Option<&mut Watched> {
        self.run.as_mut().filter(|run| run.id == job)
    }
}

impl Tab for Load {
    fn id(&self) -> TabId {
        TabId::Load
    }

    fn commands(&self) -> Vec<Live> {
        use Command as C;
        let own = |command| C::Load(command);
        if self.choosing.is_some() && self.view != View::History {
            return [C::Open, C::Down, C::Up, C::Top, C::Bottom, C::Back].map(Live::ready).to_vec();
        }
        let start = Live::unless(own(LoadCommand::Start), self.why_no_start());
        let stop = Live::unless(own(LoadCommand::Stop), self.why_no_steer(Steer::Stop));
        let drain = Live::unless(own(LoadCommand::Drain), self.why_no_steer(Steer::Drain));
        let moves = [C::Left, C::Right, C::Down, C::Up, C::Top, C::Bottom].map(Live::ready);
        let mut live = match self.view {
            View::Form => {
                let wrong = self.form.first_fault().map(|_| text!("a field is wrong", "有字段有误"));
                let mut live = vec![
                    start,
                    Live::ready(own(LoadCommand::Edit)),
                    Live::ready(own(LoadCommand::Profiles)),
                    Live::unless(C::CopyCommand, wrong),
                    Live::ready(C::Open),
                ];
                if self.run.is_some() {
                    live.extend([Live::ready(C::Back), stop, drain]);
                }
                live
            }
            View::History => return self.history.commands(),
            View::Run if self.under_way().is_some() => vec![
                stop,
                drain,
                Live::ready(C::Open),
                Live::ready(C::CopyRow),
                Live::ready(C::CopyPanel),
                Live::ready(C::CopyCommand),
                Live::ready(own(LoadCommand::Edit)),
                Live::ready(C::Back),
                start,
            ],
            View::Run => vec![
                start,
                Live::ready(own(LoadCommand::Edit)),
                Live::ready(C::Open),
                Live::ready(C::CopyRow),
                Live::ready(C::CopyPanel),
                Live::ready(C::CopyCommand),
                Live::ready(C::Back),
                stop,
                drain,
            ],
        };
        live.push(Live::ready(C::History(HistoryCommand::Show)));
        live.extend(moves);
        live
    }

    fn command(&mut self, command: Command) -> Vec<Effect> {
        if self.view == View::History {
            let step = self.history.command(command);
            return self.left_history(step);
        }
        if let Some(row) = self.choosing {
            return self.on_profiles(row, command);
        }
        match command {
            Command::History(HistoryCommand::Show) => {
                self.view = View::History;
                self.history.show()
            }
            Command::Load(LoadCommand::Start) => self.start(),
            Command::Load(LoadCommand::Stop) => self.steer(Steer::Stop),
            Command::Load(LoadCommand::Drain) => self.steer(Steer::Drain),
            Command::Load(LoadCommand::Profiles) => {
                let here = self.profiles.iter().position(|profile| profile.name == self.form.profile);
                (self.choosing, self.view) = (Some(here.unwrap_or(0)), View::Form);
                vec![Effect::Redraw]
            }
            _ if self.view == View::Form => self.on_form(command),
            _ => self.on_run(command),
        }
    }

    fn news(&mut self, news: &News) -> Vec<Effect> {
        match news {
            News::Servers(servers) => self.on_servers(servers),
            News::Bench(news) => self.on_bench(news),
            News::Jobs(jobs) => self.history.jobs(jobs),
            News::Results(told) => {
                let mut effects = self.history.told(told);
                // Only what is on screen asks for a frame.
                let shown = self.view == View::History || matches!(**told, Told::Regression { .. });
                effects.retain(|effect| shown || *effect != Effect::Redraw);
                effects
            }
        }
    }

    fn field(&mut self) -> Option<&mut TextInput> {
        if self.view == View::History {
            return self.history.field();
        }
        self.editing.as_mut()
    }

    fn typed(&mut self, typed: Typed) -> Vec<Effect> {
        if self.view == View::History {
            return self.history.typed(typed);
        }
        self.keep_typed();
        match typed {
            Typed::Changed | Typed::Moved => {}
            Typed::Done | Typed::Left => self.editing = None,
            Typed::Next | Typed::Previous => {
                let by = if typed == Typed::Next { 1 } else { -1 };
                self.form.step(by);
                // A choice is not typed: past it.
                if self.form.cursor == Field::Api {
                    self.form.step(by);
                }
                self.begin_editing();
            }
        }
        vec![Effect::Redraw]
    }

    fn explain(&self) -> Option<Explained> {
        if self.view == View::History {
            return self.history.explain();
        }
        let run = self.run.as_ref().filter(|_| self.view == View::Run && self.choosing.is_none())?;
        Some(Explained { title: self.panel.long_title().into(), rows: explain::explain(self.panel, run) })
    }

    fn click(&mut self, _: &Look, area: Rect, at: Position) -> Vec<Effect> {
        match self.view {
            View::History => return self.history.click(area, at),
            View::Run if !self.enlarged => match Layout::of(self.run_area(area)).panel_at(at) {
                Some(panel) if panel != self.panel => self.panel = panel,
                _ => return Vec::new(),
            },
            View::Form if self.choosing.is_none() && self.editing.is_none() => match form_view::field_at(&self.form, area, at.y) {
                Some(field) if field != self.form.cursor => self.form.cursor = field,
                _ => return Vec::new(),
            },
            _ => return Vec::new(),
        }
        vec![Effect::Redraw]
    }

    fn draw(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let area = area.intersection(frame.area());
        if area.is_empty() {
            return;
        }
        if self.view == View::History {
            return self.history.draw(look, frame, area);
        }
        let mut pen = Pen { buf: frame.buffer_mut(), look };
        let run_area = self.run_area(area);
        if run_area.height < area.height
            && let Some(against) = self.run.as_ref().and_then(|run| self.history.regression(&run.now.result_dir))
        {
            history::regression_row(against.as_deref(), area, run_area.height, &mut pen);
        }
        match (&self.run, self.view) {
            (Some(run), View::Run) if self.enlarged => zoom_view::draw(run, self.panel, run_area, &mut pen),
            (Some(run), View::Run) => run_view::draw(run, self.panel, run_area, &mut pen),
            _ if self.choosing.is_some() => {
                profiles_view::draw(&self.profiles, self.choosing.unwrap_or(0), area, &mut pen);
            }
            _ => {
                form_view::draw(&self.form, &self.servers, self.editing.is_some(), self.starting, area, &mut pen);
                if let Some(input) = &self.editing {
                    input.draw(look, frame, form_view::input_area(&self.form, area));
                }
            }
        }
    }
}
