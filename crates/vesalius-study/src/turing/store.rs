//! The file of a Turing test, `turing.sqlite`: what it is about, readers, pictures, who sees which, answers.
//!
//! An answer counts as saved when its transaction is on the disk (WAL, `synchronous = FULL`), and only then is the reader
//! told. Readers and pictures never change after `create`.

use super::token::{self, TokenDigest};
use super::{Kind, Rating};
use crate::run_dir::Input;
use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// One image of a reader's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Opaque.
    pub name: String,
    /// Where there is one.
    pub answer: Option<Answer>,
}

/// An answer as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// How often it was given or changed, from 1.
    pub revision: u32,
    /// What was answered.
    #[serde(flatten)]
    pub rating: Rating,
}

/// An answer to be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Name of the image.
    pub image: String,
    /// Revision of the answer that this one replaces; 0 for none. A copy of an old request is refused by it.
    pub revision: u32,
    /// `real` or `synthetic`.
    pub verdict: Kind,
    /// 1 to 5.
    pub confidence: u8,
    /// How long the image was looked at, milliseconds.
    pub viewed_ms: u32,
}

impl Given {
    /// What was answered.
    pub fn rating(&self) -> Rating {
        Rating { verdict: self.verdict, confidence: self.confidence }
    }
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is on the disk.
    Yes(Answer),
    /// The reader has no such image.
    NoSuchImage,
    /// It was changed meanwhile, in another tab perhaps: what is stored.
    Stale(Option<Answer>),
    /// The session was submitted: nothing changes any more.
    Closed,
}

/// What became of a session's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// It is on the disk.
    Yes,
    /// So many images have no answer.
    Missing(usize),
    /// It was submitted before.
    Before,
}

/// A reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reader {
    /// Row of the table.
    #[serde(skip)]
    pub id: i64,
    /// What the owner calls them.
    pub name: String,
    /// Images.
    pub images: usize,
    /// Images with an answer.
    pub answered: usize,
    /// Whether it is over.
    pub submitted: bool,
}

/// An answer with what the image was: for scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Row of the picture: the same for every reader who saw it.
    pub picture: i64,
    /// What it is.
    pub kind: Kind,
    /// Number of the slice in its pack.
    pub slice: usize,
    /// Place in the reader's order, from 0.
    pub place: usize,
    /// What was answered.
    pub rating: Rating,
    /// How long it was looked at before the first answer, milliseconds.
    pub viewed_ms: u32,
}

