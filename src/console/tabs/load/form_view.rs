//! The form of a new load test on screen: one field a row, what is wrong with it beside it.

use super::{
    form::{Field, Form},
    pen::{Pen, cells},
    words,
};
use crate::{
    base::{Said, Text},
    console::news::{Server, ServerState},
    said, text,
};
use ratatui::layout::Rect;

/// First column of the values.
const VALUE_X: u16 = 14;

/// First column of hints and faults, where there is room beside the values.
const NOTE_X: u16 = 38;

/// What a row says besides its value.
struct Row {
    label: Text,
    /// After the value.
    unit: Text,
    /// Beside the field under the cursor.
    hint: Text,
}

const TOKENS: Text = text!("tokens", "token");
const MS: Text = text!("ms", "ms");

const fn row(field: Field) -> Row {
    const NONE: Text = text!("", "");
    let (label, unit, hint) = match field {
        Field::Target => (text!("target", "目标"), NONE, text!("e: type a URL", "e 输入地址")),
        Field::Model => (text!("model", "模型"), NONE, text!("empty: the first the server names", "留空：服务器列出的第一个")),
        Field::Api => (text!("API", "接口"), NONE, text!("h l: completions or chat", "h l：completions 或 chat")),
        Field::Prompts => {
            (text!("prompts", "提示词"), NONE, text!("empty: random; or a file, one a line", "留空：随机 token；或文件，每行一条"))
        }
        Field::Input => (text!("input", "输入"), TOKENS, text!("prompt length, exact", "提示词长度，精确")),
        Field::Output => (text!("output", "输出"), TOKENS, text!("asked of each answer", "每个回答所要的长度")),
        Field::Load => {
            (text!("load", "负载"), NONE, text!("16, 8/s, 8/s poisson, 8 30s, ..64 60s", "16、8/s、8/s poisson、8 30s, ..64 60s"))
        }
        Field::Prefix => (text!("prefix", "前缀"), text!("%", "%"), text!("share that prompts have in common", "同组提示词共有的占比")),
        Field::Turns => (text!("turns", "轮数"), NONE, text!("of a conversation; a file: 1 or all", "每个对话；文件：1 或 all")),
        Field::Cold => (text!("cold", "冷缓存"), NONE, text!("h l: prompts no server has seen before", "h l：服务器未见过的提示词")),
        Field::Cap => (text!("cap", "上限"), NONE, text!("most in flight at a rate; empty: none", "按速率时最多在途；留空不限")),
        Field::Errors => (text!("errors ≤", "失败 ≤"), text!("%", "%"), text!("more failed requests end the run", "失败超过此数即停止")),
        Field::Save => (text!("tokens", "记录"), NONE, text!("h l: whose token times are kept", "h l：保留哪些请求的 token 时刻")),
        Field::Series => (text!("series", "系列"), NONE, text!("h l: one run, a matrix or a search", "h l：单次、矩阵或搜索")),
        Field::CellInput => (text!(" inputs", " 输入"), TOKENS, text!("128 512 2048; empty: as above", "128 512 2048；留空同上")),
        Field::CellOutput => (text!(" outputs", " 输出"), TOKENS, text!("128 512; empty: as above", "128 512；留空同上")),
        Field::CellLoad => {
            (text!(" loads", " 负载"), NONE, text!("users (1 8 64) or rates (1/s 4/s)", "用户数（1 8 64）或速率（1/s 4/s）"))
        }
        Field::Repeats => (text!(" repeats", " 重复"), NONE, text!("times every cell is measured", "每个单元测几次")),
        Field::Range => (text!(" range", " 范围"), NONE, text!("1..256 users, or 0.5..64/s", "1..256 用户，或 0.5..64/s")),
        Field::StepTime => (text!(" step", " 每步"), text!("s", "s"), text!("how long every step sends", "每步发送多久")),
        Field::Knee => (text!(" to knee", " 至拐点"), NONE, text!("h l: go on until throughput stops rising", "h l：直到吞吐不再上升")),
        Field::Until => {
            (text!("until", "直到"), NONE, text!("requests (64), time (30s, 2min), or both", "请求数（64）、时长（30s、2min）或两者"))
        }
        Field::Warmup => {
            (text!("warm-up", "预热"), text!("requests", "请求"), text!("sent first, left out of every figure", "先发送，不计入任何数字"))
        }
        Field::Seed => (text!("seed", "种子"), NONE, text!("the same seed asks the same prompts", "种子相同则提示词相同")),
        Field::Ttft => (text!("TTFT  ≤", "TTFT  ≤"), MS, GOAL),
        Field::Tpot => (text!("TPOT  ≤", "TPOT  ≤"), MS, GOAL),
        Field::Itl => (text!("ITL   ≤", "ITL   ≤"), MS, text!("longest gap of a request; empty for none", "请求内最长间隔；留空则无")),
        Field::E2el => (text!("E2EL  ≤", "E2EL  ≤"), MS, GOAL),
    };
    Row { label, unit, hint }
}

