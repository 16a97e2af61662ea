//! Against pages real servers gave, and servers that answer, fall silent and come back.

use super::*;
use crate::{
    bench::live::ServerSample,
    embedded::sim::{Options, Sim},
};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
};

const DEADLINE: Duration = Duration::from_secs(30);

/// The body of a recorded exchange.
fn capture(path: &str) -> String {
    let path = format!("{}/fixtures/captures/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect(&path);
    text.split_once("\n<\n").expect("a body").1.split("\n[end ").next().expect("a body").to_owned()
}

#[test]
fn vllm_085_v0_is_read_as_it_was_captured() {
    let page = capture("vllm/get_metrics_after.txt");
    let reading = Reading::of(&page, &["tiny-qwen2".to_owned()]).expect("known names");
    assert_eq!((reading.running, reading.waiting, reading.kv_pct), (Some(0.0), Some(0.0), Some(0.0)));
    assert_eq!((reading.prompt_tokens, reading.output_tokens, reading.preemptions), (Some(364.0), Some(392.0), Some(0.0)));
    assert_eq!((reading.ttft.count, reading.queue.count, reading.decode.count), (Some(21.0), Some(20.0), Some(20.0)));
    assert_eq!((reading.cache_queries, reading.cache_hits), (None, None), "V0 of 0.8.5 exports none");
    assert_eq!(engine(Some(&page), Some("0.8.5.post2")), Some("vllm-v0"));
    // A server that has had no request does not have its histograms yet.
    let idle = Reading::of(&capture("metrics/vllm-0.8.5-idle.txt"), &[]).expect("known names");
    assert_eq!((idle.running, idle.output_tokens, idle.ttft.count), (Some(0.0), Some(0.0), None));
    let mut follow = Follow::new(0);
    follow.take(0, idle);
    let sample = follow.take(2_000_000, reading);
    assert_eq!((sample.output_tokens_per_s, sample.totals.and_then(|t| t.queue_count)), (Some(196.0), Some(20.0)));
    assert!((sample.queue_ms.expect("20 requests") - 3.941_905).abs() < 1e-5, "{:?}", sample.queue_ms);
}

#[test]
fn vllm_032_v1_is_read_by_its_later_names() {
    let page = capture("metrics/vllm-0.32.txt");
    let reading = Reading::of(&page, &["tiny-qwen2".to_owned()]).expect("known names");
    assert_eq!((reading.running, reading.waiting, reading.kv_pct), (Some(0.0), Some(0.0), Some(0.0)));
    assert_eq!((reading.cache_queries, reading.cache_hits, reading.prompt_tokens), (Some(348.0), Some(0.0), Some(348.0)));
    assert_eq!(reading.prefill.count, Some(20.0));
    assert!(reading.prefill.sum.is_some_and(|sum| (sum - 85.316).abs() < 1e-3) && reading.v1);
    assert_eq!(engine(Some(&page), Some("0.32.0")), Some("vllm-v1"));
    assert_eq!(engine(None, Some("0.32.0")), None);
}

#[cfg(feature = "embedded")]
#[test]
fn the_engines_own_page_is_read_and_named() {
    use crate::embedded::{
        api::{Finish, Gauges},
        metrics::Metrics,
    };
    let metrics = Arc::new(Metrics::new("eye-tiny", 0));
    let mut meter = metrics.follow(std::time::Instant::now(), 12, 3, None);
    let at = std::time::Instant::now();
    meter.scheduled(at);
    meter.token(at);
    meter.token(at + Duration::from_millis(20));
    meter.ended(Finish::Length);
    let page = metrics.text(&Gauges { running: 3, waiting: 2, cache_usage: 0.5, ..Gauges::default() });
    let reading = Reading::of(&page, &["eye-tiny".to_owned()]).expect("known names");
    assert_eq!((reading.running, reading.waiting, reading.kv_pct), (Some(3.0), Some(2.0), Some(50.0)));
    assert_eq!((reading.prompt_tokens, reading.output_tokens, reading.ttft.count), (Some(12.0), Some(2.0), Some(1.0)));
    assert!((reading.decode.sum.expect("one request") - 0.02).abs() < 1e-9);
    assert_eq!(engine(Some(&page), Some("0.1.0+dcudeck.vllm.0.8.5")), Some("dcudeck"));
}

/// A server whose page a test changes; an empty page closes connections unanswered.
struct Pages {
    url: String,
    page: Arc<Mutex<String>>,
}

impl Pages {
    fn serve(page: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let page = Arc::new(Mutex::new(page.to_owned()));
        let served = Arc::clone(&page);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut lines = BufReader::new(stream.try_clone().expect("clones")).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let body = served.lock().expect("lock").clone();
                let head = match body.as_str() {
                    "" => continue,
                    "404" => "HTTP/1.1 404 Not Found".to_owned(),
                    _ => "HTTP/1.1 200 OK".to_owned(),
                };
                let _ = stream.write_all(format!("{head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).as_bytes());
            }
        });
        Self { url, page }
    }

    fn set(&self, page: &str) {
        page.clone_into(&mut self.page.lock().expect("lock"));
    }
}

