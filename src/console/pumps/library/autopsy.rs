//! All that is known of one request, from the files of its result.

use super::held::Held;
use crate::{
    base::Problem,
    bench::{
        results::{self, Header},
        tokens,
    },
    console::results::{Arrived, Autopsy},
    said,
};
use std::path::{Path, PathBuf};

/// How long before a request a server's word about itself still counts as its state, µs.
const STALE_US: u64 = 5_000_000;

/// What is known of the request of this part, number and route of the result in `dir`.
pub(super) fn autopsy(dir: PathBuf, which: (bool, u64, u16), held: &mut Held) -> Result<Autopsy, Problem> {
    let (warmup, i, route) = which;
    let Some(request) = held.find(which)? else {
        return Err(Problem::bad_input("console.request", said!("the result has no request {i}", "结果中没有请求 {i}")).file(dir));
    };
    let header = results::header(&dir).inspect_err(|problem| tracing::warn!("{problem}")).ok();
    let (from, until) = (request.planned_us.saturating_sub(STALE_US), request.end_us);
    let (server, of_server) = header.as_ref().map(|header| own_server(header, route)).unwrap_or_default();
    let server = results::server_within(&dir, server, from, until).inspect_err(|problem| tracing::warn!("{problem}")).unwrap_or_default();
    let events = results::events(&dir).unwrap_or_default();
    let events = events.into_iter().filter(|event| (request.planned_us..=until).contains(&event.at_us)).collect();
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let id = format!("{name}-{}{i}", if warmup { "w" } else { "" });
    Ok(Autopsy {
        arrivals: arrivals(&dir, which),
        save_tokens: header.map(|header| header.spec.save_tokens),
        p99_ms: held.p99_ms.clone(),
        dir,
        request,
        server,
        of_server,
        events,
        id,
    })
}

/// When its tokens arrived; `None`: not kept.
fn arrivals(dir: &Path, (warmup, i, route): (bool, u64, u16)) -> Option<Vec<Arrived>> {
    let small = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
    let found = tokens::find(dir, warmup, i, route).inspect_err(|problem| tracing::warn!("{problem}")).ok()??;
    let arrivals: Vec<Arrived> =
        found.iter().map(|one| Arrived { at_us: one.at_us, gap_us: one.gap_us, tokens: small(one.tokens) }).collect();
    Some(arrivals).filter(|arrivals| !arrivals.is_empty())
}

/// Which of the scraped servers `route` was sent to, by its place, and its URL when there are several.
fn own_server(header: &Header, route: u16) -> (u16, Option<String>) {
    let servers = &header.setup.servers;
    let route = header.setup.routes.get(usize::from(route)).map(|route| route.url.trim_end_matches('/'));
    let own = (0_u16..).zip(servers).find(|(_, server)| Some(server.url.trim_end_matches('/')) == route);
    match own.or_else(|| (0_u16..).zip(servers).next()) {
        Some((at, server)) if servers.len() > 1 => (at, Some(server.url.clone())),
        Some((at, _)) => (at, None),
        None => (0, None),
    }
}
