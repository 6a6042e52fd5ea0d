//! Rows of the store: the state of a task that is over, as its folder says it.

use crate::plan::{Finished, finished};
use crate::task::{Key, Stage};
use crate::task_dir::{Failure, LAST_LINES, TaskDir};
use anyhow::Result;
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use vesalius_data::files::digest;

/// Version of the tables.
pub const STORE_VERSION: i64 = 2;
/// Of those whose rows have no digests, which are still opened.
pub(super) const UNSEALED_VERSION: i64 = 1;

/// A task that fails so often is given up.
pub const MAX_FAILURES: usize = 3;

/// A task that is stopped so often in a row without a newer checkpoint, and not because its coordinator asked, is given
/// up: it would never end.
pub const MAX_STOPS: usize = 20;

/// Why there will be no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenUp {
    /// It failed [`MAX_FAILURES`] times; the last failure.
    Failed(Failure),
    /// Somebody cancelled it.
    Cancelled,
}

/// One row: the state of a task that is over.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    Finished { sha256: String, finished: Box<Finished> },
    GivenUp(GivenUp),
}

/// Where the store of a study's folder lies.
pub(super) fn path_in(out: &Path) -> PathBuf {
    out.join("store.sqlite")
}

/// A key of the table; another text would be the name of any folder.
pub(super) fn key(text: String) -> rusqlite::Result<Key> {
    Key::try_from(text).map_err(|wrong| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, wrong.into())
    })
}

/// What a folder says.
pub(super) fn state(folder: &TaskDir) -> Result<Option<State>> {
    if folder.is_finished() {
        let (result, bytes) = folder.result()?;
        let finished = Box::new(finished(&result));
        return Ok(Some(State::Finished { sha256: digest::of_bytes(&bytes), finished }));
    }
    if folder.is_cancelled() {
        return Ok(Some(State::GivenUp(GivenUp::Cancelled)));
    }
    let mut failures = folder.failures()?;
    let stops = folder.stops_without_progress()?;
    let last = if failures.len() >= MAX_FAILURES {
        failures.pop()
    } else if stops >= MAX_STOPS {
        let reason = format!("stopped {stops} times in a row without a newer checkpoint");
        Some(Failure { reason, output: folder.last_lines(LAST_LINES) })
    } else {
        None
    };
    Ok(last.map(|failure| State::GivenUp(GivenUp::Failed(failure))))
}

pub(super) fn write(
    db: &Connection,
    stage: Stage,
    key: &Key,
    state: Option<&State>,
) -> rusqlite::Result<()> {
    let Some(state) = state else {
        return db.execute("DELETE FROM task WHERE key = ?1", [key.text()]).map(|_| ());
    };
    let mut put = db.prepare_cached(
        "INSERT OR REPLACE INTO task
         (key, stage, state, result_sha256, diverged, distance, wall_secs, images, reason, output)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let nothing: Option<&str> = None;
    let (key, stage) = (key.text(), stage.name());
    match state {
        State::Finished { sha256, finished: f } => put.execute(params![
            key,
            stage,
            "finished",
            sha256,
            f.diverged,
            // What a plan chooses by, whichever stage it is of.
            f.distance.or(f.validation),
            f.wall_secs,
            f.images.map(|images| images as i64),
            nothing,
            nothing
        ]),
        State::GivenUp(GivenUp::Cancelled) => put.execute(params![
            key,
            stage,
            "cancelled",
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing
        ]),
        State::GivenUp(GivenUp::Failed(failure)) => put.execute(params![
            key,
            stage,
            "failed",
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            failure.reason,
            failure.output.join("\n")
        ]),
    }?;
    super::seal::seal(db, key)
}
