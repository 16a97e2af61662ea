//! What real tools wrote and printed in the same run: `fixtures/imports`, recorded by `fixtures/make/other_tools.sh`.

use super::*;
use std::path::PathBuf;

/// Figures of one result: our key; a line of what the tool printed, by what it holds; the figure as it stands there.
struct Printed {
    file: &'static str,
    number: usize,
    model_and_load: (&'static str, &'static str),
    figures: &'static [(&'static str, &'static str, &'static str)],
}

const RECORDED: &[Printed] = &[
    Printed {
        file: "vllm-users/result.json",
        number: 0,
        model_and_load: ("eye-tiny", "4 users"),
        figures: &[
            ("completed", "Successful requests", "24"),
            ("duration", "Benchmark duration", "2.24"),
            ("total_output_tokens", "Total generated tokens", "768"),
            ("request_throughput", "Request throughput", "10.71"),
            ("output_throughput", "Output token throughput", "342.67"),
            ("total_token_throughput", "Total Token throughput", "1028.01"),
            ("mean_ttft_ms", "Mean TTFT", "54.06"),
            ("p99_ttft_ms", "P99 TTFT", "69.19"),
            ("median_tpot_ms", "Median TPOT", "10.20"),
            ("p99_itl_chunk_ms", "P99 ITL", "18.19"),
            ("mean_e2el_ms", "Mean E2EL", "367.63"),
        ],
    },
    Printed {
        file: "guidellm-users/benchmarks.json",
        number: 1,
        model_and_load: ("eye-tiny", "concurrent, 4 users"),
        figures: &[
            ("duration", "| concurrent@4 | 03:51:39", "2.2"),
            ("completed", "| concurrent@4 | 03:51:39", "24"),
            ("total_output_tokens", "| concurrent@4 | 03:51:39", "768.0"),
            ("mean_ttft_ms", "| concurrent@4 | 0.4 ± 0.01", "51.9"),
            ("median_ttft_ms", "| concurrent@4 | 0.4 ± 0.01", "52.1"),
            ("p95_ttft_ms", "| concurrent@4 | 0.4 ± 0.01", "56.4"),
            ("median_tpot_ms", "| concurrent@4 | 0.4 ± 0.01", "10.1"),
            ("p95_tpot_ms", "| concurrent@4 | 0.4 ± 0.01", "10.8"),
            ("in_flight_mean", "| concurrent@4 | 4.0   | 3.9", "3.9"),
            ("request_throughput", "| concurrent@4 | 4.0   | 3.9", "10.7"),
            ("output_throughput", "| concurrent@4 | 4.0   | 3.9", "343.3"),
            ("total_token_throughput", "| concurrent@4 | 4.0   | 3.9", "772.4"),
        ],
    },
    Printed {
        file: "guidellm-rate/benchmarks.json",
        number: 0,
        model_and_load: ("eye-tiny", "poisson, 8 req/s"),
        figures: &[
            ("completed", "| poisson@8.00 | 03:51:53", "28"),
            ("failed", "| poisson@8.00 | 03:51:53", "4"),
            ("total_output_tokens", "| poisson@8.00 | 03:51:53", "896.0"),
        ],
    },
    Printed {
        file: "aiperf-users/profile_export_aiperf.json",
        number: 0,
        model_and_load: ("eye-tiny", "4 users"),
        figures: &[
            ("mean_ttft_ms", "Time to First Token (ms)", "50.97"),
            ("p99_ttft_ms", "Time to First Token (ms)", "58.00"),
            ("p90_ttft_answer_ms", "Time to First Output Token (ms)", "54.07"),
            ("median_e2el_ms", "Request Latency (ms)", "366.51"),
            ("p99_tpot_ms", "Inter Token Latency (ms)", "11.10"),
            ("std_tpot_ms", "Inter Token Latency (ms)", "0.55"),
            ("output_throughput", " Output Token Throughput (tokens/sec)", "342.36"),
            ("request_throughput", "Request Throughput (requests/sec)", "10.70"),
            ("error_rate_pct", "Request Error Rate (%)", "0.00"),
            ("completed", "Request Count (requests)", "24.00"),
        ],
    },
    Printed {
        file: "aiperf-rate/profile_export_aiperf.json",
        number: 0,
        model_and_load: ("eye-tiny", "8 req/s"),
        figures: &[
            ("completed", "Request Count (requests)", "28.00"),
            ("failed", "simulated server was told to", "4"),
            ("error_rate_pct", "Request Error Rate (%)", "12.50"),
        ],
    },
    Printed {
        file: "evalscope-users/benchmark_summary.json",
        number: 0,
        model_and_load: ("eye-tiny", "4 users"),
        figures: &[
            ("request_throughput", "│    4 │    - │  24 │", "10.87"),
            ("output_throughput", "│    4 │    - │  24 │", "347.95"),
            ("duration", "Total Test Time", "2.21"),
            ("mean_ttft_ms", "TTFT (ms)", "52.73"),
            ("p99_ttft_ms", "TTFT (ms)", "60.23"),
            ("median_tpot_ms", "TPOT (ms)", "9.99"),
        ],
    },
    Printed {
        file: "evalscope-rate/benchmark_summary.json",
        number: 0,
        model_and_load: ("eye-tiny", "8 req/s"),
        figures: &[
            ("request_throughput", "│    - │    8 │  32 │", "7.02"),
            ("mean_ttft_ms", "TTFT (ms)", "53.21"),
            ("median_ttft_ms", "TTFT (ms)", "53.29"),
            ("p99_tpot_ms", "TPOT (ms)", "11.16"),
        ],
    },
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/imports")
}

