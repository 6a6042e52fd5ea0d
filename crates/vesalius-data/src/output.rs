//! What the program says: [`say!`](crate::say) for progress and remarks, on stderr; [`show!`](crate::show) for results,
//! on
//! stdout. The one place that writes to either: `println!` and `eprintln!` panic where a stream cannot be written (the
//! disk
//! or quota of a log is full), and clippy refuses them.
//!
//! What is said is text, with names and paths out of files in it: a line is one line, and characters that a terminal
//! would
//! obey are shown instead ([`escape::terminal`]). Several lines of our own are said by [`lines`], JSON by [`json`].
//!
//! A remark that cannot be written is dropped, and the work goes on. A result that cannot be written is remembered, and
//! [`check`] is the error of it: the program ends with exit code 2 instead of pretending. A reader that goes away
//! (`| head`) is no error.

use crate::text::escape;
use anyhow::{Context as _, Result, bail};
use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Why results could not be written, the first time.
static LOST: Mutex<Option<String>> = Mutex::new(None);

/// Writes a line to stderr; where that cannot be, nobody hears it.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::output::remark(::std::format_args!($($text)*)) };
}

/// Writes a line to stdout; where that cannot be, [`output::check`](crate::output::check) says so.
#[macro_export]
macro_rules! show {
    ($($text:tt)*) => { $crate::output::result(::std::format_args!($($text)*)) };
}

/// How remarks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Lines for people.
    #[default]
    Plain,
    /// Errors and warnings alone.
    Quiet,
    /// A JSON object on each line: `level` (`error`, `warning`, `note`, `info`, `progress`), `time` (seconds since 1970)
    /// and `message`; of progress `what`, `done`, `of` and `unit`.
    Json,
}

/// The environment variable that programs hand the style on by.
pub const STYLE: &str = "VESALIUS_LOG";

static CHOSEN: AtomicU8 = AtomicU8::new(0);

impl Style {
    /// The word of the environment variable.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Quiet => "quiet",
            Self::Json => "json",
        }
    }

    const ALL: [Self; 3] = [Self::Plain, Self::Quiet, Self::Json];

    /// As the environment says; plain where it says nothing.
    ///
    /// # Errors
    /// When it says another word.
    pub fn of_environment() -> Result<Self> {
        let Some(word) = std::env::var_os(STYLE).filter(|word| !word.is_empty()) else {
            return Ok(Self::Plain);
        };
        let found = Self::ALL.into_iter().find(|style| word == style.word());
        found.with_context(|| {
            format!("{STYLE}={}: expected plain, quiet or json", word.to_string_lossy())
        })
    }

    /// From now on.
    pub fn choose(self) {
        CHOSEN.store(self as u8, Ordering::Relaxed);
    }

    /// That was chosen.
    pub fn chosen() -> Self {
        Self::ALL[usize::from(CHOSEN.load(Ordering::Relaxed))]
    }
}

/// What [`say!`](crate::say) calls.
pub fn remark(text: Arguments) {
    let text = text.to_string();
    let level = level(&text);
    match Style::chosen() {
        Style::Plain => write_remark(&escape::terminal(&text)),
        Style::Quiet if ["error", "warning"].contains(&level) => {
            write_remark(&escape::terminal(&text));
        }
        Style::Quiet => {}
        Style::Json => event(level, serde_json::json!({ "message": text })),
    }
}

/// The word that a remark begins with, which is how users are told.
fn level(text: &str) -> &'static str {
    let known = ["error", "warning", "note"];
    let begins =
        |word: &&&str| text.strip_prefix(**word).is_some_and(|rest| rest.starts_with(": "));
    known.iter().find(begins).copied().unwrap_or("info")
}

/// Where a task is, for programs that read the log.
pub fn progress(what: &str, done: u64, of: u64, unit: &str) {
    event("progress", serde_json::json!({ "what": what, "done": done, "of": of, "unit": unit }));
}

fn event(level: &str, mut fields: serde_json::Value) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    fields["level"] = level.into();
    fields["time"] = now.map_or(0.0, |since| (since.as_secs_f64() * 1e3).round() / 1e3).into();
    write_remark(&escape::json(&fields.to_string()));
}

fn write_remark(line: &str) {
    // In one piece: lines of several threads or processes do not mix.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// What [`show!`](crate::show) calls.
pub fn result(text: Arguments) {
    bytes(format!("{}\n", escape::terminal(&text.to_string())).as_bytes());
}

/// Several lines of results.
pub fn lines(text: &str) {
    bytes(format!("{}\n", escape::lines(text.trim_end_matches('\n'))).as_bytes());
}

/// A result as JSON, on several lines.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn json(value: &impl serde::Serialize) -> serde_json::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    bytes(format!("{}\n", escape::json(&text)).as_bytes());
    Ok(())
}

/// Results as they are, without a line's end of ours.
pub fn bytes(bytes: &[u8]) {
    note(write(&mut io::stdout().lock(), bytes));
}

/// Whether all results so far reached stdout.
///
/// # Errors
/// In one line, where some did not.
pub fn check() -> Result<()> {
    note(write(&mut io::stdout().lock(), b""));
    if let Some(why) = &*LOST.lock().unwrap_or_else(PoisonError::into_inner) {
        bail!("stdout: cannot be written: {why}; expected room for the results");
    }
    Ok(())
}

fn write(stream: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).and_then(|()| stream.flush())
}

fn note(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get_or_insert_with(|| error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing(ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_first_word_is_the_level_and_names_are_no_words() {
        for (text, expected) in [
            ("error: it is so", "error"),
            ("warning: a: b", "warning"),
            ("note: c", "note"),
            ("errors: none", "info"),
            ("training: 3 steps", "info"),
        ] {
            assert_eq!(level(text), expected, "{text}");
        }
    }

    /// One test, as what was lost is remembered for the whole process.
    #[test]
    fn a_reader_that_left_is_no_error_and_a_full_disk_is_until_the_end() {
        note(write(&mut Refusing(ErrorKind::BrokenPipe), b"a line"));
        check().unwrap();
        note(write(&mut Refusing(ErrorKind::StorageFull), b"a line"));
        note(write(&mut Refusing(ErrorKind::QuotaExceeded), b"a line"));
        note(write(&mut io::sink(), b"a line"));
        let error = check().unwrap_err().to_string();
        assert!(error.contains("stdout") && error.contains("no storage space"), "{error}");
    }
}
