use super::*;
use crate::bench::report::testing;

const LOAD: &str = r#", "load": {"concurrency": 4}"#;

#[test]
fn a_csv_has_one_line_a_request_and_a_hostile_message_stays_one_field() {
    let root = tempfile::tempdir().expect("temporary folder");
    let dir = root.path().join("r");
    let bad = testing::failed(testing::record(1, 4, 20_000, 1_000), "=cmd(\"x\"), line\none");
    let records = [testing::record(0, 4, 20_000, 1_000), bad];
    testing::write(&dir, &testing::header(&testing::spec(LOAD), "2026-11-23T18:40:01.000Z"), &records, Some(testing::end(1)));
    let files = export(&dir, Format::Csv, None).expect("exports");
    assert_eq!(files, [dir.join("requests.csv")]);
    let text = fs::read_to_string(dir.join("requests.csv")).expect("reads");
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert_eq!(lines[0].split(',').count(), 23);
    assert_eq!(lines[1].split(',').count(), 23);
    assert!(lines[0].contains(",sent_us,") && lines[0].contains(",ttft_ms,"));
    assert!(lines[1].ends_with(",length,,") && lines[1].contains(",32,32,"), "{}", lines[1]);
    assert!(lines[2].ends_with(",http_status,\"'=cmd(\"\"x\"\"), line\none\""), "{}", lines[2]);
}

#[test]
fn vllms_file_is_made_again_where_it_is_missing_and_copied_elsewhere() {
    let root = tempfile::tempdir().expect("temporary folder");
    let dir = root.path().join("r");
    testing::run(&dir, "2026-11-23T18:40:01.000Z", 8, 20_000, 1_000, LOAD);
    fs::remove_file(dir.join(VLLM085)).expect("removes");
    let out = root.path().join("vllm.json");
    assert_eq!(export(&dir, Format::Vllm, Some(&out)).expect("exports"), [out.clone()]);
    let document: serde_json::Value = serde_json::from_slice(&fs::read(&out).expect("reads")).expect("JSON");
    assert_eq!(document["completed"], 8);
    assert!(document.get("request_goodput:").is_some());
    // And it comes back in as what that tool wrote.
    let back = crate::bench::import::read(&out).expect("imports");
    assert_eq!(back.iter().map(|i| i.source.as_str()).collect::<Vec<_>>(), ["vllm"]);
}

#[test]
fn a_folder_without_requests_says_what_to_give_instead() {
    let root = tempfile::tempdir().expect("temporary folder");
    let problem = export(root.path(), Format::Csv, None).expect_err("nothing there");
    assert!(problem.to_string().contains("cells/KEY"), "{problem}");
}
