//! What the owner gets of a test: how far readers are, their answers, pictures.

use super::seal::Part;
use super::{Turing, kind, rating};
use crate::turing::{Kind, Rating};
use anyhow::Result;
use serde::Serialize;

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

impl Turing {
    /// All readers, with how far they are.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn readers(&self) -> Result<Vec<Reader>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT reader.id, reader.name, count(item.id), count(answer.item), submitted_ms IS NOT NULL
                 FROM reader LEFT JOIN item ON item.reader = reader.id LEFT JOIN answer ON answer.item = item.id
                 GROUP BY reader.id ORDER BY reader.id",
            )?;
            let readers = query.query_map([], |row| {
                Ok(Reader {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    images: row.get::<_, i64>(2)? as usize,
                    answered: row.get::<_, i64>(3)? as usize,
                    submitted: row.get(4)?,
                })
            })?;
            Ok(readers.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A reader's answers, in the order of the images.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn judged(&self, reader: i64) -> Result<Vec<Judged>> {
        self.read(|db| {
            self.check(db, Part::Reader(reader))?;
            let mut query = db.prepare_cached(
                "SELECT picture.id, kind, slice, place, verdict, confidence, viewed_ms FROM answer
                 JOIN item ON item.id = answer.item JOIN picture ON picture.id = item.picture
                 WHERE reader = ?1 ORDER BY place",
            )?;
            let judged = query.query_map([reader], |row| {
                Ok(Judged {
                    picture: row.get(0)?,
                    kind: kind(row, 1)?,
                    slice: row.get::<_, i64>(2)? as usize,
                    place: row.get::<_, i64>(3)? as usize,
                    rating: rating(row, 4)?,
                    viewed_ms: row.get(6)?,
                })
            })?;
            Ok(judged.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// PNG files of a picture and its mask.
    ///
    /// # Errors
    /// When there is none, or the file cannot be read.
    pub fn by_row(&self, picture: i64) -> Result<(Vec<u8>, Vec<u8>)> {
        self.read(|db| {
            self.check(db, Part::Picture(picture))?;
            let mut query = db.prepare_cached("SELECT png, mask FROM picture WHERE id = ?1")?;
            Ok(query.query_row([picture], |row| Ok((row.get(0)?, row.get(1)?)))?)
        })
    }
}
