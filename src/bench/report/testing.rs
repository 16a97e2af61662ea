//! Result folders for tests: made of figures that are the same every time.

use crate::{
    base::clock::Epoch,
    bench::{
        live::{Fact, Second},
        record::{Class, Failure, Record},
        results::{self, End, EndLine, Header, REQUESTS, SECONDS, Setup, StoppedBy, Usage},
        spec::{SaveTokens, Spec},
        summary::Summary,
        tokens::{ARRIVALS, Encoder, Head},
    },
};
use std::{fs, io::Write as _, path::Path};

pub(in crate::bench) fn spec(more: &str) -> Spec {
    let text = format!(
        r#"{{"name": "chat", "target": {{"url": "http://127.0.0.1:8000", "model": "m"}}, "prompts": {{"random": {{"input_len": 128}}}}, "output_len": 32, "seed": 7{more}}}"#
    );
    serde_json::from_str(&text).expect(&text)
}

pub(in crate::bench) fn header(spec: &Spec, started_at: &str) -> Header {
    Header {
        schema: "dcudeck.bench.requests/1".to_owned(),
        epoch: Epoch { wall_start: started_at.to_owned(), boot_id: "b".to_owned(), host: "node-1".to_owned(), mono_start_us: 0 },
        spec: spec.clone(),
        setup: Setup {
            model: spec.target.model.clone().unwrap_or_default(),
            max_model_len: Some(4_096),
            usage: Usage::Continuous,
            client: "own".to_owned(),
            protocol: "HTTP/1.1".to_owned(),
            stamps: "kernel".to_owned(),
            threads: 1,
            prompts: "ids".to_owned(),
            routes: Vec::new(),
            servers: Vec::new(),
        },
        workers: Vec::new(),
    }
}

pub(in crate::bench) fn end(at_us: u64) -> End {
    End {
        at_us,
        stopped_by: StoppedBy::Requests,
        client_cpu_pct: Some(12.5),
        connections_opened: 4,
        user_stamped_reads: 0,
        loop_lag_p99_us: None,
    }
}

/// The `i`-th request of `users` users: TTFT about `ttft_us` with a tail, a gap of `gap_us` with a jitter, 32 tokens.
pub(in crate::bench) fn record(i: u64, users: u64, ttft_us: u64, gap_us: u64) -> Record {
    // A fixed scatter, so that every test sees the same figures.
    let noise = |k: u64| {
        // SplitMix64: even neighbours are unrelated.
        let mut z = (i << 20 | k).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % 1_000
    };
    let slow = if noise(1) > 980 { 4 } else { 1 };
    let ttft = ttft_us * slow + ttft_us * noise(2) / 2_000;
    let gaps: Vec<u64> = (0..31).map(|k| gap_us + gap_us * noise(10 + k) / 5_000).collect();
    let answer = ttft + gaps.iter().sum::<u64>();
    let planned_us = (i / users) * (ttft_us + ttft_us / 2 + 31 * (gap_us + gap_us / 5)) + (i % users) * 40;
    let sent_us = planned_us + 20 + noise(3) / 20;
    let small = |us: u64| u32::try_from(us).expect("small");
    Record {
        i,
        planned_us,
        started_us: planned_us + 10,
        sent_us: Some(sent_us),
        status: Some(200),
        first_us: Some(sent_us + ttft),
        last_us: Some(sent_us + answer),
        event_us: Some(sent_us + answer + 80),
        end_us: sent_us + answer + 100,
        prompt_tokens: Some(128),
        output_tokens: 32,
        finish: Some("length".to_owned()),
        gaps_us: std::iter::once(small(ttft)).chain(gaps.iter().map(|&g| small(g))).collect(),
        ..Record::default()
    }
}

pub(in crate::bench) fn failed(mut record: Record, message: &str) -> Record {
    (record.status, record.first_us, record.last_us, record.event_us) = (Some(503), None, None, None);
    (record.output_tokens, record.prompt_tokens, record.finish) = (0, None, None);
    record.gaps_us.clear();
    record.error = Some(Failure { class: Class::HttpStatus, message: message.to_owned() });
    record
}

/// Writes the folder of a run, with an end or (`None`) as a kill leaves it.
pub(in crate::bench) fn write(dir: &Path, header: &Header, records: &[Record], end: Option<End>) {
    fs::create_dir_all(dir).expect("mkdir");
    let mut file = fs::File::create(dir.join(REQUESTS)).expect("creates");
    let mut line = |value: String| writeln!(file, "{value}").expect("writes");
    line(serde_json::to_string(header).expect("JSON"));
    let (mut encoder, mut frames) = (Encoder::default(), Head::new(&header.epoch, SaveTokens::All, 1).bytes().expect("bytes"));
    for record in records {
        let mut record = record.clone();
        record.weigh();
        encoder.frame(&record, &mut frames);
        line(serde_json::to_string(&record).expect("JSON"));
    }
    fs::write(dir.join(ARRIVALS), frames).expect("writes");
    if let Some(end) = end {
        line(serde_json::to_string(&EndLine { end }).expect("JSON"));
    }
    let last = records.iter().map(|r| r.end_us / 1_000_000).max().unwrap_or(0);
    let mut file = fs::File::create(dir.join(SECONDS)).expect("creates");
    writeln!(file, "{}", serde_json::to_string(header).expect("JSON")).expect("writes");
    for second in 0..=last {
        let within = records.iter().filter(|r| r.end_us / 1_000_000 == second);
        let (done, output_tokens) = within.fold((0, 0), |(n, tokens), r| (n + 1, tokens + r.output_tokens));
        let second = u32::try_from(second).expect("small");
        let second = Fact::Second(Second { second, output_tokens, done, failed: 0, in_flight_mean: 4.0, warmup: false });
        writeln!(file, "{}", serde_json::to_string(&second).expect("JSON")).expect("writes");
    }
}

/// A finished run of `n` requests by 4 users.
pub(in crate::bench) fn run(dir: &Path, started_at: &str, n: u64, ttft_us: u64, gap_us: u64, more: &str) -> Summary {
    let spec = spec(more);
    let records: Vec<Record> = (0..n).map(|i| record(i, 4, ttft_us, gap_us)).collect();
    write(dir, &header(&spec, started_at), &records, Some(end(records.iter().map(|r| r.end_us).max().unwrap_or(0))));
    results::recompute(dir).expect("a summary")
}
