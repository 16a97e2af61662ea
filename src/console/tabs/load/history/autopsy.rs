//! One request: its stamps, the gaps between its tokens, and on the same time axis what the server said of itself meanwhile.

mod charts;
mod strip;

use super::{HistoryCommand, Step, rule};
use crate::{
    base::{Said, Text},
    bench::live::{Event, Mark},
    console::{
        command::Command,
        results::Autopsy,
        tab::{Effect, Explained, Live},
        tabs::load::{pen::Pen, words::latency},
    },
    said, text,
};
use ratatui::layout::Rect;

/// Columns left of all charts: name and greatest value.
const LABEL: u16 = 16;

/// One request.
#[derive(Debug, Clone)]
pub(super) struct RequestView {
    autopsy: Autopsy,
    /// Which of how many requests of the list it is.
    place: Option<(usize, usize)>,
}

impl RequestView {
    pub(super) fn new(autopsy: &Autopsy, place: Option<(usize, usize)>) -> Self {
        Self { autopsy: autopsy.clone(), place }
    }

    pub(super) fn renew(&mut self, autopsy: &Autopsy, place: Option<(usize, usize)>) {
        *self = Self::new(autopsy, place);
    }

    pub(super) fn commands() -> Vec<Live> {
        use Command as C;
        [C::Back, C::Right, C::Left, C::CopyRow, C::CopyPanel, C::History(HistoryCommand::Show)].map(Live::ready).to_vec()
    }

    /// Carries out a command: `Ok` moves by so many requests in the list.
    pub(super) fn command(&mut self, command: Command) -> Result<isize, Step> {
        match command {
            Command::Right | Command::Down => Ok(1),
            Command::Left | Command::Up => Ok(-1),
            Command::CopyRow => Err(Step::of(vec![Effect::Copy(self.autopsy.id.clone())])),
            Command::CopyPanel => Err(Step::of(vec![Effect::Copy(self.text())])),
            _ => Err(Step::default()),
        }
    }

    /// Stamps and gaps as text.
    fn text(&self) -> String {
        let Autopsy { request, id, arrivals, .. } = &self.autopsy;
        let us = |us: Option<u64>| us.map_or_else(|| "n/a".to_owned(), |us| us.to_string());
        let mut out = format!(
            "{id}\nplanned_us\t{}\nsent_us\t{}\nfirst_us\t{}\nlast_us\t{}\nend_us\t{}\ntokens\t{}",
            request.planned_us,
            us(request.sent_us),
            us(request.first_us),
            us(request.last_us),
            request.end_us,
            request.output_tokens
        );
        if let Some(error) = &request.error {
            out.push_str(&format!("\nerror\t{}: {}", error.0, error.1));
        }
        for arrival in arrivals.iter().flatten() {
            out.push_str(&format!("\narrival_us\t{}\tgap_us\t{}\ttokens\t{}", arrival.at_us, arrival.gap_us, arrival.tokens));
        }
        out
    }

    pub(super) fn explain(&self) -> Explained {
        let id = &self.autopsy.id;
        let rows = vec![
            (
                text!("stamps", "时刻"),
                said!(
                    "planned: the schedule's moment, in a closed loop the moment its user became free; sent: before the write that took the last byte; the others from the kernel's receive stamps",
                    "计划：计划发送的时刻，闭环中为用户空闲的时刻；发送：写出最后一字节之前；其余取内核接收时间戳"
                ),
            ),
            (
                text!("ms/P99", "ms/P99"),
                said!("this request's figure / the run's P99; ! beyond it", "本请求的数字 / 本次压测的 P99；! 表示超过"),
            ),
            (
                text!("gaps", "间隔"),
                said!(
                    "time between two arrivals of tokens; each column shows the longest that ended in it, on a log scale; the wait for the first token is not among them",
                    "相邻两次 token 到达的间隔；每列取其中最长者，对数刻度；不含首 token 的等待"
                ),
            ),
            (
                text!("server", "服务端"),
                said!(
                    "its own /metrics on the run's clock; a value holds until the next, at most 5 s; the figure at the left is the greatest in view",
                    "其 /metrics，按本次压测的时钟；数值保持到下一次，最多 5 s；左侧为画面内的最大值"
                ),
            ),
            (
                text!("request id", "请求编号"),
                said!(
                    "{id} was sent as X-Request-Id: vLLM logs it as cmpl-{id} or chatcmpl-{id}; y copies it",
                    "{id} 作为 X-Request-Id 发送：vLLM 日志中为 cmpl-{id} 或 chatcmpl-{id}；按 y 复制"
                ),
            ),
        ];
        Explained { title: title(&self.autopsy), rows }
    }

