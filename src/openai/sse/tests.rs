use super::*;
use crate::openai::captures::streams;
use proptest::{collection::vec, prelude::*};
use rustix::time::{ClockId, clock_gettime};

/// All events of `bytes` read in pieces that end at `cuts`, what was left, and what was replaced.
fn read_cut(bytes: &[u8], cuts: &[usize]) -> (Vec<(String, String)>, bool, u64) {
    let mut parser = Parser::new();
    let mut events = Vec::new();
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(bytes.len());
    let mut from = 0;
    for end in ends {
        parser.push(&bytes[from..end], |e| events.push((e.name.to_owned(), e.data.to_owned()))).expect("within the limit");
        from = end;
    }
    (events, parser.finish(), parser.replaced())
}

fn data(bytes: &[u8]) -> Vec<String> {
    read_cut(bytes, &[]).0.into_iter().map(|(_, data)| data).collect()
}

#[test]
fn every_form_of_line_end_field_and_comment_is_read() {
    for (text, want) in [
        ("data: a\n\ndata: b\n\n", &["a", "b"][..]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
        ("data: a\r\rdata: b\r\r", &["a", "b"]),
        ("\u{feff}data: a\n\n", &["a"]),
        (": ping\n\n:\n\ndata: a\n: amid\ndata: b\n\n", &["a\nb"]),
        ("data:a\n\ndata:  a\n\n", &["a", " a"]),
        ("data\n\n", &[""]),
        ("data\ndata\n\n", &["\n"]),
        ("data:\ndata: x\n\n", &["\nx"]),
        ("event: x\n\n", &[]),
        ("datax: a\nid: 1\nretry: 5\nunknown\n\n", &[]),
        ("\n\n\ndata: a\n\n\n\n", &["a"]),
        ("data: 眼科\n\n", &["眼科"]),
    ] {
        assert_eq!(data(text.as_bytes()), want, "{text:?}");
    }
}

#[test]
fn the_name_of_an_event_is_told_and_does_not_outlive_it() {
    let (events, ..) = read_cut(b"event: error\ndata: a\n\ndata: b\n\nevent: gone\n\ndata: c\n\n", &[]);
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["error", "", ""]);
}

#[test]
fn a_byte_order_mark_counts_at_the_start_only_even_byte_by_byte() {
    let text = "\u{feff}data: a\n\n\u{feff}data: b\n\n".as_bytes();
    let every_byte: Vec<usize> = (0..text.len()).collect();
    assert_eq!(read_cut(text, &every_byte), read_cut(text, &[]));
    assert_eq!(data(text), ["a"]);
    assert_eq!(data(b"\xef\xbbdata: a\n\ndata: b\n\n"), ["b"], "a broken mark is part of the line");
}

#[test]
fn ill_formed_utf_8_is_replaced_and_counted_and_the_stream_goes_on() {
    let (events, left, replaced) = read_cut(b"data: a\xffb\xe7\x9c\n\ndata: \xf0\x9f\x91\x81\n\n", &[]);
    let data: Vec<&str> = events.iter().map(|(_, data)| data.as_str()).collect();
    assert_eq!(data, ["a\u{fffd}b\u{fffd}", "👁"]);
    assert_eq!((left, replaced), (false, 2));
}

#[test]
fn an_event_that_fits_in_one_read_is_borrowed_from_it() {
    let read = b"data: {\"a\":1}\n\ndata: [DONE]\n\n";
    let mut parser = Parser::new();
    parser.push(read, |event| assert!(read.as_ptr_range().contains(&event.data.as_ptr()))).expect("short");
    assert_eq!(parser.data.capacity() + parser.line.capacity(), 0, "nothing was copied");
}

#[test]
fn an_end_amid_an_event_is_noticed_and_the_rest_not_told() {
    for (text, left) in [("data: a\n\n", false), ("data: a\n", true), ("data: a", true), ("", false), ("\u{feff}", false), (": x", true)] {
        assert_eq!(read_cut(text.as_bytes(), &[]).1, left, "{text:?}");
    }
    assert_eq!(data(b"data: a\n\ndata: b\n"), ["a"]);
}

