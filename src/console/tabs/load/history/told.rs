//! What the history does with what was found.

use super::{CompareView, History, Level, RequestView, ResultView, name_of};
use crate::{
    base::{Lang, Said},
    console::{
        results::{Told, Wanted},
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
                self.done_waiting(|wanted| matches!(wanted, Wanted::Open { dir, .. } if *dir == opened.dir));
                match self.levels.last_mut() {
                    Some(Level::Result(view)) if view.dir() == opened.dir => view.renew(opened),
                    _ => self.levels.push(Level::Result(Box::new(ResultView::new(opened)))),
                }
            }
            Told::Regression { dir, against, .. } => {
                self.regressions.insert(dir.clone(), against.clone());
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
                match self.levels.last_mut() {
                    Some(Level::Request(view)) => view.renew(autopsy),
                    Some(Level::Result(view)) if view.dir() == autopsy.dir => {
                        self.levels.push(Level::Request(Box::new(RequestView::new(autopsy))));
                    }
                    _ => return Vec::new(),
                }
            }
            Told::Compared(compared) => {
                self.done_waiting(|wanted| matches!(wanted, Wanted::Compare(_)));
                self.levels.push(Level::Compare(Box::new(CompareView::new(compared))));
            }
            Told::Deleted(dir) => {
                self.done_waiting(|wanted| *wanted == Wanted::Delete(dir.clone()));
                self.levels.retain(|level| !matches!(level, Level::Result(view) if view.dir() == dir));
                self.list.forget(dir);
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

    fn done_waiting(&mut self, is: impl Fn(&Wanted) -> bool) {
        if self.waiting.as_ref().is_some_and(is) {
            self.waiting = None;
        }
    }
}
