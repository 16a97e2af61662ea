use super::*;
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(20);

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary folder")
}

fn watch(dir: &Path) -> (Link, Receiver<News>) {
    let (tell, told) = channel();
    let link = attach(dir, move |news| drop(tell.send(news))).expect("attaches");
    (link, told)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "never came true: {what}");
        std::thread::yield_now();
    }
}

fn body(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).expect("JSON")
}

/// Facts up to and with the one whose body is `last`; panics when one is missing or out of order.
fn facts_until(told: &Receiver<News>, last: &Value) -> Vec<u64> {
    let mut seen = Vec::new();
    loop {
        match told.recv_timeout(DEADLINE).expect("news") {
            News::Fact { seq, body: fact } => {
                seen.push(seq);
                if body(&fact) == *last {
                    return seen;
                }
            }
            News::Dropped(count) => panic!("{count} facts dropped"),
            News::Gone => panic!("gone"),
            News::Snapshot(_) => {}
        }
    }
}

fn snapshot_until(told: &Receiver<News>, wanted: &Value) {
    loop {
        match told.recv_timeout(DEADLINE).expect("news") {
            News::Snapshot(snapshot) if body(&snapshot) == *wanted => return,
            News::Gone => panic!("gone"),
            _ => {}
        }
    }
}

/// A connection by hand: what a face of another version, or no face at all, might send.
fn raw(dir: &Path) -> (UnixStream, BufReader<UnixStream>) {
    let stream = UnixStream::connect(dir.join(SOCKET)).expect("connects");
    stream.set_read_timeout(Some(DEADLINE)).expect("sets");
    let reader = BufReader::new(stream.try_clone().expect("clones"));
    (stream, reader)
}

fn next_line(reader: &mut BufReader<UnixStream>) -> Option<Value> {
    let mut line = String::new();
    reader.read_line(&mut line).expect("reads");
    (!line.is_empty()).then(|| serde_json::from_str(&line).expect("JSON"))
}

