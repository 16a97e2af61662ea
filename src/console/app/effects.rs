//! What tabs want done, carried out as far as it is the console's own; and news held back while the view is frozen.

use super::{App, Ask, Layer, Order, Urgency};
use crate::{
    base::Said,
    console::{
        bars::Status,
        copy,
        news::{Bench, News},
        results::Told,
        tab::Effect,
    },
    said,
};

impl App {
    pub(super) fn freeze(&mut self) -> Vec<Ask> {
        let mut asks = vec![Ask::Draw(Urgency::Input)];
        match self.held.take() {
            None => self.held = Some(Vec::new()),
            Some(held) => {
                for news in held {
                    asks.extend(self.tell(&news));
                }
            }
        }
        self.header.frozen = self.held.is_some();
        asks
    }

    pub(super) fn effects(&mut self, from: usize, effects: Vec<Effect>, urgency: Urgency) -> Vec<Ask> {
        let mut asks = Vec::new();
        let shown = from == self.active;
        for effect in effects {
            match effect {
                // A tab in the background keeps itself current without a frame.
                Effect::Redraw if shown => asks.push(Ask::Draw(urgency)),
                Effect::Redraw => {}
                Effect::Confirm { ask, then } => {
                    self.layers.push(Layer::Confirm { ask, then, from });
                    asks.push(Ask::Draw(urgency));
                }
                Effect::Copy(text) => asks.extend(self.copy(&text)),
                Effect::Tell(said) => {
                    tracing::info!("{}", said.en);
                    self.status = Some(Status { said, bad: false });
                    asks.push(Ask::Draw(urgency));
                }
                Effect::Complain(said) => {
                    tracing::error!("{}", said.en);
                    if let Some(id) = self.tabs.get(from).map(|tab| tab.id()).filter(|id| !shown && !self.marked.contains(id)) {
                        self.marked.push(id);
                    }
                    self.status = Some(Status { said, bad: true });
                    asks.push(Ask::Draw(urgency));
                }
                Effect::Goto(id) => asks.extend(self.goto(id)),
                Effect::Start(spec) => asks.push(Ask::Order(Order::Start(spec))),
                Effect::Steer(steer) => asks.push(Ask::Order(Order::Steer(steer))),
                Effect::Watch(job) => asks.push(Ask::Order(Order::Watch(job))),
                Effect::Probe(url) => asks.push(Ask::Order(Order::Probe(url))),
                Effect::Results(wanted) => asks.push(Ask::Order(Order::Results(wanted))),
            }
        }
        asks
    }

    pub(super) fn copy(&mut self, text: &str) -> Vec<Ask> {
        let count = text.chars().count();
        let sequence = copy::sequence(text, self.multiplexer);
        let bad = sequence.is_none();
        let said = if bad {
            let most = copy::MAX_BYTES / 1000;
            said!("too long for the terminal's clipboard (over {most} kB)", "超出终端剪贴板长度（{most} kB）")
        } else {
            said!("sent to the terminal's clipboard: {count} characters", "已发送到终端剪贴板：{count} 个字符")
        };
        self.status = Some(Status { said, bad });
        sequence.map(Ask::Write).into_iter().chain([Ask::Draw(Urgency::Input)]).collect()
    }

    /// What is said on the last row; the event loop's own complaints come this way.
    pub fn complain(&mut self, said: Said) -> Vec<Ask> {
        tracing::error!("{}", said.en);
        self.status = Some(Status { said, bad: true });
        vec![Ask::Draw(Urgency::Data)]
    }
}

/// Keeps news for later: of lists and snapshots the newest, of facts all.
pub(super) fn hold(held: &mut Vec<News>, news: News) {
    let replaces = |old: &News| match (old, &news) {
        (News::Servers(_), News::Servers(_)) | (News::Jobs(_), News::Jobs(_)) => true,
        (News::Results(old), News::Results(told)) => matches!((&**old, &**told), (Told::List(_), Told::List(_))),
        (News::Bench(Bench::Snapshot { job: old, .. }), News::Bench(Bench::Snapshot { job, .. })) => old == job,
        _ => false,
    };
    if let Some(at) = held.iter().rposition(replaces) {
        held.remove(at);
    }
    held.push(news);
}