#[test]
fn what_a_real_tool_printed_is_what_is_imported_from_its_file() {
    for case in RECORDED {
        let path = folder().join(case.file);
        let printed = fs::read_to_string(path.with_file_name("printed.txt")).expect("what it printed");
        let found = read(&path).expect(case.file);
        let imported = found.get(case.number).expect(case.file);
        assert_eq!((imported.model.as_str(), imported.load.as_str()), case.model_and_load, "{}", case.file);
        for (key, line, text) in case.figures {
            assert!(printed.lines().any(|l| l.contains(line) && l.contains(text)), "{}: {text} in a line with {line}", case.file);
            let decimals = text.split_once('.').map_or(0, |(_, d)| d.len());
            // Half a unit of the last printed digit, and a hair for how its last digit is rounded.
            let within = 0.500_1 * 10_f64.powi(-i32::try_from(decimals).expect("few"));
            let (ours, theirs) = (figure(imported, key), text.parse::<f64>().expect(text));
            assert!((ours - theirs).abs() <= within, "{} {key}: {ours}, printed {theirs}", case.file);
        }
    }
}

#[test]
fn every_recorded_file_has_the_latencies_and_the_throughputs() {
    for case in RECORDED {
        for imported in read(&folder().join(case.file)).expect(case.file) {
            for key in ["mean_ttft_ms", "p99_ttft_ms", "mean_tpot_ms", "p99_tpot_ms", "mean_e2el_ms", "p99_e2el_ms", "output_throughput"] {
                assert!(figure(&imported, key) > 0.0, "{} {key}", case.file);
            }
            assert!(imported.started_at.is_some() || imported.source == "evalscope", "{}: evalscope writes no moment", case.file);
        }
    }
}

#[test]
fn the_failures_a_tool_counted_are_a_share_of_all_requests() {
    for file in ["guidellm-rate/benchmarks.json", "aiperf-rate/profile_export_aiperf.json", "evalscope-rate/benchmark_summary.json"] {
        let imported = read(&folder().join(file)).expect(file).remove(0);
        assert!((figure(&imported, "error_rate_pct") - 12.5).abs() < 1e-9, "{file}");
        assert_eq!((figure(&imported, "completed"), figure(&imported, "failed")), (28.0, 4.0), "{file}");
        assert_eq!((imported.request_rate, imported.max_concurrency), (Some(8.0), None), "{file}");
    }
}
