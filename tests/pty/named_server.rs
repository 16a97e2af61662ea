//! The console against a server that somebody names by its URL: the simulated one, whose timing is known.

use crate::{
    console::Home,
    harness::{Terminal, dcudeck, poll},
};
use dcudeck::{
    embedded::sim::{Options, Sim, Stop},
    jobs::State,
};
use rustix::process::{Pid, Signal, kill_process};
use std::time::Instant;

struct Server {
    url: String,
    stop: Stop,
}

impl Server {
    fn start(options: Options) -> Self {
        let sim = Sim::bind(options).expect("listens");
        let server = Self { url: sim.listening().expect("has an address").url, stop: sim.stop_handle() };
        std::thread::spawn(move || sim.run().expect("serves"));
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// Names the server in the form and starts the load test.
fn start(console: &mut Terminal, url: &str) {
    console.shows("6 Load");
    // To the first field, edit it, empty it.
    console.keys("ge\x15");
    console.keys(url);
    // A field that is full shows its end.
    console.shows(url.trim_start_matches("http://"));
    console.keys("\r");
    console.keys("s");
    console.until("a running test", |screen| screen.contains("running"));
}

#[test]
fn a_run_outlives_its_console_and_a_new_one_shows_it_and_says_on_leaving_that_it_goes_on() {
    // 40 requests of 32 tokens by 4 users: some 40 s, longer than this test looks at it.
    let server = Server::start(Options { itl_ms: 120.0, jitter_ms: 20.0, ..Options::default() });
    let home = Home::new();
    let mut first = Terminal::start(dcudeck(home.path(), &["--lang", "en"]), 200, 60);
    start(&mut first, &server.url);

    // What the running test costs a slow link, all of it counted.
    first.until("measured figures", |screen| screen.contains("P99"));
    let (begin, before) = (Instant::now(), first.raw().len());
    let looks = first.raw().len() + 20_000;
    poll("five seconds or 20 kB of a running test", || (begin.elapsed().as_secs() >= 5 || first.raw().len() > looks).then_some(()));
    let rate = (first.raw().len() - before) as f64 / begin.elapsed().as_secs_f64();
    assert!(rate <= 15_000.0, "{rate:.0} bytes a second");

    kill_process(Pid::from_raw(first.pid()).expect("a pid"), Signal::KILL).expect("kills");
    first.ends();
    let run = home.jobs("bench").pop().expect("a load test");
    assert_eq!(run.state(), State::Running);

    let mut second = Terminal::start(dcudeck(home.path(), &["--lang", "en"]), 80, 24);
    second.until("the run that goes on", |screen| screen.contains("running") && screen.contains("jobs"));
    second.keys("q");
    assert_eq!(second.ends(), 0);
    let id = run.id();
    second.until("how to see it again", |screen| screen.contains("goes on: dcudeck shows it again"));
    assert!(second.text().replace(['\n', ' '], "").contains(id), "the run is named");
    assert_eq!(run.state(), State::Running);
}

#[test]
fn a_hostile_models_name_reaches_the_screen_without_its_control_sequences() {
    let model = "evil\u{1b}]52;c;cm0gLXJm\u{7}\u{9b}31mname\u{202e}\u{1b}[2J".to_owned();
    let server = Server::start(Options { model, itl_ms: 50.0, ..Options::default() });
    let home = Home::new();
    let mut console = Terminal::start(dcudeck(home.path(), &["--lang", "en"]), 120, 40);
    start(&mut console, &server.url);
    console.shows("evilname");
    console.keys("X");
    console.shows("stopped");
    console.keys("q");
    assert_eq!(console.ends(), 0);
    let raw = String::from_utf8_lossy(&console.raw()).into_owned();
    assert!(!raw.contains("]52;"), "a clipboard write");
    assert!(!raw.contains(|c: char| ('\u{80}'..='\u{9f}').contains(&c) || c == '\u{202e}'), "a C1 control or a bidi override");
    assert_eq!(raw.matches("\u{1b}[2J").count(), 1, "only the first frame clears the screen");
}
