//! A new index beside the old one, swapped in when it is whole: results lie in the folders of the tasks, so whatever
//! became
//! of the old index, nothing is lost with it.

use super::rows::{STORE_VERSION, State, path_in, state, write};
use crate::task::Task;
use crate::task_dir::TaskDir;
use anyhow::{Context as _, Result, bail};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// What came of it.
#[derive(Debug, Default)]
pub struct Reindexed {
    /// Results that were found.
    pub found: usize,
    /// A line for each folder that is no task.
    pub strange: Vec<String>,
    /// Where the old index lies now, and what was wrong with it; none where it was sound and is replaced.
    pub set_aside: Option<(PathBuf, String)>,
}

/// The suffixes under which SQLite keeps what is not yet in the file itself.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// A store that knows of nothing.
pub(super) fn empty(out: &Path) -> Result<()> {
    let path = path_in(out);
    // Left by an index that is gone: it would be taken for the new one's.
    for suffix in BESIDE {
        remove(&beside(&path, suffix))?;
    }
    New::create(out)?.close()?.publish(&path)
}

/// A new store in the place of one that is wrong, which is set aside.
pub(super) fn replace(out: &Path, wrong: String) -> Result<Reindexed> {
    let path = path_in(out);
    let new = New::create(out)?;
    let mut done = fill(&new.db, out)?;
    let new = new.close()?;
    done.set_aside = Some((set_aside(&path)?, wrong));
    new.publish(&path)?;
    Ok(done)
}

/// A store under a temporary name.
struct New {
    folder: tempfile::TempDir,
    file: PathBuf,
    db: Connection,
}

/// The same, written and closed.
struct Whole {
    _folder: tempfile::TempDir,
    file: PathBuf,
}

impl New {
    fn create(out: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(".tmp-")
            .tempdir_in(out)
            .with_context(|| format!("{}: cannot write here", out.display()))?;
        let file = folder.path().join("store.sqlite");
        let tables = format!(
            "BEGIN;
             CREATE TABLE task (
                 key TEXT PRIMARY KEY, stage TEXT NOT NULL,
                 state TEXT NOT NULL CHECK (state IN ('finished', 'failed', 'cancelled')),
                 result_sha256 TEXT, diverged TEXT, distance REAL, wall_secs REAL, images INTEGER,
                 reason TEXT, output TEXT, row_sha256 TEXT
             ) WITHOUT ROWID;
             PRAGMA user_version = {STORE_VERSION};
             COMMIT;"
        );
        let set_up = || -> rusqlite::Result<Connection> {
            let db = Connection::open(&file)?;
            db.execute_batch(&tables)?;
            Ok(db)
        };
        let db = set_up().with_context(|| format!("{}: cannot be set up", file.display()))?;
        Ok(Self { folder, file, db })
    }

    /// Everything is in the one file, and on the disk.
    fn close(self) -> Result<Whole> {
        let failure = || format!("{}: cannot be written", self.file.display());
        let mode: rusqlite::Result<String> =
            self.db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0));
        mode.with_context(failure)?;
        self.db.close().map_err(|(_, error)| error).with_context(failure)?;
        let file = std::fs::File::open(&self.file);
        file.and_then(|file| file.sync_all()).with_context(failure)?;
        Ok(Whole { _folder: self.folder, file: self.file })
    }
}

impl Whole {
    fn publish(self, path: &Path) -> Result<()> {
        std::fs::rename(&self.file, path)
            .with_context(|| format!("{}: cannot be renamed into place", path.display()))
    }
}

/// Writes what the folders say.
pub(super) fn fill(db: &Connection, out: &Path) -> Result<Reindexed> {
    let mut done = Reindexed::default();
    let failure = || format!("{}: cannot be written", path_in(out).display());
    let transaction = db.unchecked_transaction().with_context(failure)?;
    transaction.execute("DELETE FROM task", []).with_context(failure)?;
    for path in folders(&out.join("tasks"))? {
        let read = Task::read(&path).and_then(|task| Ok((task, state(&TaskDir::at(&path))?)));
        match read {
            Ok((task, state)) => {
                done.found += usize::from(matches!(state, Some(State::Finished { .. })));
                write(&transaction, task.stage, &task.key(), state.as_ref())
                    .with_context(failure)?;
            }
            Err(error) => done.strange.push(format!("{error:#}")),
        }
    }
    transaction.commit().with_context(failure)?;
    Ok(done)
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

/// Renames what lies in the store's place to `store.sqlite.damaged`, `store.sqlite.damaged-2`, …, with what belongs to
/// it.
fn set_aside(path: &Path) -> Result<PathBuf> {
    let name = |i: usize| {
        let number = if i == 1 { String::new() } else { format!("-{i}") };
        beside(path, &format!(".damaged{number}"))
    };
    let free = |aside: &PathBuf| aside.symlink_metadata().is_err();
    let Some(aside) = (1..1000).map(name).find(free) else {
        bail!("{}: a thousand damaged ones beside it, expected room for one more", path.display());
    };
    for suffix in BESIDE {
        let from = beside(path, suffix);
        if from.symlink_metadata().is_ok() {
            rename(&from, &beside(&aside, suffix))?;
        }
    }
    rename(path, &aside)?;
    Ok(aside)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to)
        .with_context(|| format!("{}: cannot be renamed to {}", from.display(), to.display()))
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{}: cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
