//! The file of a Turing test, `turing.sqlite`: what it is about, readers, pictures, who sees which, answers.
//!
//! An answer counts as saved when its transaction is on the disk (WAL, `synchronous = FULL`), and only then is the reader
//! told. Readers and pictures never change after `create`.

mod reading;
mod results;

pub use reading::{Answer, Given, Item, Saved, Submitted};
pub use results::{Judged, Reader};

use super::token::{self, TokenDigest};
use super::{Kind, Rating};
use crate::run_dir::Input;
use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, OpenFlags, Transaction, params};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Version of the tables.
pub const TURING_VERSION: i64 = 1;
/// Name of the file in a test's folder.
pub const FILE: &str = "turing.sqlite";

const TABLES: &str = "
    CREATE TABLE about (json TEXT NOT NULL);
    CREATE TABLE reader (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, token_sha256 BLOB NOT NULL UNIQUE, submitted_ms INTEGER);
    CREATE TABLE picture (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('real', 'synthetic')), slice INTEGER NOT NULL,
        png BLOB NOT NULL, mask BLOB NOT NULL);
    CREATE TABLE item (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, reader INTEGER NOT NULL REFERENCES reader,
        place INTEGER NOT NULL, picture INTEGER NOT NULL REFERENCES picture, UNIQUE (reader, place));
    CREATE TABLE answer (
        item INTEGER PRIMARY KEY REFERENCES item, revision INTEGER NOT NULL,
        verdict TEXT NOT NULL CHECK (verdict IN ('real', 'synthetic')),
        confidence INTEGER NOT NULL CHECK (confidence BETWEEN 1 AND 5),
        viewed_ms INTEGER NOT NULL, saved_ms INTEGER NOT NULL);";

/// What a test is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// What readers see on top.
    pub title: String,
    /// Name of the dataset.
    pub dataset: String,
    /// Row of a table that the synthetic images belong to; readers never see it.
    pub gan: Option<String>,
    /// Readers may lay the masks over the images.
    pub overlay: bool,
    /// Names of the label values.
    pub classes: Vec<String>,
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
}

/// A picture to be stored.
#[derive(Debug)]
pub struct Picture {
    /// Real or synthetic.
    pub kind: Kind,
    /// Number of the slice in its pack.
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
    /// Rows of the readers, and the digests of their tokens in the same order.
    readers: (Vec<i64>, Vec<TokenDigest>),
    writer: Mutex<Connection>,
    /// Idle connections to read with: one per request at work.
    idle: Mutex<Vec<Connection>>,
}

impl Turing {
    /// Makes the file in a folder: readers (name, digest of the token), pictures, and which pictures (places in `pictures`)
    /// each reader sees in which order.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(
        folder: &Path,
        about: &About,
        readers: &[(String, TokenDigest)],
        pictures: &[Picture],
        sessions: &[Vec<usize>],
    ) -> Result<()> {
        let path = folder.join(FILE);
        let fill = || -> Result<()> {
            let mut db = Connection::open(&path)?;
            db.execute_batch(TABLES)?;
            db.pragma_update(None, "user_version", TURING_VERSION)?;
            let change = db.transaction()?;
            change.execute("INSERT INTO about VALUES (?1)", [serde_json::to_string(about)?])?;
            for (i, (name, token)) in readers.iter().enumerate() {
                change.execute(
                    "INSERT INTO reader VALUES (?1, ?2, ?3, NULL)",
                    params![i as i64 + 1, name, token.0.as_slice()],
                )?;
            }
            for (i, picture) in pictures.iter().enumerate() {
                change.execute(
                    "INSERT INTO picture VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        i as i64 + 1,
                        picture.kind.name(),
                        picture.slice as i64,
                        picture.png,
                        picture.mask
                    ],
                )?;
            }
            for (reader, session) in sessions.iter().enumerate() {
                for (place, &picture) in session.iter().enumerate() {
                    change.execute(
                        "INSERT INTO item (name, reader, place, picture) VALUES (?1, ?2, ?3, ?4)",
                        params![
                            token::opaque_name(),
                            reader as i64 + 1,
                            place as i64,
                            picture as i64 + 1
                        ],
                    )?;
                }
            }
            change.commit()?;
            db.close().map_err(|(_, error)| error)?;
            Ok(())
        };
        fill().with_context(|| format!("{}: cannot be written", path.display()))
    }

    /// Opens a test's folder to serve it.
    ///
    /// # Errors
    /// When there is none, it is of another version, damaged, or cannot be written.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let open = || -> Result<Self> {
            let writer = connect(&path)?;
            writer.pragma_update(None, "journal_mode", "WAL")?;
            // The default, said aloud: an acknowledged answer survives a power cut.
            writer.pragma_update(None, "synchronous", "FULL")?;
            writer.pragma_update(None, "foreign_keys", true)?;
            let text: String = writer.query_row("SELECT json FROM about", [], |row| row.get(0))?;
            let about = serde_json::from_str(&text)?;
            let mut query = writer.prepare("SELECT id, token_sha256 FROM reader ORDER BY id")?;
            let readers = query
                .query_map([], |row| Ok((row.get(0)?, TokenDigest(row.get(1)?))))?
                .collect::<rusqlite::Result<Vec<(i64, TokenDigest)>>>()?
                .into_iter()
                .unzip();
            drop(query);
            let (path, idle) = (path.clone(), Mutex::default());
            Ok(Self { path, about, readers, writer: Mutex::new(writer), idle })
        };
        if !path.exists() {
            bail!(
                "{}: not there; expected a test that `vesalius turing create` made",
                path.display()
            );
        }
        open().with_context(|| format!("{}: cannot be opened", path.display()))
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

    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let idle = locked(&self.idle).pop();
        let answer = || -> Result<T> {
            let db = idle.map_or_else(|| connect(&self.path), Ok)?;
            let found = ask(&db)?;
            locked(&self.idle).push(db);
            Ok(found)
        };
        answer().with_context(|| format!("{}: cannot be read", self.path.display()))
    }

    fn write<T>(&self, change: impl FnOnce(&Transaction) -> rusqlite::Result<T>) -> Result<T> {
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
    crate::read::check(path)?;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(5))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != TURING_VERSION {
        bail!("version {version}, expected {TURING_VERSION}");
    }
    Ok(db)
}

fn kind(row: &rusqlite::Row, at: usize) -> rusqlite::Result<Kind> {
    let name = row.get_ref(at)?.as_str()?;
    Kind::named(name).ok_or(rusqlite::Error::InvalidQuery)
}

/// Verdict and confidence in two columns from `at` on.
fn rating(row: &rusqlite::Row, at: usize) -> rusqlite::Result<Rating> {
    Ok(Rating { verdict: kind(row, at)?, confidence: row.get(at + 1)? })
}

/// A panic elsewhere leaves connections as they were: an open transaction is rolled back when it is dropped.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