const GOAL: Text = text!("a goal of each request; empty for none", "每个请求的目标；留空则无");

/// What `field` is called.
pub(super) const fn label(field: Field) -> Text {
    row(field).label
}

/// Whether a blank row comes before `field`, where there are rows enough.
const fn begins_group(field: Field) -> bool {
    matches!(field, Field::Prompts | Field::Load | Field::Ttft | Field::Series)
}

/// Where everything of the form stands.
struct Places {
    /// Row of each field in view.
    fields: Vec<(Field, u16)>,
    /// Row of the estimate, or of the note on the field under the cursor where notes have no room beside.
    estimate: Option<u16>,
    /// Row of the sentence that says what this is for.
    sentence: Option<u16>,
}

fn places(form: &Form, area: Rect) -> Places {
    let all = form.fields();
    // The rule line, the estimate and the sentence.
    let rows = u16::try_from(all.len()).unwrap_or(u16::MAX).saturating_add(3);
    let spare = area.height.saturating_sub(rows);
    let (group_gap, end_gap) = (u16::from(spare >= 5), u16::from(spare >= 1));
    let mut y = 1;
    let mut fields = Vec::new();
    if area.height >= rows - 1 {
        for field in all {
            if begins_group(field) {
                y += group_gap;
            }
            fields.push((field, y));
            y += 1;
        }
    } else {
        // Not all fit: a window that moves when the cursor nears its end.
        let shown = usize::from(area.height.saturating_sub(2));
        let at = all.iter().position(|&field| field == form.cursor).unwrap_or(0);
        let first = (at + 1).saturating_sub(shown.max(1) * 3 / 4).min(all.len().saturating_sub(shown));
        for field in all.into_iter().skip(first).take(shown) {
            fields.push((field, y));
            y += 1;
        }
    }
    y += end_gap;
    let estimate = (y < area.height).then_some(y);
    Places { fields, estimate, sentence: (y + 1 < area.height).then_some(y + 1) }
}

/// Where the text of the field under the cursor is edited in place.
pub(super) fn input_area(form: &Form, area: Rect) -> Rect {
    let y = places(form, area).fields.into_iter().find(|(field, _)| *field == form.cursor).map_or(0, |(_, y)| y);
    let x = VALUE_X.min(area.width);
    // A loopback URL with its port, and the cursor behind it.
    let end = if area.width >= NOTE_X + 24 { NOTE_X - 1 } else { area.width };
    Rect { x: area.x + x, y: area.y + y, width: end.saturating_sub(x), height: u16::from(area.height > 0) }
}

/// The field whose row is at `y` of the screen.
pub(super) fn field_at(form: &Form, area: Rect, y: u16) -> Option<Field> {
    places(form, area).fields.into_iter().find_map(|(field, row)| (area.y + row == y).then_some(field))
}

