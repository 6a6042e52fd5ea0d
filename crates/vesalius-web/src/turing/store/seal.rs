//! Digests of everything that a score stands on, in the table `seal` beside it. SQLite finds damage to the structure of
//! its
//! file, not a changed byte inside a value: an answer turned from real to synthetic would be counted as it stands.
//!
//! A digest is of the values of a part, as queries give them. What never changes is sealed once, by `create`; a
//! reader's
//! answers are sealed in the transaction that changes them, after their old seal was found whole: damage is never
//! sealed as
//! if it had been meant.

use anyhow::{Context as _, Result, bail};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

/// What one digest is of.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// What the test is about, who reads it, and who sees what; names all pictures.
    Test,
    /// A picture with its mask and what it is, by row.
    Picture(i64),
    /// A reader's answers and end, by row.
    Reader(i64),
}

const OF_TEST: &[&str] = &[
    "SELECT json FROM about",
    "SELECT id, name, token_sha256 FROM reader ORDER BY id",
    "SELECT id, name, reader, place, picture FROM item ORDER BY id",
    "SELECT what, sha256 FROM seal WHERE what GLOB 'picture/*' ORDER BY what",
];
const OF_PICTURE: &[&str] = &["SELECT id, kind, slice, png, mask FROM picture WHERE id = ?1"];
const OF_READER: &[&str] = &[
    "SELECT submitted_ms FROM reader WHERE id = ?1",
    "SELECT item, revision, verdict, confidence, viewed_ms, saved_ms FROM answer JOIN item ON item.id = answer.item
     WHERE reader = ?1 ORDER BY item",
];

impl Part {
    fn name(self) -> String {
        match self {
            Self::Test => "test".to_owned(),
            Self::Picture(row) => format!("picture/{row}"),
            Self::Reader(row) => format!("reader/{row}"),
        }
    }

    fn digest(self, db: &Connection) -> rusqlite::Result<[u8; 32]> {
        let (queries, row) = match self {
            Self::Test => (OF_TEST, None),
            Self::Picture(row) => (OF_PICTURE, Some(row)),
            Self::Reader(row) => (OF_READER, Some(row)),
        };
        let mut hasher = Sha256::new();
        for query in queries {
            let mut query = db.prepare_cached(query)?;
            let columns = query.column_count();
            let mut rows = match row {
                Some(row) => query.query([row])?,
                None => query.query([])?,
            };
            while let Some(row) = rows.next()? {
                hasher.update([b'+']);
                for at in 0..columns {
                    value(&mut hasher, row.get_ref(at)?);
                }
            }
            hasher.update([b'.']);
        }
        Ok(hasher.finalize().into())
    }
}

/// A value in a form that no other value has.
fn value(hasher: &mut Sha256, value: ValueRef) {
    let number;
    let (kind, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (b'0', &[]),
        ValueRef::Integer(integer) => {
            number = integer.to_le_bytes();
            (b'i', &number)
        }
        ValueRef::Real(real) => {
            number = real.to_le_bytes();
            (b'r', &number)
        }
        ValueRef::Text(text) => (b't', text),
        ValueRef::Blob(bytes) => (b'b', bytes),
    };
    hasher.update([kind]);
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// Seals a part as it is now.
///
/// # Errors
/// When the file cannot be read or written.
pub fn set(db: &Connection, part: Part) -> Result<()> {
    let digest = part.digest(db)?;
    db.prepare_cached("INSERT OR REPLACE INTO seal VALUES (?1, ?2)")?
        .execute(params![part.name(), digest.as_slice()])?;
    Ok(())
}

/// Whether a part is as it was sealed.
///
/// # Errors
/// When it is not.
pub fn check(db: &Connection, part: Part) -> Result<()> {
    let sealed: Option<Vec<u8>> = db
        .prepare_cached("SELECT sha256 FROM seal WHERE what = ?1")?
        .query_row([part.name()], |row| row.get(0))
        .optional()?;
    if sealed.as_deref() == Some(part.digest(db)?.as_slice()) {
        return Ok(());
    }
    match part {
        Part::Test => bail!("damaged: its readers and sessions {ELSE}"),
        Part::Picture(row) => bail!("damaged: picture {row} {ELSE}"),
        Part::Reader(row) => bail!("damaged: the answers of reader {row} {ELSE}"),
    }
}

/// What all damage has in common.
const ELSE: &str = "differ from what was saved (SHA-256); expected them unchanged: go back to a copy of the folder";

/// Checks every part.
///
/// # Errors
/// At the first that is not as it was sealed.
pub fn check_all(db: &Connection) -> Result<()> {
    check(db, Part::Test)?;
    // By the seals, whose names the first one vouches for: a row that is missing is damage, too.
    let rows = |query: &str| -> rusqlite::Result<Vec<i64>> {
        db.prepare(query)?.query_map([], |row| row.get(0))?.collect()
    };
    let pictures = "SELECT CAST(substr(what, 9) AS INTEGER) FROM seal WHERE what GLOB 'picture/*'";
    for row in rows(pictures).context("the pictures' seals")? {
        check(db, Part::Picture(row))?;
    }
    for row in rows("SELECT id FROM reader ORDER BY id").context("the readers")? {
        check(db, Part::Reader(row))?;
    }
    Ok(())
}
