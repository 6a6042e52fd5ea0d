//! What a reader does: look at images, answer, change an answer, submit.

use super::seal::{self, Part};
use super::{Turing, rating};
use crate::turing::{Kind, Rating};
use anyhow::Result;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

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

impl Turing {
    /// A reader's images in order, and whether the session is over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn session(&self, reader: i64) -> Result<(Vec<Item>, bool)> {
        self.read(|db| {
            self.check(db, Part::Reader(reader))?;
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
            let found = db
                .prepare_cached(&format!(
                    "SELECT picture.id, {column} FROM item JOIN picture ON picture.id = item.picture
                     WHERE name = ?1 AND reader = ?2"
                ))?
                .query_row(params![name, reader], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((row, png)) = found else { return Ok(None) };
            self.check(db, Part::Picture(row))?;
            Ok(Some(png))
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
            self.check(change, Part::Reader(reader))?;
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
            self.seal(change, reader)?;
            Ok(Saved::Yes(Answer { revision: revision + 1, rating: new }))
        })
    }

    /// Ends a session, if every image has an answer.
    ///
    /// # Errors
    /// When the file cannot be written; nothing has changed then.
    pub fn submit(&self, reader: i64) -> Result<Submitted> {
        self.write(|change| {
            self.check(change, Part::Reader(reader))?;
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
            self.seal(change, reader)?;
            Ok(Submitted::Yes)
        })
    }

    /// Seals what a reader has answered, after a change to it.
    fn seal(&self, change: &Connection, reader: i64) -> Result<()> {
        if self.sealed { seal::set(change, Part::Reader(reader)) } else { Ok(()) }
    }
}

fn submitted(db: &Connection, reader: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT submitted_ms IS NOT NULL FROM reader WHERE id = ?1")?
        .query_row([reader], |row| row.get(0))
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
