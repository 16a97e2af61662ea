//! Load tests: the form of a new one, and the run that is watched.
//!
//! The hero are three histograms, TTFT, TPOT and ITL, with their percentiles marked and the goal as a line. Deliberately
//! absent: processes, sockets and files. What is to be done leaves as [`Effect`]s, what was done comes back as [`News`].

mod as_command;
mod commands;
mod copied;
mod drawn;
mod event;
mod explain;
mod field_help;
mod form;
mod form_view;
mod heat;
pub(in crate::console) mod history;
mod layout;
mod lists_view;
#[cfg(test)]
pub(in crate::console) mod made_up;
mod panel;
mod parse;
mod pen;
mod picture;
mod plan;
mod profiles;
mod profiles_view;
mod run_view;
mod series_view;
mod servers;
mod steering;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod watched;
mod words;
mod zoom_view;

use self::{
    form::{Field, Form},
    history::{History, Leave},
    layout::Layout,
    panel::{Focus, Panel},
    parse::is_loopback,
    pen::Pen,
    profiles::Profile,
    series_view::Step,
    steering::Going,
    watched::Watched,
};
use crate::{
    base::Said,
    bench::{live::Steer, spec::Spec as LoadSpec},
    console::{
        command::Command,
        input::{TextInput, Typed},
        look::Look,
        news::{Bench, News, Server},
        results::{Told, Wanted},
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
    focus: Focus,
    /// The panel under the cursor fills the body.
    enlarged: bool,
    /// A start was asked for and not yet answered.
    starting: bool,
    /// What the watched run was asked last.
    asked: Option<Steer>,
    /// Users or rate asked for and not yet seen.
    going: Going,
    /// A note for the time axis is being typed.
    note: Option<TextInput>,
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
            focus: Focus::default(),
            enlarged: false,
            starting: false,
            asked: None,
            going: Going::default(),
            note: None,
            aimed: false,
        }
    }

    fn steering(&self, command: LoadCommand) -> Live {
        Live::unless(Command::Load(command), self.why_not(command))
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

    fn start(&mut self) -> Vec<Effect> {
        let Some(spec) = self.form.spec() else { return Vec::new() };
        let url = spec.target.url.clone();
        let load = match (&spec.load, &spec.matrix, &spec.search) {
            (_, Some(_), _) => format!("{} ({})", self.form.text(Field::CellLoad), self.form.text(Field::Series)),
            (_, _, Some(_)) => format!("{} ({})", self.form.text(Field::Range), self.form.text(Field::Series)),
            (crate::bench::spec::Load::Concurrency(users), ..) => format!("c {users}"),
            _ => self.form.text(Field::Load).to_owned(),
        };
        let start = Effect::Start(Box::new(spec));
        if is_loopback(&url) {
            self.starting = true;
            return vec![start, Effect::Redraw];
        }
        let what = self.form.estimate().unwrap_or_else(|| Said::same(""));
        let ask = Said {
            en: format!("Put a load of {load} on {url}, which is not this machine? ({})", what.en),
            zh: format!("要对 {url} 施加 {load} 的负载吗？它不是本机。（{}）", what.zh),
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
            Command::Bottom => self.form.cursor = self.form.fields().last().copied().unwrap_or(Field::Series),
            Command::Left | Command::Right => {
                self.aimed |= self.form.cursor == Field::Target;
                if !self.form.choose(&self.servers, command == Command::Right) {
                    return Vec::new();
                }
            }
            Command::Open | Command::Load(LoadCommand::Edit) => {
                if self.form.cursor.choices().is_empty() {
                    self.begin_editing();
                } else {
                    self.form.choose(&self.servers, true);
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
        if self.focus.panel == Panel::Series && self.on_cells(command) {
            return vec![Effect::Redraw];
        }
        let Some(run) = &self.run else { return Vec::new() };
        let focus = &mut self.focus;
        match command {
            Command::Left => focus.go(focus.panel.beside(-1, run)),
            Command::Right => focus.go(focus.panel.beside(1, run)),
            Command::Up => focus.go(focus.panel.above()),
            Command::Down => focus.go(focus.panel.below(focus.shared(run))),
            Command::Top => focus.go(Panel::Ttft),
            Command::Bottom => focus.go(Panel::Events),
            Command::Load(LoadCommand::Metric) => match focus.panel {
                Panel::Series => focus.cell_metric = focus.cell_metric.next(),
                Panel::Heat => focus.heat = focus.heat.other(),
                _ => focus.go(Panel::Heat),
            },
            Command::Open => self.enlarged = !self.enlarged,
            Command::Back if self.enlarged => self.enlarged = false,
            Command::Back | Command::Load(LoadCommand::Edit) => {
                self.enlarged = false;
                self.view = View::Form;
            }
            Command::CopyRow => return vec![Effect::Copy(copied::row(run, focus.panel))],
            Command::CopyPanel => return vec![Effect::Copy(copied::rows(run))],
            Command::CopyCommand => return vec![Effect::Copy(as_command(&run.spec))],
            _ => return Vec::new(),
        }
        vec![Effect::Redraw]
    }

    /// Moves over the cells of a series; false where that would leave them, or moves nothing.
    fn on_cells(&mut self, command: Command) -> bool {
        let Some(series) = self.run.as_ref().and_then(|run| run.now.series.as_ref()) else { return false };
        let (right, down) = match command {
            Command::Left => (-1, 0),
            Command::Right => (1, 0),
            Command::Up => (0, -1),
            Command::Down => (0, 1),
            _ => return false,
        };
        let moved = Step::moved(series, self.focus.cell, right, down);
        if moved.is_some() {
            self.focus.cell = moved;
        }
        // Down from the last row stays; else the next panel takes over, unless this one fills the body.
        moved.is_some() || self.enlarged || command == Command::Down
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
                (self.going, self.note, self.focus) = (Going::default(), None, Focus::default());
                true
            }
            Bench::Refused(problem) => {
                (self.starting, self.asked) = (false, None);
                let tell = |lang| problem.sentence(lang);
                return vec![Effect::Complain(Said { en: tell(crate::base::Lang::En), zh: tell(crate::base::Lang::Zh) })];
            }
            Bench::Snapshot { job, snapshot } => self.on_snapshot(job, snapshot),
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
    fn left_history(&mut self, step: history::Step) -> Vec<Effect> {
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

    /// The area of a watched run: the last rows tell how one that ended stands against the last comparable, once that is known.
    fn run_area(&self, area: Rect) -> Rect {
        let ended = self.run.as_ref().filter(|run| run.ended() && self.view == View::Run);
        let standing = ended.and_then(|run| self.history.regression(&run.now.result_dir)).filter(|_| area.height > 10);
        Rect { height: area.height.saturating_sub(standing.map_or(0, |standing| standing.rows(area.height))), ..area }
    }

    fn on_snapshot(&mut self, job: &str, snapshot: &crate::bench::live::Snapshot) -> bool {
        let changed = self.watched(job).is_some_and(|run| run.snapshot(snapshot));
        if let Some(run) = &self.run {
            self.going.arrived(run);
        }
        changed
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
        let stop = Live::unless(own(LoadCommand::Stop), self.why_no_end(&Steer::Stop));
        let drain = Live::unless(own(LoadCommand::Drain), self.why_no_end(&Steer::Drain));
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
                self.steering(LoadCommand::MoreUsers),
                self.steering(LoadCommand::Faster),
                self.steering(LoadCommand::Pause),
                drain,
                self.steering(LoadCommand::Annotate),
                Live::ready(own(LoadCommand::Metric)),
                stop,
                self.steering(LoadCommand::SkipCell),
                self.steering(LoadCommand::RerunCell),
                self.steering(LoadCommand::EndCell),
                self.steering(LoadCommand::FewerUsers),
                self.steering(LoadCommand::Slower),
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
                Live::ready(own(LoadCommand::Metric)),
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
        // What makes no sense for this run is not among the keys shown first.
        live.sort_by_key(|live| live.disabled.is_some() && matches!(live.command, C::Load(_)) && self.view == View::Run);
        live.extend(moves);
        live
    }

    fn command(&mut self, command: Command) -> Vec<Effect> {
        if self.view == View::History {
            let step = self.history.command(command);
            // What is asked to be watched may be watched already: nobody tells it again.
            let watched = |dir: &std::path::Path| self.run.as_ref().is_some_and(|run| run.writes_to(dir));
            if step.effects.iter().any(|effect| matches!(effect, Effect::Results(Wanted::Watch(dir)) if watched(dir))) {
                self.view = View::Run;
                return vec![Effect::Redraw];
            }
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
            Command::Load(LoadCommand::Annotate) => {
                self.note = Some(TextInput::default());
                vec![Effect::Redraw]
            }
            Command::Load(
                steer @ (LoadCommand::Stop
                | LoadCommand::Drain
                | LoadCommand::MoreUsers
                | LoadCommand::FewerUsers
                | LoadCommand::Faster
                | LoadCommand::Slower
                | LoadCommand::Pause
                | LoadCommand::SkipCell
                | LoadCommand::EndCell
                | LoadCommand::RerunCell),
            ) => self.steered(steer),
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
                if let (Told::Regression { dir, ci95, .. }, Some(run)) = (&**told, &mut self.run)
                    && run.now.result_dir == *dir
                {
                    run.ci95.clone_from(ci95);
                }
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
        self.note.as_mut().or(self.editing.as_mut())
    }

    fn typed(&mut self, typed: Typed) -> Vec<Effect> {
        if self.view == View::History {
            return self.history.typed(typed);
        }
        if self.note.is_some() {
            return match typed {
                Typed::Done => self.send_note(),
                Typed::Left => {
                    self.note = None;
                    vec![Effect::Redraw]
                }
                _ => vec![Effect::Redraw],
            };
        }
        self.keep_typed();
        match typed {
            Typed::Changed | Typed::Moved => {}
            Typed::Done | Typed::Left => self.editing = None,
            Typed::Next | Typed::Previous => {
                let by = if typed == Typed::Next { 1 } else { -1 };
                self.form.step(by);
                // A choice is not typed: past it.
                if !self.form.cursor.choices().is_empty() {
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
        if self.view == View::Form && self.choosing.is_none() {
            return Some(field_help::explained(self.form.cursor));
        }
        let run = self.run.as_ref().filter(|_| self.view == View::Run && self.choosing.is_none())?;
        Some(Explained { title: self.focus.panel.long_title().into(), rows: explain::explain(self.focus.panel, run) })
    }

    fn click(&mut self, look: &Look, area: Rect, at: Position) -> Vec<Effect> {
        match self.view {
            View::History => return self.history.click(look, area, at),
            View::Run if !self.enlarged => {
                let Some(run) = &self.run else { return Vec::new() };
                match Layout::of(self.run_area(area), run_view::wanted(run, &self.focus)).panel_at(at) {
                    Some(panel) if panel != self.focus.panel => self.focus.go(panel),
                    _ => return Vec::new(),
                }
            }
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
            && let Some(standing) = self.run.as_ref().and_then(|run| self.history.regression(&run.now.result_dir))
        {
            standing.draw(area, run_area.height, area.height - run_area.height, &mut pen);
        }
        match (&self.run, self.view) {
            (Some(run), View::Run) => {
                if self.enlarged {
                    zoom_view::draw(run, &self.focus, run_area, &mut pen);
                } else {
                    run_view::draw(run, &self.focus, run_area, &mut pen);
                }
                if let Some(note) = &self.note {
                    let field = run_view::note_line(area, &mut pen);
                    note.draw(look, frame, field);
                }
            }
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
