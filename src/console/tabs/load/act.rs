//! What each key does: in the form, over the list of profiles, on a run, while a text is typed.

use super::{
    Effect, HistoryCommand, Load, LoadCommand, TextInput, Typed, View, as_command, copied, form::Field, panel::Panel, parse::is_loopback,
    series_view::Step,
};
use crate::{
    base::Said,
    console::{command::Command, results::Wanted},
};

impl Load {
    /// Carries out `command`.
    pub(super) fn act(&mut self, command: Command) -> Vec<Effect> {
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

    /// What typing into a field comes to.
    pub(super) fn on_typed(&mut self, typed: Typed) -> Vec<Effect> {
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
}
