//! One finished request, as a line of `requests.jsonl`, and what can be read off it.

use serde::{Deserialize, Serialize};

/// One finished request. Times in µs since the run's start; gaps in µs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Number of the request within its part (warm-up or measured), from 0: the same number and seed give the same prompt.
    pub i: u64,
    /// Sent to warm the server up; part of no figure.
    #[serde(skip_serializing_if = "is_false")]
    pub warmup: bool,
    /// Which of the spec's routes it took, from 0.
    #[serde(skip_serializing_if = "is_zero_16")]
    pub route: u16,
    /// Which of several workers sent it, from 0.
    #[serde(skip_serializing_if = "is_zero_16")]
    pub worker: u16,
    /// Which turn of its conversation, from 0.
    #[serde(skip_serializing_if = "is_zero_16")]
    pub turn: u16,
    /// When it should have been sent: the schedule's moment, in a closed loop the moment its user became free.
    pub planned_us: u64,
    /// When the client took it up: before its connection was opened, if it needed one, and before its first byte was written.
    pub started_us: u64,
    /// The moment before the write that took its last byte.
    pub sent_us: Option<u64>,
    /// HTTP status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// First token: the first arrival that carried non-empty content, reasoning or tool text, or a rise of `completion_tokens`.
    pub first_us: Option<u64>,
    /// First token of the answer, after any reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_us: Option<u64>,
    /// Last token.
    pub last_us: Option<u64>,
    /// Last event before `[DONE]`: the usage chunk, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_us: Option<u64>,
    /// When the answer was over, or given up.
    pub end_us: u64,
    /// Prompt tokens, as the server's `usage` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u64>,
    /// Of these, taken from the prefix cache, where the server's `usage` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Output tokens: the server's `usage`, else the tokens counted in the stream.
    pub output_tokens: u64,
    /// Why the server ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// Every chunk that carried a choice: the first from `sent_us`, each other from the one before. 0: it came in the same read.
    /// Kept in `tokens.bin`, not in the line; lines of earlier versions hold them.
    #[serde(skip_serializing)]
    pub gaps_us: Vec<u32>,
    /// Tokens of each of those chunks (0: a chunk without a token, such as the role chunk); left out where every chunk carried one.
    #[serde(skip_serializing)]
    pub tokens: Vec<u32>,
    /// Arrivals of tokens, as [`arrivals`](Self::arrivals) counts them.
    pub arrival_count: u32,
    /// Tokens that came after the first arrival: this request's samples of inter-token latency.
    pub itl_count: u64,
    /// Longest gap between arrivals of tokens; `None` with fewer than two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_gap_us: Option<u64>,
    /// Greatest token-true inter-token latency, µs; `None` with fewer than two arrivals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_itl_us: Option<f64>,
    /// Events that shared their read, and so their stamp, with an earlier one.
    #[serde(skip_serializing_if = "is_zero")]
    pub coalesced: u32,
    /// The request was sent a second time: the server had closed the kept connection before a byte of the answer.
    #[serde(skip_serializing_if = "is_false")]
    pub resent: bool,
    /// Why it failed; `None` is success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its class; see [`Class`].
    pub class: Class,
    /// What was seen: one line, secrets and control sequences removed.
    pub message: String,
}

/// Classes of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// No connection: refused, no route, out of local ports or file descriptors.
    Connect,
    /// No connection within the limit.
    TimeoutConnect,
    /// The connection ended before an answer began.
    NoResponse,
    /// The answer's status was not 200.
    HttpStatus,
    /// An error object inside a stream, or instead of one, with status 200.
    InStreamError,
    /// A proper end without a single token.
    Empty,
    /// The stream ended without a finish reason and without `[DONE]`.
    Truncated,
    /// No token within the limit.
    TimeoutFirstToken,
    /// Nothing more was read within the limit.
    TimeoutStall,
    /// The answer is not HTTP, not an event stream, or not JSON.
    Protocol,
    /// TLS could not be agreed on, or a certificate was refused.
    Tls,
    /// `ignore_eos` was sent and fewer tokens came than were asked for.
    ShortOutput,
    /// Given up by this side when the run was stopped: counted apart, neither success nor failure.
    Stopped,
}

