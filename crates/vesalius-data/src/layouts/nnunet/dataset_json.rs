//! `dataset.json` of nnU-Net and of the Medical Segmentation Decathlon.

use crate::text::label;
use anyhow::{Context, Result, bail};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// What it says, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DatasetJson {
    /// `name`.
    pub name: Option<String>,
    /// Names of the label values 0, 1, …; none without `labels`.
    pub classes: Option<Vec<String>>,
    /// Names of the channels 0, 1, … (`channel_names`; `modality` of older files).
    pub channels: Option<Vec<String>>,
    /// `numTraining`.
    pub training: Option<usize>,
}

/// A JSON object with every entry it has: of two with one name a map would keep the last.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(All)
    }
}

#[derive(serde::Deserialize)]
struct Raw {
    name: Option<Value>,
    labels: Option<Entries>,
    channel_names: Option<Entries>,
    modality: Option<Entries>,
    #[serde(rename = "numTraining")]
    training: Option<Value>,
}

/// Parses the file; a byte-order mark is skipped.
///
/// # Errors
/// Not JSON; names that are no line of printable text; labels that do not count from a background 0, that name a value
/// twice, that are regions or `ignore`.
pub fn parse_dataset_json(bytes: &[u8]) -> Result<DatasetJson> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let raw: Raw = serde_json::from_slice(text).context("not nnU-Net's JSON")?;
    let channels = [("channel_names", raw.channel_names), ("modality", raw.modality)]
        .into_iter()
        .find_map(|(field, entries)| Some((field, entries?)))
        .map(|(field, Entries(entries))| {
            let named = |(key, name): (String, Value)| {
                let name = name.as_str().map_or_else(|| format!("channel {key}"), str::to_owned);
                (key, name)
            };
            numbered(entries.into_iter().map(named), "channel")
                .with_context(|| format!("{field}, expected names for 0, 1, …"))
        })
        .transpose()?;
    let found = DatasetJson {
        name: raw.name.and_then(|name| name.as_str().map(str::to_owned)).filter(|n| !n.is_empty()),
        classes: raw
            .labels
            .map(classes)
            .transpose()
            .context("labels, expected names for 0, 1, …")?,
        channels,
        training: raw.training.and_then(|n| n.as_u64()).and_then(|n| usize::try_from(n).ok()),
    };
    // Descriptions and licences have lines; what things are called has one.
    let channels = found.channels.iter().flatten();
    for name in found.name.iter().chain(found.classes.iter().flatten()).chain(channels) {
        label::check(name)?;
    }
    Ok(found)
}

/// nnU-Net writes `{"background": 0, "liver": 1}`, the Decathlon `{"0": "background", "1": "liver"}`.
fn classes(Entries(entries): Entries) -> Result<Vec<String>> {
    let mut pairs = Vec::new();
    for (key, value) in entries {
        pairs.push(match &value {
            Value::Number(number) => (number.to_string(), key),
            Value::String(name) => (key, name.clone()),
            Value::Array(_) => bail!(
                "{key}: a region of several values, expected one value for each class (regions are not supported)"
            ),
            other => bail!("{key}: {other}, expected a number"),
        });
    }
    let names = numbered(pairs.into_iter(), "label")?;
    if names.len() < 2 {
        bail!("{} label, expected a background and at least one more", names.len());
    }
    for (value, name) in names.iter().enumerate() {
        // Neither loss nor Dice would know that nobody annotated there.
        if name.eq_ignore_ascii_case("ignore") {
            bail!(
                "ignore: {value}: pixels that nobody annotated, expected none: they would train and be judged as a class"
            );
        }
        if name.eq_ignore_ascii_case("background") && value != 0 {
            bail!("background: {value}, expected 0");
        }
        if let Some(other) = names[..value].iter().position(|other| other == name) {
            bail!("{name}: {other} and {value}, expected one value");
        }
    }
    Ok(names)
}

/// Names in the order of their numbers, which must be 0, 1, … without a gap.
fn numbered(pairs: impl Iterator<Item = (String, String)>, what: &str) -> Result<Vec<String>> {
    let mut by_number: BTreeMap<u64, String> = BTreeMap::new();
    for (number, name) in pairs {
        let Ok(index) = number.parse() else {
            bail!("{name}: {what} {number}, expected a whole number from 0");
        };
        if let Some(other) = by_number.insert(index, name.clone()) {
            bail!("{other} and {name}: both {what} {index}, expected one name");
        }
    }
    if let Some(missing) = (0..by_number.len() as u64).find(|i| !by_number.contains_key(i)) {
        bail!("no {what} {missing}, expected all from 0 to the greatest");
    }
    Ok(by_number.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Result<Vec<String>> {
        let json = format!("{{\"labels\": {text}}}");
        Ok(parse_dataset_json(json.as_bytes())?.classes.unwrap())
    }

    #[test]
    fn label_names_are_read_in_both_directions_and_in_the_order_of_their_numbers() {
        let expected = ["background", "liver", "tumour"];
        for text in [
            // By number, not by name: the third label comes first in the alphabet.
            r#"{"tumour": 2, "background": 0, "liver": 1}"#,
            r#"{"0": "background", "2": "tumour", "1": "liver"}"#,
        ] {
            assert_eq!(labels(text).unwrap(), expected);
        }
    }

    #[test]
    fn labels_that_would_be_misread_are_refused_with_their_name() {
        for (text, part) in [
            (r#"{"background": 0, "liver": 1, "ignore": 2}"#, "ignore: 2"),
            (r#"{"0": "background", "1": "Ignore"}"#, "ignore: 1"),
            (r#"{"background": 1, "liver": 0}"#, "background: 1, expected 0"),
            (r#"{"0": "liver", "1": "background"}"#, "background: 1, expected 0"),
            (r#"{"background": 0, "liver": 1, "spleen": 1}"#, "liver and spleen: both label 1"),
            (r#"{"background": 0, "liver": 1, "liver": 2}"#, "liver: 1 and 2"),
            (r#"{"background": 0, "liver": 2}"#, "no label 1"),
            (r#"{"background": 0, "liver": [1, 2]}"#, "liver: a region"),
            (r#"{"background": 0}"#, "1 label"),
            (r#"{"background": 0, "liver": -1}"#, "label -1"),
            (r#"{"background": 0, "liver": 1.5}"#, "label 1.5"),
            (r#"{"background": 0, "liver": null}"#, "liver: null"),
            ("{}", "0 label"),
            ("[]", "not nnU-Net's JSON"),
        ] {
            let error = format!("{:#}", labels(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_channels_are_counted() {
        let text = "\u{feff}{\"channel_names\": {\"0\": \"T1\", \"1\": \"T2\"}, \"numTraining\": 3, \"name\": \"\"}";
        let found = parse_dataset_json(text.as_bytes()).unwrap();
        let channels = Some(vec!["T1".to_owned(), "T2".to_owned()]);
        let expected = DatasetJson { name: None, classes: None, channels, training: Some(3) };
        assert_eq!(found, expected);
        let gap = parse_dataset_json(br#"{"modality": {"0": "T1", "2": "T2"}}"#);
        assert!(format!("{:#}", gap.unwrap_err()).contains("no channel 1"));
        assert!(parse_dataset_json(b"{").is_err());
    }
}
