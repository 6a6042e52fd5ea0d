//! Lengths that a file's elements declare, compared with the file's before anything is read into memory.
//!
//! The reading library takes memory for a value before it looks for it, so that forty bytes can ask for gigabytes. Here
//! the elements' headers are gone through in the same way, and values are stepped over. Sequences and items are not
//! nested for that: what follows their headers is elements again.

use anyhow::{Result, bail};
use std::io::{Read, Seek, SeekFrom};

/// How a data set's headers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    pub(super) explicit: bool,
    pub(super) big_endian: bool,
}

impl Encoding {
    /// Of file meta information, and of most data sets.
    pub(super) const EXPLICIT: Self = Self { explicit: true, big_endian: false };

    /// Of a transfer syntax.
    pub(super) fn of(syntax: &str) -> Self {
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

/// Tag and length of an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) tag: (u16, u16),
    pub(super) length: u32,
    sequence: bool,
    unknown: bool,
}

/// The length of what ends with a delimiter.
const UNDEFINED: u32 = u32::MAX;
const ITEM: (u16, u16) = (0xfffe, 0xe000);
const END_OF_SEQUENCE: (u16, u16) = (0xfffe, 0xe0dd);
const PIXEL_DATA: (u16, u16) = (0x7fe0, 0x0010);
/// Value representations whose length has two bytes.
const SHORT: [&[u8; 2]; 21] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
    b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
];

/// The next element's header; `None` where the file ends within.
pub(super) fn header(file: &mut impl Read, encoding: Encoding) -> Result<Option<Header>> {
    let mut head = [0; 8];
    if !filled(file, &mut head)? {
        return Ok(None);
    }
    let [a, b, c, d, e, f, g, h] = head;
    let tag = (encoding.short([a, b]), encoding.short([c, d]));
    let vr = &[e, f];
    if tag.0 == 0xfffe || !encoding.explicit {
        let length = encoding.long([e, f, g, h]);
        return Ok(Some(Header { tag, length, sequence: false, unknown: false }));
    }
    let length = if SHORT.contains(&vr) {
        u32::from(encoding.short([g, h]))
    } else {
        let mut long = [0; 4];
        if !filled(file, &mut long)? {
            return Ok(None);
        }
        encoding.long(long)
    };
    let (sequence, unknown) = (vr == b"SQ", vr == b"UN");
    Ok(Some(Header { tag, length, sequence, unknown }))
}

/// Whether so many bytes were left.
fn filled(file: &mut impl Read, bytes: &mut [u8]) -> Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Goes through the data set that begins here and ends with the file.
///
/// # Errors
/// Names the element that is longer than what is left.
pub(super) fn check(file: &mut (impl Read + Seek), encoding: Encoding) -> Result<()> {
    let mut at = file.stream_position()?;
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(at))?;
    let mut fragments = false;
    // What was of unknown representation is written implicitly (PS3.5 6.2.2), as deep as its sequences go.
    let mut implicit = 0_u32;
    loop {
        let current =
            if implicit > 0 { Encoding { explicit: false, big_endian: false } } else { encoding };
        let Some(header) = header(file, current)? else { return Ok(()) };
        at = file.stream_position()?;
        if header.tag == END_OF_SEQUENCE {
            fragments = false;
            implicit = implicit.saturating_sub(1);
            continue;
        }
        if header.length == UNDEFINED {
            fragments |= header.tag == PIXEL_DATA;
            if header.tag != ITEM && (header.unknown || implicit > 0) {
                implicit += 1;
            }
            continue;
        }
        let left = end.saturating_sub(at);
        if u64::from(header.length) > left {
            let (group, element) = header.tag;
            bail!(
                "DICOM element ({group:04x},{element:04x}) of {} bytes, expected at most the {left} that follow: truncated, or the header lies",
                header.length
            );
        }
        let descend = match header.tag {
            ITEM => !fragments,
            PIXEL_DATA => false,
            _ if current.explicit => {
                header.sequence || header.unknown && begins_item(file, current, at)?
            }
            _ => begins_item(file, current, at)?,
        };
        if !descend {
            file.seek(SeekFrom::Start(at + u64::from(header.length)))?;
        }
    }
}

/// Whether an item begins here: without a representation only that tells a sequence.
fn begins_item(file: &mut (impl Read + Seek), encoding: Encoding, at: u64) -> Result<bool> {
    let mut tag = [0; 4];
    let found = filled(file, &mut tag)?;
    file.seek(SeekFrom::Start(at))?;
    let [a, b, c, d] = tag;
    Ok(found && (encoding.short([a, b]), encoding.short([c, d])) == ITEM)
}

#[cfg(test)]
mod tests {
    use super::super::built::Built;
    use super::super::parse;
    use super::*;
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
        for short in [3, 9, 40] {
            assert!(parse(&set[..set.len() - short]).is_err());
        }
    }
}
