//! What a user has to know of a dataset: what was set aside, guessed or brought into order while it was read.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Look at this before anything is trained.
    Warning,
    /// Found, and not used.
    SetAside,
    /// Done, and said.
    Note,
}

impl Weight {
    /// The word of a line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::SetAside => "set aside",
            Self::Note => "note",
        }
    }
}

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// What it is about: a file, a case, patients, or the whole dataset.
    pub of: String,
    /// What was found; without a name, so that equal findings can be told together.
    pub text: String,
}

impl Finding {
    /// A warning.
    pub fn warning(of: impl Into<String>, text: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, of: of.into(), text: text.into() }
    }

    /// Something that is not used.
    pub fn set_aside(of: impl Into<String>, text: impl Into<String>) -> Self {
        Self { weight: Weight::SetAside, of: of.into(), text: text.into() }
    }

    /// A note.
    pub fn note(of: impl Into<String>, text: impl Into<String>) -> Self {
        Self { weight: Weight::Note, of: of.into(), text: text.into() }
    }
}

/// Names that a line lists; more are counted.
const NAMED: usize = 5;

/// One line for each kind of finding, warnings first: `set aside: mask without image: c.nii.gz `.
pub fn lines(findings: &[Finding]) -> Vec<String> {
    [Weight::Warning, Weight::SetAside, Weight::Note]
        .into_iter()
        .flat_map(|weight| {
            let word = weight.word();
            let told = lines_of(findings, weight).into_iter();
            told.map(move |(text, of)| format!("{word}: {of}: {text}"))
        })
        .collect()
}

/// What was found of one weight: the text, and whom or what it is about (`a, b and 3 more`).
pub fn lines_of(findings: &[Finding], weight: Weight) -> Vec<(&str, String)> {
    let mut grouped: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.weight == weight) {
        grouped.entry(&finding.text).or_default().push(&finding.of);
    }
    grouped
        .into_iter()
        .map(|(text, of)| {
            let more = match of.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            (text, format!("{}{more}", of[..of.len().min(NAMED)].join(", ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_findings_are_told_in_one_line_and_warnings_come_first() {
        let mut findings: Vec<Finding> =
            (0..7).map(|i| Finding::note(format!("case{i}"), "rows reversed")).collect();
        findings.push(Finding::set_aside("c.nii.gz", "mask without image"));
        findings.push(Finding::warning("a, b", "the same images"));
        assert_eq!(
            lines(&findings),
            [
                "warning: a, b: the same images",
                "set aside: c.nii.gz: mask without image",
                "note: case0, case1, case2, case3, case4 and 2 more: rows reversed",
            ]
        );
    }
}
