//! All results of the workspace: the list, one result with its requests, one request, several results side by side.
//!
//! Levels lie over each other, Esc goes back one. Deliberately absent: files. What is wanted leaves as [`Effect::Results`], what was
//! found comes back as [`Told`](crate::console::results::Told).

mod autopsy;
mod commands;
mod compare;
mod list;
#[cfg(test)]
pub(in crate::console) mod made_up;
mod regression;
mod result;
#[cfg(test)]
mod tests;
mod told;
mod words;

use self::{autopsy::RequestView, compare::CompareView, list::ListView, result::ResultView};
use super::{LoadCommand, pen::Pen};
use crate::{
    base::Said,
    bench::spec::Spec,
    console::{
        command::Command,
        input::{TextInput, Typed},
        look::Look,
        news::JobRow,
        results::{Listed, Wanted},
        tab::{Effect, Explained, Live},
    },
    jobs, said, text,
};
use ratatui::{
    Frame,
    layout::{Position, Rect},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use commands::{COMMANDS, HistoryCommand};
pub(super) use regression::Standing;

/// Rows that half a screen moves by.
const HALF: usize = 10;

/// What lies over the list.
#[derive(Debug, Clone)]
enum Level {
    Result(Box<ResultView>),
    Request(Box<RequestView>),
    Compare(Box<CompareView>),
}

/// What the tab does beyond the effects.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Leave {
    /// Back to where the history was opened from.
    Back,
    /// To the form, filled from this.
    Form(Box<Spec>),
}

/// What a command led to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Step {
    pub(super) effects: Vec<Effect>,
    pub(super) leave: Option<Leave>,
}

impl Step {
    fn redraw() -> Self {
        Self::of(vec![Effect::Redraw])
    }

    fn of(effects: Vec<Effect>) -> Self {
        Self { effects, leave: None }
    }
}

/// The history.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    list: ListView,
    levels: Vec<Level>,
    /// A filter is being typed.
    typing: Option<TextInput>,
    /// What is being read.
    waiting: Option<Wanted>,
    /// How results stand against their last comparable: asked for when a watched run ends.
    regressions: BTreeMap<PathBuf, Standing>,
    /// Load tests under way, by job: when one ends, the list is read again.
    running: Vec<String>,
}

impl History {
    /// Shows the list, and asks for it anew.
    pub(super) fn show(&mut self) -> Vec<Effect> {
        self.levels.clear();
        self.ask(Wanted::List)
    }

    fn ask(&mut self, wanted: Wanted) -> Vec<Effect> {
        self.waiting = Some(wanted.clone());
        vec![Effect::Results(wanted), Effect::Redraw]
    }

    /// What is to be asked about the run in `dir` that has just ended, unless it was.
    pub(super) fn ended(&mut self, dir: &Path) -> Vec<Effect> {
        if dir.as_os_str().is_empty() || self.regressions.contains_key(dir) {
            return Vec::new();
        }
        vec![Effect::Results(Wanted::Regression(dir.to_path_buf()))]
    }

    /// How the result in `dir` stands against the last comparable; `None`: not known (yet).
    pub(super) fn regression(&self, dir: &Path) -> Option<&Standing> {
        self.regressions.get(dir)
    }

    /// The jobs are these; the list is read again when a load test began or ended since.
    pub(super) fn jobs(&mut self, jobs: &[JobRow]) -> Vec<Effect> {
        let bench = jobs.iter().filter(|job| job.kind == crate::bench::worker::KIND);
        let running: Vec<String> = bench.filter(|job| !jobs::State::ended(job.state)).map(|job| job.id.clone()).collect();
        if running == self.running && self.list.count().is_some() {
            return Vec::new();
        }
        self.running = running;
        vec![Effect::Results(Wanted::List)]
    }

    /// Commands live here now, most used first.
    pub(super) fn commands(&self) -> Vec<Live> {
        use Command as C;
        use HistoryCommand as H;
        let own = |command| C::History(command);
        let none: Option<Said> = self.list.here().is_none().then(|| said!("there is no result yet", "还没有结果"));
        let mut live = match self.levels.last() {
            None => vec![
                Live::unless(C::Open, none.clone()),
                Live::unless(own(H::Mark), none.clone()),
                Live::unless(own(H::Compare), none.clone().or_else(|| self.list.why_no_comparison())),
                Live::unless(C::Load(LoadCommand::Edit), none.clone().or_else(|| self.list.why_no_form())),
                Live::ready(own(H::Sort)),
                Live::ready(C::Search),
                Live::unless(own(H::Delete), none.clone().or_else(|| self.list.why_no_delete())),
                Live::ready(C::Back),
                Live::unless(C::CopyRow, none.clone()),
                Live::unless(C::CopyPanel, none.clone()),
                Live::unless(C::CopyCommand, none.or_else(|| self.list.why_no_form())),
                Live::ready(own(H::Show)),
            ],
            Some(Level::Result(view)) => view.commands(),
            Some(Level::Request(_)) => RequestView::commands(),
            Some(Level::Compare(view)) => view.commands(),
        };
        // What cannot be done now is not among the keys shown first.
        live.sort_by_key(|live| live.disabled.is_some());
        live.extend([C::Down, C::Up, C::PageDown, C::PageUp, C::Top, C::Bottom].map(Live::ready));
        live
    }

