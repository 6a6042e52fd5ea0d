//! A DICOM file's bytes as an object, with or without preamble and file meta information, and typed looks into it.

use super::frames;
use super::lengths::{self, Encoding};
use super::syntax::Syntax;
use crate::formats::guard::guarded;
use anyhow::{Context as _, Result, bail};
use dicom_object::file::ReadPreamble;
use dicom_object::mem::InMemElement;
use dicom_object::{DefaultDicomObject, InMemDicomObject, OpenFileOptions, Tag};
use std::io::{Cursor, Read, Seek, SeekFrom};

/// Bytes that tell what a file is.
pub(crate) const HEAD: usize = 132;

/// How a DICOM file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// "DICM" after so many bytes.
    Magic(usize),
    /// With the file meta information (group 0002), nothing before it.
    Meta,
    /// With the data set itself, as old toolkits wrote it; its transfer syntax.
    Bare(&'static str),
}

/// Whether a file begins as DICOM does.
pub(crate) fn is_dicom(path: &std::path::Path) -> bool {
    let mut head = Vec::with_capacity(HEAD);
    let read = crate::files::read::open(path)
        .and_then(|file| file.take(HEAD as u64).read_to_end(&mut head));
    read.is_ok() && Start::of(&head).is_some()
}

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

impl Start {
    /// Of a file's first [`HEAD`] bytes (fewer where it is shorter); `None`: not DICOM.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        if head.get(128..132) == Some(b"DICM") {
            return Some(Self::Magic(128));
        }
        if head.starts_with(b"DICM") {
            return Some(Self::Magic(0));
        }
        let word = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
        let (group, element) = (word(0)?, word(2)?);
        let vr = head.get(4..6)?;
        let explicit = vr.iter().all(u8::is_ascii_uppercase);
        match group {
            0x0002 if element <= 0x0010 && explicit => Some(Self::Meta),
            0x0008 if element <= 0x0018 && explicit => Some(Self::Bare(EXPLICIT)),
            // A length of four bytes, which is short for what stands first.
            0x0008 if element <= 0x0018 && word(6)? == 0 && word(4)? <= 128 => {
                Some(Self::Bare(IMPLICIT))
            }
            _ => None,
        }
    }
}

/// The object in a file; without its pixels where `header_only`.
///
/// # Errors
/// When it is not DICOM, not whole, or in a transfer syntax that cannot be read.
pub(crate) fn read(file: impl Read + Seek, header_only: bool) -> Result<DefaultDicomObject> {
    guarded(|| read_unguarded(file, header_only))
}

fn read_unguarded(mut file: impl Read + Seek, header_only: bool) -> Result<DefaultDicomObject> {
    let mut head = Vec::with_capacity(HEAD);
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let Some(start) = Start::of(&head) else {
        bail!("not a DICOM file, expected \"DICM\" after 128 bytes");
    };
    let (prefix, from) = match start {
        Start::Magic(at) => (vec![], at as u64),
        Start::Meta => (b"DICM".to_vec(), 0),
        Start::Bare(syntax) => (meta(syntax), 0),
    };
    let syntax = match start {
        Start::Bare(syntax) => syntax.to_owned(),
        Start::Magic(at) => transfer_syntax(&mut file, at as u64 + 4)?,
        Start::Meta => transfer_syntax(&mut file, 0)?,
    };
    Syntax::of(&syntax)?;
    let mut options = OpenFileOptions::new().read_preamble(ReadPreamble::Never);
    if header_only {
        options = options.read_until(PIXELS);
    }
    let unreadable = "not a readable DICOM file";
    if syntax == DEFLATED {
        let set = inflated(&mut file)?;
        lengths::check(&mut Cursor::new(&set), Encoding::EXPLICIT)?;
        return options.from_reader(meta(EXPLICIT).chain(set.as_slice())).context(unreadable);
    }
    if matches!(start, Start::Bare(_)) {
        file.seek(SeekFrom::Start(0))?;
    }
    lengths::check(&mut file, Encoding::of(&syntax))?;
    file.seek(SeekFrom::Start(from))?;
    options.from_reader(prefix.chain(file)).context(unreadable)
}

/// Goes through the file meta information at `at`, up to the data set, which begins where its last element ends.
fn transfer_syntax(file: &mut (impl Read + Seek), at: u64) -> Result<String> {
    file.seek(SeekFrom::Start(at))?;
    let cut_short = "file meta information cut short";
    let value = |file: &mut dyn Read, length: u32| -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.take(u64::from(length)).read_to_end(&mut bytes)?;
        if bytes.len() < length as usize {
            bail!(cut_short);
        }
        Ok(bytes)
    };
    let first = lengths::header(file, Encoding::EXPLICIT)?.context(cut_short)?;
    let length = value(file, first.length)?;
    let ((2, 0), Ok(length)) = (first.tag, <[u8; 4]>::try_from(length)) else {
        bail!("no length of the file meta information, expected it first");
    };
    let end = file.stream_position()? + u64::from(u32::from_le_bytes(length));
    let mut syntax = None;
    while file.stream_position()? < end {
        let header = lengths::header(file, Encoding::EXPLICIT)?.context(cut_short)?;
        let bytes = value(file, header.length)?;
        if header.tag == (2, 0x10) {
            let text = String::from_utf8_lossy(&bytes);
            syntax = Some(text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned());
        }
    }
    syntax.context("no TransferSyntaxUID, expected one")
}

