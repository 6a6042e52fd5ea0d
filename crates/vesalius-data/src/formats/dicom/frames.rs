//! Frames of an enhanced object (Enhanced CT, MR, PET, US volume) as objects of one frame each, as older scanners write
//! them: what stands in functional groups, shared or per frame, stands at the top of each.

use super::object::{integer, items};
use anyhow::{Context as _, Result, bail};
use dicom_core::value::{PixelFragmentSequence, PrimitiveValue};
use dicom_core::{DataElement, VR};
use dicom_object::{DefaultDicomObject, InMemDicomObject, Tag};

pub(crate) const SHARED: Tag = Tag(0x5200, 0x9229);
pub(crate) const PER_FRAME: Tag = Tag(0x5200, 0x9230);
const PIXEL_DATA: Tag = Tag(0x7fe0, 0x0010);
const FRAMES: Tag = Tag(0x0028, 0x0008);
const INSTANCE_UID: Tag = Tag(0x0008, 0x0018);
const INSTANCE_NUMBER: Tag = Tag(0x0020, 0x0013);

/// How many frames an object holds; 1 where it does not say.
///
/// # Errors
/// When the number is none.
pub(crate) fn count(object: &InMemDicomObject) -> Result<usize> {
    let frames = integer(object, FRAMES, "NumberOfFrames")?.unwrap_or(1);
    usize::try_from(frames)
        .ok()
        .filter(|frames| (1..=1 << 20).contains(frames))
        .with_context(|| format!("NumberOfFrames {frames}, expected 1 or more"))
}

/// The headers of all frames, without pixels.
///
/// # Errors
/// Several frames of which nothing says where each lies.
pub(crate) fn headers(object: &InMemDicomObject) -> Result<Vec<InMemDicomObject>> {
    let frames = count(object)?;
    let groups = items(object, PER_FRAME);
    if groups.len() != frames {
        bail!(
            "{frames} frames with {} functional groups, expected one for each: without them nothing says where a frame \
             lies",
            groups.len()
        );
    }
    let left_out = [SHARED, PER_FRAME, PIXEL_DATA];
    let top = object.iter().filter(|element| !left_out.contains(&element.header().tag));
    let mut common: InMemDicomObject = InMemDicomObject::from_element_iter(top.cloned());
    if let Some(shared) = items(object, SHARED).first() {
        flatten(shared, &mut common);
    }
    let uid = super::object::text(object, INSTANCE_UID).unwrap_or_default();
    let frame = |(at, group): (usize, &InMemDicomObject)| {
        let mut frame = common.clone();
        flatten(group, &mut frame);
        frame.put_str(FRAMES, VR::IS, "1");
        frame.put_str(INSTANCE_NUMBER, VR::IS, (at + 1).to_string());
        // One object is not the same slice over and over.
        frame.put_str(INSTANCE_UID, VR::UI, format!("{uid}.{}", at + 1));
        frame
    };
    Ok(groups.iter().enumerate().map(frame).collect())
}

/// All frames with their pixels.
///
/// # Errors
/// As [`headers`]; fewer pixels than frames.
pub(crate) fn split(object: &DefaultDicomObject) -> Result<Vec<DefaultDicomObject>> {
    let headers = headers(object)?;
    let frames = headers.len();
    let pixels =
        object.element_opt(PIXEL_DATA).ok().flatten().context("no Pixel Data, expected some")?;
    let vr = pixels.vr();
    let parts: Vec<Pixels> = if let Some(fragments) = pixels.fragments() {
        if fragments.len() != frames {
            bail!(
                "{} fragments of Pixel Data, expected {frames}: one for each frame",
                fragments.len()
            );
        }
        fragments.iter().map(|fragment| Pixels::Fragment(fragment.clone())).collect()
    } else {
        let bytes = pixels.to_bytes().context("Pixel Data")?;
        let [rows, columns, allocated] =
            [(0x0010, "Rows"), (0x0011, "Columns"), (0x0100, "BitsAllocated")]
                .map(|(number, name)| integer(object, Tag(0x0028, number), name));
        let [rows, columns, allocated] =
            [rows?, columns?, allocated?].map(|n| n.unwrap_or(0).max(0) as usize);
        let size = rows.saturating_mul(columns).saturating_mul(allocated / 8);
        if size == 0 || bytes.len() / frames < size {
            bail!(
                "{} bytes of Pixel Data, expected {frames} frames of {size}: truncated, or the header lies",
                bytes.len()
            );
        }
        bytes.chunks_exact(size).take(frames).map(|part| Pixels::Native(part.to_vec())).collect()
    };
    let whole = |(mut frame, part): (InMemDicomObject, Pixels)| {
        match part {
            Pixels::Native(bytes) => {
                frame.put(DataElement::new(PIXEL_DATA, vr, PrimitiveValue::U8(bytes.into())));
            }
            Pixels::Fragment(fragment) => {
                let sequence = PixelFragmentSequence::new(vec![], vec![fragment]);
                frame.put(DataElement::new(PIXEL_DATA, VR::OB, sequence));
            }
        }
        frame.with_exact_meta(object.meta().clone())
    };
    Ok(headers.into_iter().zip(parts).map(whole).collect())
}

/// Of one frame.
enum Pixels {
    Native(Vec<u8>),
    Fragment(Vec<u8>),
}

/// Elements of a functional group's macros, put at the top.
fn flatten(group: &InMemDicomObject, frame: &mut InMemDicomObject) {
    for sequence in group.iter() {
        for element in sequence
            .items()
            .and_then(|items| items.first())
            .into_iter()
            .flat_map(InMemDicomObject::iter)
        {
            frame.put(element.clone());
        }
    }
}
