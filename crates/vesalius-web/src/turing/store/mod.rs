//! The file of a Turing test, `turing.sqlite`: what it is about, readers, pictures, who sees which, answers.
//!
//! An answer counts as saved when its transaction is on the disk (WAL, `synchronous = FULL`), and only then is the
//! reader
//! told. Readers and pictures never change after `create`. Digests of all of it lie in the same file (`seal`) and are
//! compared
//! whenever it is opened, and again when answers and pictures are read.

mod fill;
mod private;
mod reading;
mod results;
mod seal;
#[cfg(test)]
mod tests;
mod texts;
mod wal;

pub use reading::{Answer, Given, Item, Saved, Submitted};
pub use results::{Judged, Reader};

use super::create::LINKS;
use super::token::{self, TokenDigest};
use super::{Kind, Rating};
use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, OpenFlags, Transaction};
use seal::Part;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::Input;

/// Version of the tables.
pub const TURING_VERSION: i64 = 2;
/// Of those without digests, which are still opened.
const UNSEALED_VERSION: i64 = 1;
/// Name of the file in a test's folder.
pub const FILE: &str = "turing.sqlite";

/// What a test is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// What readers see on top.
    pub title: String,
    /// Name of the dataset.
    pub dataset: String,
    /// Row of a table that the synthetic images belong to; readers never see it.
    pub gan: Option<RowId>,
    /// Readers may lay the masks over the images.
    pub overlay: bool,
    /// Names of the label values.
    pub classes: Vec<String>,
    /// Planes of each image, which readers go through; 1: images are slices.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub planes: usize,
    /// Images between two pauses.
    pub pause_every: usize,
    /// Of the draw.
    pub seed: u64,
    /// Images of each reader that all see.
    pub common: usize,
    /// The packs.
    pub inputs: Vec<Input>,
    /// The command line that made it.
    pub command: String,
    /// What protocols have to say of the packs besides, with `; ` before it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remark: String,
    /// What `--allow-overlap` let pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlap: Vec<String>,
    /// What links begin with: a server answers to the name in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_one(planes: &usize) -> bool {
    *planes == 1
}

/// A picture to be stored.
#[derive(Debug)]
pub struct Picture {
    /// Real or synthetic.
    pub kind: Kind,
    /// Number of the slice or volume in its pack.
    pub slice: usize,
    /// See [`super::picture::png`].
    pub png: Vec<u8>,
    /// See [`super::picture::mask_png`].
    pub mask: Vec<u8>,
}

/// An open test.
#[derive(Debug)]
pub struct Turing {
    path: PathBuf,
    about: About,
    notes: Vec<String>,
    /// Digests are kept of everything ([`seal`]).
    sealed: bool,
    /// Rows of the readers, and the digests of their tokens in the same order.
    readers: (Vec<i64>, Vec<TokenDigest>),
    writer: Mutex<Connection>,
    /// Idle connections to read with: one per request at work.
    idle: Mutex<Vec<Connection>>,
}

