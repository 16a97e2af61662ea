//! The list of profiles on screen.

use super::{pen::Pen, profiles::Profile, words};
use crate::text;
use ratatui::layout::Rect;

/// Draws the list with the cursor on `row`.
pub(super) fn draw(profiles: &[Profile], row: usize, area: Rect, pen: &mut Pen<'_>) {
    let (look, ink) = (pen.look, &pen.look.theme);
    pen.rule(area, 0);
    let title = format!(" {} ", text!("profiles: Enter fills the form", "方案：Enter 填入表单").get(look.lang));
    pen.flow(area, 1, 0, &title, ink.strong);
    let rows = usize::from(area.height.saturating_sub(2)).max(1);
    let first = (row + 1).saturating_sub(rows);
    for (y, (at, profile)) in (2..).zip(profiles.iter().enumerate().skip(first).take(rows)) {
        let here = at == row;
        let (sign, style) = if here { (pen.sign("▸", ">"), ink.accent) } else { (" ", ink.strong) };
        pen.flow(area, 0, y, sign, style);
        let x = pen.left(area, 2, y, 12, &crate::base::clean(&profile.name), style);
        let shape = words::asked(&profile.spec);
        let x = pen.left(area, x + 2, y, 32, shape.get(look.lang), ink.plain);
        pen.left(area, x + 2, y, area.width.saturating_sub(x + 3), profile.purpose().get(look.lang), ink.plain);
    }
}