    pub(super) fn draw(&self, waiting: Option<Text>, area: Rect, pen: &mut Pen<'_>) {
        let (look, ink) = (pen.look, &pen.look.theme);
        let lang = look.lang;
        let autopsy = &self.autopsy;
        let request = &autopsy.request;
        let state = match &request.error {
            Some(error) => format!("{} {}", look.sign("✖", "x"), error.0),
            None => format!("{} {}", look.sign("✔", "+"), text!("ok", "成功").get(lang)),
        };
        let place = self.place.map(|(at, of)| format!(" · {at}/{of}  h l")).unwrap_or_default();
        let state = waiting.map_or_else(|| format!("{state}{place}"), |doing| doing.get(lang).to_owned());
        rule(title(autopsy).get(lang), &state, area, 0, pen);
        stamps(autopsy, area, 1, pen);
        figures(autopsy, area, 2, pen);
        let mut y = 3;
        if let Some(error) = &request.error {
            for line in crate::console::wrap::wrap(&format!("! {}", error.1), usize::from(area.width.saturating_sub(2))).iter().take(2) {
                pen.left(area, 1, y, area.width.saturating_sub(2), line, ink.act);
                y += 1;
            }
        }
        let x = pen.flow(area, 1, y, "X-Request-Id ", ink.plain);
        pen.left(area, x, y, area.width.saturating_sub(x + 1), &autopsy.id, ink.strong);
        y += 1;
        if area.height < y + 4 || area.width < LABEL + 10 {
            return;
        }
        let servers = u16::from(!autopsy.server.is_empty());
        let events = u16::try_from(autopsy.events.len()).unwrap_or(u16::MAX).min(4);
        // Below the gaps: rule, four rows, events under a rule; on low screens the gaps keep six rows first.
        let left = area.height - y;
        let wanted = if servers == 0 { 3 } else { 6 };
        let below = if left >= 8 + wanted { wanted } else { 0 };
        let events = if events > 0 && left > 8 + below + events { events + 1 } else { 0 };
        let gaps = Rect { y: area.y + y, height: left - below - events, ..area };
        self.gaps(gaps, pen);
        if below > 0 {
            let part = Rect { y: gaps.bottom(), height: below, ..area };
            let of = autopsy.of_server.as_deref().unwrap_or_default();
            rule(text!("server and devices in those seconds", "同时段的服务端与设备").get(lang), of, part, 0, pen);
            if servers == 0 {
                let what = text!("n/a: the server said nothing of itself meanwhile", "n/a：同时段没有服务端读数");
                pen.left(part, 1, 1, part.width.saturating_sub(2), what.get(lang), ink.unsure);
            } else {
                charts::server_rows(autopsy, Rect { y: part.y + 1, height: below - 2, ..part }, pen);
            }
            let devices = text!("devices    n/a: none were sampled during this run", "设备       n/a：压测期间未采样");
            pen.left(part, 1, below - 1, part.width.saturating_sub(2), devices.get(lang), ink.unsure);
        }
        if events > 0 {
            let part = Rect { y: gaps.bottom() + below, height: events, ..area };
            rule(text!("events", "事件").get(lang), "", part, 0, pen);
            for (y, event) in (1..events).zip(&autopsy.events) {
                let after = event.at_us.saturating_sub(request.planned_us) as f64 / 1_000.0;
                let x = pen.left(part, 1, y, 12, &offset(after), ink.plain);
                pen.left(part, x, y, part.width.saturating_sub(x + 1), event_word(event).get(lang), ink.plain);
            }
        }
    }
}

