//! The cells by place, and the cursor's way over them.

use crate::bench::live::{Cell, CellState, Series, SeriesKind};
use dcudeck_widgets::figure;

/// The load of a cell, for the heading of its column.
pub(super) fn load_of(cell: &Cell) -> String {
    match (cell.concurrency, cell.rate) {
        (Some(users), _) => users.to_string(),
        (None, Some(rate)) => format!("{}/s", figure::compact(rate)),
        (None, None) => "-".to_owned(),
    }
}

pub(super) fn load_value(cell: &Cell) -> f64 {
    cell.concurrency.map(f64::from).or(cell.rate).unwrap_or_default()
}

/// The cells of a matrix by place: rows are lengths, columns are loads; repeats share a place.
pub(in crate::console::tabs::load) struct Grid<'a> {
    pub(super) rows: Vec<(Option<u32>, u32)>,
    pub(super) columns: Vec<f64>,
    series: &'a Series,
}

impl<'a> Grid<'a> {
    pub(super) fn of(series: &'a Series) -> Self {
        let mut rows: Vec<_> = series.cells.iter().map(|cell| (cell.input_len, cell.output_len)).collect();
        rows.sort_unstable();
        rows.dedup();
        let mut columns: Vec<f64> = series.cells.iter().map(load_value).collect();
        columns.sort_by(f64::total_cmp);
        columns.dedup();
        Self { rows, columns, series }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &'a Cell> {
        self.series.cells.iter()
    }

    /// The repeat that says most: the one that runs, else the last that is done, else the last that failed, else the first.
    pub(super) fn cell(&self, row: usize, column: usize) -> Option<&'a Cell> {
        let (lengths, load) = (*self.rows.get(row)?, *self.columns.get(column)?);
        let rank = |cell: &&Cell| match cell.state {
            CellState::Running => 4,
            CellState::Done => 3,
            CellState::Failed => 2,
            CellState::Skipped => 1,
            CellState::Waiting => 0,
        };
        self.all().filter(|cell| (cell.input_len, cell.output_len) == lengths && (load_value(cell) - load).abs() < 1e-9).max_by_key(rank)
    }

    pub(super) fn place_of(&self, cell: &Cell) -> Option<(usize, usize)> {
        let row = self.rows.iter().position(|row| *row == (cell.input_len, cell.output_len))?;
        let column = self.columns.iter().position(|load| (load - load_value(cell)).abs() < 1e-9)?;
        Some((row, column))
    }
}

/// Moving over the cells.
pub(in crate::console::tabs::load) struct Step;

impl Step {
    /// Row and column of the cursor; where nobody moved it, of the cell that runs.
    pub(super) fn place(series: &Series, cursor: Option<(usize, usize)>) -> (usize, usize) {
        let current = || series.cells.iter().position(|cell| Some(&cell.key) == series.current.as_ref());
        if series.kind == SeriesKind::Search {
            let last = series.cells.len().saturating_sub(1);
            return (cursor.map_or_else(|| current().unwrap_or(last), |(row, _)| row.min(last)), 0);
        }
        let grid = Grid::of(series);
        let (row, column) = cursor.or_else(|| grid.place_of(series.cells.get(current()?)?)).unwrap_or((0, 0));
        (row.min(grid.rows.len().saturating_sub(1)), column.min(grid.columns.len().saturating_sub(1)))
    }

    /// Key of the cell under the cursor.
    pub(in crate::console::tabs::load) fn at(series: &Series, cursor: Option<(usize, usize)>) -> Option<String> {
        Self::cell(series, cursor).map(|cell| cell.key.clone())
    }

    pub(super) fn cell(series: &Series, cursor: Option<(usize, usize)>) -> Option<&Cell> {
        let (row, column) = Self::place(series, cursor);
        match series.kind {
            SeriesKind::Search => series.cells.get(row),
            SeriesKind::Matrix => Grid::of(series).cell(row, column),
        }
    }

    /// One cell on; `None` where that leaves the cells.
    pub(in crate::console::tabs::load) fn moved(
        series: &Series,
        cursor: Option<(usize, usize)>,
        right: isize,
        down: isize,
    ) -> Option<(usize, usize)> {
        let (row, column) = Self::place(series, cursor);
        let (rows, columns) = match series.kind {
            SeriesKind::Search => (series.cells.len(), 1),
            SeriesKind::Matrix => {
                let grid = Grid::of(series);
                (grid.rows.len(), grid.columns.len())
            }
        };
        let row = row.checked_add_signed(down).filter(|row| *row < rows.max(1))?;
        let column = column.checked_add_signed(right).filter(|column| *column < columns.max(1))?;
        Some((row, column))
    }
}
