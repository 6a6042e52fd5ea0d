//! Lengths that a file's elements declare, compared with the file's before anything is read into memory.
//!
//! The reading library takes memory for a value before it looks for it, so that forty bytes can ask for gigabytes, and
//! nests calls as deep as sequences are. Here the elements' headers are gone through in the same way, and values are
//! stepped over.

use anyhow::{Result, bail};
use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _};
use dicom_core::{Tag, VR};
use dicom_object::StandardDataDictionary;
use std::io::{Read, Seek, SeekFrom};

/// How a data set's headers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) explicit: bool,
    pub(crate) big_endian: bool,
}

impl Encoding {
    /// Of file meta information, and of most data sets.
    pub(crate) const EXPLICIT: Self = Self { explicit: true, big_endian: false };

    /// Of a transfer syntax.
    pub(crate) fn of(syntax: &str) -> Self {
        Self {
            explicit: syntax != "1.2.840.10008.1.2",
            big_endian: syntax == "1.2.840.10008.1.2.2",
        }
    }

    fn short(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn long(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// Tag, representation and length of an element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) tag: (u16, u16),
    pub(crate) length: u32,
    vr: VR,
}

/// The length of what ends with a delimiter.
const UNDEFINED: u32 = u32::MAX;
const ITEM: (u16, u16) = (0xfffe, 0xe000);
const END_OF_ITEM: (u16, u16) = (0xfffe, 0xe00d);
const END_OF_SEQUENCE: (u16, u16) = (0xfffe, 0xe0dd);
const PIXEL_DATA: (u16, u16) = (0x7fe0, 0x0010);
/// The next element's header; `None` where the file ends within.
pub(crate) fn header(file: &mut impl Read, encoding: Encoding) -> Result<Option<Header>> {
    let mut head = [0; 8];
    if !filled(file, &mut head)? {
        return Ok(None);
    }
    let [a, b, c, d, e, f, g, h] = head;
    let tag = (encoding.short([a, b]), encoding.short([c, d]));
    if tag.0 == 0xfffe || !encoding.explicit {
        let length = encoding.long([e, f, g, h]);
        let vr = if encoding.explicit { VR::UN } else { usual(tag) };
        return Ok(Some(Header { tag, length, vr }));
    }
    let vr = VR::from_binary([e, f]).unwrap_or(VR::UN);
    let length = if has_short_length(vr) {
        u32::from(encoding.short([g, h]))
    } else {
        let mut long = [0; 4];
        if !filled(file, &mut long)? {
            return Ok(None);
        }
        encoding.long(long)
    };
    Ok(Some(Header { tag, length, vr }))
}

/// Whether a representation's length has two bytes.
fn has_short_length(vr: VR) -> bool {
    use VR::{AE, AS, AT, CS, DA, DS, DT, FD, FL, IS, LO, LT, PN, SH, SL, SS, ST, TM, UI, UL, US};
    [AE, AS, AT, CS, DA, DS, DT, FD, FL, IS, LO, LT, PN, SH, SL, SS, ST, TM, UI, UL, US]
        .contains(&vr)
}

/// What the library takes for an element's representation where the file has none.
fn usual(tag: (u16, u16)) -> VR {
    if tag == PIXEL_DATA || (tag.0 >> 8 == 0x60 && tag.1 == 0x3000) {
        return VR::OW;
    }
    let entry = StandardDataDictionary.by_tag(Tag(tag.0, tag.1));
    entry.map_or(VR::UN, |entry| entry.vr().relaxed())
}

/// Bytes of one number: the library reads whole ones, and would go on within what is left.
fn number_bytes(vr: VR) -> u32 {
    match vr {
        VR::US | VR::SS | VR::OW => 2,
        VR::UL | VR::SL | VR::FL | VR::AT | VR::OL | VR::OF => 4,
        VR::FD | VR::SV | VR::UV | VR::OD | VR::OV => 8,
        _ => 1,
    }
}

/// Whether so many bytes were left.
fn filled(file: &mut impl Read, bytes: &mut [u8]) -> Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Sequences within sequences; the deepest of the standard are a dozen.
const DEPTH: usize = 64;

/// A sequence or item that has begun.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Where it ends; `None`: with a delimiter.
    end: Option<u64>,
    /// Up to where its elements may reach.
    limit: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Item,
    Sequence,
    Fragments,
}

/// Goes through the data set that begins here and ends with the file.
///
/// # Errors
/// Names the element that is longer than what is left, or stands where none can.
pub(crate) fn check(file: &mut (impl Read + Seek), encoding: Encoding) -> Result<()> {
    let mut at = file.stream_position()?;
    let whole = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(at))?;
    let mut open: Vec<Open> = Vec::new();
    loop {
        while open.last().is_some_and(|last| last.end == Some(at)) {
            open.pop();
        }
        let Some(header) = header(file, encoding)? else { return Ok(()) };
        at = file.stream_position()?;
        let ((group, element), length) = (header.tag, header.length);
        let inside = open.last().map(|last| last.kind);
        let limit = open.last().map_or(whole, |last| last.limit);
        let named = format!("DICOM element ({group:04x},{element:04x})");
        match (header.tag, inside) {
            // The library steps over it, too.
            (END_OF_ITEM, None) => continue,
            (END_OF_ITEM, Some(Kind::Item))
            | (END_OF_SEQUENCE, Some(Kind::Sequence | Kind::Fragments))
                if open.last().is_some_and(|last| last.end.is_none()) =>
            {
                open.pop();
                continue;
            }
            (ITEM, Some(Kind::Sequence | Kind::Fragments)) => {}
            (ITEM | END_OF_ITEM | END_OF_SEQUENCE, _)
            | (_, Some(Kind::Sequence | Kind::Fragments)) => {
                bail!("{named} where none can stand: damaged, or a sequence's length is wrong")
            }
            _ => {}
        }
        if open.len() >= DEPTH {
            bail!("{named} in more than {DEPTH} sequences and items, expected fewer");
        }
        let left = limit.saturating_sub(at);
        if length == UNDEFINED {
            let kind = match (header.tag, inside) {
                (ITEM, Some(Kind::Fragments)) => bail!("{named} without a length, expected one"),
                (ITEM, _) => Kind::Item,
                (PIXEL_DATA, _) => Kind::Fragments,
                _ => Kind::Sequence,
            };
            open.push(Open { end: None, limit, kind });
            continue;
        }
        if u64::from(length) > left || at > limit {
            bail!(
                "{named} of {length} bytes, expected at most the {left} that follow: truncated, or the header lies"
            );
        }
        if length % number_bytes(header.vr) != 0 {
            bail!("{named} of {length} bytes, expected whole numbers: damaged");
        }
        let end = at + u64::from(length);
        let kind = match (header.tag, inside) {
            (ITEM, Some(Kind::Sequence)) => Some(Kind::Item),
            (ITEM, _) => None,
            _ => (header.vr == VR::SQ).then_some(Kind::Sequence),
        };
        if let Some(kind) = kind {
            open.push(Open { end: Some(end), limit: end, kind });
        } else {
            at = file.seek(SeekFrom::Start(end))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::built::Built;
    use super::*;
    use crate::formats::dicom::parse;
    use std::io::Cursor;

    #[test]
    fn no_element_is_longer_than_its_file_at_any_depth() {
        let item = Built::empty().words((0x28, 0x3002), &[2, 1, 16]).words((0x28, 0x3006), &[5, 9]);
        let slice = Built::slice(0).sequence((0x28, 0x3000), &item);
        let set = slice.data_set();
        assert!(check(&mut Cursor::new(&set), Encoding::EXPLICIT).is_ok());
        let lies = |needle: &[u8], at: usize, length: &[u8]| {
            let start = set.windows(needle.len()).position(|found| found == needle).unwrap();
            let mut set = set.clone();
            set[start + at..start + at + length.len()].copy_from_slice(length);
            let error = check(&mut Cursor::new(&set), Encoding::EXPLICIT).unwrap_err().to_string();
            assert!(parse(&set).unwrap_err().to_string().contains(&error), "{error}");
            error
        };
        let pixels = lies(&[0xe0, 0x7f, 0x10, 0], 8, &[0, 0, 0, 0x40]);
        assert!(pixels.contains("(7fe0,0010) of 1073741824 bytes, expected at most the 12"));
        // In a sequence's item, and the item itself.
        assert!(lies(&[0x28, 0, 6, 0x30], 6, &[0xff, 0xff]).contains("(0028,3006) of 65535 bytes"));
        assert!(lies(&[0xfe, 0xff, 0, 0xe0], 4, &[0, 0, 0, 1]).contains("(fffe,e000)"));
        // Without representations the dictionary's: a group length of 9 bytes is no number, an unknown element is
        // bytes.
        let implicit = Encoding { explicit: false, big_endian: false };
        let odd = |element: u8| [&[0x08, 0, element, 0, 9, 0, 0, 0][..], &[0; 9]].concat();
        assert!(check(&mut Cursor::new(&odd(3)), implicit).is_ok());
        let error = check(&mut Cursor::new(&odd(0)), implicit).unwrap_err().to_string();
        assert!(error.contains("(0008,0000) of 9 bytes, expected whole numbers"), "{error}");
        let deep = [0x28, 0, 0, 0x30, b'S', b'Q', 0, 0, 255, 255, 255, 255];
        let deep = [&deep[..], &[0xfe, 0xff, 0, 0xe0, 255, 255, 255, 255]].concat().repeat(100);
        let error = check(&mut Cursor::new(&deep), Encoding::EXPLICIT).unwrap_err().to_string();
        assert!(error.contains("in more than 64 sequences and items"), "{error}");
        for short in [3, 9, 40] {
            assert!(parse(&set[..set.len() - short]).is_err());
        }
    }
}