#[test]
fn a_long_line_and_a_long_event_end_the_stream_after_what_came_before() {
    for long in ["data: 0123456789012345\n\n".to_owned(), "data: 012345\n".repeat(4), ":".repeat(17)] {
        let bytes = format!("data: ok\n\n{long}");
        for step in [1, 7, bytes.len()] {
            let mut parser = Parser::with_limit(16);
            let mut events = Vec::new();
            let result: Result<Vec<()>, TooLong> =
                bytes.as_bytes().chunks(step).map(|piece| parser.push(piece, |e| events.push(e.data.to_owned()))).collect();
            assert_eq!(result, Err(TooLong { limit_bytes: 16 }), "{bytes:?} by {step}");
            assert_eq!(events, ["ok"]);
            assert!(parser.push(b"\n\ndata: late\n\n", |_| panic!("the stream is over")).is_err());
            assert!(parser.finish());
        }
    }
}

#[test]
fn a_line_of_10_mb_in_small_reads_takes_linear_time_and_its_memory_is_given_back() {
    let cpu_us = || {
        let t = clock_gettime(ClockId::ThreadCPUTime);
        t.tv_sec * 1_000_000 + t.tv_nsec / 1_000
    };
    let bytes = [b"data: ".as_slice(), &vec![b'x'; 10 << 20], b"\n\n"].concat();
    let start_us = cpu_us();
    let mut parser = Parser::new();
    let mut len = 0;
    for piece in bytes.chunks(64) {
        parser.push(piece, |event| len = event.data.len()).expect("within the limit");
    }
    // Looking at the line again with each read would be 8 × 10^11 bytes, minutes even at memory speed.
    assert!(cpu_us() - start_us < 5_000_000, "took {} us", cpu_us() - start_us);
    assert_eq!(len, 10 << 20);
    assert!(parser.data.capacity() + parser.line.capacity() <= 2 * KEEP_BYTES);
}

#[test]
fn any_two_reads_of_any_capture_give_the_events_of_one() {
    for capture in streams() {
        let bytes = capture.body.as_bytes();
        let whole = read_cut(bytes, &[]);
        assert!(whole.0.len() > 3 && !whole.1 && whole.2 == 0, "{}", capture.name);
        for cut in (0..bytes.len()).step_by(if bytes.len() > 4000 { 7 } else { 1 }) {
            assert_eq!(read_cut(bytes, &[cut]), whole, "{} cut at {cut}", capture.name);
        }
        let every_byte: Vec<usize> = (0..bytes.len()).collect();
        assert_eq!(read_cut(bytes, &every_byte), whole, "{} byte by byte", capture.name);
    }
}

/// Pieces that exercise every state: line ends, fields, comments, a mark, whole and broken characters.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"\n"[..],
        b"\r",
        b"\r\n",
        b"\n\n",
        b"data",
        b"data:",
        b"data: ",
        b"data: {\"choices\":[]}\n\n",
        b"event: e",
        b": c",
        b"id: 1",
        b"\xef\xbb\xbf",
        b"\xef\xbb",
        b"\xe7\x9c\xbc",
        b"\xe7\x9c",
        b"\xff",
        b"x",
    ]);
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_of_any_capture_gives_the_same_events(which in any::<prop::sample::Index>(), cuts in vec(any::<usize>(), 0..40)) {
        let all = streams();
        let bytes = which.get(&all).body.as_bytes();
        prop_assert_eq!(read_cut(bytes, &cuts), read_cut(bytes, &[]));
    }

    #[test]
    fn any_split_of_anything_gives_the_same_events(bytes in fragments(), cuts in vec(any::<usize>(), 0..24)) {
        prop_assert_eq!(read_cut(&bytes, &cuts), read_cut(&bytes, &[]));
    }

    #[test]
    fn a_stream_cut_anywhere_gives_a_beginning_of_its_events(which in any::<prop::sample::Index>(), at in any::<usize>()) {
        let all = streams();
        let bytes = which.get(&all).body.as_bytes();
        let (some, ..) = read_cut(&bytes[..at % bytes.len()], &[]);
        prop_assert!(read_cut(bytes, &[]).0.starts_with(&some));
    }
}
