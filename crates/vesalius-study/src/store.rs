//! The store: what is known of every task, in SQLite. Only the coordinator writes, one transaction per result; the task
//! folders are the truth, and [`Store::reindex`] makes the store from them.

use crate::digest;
use crate::plan::{Finished, Progress};
use crate::task::{Key, Stage, Task};
use crate::task_dir::{Failure, LAST_LINES, TaskDir, finished};
use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, OpenFlags, params};
use std::path::{Path, PathBuf};

/// Version of the tables.
pub const STORE_VERSION: i64 = 1;

/// A task that fails so often is given up.
pub const MAX_FAILURES: usize = 3;

/// A task that is stopped so often in a row without a newer checkpoint, and not because its coordinator asked, is given
/// up: it would never end.
pub const MAX_STOPS: usize = 20;

/// An open store.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    out: PathBuf,
    db: Connection,
}

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
enum State {
    Finished { sha256: String, finished: Box<Finished> },
    GivenUp(GivenUp),
}

impl Store {
    /// Opens the store of a study's folder, and makes one where there is none.
    ///
    /// # Errors
    /// When it is of a newer version, damaged, or cannot be written.
    pub fn open(out: &Path) -> Result<Self> {
        std::fs::create_dir_all(out)
            .with_context(|| format!("{}: cannot create the folder", out.display()))?;
        let path = out.join("store.sqlite");
        let store = Self::connect(out, Connection::open(&path))?;
        let version = store.version()?;
        if version == 0 {
            store
                .db
                .execute_batch(&format!(
                    "PRAGMA journal_mode = WAL;
                     BEGIN;
                     CREATE TABLE IF NOT EXISTS task (
                         key TEXT PRIMARY KEY, stage TEXT NOT NULL,
                         state TEXT NOT NULL CHECK (state IN ('finished', 'failed', 'cancelled')),
                         result_sha256 TEXT, diverged TEXT, distance REAL, wall_secs REAL, images INTEGER,
                         reason TEXT, output TEXT
                     ) WITHOUT ROWID;
                     PRAGMA user_version = {STORE_VERSION};
                     COMMIT;"
                ))
                .with_context(|| format!("{}: cannot be set up", path.display()))?;
        }
        // A result is on the disk before the coordinator goes on; the log is not, and can be lost: the folders know.
        store.db.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(store)
    }

    /// Opens it to read, where there is one.
    ///
    /// # Errors
    /// As above.
    pub fn open_to_read(out: &Path) -> Result<Option<Self>> {
        let path = out.join("store.sqlite");
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let store = Self::connect(out, Connection::open_with_flags(&path, flags))?;
        // Set up a moment later by who made it.
        Ok((store.version()? > 0).then_some(store))
    }

    fn connect(out: &Path, db: rusqlite::Result<Connection>) -> Result<Self> {
        let path = out.join("store.sqlite");
        let db = db.with_context(|| format!("{}: cannot be opened", path.display()))?;
        db.busy_timeout(std::time::Duration::from_secs(10))?;
        let store = Self { path, out: out.to_owned(), db };
        let version = store.version()?;
        if version > STORE_VERSION {
            bail!(
                "{}: version {version}, expected at most {STORE_VERSION}: a newer Vesalius wrote it",
                store.path.display()
            );
        }
        Ok(store)
    }

    fn version(&self) -> Result<i64> {
        self.db.pragma_query_value(None, "user_version", |row| row.get(0)).with_context(|| {
            format!("{}: not a store; `study reindex` makes it again", self.path.display())
        })
    }

    /// Takes up what a task's folder says now: its result, else that it was cancelled or failed too often, else nothing.
    /// One transaction.
    ///
    /// # Errors
    /// When the result is damaged, or the store cannot be written.
    pub fn take_up(&mut self, stage: Stage, key: &Key) -> Result<Option<GivenUp>> {
        let folder = TaskDir::of(&self.out, stage, key);
        let state = state(&folder)?;
        self.put(stage, key, state.as_ref())?;
        Ok(match state {
            Some(State::GivenUp(why)) => Some(why),
            _ => None,
        })
    }

    fn put(&mut self, stage: Stage, key: &Key, state: Option<&State>) -> Result<()> {
        let path = self.path.display().to_string();
        let transaction = self.db.transaction()?;
        write(&transaction, stage, key, state)
            .and_then(|()| transaction.commit())
            .with_context(|| format!("{path}: cannot be written"))
    }

