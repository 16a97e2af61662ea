//! Load tests: the form of a new one, and the run that is watched.
//!
//! The hero are three histograms, TTFT, TPOT and ITL, with their percentiles marked and the goal as a line. Deliberately
//! absent: processes, sockets and files. What is to be done leaves as [`Effect`]s, what was done comes back as [`News`].

mod act;
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
mod live;
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
    form::Form,
    history::{History, Leave},
    layout::Layout,
    panel::{Focus, Panel},
    pen::Pen,
    profiles::Profile,
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
        results::Told,
        tab::{Effect, Explained, Live, Tab, TabId},
    },
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
        self.live()
    }

    fn command(&mut self, command: Command) -> Vec<Effect> {
        self.act(command)
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
        self.on_typed(typed)
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
