//! What can be asked of a running load test, and why not.

use super::{Load, LoadCommand, View, panel::Panel, series_view::Step, watched::Watched};
use crate::{
    base::{Said, Text},
    bench::live::{CellState, Phase, SeriesKind, Steer},
    console::tab::Effect,
    said, text,
};
use dcudeck_widgets::figure;

/// Where the users or the rate is going: what was asked and not yet seen in a snapshot, so that keys pressed fast add up.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Going {
    users: Option<u32>,
    rate: Option<f64>,
}

impl Going {
    /// A snapshot came: what it shows is the truth again.
    pub(super) fn arrived(&mut self, run: &Watched) {
        if self.users == run.now.users {
            self.users = None;
        }
        if self.rate.zip(run.now.rate).is_some_and(|(a, b)| (a - b).abs() < 1e-6) {
            self.rate = None;
        }
    }
}

/// A tenth more or less than `users`, by one at least, never below one.
fn stepped_users(users: u32, up: bool) -> u32 {
    let step = (users / 10).max(1);
    if up { users.saturating_add(step).min(65_536) } else { users.saturating_sub(step).max(1) }
}

/// A tenth more or less than `rate`, on three digits, so that steps up and down read well.
fn stepped_rate(rate: f64, up: bool) -> f64 {
    let to = if up { rate * 1.1 } else { rate / 1.1 };
    // Dividing by a whole power rounds once: 727 / 100 is the float that prints as 7.27.
    #[expect(clippy::cast_possible_truncation, reason = "between -3 and 6")]
    let per = 10_f64.powi(2 - to.abs().max(1e-3).log10().floor() as i32);
    ((to * per).round() / per).clamp(0.001, 1e6)
}

impl Load {
    /// A run that still measures.
    pub(super) fn under_way(&self) -> Option<&Watched> {
        self.run.as_ref().filter(|run| !run.ended())
    }

    /// Why the run cannot be stopped or drained.
    pub(super) fn why_no_end(&self, wanted: &Steer) -> Option<Text> {
        match (self.under_way(), &self.asked) {
            (None, _) => Some(text!("nothing runs", "没有运行中的压测")),
            (Some(_), Some(Steer::Stop)) => Some(text!("it is stopping", "正在停止")),
            (Some(run), asked) if *wanted == Steer::Drain && (asked.is_some() || run.now.phase == Phase::Draining) => {
                Some(text!("it is draining", "正在排空"))
            }
            (Some(_), _) => None,
        }
    }

    /// Why `command` of those that steer cannot be done now.
    pub(super) fn why_not(&self, command: LoadCommand) -> Option<Said> {
        let Some(run) = self.under_way() else {
            return Some(said!("nothing runs", "没有运行中的压测"));
        };
        if let LoadCommand::SkipCell | LoadCommand::EndCell | LoadCommand::RerunCell = command {
            return self.why_no_cell(command, run);
        }
        if command == LoadCommand::Annotate {
            return None;
        }
        if self.asked.is_some() || run.now.phase == Phase::Draining {
            return Some(said!("it is ending", "正在结束"));
        }
        if !matches!(run.now.phase, Phase::Warmup | Phase::Running) {
            return Some(said!("it does not send yet", "尚未开始发送"));
        }
        match command {
            LoadCommand::MoreUsers | LoadCommand::FewerUsers if self.users().is_none() => {
                Some(said!("this load is a rate: [ and ]", "此负载按速率：用 [ 和 ]"))
            }
            LoadCommand::FewerUsers if self.users() == Some(1) => Some(said!("one user is the least", "至少一个用户")),
            LoadCommand::Faster | LoadCommand::Slower if self.rate().is_none() => Some(if self.users().is_some() {
                said!("this load is users: + and -", "此负载按用户数：用 + 和 -")
            } else {
                said!("a trace keeps its own times", "轨迹按自身时间发送")
            }),
            LoadCommand::MoreUsers | LoadCommand::FewerUsers | LoadCommand::Faster | LoadCommand::Slower
                if run.now.series.as_ref().is_some_and(|series| !series.over) =>
            {
                Some(said!("a series sets its load itself", "系列自行设定负载"))
            }
            _ => None,
        }
    }

    fn why_no_cell(&self, command: LoadCommand, run: &Watched) -> Option<Said> {
        let Some(series) = &run.now.series else {
            return Some(said!("this run is no series", "此次压测不是系列"));
        };
        if command == LoadCommand::EndCell {
            return series.current.is_none().then(|| said!("no cell runs", "没有运行中的单元"));
        }
        let state = self.cell_under_cursor().and_then(|key| series.cells.iter().find(|cell| cell.key == key)).map(|cell| cell.state);
        match (command, state) {
            (_, None) => Some(said!("the cursor is on no cell", "光标不在单元上")),
            (LoadCommand::SkipCell, Some(CellState::Waiting)) => None,
            (LoadCommand::SkipCell, Some(CellState::Running)) => Some(said!("it runs: K ends it", "正在运行：K 结束它")),
            (LoadCommand::SkipCell, Some(_)) => Some(said!("it is not waiting", "它不在等待")),
            (_, Some(CellState::Waiting | CellState::Running)) => Some(said!("it is still to be measured", "尚未测完")),
            (_, Some(_)) if series.kind == SeriesKind::Search => Some(said!("a search chooses its steps itself", "搜索自行选择步骤")),
            (_, Some(_)) => None,
        }
    }

