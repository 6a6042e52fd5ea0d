//! JSON files that tell whether they were changed since they were written.
//!
//! The last field, `seal`, is the SHA-256 of the text with 64 zeros in its place. It guards against damage and against
//! edits
//! that nobody remembers; who wants to deceive can compute it, too.

use crate::files::digest;
use serde::Serialize;

/// What a seal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// The text is what was written.
    Whole,
    /// It was changed since.
    Broken,
    /// It has none: an older version wrote it, or somebody removed the field to say that an edit was meant.
    Missing,
}

const NAME: &[u8] = b"\"seal\"";
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A struct as sealed JSON.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn sealed<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    let text = serde_json::to_string_pretty(value)?;
    let text = text.strip_suffix('}').unwrap_or(&text).trim_end();
    let comma = if text.ends_with('{') { "" } else { "," };
    let whole = |seal: &str| format!("{text}{comma}\n  \"seal\": \"{seal}\"\n}}");
    Ok(whole(&digest::of_bytes(whole(ZEROS).as_bytes())).into_bytes())
}

/// Whether a text is what [`sealed`] wrote.
pub fn check(text: &[u8]) -> Seal {
    let Some(start) = value(text) else { return Seal::Missing };
    let Some(found) = text.get(start..start + ZEROS.len()) else { return Seal::Broken };
    let mut zeroed = text.to_vec();
    zeroed[start..start + ZEROS.len()].copy_from_slice(ZEROS.as_bytes());
    if digest::of_bytes(&zeroed).as_bytes() == found { Seal::Whole } else { Seal::Broken }
}

/// Where the text of the last field `seal` begins, however the JSON was laid out since.
fn value(text: &[u8]) -> Option<usize> {
    let name = text.windows(NAME.len()).rposition(|window| window == NAME)?;
    let blank =
        |from: usize| from + text[from..].iter().take_while(|c| c.is_ascii_whitespace()).count();
    let colon = blank(name + NAME.len());
    let quote = blank(colon + usize::from(text.get(colon) == Some(&b':')));
    (text.get(colon) == Some(&b':') && text.get(quote) == Some(&b'"')).then_some(quote + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_changed_byte_of_a_sealed_text_is_noticed() {
        let value = json!({ "list": [1, 2], "nested": { "seal": "not this one" }, "score": 0.71, "z": { "z": {} } });
        let text = sealed(&value).unwrap();
        assert_eq!(check(&text), Seal::Whole);
        let again: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!((&again["score"], &again["nested"]), (&value["score"], &value["nested"]));
        assert_eq!(again["seal"].as_str().map(str::len), Some(64));
        for i in 0..text.len() {
            for flip in [1, 0x80] {
                let mut changed = text.clone();
                changed[i] ^= flip;
                let parsed = serde_json::from_slice::<serde_json::Value>(&changed);
                // A damaged name of the field leaves nothing to compare: then all else is as it was.
                let same = parsed
                    .as_ref()
                    .is_ok_and(|json| json["score"] == 0.71 && json["list"] == json!([1, 2]));
                assert!(check(&changed) == Seal::Broken || parsed.is_err() || same, "byte {i}");
            }
        }
    }

    #[test]
    fn texts_without_a_seal_and_empty_structs_are_told_apart() {
        assert_eq!(check(b"{}"), Seal::Missing);
        assert_eq!(check(b"{\"seal\": \"12"), Seal::Broken);
        assert_eq!(check(b"{\"seal\""), Seal::Missing);
        // Laid out anew by another program: nobody can tell whether more was changed.
        let value: serde_json::Value =
            serde_json::from_slice(&sealed(&json!({ "a": 1 })).unwrap()).unwrap();
        assert_eq!(check(value.to_string().as_bytes()), Seal::Broken);
        assert_eq!(check(&sealed(&json!({})).unwrap()), Seal::Whole);
    }
}
