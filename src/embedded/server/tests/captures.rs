//! Every recorded exchange with a real vLLM 0.8.5 in `fixtures/captures/vllm`, asked again of this server.

use super::*;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::{collections::BTreeSet, fmt, fs, path::Path};

/// What a JSON text is made of: keys in their order, types, no values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Null,
    Bool,
    Number,
    Text,
    /// Shapes that occur.
    List(BTreeSet<Shape>),
    Fields(Vec<(String, Shape)>),
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Shape, E> {
                Ok(Shape::Null)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
                Ok(Shape::Bool)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
                Ok(Shape::Number)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
                Ok(Shape::Number)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
                Ok(Shape::Number)
            }

            fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
                Ok(Shape::Text)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
                let mut shapes = BTreeSet::new();
                while let Some(shape) = items.next_element()? {
                    shapes.insert(shape);
                }
                Ok(Shape::List(shapes))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Shape, A::Error> {
                let mut shapes = Vec::new();
                while let Some((name, shape)) = fields.next_entry::<String, Shape>()? {
                    // Keys that are tokens of the model are values, not shape.
                    let tokens = name == "top_logprobs"
                        && matches!(&shape, Shape::List(maps) if maps.iter().any(|m| !matches!(m, Shape::Fields(f) if f.first().is_some_and(|(n, _)| n == "token"))));
                    shapes.push((name, if tokens { Shape::List(BTreeSet::new()) } else { shape }));
                }
                Ok(Shape::Fields(shapes))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// One recorded exchange.
struct Capture {
    request: Vec<u8>,
    status: u16,
    headers: Vec<(String, String)>,
    /// The body, or the data of each event.
    body: Vec<String>,
}

fn read(path: &Path) -> Capture {
    let text = fs::read_to_string(path).expect("reads");
    let mut lines = text.lines();
    let asked: Vec<&str> = lines.by_ref().take_while(|line| line.starts_with('>')).collect();
    let (method, target) = asked[0].trim_start_matches("> ").split_once(' ').expect("a request line");
    let sent = asked.iter().skip_while(|line| **line != ">").nth(1).map_or("", |line| line.trim_start_matches("> "));
    let request = match method {
        "POST" => post(target, sent),
        _ => format!("{method} {target} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes(),
    };
    // `take_while` took the status line.
    let status = text.lines().find(|line| line.starts_with("< HTTP/1.1 ")).expect("a status line");
    let status = status.split(' ').nth(2).expect("a status").parse().expect("a number");
    let headers =
        lines.by_ref().take_while(|line| *line != "<").map(|line| line.trim_start_matches("< ").split_once(": ").expect("a header"));
    let headers: Vec<(String, String)> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let body = lines.take_while(|line| !line.starts_with("[end")).filter_map(|line| {
        // Lines of a stream begin with when they came.
        let line = if line.starts_with("[ ") { line.split_once("] ").map_or("", |(_, rest)| rest) } else { line };
        Some(line.strip_prefix("data: ").unwrap_or(line).to_owned()).filter(|line| !line.is_empty())
    });
    Capture { request, status, headers, body: body.collect() }
}

/// Every figure as `0`: counts of tokens differ between tokenizers.
fn without_figures(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('0') {
            out.push('0');
        }
    }
    out
}

#[test]
fn every_recorded_exchange_gets_the_same_status_headers_and_shape() {
    // The captures' model was random: it wrote as many tokens as it was allowed. These are letters.
    let letter = Scripted::new(|_| None).ids("a")[0];
    let model =
        Scripted::new(move |request| Some((0..request.max_tokens).map(|i| letter + u32::try_from(i % 20).expect("small")).collect()));
    let server = start(&model, |_| {});
    let mut seen = 0;
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/captures/vllm")).expect("captures") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let capture = read(&path);
        let head = capture.request.starts_with(b"HEAD");
        let mut connection = server.raw();
        connection.send(&capture.request);
        let answer = if head { connection.head() } else { connection.answer() };
        assert_eq!(answer.status, capture.status, "{name}: {answer:?}");
        for (field, value) in &capture.headers {
            let ours = answer.header(field);
            match field.as_str() {
                // How long and whose it is may differ, that it is said may not.
                "date" | "server" | "content-length" => assert!(ours.is_some(), "{name}: {field}: {answer:?}"),
                _ => assert_eq!(ours, Some(value.as_str()), "{name}: {field}"),
            }
        }
        seen += 1;
        if head || name.starts_with("get_metrics") {
            continue;
        }
        let streamed = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        let ours: Vec<String> = if streamed { answer.events() } else { answer.text().lines().map(str::to_owned).collect() };
        assert_eq!(ours.len(), capture.body.len(), "{name}: {ours:#?}");
        for (i, (ours, theirs)) in ours.iter().zip(&capture.body).enumerate() {
            let shape = |text: &str| serde_json::from_str::<Shape>(text).ok();
            assert_eq!(shape(ours), shape(theirs), "{name}, line {i}:\n{ours}\n{theirs}");
            if capture.status >= 400 || ours.contains("[DONE]") || ours.contains(r#""object":"error""#) {
                assert_eq!(without_figures(ours), without_figures(theirs), "{name}");
            }
        }
    }
    assert!(seen > 25, "{seen} captures");
    server.stop();
}

/// Names with their kinds and helps, and the labels of every sample with the bounds of its buckets.
fn exposition(text: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let about = text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect();
    let samples = text.lines().filter(|line| line.starts_with("vllm:")).filter_map(|line| {
        let (sample, _) = line.rsplit_once(' ')?;
        let (name, labels) = sample.split_once('{')?;
        // Values of labels other than a bucket's bound are facts, not names.
        let labels = labels.trim_end_matches('}').split("\",").map(|label| {
            let (label, value) = label.split_once('=').expect("a label");
            if label == "le" { format!("le={}", value.trim_matches('"')) } else { label.to_owned() }
        });
        Some(format!("{name} {}", labels.collect::<Vec<_>>().join(" ")))
    });
    (about, samples.collect())
}

#[test]
fn metrics_have_the_recorded_names_kinds_labels_and_buckets() {
    let model = Scripted::saying("a few words");
    let server = start(&model, |_| {});
    let mut connection = server.raw();
    connection.ask(&completion(r#""model":"boot-lora","max_tokens":5,"#));
    connection.ask(&completion(r#""max_tokens":500,"#));
    let text = connection.ask(&get("/metrics")).text();
    let theirs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/captures/vllm/get_metrics_after.txt")).expect("reads");
    let (ours, theirs) = (exposition(&text), exposition(&theirs));
    assert_eq!(ours.0, theirs.0);
    assert_eq!(ours.1, theirs.1);
    for sample in [
        r#"vllm:request_success_total{finished_reason="length",model_name="tiny-qwen2"} 1.0"#,
        r#"vllm:request_success_total{finished_reason="stop",model_name="tiny-qwen2"} 1.0"#,
        r#"vllm:request_success_total{finished_reason="abort",model_name="tiny-qwen2"} 0.0"#,
        r#"vllm:e2e_request_latency_seconds_count{model_name="tiny-qwen2"} 2.0"#,
        r#"vllm:request_queue_time_seconds_count{model_name="tiny-qwen2"} 2.0"#,
        r#"vllm:request_params_max_tokens_sum{model_name="tiny-qwen2"} 505.0"#,
        r#"num_gpu_blocks="100""#,
    ] {
        assert!(text.contains(sample), "{sample}\n{text}");
    }
    server.stop();
}
