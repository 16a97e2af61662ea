//! Cards as a table for people: one line a card.

use crate::{
    base::Lang,
    cli::columns::{left, right, word},
    devices::{Card, Field, Node, State},
};

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// A line a card, below a line of headings.
pub(super) fn cards(node: &Node, now_us: u64, lang: Lang) -> String {
    let mut out = format!(
        "{} {} {} {} {} {} {} {} {}\n",
        right("#", 3),
        left("PCI", 12),
        left(word(lang, "name", "名称"), 16),
        right(word(lang, "use", "利用率"), 7),
        right(word(lang, "mem GiB", "显存 GiB"), 13),
        right(word(lang, "W / cap", "功率/上限 W"), 11),
        right(word(lang, "°C e/j/m", "°C 边/结/存"), 11),
        right("MHz", 5),
        word(lang, "state", "状态"),
    );
    for card in node.cards() {
        out.push_str(line(card, now_us, lang).trim_end());
        out.push('\n');
    }
    out
}

fn line(card: &Card, now_us: u64, lang: Lang) -> String {
    let state = card.state(now_us);
    let figure = |field| card.figure(field).filter(|_| state != State::Lost);
    let shown = |value: Option<f64>, digits: usize| value.map_or_else(|| "n/a".to_owned(), |value| format!("{value:.digits$}"));
    let gib = |field| shown(figure(field).map(|bytes| bytes / GIB), 1);
    let temperatures = [Field::TempEdge, Field::TempJunction, Field::TempMemory].map(|field| shown(figure(field), 0)).join(" ");
    let age = card.age_ms(now_us).map_or_else(String::new, |ms| format!(" {} s", ms / 1_000));
    let state = match state {
        State::Ok => String::new(),
        State::Stale => format!("{}{age}", word(lang, "stale", "过期")),
        State::Busy => format!("{}{age}", word(lang, "busy", "被占用")),
        State::Lost => word(lang, "lost", "丢失").to_owned(),
    };
    format!(
        "{} {} {} {} {} {} {} {} {state}",
        right(&card.info.index.to_string(), 3),
        left(&card.info.address.to_string(), 12),
        left(card.info.name.as_deref().unwrap_or("n/a"), 16),
        right(&figure(Field::UtilPct).map_or_else(|| "n/a".to_owned(), |value| format!("{value:.0} %")), 7),
        right(&format!("{}/{}", gib(Field::MemUsed), gib(Field::MemTotal)), 13),
        right(&format!("{}/{}", shown(figure(Field::Power), 0), shown(figure(Field::PowerCap), 0)), 11),
        right(&temperatures, 11),
        right(&shown(figure(Field::CoreClk), 0), 5),
    )
}
