//! The panels of a run, and how the cursor moves over them.

use super::{drawn::Metric, heat::HeatOf, series_view::CellMetric, watched::Watched};
use crate::{base::Text, text};

/// One group of figures that can be explained, enlarged and copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Panel {
    Ttft,
    Tpot,
    Itl,
    Throughput,
    InFlight,
    Server,
    Client,
    /// The matrix or search this run is a step of.
    Series,
    /// Figures by route, when there are several.
    Routes,
    Errors,
    /// Time × latency.
    Heat,
    Events,
}

/// Where a person's attention is: the panel under the cursor, and what was chosen to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Focus {
    /// The panel under the cursor.
    pub(super) panel: Panel,
    /// What stands in the place that some panels share where there is not room for all; `None`: the first there is.
    pub(super) below: Option<Panel>,
    /// Which latency the heat strip shows.
    pub(super) heat: HeatOf,
    /// Row and column of the cursor among the cells; `None` follows the cell that runs.
    pub(super) cell: Option<(usize, usize)>,
    /// What the cells' shades stand for.
    pub(super) cell_metric: CellMetric,
}

impl Default for Focus {
    fn default() -> Self {
        Self { panel: Panel::Ttft, below: None, heat: HeatOf::Ttft, cell: None, cell_metric: CellMetric::TtftP99 }
    }
}

impl Focus {
    /// Puts the cursor on `panel`; one that shares its place shows itself there.
    pub(super) fn go(&mut self, panel: Panel) {
        self.panel = panel;
        if panel.shares() {
            self.below = Some(panel);
        }
    }

    /// What stands in the shared place for `run`.
    pub(super) fn shared(&self, run: &Watched) -> Panel {
        let there = |panel: &Panel| panel.shares() && panel.of_run(run);
        self.below.filter(there).or_else(|| Panel::ALL.into_iter().find(there)).unwrap_or(Panel::Errors)
    }
}

impl Panel {
    /// All of them, in reading order.
    pub(super) const ALL: [Self; 12] = [
        Self::Ttft,
        Self::Tpot,
        Self::Itl,
        Self::Throughput,
        Self::InFlight,
        Self::Server,
        Self::Client,
        Self::Series,
        Self::Routes,
        Self::Errors,
        Self::Heat,
        Self::Events,
    ];

    /// Whether `run` has it at all.
    pub(super) fn of_run(self, run: &Watched) -> bool {
        match self {
            Self::Series => run.now.series.is_some(),
            Self::Routes => run.now.routes.len() > 1,
            _ => true,
        }
    }

    /// Shares its place at the bottom left with others, where there is not room for all.
    pub(super) const fn shares(self) -> bool {
        matches!(self, Self::Series | Self::Routes | Self::Errors | Self::Heat)
    }

    /// The panels of `run` in reading order.
    pub(super) fn all_of(run: &Watched) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|panel| panel.of_run(run))
    }

    /// The panel before or after in reading order, stopping at the ends.
    pub(super) fn beside(self, by: isize, run: &Watched) -> Self {
        let all: Vec<Self> = Self::all_of(run).collect();
        let at = all.iter().position(|&panel| panel == self).unwrap_or(0);
        all.get(at.saturating_add_signed(by)).copied().unwrap_or(self)
    }

    /// The panel of the row below; `shared` stands in the shared place.
    pub(super) const fn below(self, shared: Self) -> Self {
        match self {
            Self::Ttft | Self::Tpot | Self::Itl => Self::Throughput,
            Self::Throughput => Self::InFlight,
            Self::InFlight => Self::Server,
            Self::Server => Self::Client,
            Self::Client => shared,
            Self::Series | Self::Routes | Self::Errors | Self::Heat | Self::Events => self,
        }
    }

    /// The panel of the row above.
    pub(super) const fn above(self) -> Self {
        match self {
            Self::Ttft | Self::Tpot | Self::Itl => self,
            Self::Throughput => Self::Ttft,
            Self::InFlight => Self::Throughput,
            Self::Server => Self::InFlight,
            Self::Client => Self::Server,
            Self::Series | Self::Routes | Self::Errors | Self::Heat | Self::Events => Self::Client,
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
            Self::Server => text!("server", "服务器"),
            Self::Client => text!("client", "客户端"),
            Self::Series => text!("cells", "单元"),
            Self::Routes => text!("routes", "路由"),
            Self::Errors => text!("errors", "错误"),
            Self::Heat => text!("over time", "随时间"),
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
            Self::Server => text!("what the server says of itself", "服务器自身的数字"),
            Self::Client => text!("the load client itself", "压测客户端自身"),
            Self::Series => text!("cells of the series", "系列的各单元"),
            Self::Routes => text!("figures by route", "按路由的数字"),
            Self::Errors => text!("errors by class", "错误分类"),
            Self::Heat => text!("latency over time, ms", "延迟随时间的分布，ms"),
            Self::Events => text!("events", "事件"),
        }
    }
}

/// The panels of a small screen, a row each.
pub(super) const STACKED: [Panel; 6] = [Panel::Ttft, Panel::Tpot, Panel::Itl, Panel::Throughput, Panel::InFlight, Panel::Client];