    /// Carries out a command.
    pub(super) fn command(&mut self, command: Command) -> Step {
        match command {
            Command::History(HistoryCommand::Show) => return Step::of(self.show()),
            Command::Back if self.levels.pop().is_some() => {
                self.waiting = None;
                return Step::redraw();
            }
            Command::Back => return Step { effects: vec![Effect::Redraw], leave: Some(Leave::Back) },
            Command::Search => {
                let filter = match self.levels.last() {
                    None => self.list.filter(),
                    Some(Level::Result(view)) => view.filter(),
                    Some(_) => return Step::default(),
                };
                self.typing = Some(TextInput::new(filter));
                return Step::redraw();
            }
            _ => {}
        }
        match self.levels.last_mut() {
            None => self.on_list(command),
            Some(Level::Result(view)) => {
                let step = view.command(command);
                self.note(&step);
                step
            }
            Some(Level::Request(view)) => {
                let neighbour = view.command(command);
                match neighbour {
                    Ok(by) if by != 0 => self.neighbour(by),
                    Ok(_) => Step::redraw(),
                    Err(step) => step,
                }
            }
            Some(Level::Compare(view)) => view.command(command),
        }
    }

    /// Remembers what a level asked for, so that the screen says what is being read.
    fn note(&mut self, step: &Step) {
        if let Some(Effect::Results(wanted)) = step.effects.iter().find(|effect| matches!(effect, Effect::Results(_))) {
            self.waiting = Some(wanted.clone());
        }
    }

    /// The request before or after the one that is looked at, in the order of the list below it.
    fn neighbour(&mut self, by: isize) -> Step {
        let below = self.levels.len().checked_sub(2).and_then(|at| self.levels.get_mut(at));
        let Some(Level::Result(view)) = below else { return Step::default() };
        let step = view.open_neighbour(by);
        self.note(&step);
        step
    }

    fn on_list(&mut self, command: Command) -> Step {
        use HistoryCommand as H;
        match command {
            Command::Open => match self.list.here() {
                Some(listed) if listed.entry.state == "running" => {
                    Step::of(vec![Effect::Results(Wanted::Watch(listed.entry.result_dir.clone()))])
                }
                Some(listed) => {
                    let dir = listed.entry.result_dir.clone();
                    Step::of(self.ask(Wanted::Open { dir, live: false }))
                }
                None => Step::default(),
            },
            Command::History(H::Compare) => match self.list.to_compare() {
                Some(dirs) => Step::of(self.ask(Wanted::Compare(dirs))),
                None => Step::default(),
            },
            Command::History(H::Delete) => self.list.here().map(|listed| Step::of(delete(listed))).unwrap_or_default(),
            Command::Load(LoadCommand::Edit) => match self.list.here().and_then(|listed| listed.entry.spec.clone()) {
                Some(spec) => Step { effects: vec![Effect::Redraw], leave: Some(Leave::Form(Box::new(spec))) },
                None => Step::default(),
            },
            Command::CopyRow => Step::of(self.list.row_text().map(Effect::Copy).into_iter().collect()),
            Command::CopyPanel => Step::of(vec![Effect::Copy(self.list.all_text())]),
            Command::CopyCommand => {
                let spec = self.list.here().and_then(|listed| listed.entry.spec.as_ref());
                Step::of(spec.map(|spec| Effect::Copy(super::as_command(spec))).into_iter().collect())
            }
            command => {
                self.list.command(command);
                Step::redraw()
            }
        }
    }

    /// The text field that has the keys.
    pub(super) fn field(&mut self) -> Option<&mut TextInput> {
        self.typing.as_mut()
    }

