//! How a training is shown while it runs.

use crate::context::Progress;
use std::time::{Duration, Instant};
use vesalius_data::text::count;

/// What is seen of a training: slow ones move between two lines of `stats.jsonl`, too.
pub(super) struct Shown {
    pub(super) bar: Box<dyn Progress>,
    /// Pace and losses, as they were last heard of.
    pub(super) remark: String,
    /// Images at the first step that was seen, and when.
    first: Option<(u64, Instant)>,
    last: Instant,
}

/// Between two movements.
const MOVES: Duration = Duration::from_secs(1);

impl Shown {
    pub(super) fn of(bar: Box<dyn Progress>) -> Self {
        Self { bar, remark: String::new(), first: None, last: Instant::now() }
    }

    pub(super) fn set(&mut self, images: u64) {
        self.bar.set(images, &self.remark);
        self.last = Instant::now();
    }

    /// After a step.
    pub(super) fn moved(&mut self, images: u64) {
        let (first, since) = *self.first.get_or_insert((images, Instant::now()));
        if self.last.elapsed() < MOVES {
            return;
        }
        if self.remark.is_empty() {
            let each = (images - first) as f64 / since.elapsed().as_secs_f64();
            self.bar.set(images, &count::pace(each, "img"));
            self.last = Instant::now();
        } else {
            self.set(images);
        }
    }
}
