//! Elements as the writers put them.

use anyhow::{Context as _, Result};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use std::path::Path;

/// Text, or an empty element.
pub(super) fn put(
    object: &mut InMemDicomObject,
    (group, element): (u16, u16),
    vr: VR,
    text: impl Into<String>,
) {
    let text: String = text.into();
    let value = if text.is_empty() { PrimitiveValue::Empty } else { PrimitiveValue::from(text) };
    object.put(DataElement::new(Tag(group, element), vr, value));
}

/// Texts of an element with several.
pub(super) fn put_all(
    object: &mut InMemDicomObject,
    (group, element): (u16, u16),
    vr: VR,
    texts: &[&str],
) {
    let value = PrimitiveValue::Strs(texts.iter().map(|text| (*text).to_owned()).collect());
    object.put(DataElement::new(Tag(group, element), vr, value));
}

/// 16-bit numbers.
pub(super) fn put_words(
    object: &mut InMemDicomObject,
    (group, element): (u16, u16),
    words: &[u16],
) {
    let value = PrimitiveValue::U16(words.iter().copied().collect());
    object.put(DataElement::new(Tag(group, element), VR::US, value));
}

/// 32-bit numbers.
pub(super) fn put_longs(
    object: &mut InMemDicomObject,
    (group, element): (u16, u16),
    longs: &[u32],
) {
    let value = PrimitiveValue::U32(longs.iter().copied().collect());
    object.put(DataElement::new(Tag(group, element), VR::UL, value));
}

/// A reference to another element.
pub(super) fn put_tag(object: &mut InMemDicomObject, (group, element): (u16, u16), of: (u16, u16)) {
    object.put(DataElement::new(
        Tag(group, element),
        VR::AT,
        PrimitiveValue::from(Tag(of.0, of.1)),
    ));
}

/// Decimal numbers.
pub(super) fn put_numbers(
    object: &mut InMemDicomObject,
    (group, element): (u16, u16),
    numbers: &[f64],
) {
    let value = PrimitiveValue::Strs(numbers.iter().map(|number| decimal(*number)).collect());
    object.put(DataElement::new(Tag(group, element), VR::DS, value));
}

/// Items of a sequence.
pub(super) fn put_items(
    object: &mut InMemDicomObject,
    (group, element): (u16, u16),
    items: Vec<InMemDicomObject>,
) {
    object.put(DataElement::new(Tag(group, element), VR::SQ, DataSetSequence::from(items)));
}

/// Pixels as bytes, little end first.
pub(super) fn put_pixels(object: &mut InMemDicomObject, mut bytes: Vec<u8>, vr: VR) {
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    object.put(DataElement::new(Tag(0x7fe0, 0x0010), vr, PrimitiveValue::U8(bytes.into())));
}

/// An item of elements.
pub(super) fn item(fill: impl FnOnce(&mut InMemDicomObject)) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    fill(&mut item);
    item
}

/// A code of SNOMED CT.
pub(super) fn code(value: &str, meaning: &str) -> InMemDicomObject {
    item(|item| {
        put(item, (0x0008, 0x0100), VR::SH, value);
        put(item, (0x0008, 0x0102), VR::SH, "SCT");
        put(item, (0x0008, 0x0104), VR::LO, meaning);
    })
}

/// DS: sixteen characters at most.
fn decimal(number: f64) -> String {
    for digits in (0..=12).rev() {
        let text = format!("{number:.digits$}");
        let text = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        if text.len() <= 16 {
            return if text == "-0" { "0".to_owned() } else { text.to_owned() };
        }
    }
    format!("{number:.8e}")
}

/// When the object was made: parts of the standard want one. It says nothing of a patient.
pub(super) fn put_date(object: &mut InMemDicomObject) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs());
    let [year, month, day] = date(seconds / 86_400);
    put(object, (0x0008, 0x0023), VR::DA, format!("{year:04}{month:02}{day:02}"));
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    put(object, (0x0008, 0x0033), VR::TM, format!("{hour:02}{minute:02}{second:02}"));
}

/// Year, month and day of so many days after 1970-01-01 (Gregorian calendar).
fn date(days: u64) -> [u64; 3] {
    let leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    [year, month, left + 1]
}

/// Writes an object as a file.
pub(super) fn save(
    object: InMemDicomObject,
    class: &str,
    instance: &str,
    path: &Path,
) -> Result<()> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax("1.2.840.10008.1.2.1")
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid(instance)
        .build()
        .context("file meta information")?;
    object
        .with_exact_meta(meta)
        .write_to_file(path)
        .with_context(|| format!("{}: cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_fit_and_dates_are_those_of_the_calendar() {
        assert_eq!(decimal(0.1 + 0.2), "0.3");
        assert_eq!(decimal(-123.567_890_123_456), "-123.56789012346");
        assert_eq!(decimal(-1e-15), "0");
        assert!([1e300, -1.0 / 3.0, 123_456_789_012.3].iter().all(|v| decimal(*v).len() <= 16));
        assert_eq!(date(0), [1970, 1, 1]);
        assert_eq!(date(59 + 730), [1972, 2, 29]);
        assert_eq!(date(20_787), [2026, 11, 30]);
    }
}
