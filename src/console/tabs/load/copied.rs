//! A panel's figures as one line of plain text, for the clipboard. English and full precision, as scripts and notes want them.

use super::{drawn::ms, panel::Panel, watched::Watched, words};
use crate::base::Lang;

/// The figures of all panels, a line each.
pub(super) fn rows(run: &Watched) -> String {
    Panel::all_of(run).map(|panel| row(run, panel)).collect::<Vec<_>>().join("\n")
}

/// The figures of `panel`, tab-separated `name=value`; missing ones read `n/a`.
pub(super) fn row(run: &Watched, panel: Panel) -> String {
    let shape = words::shape(&run.spec, &run.now.model);
    let time = |us: Option<u64>| us.map_or_else(|| "n/a".to_owned(), |us| format!("{:.3}", ms(us)));
    let rate = |v: Option<f64>| v.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.3}"));
    let figures: Vec<(String, String)> = match panel.metric() {
        Some(metric) => {
            let dist = run.dist(metric);
            vec![
                ("n".to_owned(), dist.n.to_string()),
                ("mean_ms".to_owned(), rate(dist.mean_us.map(|us| us / 1_000.0))),
                ("p50_ms".to_owned(), time(dist.p50_us)),
                ("p90_ms".to_owned(), time(dist.p90_us)),
                ("p99_ms".to_owned(), time(dist.p99_us)),
                ("max_ms".to_owned(), time(dist.max_us)),
            ]
        }
        None => match panel {
            Panel::Throughput => vec![
                ("output_tok_per_s".to_owned(), rate(run.output_rate())),
                ("total_tok_per_s".to_owned(), rate(run.total_rate())),
                ("req_per_s".to_owned(), rate(run.request_rate())),
                ("goodput_per_s".to_owned(), rate(run.goodput())),
            ],
            Panel::InFlight => vec![
                ("in_flight".to_owned(), run.now.in_flight.to_string()),
                ("done".to_owned(), run.now.done.to_string()),
                ("failed".to_owned(), run.now.failed.to_string()),
                ("failed_pct".to_owned(), rate(run.failed_pct())),
            ],
            Panel::Server => {
                let server = run.servers.figures(run.now.at_us, run.ended());
                vec![
                    ("running".to_owned(), rate(server.running)),
                    ("waiting".to_owned(), rate(server.waiting)),
                    ("kv_pct".to_owned(), rate(server.kv_pct)),
                    ("preemptions".to_owned(), rate(server.preemptions)),
                    ("cache_hit_pct".to_owned(), rate(server.cache_hit_pct)),
                    ("ttft_ms".to_owned(), rate(server.ttft_ms)),
                    ("queue_ms".to_owned(), rate(server.queue_ms)),
                ]
            }
            Panel::Heat => Vec::new(),
            Panel::Series => run
                .now
                .series
                .iter()
                .flat_map(|series| &series.cells)
                .map(|cell| (cell.key.clone(), rate(cell.metrics.get("p99_ttft_ms").copied())))
                .collect(),
            Panel::Routes => run.now.routes.iter().map(|route| (route.name.clone(), time(route.ttft.p99_us))).collect(),
            Panel::Client => vec![
                ("send_lag_p99_ms".to_owned(), time(run.now.client.send_lag_p99_us)),
                ("cpu_pct".to_owned(), rate(run.now.client.cpu_pct.map(f64::from))),
                ("connections".to_owned(), run.now.client.connections.map_or_else(|| "n/a".to_owned(), |open| open.to_string())),
            ],
            Panel::Errors => run.now.errors_by_class.iter().map(|(class, n)| (class.clone(), n.to_string())).collect(),
            _ => run.events.iter().map(|event| (words::clock(event.at_us()).trim().to_owned(), event.said().en)).collect(),
        },
    };
    let name = panel.title().get(Lang::En).trim_end_matches(" ms");
    let mut line = format!("{}\t{name}", shape.get(Lang::En));
    for (name, value) in figures {
        line.push_str(&format!("\t{name}={value}"));
    }
    line
}
