//! How the file of a test is made: tables, and what never changes in them.

use super::seal::{self, Part};
use super::{About, FILE, Picture, TURING_VERSION, Turing, private};
use crate::turing::token::{self, TokenDigest};
use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};
use std::path::Path;
use vesalius_data::text::strings;

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
        viewed_ms INTEGER NOT NULL, saved_ms INTEGER NOT NULL);
    CREATE TABLE seal (what TEXT PRIMARY KEY, sha256 BLOB NOT NULL);";

impl Turing {
    /// Makes the file in a folder, for its owner alone: readers (name, digest of the token), pictures, and which
    /// pictures
    /// (places in `pictures`) each reader sees in which order.
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
            private::create(&path)?;
            let mut db = Connection::open(&path)?;
            db.execute_batch(TABLES)?;
            db.pragma_update(None, "user_version", TURING_VERSION)?;
            let change = db.transaction()?;
            fill(&change, about, readers, pictures, sessions)?;
            change.commit()?;
            db.close().map_err(|(_, error)| error)?;
            Ok(())
        };
        fill().with_context(|| format!("{}: cannot be written", path.display()))
    }
}

fn fill(
    db: &Connection,
    about: &About,
    readers: &[(String, TokenDigest)],
    pictures: &[Picture],
    sessions: &[Vec<usize>],
) -> Result<()> {
    // Paths in remarks: what is written has to pass when it is opened.
    let mut json = serde_json::to_value(about)?;
    strings::printable(&mut json);
    db.execute("INSERT INTO about VALUES (?1)", [json.to_string()])?;
    for (i, (name, token)) in readers.iter().enumerate() {
        let row = i as i64 + 1;
        db.execute(
            "INSERT INTO reader VALUES (?1, ?2, ?3, NULL)",
            params![row, name, token.0.as_slice()],
        )?;
        seal::set(db, Part::Reader(row))?;
    }
    for (i, picture) in pictures.iter().enumerate() {
        let (row, kind, slice) = (i as i64 + 1, picture.kind.name(), picture.slice as i64);
        db.execute(
            "INSERT INTO picture VALUES (?1, ?2, ?3, ?4, ?5)",
            params![row, kind, slice, picture.png, picture.mask],
        )?;
        seal::set(db, Part::Picture(row))?;
    }
    for (reader, session) in sessions.iter().enumerate() {
        for (place, &picture) in session.iter().enumerate() {
            let (name, reader) = (token::opaque_name(), reader as i64 + 1);
            db.execute(
                "INSERT INTO item (name, reader, place, picture) VALUES (?1, ?2, ?3, ?4)",
                params![name, reader, place as i64, picture as i64 + 1],
            )?;
        }
    }
    seal::set(db, Part::Test)
}
