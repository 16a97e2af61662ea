//! The panels of a run, and how the cursor moves over them.

use super::drawn::Metric;
use crate::{base::Text, text};

/// One group of figures that can be explained, enlarged and copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Panel {
    Ttft,
    Tpot,
    Itl,
    Throughput,
    InFlight,
    Client,
    Errors,
    Events,
}

impl Panel {
    /// All of them, in reading order.
    pub(super) const ALL: [Self; 8] =
        [Self::Ttft, Self::Tpot, Self::Itl, Self::Throughput, Self::InFlight, Self::Client, Self::Errors, Self::Events];

    /// The panel before or after in reading order, stopping at the ends.
    pub(super) fn beside(self, by: isize) -> Self {
        let at = Self::ALL.iter().position(|&panel| panel == self).unwrap_or(0);
        Self::ALL.get(at.saturating_add_signed(by)).copied().unwrap_or(self)
    }

    /// The panel of the row below.
    pub(super) const fn below(self) -> Self {
        match self {
            Self::Ttft | Self::Tpot | Self::Itl => Self::Throughput,
            Self::Throughput => Self::InFlight,
            Self::InFlight => Self::Client,
            Self::Client => Self::Errors,
            Self::Errors | Self::Events => self,
        }
    }

    /// The panel of the row above.
    pub(super) const fn above(self) -> Self {
        match self {
            Self::Ttft | Self::Tpot | Self::Itl => self,
            Self::Throughput => Self::Ttft,
            Self::InFlight => Self::Throughput,
            Self::Client => Self::InFlight,
            Self::Errors | Self::Events => Self::Client,
        }
    }

    /// The latency it shows, if it is a histogram.
    pub(super) const fn metric(self) -> Option<Metric> {
        match self {
            Self::Ttft => Some(Metric::Ttft),
            Self::Tpot => Some(Metric::Tpot),
            Self::Itl => Some(Metric::Itl),
            _ => None,
        }
    }

    /// Its heading.
    pub(super) const fn title(self) -> Text {
        match self {
            Self::Ttft => text!("TTFT ms", "TTFT ms"),
            Self::Tpot => text!("TPOT ms", "TPOT ms"),
            Self::Itl => text!("ITL ms", "ITL ms"),
            Self::Throughput => text!("out tok/s", "输出 tok/s"),
            Self::InFlight => text!("in flight", "在途"),
            Self::Client => text!("client", "客户端"),
            Self::Errors => text!("errors", "错误"),
            Self::Events => text!("events", "事件"),
        }
    }

    /// Its heading with room to spare.
    pub(super) const fn long_title(self) -> Text {
        match self {
            Self::Ttft => text!("TTFT, time to first token, ms", "TTFT 首 token 时间，ms"),
            Self::Tpot => text!("TPOT, time per output token, ms", "TPOT 每 token 时间，ms"),
            Self::Itl => text!("ITL, inter-token latency, ms", "ITL 迭代延迟，ms"),
            Self::Throughput => text!("output tokens per second", "每秒输出 token"),
            Self::InFlight => text!("requests in flight", "在途请求"),
            Self::Client => text!("the load client itself", "压测客户端自身"),
            Self::Errors => text!("errors by class", "错误分类"),
            Self::Events => text!("events", "事件"),
        }
    }
}
