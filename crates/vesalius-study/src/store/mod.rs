//! The store: what is known of every task, in SQLite. Only the coordinator writes, one transaction per result; the task
//! folders are the truth, and [`Store::reindex`] makes the store from them, whatever became of the old one.

mod rebuild;
mod rows;
mod seal;

use crate::plan::{Finished, Progress};
use crate::task::{Key, Stage};
use crate::task_dir::{Failure, TaskDir};
use anyhow::{Context as _, Result, bail};
pub use rebuild::Reindexed;
pub use rows::{GivenUp, MAX_FAILURES, MAX_STOPS, STORE_VERSION};
use rows::{State, UNSEALED_VERSION, key, path_in, state, write};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use seal::COLUMNS;
use std::path::{Path, PathBuf};
use vesalius_data::files::digest;
use vesalius_data::text::escape;

/// An open store.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    out: PathBuf,
    db: Connection,
    /// Its rows have digests.
    sealed: bool,
}

impl Store {
    /// Opens the store of a study's folder, and makes one where there is none. For whoever holds the folder's lock.
    ///
    /// # Errors
    /// When it is of a newer version, damaged, or cannot be written: one line that names it.
    pub fn open(out: &Path) -> Result<Self> {
        vesalius_data::files::publish::create_folders(out)?;
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

    /// Makes the store of a study's folder again from the folders of its tasks, whatever lies in its place: an index
    /// that
    /// cannot be used is set aside. For whoever holds the folder's lock.
    ///
    /// # Errors
    /// When the folders cannot be listed, or the store cannot be written or is in use; the old one stays then.
    pub fn reindex(out: &Path) -> Result<Reindexed> {
        vesalius_data::files::publish::create_folders(out)?;
        if path_in(out).symlink_metadata().is_err() {
            rebuild::empty(out)?;
        }
        match Self::open_to_read(out) {
            // In place, in one transaction: whoever looks at it sees the old one or the new one.
            Ok(Some(mut store)) => {
                if !store.sealed {
                    store.seal()?;
                }
                rebuild::fill(&store.db, out)
            }
            Ok(None) => rebuild::replace(out, "gone".to_owned()),
            Err(error) => rebuild::replace(out, format!("{error:#}")),
        }
    }

    /// A store that is there, whole, and has the tables of this version, or those without digests.
    fn connect(out: &Path) -> Result<Self> {
        let path = path_in(out);
        // SQLite would wait for a pipe.
        vesalius_data::files::read::check(&path).with_context(|| {
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
        // Pages are read when they are asked for: without this a damaged one would turn up in the middle of the work,
        // or
        // its numbers would be believed.
        let (found, sealed): (String, bool) = store.ask(|db| {
            db.prepare(&format!("SELECT {COLUMNS} FROM task"))?;
            let found = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            Ok((found, seal::are_sealed(db)?))
        })?;
        store.sealed = sealed;
        let of_version = if sealed { STORE_VERSION } else { UNSEALED_VERSION };
        if version != of_version || found != "ok" {
            // Below a heading of SQLite's.
            let found = found.lines().find(|line| !line.starts_with("***")).unwrap_or(&found);
            bail!("{}: damaged ({found}, version {version}); {REMEDY}", store.path.display());
        }
        if sealed && let Some(key) = store.ask(seal::first_changed)? {
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
            seal::seal_all(&transaction)?;
            transaction.pragma_update(None, "user_version", STORE_VERSION)?;
            transaction.commit()
        });
        sealed.map_err(|error| explain(&self.path, &error))?;
        self.sealed = true;
        Ok(())
    }

    /// Takes up what a task's folder says now: its result, else that it was cancelled or failed too often, else
    /// nothing.
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
            let mut query = db.prepare(
                "SELECT key, state, diverged, distance, wall_secs, images, stage FROM task",
            )?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let key = key(row.get(0)?)?;
                if row.get_ref(1)?.as_str()? == "finished" {
                    let is_segmenter = row.get_ref(6)?.as_str()? == Stage::Segment.name();
                    let chosen_by: Option<f64> = row.get(3)?;
                    let finished = Finished {
                        diverged: row.get(2)?,
                        distance: chosen_by.filter(|_| !is_segmenter),
                        validation: chosen_by.filter(|_| is_segmenter),
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
            let stage = Stage::ALL.iter().copied().find(|stage| stage.name() == name);
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

#[cfg(test)]
mod tests;
