//! One result of the workers' folders.
//!
//! All workers counted on the coordinator's time axis, so records are put together as they are, in the order of their ends, each with its
//! worker's number. Everything else follows from them. What the servers said is taken from the first worker that has it.

use super::{CLOCKS, Plan, WORKERS, folder, pool};
use crate::{
    base::Problem,
    bench::{
        live::{Fact, Second},
        record::Record,
        results::{self, End, EndLine, HISTOGRAMS, Header, REQUESTS, SECONDS, StoppedBy, WorkerSetup, finish::Joined},
        spec::SaveTokens,
        summary::Summary,
        tokens::{ARRIVALS, Encoder, Head, TOKENS},
    },
    jobs::Job,
    said,
    workspace::write_whole,
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    path::Path,
};

/// Files that one worker's serve for all, as every worker saw the same.
const OF_ONE: [&str; 2] = ["server.jsonl", "events.jsonl"];

/// Makes the result in `dir` of its workers' folders, when it has such and no result yet; false: there is nothing to make.
///
/// # Errors
/// Files that cannot be read or written.
pub fn finish(dir: &Path) -> Result<bool, Problem> {
    let workers = dir.join(WORKERS);
    if dir.join(REQUESTS).exists() || !workers.is_dir() {
        return Ok(false);
    }
    let plan = plan(&workers)?;
    let clocks: Vec<WorkerSetup> =
        fs::read(workers.join(CLOCKS)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    merge(dir, &plan, &clocks, None).map(|_| true)
}

pub(super) fn plan(workers: &Path) -> Result<Plan, Problem> {
    let job = Job::open(workers)?;
    serde_json::from_value(job.spec().payload.clone()).map_err(|error| {
        Problem::bad_input("bench.plan", said!("the plan of the workers makes no sense: {error}", "计划无法解析：{error}")).file(workers)
    })
}

/// Puts the workers' files together and computes the summary. `by`: why the run ended, when the coordinator knows.
pub(super) fn merge(dir: &Path, plan: &Plan, clocks: &[WorkerSetup], by: Option<StoppedBy>) -> Result<Summary, Problem> {
    let path = dir.join(REQUESTS);
    let failed = |error: &io::Error| {
        Problem::failed("bench.merge", said!("the workers' results cannot be put together: {error}", "无法合并各进程的结果：{error}"))
            .file(&path)
    };
    let workers = dir.join(WORKERS);
    let mut parts = Vec::new();
    let mut setup = None;
    let mut threads = 0;
    for k in 0..plan.count {
        let Ok(file) = File::open(folder(&workers, k).join(REQUESTS)) else { continue };
        let mut part = Part {
            worker: k,
            lines: BufReader::with_capacity(1 << 17, file),
            next: None,
            end: None,
            arrivals: Joined::of(&folder(&workers, k))?,
        };
        let mut first = Vec::new();
        part.lines.read_until(b'\n', &mut first).map_err(|e| failed(&e))?;
        let Ok(header) = serde_json::from_slice::<Header>(&first) else { continue };
        threads += header.setup.threads;
        setup.get_or_insert(header.setup);
        part.advance().map_err(|e| failed(&e))?;
        parts.push(part);
    }
    let Some(mut setup) = setup else {
        return Err(Problem::failed("bench.no_result", said!("no worker has measured anything", "没有进程测得数据")).file(workers));
    };
    setup.threads = threads;
    let mut who = clocks.to_vec();
    who.resize(usize::from(plan.count), WorkerSetup { lost: true, ..WorkerSetup::default() });

    // Whole or not at all: a merge that was cut is made again.
    let temporary = dir.join(format!("{REQUESTS}.merging"));
    let mut out = BufWriter::with_capacity(1 << 18, File::create(&temporary).map_err(|e| failed(&e))?);
    let mut header =
        Header { schema: "dcudeck.bench.requests/1".to_owned(), epoch: plan.epoch.clone(), spec: plan.spec.clone(), setup, workers: who };
    line(&mut out, &header).map_err(|e| failed(&e))?;
    let head = Head::new(&plan.epoch, SaveTokens::All, 1).bytes().map_err(|e| failed(&e))?;
    let mut arrivals = BufWriter::with_capacity(1 << 18, File::create(dir.join(ARRIVALS)).map_err(|e| failed(&e))?);
    arrivals.write_all(&head).map_err(|e| failed(&e))?;
    let (mut encoder, mut frame) = (Encoder::default(), Vec::new());
    while let Some(part) = parts.iter_mut().filter(|part| part.next.is_some()).min_by_key(|part| part.next.as_ref().map(|r| r.end_us)) {
        if let Some(mut record) = part.next.take() {
            record.worker = part.worker;
            line(&mut out, &record).map_err(|e| failed(&e))?;
            if let Some(theirs) = &mut part.arrivals
                && theirs.lend(&mut record)
            {
                frame.clear();
                encoder.frame(&record, &mut frame);
                arrivals.write_all(&frame).map_err(|e| failed(&e))?;
                theirs.take_back(&mut record)?;
            }
        }
        part.advance().map_err(|e| failed(&e))?;
    }
    let ends: Vec<&End> = parts.iter().filter_map(|part| part.end.as_ref()).collect();
    if let Some(end) = end(&ends, by) {
        line(&mut out, &EndLine { end }).map_err(|e| failed(&e))?;
    }
    arrivals.flush().map_err(|e| failed(&e))?;
    out.into_inner().map_err(|e| failed(e.error()))?.sync_data().map_err(|e| failed(&e))?;
    fs::rename(&temporary, &path).map_err(|e| failed(&e))?;

    header.workers.clear();
    seconds(dir, &header, plan.count).map_err(|e| failed(&e))?;
    histograms(dir, plan.count).map_err(|e| failed(&e))?;
    for name in OF_ONE {
        if let Some(from) = (0..plan.count).map(|k| folder(&workers, k).join(name)).find(|from| from.exists()) {
            fs::copy(from, dir.join(name)).map_err(|e| failed(&e))?;
        }
    }
    let summary = results::recompute(dir)?;
    // What is to be kept of the arrivals lies beside the merged result now.
    for k in 0..plan.count {
        let _ = fs::remove_file(folder(&workers, k).join(TOKENS));
    }
    Ok(summary)
}

/// One end of all: the last moment, the strictest reason, the busiest client.
fn end(ends: &[&End], by: Option<StoppedBy>) -> Option<End> {
    let rank = |by: StoppedBy| match by {
        StoppedBy::Requests => 0,
        StoppedBy::Duration => 1,
        StoppedBy::Drain => 2,
        StoppedBy::Stop => 3,
        StoppedBy::Signal => 4,
        StoppedBy::Killed => 5,
        StoppedBy::ErrorRate => 6,
    };
    // Without the coordinator's word nor a single end, the run was killed.
    let mut all = (*ends.first()?).clone();
    for other in ends.iter().skip(1) {
        all.at_us = all.at_us.max(other.at_us);
        if rank(other.stopped_by) > rank(all.stopped_by) {
            all.stopped_by = other.stopped_by;
        }
        all.client_cpu_pct = all.client_cpu_pct.into_iter().chain(other.client_cpu_pct).reduce(f64::max);
        all.connections_opened += other.connections_opened;
        all.user_stamped_reads += other.user_stamped_reads;
        all.loop_lag_p99_us = all.loop_lag_p99_us.max(other.loop_lag_p99_us);
    }
    all.stopped_by = by.unwrap_or(all.stopped_by);
    Some(all)
}

/// The curves: the sum of the workers'.
fn seconds(dir: &Path, header: &Header, count: u16) -> io::Result<()> {
    let mut rows: BTreeMap<u32, Second> = BTreeMap::new();
    for k in 0..count {
        let Ok(file) = File::open(folder(&dir.join(WORKERS), k).join(SECONDS)) else { continue };
        for text in BufReader::new(file).lines().skip(1) {
            // A torn last line of a worker that was killed.
            if let Ok(Fact::Second(second)) = serde_json::from_str(&text?) {
                pool::add(&mut rows, second);
            }
        }
    }
    let mut text = Vec::new();
    line(&mut text, header)?;
    for second in rows.into_values() {
        line(&mut text, &Fact::Second(second))?;
    }
    write_whole(&dir.join(SECONDS), &text)
}

/// The interval logs as one, by the start of each interval: those of one second follow one another, and the format's readers add them up.
/// All workers count from the same moment, so the first one's header is true of all.
fn histograms(dir: &Path, count: u16) -> io::Result<()> {
    let (mut head, mut intervals) = (Vec::new(), Vec::new());
    for k in 0..count {
        let Ok(text) = fs::read_to_string(folder(&dir.join(WORKERS), k).join(HISTOGRAMS)) else { continue };
        let first = head.is_empty();
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let start = line.strip_prefix("Tag=").and_then(|rest| rest.split(',').nth(1)?.parse::<f64>().ok());
            match start {
                Some(start) => intervals.push((start, line.to_owned())),
                None if first => head.extend_from_slice(line.as_bytes()),
                None => {}
            }
        }
    }
    intervals.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, line) in intervals {
        head.extend_from_slice(line.as_bytes());
    }
    if head.is_empty() { Ok(()) } else { write_whole(&dir.join(HISTOGRAMS), &head) }
}

fn line(out: &mut impl io::Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// A worker's records, read one ahead.
struct Part {
    worker: u16,
    lines: BufReader<File>,
    next: Option<Record>,
    end: Option<End>,
    /// Its token arrivals, in the order of its records.
    arrivals: Option<Joined>,
}

impl Part {
    /// Reads on; a torn last line is the end.
    fn advance(&mut self) -> io::Result<()> {
        let mut text = Vec::new();
        self.next = None;
        self.lines.read_until(b'\n', &mut text)?;
        if text.last() == Some(&b'\n') {
            if text.starts_with(b"{\"end\":") {
                self.end = serde_json::from_slice::<EndLine>(&text).ok().map(|line| line.end);
            } else {
                self.next = Some(serde_json::from_slice(&text)?);
            }
        }
        Ok(())
    }
}