/// Draws the form; the field being edited is left blank for the text input.
pub(super) fn draw(form: &Form, servers: &[Server], editing: bool, starting: bool, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    pen.rule(area, 0);
    let places = places(form, area);
    let mut title = format!(" {} ", text!("new load test", "新压测").get(look.lang));
    let of = form.fields().len();
    if places.fields.len() < of {
        // A part of the form only.
        let shown = places.fields.len();
        title += said!("{shown}/{of} fields ", "{shown}/{of} 项 ").get(look.lang);
    }
    pen.flow(area, 1, 0, &title, ink.strong);
    let profile = format!(
        " {} {}{} ",
        text!("profile", "方案").get(look.lang),
        form.profile,
        if form.changed { text!(", changed", "，已改").get(look.lang) } else { "" }
    );
    let profile_x = area.width.saturating_sub(cells(&profile) + 1);
    if profile_x > cells(&title) + 1 {
        pen.flow(area, profile_x, 0, &profile, ink.plain);
    }
    let beside = area.width >= NOTE_X + 24;
    for &(field, y) in &places.fields {
        field_row(form, servers, editing, field, y, beside, area, pen);
    }
    // Where the form goes on beyond what is shown.
    let ends = [
        (form.fields().first().copied(), places.fields.first(), "▴", "^"),
        (form.fields().last().copied(), places.fields.last(), "▾", "v"),
    ];
    for (end, shown, sign, ascii) in ends {
        if let Some(&(field, y)) = shown.filter(|(field, _)| Some(*field) != end) {
            pen.flow(area, if field == form.cursor { VALUE_X - 1 } else { 0 }, y, pen.sign(sign, ascii), ink.accent);
        }
    }
    let note_below = if beside { None } else { note(form, servers, form.cursor) };
    if let Some(y) = places.estimate {
        let said = form.estimate().map(|said| fitting(said.get(look.lang), area.width.saturating_sub(3)));
        match (note_below, said, form.first_fault()) {
            (Some((what, style_is_bad)), ..) => {
                let style = if style_is_bad { ink.act } else { ink.plain };
                pen.left(area, 1, y, area.width.saturating_sub(1), what.get(look.lang), style);
            }
            (None, Some(said), _) => {
                pen.left(area, 2, y, area.width.saturating_sub(2), &said, ink.strong);
            }
            (None, None, Some((field, fault))) => {
                let label = row(field).label.get(look.lang);
                let what = format!("! {}{}{}", label.trim(), text!(": ", "：").get(look.lang), fault.get(look.lang));
                pen.left(area, 2, y, area.width.saturating_sub(2), &what, ink.act);
            }
            (None, None, None) => {}
        }
    }
    if let Some(y) = places.sentence {
        let what = if starting {
            text!("starting …", "正在启动……")
        } else {
            text!(
                "latencies, throughput and errors of a model server, live; s starts the test",
                "实时测量模型服务的延迟、吞吐与错误；按 s 开始"
            )
        };
        pen.left(area, 2, y, area.width.saturating_sub(2), what.get(look.lang), ink.plain);
    }
}

/// What stands beside `field`: its fault, or a hint.
fn note(form: &Form, servers: &[Server], field: Field) -> Option<(Said, bool)> {
    let others = || servers.iter().filter_map(|server| server.url.as_deref()).any(|url| url != form.text(Field::Target));
    match form.fault(field) {
        Some(fault) => Some((fault, true)),
        None if field == form.cursor && field == Field::Target && others() => {
            Some((said!("h l: other servers; e: type a URL", "h l 换服务器；e 输入地址"), false))
        }
        None if field == form.cursor => Some((row(field).hint.into(), false)),
        None => None,
    }
}

#[expect(clippy::too_many_arguments, reason = "one row of a form: what, where, how")]
fn field_row(form: &Form, servers: &[Server], editing: bool, field: Field, y: u16, beside: bool, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let here = field == form.cursor;
    let Row { label, .. } = row(field);
    let (sign, style) = if here { (pen.sign("▸", ">"), ink.accent) } else { (" ", ink.plain) };
    let label = if look.ascii { label.get(look.lang).replace('≤', "<=") } else { label.get(look.lang).to_owned() };
    pen.flow(area, 0, y, sign, style);
    pen.left(area, 2, y, VALUE_X - 3, &label, style);
    let room = if beside { NOTE_X - 2 - VALUE_X } else { area.width.saturating_sub(VALUE_X) };
    if !(here && editing) {
        value(
            form,
            servers,
            field,
            Rect { x: area.x + VALUE_X.min(area.width), y: area.y + y, width: room, height: u16::from(y < area.height) },
            pen,
        );
    }
    if !beside {
        return;
    }
    let note_room = area.width.saturating_sub(NOTE_X + 1);
    match note(form, servers, field) {
        Some((fault, true)) => {
            let what = format!("! {}", fault.get(look.lang));
            pen.left(area, NOTE_X, y, note_room, &what, ink.act);
        }
        _ if field == Field::Target && !here => {
            target_state(form, servers, Rect { x: area.x + NOTE_X, y: area.y + y, width: note_room, height: 1 }, pen);
        }
        Some((hint, false)) => {
            pen.left(area, NOTE_X, y, note_room, hint.get(look.lang), ink.plain);
        }
        None => {}
    }
}