    /// Key of the cell the cursor is on.
    pub(super) fn cell_under_cursor(&self) -> Option<String> {
        let run = self.run.as_ref().filter(|_| self.view == View::Run && self.focus.panel == Panel::Series)?;
        Step::at(run.now.series.as_ref()?, self.focus.cell)
    }

    /// Users asked for now, as far as is known.
    fn users(&self) -> Option<u32> {
        let run = self.run.as_ref()?;
        self.going.users.or(run.now.users).or_else(|| run.spec.load.users())
    }

    /// Requests per second asked for now, as far as is known.
    fn rate(&self) -> Option<f64> {
        let run = self.run.as_ref()?;
        if run.now.users.is_some() { None } else { self.going.rate.or(run.now.rate).or_else(|| run.spec.load.rate()) }
    }

    /// Carries out a command that steers.
    pub(super) fn steered(&mut self, command: LoadCommand) -> Vec<Effect> {
        let up = matches!(command, LoadCommand::MoreUsers | LoadCommand::Faster);
        match command {
            LoadCommand::Stop => self.steer(Steer::Stop),
            LoadCommand::Drain => self.steer(Steer::Drain),
            LoadCommand::MoreUsers | LoadCommand::FewerUsers => {
                let Some(users) = self.users().map(|users| stepped_users(users, up)) else { return Vec::new() };
                self.going.users = Some(users);
                self.steer(Steer::Users { users })
            }
            LoadCommand::Faster | LoadCommand::Slower => {
                let Some(rate) = self.rate().map(|rate| stepped_rate(rate, up)) else { return Vec::new() };
                self.going.rate = Some(rate);
                self.steer(Steer::Rate { rate })
            }
            LoadCommand::Pause => {
                let paused = self.run.as_ref().is_some_and(|run| run.now.paused);
                self.steer(if paused { Steer::Resume } else { Steer::Pause })
            }
            LoadCommand::SkipCell => {
                let key = self.cell_under_cursor();
                if key.is_some() { self.steer(Steer::SkipCell { key }) } else { Vec::new() }
            }
            LoadCommand::RerunCell => self.cell_under_cursor().map(|key| self.steer(Steer::RerunCell { key })).unwrap_or_default(),
            LoadCommand::EndCell => {
                let current = self.run.as_ref().and_then(|run| run.now.series.as_ref()?.current.clone()).unwrap_or_default();
                let ask = said!(
                    "End the running cell {current}? What it measured so far is not kept.",
                    "结束运行中的单元 {current} 吗？它已测得的部分不保留。"
                );
                vec![Effect::Confirm { ask, then: vec![Effect::Steer(Steer::SkipCell { key: None })] }]
            }
            _ => Vec::new(),
        }
    }

    fn steer(&mut self, how: Steer) -> Vec<Effect> {
        let told = match &how {
            Steer::Stop => said!("asked the run to stop; what was measured is kept", "已要求停止；已测得的结果保留"),
            Steer::Drain => said!("asked the run to drain: what is under way is awaited", "已要求排空：等待在途请求结束"),
            Steer::Users { users } => said!("asked for {users} users", "已要求 {users} 用户"),
            Steer::Rate { rate } => {
                let rate = figure::compact(*rate);
                said!("asked for {rate} requests a second", "已要求每秒 {rate} 请求")
            }
            Steer::Pause => said!("asked to pause; p goes on", "已要求暂停；再按 p 继续"),
            Steer::Resume => said!("asked to go on", "已要求继续"),
            Steer::Note { .. } => said!("noted", "已备注"),
            Steer::SkipCell { key } => {
                let key = key.clone().unwrap_or_default();
                said!("asked to leave out {key}", "已要求跳过 {key}")
            }
            Steer::RerunCell { key } => said!("asked to measure {key} again", "已要求重测 {key}"),
        };
        if matches!(how, Steer::Stop | Steer::Drain) {
            self.asked = Some(how.clone());
        }
        vec![Effect::Steer(how), Effect::Tell(told)]
    }

    /// The note that was typed goes to the run.
    pub(super) fn send_note(&mut self) -> Vec<Effect> {
        let text = self.note.take().map(|note| note.text().trim().to_owned()).unwrap_or_default();
        if text.is_empty() || self.under_way().is_none() {
            return vec![Effect::Redraw];
        }
        self.steer(Steer::Note { text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_go_by_a_tenth_and_never_below_one() {
        assert_eq!((stepped_users(1, true), stepped_users(1, false), stepped_users(2, false)), (2, 1, 1));
        assert_eq!((stepped_users(64, true), stepped_users(64, false)), (70, 58));
        assert_eq!(stepped_users(65_536, true), 65_536);
    }

    #[test]
    fn rates_go_by_a_tenth_on_three_digits() {
        assert_eq!((stepped_rate(8.0, true), stepped_rate(8.0, false)), (8.8, 7.27));
        assert!((stepped_rate(0.001, false) - 0.001).abs() < 1e-9);
        let mut rate = 2.0;
        for _ in 0..10 {
            rate = stepped_rate(rate, true);
        }
        for _ in 0..10 {
            rate = stepped_rate(rate, false);
        }
        assert!((rate - 2.0).abs() < 0.03, "{rate}");
    }
}
