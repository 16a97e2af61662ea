//! Which charts a report shows.

use super::{
    document::Block,
    figures::number,
    gather::{Gathered, bins, curve},
    run::Run,
    svg::{self, Line, Lines, Scale},
};
use crate::{
    base::{Lang, Said},
    bench::{
        live::{Cell, CellState, Event, Mark, Series},
        stats::Samples,
    },
    said,
};

fn line(name: impl Into<String>, points: Vec<(f64, f64)>) -> Line {
    Line { name: name.into(), points, dashed: false, dots: false }
}

fn chart(svg: Option<String>, caption: String) -> Option<Block> {
    svg.map(|svg| Block::Chart { svg, caption })
}

pub(super) fn of_run(run: &Run, lang: Lang) -> Vec<Block> {
    let t = |said: Said| said.get(lang).to_owned();
    let (s, g) = (&run.summary, &run.gathered);
    let mut out = Vec::new();
    let marks: Vec<(f64, String)> = g.events.iter().map(|event| (event.at_us as f64 / 1e6, t(mark(event)))).collect();
    let told = marks.iter().enumerate().map(|(k, (at, what))| t(said!("{} at {} s: {what}", "{}：{} s，{what}", k + 1, number(*at))));
    let told = told.collect::<Vec<_>>().join(if lang == Lang::Zh { "；" } else { "; " });
    let over = |title: Said, unit: &str, lines: Vec<Line>| {
        svg::lines(&Lines {
            title: t(title),
            x: ("s".to_owned(), Scale::Linear),
            y: (unit.to_owned(), Scale::Linear),
            lines,
            marks: marks.clone(),
            goals: Vec::new(),
        })
    };
    let by_second = |value: &dyn Fn(&crate::bench::live::Second) -> f64| {
        let mut points = Vec::with_capacity(g.seconds.len());
        let mut last = None;
        for second in &g.seconds {
            if last.is_some_and(|last| second.second > last + 1) {
                points.push((f64::from(second.second), f64::NAN));
            }
            points.push((f64::from(second.second), value(second)));
            last = Some(second.second);
        }
        points
    };
    out.extend(chart(
        over(said!("Output tokens", "输出 token"), "tok/s", vec![line("", by_second(&|s| s.output_tokens as f64))]),
        told.clone(),
    ));
    let mut flight = vec![line(t(said!("in flight", "在途")), by_second(&|s| f64::from(s.in_flight_mean)))];
    let of_server = |value: &dyn Fn(&crate::bench::live::ServerSample) -> Option<f64>| {
        g.server.iter().filter(|s| s.server == 0).filter_map(|s| Some((s.at_us as f64 / 1e6, value(s)?))).collect::<Vec<_>>()
    };
    for (name, points) in
        [(said!("server: running", "服务端：运行"), of_server(&|s| s.running)), (said!("waiting", "等待"), of_server(&|s| s.waiting))]
    {
        if !points.is_empty() {
            flight.push(line(t(name), points));
        }
    }
    out.extend(chart(over(said!("Requests under way", "在途请求"), "", flight), String::new()));
    let mut cache = Vec::new();
    for (name, points) in
        [(said!("KV cache", "KV 缓存"), of_server(&|s| s.kv_pct)), (said!("prefix hits", "前缀命中"), of_server(&|s| s.cache_hit_pct))]
    {
        if !points.is_empty() {
            cache.push(line(t(name), points));
        }
    }
    out.extend(chart(over(said!("Server caches", "服务端缓存"), "%", cache), String::new()));
    let slo = &s.slo;
    for (name, samples, goal) in [("TTFT", &g.ttft, slo.ttft_ms), ("TPOT", &g.tpot, slo.tpot_ms), ("ITL", &g.itl, slo.itl_ms)] {
        out.extend(chart(histogram(name, samples, goal), String::new()));
    }
    let before = run.before.as_ref().map(|(_, before)| before);
    out.extend(by_percentile(g, before, [slo.ttft_ms, slo.tpot_ms, slo.e2el_ms], lang));
    let strip = svg::strip(&t(said!("TTFT over time", "TTFT 随时间")), &g.strip, "s");
    out.extend(chart(strip, t(said!("The darker, the more first tokens fell there.", "颜色越深，落在该处的首 token 越多。"))));
    out
}

/// Latencies of two results over each other, by percentile.
pub(super) fn of_both(base: &Gathered, this: &Gathered, lang: Lang) -> Vec<Block> {
    by_percentile(this, Some(base), [None; 3], lang)
}

fn by_percentile(this: &Gathered, base: Option<&Gathered>, goals: [Option<f64>; 3], lang: Lang) -> Vec<Block> {
    let t = |said: Said| said.get(lang).to_owned();
    let of = |g: &Gathered| [curve(&g.ttft), curve(&g.tpot), curve(&g.e2el)];
    let mut old = base.map(of).map_or_else(Vec::new, Vec::from).into_iter();
    let mut out = Vec::new();
    for ((name, points), goal) in ["TTFT", "TPOT", "E2EL"].into_iter().zip(of(this)).zip(goals) {
        let mut lines = vec![line(t(said!("this run", "本次")), points)];
        lines.extend(old.next().map(|old| Line { dashed: true, ..line(t(said!("base", "基准")), old) }));
        out.extend(chart(percentiles(t(said!("{name} by percentile", "{name} 百分位")), lines, goal), String::new()));
    }
    out
}

