//! Which keys do something now, most used first, and why the others do not.

use super::{HistoryCommand, Load, LoadCommand, View, form_view};
use crate::{
    base::Said,
    bench::live::Steer,
    console::{command::Command, tab::Live},
    said, text,
};

impl Load {
    /// The commands that make sense now, most used first.
    pub(super) fn live(&self) -> Vec<Live> {
        use Command as C;
        let own = |command| C::Load(command);
        if self.choosing.is_some() && self.view != View::History {
            return [C::Open, C::Down, C::Up, C::Top, C::Bottom, C::Back].map(Live::ready).to_vec();
        }
        let start = Live::unless(own(LoadCommand::Start), self.why_no_start());
        let stop = Live::unless(own(LoadCommand::Stop), self.why_no_end(&Steer::Stop));
        let drain = Live::unless(own(LoadCommand::Drain), self.why_no_end(&Steer::Drain));
        let history = Live::ready(C::History(HistoryCommand::Show));
        let moves = [C::Left, C::Right, C::Down, C::Up, C::Top, C::Bottom].map(Live::ready);
        let mut live = match self.view {
            View::Form => {
                let wrong = self.form.first_fault().map(|_| text!("a field is wrong", "有字段有误"));
                let mut live = vec![
                    start,
                    Live::ready(own(LoadCommand::Edit)),
                    Live::ready(own(LoadCommand::Profiles)),
                    history,
                    Live::ready(C::Explain),
                    Live::unless(C::CopyCommand, wrong),
                ];
                if self.run.is_some() {
                    live.extend([Live::ready(C::Back), stop, drain]);
                }
                // As e does, where the hand is.
                live.push(Live::ready(C::Open));
                live
            }
            View::History => return self.history.commands(),
            View::Run if self.under_way().is_some() => vec![
                self.steering(LoadCommand::MoreUsers),
                self.steering(LoadCommand::Faster),
                self.steering(LoadCommand::SkipCell),
                self.steering(LoadCommand::RerunCell),
                self.steering(LoadCommand::Pause),
                drain,
                self.steering(LoadCommand::Annotate),
                Live::ready(C::Open),
                Live::ready(own(LoadCommand::Metric)),
                stop,
                Live::ready(C::Explain),
                self.steering(LoadCommand::EndCell),
                Live::ready(C::CopyRow),
                Live::ready(C::CopyCommand),
                Live::ready(own(LoadCommand::Edit)),
                history,
                Live::ready(C::Back),
                Live::ready(C::CopyPanel),
                self.steering(LoadCommand::FewerUsers),
                self.steering(LoadCommand::Slower),
                start,
            ],
            View::Run => vec![
                start,
                Live::ready(C::Open),
                history,
                Live::ready(C::Explain),
                Live::ready(own(LoadCommand::Metric)),
                Live::ready(own(LoadCommand::Edit)),
                Live::ready(C::CopyRow),
                Live::ready(C::CopyCommand),
                Live::ready(C::Back),
                Live::ready(C::CopyPanel),
                stop,
                drain,
            ],
        };
        // What makes no sense for this run is not among the keys shown first.
        live.sort_by_key(|live| live.disabled.is_some() && matches!(live.command, C::Load(_)) && self.view == View::Run);
        live.extend(moves);
        live
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
}