fn server<'a>(form: &Form, servers: &'a [Server]) -> Option<&'a Server> {
    servers.iter().find(|server| server.url.as_deref() == Some(form.text(Field::Target)))
}

/// Address and state of the chosen server.
fn target_state(form: &Form, servers: &[Server], area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let Some(server) = server(form, servers) else { return };
    let x = pen.flow(area, 0, 0, words::host(form.text(Field::Target)), ink.plain);
    let (sign, word, style) = match &server.state {
        ServerState::Ready => (pen.sign("●", "*"), text!("ready", "就绪").get(look.lang).to_owned(), ink.good),
        ServerState::Starting => (pen.sign("◐", "o"), text!("starting", "启动中").get(look.lang).to_owned(), ink.accent),
        ServerState::Failed(problem) => (pen.sign("✖", "x"), problem.sentence(look.lang), ink.act),
    };
    let x = pen.flow(area, x + 2, 0, sign, style);
    pen.left(area, x + 1, 0, area.width.saturating_sub(x + 1), &word, style);
}

/// The value of `field`, and its unit.
fn value(form: &Form, servers: &[Server], field: Field, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    let here = field == form.cursor;
    let clean = form.text(field);
    let bad = form.fault(field).is_some();
    let style = if bad { ink.act } else { ink.strong };
    let empty = |what: Text| (what.get(look.lang).to_owned(), ink.unsure);
    let (what, style) = match field {
        Field::Target => match server(form, servers) {
            Some(server) => (server.name.clone(), style),
            None if clean.is_empty() => empty(text!("none yet", "暂无")),
            None => (clean.to_owned(), style),
        },
        Field::Model if clean.is_empty() => empty(text!("the server's first", "服务器的第一个")),
        Field::Prompts if clean.is_empty() => (text!("random tokens", "随机 token").get(look.lang).to_owned(), style),
        Field::CellInput | Field::CellOutput if clean.is_empty() => empty(text!("as above", "同上")),
        Field::Input | Field::Prefix if !form.random() => empty(text!("as in the file", "依文件")),
        Field::Cap | Field::Ttft | Field::Tpot | Field::Itl | Field::E2el if clean.is_empty() => empty(text!("none", "无")),
        _ if field.choices().is_empty() => (clean.to_owned(), style),
        _ => (choice_words(clean).map_or(clean, |words| words.get(look.lang)).to_owned(), style),
    };
    let choice = here && (!field.choices().is_empty() || field == Field::Target && servers.len() > 1);
    let mut x = 0;
    if choice {
        x = pen.flow(area, x, 0, pen.sign("‹ ", "< "), ink.accent);
    }
    let room = area.width.saturating_sub(x + if choice { 2 } else { 0 });
    let width = cells(&what).min(room);
    x = pen.left(area, x, 0, width, &what, style);
    if choice {
        pen.flow(area, x, 0, pen.sign(" ›", " >"), ink.accent);
    }
    let unit = unit_of(form, field, &what).get(look.lang);
    if !unit.is_empty() && !bad && style == ink.strong {
        pen.flow(area, x + 1, 0, unit, ink.plain);
    }
}

/// What a choice is called on screen; its own name where that is what the API says.
fn choice_words(choice: &str) -> Option<Text> {
    Some(match choice {
        "no" => text!("no", "否"),
        "yes" => text!("yes", "是"),
        "sample" => text!("sample", "抽样"),
        "all" => text!("all", "全部"),
        "none" => text!("none", "不留"),
        "single run" => text!("single run", "单次"),
        "matrix" => text!("matrix", "矩阵"),
        "search" => text!("search", "搜索"),
        _ => return None,
    })
}

/// As many of the parts of `sentence` as fit into `width` cells, the first ones.
fn fitting(sentence: &str, width: u16) -> String {
    let mut sentence = sentence;
    while cells(sentence) > width
        && let Some((parts, _)) = sentence.rsplit_once(" · ")
    {
        sentence = parts;
    }
    sentence.to_owned()
}

/// The unit that belongs to what stands in `field`.
fn unit_of(form: &Form, field: Field, what: &str) -> Text {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match field {
        Field::Load if plain(what) => text!("users", "用户"),
        Field::Load => text!("requests", "请求"),
        Field::Until if plain(form.text(field)) => text!("requests", "请求"),
        _ => row(field).unit,
    }
}
