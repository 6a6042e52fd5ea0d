//! Segmentation objects (PS3.3 A.51): frames of one segment each, or of labels, in any order and of any part of the image.

use super::compressed;
use super::frames::{self, PER_FRAME, SHARED};
use super::object::{exactly, integer, items, text};
use super::pixel_format::PixelFormat;
use super::syntax::Syntax;
use crate::volume::geometry::{Geometry, cross};
use crate::volume::segments::{Block, Extent, Segment, Segments};
use anyhow::{Context as _, Result, bail};
use dicom_object::{DefaultDicomObject, InMemDicomObject, Tag};
use std::collections::BTreeMap;

const PIXEL_DATA: Tag = Tag(0x7fe0, 0x0010);

/// What stored numbers mean.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// 0 and 1.
    Binary,
    /// Shares or probabilities of a greatest value.
    Fractional(f64),
    /// Numbers of segments.
    Labels,
}

/// Segments of an object.
///
/// # Errors
/// What contradicts itself, frames of which nothing says where they lie or what they are of.
pub(crate) fn segments(object: &DefaultDicomObject) -> Result<Segments> {
    let whole = |number: u16, name: &str| -> Result<usize> {
        let found =
            integer(object, Tag(0x0028, number), name)?.with_context(|| format!("no {name}"))?;
        usize::try_from(found).map_err(|_| anyhow::anyhow!("{name} {found}, expected 1 or more"))
    };
    let (rows, columns) = (whole(0x0010, "Rows")?, whole(0x0011, "Columns")?);
    let kind = kind(object)?;
    let listed = listed(object)?;
    let frames = frames::count(object)?;
    let groups = items(object, PER_FRAME);
    if groups.len() != frames {
        bail!("{frames} frames with {} functional groups, expected one for each", groups.len());
    }
    let values = values(object, frames, [rows, columns])?;
    let shared = items(object, SHARED).first();
    let mut blocks: BTreeMap<i64, Vec<Block>> = BTreeMap::new();
    for (at, (group, values)) in groups.iter().zip(values.chunks_exact(rows * columns)).enumerate()
    {
        let place = || format!("frame {}", at + 1);
        let geometry = plane(group, shared, [rows, columns]).with_context(place)?;
        let mut add = |number: i64, inside: Vec<bool>| {
            let block = Block { size: geometry.size, geometry: Some(geometry), inside };
            blocks.entry(number).or_default().push(block);
        };
        match kind {
            Kind::Labels => {
                for number in listed.keys() {
                    let inside: Vec<bool> =
                        values.iter().map(|value| i64::from(*value) == *number).collect();
                    if inside.contains(&true) {
                        add(*number, inside);
                    }
                }
                let unknown = values
                    .iter()
                    .find(|value| **value != 0 && !listed.contains_key(&i64::from(**value)));
                if let Some(value) = unknown {
                    bail!("{}: label {value}, which is no segment's", place());
                }
            }
            Kind::Binary | Kind::Fractional(_) => {
                let number = of_segment(group)
                    .or_else(|| of_segment(shared?))
                    .or_else(|| Some(*listed.keys().next()?).filter(|_| listed.len() == 1));
                let number =
                    number.with_context(|| format!("{}: no ReferencedSegmentNumber", place()))?;
                if !listed.contains_key(&number) {
                    bail!(
                        "{}: segment {number}, expected one of those that the header lists",
                        place()
                    );
                }
                let least = match kind {
                    Kind::Fractional(greatest) => 0.5 * greatest,
                    _ => 0.5,
                };
                add(number, values.iter().map(|value| f64::from(*value) >= least).collect());
            }
        }
    }
    let all = listed
        .into_iter()
        .map(|(number, name)| {
            let extent = Extent::Blocks(blocks.remove(&number).unwrap_or_default());
            Segment { name, extent }
        })
        .collect();
    let fractional = matches!(kind, Kind::Fractional(_));
    let notes = fractional.then(|| "fractional segmentation: a half and more is in".to_owned());
    Ok(Segments { all, notes: notes.into_iter().collect() })
}

fn kind(object: &InMemDicomObject) -> Result<Kind> {
    match text(object, Tag(0x0062, 0x0001)).as_deref() {
        Some("BINARY") => Ok(Kind::Binary),
        Some("LABELMAP") => Ok(Kind::Labels),
        Some("FRACTIONAL") => {
            let greatest =
                integer(object, Tag(0x0062, 0x000e), "MaximumFractionalValue")?.unwrap_or(0);
            if greatest < 1 {
                bail!("MaximumFractionalValue {greatest}, expected 1 to 255");
            }
            Ok(Kind::Fractional(greatest as f64))
        }
        other => bail!(
            "SegmentationType {}, expected BINARY, FRACTIONAL or LABELMAP",
            other.unwrap_or("is missing")
        ),
    }
}

/// Names of segments by their numbers. Number 0 of a label map is the background.
fn listed(object: &InMemDicomObject) -> Result<BTreeMap<i64, String>> {
    let mut found = BTreeMap::new();
    for item in items(object, Tag(0x0062, 0x0002)) {
        let number =
            integer(item, Tag(0x0062, 0x0004), "SegmentNumber")?.context("no SegmentNumber")?;
        let name = text(item, Tag(0x0062, 0x0005)).unwrap_or_else(|| format!("segment {number}"));
        if number != 0 && found.insert(number, name).is_some() {
            bail!("SegmentNumber {number} twice, expected it once");
        }
    }
    if found.is_empty() {
        bail!("no segments, expected some in the SegmentSequence");
    }
    Ok(found)
}

