//! The screens in the READMEs are what the console draws.

use super::{app_of, look, screen};
use crate::{
    base::Lang,
    console::{
        app::App,
        news::{Bench, News, Server, ServerState},
        tabs::{self, load::made_up},
        theme::Palette,
    },
};
use ratatui::layout::Size;
use std::{env, fs, path::Path, sync::Arc};

const BEGIN: &str = "<!-- screen";
const END: &str = "<!-- /screen -->";

/// The Load tab in the 42nd second of a load test against the embedded engine.
fn running(lang: Lang) -> App {
    let mut app = app_of(tabs::all(), look(lang, Palette::Mono, false), Size::new(80, 24));
    let server = Server {
        name: "embedded/eye-tiny".to_owned(),
        url: Some("http://127.0.0.1:41873".to_owned()),
        model: Some("eye-tiny".to_owned()),
        state: ServerState::Ready,
        job: None,
        embedded: true,
    };
    let job: Arc<str> = Arc::from("quick-20260801T120000Z-a2b3");
    app.news(News::Servers(Arc::from([server])));
    app.news(News::Bench(Bench::Watching { job: Arc::clone(&job), spec: Box::new(made_up::spec()) }));
    for fact in made_up::facts(42) {
        app.news(News::Bench(Bench::Fact { job: Arc::clone(&job), fact }));
    }
    app.news(News::Bench(Bench::Snapshot { job, snapshot: Box::new(made_up::running()) }));
    app.second(42);
    app
}

#[test]
fn the_readme_shows_the_real_screen() {
    for (file, lang) in [("README.md", Lang::En), ("README.zh-CN.md", Lang::Zh)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = fs::read_to_string(&path).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (comment, rest) = rest.split_once('\n').unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let wanted = format!("{before}{BEGIN}{comment}\n```text\n{}```\n{END}{after}", screen(&running(lang)));
        if env::var_os("DCUDECK_UPDATE").is_some() {
            fs::write(&path, &wanted).unwrap();
        } else {
            assert!(text == wanted, "{file} shows another screen; run DCUDECK_UPDATE=1 cargo test --release and commit it");
        }
    }
}
