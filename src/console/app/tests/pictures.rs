//! What the screen looks like, at every size.

use super::*;
use insta::assert_snapshot;

fn both(lang: Lang) -> App {
    let mut app = app_of(vec![Listed::boxed(TabId::Chat), Listed::boxed(TabId::Load)], look(lang, Palette::Dark, false), Size::new(80, 24));
    app.news(server("embedded/eye-tiny"));
    for (level, text) in [
        (tracing::Level::INFO, "started the embedded engine as job eye-tiny-20261123T184031Z-ab2c"),
        (
            tracing::Level::WARN,
            "the server at http://10.0.0.7:8000 answers slowly: 4.2 s for its list of models, more than is good for a load test",
        ),
        (tracing::Level::ERROR, "failed: 视网膜 timeout_stall"),
    ] {
        app.logged(LogLine { at: jiff::Timestamp::UNIX_EPOCH, level, target: "dcudeck".to_owned(), text: text.to_owned() });
    }
    app
}

fn shown(lang: Lang, keys: &str) -> String {
    let mut app = both(lang);
    press(&mut app, keys);
    // Local time differs from machine to machine.
    let local = crate::base::clock::local_hms(jiff::Timestamp::UNIX_EPOCH);
    screen(&app).replace(&local, "hh:mm:ss")
}

macro_rules! pictures {
    ($($name:ident: $keys:literal,)*) => {$(
        #[test]
        fn $name() {
            assert_snapshot!(concat!(stringify!($name), "_en"), shown(Lang::En, $keys));
            assert_snapshot!(concat!(stringify!($name), "_zh"), shown(Lang::Zh, $keys));
        }
    )*};
}

pictures! {
    a_tab_with_its_bars: "",
    the_keys_of_a_screen: "?",
    the_keys_of_a_screen_searched: "? c o p y",
    the_palette: ": l o",
    the_log: "L",
    an_explanation: "i",
    a_question: "j X",
    a_refusal: "X",
}

#[test]
fn ascii_needs_nothing_beyond_ascii() {
    let mut app = app_of(tabs::all(), look(Lang::En, Palette::Mono, true), Size::new(80, 24));
    app.news(server("embedded/eye-tiny"));
    app.news(watching());
    app.news(bytes::running(3, 1));
    for keys in ["", "?", "esc : x", "esc i", "esc L", "esc"] {
        press(&mut app, keys);
        let screen = screen(&app);
        let strange: Vec<_> = screen.lines().filter(|row| !row.is_ascii()).collect();
        assert!(strange.is_empty(), "after {keys}: {strange:?}");
    }
}

#[test]
fn a_small_screen_says_what_it_needs_and_one_of_40x10_is_enough() {
    let mut app = app();
    app.resize(Size::new(39, 10));
    assert_eq!(screen(&app).trim(), "need 40x10, have 39x10");
    app.resize(Size::new(40, 10));
    assert!(screen(&app).contains("6 Load"));
}

#[test]
fn every_tab_and_every_sheet_is_drawn_at_every_size() {
    let mut sizes: Vec<(u16, u16)> = (0..=44).flat_map(|w| (0..=14).map(move |h| (w, h))).collect();
    sizes.retain(|(w, h)| w % 3 == 0 || *w > 38 || *h > 8 || *w < 3);
    for w in (45..=200).step_by(31).chain([79, 80, 81, 119, 120, 199, 200]) {
        sizes.extend((10..=60).step_by(9).chain([24, 60]).map(|h| (w, h)));
    }
    for lang in [Lang::En, Lang::Zh] {
        let mut app = app_of(tabs::all(), look(lang, Palette::Dark, lang == Lang::Zh), Size::new(80, 24));
        for (keys, news) in [
            ("", vec![]),
            ("L", vec![server("眼科/很长的服务器名称-with-a-long-tail-that-never-seems-to-end")]),
            ("L ?", vec![]),
            ("esc : a", vec![watching(), bytes::running(40, 3)]),
            ("esc i", vec![]),
            ("esc", vec![]),
        ] {
            press(&mut app, keys);
            for news in news {
                app.news(news);
            }
            for &(width, height) in &sizes {
                app.resize(Size::new(width, height));
                let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
                terminal.draw(|frame| app.draw(frame)).unwrap();
            }
        }
    }
}