/// What is left of a file, inflated.
fn inflated(file: &mut impl Read) -> Result<Vec<u8>> {
    // A slice of 4096 x 4096 pixels of 32 bits has 64 MiB.
    const MOST: u64 = 1 << 28;
    let mut set = Vec::new();
    let stream = flate2::read::DeflateDecoder::new(file);
    stream.take(MOST + 1).read_to_end(&mut set).context("deflated data set")?;
    if set.len() as u64 > MOST {
        bail!("a deflated data set of more than {MOST} bytes, expected one slice");
    }
    Ok(set)
}

/// Magic word and meta information for a data set that has none.
fn meta(syntax: &str) -> Vec<u8> {
    let element = |number: u16, vr: &str, value: &[u8]| {
        let mut bytes = [2_u16, number].map(u16::to_le_bytes).concat();
        bytes.extend(vr.as_bytes());
        bytes.extend((value.len().next_multiple_of(2) as u16).to_le_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    };
    let uids = [(0x0002, "1.2.840.10008.5.1.4.1.1.7"), (0x0003, "1.2.3"), (0x0010, syntax)];
    let mut rest: Vec<u8> = [2, 0, 1, 0].to_vec();
    rest.extend([b'O', b'B', 0, 0, 2, 0, 0, 0, 0, 1]);
    rest.extend(uids.iter().flat_map(|(number, uid)| element(*number, "UI", uid.as_bytes())));
    rest.extend(element(0x0012, "UI", b"1.2.3"));
    let length = element(0x0000, "UL", &(rest.len() as u32).to_le_bytes());
    [b"DICM".to_vec(), length, rest].concat()
}

/// The first of Float Pixel Data, Double Float Pixel Data and Pixel Data.
const PIXELS: Tag = Tag(0x7fe0, 0x0008);

/// Items of a sequence; none where it is not there.
pub(crate) fn items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.element_opt(tag).ok().flatten().and_then(|element| element.items()).unwrap_or(&[])
}

/// An element that holds something: at the top, or in the functional groups of an enhanced object's first frame.
pub(crate) fn element(object: &InMemDicomObject, tag: Tag) -> Option<&InMemElement> {
    let present = |object: &'_ InMemDicomObject| -> bool {
        object.element_opt(tag).ok().flatten().is_some_and(|e| e.value().multiplicity() > 0)
    };
    if present(object) {
        return object.element_opt(tag).ok()?;
    }
    [frames::SHARED, frames::PER_FRAME]
        .iter()
        .filter_map(|group| object.element_opt(*group).ok()??.items()?.first())
        .flat_map(|frame| frame.iter().filter_map(|group| group.items()?.first()))
        .find(|group| present(group))
        .and_then(|group| group.element_opt(tag).ok()?)
}

/// Text without the spaces and zeros that fill it; `None` where there is none.
pub(crate) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let text = element(object, tag)?.to_str().ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// Finite numbers; `None` where there are none.
///
/// # Errors
/// When something else stands there.
pub(crate) fn numbers(object: &InMemDicomObject, tag: Tag, name: &str) -> Result<Option<Vec<f64>>> {
    let Some(element) = element(object, tag) else { return Ok(None) };
    if text(object, tag).is_none() {
        return Ok(None);
    }
    let found = element.to_multi_float64().ok().filter(|all| all.iter().all(|v| v.is_finite()));
    found.map(Some).with_context(|| format!("{name} is not made of numbers, expected some"))
}

/// As many numbers as an array holds.
///
/// # Errors
/// When something else stands there.
pub(crate) fn exactly<const N: usize>(
    object: &InMemDicomObject,
    tag: Tag,
    name: &str,
) -> Result<Option<[f64; N]>> {
    let Some(found) = numbers(object, tag, name)? else { return Ok(None) };
    let count = found.len();
    match found.try_into() {
        Ok(found) => Ok(Some(found)),
        Err(_) => bail!("{name} has {count} numbers, expected {N}"),
    }
}

/// A whole number; `None` where there is none.
///
/// # Errors
/// When something else stands there.
pub(crate) fn integer(object: &InMemDicomObject, tag: Tag, name: &str) -> Result<Option<i64>> {
    let Some([value]) = exactly(object, tag, name)? else { return Ok(None) };
    if value.fract() != 0.0 || value.abs() > 1e15 {
        bail!("{name} is {value}, expected a whole number");
    }
    Ok(Some(value as i64))
}
