//! A recording as a feed: its frames at the pace they came, or faster.

use crate::{
    base::clock,
    devices::{
        Frame, Group, Trouble,
        record::{Line, Recording},
    },
    said,
};

/// A recording that is played.
#[derive(Debug)]
pub struct Replay {
    recording: Recording,
    speed: f64,
    start_us: u64,
    next: Option<Line>,
}

impl Replay {
    /// Plays `recording` from now on, `speed` times as fast as it was made.
    #[must_use]
    pub fn new(recording: Recording, speed: f64) -> Self {
        let mut replay = Self { recording, speed: speed.max(0.01), start_us: clock::monotonic_us(), next: None };
        replay.next = replay.recording.line().ok().flatten();
        replay
    }

    /// Who speaks first; `None` when the recording is empty.
    #[must_use]
    pub fn first(&self) -> Option<Group> {
        self.next.as_ref().map(|line| line.group)
    }

    /// The moment of this boot's clock that stands for `at_us` of the recording.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "microseconds of a recording, positive and far below 2^53")]
    fn moment(&self, at_us: u64) -> u64 {
        self.start_us + (at_us as f64 / self.speed) as u64
    }

    /// Adds what is due now to `out`; gives when the next line is, `None` at the end.
    pub fn step(&mut self, out: &mut Vec<(Group, Frame)>) -> Option<u64> {
        let now = clock::monotonic_us();
        loop {
            let line = self.next.as_ref()?;
            let due = self.moment(line.at_us);
            if due > now {
                return Some(due);
            }
            let Line { group, frame, .. } = self.next.take()?;
            out.push((group, frame.at(|at_us| self.moment(at_us))));
            match self.recording.line() {
                Ok(line) => self.next = line,
                Err(problem) => {
                    let said = said!("{}", "{}", problem.sentence(crate::base::Lang::En));
                    out.push((group, Frame::Trouble(Trouble::new("recording", said))));
                }
            }
        }
    }
}
