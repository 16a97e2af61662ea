//! A panic gives the terminal back. The panicking program is this very test program: the console has no key for it.

use crate::{console::given_back, harness::Terminal};
use dcudeck::console::terminal::Session;
use portable_pty::CommandBuilder;

#[test]
#[ignore = "the program of the test below"]
fn takes_the_terminal_and_panics() {
    let _session = Session::take(true).expect("has a terminal");
    panic!("on purpose");
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_printed() {
    let mut command = CommandBuilder::new(std::env::current_exe().expect("knows its name"));
    command.args(["--ignored", "--exact", "panics::takes_the_terminal_and_panics", "--nocapture", "--test-threads=1"]);
    command.env("RUST_BACKTRACE", "0");
    let mut terminal = Terminal::start(command, 80, 24);
    assert_ne!(terminal.ends(), 0);
    terminal.until("the message on the shell's own screen", |screen| screen.contains("on purpose"));
    given_back(&terminal);
}
