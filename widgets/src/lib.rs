//! Charts for terminals that are looked at for hours, often over a slow link.
//!
//! - [`Histogram`]: a latency distribution on a log axis with percentile marks and an SLO line.
//! - [`Timeline`]: series over time, from a one-row sparkline to a tall braille chart; gaps stay gaps.
//! - [`Plane`]: lines through points, such as percentile curves over each other.
//! - [`Table`]: rows of records, of which only those in view are asked for.
//! - [`HeatStrip`]: time × value, shades for how many; in step with a timeline.
//! - [`LogAxis`] and [`LinearAxis`]: ranges snapped to 1-2-5 steps that only widen, so nothing jumps.
//! - [`text`] and [`figure`]: text cut by cells, figures that keep their width.
//!
//! What they share: data are borrowed, every widget clips to its area and draws at any size, what has already
//! been drawn stays where it is, and `ascii(true)` needs nothing but `#`, `|`, `-`, `*`, `+` and `.`.
//! Deliberately absent: clocks, state, input, and any notion of the program around them. Depends on
//! `ratatui-core` alone, so it works under any `ratatui` 0.30 backend.

mod axis;
mod bins;
pub mod figure;
mod histogram;
mod num;
mod plane;
mod ruler;
mod shelf;
pub mod table;
pub mod text;
mod timeline;

pub use axis::{LinearAxis, LogAxis};
pub use bins::LogBins;
pub use histogram::{Histogram, Mark};
pub use plane::{Plane, Tick, Trace};
pub use table::{Column, Table};
pub use timeline::{Aggregate, At, Form, HeatSample, HeatStrip, Look, Series, TimeAxis, Timeline, XLabel};
