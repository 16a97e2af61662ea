//! What a series shows beyond its figures.

use super::{plan, search};
use crate::{
    base::Said,
    bench::live::{Cell, CellState, Series},
};

/// One thing a series shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// One sentence.
    pub text: Said,
    /// Key of the cell it is about, when it is about one.
    pub cell: Option<String>,
}

/// What the measured cells of `series` show.
#[must_use]
pub fn findings(series: &Series) -> Vec<Finding> {
    let _ = series;
    Vec::new()
}

/// The cell at the knee of throughput over load, of cells that differ in their load only. Repeats count by their mean.
pub(super) fn knee_of<'a>(cells: &[&'a Cell]) -> Option<&'a Cell> {
    let mut points: Vec<(f64, f64, u32, &Cell)> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.state == CellState::Done) {
        let Some(throughput) = cell.metrics.get("output_throughput") else { continue };
        let load = plan::load_of(cell);
        match points.iter_mut().find(|point| (point.0 - load).abs() < 1e-9) {
            Some(point) => {
                point.1 += throughput;
                point.2 += 1;
            }
            None => points.push((load, *throughput, 1, cell)),
        }
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let curve: Vec<(f64, f64)> = points.iter().map(|(load, sum, n, _)| (*load, sum / f64::from(*n))).collect();
    search::knee(&curve).and_then(|at| points.get(at)).map(|point| point.3)
}
