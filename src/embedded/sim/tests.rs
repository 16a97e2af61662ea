use super::{answer::*, *};
use crate::{
    base::clock::monotonic_us,
    embedded::raw::{Raw, get, post},
};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    thread::JoinHandle,
};

struct Running {
    address: String,
    stop: Stop,
    thread: JoinHandle<Summary>,
}

fn start(options: Options) -> Running {
    let sim = Sim::bind(options).expect("binds");
    let address = sim.listening().expect("listens").url.trim_start_matches("http://").to_owned();
    let stop = sim.stop_handle();
    Running { address, stop, thread: std::thread::spawn(move || sim.run().expect("serves")) }
}

impl Running {
    fn connect(&self) -> TcpStream {
        self.raw().0.into_inner()
    }

    fn raw(&self) -> Raw {
        Raw::connect(&self.address)
    }

    fn stop(self) -> Summary {
        self.stop.stop();
        self.thread.join().expect("ends")
    }
}

fn ask(path: &str, stream: bool, tokens: usize) -> Vec<u8> {
    post(
        path,
        &format!(
            r#"{{"model":"sim","prompt":"abcdefgh","messages":[{{"role":"user","content":"hi"}}],"max_tokens":{tokens},"stream":{stream},"stream_options":{{"include_usage":true}}}}"#
        ),
    )
}

fn truth(path: &Path) -> (serde_json::Value, Vec<Record>, Summary) {
    let text = std::fs::read_to_string(path).expect("reads");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (first, rest) = lines.split_first().expect("a first line");
    let (last, records) = rest.split_last().expect("a last line");
    let records = records.iter().map(|line| serde_json::from_value(line.clone()).expect("a record")).collect();
    (first.clone(), records, serde_json::from_value(last["summary"].clone()).expect("a summary"))
}

fn quick() -> Options {
    Options { ttft_ms: 5.0, itl_ms: 2.0, ..Options::default() }
}

#[test]
fn the_truth_agrees_with_what_a_raw_reader_sees() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("truth.jsonl");
    let sim = start(Options { truth: Some(path.clone()), jitter_ms: 1.0, seed: 7, ..quick() });
    let mut stream = sim.connect();
    let sent_us = monotonic_us();
    stream.write_all(&ask("/v1/chat/completions", true, 20)).expect("sends");
    let sent_by_us = monotonic_us();
    // Stamp every read; count the token events that had come by then.
    let (mut bytes, mut buffer, mut seen) = (Vec::new(), [0; 4096], Vec::new());
    while !bytes.ends_with(b"0\r\n\r\n") {
        let n = stream.read(&mut buffer).expect("reads");
        assert!(n > 0, "the answer is whole");
        bytes.extend_from_slice(&buffer[..n]);
        let tokens = String::from_utf8_lossy(&bytes).matches(r#""content":" sim""#).count();
        seen.push((monotonic_us(), tokens));
    }
    let summary = sim.stop();
    let (first, records, last) = truth(&path);
    assert_eq!(summary, last);
    assert_eq!(first["schema"], "dcudeck.sim.truth/1");
    let zero = first["mono_start_us"].as_u64().expect("a zero");
    let [record] = records.as_slice() else { panic!("one record: {records:?}") };
    assert_eq!((record.end, record.max_tokens, record.writes.len()), (End::Done, 20, 20));
    assert_eq!(record.writes.iter().map(|w| w.1).sum::<usize>(), 20);
    let arrival = zero + record.arrival.at_us;
    // Stamps of two clocks were paired: a millisecond is far more than that costs.
    assert!(arrival + 1000 >= sent_us && arrival <= sent_by_us + 1000, "{sent_us} <= {arrival} <= {sent_by_us} ({:?})", record.arrival);
    assert!(
        record.arrival.at_us <= record.arrival.read_us + 1000
            && record.arrival.read_us <= record.headers_us
            && record.headers_us <= record.body_us
    );
    let mut so_far = 0;
    for (at_us, tokens) in &record.writes {
        so_far += tokens;
        let reader = seen.iter().find(|(_, tokens)| *tokens >= so_far).expect("every token was seen");
        assert!(zero + at_us <= reader.0, "token {so_far} was written at {at_us} after it was read at {}", reader.0 - zero);
    }
    // First token no earlier than asked for, less the jitter.
    assert!(record.writes[0].0 >= record.body_us + 4000, "{record:?}");
}

