//! The digest of a row, beside it: SQLite finds damage to the structure of its file, not a changed byte inside a value,
//! and
//! a search would go by another distance than was measured.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use vesalius_data::files::digest;

/// What is known of a task, in tables of all versions.
pub(super) const COLUMNS: &str =
    "key, stage, state, result_sha256, diverged, distance, wall_secs, images, reason, output";

/// Whether there are digests: an older version kept none.
pub fn are_sealed(db: &Connection) -> rusqlite::Result<bool> {
    let columns = "SELECT 1 FROM pragma_table_info('task') WHERE name = 'row_sha256'";
    db.prepare(columns)?.exists([])
}

/// Of what a query of [`COLUMNS`] gives.
fn of_row(row: &Row) -> rusqlite::Result<String> {
    let mut all = vec![];
    for at in 0..COLUMNS.split(',').count() {
        let (kind, bytes) = match row.get_ref(at)? {
            ValueRef::Null => (b'0', vec![]),
            ValueRef::Integer(integer) => (b'i', integer.to_le_bytes().to_vec()),
            ValueRef::Real(real) => (b'r', real.to_le_bytes().to_vec()),
            ValueRef::Text(text) => (b't', text.to_vec()),
            ValueRef::Blob(bytes) => (b'b', bytes.to_vec()),
        };
        all.push(kind);
        all.extend((bytes.len() as u64).to_le_bytes());
        all.extend(bytes);
    }
    Ok(digest::of_bytes(&all))
}

/// Seals the row of a task, as it is now.
pub fn seal(db: &Connection, key: &str) -> rusqlite::Result<()> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM task WHERE key = ?1"))?;
    let digest = query.query_row([key], of_row)?;
    let mut put = db.prepare_cached("UPDATE task SET row_sha256 = ?1 WHERE key = ?2")?;
    put.execute(params![digest, key]).map(|_| ())
}

/// The same of all rows of a table without digests.
pub fn seal_all(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch("ALTER TABLE task ADD COLUMN row_sha256 TEXT")?;
    let keys: Vec<String> = db
        .prepare("SELECT key FROM task")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    keys.iter().try_for_each(|key| seal(db, key))
}

/// The key of the first row that is not as it was sealed.
pub fn first_changed(db: &Connection) -> rusqlite::Result<Option<String>> {
    let mut query = db.prepare(&format!("SELECT {COLUMNS}, row_sha256 FROM task"))?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let sealed = row.get_ref(COLUMNS.split(',').count())?;
        if sealed.as_bytes_or_null().ok().flatten() != Some(of_row(row)?.as_bytes()) {
            return row.get(0).map(Some);
        }
    }
    Ok(None)
}