impl Class {
    /// The word files and screens use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::TimeoutConnect => "timeout_connect",
            Self::NoResponse => "no_response",
            Self::HttpStatus => "http_status",
            Self::InStreamError => "in_stream_error",
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::TimeoutFirstToken => "timeout_first_token",
            Self::TimeoutStall => "timeout_stall",
            Self::Protocol => "protocol",
            Self::Tls => "tls",
            Self::ShortOutput => "short_output",
            Self::Stopped => "stopped",
        }
    }
}

/// Tokens that arrived together and the time since the arrival before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// µs since the arrival before, since sending for the first.
    pub gap_us: u64,
    /// Tokens, at least one.
    pub tokens: u64,
}

impl Record {
    /// It ended well.
    #[must_use]
    pub const fn ok(&self) -> bool {
        self.error.is_none()
    }

    /// It was given up when the run was stopped.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.error.as_ref().is_some_and(|e| e.class == Class::Stopped)
    }

    /// Time to first token, µs, from sending.
    #[must_use]
    pub fn ttft_us(&self) -> Option<u64> {
        Some(self.first_us?.saturating_sub(self.sent_us?))
    }

    /// End-to-end latency, µs: from sending to the last token; usage and `[DONE]` are not waited for.
    #[must_use]
    pub fn e2el_us(&self) -> Option<u64> {
        Some(self.last_us?.saturating_sub(self.sent_us?))
    }

    /// Time per output token after the first, µs: `(last - first) / (n - 1)`; `None` for a single token.
    #[must_use]
    pub fn tpot_us(&self) -> Option<f64> {
        let after_first = self.output_tokens.checked_sub(1).filter(|&n| n > 0)?;
        Some(self.last_us?.saturating_sub(self.first_us?) as f64 / after_first as f64)
    }

    /// Every chunk with a choice: gap to the one before (to sending, for the first) and its tokens.
    pub fn chunks(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.gaps_us.iter().enumerate().map(|(k, &gap)| {
            let tokens = if self.tokens.is_empty() { 1 } else { self.tokens.get(k).copied().unwrap_or(0) };
            (u64::from(gap), u64::from(tokens))
        })
    }

    /// Gaps between successive chunks that carried tokens, µs: chunk-true inter-token latency.
    pub fn chunk_gaps(&self) -> impl Iterator<Item = u64> + '_ {
        let mut waited = 0;
        let with_tokens = self.chunks().filter_map(move |(gap, tokens)| {
            waited += gap;
            (tokens > 0).then(|| std::mem::take(&mut waited))
        });
        with_tokens.skip(1)
    }

    /// Arrivals of tokens: chunks that came in one read are one arrival, since they share its stamp. The first is the time to
    /// first token; each other spread over its tokens is the token-true inter-token latency.
    pub fn arrivals(&self) -> impl Iterator<Item = Arrival> + '_ {
        let mut chunks = self.chunks();
        let (mut waited, mut open, mut over) = (0, None::<Arrival>, false);
        std::iter::from_fn(move || {
            while !over {
                let Some((gap, tokens)) = chunks.next() else {
                    over = true;
                    return open.take();
                };
                waited += gap;
                match &mut open {
                    Some(arrival) if waited == 0 => arrival.tokens += tokens,
                    _ if tokens > 0 => {
                        let begun = open.replace(Arrival { gap_us: std::mem::take(&mut waited), tokens });
                        if begun.is_some() {
                            return begun;
                        }
                    }
                    _ => {}
                }
            }
            None
        })
    }

    /// Fills in what lists and per-request figures need of the arrivals, so that they need no arrivals.
    pub fn weigh(&mut self) {
        let (mut count, mut itl_count, mut longest, mut worst) = (0, 0, None, None::<f64>);
        for arrival in self.arrivals() {
            if count > 0 {
                itl_count += arrival.tokens;
                longest = longest.max(Some(arrival.gap_us));
                let itl = arrival.gap_us as f64 / arrival.tokens as f64;
                worst = Some(worst.map_or(itl, |most| most.max(itl)));
            }
            count += 1;
        }
        (self.arrival_count, self.itl_count, self.longest_gap_us, self.worst_itl_us) = (count, itl_count, longest, worst);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_zero_16(count: &u16) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(gaps_us: &[u32], tokens: &[u32]) -> Record {
        Record { gaps_us: gaps_us.to_vec(), tokens: tokens.to_vec(), ..Record::default() }
    }

    #[test]
    fn a_chunk_of_several_tokens_is_one_arrival_of_as_many() {
        let r = record(&[50, 10, 30], &[1, 1, 3]);
        let arrivals: Vec<_> = r.arrivals().map(|a| (a.gap_us, a.tokens)).collect();
        assert_eq!(arrivals, [(50, 1), (10, 1), (30, 3)]);
        assert_eq!(r.chunk_gaps().collect::<Vec<_>>(), [10, 30]);
    }

    #[test]
    fn chunks_of_one_read_share_its_gap_token_true_and_keep_their_own_chunk_true() {
        let r = record(&[50, 20, 0, 0], &[]);
        let arrivals: Vec<_> = r.arrivals().map(|a| (a.gap_us, a.tokens)).collect();
        assert_eq!(arrivals, [(50, 1), (20, 3)]);
        assert_eq!(r.chunk_gaps().collect::<Vec<_>>(), [20, 0, 0]);
    }

    #[test]
    fn the_role_chunk_is_no_token_and_loses_no_time() {
        let r = record(&[40, 10, 7, 5], &[0, 1, 0, 1]);
        let arrivals: Vec<_> = r.arrivals().map(|a| (a.gap_us, a.tokens)).collect();
        assert_eq!(arrivals, [(50, 1), (12, 1)]);
        assert_eq!(r.chunk_gaps().collect::<Vec<_>>(), [12]);
    }

    #[test]
    fn a_line_reads_back_as_written() {
        let mut r = record(&[40, 10], &[0, 1]);
        r.sent_us = Some(3);
        r.error = Some(Failure { class: Class::TimeoutFirstToken, message: "x".to_owned() });
        r.weigh();
        let line = serde_json::to_string(&r).expect("writes");
        assert!(line.contains("\"timeout_first_token\"") && !line.contains("gaps_us"), "{line}");
        (r.gaps_us, r.tokens) = (Vec::new(), Vec::new());
        assert_eq!(serde_json::from_str::<Record>(&line).expect("reads"), r);
    }

    #[test]
    fn a_weighed_record_knows_its_longest_gap_and_its_slowest_token() {
        let mut r = record(&[50, 10, 30, 0, 12], &[1, 1, 3, 1, 2]);
        r.weigh();
        assert_eq!((r.arrival_count, r.itl_count, r.longest_gap_us, r.worst_itl_us), (4, 7, Some(30), Some(10.0)));
        let mut one = record(&[50], &[]);
        one.weigh();
        assert_eq!((one.arrival_count, one.itl_count, one.longest_gap_us, one.worst_itl_us), (1, 0, None, None));
    }

    #[test]
    fn a_line_of_an_earlier_version_brings_its_gaps() {
        let old: Record = serde_json::from_str(r#"{"i":3,"planned_us":1,"sent_us":2,"gaps_us":[40,10],"tokens":[0,1]}"#).expect("reads");
        assert_eq!((old.gaps_us, old.tokens), (vec![40, 10], vec![0, 1]));
    }
}