impl Turing {
    /// Opens a test's folder, after everything in it was found as it was saved.
    ///
    /// # Errors
    /// When there is none, it is of another version, damaged, or cannot be written.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        if !path.exists() {
            bail!(
                "{}: not there; expected a test that `vesalius turing create` made",
                path.display()
            );
        }
        let log = wal::beside(&path);
        let mut notes: Vec<String> = [&path, &log, &folder.join(LINKS)]
            .iter()
            .filter_map(|path| private::tighten(path))
            .collect();
        notes.extend(wal::check(&path)?);
        let open = || -> Result<Self> {
            let writer = connect(&path)?;
            let sealed = whole(&writer)?;
            if !sealed {
                notes.push(format!(
                    "{}: made before tests kept digests: that answers and pictures are unchanged cannot be checked",
                    path.display()
                ));
            }
            writer.pragma_update(None, "journal_mode", "WAL")?;
            // The default, said aloud: an acknowledged answer survives a power cut.
            writer.pragma_update(None, "synchronous", "FULL")?;
            writer.pragma_update(None, "foreign_keys", true)?;
            let about = texts::about(&writer)?;
            texts::check(&writer)?;
            let mut query = writer.prepare("SELECT id, token_sha256 FROM reader ORDER BY id")?;
            let readers = query
                .query_map([], |row| Ok((row.get(0)?, TokenDigest(row.get(1)?))))?
                .collect::<rusqlite::Result<Vec<(i64, TokenDigest)>>>()?
                .into_iter()
                .unzip();
            drop(query);
            let (path, idle) = (path.clone(), Mutex::default());
            Ok(Self { path, about, notes, sealed, readers, writer: Mutex::new(writer), idle })
        };
        open().with_context(|| format!("{}: cannot be opened", path.display()))
    }

    /// Remarks of its opening, for the owner.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What it is about.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The reader whose token this is. Every token is compared, in constant time.
    pub fn reader_of(&self, token: &str) -> Option<i64> {
        let (rows, digests) = &self.readers;
        token::find(token, digests).map(|place| rows[place])
    }

    /// Whether a part is as it was saved, where that is known.
    fn check(&self, db: &Connection, part: Part) -> Result<()> {
        if self.sealed { seal::check(db, part) } else { Ok(()) }
    }

    /// Asks of one moment: what others write meanwhile is not seen.
    fn read<T>(&self, ask: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = locked(&self.idle).pop();
        let answer = || -> Result<T> {
            let db = idle.map_or_else(|| connect(&self.path), Ok)?;
            let view = db.unchecked_transaction()?;
            let found = ask(&view)?;
            view.finish()?;
            locked(&self.idle).push(db);
            Ok(found)
        };
        answer().with_context(|| format!("{}: cannot be read", self.path.display()))
    }

    fn write<T>(&self, change: impl FnOnce(&Transaction) -> Result<T>) -> Result<T> {
        let mut db = locked(&self.writer);
        let write = || -> Result<T> {
            let transaction =
                db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let outcome = change(&transaction)?;
            transaction.commit()?;
            Ok(outcome)
        };
        write().with_context(|| format!("{}: cannot be written", self.path.display()))
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // SQLite would wait for a pipe.
    vesalius_data::files::read::check(path)?;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(5))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if ![UNSEALED_VERSION, TURING_VERSION].contains(&version) {
        bail!("version {version}, expected {UNSEALED_VERSION} or {TURING_VERSION}");
    }
    Ok(db)
}

/// Whether digests are kept, and all match.
///
/// # Errors
/// When the file is damaged.
fn whole(db: &Connection) -> Result<bool> {
    let view = db.unchecked_transaction()?;
    let said: String = view.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        // SQLite's words may be of several lines.
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        bail!("damaged ({said}); expected it as it was saved: go back to a copy of the folder");
    }
    if view.prepare("PRAGMA foreign_key_check")?.exists([])? {
        bail!(
            "damaged (rows are missing); expected it as it was saved: go back to a copy of the folder"
        );
    }
    let version: i64 = view.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let sealed = view.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'seal'")?.exists([])?;
    if sealed != (version == TURING_VERSION) {
        bail!(
            "damaged (its version is not that of its tables); expected it as it was saved: go back to a copy of the folder"
        );
    }
    if sealed {
        seal::check_all(&view)?;
    }
    view.finish()?;
    Ok(sealed)
}

fn kind(row: &rusqlite::Row, at: usize) -> rusqlite::Result<Kind> {
    let name = row.get_ref(at)?.as_str()?;
    Kind::named(name).ok_or(rusqlite::Error::InvalidQuery)
}

/// Verdict and confidence in two columns from `at` on.
fn rating(row: &rusqlite::Row, at: usize) -> rusqlite::Result<Rating> {
    let rating = Rating { verdict: kind(row, at)?, confidence: row.get(at + 1)? };
    if rating.is_valid() { Ok(rating) } else { Err(rusqlite::Error::InvalidQuery) }
}

/// A panic elsewhere leaves connections as they were: an open transaction is rolled back when it is dropped.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
