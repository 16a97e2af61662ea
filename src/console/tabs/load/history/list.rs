//! The list of all results: filter, order, marks, and what of the one under the cursor is told.

mod view;

use super::{Entries, HistoryCommand, moved, rule, words};
use crate::{
    base::Said,
    console::{command::Command, results::Listed, tab::Explained, tabs::load::words::asked},
    said, text,
};
use dcudeck_widgets::table::row_at;
use ratatui::layout::{Position, Rect};
use std::{
    cmp::Ordering,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum By {
    #[default]
    When,
    Model,
    Ttft,
    Tpot,
    Throughput,
    Goodput,
}

impl By {
    const ALL: [Self; 6] = [Self::When, Self::Model, Self::Ttft, Self::Tpot, Self::Throughput, Self::Goodput];

    fn next(self) -> Self {
        let at = Self::ALL.iter().position(|&by| by == self).unwrap_or(0);
        Self::ALL.get((at + 1) % Self::ALL.len()).copied().unwrap_or_default()
    }

    /// Its column in the table.
    const fn column(self) -> usize {
        match self {
            Self::When => 1,
            Self::Model => 2,
            Self::Ttft => 5,
            Self::Tpot => 6,
            Self::Throughput => 7,
            Self::Goodput => 8,
        }
    }

    const fn key(self) -> Option<&'static str> {
        match self {
            Self::When | Self::Model => None,
            Self::Ttft => Some("p99_ttft_ms"),
            Self::Tpot => Some("median_tpot_ms"),
            Self::Throughput => Some("output_throughput"),
            Self::Goodput => Some("goodput"),
        }
    }
}

/// The list.
#[derive(Debug, Clone, Default)]
pub(super) struct ListView {
    /// `None` until it was read.
    entries: Option<Entries>,
    /// Why it could not be read.
    trouble: Option<Said>,
    filter: String,
    by: By,
    /// Those that pass the filter, in their order, by their place in `entries`.
    rows: Vec<usize>,
    /// Which of them the cursor is on.
    cursor: usize,
    /// Marked for a comparison, in the order of marking.
    marked: Vec<PathBuf>,
}

impl ListView {
    pub(super) fn count(&self) -> Option<usize> {
        self.entries.as_ref().map(|entries| entries.len())
    }

    /// Takes the list in; false when it is the same. The cursor stays on its result.
    pub(super) fn take(&mut self, entries: &Entries) -> bool {
        if self.trouble.is_none() && self.entries.as_ref() == Some(entries) {
            return false;
        }
        let here = self.here().map(|listed| listed.entry.result_dir.clone());
        self.trouble = None;
        self.entries = Some(Arc::clone(entries));
        self.marked.retain(|dir| entries.iter().any(|listed| listed.entry.result_dir == *dir));
        self.stay_on(here.as_deref());
        true
    }

    pub(super) fn refused(&mut self, why: Said) {
        self.trouble = Some(why);
    }

    /// The result in `dir` is gone.
    pub(super) fn forget(&mut self, dir: &Path) {
        self.marked.retain(|marked| marked != dir);
        if let Some(entries) = &self.entries {
            self.entries = Some(entries.iter().filter(|listed| listed.entry.result_dir != dir).cloned().collect());
        }
        self.stay_on(None);
    }

    /// Arranges the rows anew and keeps the cursor on the result in `dir`, where it is still shown.
    fn stay_on(&mut self, dir: Option<&Path>) {
        self.rows = self.arranged();
        let at = (0..self.rows.len()).find(|&at| self.get(at).map(|listed| listed.entry.result_dir.as_path()) == dir && dir.is_some());
        self.cursor = at.unwrap_or_else(|| self.cursor.min(self.rows.len().saturating_sub(1)));
    }

    /// The results that pass the filter, in their order, by their place.
    fn arranged(&self) -> Vec<usize> {
        let Some(entries) = &self.entries else { return Vec::new() };
        let words: Vec<String> = self.filter.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let passes = |listed: &Listed| {
            let text = if words.is_empty() { String::new() } else { haystack(listed) };
            words.iter().all(|word| text.contains(word))
        };
        let mut shown: Vec<(usize, &Listed)> = entries.iter().enumerate().filter(|(_, listed)| passes(listed)).collect();
        match (self.by, self.by.key()) {
            (By::Model, _) => shown.sort_by(|(_, a), (_, b)| a.entry.model.cmp(&b.entry.model)),
            (_, Some(key)) => shown.sort_by(|(_, a), (_, b)| {
                let figure = |listed: &Listed| listed.entry.metrics.get(key).copied();
                match (figure(a), figure(b)) {
                    (Some(a), Some(b)) => b.total_cmp(&a),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => Ordering::Equal,
                }
            }),
            // As the list comes: newest first.
            (_, None) => {}
        }
        shown.into_iter().map(|(at, _)| at).collect()
    }

    /// The result in row `at`.
    fn get(&self, at: usize) -> Option<&Listed> {
        self.entries.as_ref()?.get(*self.rows.get(at)?)
    }

    /// The result under the cursor.
    pub(super) fn here(&self) -> Option<&Listed> {
        self.get(self.cursor)
    }

    /// The result in `dir`.
    pub(super) fn of(&self, dir: &Path) -> Option<&Listed> {
        self.entries.as_ref()?.iter().find(|listed| listed.entry.result_dir == dir)
    }

    pub(super) fn filter(&self) -> &str {
        &self.filter
    }

    pub(super) fn set_filter(&mut self, filter: &str) {
        let here = self.here().map(|listed| listed.entry.result_dir.clone());
        filter.clone_into(&mut self.filter);
        self.stay_on(here.as_deref());
    }

