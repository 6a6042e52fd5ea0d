//! Progress on stderr: a bar on a terminal, a line every few seconds otherwise (log files, Slurm).

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// One running task.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
    what: String,
    length: u64,
    said: Instant,
    started: Instant,
}

/// Between two plain lines.
const EVERY: Duration = Duration::from_secs(10);

impl Progress {
    /// `what` is done in `length` pieces of `unit`.
    pub fn new(what: &str, length: u64, unit: &str) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bar = ProgressBar::new(length);
        if plain {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            eprintln!("{what}: {length} {unit}");
        }
        let template = format!("{what} {{wide_bar}} {{pos}}/{{len}} {unit} {{msg}} {{eta}}");
        bar.set_style(ProgressStyle::with_template(&template).expect("a constant template"));
        let now = Instant::now();
        Self { bar, plain, what: what.to_owned(), length, said: now, started: now }
    }

    /// `done` pieces, with a remark.
    pub fn set(&mut self, done: u64, remark: &str) {
        self.bar.set_position(done);
        self.bar.set_message(remark.to_owned());
        if self.plain && self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            let left = self.started.elapsed().as_secs_f64() / done.max(1) as f64
                * self.length.saturating_sub(done) as f64;
            eprintln!("{}: {done}/{} {remark} ({left:.0} s left)", self.what, self.length);
        }
    }

    /// Prints a line without tearing the bar.
    pub fn say(&self, line: &str) {
        if self.plain {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