#[test]
fn the_kernel_stamps_arrivals_on_loopback() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("truth.jsonl");
    let sim = start(Options { truth: Some(path.clone()), ..quick() });
    let mut reader = sim.raw();
    let deadline = monotonic_us() + 10_000_000;
    // Not the first ones: the kernel takes some milliseconds to switch stamping on.
    while !std::fs::read_to_string(&path).expect("reads").contains(r#""by":"kernel""#) {
        assert!(monotonic_us() < deadline, "no stamp by the kernel");
        reader.ask(&ask("/v1/completions", true, 1));
    }
    let summary = sim.stop();
    let records = truth(&path).1;
    let kernel: Vec<&Record> = records.iter().filter(|record| record.arrival.by == Stamp::Kernel).collect();
    assert_eq!(kernel.len() as u64, summary.kernel_stamped);
    assert!(kernel.iter().all(|record| record.arrival.at_us <= record.arrival.read_us), "{kernel:?}");
}

#[test]
fn a_seed_gives_one_schedule_and_another_seed_another() {
    let options = Options { jitter_ms: 3.0, seed: 1, coalesce: 4, ..quick() };
    let job =
        || Job::read(&options, true, Some("x"), br#"{"messages":[],"max_tokens":33,"stream":true}"#).map_err(|r| r.status).expect("a job");
    let plan = |seed, number| schedule(&Options { seed, ..options.clone() }, &job(), number);
    assert_eq!(plan(1, 5), plan(1, 5));
    assert_ne!(plan(1, 5), plan(2, 5));
    assert_ne!(plan(1, 5), plan(1, 6));
    let writes = plan(1, 5);
    assert_eq!(writes.iter().map(|(from, to, _)| to - from).collect::<Vec<_>>(), [1, 4, 4, 4, 4, 4, 4, 4, 4]);
    assert!(writes.is_sorted_by_key(|w| w.2));
}

#[test]
fn a_stream_has_vllm_events_in_order_and_ends_with_usage_and_done() {
    let sim = start(Options { tokens_per_chunk: 3, ..quick() });
    let mut reader = sim.raw();
    let answer = reader.ask(&ask("/v1/chat/completions", true, 7));
    assert!(answer.status == 200 && answer.header("content-type") == Some("text/event-stream; charset=utf-8") && answer.whole);
    let (events, parsed) = (answer.events(), answer.chunks());
    assert_eq!(events.len(), 1 + 3 + 1 + 1);
    assert_eq!(parsed[0]["choices"][0]["delta"], serde_json::json!({"role": "assistant", "content": ""}));
    assert_eq!(parsed[1]["choices"][0]["delta"]["content"], " sim sim sim");
    assert_eq!(parsed[3]["choices"][0]["delta"]["content"], " sim");
    assert_eq!(parsed[3]["choices"][0]["finish_reason"], "length");
    assert_eq!(parsed[4]["usage"], serde_json::json!({"prompt_tokens": 5, "total_tokens": 12, "completion_tokens": 7}));
    assert_eq!(events[5], "[DONE]");
    // The connection is kept: the same asked whole.
    let body = reader.ask(&ask("/v1/completions", false, 7)).json();
    assert_eq!((&body["choices"][0]["text"], &body["usage"]["completion_tokens"]), (&" sim".repeat(7).into(), &7.into()));
    sim.stop();
}

#[test]
fn coalescing_and_flooding_change_the_writes_and_not_the_events() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let bodies = [(4, false, vec![1, 4, 4, 1]), (1, true, vec![10])].map(|(coalesce, flood, writes)| {
        let path = dir.path().join(format!("{coalesce}.jsonl"));
        let sim = start(Options { coalesce, flood, truth: Some(path.clone()), ..quick() });
        let mut reader = sim.raw();
        let answer = reader.ask(&ask("/v1/completions", true, 10));
        sim.stop();
        assert_eq!(truth(&path).1[0].writes.iter().map(|w| w.1).collect::<Vec<_>>(), writes);
        answer.events().len()
    });
    assert_eq!(bodies, [12, 12]);
}

#[test]
fn a_client_that_leaves_is_recorded_as_gone() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("truth.jsonl");
    let sim = start(Options { truth: Some(path.clone()), ttft_ms: 0.0, itl_ms: 50.0, ..Options::default() });
    let mut stream = sim.connect();
    stream.write_all(&ask("/v1/completions", true, 100_000)).expect("sends");
    stream.read_exact(&mut [0; 200]).expect("a first token");
    drop(stream);
    // Running falls to 0 once the server has seen it.
    let deadline = monotonic_us() + 10_000_000;
    let mut reader = sim.raw();
    loop {
        let body = reader.ask(&get("/metrics")).text();
        if body.contains("vllm:num_requests_running{model_name=\"sim\"} 0.0") {
            break;
        }
        assert!(monotonic_us() < deadline, "{body}");
    }
    sim.stop();
    assert_eq!(truth(&path).1[0].end, End::ClientGone);
}

