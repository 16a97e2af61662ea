//! What a cell's shade stands for, and the bounds of the shades.

use super::{super::watched::Watched, Grid};
use crate::{
    base::Text,
    bench::live::{Cell, CellState},
    text,
};

/// What a cell's shade stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::console::tabs::load) enum CellMetric {
    #[default]
    TtftP99,
    TtftP50,
    TpotP99,
    Output,
    Goodput,
    Failed,
}

impl CellMetric {
    /// The next one, around.
    pub(in crate::console::tabs::load) const fn next(self) -> Self {
        match self {
            Self::TtftP99 => Self::TtftP50,
            Self::TtftP50 => Self::TpotP99,
            Self::TpotP99 => Self::Output,
            Self::Output => Self::Goodput,
            Self::Goodput => Self::Failed,
            Self::Failed => Self::TtftP99,
        }
    }

    /// Its key in a cell's figures.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::TtftP99 => "p99_ttft_ms",
            Self::TtftP50 => "median_ttft_ms",
            Self::TpotP99 => "p99_tpot_ms",
            Self::Output => "output_throughput",
            Self::Goodput => "goodput",
            Self::Failed => "error_rate_pct",
        }
    }

    pub(super) const fn title(self) -> Text {
        match self {
            Self::TtftP99 => text!("P99 TTFT ms", "P99 TTFT ms"),
            Self::TtftP50 => text!("P50 TTFT ms", "P50 TTFT ms"),
            Self::TpotP99 => text!("P99 TPOT ms", "P99 TPOT ms"),
            Self::Output => text!("out tok/s", "输出 tok/s"),
            Self::Goodput => text!("goodput req/s", "达标 请求/s"),
            Self::Failed => text!("failed %", "失败 %"),
        }
    }

    /// More of it is worse.
    pub(super) const fn is_cost(self) -> bool {
        !matches!(self, Self::Output | Self::Goodput)
    }

    pub(super) fn goal(self, run: &Watched) -> Option<f64> {
        match self {
            Self::TtftP99 | Self::TtftP50 => run.spec.slo.ttft_ms,
            Self::TpotP99 => run.spec.slo.tpot_ms,
            Self::Failed => Some(run.spec.limits.max_error_rate_pct),
            Self::Output | Self::Goodput => None,
        }
    }

    /// Upper ends of the first three shades: half the goal, the goal and twice the goal where there is one, else quarters of the range so far.
    pub(super) fn bounds(self, run: &Watched, grid: &Grid<'_>) -> Option<[f64; 3]> {
        if let Some(goal) = self.goal(run) {
            return Some([goal / 2.0, goal, goal * 2.0]);
        }
        let values: Vec<f64> = grid.all().filter_map(|cell| self.value(cell)).collect();
        let (lo, hi) = (values.iter().copied().reduce(f64::min)?, values.iter().copied().reduce(f64::max)?);
        let round = |v: f64| if v < 10.0 { (v * 10.0).round() / 10.0 } else { v.round() };
        Some(if self.is_cost() && lo > 0.0 {
            [0.25, 0.5, 0.75].map(|share| round(lo * (hi / lo).powf(share)))
        } else {
            [0.25, 0.5, 0.75].map(|share| round(hi * share))
        })
    }

    pub(super) fn value(self, cell: &Cell) -> Option<f64> {
        cell.metrics.get(self.key()).copied().filter(|_| cell.state == CellState::Done)
    }
}
