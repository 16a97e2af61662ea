//! docs/KEYS.md, made from the table.

use super::*;
use crate::console::key;
use std::{env, fs, path::Path};

fn document() -> String {
    let mut out = "# Keys 按键\n\nMade from the command table by a test; don't edit. 由测试根据命令表生成，请勿手改。\n\n\
        In a text field every printable key is text, Esc leaves it. Every command is also in the palette (`:`) under its name.\n\
        在文本框中，可打印的按键均为文字，Esc 离开。所有命令都可在命令面板（`:`）中按名称找到。\n"
        .to_owned();
    let mut section = |title: &str, scopes: &[Scope]| {
        out.push_str(&format!("\n## {title}\n\n| key 按键 | | | command 命令 |\n|---|---|---|---|\n"));
        for spec in table().filter(|spec| scopes.contains(&spec.scope)) {
            let keys: Vec<_> = spec.keys.iter().map(|name| format!("`{}`", key::shown(name))).collect();
            out.push_str(&format!("| {} | {} | {} | {} |\n", keys.join(" "), spec.help.en, spec.help.zh, spec.name));
        }
    };
    section("Everywhere 通用", &[Scope::Console, Scope::Everywhere]);
    for id in [TabId::Dataset, TabId::Training, TabId::Devices, TabId::Serve, TabId::Chat, TabId::Load] {
        if table().any(|spec| spec.scope == Scope::Tab(id)) {
            section(&format!("{} {} {}", id.number(), id.title().en, id.title().zh), &[Scope::Tab(id)]);
        }
    }
    out
}

#[test]
fn the_key_document_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/KEYS.md");
    if env::var_os("DCUDECK_UPDATE").is_some() {
        fs::write(&path, document()).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == document(), "docs/KEYS.md is stale: run the tests with DCUDECK_UPDATE=1 and commit it");
}