    /// The filter was typed into, or left.
    pub(super) fn typed(&mut self, typed: Typed) -> Vec<Effect> {
        let Some(text) = self.typing.as_ref().map(|field| field.text().to_owned()) else { return Vec::new() };
        // Esc takes the filter away, Enter keeps it.
        let text = if typed == Typed::Left { String::new() } else { text };
        if !matches!(typed, Typed::Changed | Typed::Moved) {
            self.typing = None;
        }
        let mut effects = match self.levels.last_mut() {
            None => {
                self.list.set_filter(&text);
                Vec::new()
            }
            Some(Level::Result(view)) => view.set_filter(&text),
            Some(_) => Vec::new(),
        };
        effects.push(Effect::Redraw);
        effects
    }

    /// What the cursor is on.
    pub(super) fn explain(&self) -> Option<Explained> {
        match self.levels.last() {
            None => self.list.explain(),
            Some(Level::Result(view)) => Some(view.explain()),
            Some(Level::Request(view)) => Some(view.explain()),
            Some(Level::Compare(view)) => view.explain(),
        }
    }

    /// A click.
    pub(super) fn click(&mut self, look: &Look, area: Rect, at: Position) -> Vec<Effect> {
        let moved = match self.levels.last_mut() {
            None => self.list.click(area, at),
            Some(Level::Result(view)) => view.click(look, area, at),
            Some(_) => false,
        };
        if moved { vec![Effect::Redraw] } else { Vec::new() }
    }

    /// Draws the level on top.
    pub(super) fn draw(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let waiting = self.waiting.as_ref().map(|wanted| match wanted {
            Wanted::Compare(_) => text!("comparing …", "比较中……"),
            _ => text!("reading …", "读取中……"),
        });
        let mut pen = Pen { buf: frame.buffer_mut(), look };
        match self.levels.last() {
            None => self.list.draw(waiting, area, &mut pen),
            Some(Level::Result(view)) => view.draw(waiting, area, &mut pen),
            Some(Level::Request(view)) => view.draw(waiting, area, &mut pen),
            Some(Level::Compare(view)) => view.draw(area, &mut pen),
        }
        if let Some(field) = &self.typing {
            let row = Rect { y: area.bottom().saturating_sub(1), height: 1.min(area.height), ..area };
            let prompt = format!(" / {} ", text!("filter", "过滤").get(look.lang));
            let mut pen = Pen { buf: frame.buffer_mut(), look };
            pen.left(row, 0, 0, row.width, &prompt, look.theme.accent);
            let x = super::pen::cells(&prompt).min(row.width);
            field.draw(look, frame, Rect { x: row.x + x, width: row.width - x, ..row });
        }
    }
}

/// The question before a result is removed.
fn delete(listed: &Listed) -> Vec<Effect> {
    let Listed { entry, when, .. } = listed;
    let (id, model) = (&entry.id, &entry.model);
    let dir = entry.result_dir.display().to_string();
    let ask = said!(
        "Delete the result {id} ({model}, {when})? Its folder {dir} is removed for good.",
        "删除结果 {id}（{model}，{when}）？其文件夹 {dir} 将被永久删除。"
    );
    vec![Effect::Confirm { ask, then: vec![Effect::Results(Wanted::Delete(entry.result_dir.clone()))] }]
}

fn name_of(dir: &Path) -> String {
    crate::base::clean(&dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()).into_owned()
}

/// The folder of the series that the result in `dir` is a cell of.
fn cell_of(dir: &Path) -> Option<&Path> {
    let cells = dir.parent()?;
    (cells.file_name()? == "cells").then(|| cells.parent())?
}

/// A rule line with a title at the left and a state at the right.
fn rule(title: &str, state: &str, area: Rect, y: u16, pen: &mut Pen<'_>) {
    let ink = &pen.look.theme;
    pen.rule(area, y);
    let state = if state.is_empty() { String::new() } else { format!(" {state} ") };
    let right = super::pen::cells(&state);
    let room = area.width.saturating_sub(right + 4);
    let title = dcudeck_widgets::text::fit(title, usize::from(room), pen.look.ascii).into_owned();
    pen.flow(area, 1, y, &format!(" {title} "), ink.strong);
    if right + 4 < area.width && right > 0 {
        pen.flow(area, area.width - right - 1, y, &state, ink.plain);
    }
}

/// `at` moved by a movement command within `len` rows; `None` when the command moves nothing.
fn moved(command: Command, at: usize, len: usize) -> Option<usize> {
    let last = len.saturating_sub(1);
    Some(match command {
        Command::Down => (at + 1).min(last),
        Command::Up => at.saturating_sub(1),
        Command::PageDown => (at + HALF).min(last),
        Command::PageUp => at.saturating_sub(HALF),
        Command::Top => 0,
        Command::Bottom => last,
        _ => return None,
    })
}

/// Shared, so that a list of thousands is not copied.
type Entries = Arc<[Listed]>;