fn page_of(running: u32, tokens: u32) -> String {
    format!("vllm:num_requests_running {running}\nvllm:num_requests_waiting 0\nvllm:generation_tokens_total {tokens}\n")
}

fn sample(received: &Receiver<Message>) -> ServerSample {
    match received.recv_timeout(DEADLINE).expect("a message") {
        Message::Server(sample) => sample,
        other => panic!("no sample: {other:?}"),
    }
}

fn scrape_mark(received: &Receiver<Message>) -> (bool, Option<String>) {
    match received.recv_timeout(DEADLINE).expect("a message") {
        Message::Event(Event { what: Mark::Scrape { ok, why }, .. }) => (ok, why),
        other => panic!("no mark: {other:?}"),
    }
}

#[test]
fn a_server_that_falls_silent_is_told_of_once_and_again_when_it_is_back() {
    let server = Pages::serve(&page_of(1, 10));
    let (send, received) = channel();
    let scraper = start(vec![server.url.clone()], Vec::new(), Access::default(), clock::monotonic_us(), send);
    assert_eq!(sample(&received).running, Some(1.0));
    server.set("");
    let (ok, why) = loop {
        match received.recv_timeout(DEADLINE).expect("a message") {
            Message::Server(_) => {}
            Message::Event(Event { what: Mark::Scrape { ok, why }, .. }) => break (ok, why),
            other => panic!("{other:?}"),
        }
    };
    assert!(!ok && why.is_some_and(|why| why.contains(&server.url)));
    server.set(&page_of(4, 30));
    assert_eq!(scrape_mark(&received), (true, None));
    assert_eq!(sample(&received).running, Some(4.0));
    scraper.stop();
}

#[test]
fn what_was_counted_after_the_last_tick_is_in_the_last_page() {
    let server = Pages::serve(&page_of(1, 10));
    let (send, received) = channel();
    let scraper = start(vec![server.url.clone()], Vec::new(), Access::default(), clock::monotonic_us(), send);
    sample(&received);
    server.set(&page_of(0, 25));
    scraper.stop();
    let last = received.try_iter().filter_map(|m| if let Message::Server(s) = m { Some(s) } else { None }).last().expect("a last page");
    assert_eq!((last.running, last.totals.and_then(|t| t.output_tokens)), (Some(0.0), Some(15.0)));
    assert!(last.at_us > 0);
}

#[test]
fn a_server_without_metrics_is_told_of_once_and_left_alone() {
    let server = Pages::serve("404");
    let (send, received) = channel();
    let scraper = start(vec![server.url.clone(), "gopher://x".to_owned()], Vec::new(), Access::default(), clock::monotonic_us(), send);
    assert!(!scrape_mark(&received).0);
    assert!(!scrape_mark(&received).0);
    scraper.stop();
    assert!(received.try_iter().next().is_none(), "nothing more is asked");
    assert_eq!(identify(&server.url, &Access::default()).engine, None);
    assert_eq!(Quiet::new(std::slice::from_ref(&server.url), &Access::default()).look(), Look::Silent);
}

#[test]
fn a_simulated_server_tells_its_load_and_what_it_is() {
    let sim = Sim::bind(Options::default()).expect("binds");
    let (url, stop) = (sim.listening().expect("listens").url, sim.stop_handle());
    let server = thread::spawn(move || sim.run().expect("serves"));
    let setup = identify(&url, &Access::default());
    assert_eq!((setup.engine.as_deref(), setup.url.as_str()), (Some("dcudeck"), url.as_str()));
    assert!(setup.version.is_some_and(|version| version.contains("vllm.0.8.5")));
    assert_eq!(Quiet::new(&[url], &Access::default()).look(), Look::Empty);
    stop.stop();
    server.join().expect("ends");
}

#[test]
fn a_busy_server_is_not_empty_until_it_is_or_stands_still_for_seconds() {
    let server = Pages::serve(&page_of(2, 10));
    let mut quiet = Quiet::new(std::slice::from_ref(&server.url), &Access::default());
    assert_eq!(quiet.look(), Look::Busy { running: 2.0, waiting: 0.0 });
    server.set(&page_of(2, 11));
    assert_eq!(quiet.look(), Look::Busy { running: 2.0, waiting: 0.0 });
    server.set(&page_of(0, 12));
    assert_eq!(quiet.look(), Look::Empty);
}
