//! The folders of cells: moved aside rather than written over, and read when a series goes on.

use crate::{
    base::Problem,
    bench::{
        live::{Cell, CellState},
        results::{self, REQUESTS, SUMMARY, StoppedBy},
        summary::Summary,
    },
    said,
};
use std::{fs, path::Path};

/// Moves the folder `dir` aside, if there is one: `KEY.cut-1` (`why` is `cut`: measured in part; `old`: measured again), the first
/// number that is free. An empty one is removed.
pub(super) fn aside(dir: &Path, why: &str) -> Result<(), Problem> {
    if !dir.exists() || fs::remove_dir(dir).is_ok() {
        return Ok(());
    }
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let free = (1..=u32::MAX).map(|n| dir.with_file_name(format!("{name}.{why}-{n}"))).find(|path| !path.exists());
    let to = free.unwrap_or_else(|| dir.with_extension("old"));
    fs::rename(dir, &to).map_err(|error| {
        Problem::failed("bench.result_unwritable", said!("a cell cannot be moved aside: {error}", "无法移开单元结果：{error}")).file(dir)
    })
}

/// How often the cell in `dir` was begun before: its folders moved aside.
pub(super) fn attempts(dir: &Path) -> u32 {
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entries = dir.parent().and_then(|cells| fs::read_dir(cells).ok()).into_iter().flatten().flatten();
    let aside = entries.filter(|entry| {
        let entry = entry.file_name();
        let rest = entry.to_str().and_then(|entry| entry.strip_prefix(&name));
        rest.is_some_and(|rest| rest.starts_with(".cut-") || rest.starts_with(".old-"))
    });
    u32::try_from(aside.count()).unwrap_or(u32::MAX)
}

/// The result in `dir`, if it ran to its planned end: its worker may have been killed just before it wrote that down.
pub(super) fn whole(dir: &Path) -> Option<Summary> {
    if !dir.join(REQUESTS).exists() {
        return None;
    }
    let written = fs::read(dir.join(SUMMARY)).ok().and_then(|text| serde_json::from_slice::<Summary>(&text).ok());
    let summary = written.or_else(|| results::recompute(dir).ok())?;
    matches!(summary.stopped_by, StoppedBy::Requests | StoppedBy::Duration).then_some(summary)
}

/// Puts what was measured into `cell`: done, or failed when too much of it did.
pub(super) fn collect(cell: &mut Cell, summary: &Summary) {
    let limit = summary.profile.limits.max_error_rate_pct;
    let rate = summary.error_rate_pct.unwrap_or(0.0);
    let failed = summary.completed == 0 || summary.stopped_by == StoppedBy::ErrorRate || rate > limit;
    cell.state = if failed { CellState::Failed } else { CellState::Done };
    cell.failure = failed.then(|| {
        let example = summary.error_examples.values().next().map(|e| format!(", for example: {e}")).unwrap_or_default();
        if summary.completed == 0 {
            format!("no request succeeded{example}")
        } else {
            format!("{rate:.1} % of requests failed, more than the {limit} % allowed{example}")
        }
    });
    cell.cache = summary.cache;
    cell.client_limited = Some(summary.client_limited);
    cell.slo_met = if failed { summary.slo_met.map(|_| false) } else { summary.slo_met };
    cell.metrics = summary.metrics();
    let server = summary.server.as_ref().and_then(|server| serde_json::to_value(server).ok());
    if let Some(serde_json::Value::Object(server)) = server {
        cell.metrics.extend(server.into_iter().filter_map(|(key, value)| Some((format!("server_{key}"), value.as_f64()?))));
    }
}
