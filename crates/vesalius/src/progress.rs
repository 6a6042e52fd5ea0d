//! Progress on stderr: a bar on a terminal, a line every few seconds otherwise (log files, Slurm).

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};
use vesalius_data::output::{self, Style};
use vesalius_data::say;
use vesalius_data::text::escape;

/// One running task.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
    what: String,
    unit: String,
    length: u64,
    said: Instant,
    /// Where the task was when it was first heard of, and when: a resumed one does not begin at 0.
    first: Option<(u64, Instant)>,
}

/// Between two plain lines.
const EVERY: Duration = Duration::from_secs(10);

impl Progress {
    /// `what` is done in `length` pieces of `unit`.
    pub fn new(what: &str, length: u64, unit: &str) -> Self {
        let plain = !std::io::stderr().is_terminal() || Style::chosen() != Style::Plain;
        let bar = ProgressBar::new(length);
        if plain {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            if Style::chosen() == Style::Json {
                output::progress(what, 0, length, unit);
            } else {
                say!("{what}: {length} {unit}");
            }
        }
        let template = format!("{{prefix}} {{wide_bar}} {{pos}}/{{len}} {unit} {{msg}} {{eta}}");
        bar.set_style(ProgressStyle::with_template(&template).expect("a constant template"));
        // Names may be in it, which are no template.
        bar.set_prefix(escape::terminal(what).into_owned());
        let (what, unit) = (what.to_owned(), unit.to_owned());
        Self { bar, plain, what, unit, length, said: Instant::now(), first: None }
    }

    /// `done` pieces, with a remark.
    pub fn set(&mut self, done: u64, remark: &str) {
        self.bar.set_position(done);
        if self.first.is_none() {
            self.first = Some((done, Instant::now()));
            self.bar.reset_eta();
        }
        self.bar.set_message(escape::terminal(remark).into_owned());
        if self.plain && self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            if Style::chosen() == Style::Json {
                return output::progress(&self.what, done, self.length, &self.unit);
            }
            let left = self
                .seconds_left(done)
                .map_or_else(String::new, |left| format!(" ({left:.0} s left)"));
            say!("{}: {done}/{} {remark}{left}", self.what, self.length);
        }
    }

    /// Seconds left at the pace since the first report; `None` before there is a pace.
    fn seconds_left(&self, done: u64) -> Option<f64> {
        let (first, since) = self.first?;
        let pieces = done.checked_sub(first).filter(|&pieces| pieces > 0)?;
        let left = self.length.saturating_sub(done);
        Some(since.elapsed().as_secs_f64() / pieces as f64 * left as f64)
    }

    /// Prints a line without tearing the bar.
    pub fn say(&self, line: &str) {
        if self.plain {
            say!("{line}");
        } else {
            self.bar.println(escape::terminal(line));
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

impl vesalius_stages::context::Progress for Progress {
    fn set(&mut self, done: u64, remark: &str) {
        Self::set(self, done, remark);
    }

    fn say(&self, line: &str) {
        Self::say(self, line);
    }

    fn finish(self: Box<Self>) {
        Self::finish(*self);
    }
}

/// Begins to show the progress of a stage.
pub fn begin(what: &str, length: u64, unit: &str) -> Box<dyn vesalius_stages::context::Progress> {
    Box::new(Progress::new(what, length, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_counts_only_what_was_done_since_the_first_report() {
        let mut progress = Progress::new("a resumed task", 1000, "images");
        assert_eq!(progress.seconds_left(900), None);
        progress.set(900, "");
        assert_eq!(progress.seconds_left(900), None);
        let before = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        progress.first = Some((900, before));
        // 50 images in 10 seconds, and 50 more to come.
        let left = progress.seconds_left(950).unwrap();
        assert!((10.0..11.0).contains(&left), "{left}");
        progress.finish();
    }
}
