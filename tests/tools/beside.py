#!/usr/bin/env python3
"""Prints the figures of two load generators beside each other: ours, ours by vLLM 0.8.5's formulas, and vLLM's own.

usage: beside.py DIR      (ours-N/vllm085.json, ours-N.json and theirs-N.json of `.ci/peers beside`)
"""

import json
import statistics
import sys
from pathlib import Path

KEYS = ["completed", "request_throughput", "output_throughput", "total_token_throughput"] + [
    f"{of}_{metric}_ms" for metric in ("ttft", "tpot", "itl") for of in ("mean", "median", "p99")
]


def median(documents: list[dict], key: str) -> float:
    return statistics.median(d[key] for d in documents)


def main() -> None:
    work = Path(sys.argv[1])
    read = lambda pattern: [json.loads(p.read_text(encoding="utf-8")) for p in sorted(work.glob(pattern))]
    ours, as_theirs, theirs = read("ours-?.json"), read("ours-?/vllm085.json"), read("theirs-?.json")
    assert ours and len(ours) == len(theirs) == len(as_theirs), (len(ours), len(as_theirs), len(theirs))
    print(f"median of {len(ours)} runs each, in turn")
    print(f"{'':26}{'ours':>12}{'ours by 0.8.5':>15}{'vllm bench':>12}")
    for key in KEYS:
        print(f"{key:26}{median(ours, key):12.2f}{median(as_theirs, key):15.2f}{median(theirs, key):12.2f}")


if __name__ == "__main__":
    main()
