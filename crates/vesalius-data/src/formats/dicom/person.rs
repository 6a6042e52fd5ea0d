//! Whose examination a file is, without keeping the name.

use super::object::text;
use crate::files::digest;
use dicom_object::{InMemDicomObject, Tag};

/// Digests of what a file calls its patient; never the words themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// Of PatientID and its issuer; `None` where it names nobody.
    pub(crate) digest: Option<String>,
    /// Of PatientID as it stands, also of one that names nobody.
    id: Option<String>,
    /// Of PatientName without what spells one name in two ways.
    name: Option<String>,
}

impl Person {
    pub(crate) fn of(object: &InMemDicomObject) -> Self {
        let id = text(object, Tag(0x0010, 0x0020));
        let issuer = text(object, Tag(0x0010, 0x0021)).unwrap_or_default();
        let name = text(object, Tag(0x0010, 0x0010)).map(|name| plain(&name));
        let of = |text: &str| digest::of_bytes(text.as_bytes());
        Self {
            digest: id
                .as_deref()
                .filter(|id| !names_nobody(id))
                .map(|id| of(&format!("{id}\0{issuer}"))),
            id: id.as_deref().map(of),
            name: name.filter(|name| !name.is_empty()).as_deref().map(of),
        }
    }

    /// Whether PatientID or PatientName say anything.
    pub(crate) fn says(&self) -> [bool; 2] {
        [self.id.is_some(), self.name.is_some()]
    }

    /// The element in which two files name two people. What one of them leaves empty says nothing.
    pub(crate) fn differs(&self, other: &Self) -> Option<&'static str> {
        let two = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        if two(&self.id, &other.id) {
            Some("PatientID")
        } else if two(&self.name, &other.name) {
            Some("PatientName")
        } else {
            None
        }
    }
}

/// Letters and digits in lower case.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What de-identification writes instead of a PatientID: equal for everybody.
fn names_nobody(id: &str) -> bool {
    const WORDS: [&str; 20] = [
        "unknown",
        "none",
        "na",
        "nan",
        "null",
        "nil",
        "id",
        "pid",
        "noid",
        "patient",
        "patientid",
        "subject",
        "default",
        "undefined",
        "removed",
        "deleted",
        "deidentified",
        "pseudonym",
        "test",
        "noname",
    ];
    let plain = plain(id);
    // 0, 000, xxx, or punctuation alone.
    let filler = ['0', 'x'].iter().any(|filler| plain.chars().all(|c| c == *filler));
    filler || plain.starts_with("anon") || WORDS.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_everybody_is_nobody() {
        for id in ["", "--", "0", "0000", "ANONYMOUS", "Anon^12", "unknown", "N/A", "De-identified"]
        {
            assert!(names_nobody(id), "{id}");
        }
        for id in ["P1", "1", "7", "11", "TCGA-02-0001", "noa"] {
            assert!(!names_nobody(id), "{id}");
        }
    }
}