fn title(autopsy: &Autopsy) -> Said {
    let request = &autopsy.request;
    let (i, route, turn) = (figure_of(request.i), request.route, request.turn);
    let mut said = if request.warmup { said!("warm-up request {i}", "预热请求 {i}") } else { said!("request {i}", "请求 {i}") };
    if turn > 0 {
        let turn = turn + 1;
        said = Said { en: format!("{} · turn {turn}", said.en), zh: format!("{} · 第 {turn} 轮", said.zh) };
    }
    if route > 0 {
        said = Said { en: format!("{} · route {route}", said.en), zh: format!("{} · 路由 {route}", said.zh) };
    }
    said
}

fn figure_of(i: u64) -> String {
    i.to_string()
}

/// `+512 ms`, `+1.8 s`.
fn offset(ms: f64) -> String {
    let text = latency(Some(ms));
    if text.ends_with(['s', 'm']) { format!("+{text}") } else { format!("+{text} ms") }
}

/// Planned, sent, first, last, end: the first on the run's clock, the others since it.
fn stamps(autopsy: &Autopsy, area: Rect, y: u16, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let request = &autopsy.request;
    let since = |us: Option<u64>| us.map(|us| offset(us.saturating_sub(request.planned_us) as f64 / 1_000.0));
    let planned = format!("{:.3} s", request.planned_us as f64 / 1e6);
    let mut x = 1;
    for (label, what) in [
        (text!("planned", "计划"), Some(planned)),
        (text!("sent", "发送"), since(request.sent_us)),
        (text!("first", "首"), since(request.first_us)),
        (text!("last", "末"), since(request.last_us)),
        (text!("end", "结束"), since(Some(request.end_us))),
    ] {
        x = pen.flow(area, x, y, label.get(look.lang), ink.plain) + 1;
        let style = if what.is_some() { ink.strong } else { ink.unsure };
        x = pen.flow(area, x, y, what.as_deref().unwrap_or("n/a"), style) + 2;
    }
}

/// Its latencies beside the run's P99: red with a sign beyond it.
fn figures(autopsy: &Autopsy, area: Rect, y: u16, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let request = &autopsy.request;
    let ms = |us: Option<u64>| us.map(|us| us as f64 / 1_000.0);
    let mut x = pen.flow(area, 1, y, text!("ms/P99", "ms/P99").get(look.lang), ink.unsure) + 2;
    for (label, key, value) in [
        (text!("TTFT", "TTFT"), "p99_ttft_ms", ms(request.ttft_us)),
        (text!("TPOT", "TPOT"), "p99_tpot_ms", request.tpot_us.map(|us| us / 1_000.0)),
        (text!("E2EL", "E2EL"), "p99_e2el_ms", ms(request.e2el_us)),
        (text!("gap", "间隔"), "p99_longest_gap_ms", ms(request.longest_gap_us)),
    ] {
        let p99 = autopsy.p99_ms.get(key).copied();
        let over = value.zip(p99).is_some_and(|(value, p99)| value > p99);
        let style = match value {
            None => ink.unsure,
            Some(_) if over => ink.look,
            Some(_) => ink.strong,
        };
        x = pen.flow(area, x, y, label.get(look.lang), ink.plain) + 1;
        let sign = if over { "!" } else { "" };
        x = pen.flow(area, x, y, &format!("{sign}{}", latency(value)), style);
        x = pen.flow(area, x, y, &format!("/{}", latency(p99)), ink.unsure) + 2;
    }
}

fn event_word(event: &Event) -> Said {
    match &event.what {
        Mark::Users { from, to } => said!("users {from} -> {to}", "用户 {from} -> {to}"),
        Mark::Rate { from, to } => said!("rate {from} -> {to} req/s", "速率 {from} -> {to} 请求/s"),
        Mark::Pause => said!("paused", "暂停"),
        Mark::Resume => said!("resumed", "继续"),
        Mark::Drain => said!("drain", "排空"),
        Mark::Stop => said!("stop", "停止"),
        Mark::Note { text } => said!("note: {text}", "注：{text}"),
        Mark::Scrape { ok: true, .. } => said!("the server answers its /metrics again", "服务端 /metrics 恢复"),
        Mark::Scrape { ok: false, why } => {
            let why = why.as_deref().unwrap_or_default();
            said!("the server stopped answering its /metrics {why}", "服务端 /metrics 无应答 {why}")
        }
    }
}
