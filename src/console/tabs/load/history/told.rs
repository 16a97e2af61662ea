//! What the history does with what was found.

use super::{CompareView, History, Level, RequestView, ResultView, Standing, cell_of, name_of};
use crate::{
    base::{Lang, Said},
    console::{
        results::{Opened, Told, Wanted},
        tab::Effect,
    },
    said,
};

impl History {
    /// Takes in what was found; whether the picture of the history changed, and what to do.
    pub(in super::super) fn told(&mut self, told: &Told) -> Vec<Effect> {
        match told {
            Told::List(entries) => {
                self.done_waiting(|wanted| *wanted == Wanted::List);
                if !self.list.take(entries) {
                    return Vec::new();
                }
            }
            Told::Opened(opened) => {
                let awaited = self.done_waiting(|wanted| matches!(wanted, Wanted::Open { dir, .. } if *dir == opened.dir));
                let standing = self.standing(opened);
                match self.levels.last_mut() {
                    Some(Level::Result(view)) if view.dir() == opened.dir => view.renew(opened),
                    // Whoever asked has gone on meanwhile.
                    _ if !awaited => return Vec::new(),
                    _ => self.levels.push(Level::Result(Box::new(ResultView::new(opened, standing.clone())))),
                }
                if matches!(standing, Standing::Awaited(_)) {
                    return vec![Effect::Results(Wanted::Regression(opened.dir.clone())), Effect::Redraw];
                }
            }
            Told::Regression { dir, against, .. } => {
                let standing = Standing::found(against.as_deref());
                for level in &mut self.levels {
                    if let Level::Result(view) = level
                        && view.dir() == dir
                    {
                        view.stands(standing.clone());
                    }
                }
                self.regressions.insert(dir.clone(), standing);
            }
            Told::Requests(requests) => {
                self.done_waiting(|wanted| matches!(wanted, Wanted::Requests { dir, .. } if *dir == requests.dir));
                let mut results =
                    self.levels.iter_mut().filter_map(|level| if let Level::Result(view) = level { Some(view) } else { None });
                if !results.any(|view| view.take(requests)) {
                    return Vec::new();
                }
            }
            Told::Autopsy(autopsy) => {
                self.done_waiting(|wanted| matches!(wanted, Wanted::Autopsy { .. }));
                let below = self.levels.iter().rev().find_map(|level| if let Level::Result(view) = level { Some(view) } else { None });
                let place = below.and_then(|view| view.place());
                match self.levels.last_mut() {
                    Some(Level::Request(view)) => view.renew(autopsy, place),
                    Some(Level::Result(view)) if view.dir() == autopsy.dir => {
                        self.levels.push(Level::Request(Box::new(RequestView::new(autopsy, place))));
                    }
                    _ => return Vec::new(),
                }
            }
            Told::Compared(compared) => {
                if !self.done_waiting(|wanted| matches!(wanted, Wanted::Compare(_))) {
                    return Vec::new();
                }
                self.levels.push(Level::Compare(Box::new(CompareView::new(compared))));
            }
            Told::Deleted(dir) => {
                self.done_waiting(|wanted| *wanted == Wanted::Delete(dir.clone()));
                self.levels.retain(|level| !matches!(level, Level::Result(view) if view.dir() == dir));
                self.list.forget(dir);
                // What others were held against may be gone.
                self.regressions.clear();
                let name = name_of(dir);
                return vec![Effect::Tell(said!("deleted {name}", "已删除 {name}")), Effect::Results(Wanted::List), Effect::Redraw];
            }
            Told::Refused { wanted, problem } => {
                self.done_waiting(|waiting| waiting == wanted);
                let told = Said { en: problem.sentence(Lang::En), zh: problem.sentence(Lang::Zh) };
                match wanted {
                    // Nobody asked by hand: the log has it.
                    Wanted::Regression(_) => {
                        tracing::warn!("{problem}");
                        return Vec::new();
                    }
                    Wanted::List => {
                        self.list.refused(told.clone());
                        tracing::warn!("{problem}");
                    }
                    _ => return vec![Effect::Complain(told)],
                }
            }
        }
        vec![Effect::Redraw]
    }

    /// Takes note that what `is` was found; false: nobody waits for it.
    fn done_waiting(&mut self, is: impl Fn(&Wanted) -> bool) -> bool {
        let was = self.waiting.as_ref().is_some_and(is);
        if was {
            self.waiting = None;
        }
        was
    }

    /// How a result that was opened stands against the last comparable one, as far as that is known.
    fn standing(&self, opened: &Opened) -> Standing {
        if let Some(series) = cell_of(&opened.dir) {
            return Standing::Cell(name_of(series));
        }
        if let Some(known) = self.regressions.get(&opened.dir) {
            return known.clone();
        }
        let base = self.list.of(&opened.dir).and_then(|listed| self.list.of(listed.base.as_deref()?));
        base.map_or(Standing::First, |base| Standing::Awaited(Box::new(base.clone())))
    }
}