#[test]
fn each_fault_is_what_its_name_says() {
    for (kind, status, whole, error, events_seen) in [
        (Fault::Status500, 500, true, false, 0),
        (Fault::ErrorInStream, 200, true, true, 7),
        (Fault::Truncate, 200, false, false, 5),
        (Fault::Empty, 200, true, false, 1),
    ] {
        let sim = start(Options { fail: Some(Fail { every: 2, kind }), ..quick() });
        let mut reader = sim.raw();
        for ok in [true, false] {
            let answer = reader.ask(&ask("/v1/completions", true, 10));
            if ok {
                assert!(answer.status == 200 && answer.whole, "every second request fails, not the first");
                continue;
            }
            assert_eq!((answer.status, answer.whole), (status, whole), "{kind:?}");
            assert_eq!(answer.text().contains(r#"data: {"error":"#), error, "{kind:?}");
            assert_eq!(answer.events().len(), events_seen, "{kind:?}");
        }
        sim.stop();
    }
}

#[test]
fn what_is_no_generation_gets_vllms_answers() {
    let sim = start(quick());
    let mut reader = sim.raw();
    for (request, status, has) in [
        (get("/health"), 200, ""),
        (get("/version"), 200, "+dcudeck"),
        (get("/v1/models"), 200, r#""max_model_len":131072"#),
        (get("/v1/nope"), 404, r#"{"detail":"Not Found"}"#),
        (get("/v1/completions"), 405, r#"{"detail":"Method Not Allowed"}"#),
        (post("/v1/completions", r#"{"model":"other","prompt":"x"}"#), 404, "The model `other` does not exist."),
        (post("/v1/completions", "{bad"), 400, r#""object":"error""#),
        (post("/v1/completions", r#"{"prompt":"x","max_tokens":200000}"#), 400, "maximum context length is 131072"),
        (post("/tokenize", r#"{"prompt":"abcdefgh"}"#), 200, r#"{"count":2,"#),
    ] {
        let answer = reader.ask(&request);
        assert!(answer.status == status && answer.text().contains(has), "{answer:?}");
    }
    sim.stop();
}

#[test]
fn an_option_out_of_range_is_bad_input() {
    for options in [
        Options { itl_ms: -1.0, ..Options::default() },
        Options { ttft_ms: f64::NAN, ..Options::default() },
        Options { coalesce: 0, ..Options::default() },
        Options { truth: Some("/nonexistent/truth.jsonl".into()), ..Options::default() },
    ] {
        assert_eq!(Sim::bind(options).expect_err("refused").exit(), crate::base::Exit::BadInput);
    }
}

#[test]
#[ignore = "a measurement: 1,024 streams, takes both cores for 10 s"]
fn a_thousand_streams_on_one_core() {
    for itl_ms in [20.0, 10.0] {
        let sim = start(Options { ttft_ms: 500.0, itl_ms, jitter_ms: 2.0, ..Options::default() });
        let mut streams: Vec<TcpStream> = (0..1024).map(|_| sim.connect()).collect();
        let tokens = 250;
        for stream in &mut streams {
            stream.write_all(&ask("/v1/chat/completions", true, tokens)).expect("sends");
        }
        // A reader as light as can be: whatever is there, on one thread.
        let epoll = rustix::event::epoll::create(rustix::event::epoll::CreateFlags::CLOEXEC).expect("epoll");
        for (i, stream) in streams.iter().enumerate() {
            use rustix::event::epoll::{EventData, EventFlags, add};
            stream.set_nonblocking(true).expect("option");
            add(&epoll, stream, EventData::new_u64(i as u64), EventFlags::IN).expect("adds");
        }
        let (mut buffer, mut bytes, mut left) = (vec![0; 1 << 16], 0, streams.len());
        let mut events = Vec::with_capacity(256);
        while left > 0 {
            events.clear();
            rustix::event::epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None).expect("waits");
            for event in &events {
                let slot = usize::try_from({ event.data }.u64()).expect("fits");
                let n = streams[slot].read(&mut buffer).unwrap_or(0);
                bytes += n;
                left -= usize::from(buffer[..n].ends_with(b"0\r\n\r\n"));
            }
        }
        println!("itl {itl_ms} ms: {bytes} bytes read, {:?}", sim.stop());
    }
}
