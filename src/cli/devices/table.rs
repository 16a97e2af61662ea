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
    out.push_str(&processes(node, lang));
    out
}

/// A line for each process on each card, the largest first; nothing when there are none.
fn processes(node: &Node, lang: Lang) -> String {
    let mut all: Vec<_> = node.processes().filter_map(|process| Some((node.card(process.card)?.info.index, process))).collect();
    if all.is_empty() {
        return String::new();
    }
    all.sort_by_key(|(index, process)| (*index, std::cmp::Reverse(process.mem_bytes), process.pid));
    let mut out = format!(
        "\n{} {} {} {} {}\n",
        right("#", 3),
        right("pid", 9),
        left(word(lang, "user", "用户"), 10),
        right(word(lang, "mem GiB", "显存 GiB"), 8),
        word(lang, "command", "命令"),
    );
    for (index, process) in all {
        let memory = process.mem_bytes.map_or_else(|| "n/a".to_owned(), |bytes| format!("{:.1}", bytes as f64 / GIB));
        let line = format!(
            "{} {} {} {} {}",
            right(&index.to_string(), 3),
            right(&process.pid.to_string(), 9),
            left(process.who.user.as_deref().unwrap_or("n/a"), 10),
            right(&memory, 8),
            process.who.command.as_deref().unwrap_or("n/a"),
        );
        out.push_str(line.trim_end());
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
