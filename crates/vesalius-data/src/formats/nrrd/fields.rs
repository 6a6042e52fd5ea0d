//! The text header: `field: value` and `key:=value`.

use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;

/// What a header says.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// Names in lower case, without the spaces that may stand in them.
    fields: BTreeMap<String, String>,
    /// What programs add, by their own names.
    keys: BTreeMap<String, String>,
}

/// Longest header that is looked for: a text of segments' descriptions.
const LONGEST: usize = 1 << 24;

fn bare(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

impl Fields {
    /// Of a file's bytes, and where its header ends.
    ///
    /// # Errors
    /// A line that is neither, no empty line before the voxels of this file.
    pub(super) fn of(bytes: &[u8]) -> Result<(Self, usize)> {
        let mut found = Self::default();
        let mut at = 0;
        for number in 1.. {
            let rest = &bytes[at..];
            let Some(end) = rest.iter().take(LONGEST).position(|byte| *byte == b'\n') else {
                // A detached header may end with its last line.
                if found.get("data file").is_some() || at == bytes.len() && number > 1 {
                    found.line(&text(rest)?, number)?;
                    return Ok((found, bytes.len()));
                }
                bail!("no empty line after the header, expected one before the voxels");
            };
            let line = text(&rest[..end])?;
            at += end + 1;
            match line.trim_end_matches('\r') {
                "" => return Ok((found, at)),
                line => found.line(line, number)?,
            }
        }
        unreachable!("the lines of a file end")
    }

    fn line(&mut self, line: &str, number: usize) -> Result<()> {
        if number == 1 || line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some((key, value)) = line.split_once(":=") {
            self.keys.insert(key.trim().to_owned(), value.trim().to_owned());
        } else if let Some((name, value)) = line.split_once(": ").or_else(|| line.split_once(':')) {
            self.fields.insert(bare(name), value.trim().to_owned());
        } else {
            bail!(
                "line {number} `{}`, expected `field: value`",
                line.chars().take(60).collect::<String>()
            );
        }
        Ok(())
    }

    /// A field; `None` where it is not there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(&bare(name)).map(String::as_str)
    }

    /// A field that has to be there.
    pub(super) fn need(&self, name: &str) -> Result<&str> {
        self.get(name).with_context(|| format!("no `{name}`, expected one"))
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.parse();
        number.map(Some).map_err(|_| anyhow::anyhow!("{name}: {value}, expected a whole number"))
    }

    /// Words of a field, one for each axis.
    pub(super) fn words(&self, name: &str, axes: usize) -> Result<Option<Vec<&str>>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let words: Vec<&str> = value.split_whitespace().collect();
        if words.len() != axes {
            bail!("{name}: {value}, expected {axes} values, one for each axis");
        }
        Ok(Some(words))
    }

    /// What a program added under a name of its own.
    pub(super) fn key(&self, name: &str) -> Option<&str> {
        self.keys.get(name).map(String::as_str)
    }
}

fn text(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| anyhow::anyhow!("a header that is no text"))
}
