//! One row of labels that never touch: who comes first gets the room.

/// More labels than this on one row are not drawn; a row of 200 columns holds about 40.
const ROOM: usize = 48;

/// The free columns of a label row.
#[derive(Debug)]
pub(crate) struct Shelf {
    left: u16,
    right: u16,
    taken: [(u16, u16); ROOM],
    len: usize,
}

impl Shelf {
    /// An empty row from column `left` up to but not including `right`.
    pub(crate) const fn new(left: u16, right: u16) -> Self {
        Self { left, right, taken: [(0, 0); ROOM], len: 0 }
    }

    /// First column for a label of `width` cells that belongs to column `at`, with a free cell to its neighbours;
    /// centred under `at` if possible, else shifted as long as some part of it stays under `at`. `None` if there is no room.
    pub(crate) fn place(&mut self, at: u16, width: usize) -> Option<u16> {
        let width = u16::try_from(width).ok().filter(|&width| width > 0)?;
        let room = self.right.checked_sub(self.left)?.checked_sub(width)?;
        let last = self.left + room;
        let centred = at.saturating_sub(width / 2).clamp(self.left, last);
        let start = (0..width)
            .flat_map(|shift| [centred.checked_sub(shift), centred.checked_add(shift)])
            .flatten()
            .filter(|&start| (self.left..=last).contains(&start))
            .filter(|&start| start <= at && at < start.saturating_add(width))
            .find(|&start| self.is_free(start, start + width))?;
        *self.taken.get_mut(self.len)? = (start, start + width);
        self.len += 1;
        Some(start)
    }

    /// Whether `start..end` and the cells beside it are free.
    fn is_free(&self, start: u16, end: u16) -> bool {
        self.taken.iter().take(self.len).all(|&(from, to)| end < from || to < start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_centred_shifted_or_dropped_but_never_touch() {
        let mut shelf = Shelf::new(10, 30);
        assert_eq!(shelf.place(20, 3), Some(19));
        assert_eq!(shelf.place(22, 3), None, "under 22 all positions touch 19..22 or leave no gap");
        assert_eq!(shelf.place(24, 3), Some(23));
        assert_eq!(shelf.place(10, 5), Some(10), "kept inside the row");
        assert_eq!(shelf.place(29, 2), Some(28));
        assert_eq!(shelf.place(29, 40), None, "wider than the row");
        assert_eq!(Shelf::new(5, 5).place(5, 1), None);
    }
}
