//! Load tests: what is asked of which server, and the run that is watched.

use crate::{
    base::Text,
    bench::spec::{Limits, Load as Arrivals, Prompts, Slo, Spec as LoadSpec, Target},
    console::{
        command::{Command, Scope, Spec},
        look::Look,
        news::{News, Server},
        tab::{Effect, Live, Tab, TabId},
    },
    text,
};
use ratatui::{Frame, layout::Rect, text::Line, widgets::Paragraph};
use std::sync::Arc;

/// What can be asked of this tab alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoadCommand {
    /// Start a load test.
    Start,
}

const HERE: Scope = Scope::Tab(TabId::Load);

/// The rows of this tab in the command table.
pub const COMMANDS: &[Spec] = &[Spec::new(
    Command::Load(LoadCommand::Start),
    "load.start",
    &["s"],
    HERE,
    text!("start", "开始"),
    text!("start a load test", "开始压测"),
)
.acting()];

const EMPTY: Text = text!(
    "Load tests a model server and shows its latencies while they are measured: press s to start one.",
    "对模型服务进行压测，并在测量的同时显示延迟：按 s 开始。"
);

/// The Load tab.
#[derive(Debug, Default)]
pub struct Load {
    servers: Arc<[Server]>,
}

impl Load {
    fn target(&self) -> Option<&Server> {
        self.servers.iter().find(|server| server.state.ready() && server.url.is_some())
    }

    fn spec(server: &Server) -> LoadSpec {
        LoadSpec {
            name: "quick".to_owned(),
            target: Target { url: server.url.clone().unwrap_or_default(), model: server.model.clone(), ..Target::default() },
            load: Arrivals::Concurrency(4),
            prompts: Prompts::default(),
            output_len: 64,
            ignore_eos: true,
            requests: Some(64),
            duration_s: None,
            warmup: 4,
            seed: 7,
            limits: Limits::default(),
            slo: Slo::default(),
        }
    }
}

impl Tab for Load {
    fn id(&self) -> TabId {
        TabId::Load
    }

    fn commands(&self) -> Vec<Live> {
        let missing = self.target().is_none().then_some(text!("no server answers yet", "还没有可用的服务"));
        vec![Live::unless(Command::Load(LoadCommand::Start), missing)]
    }

    fn command(&mut self, command: Command) -> Vec<Effect> {
        match (command, self.target()) {
            (Command::Load(LoadCommand::Start), Some(server)) => vec![Effect::Start(Box::new(Self::spec(server)))],
            _ => Vec::new(),
        }
    }

    fn news(&mut self, news: &News) -> Vec<Effect> {
        match news {
            News::Servers(servers) if *servers != self.servers => {
                self.servers = Arc::clone(servers);
                vec![Effect::Redraw]
            }
            _ => Vec::new(),
        }
    }

    fn draw(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let mut lines = vec![Line::from(EMPTY.get(look.lang))];
        lines.extend(self.servers.iter().map(|server| Line::from(server.name.clone())));
        frame.render_widget(Paragraph::new(lines), area);
    }
}