    /// The marked results, the oldest first; with one mark that and the one under the cursor; with none the one under the cursor
    /// and its last comparable.
    pub(super) fn to_compare(&self) -> Option<Vec<PathBuf>> {
        let here = self.here()?.entry.result_dir.clone();
        let mut dirs = self.marked.clone();
        match dirs.as_slice() {
            [] => dirs = vec![self.here()?.base.clone()?, here],
            [one] if *one == here => dirs.insert(0, self.here()?.base.clone()?),
            [_] => dirs.push(here),
            _ => {}
        }
        if self.marked.len() > 1 {
            dirs.sort_by_key(|dir| self.of(dir).and_then(|listed| listed.entry.started_at.clone()));
        }
        Some(dirs)
    }

    pub(super) fn why_no_comparison(&self) -> Option<Said> {
        let none = || said!("no earlier result asked the same: mark two with space", "之前没有相同条件的结果：按空格标记两个");
        (self.marked.len() < 2 && self.to_compare().is_none()).then(none)
    }

    pub(super) fn why_no_form(&self) -> Option<Said> {
        let none = self.here().is_some_and(|listed| listed.entry.spec.is_none());
        none.then(|| said!("an imported result does not say what was asked", "导入的结果没有压测配置"))
    }

    pub(super) fn why_no_delete(&self) -> Option<Said> {
        let running = self.here().is_some_and(|listed| listed.entry.state == "running");
        running.then(|| said!("it is still running: stop it first", "仍在运行：请先停止"))
    }

    pub(super) fn command(&mut self, command: Command) {
        let len = self.rows.len();
        if let Some(to) = moved(command, self.cursor, len) {
            self.cursor = to;
            return;
        }
        match command {
            Command::History(HistoryCommand::Mark) => {
                let Some(dir) = self.here().map(|listed| listed.entry.result_dir.clone()) else { return };
                match self.marked.iter().position(|marked| *marked == dir) {
                    Some(at) => {
                        self.marked.remove(at);
                    }
                    None => self.marked.push(dir),
                }
                self.cursor = (self.cursor + 1).min(len.saturating_sub(1));
            }
            Command::History(HistoryCommand::Sort) => {
                let here = self.here().map(|listed| listed.entry.result_dir.clone());
                self.by = self.by.next();
                self.stay_on(here.as_deref());
            }
            _ => {}
        }
    }

    pub(super) fn click(&mut self, area: Rect, at: Position) -> bool {
        let len = self.rows.len();
        match row_at(view::parts(area).0, self.cursor, len, at.y) {
            Some(row) if row != self.cursor => {
                self.cursor = row;
                true
            }
            _ => false,
        }
    }

    /// The result under the cursor as a line of text.
    pub(super) fn row_text(&self) -> Option<String> {
        self.here().map(line)
    }

    /// All that are shown, a line each.
    pub(super) fn all_text(&self) -> String {
        (0..self.rows.len()).filter_map(|at| self.get(at)).map(line).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn explain(&self) -> Option<Explained> {
        let Listed { entry, when, .. } = self.here()?;
        let dir = entry.result_dir.display().to_string();
        let limited = if entry.client_limited {
            said!(
                "yes: its figures are about the load client, not the server; compare it with nothing",
                "是：数字反映的是压测客户端而非服务器；不宜比较"
            )
        } else {
            said!("no: the client kept up", "否：客户端跟得上")
        };
        let source = &entry.source;
        let state = &entry.state;
        let rows = vec![
            (text!("when", "时间"), said!("{when}, local time", "{when}，本地时间")),
            (text!("asked", "条件"), entry.spec.as_ref().map_or_else(|| Said::same("n/a"), asked)),
            (text!("state", "状态"), said!("{state}; made by {source}", "{state}；由 {source} 生成")),
            (text!("client-limited", "客户端受限"), limited),
            (
                text!("columns", "列"),
                said!(
                    "P99 of TTFT and P50 of TPOT over requests that succeeded, ms; output tokens and requests that met every goal, per second",
                    "成功请求的 TTFT P99 与 TPOT P50，ms；每秒输出 token 与每秒达标请求"
                ),
            ),
            (text!("folder", "文件夹"), Said::same(crate::base::clean(&dir))),
        ];
        Some(Explained { title: Said::same(entry.id.clone()), rows })
    }
}

/// A result as tab-separated `name=value`, English and full precision.
fn line(listed: &Listed) -> String {
    let entry = &listed.entry;
    let mut line = format!("{}\t{}\t{}\t{}", entry.id, listed.when, entry.model, entry.state);
    for key in ["p99_ttft_ms", "median_tpot_ms", "output_throughput", "goodput", "request_throughput", "error_rate_pct"] {
        let value = entry.metrics.get(key).map_or_else(|| "n/a".to_owned(), |v| format!("{v:.3}"));
        line.push_str(&format!("\t{key}={value}"));
    }
    line
}

/// Everything of a result that a filter may name.
fn haystack(listed: &Listed) -> String {
    let entry = &listed.entry;
    let spec = entry.spec.as_ref().map(|spec| format!("{} {} {}", spec.name, spec.target.url, asked(spec).en)).unwrap_or_default();
    let load = words::load(entry);
    let (word, limited) = (&entry.state, if entry.client_limited { "limited" } else { "" });
    format!("{} {} {} {word} {} {spec} {} {} {limited}", entry.id, listed.when, entry.model, entry.source, load.en, load.zh).to_lowercase()
}