#[test]
fn three_faces_see_all_facts_in_order_and_the_newest_snapshot_whenever_they_come() {
    let dir = folder();
    let (worker, _commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("binds");
    let (first, first_told) = watch(dir.path());
    assert_eq!((first.kind(), first.id(), first.version()), ("bench", "job-1", env!("CARGO_PKG_VERSION")));
    for n in 0..100 {
        worker.fact(&json!({ "n": n }));
        worker.snapshot(&json!({ "at": n }));
    }
    let (_second, second_told) = watch(dir.path());
    worker.fact(&json!("last"));
    let (_third, third_told) = watch(dir.path());
    let all: Vec<u64> = (0..=100).collect();
    for told in [&first_told, &second_told, &third_told] {
        assert_eq!(facts_until(told, &json!("last")), all);
    }
    snapshot_until(&third_told, &json!({ "at": 99 }));
    until("three watchers", || worker.watchers() == 3);
}

#[test]
fn commands_of_every_face_reach_the_worker() {
    let dir = folder();
    let (worker, commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("binds");
    let (one, _a) = watch(dir.path());
    let (two, _b) = watch(dir.path());
    one.command(&json!({ "steer": "pause" })).expect("sends");
    assert_eq!(body(&commands.recv_timeout(DEADLINE).expect("command")), json!({ "steer": "pause" }));
    two.command(&json!({ "steer": "stop" })).expect("sends");
    assert_eq!(body(&commands.recv_timeout(DEADLINE).expect("command")), json!({ "steer": "stop" }));
    drop(one);
    until("one watcher left", || worker.watchers() == 1);
}

#[test]
fn a_face_that_reads_nothing_neither_holds_up_the_worker_nor_the_others() {
    let dir = folder();
    let (worker, _commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("binds");
    let (mut stuck, _reader) = raw(dir.path());
    stuck.write_all(b"{\"frame\":\"hello\",\"protocol\":1}\n").expect("writes");
    let (_link, told) = watch(dir.path());
    until("two watchers", || worker.watchers() == 2);
    // Far more than a socket holds.
    let padding = "x".repeat(100_000);
    for n in 0..200 {
        worker.snapshot(&json!({ "n": n, "padding": padding }));
        worker.fact(&json!(n));
    }
    assert_eq!(facts_until(&told, &json!(199)).len(), 200);
    let began = Instant::now();
    worker.bye();
    assert!(began.elapsed() < Duration::from_secs(10), "bye has a bound");
    until("gone", || matches!(told.try_recv(), Ok(News::Gone)));
}

#[test]
fn a_slow_face_skips_snapshots_but_no_fact() {
    let dir = folder();
    let (worker, _commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("binds");
    let (mut stream, mut reader) = raw(dir.path());
    stream.write_all(b"{\"frame\":\"hello\",\"protocol\":1}\n").expect("writes");
    until("it watches", || worker.watchers() == 1);
    let padding = "x".repeat(100_000);
    for n in 0..100 {
        worker.snapshot(&json!({ "n": n, "padding": padding }));
        worker.fact(&json!(n));
    }
    let (mut snapshots, mut facts) = (Vec::new(), 0);
    while snapshots.last() != Some(&json!(99)) || facts < 100 {
        let frame = next_line(&mut reader).expect("a frame");
        match frame["frame"].as_str() {
            Some("snapshot") => snapshots.push(frame["body"]["n"].clone()),
            Some("fact") => {
                assert_eq!(frame["seq"], json!(facts));
                facts += 1;
            }
            _ => assert_eq!(frame["frame"], "hello"),
        }
    }
    assert!(snapshots.len() < 100, "older snapshots were passed over");
}

#[test]
fn facts_beyond_the_bound_are_counted_not_silently_lost() {
    let dir = folder();
    let (worker, _commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("binds");
    for n in 0..KEPT_FACTS + 7 {
        worker.fact(&n);
    }
    // One that no face would accept counts as missed too.
    worker.fact(&"x".repeat(MAX_FRAME_BYTES));
    worker.fact(&"last");
    let (_link, told) = watch(dir.path());
    let (mut dropped, mut seen) = (0, Vec::new());
    while seen.last() != Some(&(KEPT_FACTS as u64 + 8)) {
        match told.recv_timeout(DEADLINE).expect("news") {
            News::Dropped(count) => dropped += count,
            News::Fact { seq, .. } => seen.push(seq),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((dropped, seen.len()), (9 + 1, KEPT_FACTS - 1));
}

#[test]
fn what_was_published_before_the_end_reaches_the_faces() {
    let dir = folder();
    let (worker, _commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("binds");
    let (_link, told) = watch(dir.path());
    until("it watches", || worker.watchers() == 1);
    for n in 0..1000 {
        worker.fact(&n);
    }
    worker.fact(&"last");
    worker.snapshot(&"end");
    worker.bye();
    assert_eq!(facts_until(&told, &json!("last")).len(), 1001);
    snapshot_until(&told, &json!("end"));
    assert!(matches!(told.recv_timeout(DEADLINE), Ok(News::Gone)));
    assert!(!dir.path().join(SOCKET).exists());
    assert!(matches!(attach(dir.path(), |_| {}), Err(AttachError::NotListening { .. })));
}

#[test]
fn a_dropped_publisher_tells_its_faces() {
    let dir = folder();
    let (worker, _commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("binds");
    let (_link, told) = watch(dir.path());
    drop(worker);
    assert!(matches!(told.recv_timeout(DEADLINE), Ok(News::Gone)));
}

#[test]
fn a_detached_face_hears_nothing_more() {
    let dir = folder();
    let (worker, _commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("binds");
    let (link, told) = watch(dir.path());
    until("it watches", || worker.watchers() == 1);
    drop(link);
    until("it is gone", || worker.watchers() == 0);
    worker.bye();
    assert!(matches!(told.recv_timeout(DEADLINE), Err(RecvTimeoutError::Disconnected)));
}

#[test]
fn garbage_newer_protocols_and_endless_lines_are_refused_with_a_sentence_and_harm_nobody() {
    let dir = folder();
    let (worker, commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("binds");
    let (link, told) = watch(dir.path());
    let endless = vec![b'x'; MAX_FRAME_BYTES + 1];
    for (sent, expected) in [
        (&b"\x00\xff\xfenot json\n"[..], "no frame of protocol 1"),
        (b"{\"frame\":\"dance\"}\n", "unknown frame"),
        (b"{\"frame\":\"command\",\"body\":1}\n", "before the hello"),
        (b"{\"frame\":\"hello\",\"protocol\":2}\n", "speaks 1; stop the job or attach"),
        (b"{\"frame\":\"hello\",\"protocol\":1}\n[]\n", "no frame of protocol 1"),
        (&endless, "takes shorter ones"),
    ] {
        let (mut stream, mut reader) = raw(dir.path());
        // The end of a long line may meet a closed connection.
        let _ = stream.write_all(sent);
        assert_eq!(next_line(&mut reader).expect("hello")["frame"], "hello");
        let refused = next_line(&mut reader).expect("refusal");
        assert_eq!(refused["frame"], "refused");
        assert!(refused["message"].as_str().is_some_and(|message| message.contains(expected)), "{refused}");
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest);
        assert_eq!(rest, b"", "closed afterwards");
    }
    worker.fact(&"still here");
    assert_eq!(facts_until(&told, &json!("still here")), [0]);
    link.command(&"go").expect("sends");
    assert_eq!(body(&commands.recv_timeout(DEADLINE).expect("command")), "go");
}

#[test]
fn a_worker_of_a_newer_protocol_is_refused_with_its_version() {
    let dir = folder();
    let listener = std::os::unix::net::UnixListener::bind(dir.path().join(SOCKET)).expect("binds");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        stream.write_all(b"{\"frame\":\"hello\",\"protocol\":9,\"version\":\"7.0.0\",\"kind\":\"bench\",\"id\":\"x\"}\n").expect("writes");
    });
    let error = attach(dir.path(), |_| {}).err().expect("refused");
    assert!(error.to_string().contains("7.0.0 and speaks protocol 9"), "{error}");
    server.join().expect("ends");
}

#[test]
fn the_socket_is_its_owners_alone_replaces_a_dead_one_and_yields_to_a_live_one() {
    let dir = folder();
    drop(std::os::unix::net::UnixListener::bind(dir.path().join(SOCKET)).expect("binds"));
    assert!(matches!(attach(dir.path(), |_| {}), Err(AttachError::NotListening { .. })));
    let (_worker, _commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("replaces");
    let mode = std::fs::metadata(dir.path().join(SOCKET)).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = Publisher::bind(dir.path(), "bench", "job-1").err().expect("refused");
    assert_eq!(second.kind(), std::io::ErrorKind::AddrInUse);
    watch(dir.path());
}

#[test]
fn a_folder_deeper_than_a_socket_address_works() {
    let dir = folder();
    let deep = dir.path().join("d".repeat(120)).join("e".repeat(120));
    std::fs::create_dir_all(&deep).expect("makes");
    let (worker, _commands) = Publisher::bind(&deep, "bench", "job-1").expect("binds");
    let (_link, told) = watch(&deep);
    worker.fact(&"deep");
    assert_eq!(facts_until(&told, &json!("deep")), [0]);
}

#[test]
fn raw_json_over_several_lines_stays_one_frame() {
    let dir = folder();
    let (worker, _commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("binds");
    let (_link, told) = watch(dir.path());
    worker.fact(&RawValue::from_string("{\n  \"a\": \"b\\nc\"\n}".to_owned()).expect("JSON"));
    assert_eq!(facts_until(&told, &json!({ "a": "b\nc" })), [0]);
}

#[test]
fn attaching_waits_for_a_worker_that_comes_later_but_not_for_ever() {
    let dir = folder();
    let path = dir.path().to_path_buf();
    let waiting = std::thread::spawn(move || attach_when_ready(&path, DEADLINE, |_| {}).is_ok());
    let (worker, _commands) = Publisher::bind(dir.path(), "bench", "job-1").expect("binds");
    assert!(waiting.join().expect("returns"));
    worker.bye();
    let late = attach_when_ready(dir.path(), Duration::from_millis(1), |_| {});
    assert!(matches!(late, Err(AttachError::NotListening { .. })));
}