    /// What is known.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn progress(&self) -> Result<Progress> {
        let mut progress = Progress::default();
        let mut query = self
            .db
            .prepare("SELECT key, state, diverged, distance, wall_secs, images FROM task")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let key = Key::from(row.get::<_, String>(0)?);
            if row.get_ref(1)?.as_str()? == "finished" {
                let finished = Finished {
                    diverged: row.get(2)?,
                    distance: row.get(3)?,
                    wall_secs: row.get(4)?,
                    images: row.get::<_, Option<i64>>(5)?.map(|images| images as u64),
                };
                progress.finished.insert(key, finished);
            } else {
                progress.given_up.insert(key);
            }
        }
        Ok(progress)
    }

    /// Why a task was given up, if it was.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn given_up(&self, key: &Key) -> Result<Option<GivenUp>> {
        let mut query = self.db.prepare_cached(
            "SELECT state, reason, output FROM task WHERE key = ?1 AND state != 'finished'",
        )?;
        let mut rows = query.query([key.text()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        if row.get_ref(0)?.as_str()? == "cancelled" {
            return Ok(Some(GivenUp::Cancelled));
        }
        let output: String = row.get(2)?;
        let output = output.lines().map(ToOwned::to_owned).collect();
        Ok(Some(GivenUp::Failed(Failure { reason: row.get(1)?, output })))
    }

    /// Compares the store with the folders: what is in the store has to lie there unchanged.
    ///
    /// # Errors
    /// The first result that is missing or differs.
    pub fn verify(&self) -> Result<()> {
        let mut query = self
            .db
            .prepare("SELECT key, stage, result_sha256 FROM task WHERE state = 'finished'")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let stage = stage(row.get_ref(1)?.as_str()?)?;
            let folder = TaskDir::of(&self.out, stage, &Key::from(row.get::<_, String>(0)?));
            let path = folder.path().join("result.json");
            let wrong = match digest::of_file(&path) {
                Ok(found) if found == row.get_ref(2)?.as_str()? => continue,
                Ok(_) => "was edited since it was recorded",
                Err(_) => "is gone, but was recorded",
            };
            bail!(
                "{}: {wrong}; expected the folders unchanged (`study reindex` takes them as they are now)",
                path.display()
            );
        }
        Ok(())
    }

    /// Makes the store again from the folders. Gives the number of results, and a line for each folder that is no task.
    ///
    /// # Errors
    /// When the folders cannot be listed or the store cannot be written.
    pub fn reindex(&mut self) -> Result<(usize, Vec<String>)> {
        let folder = self.out.join("tasks");
        let mut strange = Vec::new();
        let mut found = 0;
        let transaction = self.db.transaction()?;
        transaction.execute("DELETE FROM task", [])?;
        for path in folders(&folder)? {
            let read = Task::read(&path).and_then(|task| Ok((task, state(&TaskDir::at(&path))?)));
            match read {
                Ok((task, state)) => {
                    found += usize::from(matches!(state, Some(State::Finished { .. })));
                    write(&transaction, task.stage, &task.key(), state.as_ref())?;
                }
                Err(error) => strange.push(format!("{error:#}")),
            }
        }
        transaction
            .commit()
            .with_context(|| format!("{}: cannot be written", self.path.display()))?;
        Ok((found, strange))
    }
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = entries.with_context(|| format!("{}: cannot be listed", folder.display()))?;
    let hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut paths: Vec<PathBuf> =
        entries.into_iter().map(|entry| entry.path()).filter(|path| !hidden(path)).collect();
    paths.sort();
    Ok(paths)
}

/// What a folder says.
fn state(folder: &TaskDir) -> Result<Option<State>> {
    if folder.is_finished() {
        let (result, bytes) = folder.result()?;
        let finished = Box::new(finished(&result));
        return Ok(Some(State::Finished { sha256: digest::of_bytes(&bytes), finished }));
    }
    if folder.is_cancelled() {
        return Ok(Some(State::GivenUp(GivenUp::Cancelled)));
    }
    let mut failures = folder.failures();
    let stops = folder.stops_without_progress();
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

fn write(db: &Connection, stage: Stage, key: &Key, state: Option<&State>) -> rusqlite::Result<()> {
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
            f.distance,
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
    }
    .map(|_| ())
}

fn stage(name: &str) -> Result<Stage> {
    Stage::ALL
        .into_iter()
        .find(|stage| stage.name() == name)
        .with_context(|| format!("store: stage {name}, expected a known one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_a_newer_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path()).unwrap());
        let db = Connection::open(folder.path().join("store.sqlite")).unwrap();
        db.pragma_update(None, "user_version", STORE_VERSION + 1).unwrap();
        drop(db);
        for error in [
            Store::open(folder.path()).unwrap_err(),
            Store::open_to_read(folder.path()).unwrap_err(),
        ] {
            let error = error.to_string();
            assert!(error.contains("version 2") && error.contains("newer"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_no_store_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("store.sqlite"), "x".repeat(5000)).unwrap();
        let error = format!("{:#}", Store::open(folder.path()).unwrap_err());
        assert!(error.contains("store.sqlite") && !error.contains('\n'), "{error}");
    }
}
