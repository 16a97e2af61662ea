//! The full-screen face: one thread owns the state, engines' news arrive on one channel, a frame is drawn only when something changed.
//!
//! Deliberately absent: long work (workers do it), I/O in tabs (they return effects), clocks in drawing.

pub mod app;
pub mod bars;
pub mod command;
pub mod copy;
pub mod decode;
pub mod event_loop;
pub mod events;
pub mod input;
pub mod key;
pub mod log_pane;
pub mod look;
pub mod menu;
pub mod news;
pub mod pacer;
pub mod painter;
pub mod pumps;
pub mod results;
pub mod sheet;
pub mod tab;
pub mod tabs;
pub mod terminal;
pub mod theme;
pub mod wrap;

use crate::{
    base::{Lang, Problem, clock, log},
    bench::spec::Spec,
    said,
    workspace::{
        Workspace, profiles,
        settings::{Settings, Theme as Colours, When},
        state_dir,
    },
};
use app::{App, Setup};
use copy::Multiplexer;
use event_loop::{End, EventLoop};
use look::Look;
use pacer::Pacer;
use painter::Painter;
use pumps::Pumps;
use std::{
    env, io,
    sync::{Arc, atomic::AtomicBool, mpsc},
    time::{Duration, Instant},
};
use terminal::{Output, Session};
use theme::{Palette, Theme};

/// The load tests of the program and the workspace; one that cannot be read is told in the log and left out.
fn load_tests(workspace: &Workspace) -> Vec<(String, Spec)> {
    let known = profiles::list(workspace, "bench").into_iter();
    known
        .filter_map(|profile| match profiles::load(workspace, "bench", &profile.name) {
            Ok(spec) => Some((profile.name, spec)),
            Err(problem) => {
                tracing::warn!("{}", problem.sentence(Lang::En));
                None
            }
        })
        .collect()
}

/// Opens the console on the terminal of this process and returns when it is left.
///
/// # Errors
/// Without a terminal that can show it (bad input, naming the headless commands), and when the terminal fails.
pub fn run(workspace: &Workspace, settings: &Settings) -> Result<(), Problem> {
    refuse_without_terminal()?;
    let opened = Instant::now();
    let (to, messages) = mpsc::sync_channel(events::CHANNEL);
    let file = state_dir().ok().and_then(|dir| log::Rotating::open(&dir.join("dcudeck.log")).ok());
    let log_path = file.as_ref().map(|file| file.path().to_path_buf());
    log::start(file, env::var("DCUDECK_LOG").ok().as_deref(), events::log_sink(to.clone()));

    tracing::info!("dcudeck {} opened on {}", env!("CARGO_PKG_VERSION"), workspace.root().display());
    let failed = |source: io::Error| Problem::failed("console.terminal", said!("the terminal failed: {source}", "终端出错：{source}"));
    let mouse = match settings.mouse() {
        When::On => true,
        When::Off => false,
        // Over SSH the terminal's own selection is the only way to copy for many.
        When::Auto => !is_set("SSH_CONNECTION") && !is_set("SSH_TTY"),
    };
    let size = terminal::size();
    let setup = Setup {
        look: look(settings),
        host: clock::host(),
        log: log_path.as_deref(),
        read_only: settings.read_only(),
        mouse,
        multiplexer: Multiplexer::of(is_set("TMUX"), &env::var("TERM").unwrap_or_default()),
        size,
    };
    let app = App::new(&setup, tabs::with(load_tests(workspace)));
    let stop = Arc::new(AtomicBool::new(false));
    events::catch_signals(to.clone(), Arc::clone(&stop)).map_err(failed)?;
    let painter = Painter::new(Output::open(stop), size).map_err(failed)?;
    let gap = Duration::from_secs(1) / settings.fps().max(1);
    let session = Session::take(mouse).map_err(failed)?;
    let mut event_loop = EventLoop { app, painter, pacer: Pacer::new(gap), session, opened };
    // The first frame comes before any work.
    let ended = event_loop.draw().and_then(|()| {
        events::read_input(to.clone())?;
        let pumps = Pumps::start(workspace.clone(), settings.read_only(), settings.lang(), to)?;
        let end = event_loop.run(&messages, &pumps)?;
        if end == End::Left {
            pumps.leave();
        }
        Ok(end)
    });
    terminal::give_back();
    let EventLoop { app, .. } = event_loop;
    match ended {
        Ok(End::Hangup) => Ok(()),
        Ok(End::Left | End::Signal) => {
            farewell(&app);
            Ok(())
        }
        // A terminal that went away while it was written to is no failure of ours.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) || error.kind() == io::ErrorKind::TimedOut => {
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

/// Work that goes on is named, with how to see and to stop it.
fn farewell(app: &App) {
    if let Some(job) = app.live_run() {
        let said = said!(
            "load test {job} goes on: dcudeck shows it again, dcudeck jobs stop {job} ends it",
            "压测 {job} 仍在运行：再次运行 dcudeck 可查看，dcudeck jobs stop {job} 可停止"
        );
        terminal::farewell(said.get(app.lang()));
    }
}

fn refuse_without_terminal() -> Result<(), Problem> {
    let term = env::var("TERM").unwrap_or_default();
    let both = rustix::termios::isatty(rustix::stdio::stdin()) && rustix::termios::isatty(rustix::stdio::stdout());
    let problem = if !both {
        said!("the console needs a terminal on stdin and stdout", "控制台需要 stdin 与 stdout 均为终端")
    } else if term.is_empty() || term == "dumb" {
        said!("the console needs a terminal that moves its cursor, TERM is '{term}'", "控制台需要支持光标移动的终端，当前 TERM 为“{term}”")
    } else {
        return Ok(());
    };
    Err(Problem::bad_input("console.no_terminal", problem).fix(said!(
        "without one use dcudeck bench run, dcudeck engine serve or dcudeck jobs (see dcudeck --help)",
        "无终端时请用 dcudeck bench run、dcudeck engine serve 或 dcudeck jobs（见 dcudeck --help）"
    )))
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn look(settings: &Settings) -> Look {
    let palette = match settings.theme() {
        Colours::Dark => Palette::Dark,
        Colours::Light => Palette::Light,
        Colours::Ansi16 => Palette::Sixteen,
        Colours::Mono => Palette::Mono,
        Colours::Auto => Palette::auto(env::var("COLORFGBG").ok().as_deref()),
    };
    let palette = match settings.color() {
        When::Off => Palette::Mono,
        When::Auto if is_set("NO_COLOR") => Palette::Mono,
        When::Auto => palette,
        When::On => {
            crossterm::style::force_color_output(true);
            palette
        }
    };
    let ascii = match settings.ascii() {
        When::On => true,
        When::Off => false,
        When::Auto => !speaks_utf8(|name| env::var(name).ok()),
    };
    Look { lang: settings.lang(), ascii, theme: Theme::new(palette), second: 0 }
}

/// Whether the locale is one of UTF-8. Where none is set at all, as in many containers, the terminal is taken to know it.
fn speaks_utf8(env: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env(name).filter(|value| !value.is_empty()));
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// The other language.
const fn other(lang: Lang) -> Lang {
    match lang {
        Lang::En => Lang::Zh,
        Lang::Zh => Lang::En,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_decides_about_utf8() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        assert!(speaks_utf8(env(&[])));
        assert!(speaks_utf8(env(&[("LANG", "zh_CN.UTF-8")])));
        assert!(!speaks_utf8(env(&[("LC_ALL", "zh_CN.GB18030"), ("LANG", "C.UTF-8")])));
        assert!(!speaks_utf8(env(&[("LANG", "C")])));
    }
}
