//! A server that is neither on this machine nor one of ours is loaded only when somebody says so.

use crate::{
    base::{Lang, Problem},
    bench::{
        Url,
        spec::{Load, Over, Spec},
    },
    cli::out::Out,
    said, serving,
    workspace::Workspace,
};
use std::io::{self, BufRead as _, IsTerminal as _};

/// Asks about every such server of `spec`, unless `yes`; without a terminal to ask on, that is bad input.
///
/// # Errors
/// A URL that is none, a question that cannot be asked or got no.
pub(super) fn ask(spec: &Spec, workspace: &Workspace, yes: bool, out: Out) -> Result<(), Problem> {
    let urls = [&spec.target.url].into_iter().filter(|url| !url.is_empty()).chain(&spec.target.more_urls);
    let ours: Vec<String> = serving::servers(workspace).into_iter().filter_map(|server| Some(server.listening?.url)).collect();
    let mut hosts = Vec::new();
    for url in urls.chain(spec.routes.iter().filter_map(|route| route.url.as_ref())) {
        let parsed = Url::parse(url)?;
        if !parsed.is_loopback() && !ours.contains(url) && !hosts.contains(url) {
            hosts.push(url.clone());
        }
    }
    if yes || hosts.is_empty() {
        return Ok(());
    }
    let (hosts, load) = (hosts.join(", "), words(spec));
    let (load_en, load_zh) = (&load.en, &load.zh);
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Problem::bad_input(
            "bench.not_confirmed",
            said!(
                "{hosts} is neither on this machine nor a server of this workspace, and would get {load_en}",
                "{hosts} 既不在本机也不是本工作区的服务，将承受 {load_zh}"
            ),
        )
        .field("--url")
        .fix(said!("give --yes when that is meant", "确认无误请加 --yes")));
    }
    let question = match out.lang {
        Lang::En => format!("{hosts} is neither on this machine nor a server of this workspace. Send it {}? [y/N] ", load.en),
        Lang::Zh => format!("{hosts} 既不在本机也不是本工作区的服务。向其发送 {}？[y/N] ", load.zh),
    };
    out.ask(&crate::base::clean(&question));
    let mut answer = String::new();
    let _ = io::stdin().lock().read_line(&mut answer);
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Problem::bad_input("bench.not_confirmed", said!("nothing was sent", "未发送任何请求")))
}

/// The greatest load in words.
fn words(spec: &Spec) -> crate::base::Said {
    let users = |n: f64| {
        let s = if n > 1.0 { "s" } else { "" };
        said!("{n} user{s} at once", "{n} 个并发用户")
    };
    let rate = |r: f64| said!("{r} requests a second", "每秒 {r} 个请求");
    if let Some(matrix) = &spec.matrix {
        let most = |list: &mut dyn Iterator<Item = f64>| list.reduce(f64::max);
        if let Some(r) = most(&mut matrix.rate.iter().copied()) {
            return rate(r);
        }
        if let Some(n) = most(&mut matrix.concurrency.iter().map(|n| f64::from(*n))) {
            return users(n);
        }
    }
    if let Some(search) = spec.search {
        return match search.over {
            Over::Concurrency => users(search.to),
            Over::Rate => rate(search.to),
        };
    }
    match (&spec.load, spec.load.users(), spec.load.rate()) {
        (Load::Trace { path, speed }, _, _) => {
            let path = path.display();
            said!("the trace {path} at {speed} × its speed", "轨迹 {path}，{speed} 倍速")
        }
        (_, Some(n), _) => users(f64::from(n)),
        (_, _, r) => rate(r.unwrap_or(0.0)),
    }
}
