//! A made-up tab.

use super::*;

/// A tab with a list, a field and a dangerous command: what the shell must be able to host.
pub(super) struct Listed {
    id: TabId,
    selected: usize,
    field: Option<TextInput>,
    last: String,
}

impl Listed {
    pub(super) fn boxed(id: TabId) -> Box<dyn Tab> {
        Box::new(Self { id, selected: 0, field: None, last: "quiet".to_owned() })
    }
}

const STOP: Command = Command::Load(LoadCommand::Stop);
const START: Command = Command::Load(LoadCommand::Start);

impl Tab for Listed {
    fn id(&self) -> TabId {
        self.id
    }

    fn commands(&self) -> Vec<Live> {
        let nothing: Option<Text> = (self.selected == 0).then_some(text!("nothing runs in row 0", "第 0 行没有任务"));
        vec![
            Live::ready(START),
            Live::ready(Command::Search),
            Live::ready(Command::CopyRow),
            Live::ready(Command::Down),
            Live::ready(Command::Up),
            Live::unless(STOP, nothing),
        ]
    }

    fn command(&mut self, command: Command) -> Vec<Effect> {
        match command {
            Command::Down => self.selected += 1,
            Command::Up => self.selected = self.selected.saturating_sub(1),
            Command::Search => self.field = Some(TextInput::default()),
            Command::CopyRow => return vec![Effect::Copy(format!("row {}", self.selected))],
            STOP => {
                let row = self.selected;
                let ask = said!("stop the run of row {row}? Its result is kept.", "停止第 {row} 行的任务？结果会保留。");
                return vec![Effect::Confirm { ask, then: vec![Effect::Steer(Steer::Stop)] }];
            }
            START => return vec![Effect::Start(Box::new(spec()))],
            _ => {}
        }
        vec![Effect::Redraw]
    }

    fn news(&mut self, news: &News) -> Vec<Effect> {
        match news {
            News::Bench(Bench::Fact { fact: Fact::Failure { class, .. }, .. }) => {
                vec![Effect::Complain(said!("failed: {class}", "失败：{class}"))]
            }
            News::Bench(Bench::Snapshot { snapshot, .. }) => {
                let done = format!("done {}", snapshot.done);
                if done == self.last {
                    return Vec::new();
                }
                self.last = done;
                vec![Effect::Redraw]
            }
            _ => Vec::new(),
        }
    }

    fn field(&mut self) -> Option<&mut TextInput> {
        self.field.as_mut()
    }

    fn typed(&mut self, typed: Typed) -> Vec<Effect> {
        if matches!(typed, Typed::Left | Typed::Done) {
            self.last = self.field.take().map(|field| field.text().to_owned()).unwrap_or_default();
        }
        Vec::new()
    }

    fn explain(&self) -> Option<Explained> {
        Some(Explained {
            title: said!("row {}", "第 {} 行", self.selected),
            rows: vec![
                (
                    text!("formula", "公式"),
                    said!("its number, counted from zero at the top of the list and never changed", "行号，自列表顶部从零开始计，从不改变"),
                ),
                (text!("source", "来源"), said!("this test", "本测试")),
            ],
        })
    }

    fn draw(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        for (index, row) in area.rows().enumerate() {
            let line = Line::from(format!("  row {index}  {}", if index == 0 { self.last.as_str() } else { "" }));
            frame.render_widget(if index == self.selected { line.style(look.theme.cursor) } else { line }, row);
        }
        if let Some(field) = &self.field {
            field.draw(look, frame, Rect { height: 1, ..area });
        }
    }
}