fn percentiles(title: String, lines: Vec<Line>, goal: Option<f64>) -> Option<String> {
    let goals = goal.map(|goal| (goal, format!("SLO {} ms", number(goal)))).into_iter().collect();
    svg::lines(&Lines { title, x: (String::new(), Scale::Tail), y: ("ms".to_owned(), Scale::Log), lines, marks: Vec::new(), goals })
}

fn histogram(name: &str, samples: &Samples, goal: Option<f64>) -> Option<String> {
    let marks = [("P50", 50.0), ("P90", 90.0), ("P99", 99.0)];
    let marks: Vec<_> = marks
        .iter()
        .filter_map(|(word, p)| Some((samples.percentile(*p)?, format!("{word} {}", number(samples.percentile(*p)?)))))
        .collect();
    svg::histogram(&format!("{name}, n = {}", number(samples.n() as f64)), &bins(samples), &marks, goal)
}

/// A mark in words.
pub(super) fn mark(event: &Event) -> Said {
    match &event.what {
        Mark::Users { from, to } => said!("users {from} → {to}", "用户 {from} → {to}"),
        Mark::Rate { from, to } => said!("rate {} → {} req/s", "速率 {} → {} req/s", number(*from), number(*to)),
        Mark::Pause => said!("paused", "暂停"),
        Mark::Resume => said!("resumed", "继续"),
        Mark::Drain => said!("drain", "排空"),
        Mark::Stop => said!("stop", "停止"),
        Mark::Note { text } => Said::same(crate::base::clean(text).into_owned()),
        Mark::Scrape { ok: true, .. } => said!("/metrics answers again", "/metrics 恢复应答"),
        Mark::Scrape { ok: false, .. } => said!("/metrics does not answer", "/metrics 无应答"),
    }
}

/// Load of a cell: users, or requests per second.
fn load(cell: &Cell) -> f64 {
    cell.concurrency.map(f64::from).or(cell.rate).unwrap_or(0.0)
}

/// Heatmaps over input length and load for every answer length, and curves of latency over throughput.
pub(super) fn of_series(series: &Series, lang: Lang) -> Vec<Block> {
    let t = |said: Said| said.get(lang).to_owned();
    let done: Vec<&Cell> = series.cells.iter().filter(|c| c.state == CellState::Done).collect();
    let mut lengths: Vec<u32> = series.cells.iter().map(|c| c.output_len).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let mut inputs: Vec<Option<u32>> = series.cells.iter().map(|c| c.input_len).collect();
    inputs.sort_unstable();
    inputs.dedup();
    let mut loads: Vec<f64> = series.cells.iter().map(load).collect();
    loads.sort_by(f64::total_cmp);
    loads.dedup();
    let named = |input: Option<u32>| input.map_or_else(|| "–".to_owned(), |n| n.to_string());
    // The mean over repeats.
    let at = |output: u32, input: Option<u32>, of: f64, key: &str| {
        let values: Vec<f64> = done
            .iter()
            .filter(|c| c.output_len == output && c.input_len == input && load(c).total_cmp(&of).is_eq())
            .filter_map(|c| c.metrics.get(key).copied())
            .collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let unit = if series.cells.iter().any(|c| c.rate.is_some()) { "req/s".to_owned() } else { t(said!("users", "用户数")) };
    let mut out = Vec::new();
    for &output in &lengths {
        if inputs.len() > 1 || lengths.len() > 1 {
            for (title, key) in [
                (said!("P99 TTFT, ms: answers of {output}", "P99 TTFT，ms：输出 {output}"), "p99_ttft_ms"),
                (said!("Output tok/s: answers of {output}", "输出 tok/s：输出 {output}"), "output_throughput"),
            ] {
                let rows: Vec<_> =
                    inputs.iter().map(|&input| (named(input), loads.iter().map(|&of| at(output, input, of, key)).collect())).collect();
                let columns: Vec<String> = loads.iter().map(|l| number(*l)).collect();
                out.extend(chart(svg::heatmap(&t(title), &columns, &rows, (&unit, &t(said!("input", "输入")))), String::new()));
            }
        }
        for (title, key, y) in [
            (said!("P99 TTFT over throughput: answers of {output}", "P99 TTFT 对吞吐：输出 {output}"), "p99_ttft_ms", "ms"),
            (said!("P99 TPOT over throughput: answers of {output}", "P99 TPOT 对吞吐：输出 {output}"), "p99_tpot_ms", "ms"),
        ] {
            let lines = inputs.iter().map(|&input| {
                let points =
                    loads.iter().filter_map(|&of| Some((at(output, input, of, "output_throughput")?, at(output, input, of, key)?)));
                Line { dots: true, ..line(named(input), points.collect()) }
            });
            let lines: Vec<Line> = lines.filter(|l| !l.points.is_empty()).collect();
            let scale = if key == "p99_ttft_ms" { Scale::Log } else { Scale::Linear };
            let drawn = svg::lines(&Lines {
                title: t(title),
                x: ("tok/s".to_owned(), Scale::Linear),
                y: (y.to_owned(), scale),
                lines,
                marks: Vec::new(),
                goals: Vec::new(),
            });
            out.extend(chart(drawn, t(said!("One line an input length, one point a load.", "每条线一个输入长度，每点一个负载。"))));
        }
    }
    out
}