/// An open test.
#[derive(Debug)]
pub struct Turing {
    path: PathBuf,
    about: About,
    readers: Vec<(i64, TokenDigest)>,
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
                .collect::<rusqlite::Result<_>>()?;
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
        let digests: Vec<TokenDigest> = self.readers.iter().map(|(_, digest)| *digest).collect();
        token::find(token, &digests).map(|place| self.readers[place].0)
    }

    /// A reader's images in order, and whether the session is over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn session(&self, reader: i64) -> Result<(Vec<Item>, bool)> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT item.name, revision, verdict, confidence FROM item LEFT JOIN answer ON answer.item = item.id
                 WHERE reader = ?1 ORDER BY place",
            )?;
            let items = query
                .query_map([reader], |row| {
                    let answer = match row.get::<_, Option<u32>>(1)? {
                        Some(revision) => Some(Answer { revision, rating: rating(row, 2)? }),
                        None => None,
                    };
                    Ok(Item { name: row.get(0)?, answer })
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok((items, submitted(db, reader)?))
        })
    }

    /// PNG of a reader's image, or of its mask; none where the reader has no such image.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn picture(&self, reader: i64, name: &str, mask: bool) -> Result<Option<Vec<u8>>> {
        let column = if mask { "mask" } else { "png" };
        self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {column} FROM item JOIN picture ON picture.id = item.picture WHERE name = ?1 AND reader = ?2"
            ))?
            .query_row(params![name, reader], |row| row.get(0))
            .optional()
        })
    }

    /// Saves an answer: when this returns `Yes`, it is on the disk. The same request again gives the same answer.
    ///
    /// # Errors
    /// When the file cannot be written; nothing has changed then.
    ///
    /// # Panics
    /// When the confidence is not 1 to 5.
    pub fn answer(&self, reader: i64, given: &Given) -> Result<Saved> {
        let new = given.rating();
        assert!(new.is_valid(), "confidence {}", given.confidence);
        self.write(|change| {
            let item: Option<i64> = change
                .prepare_cached("SELECT id FROM item WHERE name = ?1 AND reader = ?2")?
                .query_row(params![given.image, reader], |row| row.get(0))
                .optional()?;
            let Some(item) = item else { return Ok(Saved::NoSuchImage) };
            if submitted(change, reader)? {
                return Ok(Saved::Closed);
            }
            let stored: Option<Answer> = change
                .prepare_cached("SELECT revision, verdict, confidence FROM answer WHERE item = ?1")?
                .query_row([item], |row| {
                    Ok(Answer { revision: row.get(0)?, rating: rating(row, 1)? })
                })
                .optional()?;
            let revision = stored.map_or(0, |answer| answer.revision);
            if let Some(stored) = stored
                && stored.rating == new
                && given.revision + 1 == revision
            {
                // The reader did not hear of it the first time.
                return Ok(Saved::Yes(stored));
            }
            if given.revision != revision {
                return Ok(Saved::Stale(stored));
            }
            // The time of the first answer stays: what a change of mind took is another matter.
            change
                .prepare_cached(
                    "INSERT INTO answer VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (item) DO UPDATE SET
                     revision = ?2, verdict = ?3, confidence = ?4, saved_ms = ?6",
                )?
                .execute(params![
                    item,
                    revision + 1,
                    new.verdict.name(),
                    new.confidence,
                    given.viewed_ms,
                    now_ms()
                ])?;
            Ok(Saved::Yes(Answer { revision: revision + 1, rating: new }))
        })
    }

    /// Ends a session, if every image has an answer.
    ///
    /// # Errors
    /// When the file cannot be written; nothing has changed then.
    pub fn submit(&self, reader: i64) -> Result<Submitted> {
        self.write(|change| {
            if submitted(change, reader)? {
                return Ok(Submitted::Before);
            }
            let missing: i64 = change.query_row(
                "SELECT count(*) FROM item LEFT JOIN answer ON answer.item = item.id
                 WHERE reader = ?1 AND answer.item IS NULL",
                [reader],
                |row| row.get(0),
            )?;
            if missing > 0 {
                return Ok(Submitted::Missing(missing as usize));
            }
            let set = "UPDATE reader SET submitted_ms = ?1 WHERE id = ?2";
            change.execute(set, params![now_ms(), reader])?;
            Ok(Submitted::Yes)
        })
    }

    /// All readers, with how far they are.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn readers(&self) -> Result<Vec<Reader>> {
        self.read(|db| {
            db.prepare_cached(
                "SELECT reader.id, reader.name, count(item.id), count(answer.item), submitted_ms IS NOT NULL
                 FROM reader LEFT JOIN item ON item.reader = reader.id LEFT JOIN answer ON answer.item = item.id
                 GROUP BY reader.id ORDER BY reader.id",
            )?
            .query_map([], |row| {
                Ok(Reader {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    images: row.get::<_, i64>(2)? as usize,
                    answered: row.get::<_, i64>(3)? as usize,
                    submitted: row.get(4)?,
                })
            })?
            .collect()
        })
    }

    /// A reader's answers, in the order of the images.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn judged(&self, reader: i64) -> Result<Vec<Judged>> {
        self.read(|db| {
            db.prepare_cached(
                "SELECT picture.id, kind, slice, place, verdict, confidence, viewed_ms FROM answer
                 JOIN item ON item.id = answer.item JOIN picture ON picture.id = item.picture
                 WHERE reader = ?1 ORDER BY place",
            )?
            .query_map([reader], |row| {
                Ok(Judged {
                    picture: row.get(0)?,
                    kind: kind(row, 1)?,
                    slice: row.get::<_, i64>(2)? as usize,
                    place: row.get::<_, i64>(3)? as usize,
                    rating: rating(row, 4)?,
                    viewed_ms: row.get(6)?,
                })
            })?
            .collect()
        })
    }

    /// PNG files of a picture and its mask.
    ///
    /// # Errors
    /// When there is none, or the file cannot be read.
    pub fn by_row(&self, picture: i64) -> Result<(Vec<u8>, Vec<u8>)> {
        self.read(|db| {
            db.prepare_cached("SELECT png, mask FROM picture WHERE id = ?1")?
                .query_row([picture], |row| Ok((row.get(0)?, row.get(1)?)))
        })
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
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(5))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != TURING_VERSION {
        bail!("version {version}, expected {TURING_VERSION}");
    }
    Ok(db)
}

fn submitted(db: &Connection, reader: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT submitted_ms IS NOT NULL FROM reader WHERE id = ?1")?
        .query_row([reader], |row| row.get(0))
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

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