/// Which segment a frame is of.
fn of_segment(group: &InMemDicomObject) -> Option<i64> {
    let item = items(group, Tag(0x0062, 0x000a)).first()?;
    integer(item, Tag(0x0062, 0x000b), "ReferencedSegmentNumber").ok()?
}

/// Where a frame lies, by its own functional groups or those of all frames.
fn plane(
    group: &InMemDicomObject,
    shared: Option<&InMemDicomObject>,
    [rows, columns]: [usize; 2],
) -> Result<Geometry> {
    let macros = |tag: Tag| {
        let own = items(group, tag).first();
        own.or_else(|| shared.and_then(|shared| items(shared, tag).first()))
    };
    let position = macros(Tag(0x0020, 0x9113));
    let orientation = macros(Tag(0x0020, 0x9116));
    let measures = macros(Tag(0x0028, 0x9110));
    let origin_mm = numbers::<3>(position, Tag(0x0020, 0x0032), "ImagePositionPatient")?;
    let o = numbers::<6>(orientation, Tag(0x0020, 0x0037), "ImageOrientationPatient")?;
    let [row_mm, column_mm] = numbers::<2>(measures, Tag(0x0028, 0x0030), "PixelSpacing")?;
    let thickness = measures
        .map(|item| exactly::<1>(item, Tag(0x0018, 0x0050), "SliceThickness"))
        .transpose()?
        .flatten()
        .map_or(1.0, |[thickness]| thickness)
        .max(1e-3);
    let (along, down) = ([o[0], o[1], o[2]], [o[3], o[4], o[5]]);
    let normal = cross(along, down);
    let geometry = Geometry {
        size: [columns, rows, 1],
        origin_mm,
        steps_mm: [
            along.map(|v| v * column_mm),
            down.map(|v| v * row_mm),
            normal.map(|v| v * thickness),
        ],
    };
    geometry.checked().context("axes in one line, expected two at an angle")
}

/// Numbers of a macro that has to be there.
fn numbers<const N: usize>(
    item: Option<&InMemDicomObject>,
    tag: Tag,
    name: &str,
) -> Result<[f64; N]> {
    let found = item.map(|item| exactly(item, tag, name)).transpose()?.flatten();
    found.with_context(|| format!("no {name}, expected where it lies in the patient"))
}

/// Stored numbers of all frames, row by row.
fn values(
    object: &DefaultDicomObject,
    frames: usize,
    [rows, columns]: [usize; 2],
) -> Result<Vec<u32>> {
    let allocated = integer(object, Tag(0x0028, 0x0100), "BitsAllocated")?.unwrap_or(0);
    if ![1, 8, 16].contains(&allocated) {
        bail!("{allocated} bits allocated, expected 1, 8 or 16");
    }
    let pixels =
        object.element_opt(PIXEL_DATA).ok().flatten().context("no Pixel Data, expected some")?;
    let count = rows
        .checked_mul(columns)
        .and_then(|count| count.checked_mul(frames))
        .filter(|count| *count > 0 && *count < 1 << 40)
        .with_context(|| format!("{frames} frames of {rows}x{columns} pixels"))?;
    let syntax = Syntax::of(object.meta().transfer_syntax().trim_end_matches('\0'))?;
    let bytes = match (syntax, pixels.fragments()) {
        (Syntax::Native, None) => pixels.to_bytes().context("Pixel Data")?.into_owned(),
        (syntax, Some(fragments)) if allocated > 1 && fragments.len() == frames => {
            let format = PixelFormat {
                rows,
                columns,
                allocated: allocated as u32,
                stored: allocated as u32,
                signed: false,
                inverted: false,
            };
            let mut all = Vec::new();
            for frame in frames::split(object)? {
                let part = frame
                    .element_opt(PIXEL_DATA)
                    .ok()
                    .flatten()
                    .and_then(|p| p.fragments().map(<[_]>::to_vec));
                let part = part.context("fragments of a frame")?;
                let whole = crate::formats::guard::guarded(|| {
                    compressed::decode(syntax, &frame, &part, &format)
                })?;
                all.extend(whole);
            }
            all
        }
        (_, Some(fragments)) => {
            bail!(
                "{} fragments of compressed Pixel Data, expected {frames} of 8 or 16 bits",
                fragments.len()
            )
        }
        (_, None) => bail!("Pixel Data without fragments, expected some of compressed pixels"),
    };
    let needed = match allocated {
        1 => count.div_ceil(8),
        8 => count,
        _ => 2 * count,
    };
    if bytes.len() < needed {
        bail!(
            "{} bytes of Pixel Data, expected {needed} for {frames} frames of {rows}x{columns}: truncated",
            bytes.len()
        );
    }
    Ok(match allocated {
        // Frames follow each other within a byte, the lowest bit first.
        1 => (0..count).map(|i| u32::from(bytes[i / 8] >> (i % 8) & 1)).collect(),
        8 => bytes[..count].iter().map(|byte| u32::from(*byte)).collect(),
        _ => bytes[..needed]
            .chunks_exact(2)
            .map(|pair| u32::from(u16::from_le_bytes([pair[0], pair[1]])))
            .collect(),
    })
}
