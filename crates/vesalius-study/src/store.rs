//! The store: what is known of every task, in SQLite. Only the coordinator writes, one transaction per result; the task
//! folders are the truth, and [`Store::reindex`] makes the store from them, whatever became of the old one.

mod rebuild;
mod row;

use crate::digest;
use crate::plan::{Finished, Progress};
use crate::task::{Key, Stage};
use crate::task_dir::{Failure, LAST_LINES, TaskDir, finished};
use crate::text::escape;
use anyhow::{Context as _, Result, bail};
pub use rebuild::Reindexed;
use rusqlite::{Connection, ErrorCode, OpenFlags, params};
use std::path::{Path, PathBuf};

/// Version of the tables.
pub const STORE_VERSION: i64 = 2;
/// Of those whose rows have no digests, which are still opened.
const UNSEALED_VERSION: i64 = 1;

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
    /// Its rows have digests.
    sealed: bool,
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
    /// Opens the store of a study's folder, and makes one where there is none. For whoever holds the folder's lock.
    ///
    /// # Errors
    /// When it is of a newer version, damaged, or cannot be written: one line that names it.
    pub fn open(out: &Path) -> Result<Self> {
        crate::publish::create_folders(out)?;
        let path = path_in(out);
        if path.symlink_metadata().is_err() {
            rebuild::empty(out)?;
        }
        let mut store = Self::connect(out)?;
        if !store.sealed {
            store.seal()?;
        }
        Ok(store)
    }

    /// Opens it to read, where there is one.
    ///
    /// # Errors
    /// As above.
    pub fn open_to_read(out: &Path) -> Result<Option<Self>> {
        if path_in(out).symlink_metadata().is_err() {
            return Ok(None);
        }
        Self::connect(out).map(Some)
    }

    /// A store that is there, whole, and has the tables of this version, or those without digests.
    fn connect(out: &Path) -> Result<Self> {
        let path = path_in(out);
        // SQLite would wait for a pipe.
        crate::read::check(&path).with_context(|| {
            format!("{}: cannot be read; expected a whole index: {REMEDY}", path.display())
        })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&path, flags);
        let db = opened.map_err(|error| explain(&path, &error))?;
        let mut store = Self { path, out: out.to_owned(), db, sealed: true };
        let version = store.ask(|db| {
            db.busy_timeout(std::time::Duration::from_secs(10))?;
            db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        })?;
        if version > STORE_VERSION {
            bail!(
                "{}: version {version}, expected at most {STORE_VERSION}: a newer Vesalius wrote it; {REMEDY}",
                store.path.display()
            );
        }
        // Pages are read when they are asked for: without this a damaged one would turn up in the middle of the work, or
        // its numbers would be believed.
        let (found, sealed): (String, bool) = store.ask(|db| {
            db.prepare(&format!("SELECT {COLUMNS} FROM task"))?;
            let found = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            Ok((found, row::are_sealed(db)?))
        })?;
        store.sealed = sealed;
        let of_version = if sealed { STORE_VERSION } else { UNSEALED_VERSION };
        if version != of_version || found != "ok" {
            // Below a heading of SQLite's.
            let found = found.lines().find(|line| !line.starts_with("***")).unwrap_or(&found);
            bail!("{}: damaged ({found}, version {version}); {REMEDY}", store.path.display());
        }
        if sealed && let Some(key) = store.ask(row::first_changed)? {
            let key = escape::terminal(&key);
            bail!(
                "{}: damaged: the row of task {key:.16} differs from what was written (SHA-256), expected it unchanged; \
                 {REMEDY}",
                store.path.display()
            );
        }
        // A result is on the disk before the coordinator goes on; the log is not, and can be lost: the folders know.
        store.ask(|db| db.pragma_update(None, "synchronous", "NORMAL"))?;
        Ok(store)
    }

    /// Asks the database; what it cannot say becomes one line that names the file.
    fn ask<T>(&self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        question(&self.db).map_err(|error| explain(&self.path, &error))
    }

    /// Gives the rows of an older version their digests.
    fn seal(&mut self) -> Result<()> {
        let sealed = self.db.transaction().and_then(|transaction| {
            row::seal_all(&transaction)?;
            transaction.pragma_update(None, "user_version", STORE_VERSION)?;
            transaction.commit()
        });
        sealed.map_err(|error| explain(&self.path, &error))?;
        self.sealed = true;
        Ok(())
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
        let written = self.db.transaction().and_then(|transaction| {
            write(&transaction, stage, key, state)?;
            transaction.commit()
        });
        written.map_err(|error| explain(&self.path, &error))
    }

    /// What is known.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn progress(&self) -> Result<Progress> {
        self.ask(|db| {
            let mut progress = Progress::default();
            let mut query =
                db.prepare("SELECT key, state, diverged, distance, wall_secs, images FROM task")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let key = key(row.get(0)?)?;
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
        })
    }

    /// Why a task was given up, if it was.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn given_up(&self, key: &Key) -> Result<Option<GivenUp>> {
        self.ask(|db| {
            let mut query = db.prepare_cached(
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
        })
    }

    /// Compares the store with the folders: what is in the store has to lie there unchanged.
    ///
    /// # Errors
    /// The first result that is missing or differs.
    pub fn verify(&self) -> Result<()> {
        let finished: Vec<(String, String, String)> = self.ask(|db| {
            let mut query =
                db.prepare("SELECT key, stage, result_sha256 FROM task WHERE state = 'finished'")?;
            let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect()
        })?;
        for (key, name, sha256) in finished {
            let stage = Stage::ALL.into_iter().find(|stage| stage.name() == name);
            let stage = stage.with_context(|| {
                format!("{}: stage {name}, expected a known one; {REMEDY}", self.path.display())
            })?;
            let key = self.ask(|_| self::key(key))?;
            let folder = TaskDir::of(&self.out, stage, &key);
            let path = folder.path().join("result.json");
            let wrong = match digest::of_file(&path) {
                Ok(found) if found == sha256 => continue,
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
}

/// What helps against a store that cannot be used.
const REMEDY: &str = "`study reindex` makes it again from the folders of the tasks";

/// What is known of a task, in tables of all versions.
const COLUMNS: &str =
    "key, stage, state, result_sha256, diverged, distance, wall_secs, images, reason, output";

/// Where the store of a study's folder lies.
fn path_in(out: &Path) -> PathBuf {
    out.join("store.sqlite")
}

/// SQLite's errors name no file. What is not a matter of waiting, room or permission is damage.
fn explain(path: &Path, error: &rusqlite::Error) -> anyhow::Error {
    let what = error.to_string().replace('\n', " ");
    let passing = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory
                | ErrorCode::SystemIoFailure
        )
    );
    if passing {
        anyhow::anyhow!("{}: {what}", path.display())
    } else {
        anyhow::anyhow!("{}: {what}; expected a whole index: {REMEDY}", path.display())
    }
}

/// A key of the table; another text would be the name of any folder.
fn key(text: String) -> rusqlite::Result<Key> {
    Key::try_from(text).map_err(|wrong| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, wrong.into())
    })
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
    }?;
    row::seal(db, key)
}

#[cfg(test)]
mod tests;
