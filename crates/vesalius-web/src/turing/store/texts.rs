//! Texts of a test's file are data of somebody else's, too: looked at when it is opened, as those of JSON files are.

use super::About;
use anyhow::{Context as _, Result};
use rusqlite::Connection;
use vesalius_data::text::{label, strings};

/// Columns that hold names: of readers, for pages and lines; of images, for addresses.
const NAMES: [(&str, &str); 2] = [("reader", "name"), ("item", "name")];

/// What the test is about, after all its texts were looked at.
///
/// # Errors
/// The column, the field, what was found and what was expected, in one line.
pub fn about(db: &Connection) -> Result<About> {
    let text: String = db
        .query_row("SELECT json FROM about", [], |row| row.get(0))
        .context("column json of table about")?;
    let about = strings::from_json::<About>(text.as_bytes())
        .map_err(anyhow::Error::new)
        .and_then(|about| check_names(&about).map(|()| about));
    about.context("column json of table about")
}

/// What pages, tables and protocols call things by is short.
fn check_names(about: &About) -> Result<()> {
    let check = |what: &'static str, name: &str| label::check(name).context(what);
    check("title", &about.title)?;
    check("dataset", &about.dataset)?;
    about.gan.iter().try_for_each(|gan| check("gan", &gan.to_string()))?;
    about.classes.iter().try_for_each(|class| check("classes", class))?;
    about.inputs.iter().try_for_each(|input| check("inputs.role", &input.role))
}

/// Looks at all names.
///
/// # Errors
/// The column, what was found and what was expected, in one line.
pub fn check(db: &Connection) -> Result<()> {
    for (table, column) in NAMES {
        let look = || -> Result<()> {
            let mut query = db.prepare(&format!("SELECT {column} FROM {table}"))?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                label::check(row.get_ref(0)?.as_str()?)?;
            }
            Ok(())
        };
        look().with_context(|| format!("column {column} of table {table}"))?;
    }
    Ok(())
}
