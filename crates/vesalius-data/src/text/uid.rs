//! DICOM's unique identifiers in names of files and folders: a PACS calls its exports so, and they lead to the patient.

use crate::files::digest;
use regex::Regex;
use std::sync::LazyLock;

/// At least five dots between numbers: no version, date or size has so many.
static UID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d+(?:\.\d+){5,}").expect("a pattern"));

/// The text with each identifier replaced by the beginning of its digest: equal ones stay equal.
pub fn hidden(text: &str) -> String {
    let digest =
        |found: &regex::Captures| format!("uid-{}", &digest::of_bytes(found[0].as_bytes())[..8]);
    UID.replace_all(text, digest).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_hidden_and_other_numbers_are_not() {
        let uid = "1.2.840.113619.2.55.3.604688119.969";
        let text = hidden(&format!("P1/{uid}/IM.{uid}.dcm"));
        assert!(
            !text.contains("113619") && text.starts_with("P1/uid-") && text.contains(".dcm"),
            "{text}"
        );
        assert_eq!(hidden(uid), hidden(uid));
        for other in ["patient001_frame01.nii.gz", "v1.2.3.4", "2026.11.30", "a/b.c/d"] {
            assert_eq!(hidden(other), other);
        }
    }
}
