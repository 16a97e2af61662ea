//! A panel's figures as one line of plain text, for the clipboard. English and full precision, as scripts and notes want them.

use super::{
    drawn::ms,
    panel::Panel,
    watched::{Event, Watched},
    words,
};
use crate::base::Lang;

/// The figures of all panels, a line each.
pub(super) fn rows(run: &Watched) -> String {
    Panel::ALL.map(|panel| row(run, panel)).join("\n")
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
            Panel::Client => vec![
                ("send_lag_p99_ms".to_owned(), time(run.now.client.send_lag_p99_us)),
                ("cpu_pct".to_owned(), rate(run.now.client.cpu_pct.map(f64::from))),
                ("connections".to_owned(), run.now.client.connections.to_string()),
            ],
            Panel::Errors => run.now.errors_by_class.iter().map(|(class, n)| (class.clone(), n.to_string())).collect(),
            _ => run.events.iter().map(|event| (words::clock(event.at_us()).trim().to_owned(), event_word(event))).collect(),
        },
    };
    let name = panel.title().get(Lang::En).trim_end_matches(" ms");
    let mut line = format!("{}\t{name}", shape.get(Lang::En));
    for (name, value) in figures {
        line.push_str(&format!("\t{name}={value}"));
    }
    line
}

fn event_word(event: &Event) -> String {
    match event {
        Event::Phase { phase, .. } => words::phase(*phase).en.to_owned(),
        Event::Failure { class, example, .. } => format!("{class}: {example}"),
        Event::Dropped { count, .. } => format!("{count} readings missed"),
        Event::Lost { .. } => "lost".to_owned(),
    }
}
